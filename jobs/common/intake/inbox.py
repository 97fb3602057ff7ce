"""What lies in the inbox: which files are ready, which object of which contract they belong to, and as of which day.

Links are never followed, and nothing is opened: a pipe would block whoever opens it.
Reads: `inbox/`, `runs/<run_id>/left/`. Writes nothing but what it is given to put into an inbox.
"""

import json
import os
import re
import shutil
import stat
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from fnmatch import fnmatchcase
from pathlib import Path

from jobs.common.base.file_names import LONGEST, read_name, shown, shown_apart
from jobs.common.base.workspace import Workspace
from jobs.common.contracts.sources import Source, SourceObject
from jobs.common.run.conf import Conf

TAKEN = ".taken"  # folder into which extract moves a file before it goes
MARKER = ".done"
READY = "ready"
_UNFINISHED = (".part", ".tmp", ".crdownload", ".filepart")
# What systems leave behind by themselves.
_LITTER = re.compile(r"\.(DS_Store|gitkeep|gitignore|directory|_.*|nfs[0-9a-f]+|~lock\..*)")
_SYSTEM = re.compile(r"\w[\w.-]*")
_LONGEST_SYSTEM = 200  # bytes: a run names files after it
_LONGEST_PATH = 3_300  # bytes, of the 4,096 that Linux takes: names and folders are still to be added

Identity = tuple[int, int, int, int]


@dataclass(frozen=True)
class InboxFile:
    """One file of the inbox; `name` is the text of its path below `inbox/<system>/`.

    `reason` is a code of `inbox` in conf/reasons.yml where the file waits. `seen` tells the file from any other that stood
    under its name, `by_marker` that its `.done` made it ready, `is_claimed` that an earlier run has begun to take it.
    """

    system: str
    name: str
    path: Path
    reason: str | None = None
    seen: Identity | None = None
    by_marker: bool = False
    is_claimed: bool = False


def identity(found: os.stat_result) -> Identity:
    """Device, inode, size and time of the last change: what tells a file from another, and from itself before a change."""
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def systems_with_files(workspace: Workspace) -> list[str]:
    """Folders of the inbox that hold a file, finished or not, declared or not."""
    folders = filter(_is_folder, _entries(workspace.inbox))
    systems = filter(is_system, (entry.name for entry in folders))
    return [system for system in systems if next(_files(workspace.inbox / system), None) is not None]


def is_system(name: str) -> bool:
    """Whether a run can be told to work on a folder of this name; each of a contract's system is one."""
    is_plain = _SYSTEM.fullmatch(name) is not None and read_name(name) == name == shown(name)
    return is_plain and len(os.fsencode(name)) <= _LONGEST_SYSTEM


def ready_files(workspace: Workspace, system: str, source: Source | None) -> tuple[list[InboxFile], list[InboxFile]]:
    """Files of a system that can be taken, and those that wait, each with its reason.

    A file is finished by its name (no `.part`, `.tmp`, `~$`), or where its contract says `ready: done` by a file of the
    same name with `.done` beside it; never by its age.
    """
    listed = [_judge(file, source) for file in _list(workspace.inbox / system, system)]
    # The bytes of two names may stand for the same text; nobody can say which file corrects the other.
    twice = Counter(file.name for file in listed if not file.is_claimed)
    files = [replace(file, reason="twin") if twice[file.name] > 1 else file for file in listed]
    ready: list[InboxFile] = []
    waiting: list[InboxFile] = []
    for file in files:
        (waiting if file.reason else ready).append(file)
    return ready, waiting


def is_unfinished(name: str) -> bool:
    """Whether a file's name says that it is still being copied or open in an office program."""
    return name.lower().endswith(_UNFINISHED) or name.startswith("~$")


def waiting_files(
    workspace: Workspace, sources: Mapping[str, Source], left: Mapping[int, str] | None = None
) -> dict[str, str]:
    """Files that no run takes as they lie: by their path below the inbox, as it is shown, the code of the reason.

    `left` are those that a run could not take though they looked ready, as of `left_behind`.
    """
    return {name: code for name, code in inbox_files(workspace, sources, left).items() if code != READY}


def inbox_files(
    workspace: Workspace, sources: Mapping[str, Source], left: Mapping[int, str] | None = None
) -> dict[str, str]:
    """All that lies in the inbox, first what the next run takes; arguments and answer as of `waiting_files`."""
    found: list[tuple[str, str]] = []
    for entry in _entries(workspace.inbox):
        if _is_folder(entry):
            found += _codes_in(workspace, entry.name, sources.get(entry.name), left or {})
        elif not _LITTER.fullmatch(entry.name):
            stray = "hidden" if entry.name.startswith(".") else "stray"
            found.append((entry.name, _odd_kind(entry) or stray))
    found.sort(key=lambda each: each[1] != READY)
    names = shown_apart(name for name, _ in found)
    codes = [code for _, code in found]
    return dict(zip(names, codes, strict=True))


def _codes_in(
    workspace: Workspace, system: str, source: Source | None, left: Mapping[int, str]
) -> list[tuple[str, str]]:
    """The files of one folder of the inbox: the path below the inbox, and the code of the reason or `READY`."""
    if not is_system(system):
        return [(f"{system}/{file.name}", "odd_folder") for file in _list(workspace.inbox / system, system)]
    ready, waiting = ready_files(workspace, system, source)
    return [(f"{system}/{file.name}", _code_of(file, left)) for file in [*ready, *waiting]]


def _code_of(file: InboxFile, left: Mapping[int, str]) -> str:
    """The code of the reason why a file waits; `READY` if the next run takes it."""
    if file.reason or file.seen is None:
        return file.reason or READY
    _, inode, *_ = file.seen
    return left.get(inode, READY)


def explain_waiting(files: Mapping[str, str], conf: Conf) -> dict[str, str]:
    """The sentence of each file's reason, and what to do about it."""
    return {name: _sentence_of(conf.reasons["inbox"][code]) for name, code in files.items()}


def _sentence_of(entry: Mapping[str, str]) -> str:
    return f"{entry['en']}; {entry['mend']}" if "mend" in entry else entry["en"]


def give(path: Path, place: Path) -> None:
    """Put a file into an inbox, though it stays where it is: as a second name for it, else as a copy."""
    try:
        os.link(path.resolve(), place)
    except OSError:  # another file system, or somebody else's file
        shutil.copyfile(path, place)


def left_behind(workspace: Workspace, run_id: str) -> dict[int, str]:
    """Files that extract has left in the inbox in a run: by inode, as no name may stand there, the code of the reason."""
    found: dict[int, str] = {}
    for path in sorted((workspace.run_dir(run_id) / "left").glob("*.json")):
        found |= {int(inode): code for inode, code in json.loads(path.read_text()).items()}
    return found


# --- which object, which day ------------------------------------------------------------------------------------------


def match_object(source: Source | None, name: str) -> SourceObject | None:
    """The first object of the contract whose path fits."""
    objects = match_objects(source, name)
    return objects[0] if objects else None


def match_objects(source: Source | None, name: str) -> list[SourceObject]:
    """All objects whose path fits: a workbook may hold several, one on each sheet.

    Accents may be written as one character or two; macOS does the latter.
    """
    if source is None:
        return []
    text = unicodedata.normalize("NFC", name)
    return [obj for obj in source.objects if fnmatchcase(text, unicodedata.normalize("NFC", obj.path))]


def as_of_day(obj: SourceObject, name: str, night: date) -> date | None:
    """Day the export speaks of: from the file name where the contract has a pattern for it, else the night.

    None where the name holds a day that the calendar does not have.
    """
    found = re.search(obj.as_of, name) if obj.as_of else None
    if not found:
        return night
    try:
        return date.fromisoformat(found.group(1))
    except ValueError:
        return None


# --- the folders ------------------------------------------------------------------------------------------------------


def taken_folders(folder: Path) -> list[Path]:
    """Folders below it in which files lie that a run has begun to take."""
    return [path for path, _ in _folders(folder) if path.name == TAKEN]


def _judge(file: InboxFile, source: Source | None) -> InboxFile:
    """The file with the reason why it waits, if it does."""
    if file.reason or file.is_claimed:
        return file
    if not _is_readable(file.path):
        return replace(file, reason="closed")
    if is_unfinished(file.path.name):
        return replace(file, reason="being_copied")
    obj = match_object(source, file.name)
    if obj is None or obj.ready != "done":
        return file
    if len(os.fsencode(file.path.name + MARKER)) > LONGEST:
        return replace(file, reason="no_marker")
    marker = file.path.with_name(file.path.name + MARKER)
    is_finished = marker.exists() and not marker.is_dir()
    return replace(file, by_marker=True) if is_finished else replace(file, reason="being_copied")


def _list(folder: Path, system: str) -> list[InboxFile]:
    """What lies below a folder, in the order of its names."""
    found = []
    for path, code in _files(folder):
        is_claimed = path.parent.name == TAKEN
        place = path.parent.parent / path.name if is_claimed else path
        name = read_name(place.relative_to(folder).as_posix()) if path != folder else ""
        seen = None
        if not code:
            try:
                seen = identity(path.lstat())
            except OSError:  # gone meanwhile
                continue
        found.append(InboxFile(system, name, path, code, seen, is_claimed=is_claimed))
    return sorted(found, key=lambda file: (file.name, not file.is_claimed, os.fsencode(file.path)))


def _files(folder: Path) -> Iterator[tuple[Path, str | None]]:
    """Paths of all that lies below a folder and is none, each with the code of the reason where it is no file to take;
    and folders that cannot be looked into.
    """
    for place, code in _folders(folder):
        if code:
            yield place, code
        else:
            yield from _files_in(place)


def _files_in(folder: Path) -> Iterator[tuple[Path, str | None]]:
    """The same of one folder that can be looked into, without those below it."""
    locked = None if os.access(folder, os.W_OK | os.X_OK) else "locked"
    entries = _entries(folder)
    names = {entry.name for entry in entries}
    for entry in entries:
        if _is_folder(entry) or _LITTER.fullmatch(entry.name) or _is_told_with_its_file(entry.name, folder, names):
            continue
        yield Path(entry.path), _odd_kind(entry) or _odd_name(entry.name, folder) or locked


def _is_told_with_its_file(name: str, folder: Path, names: Collection[str]) -> bool:
    """Whether a name is that of a marker whose file lies beside it, or was taken already."""
    return name.endswith(MARKER) and (folder.name == TAKEN or name.removesuffix(MARKER) in names)


def _odd_name(name: str, folder: Path) -> str | None:
    """The code of a name that no file to take has, else None."""
    if name.endswith(MARKER):
        return "lone_done"
    is_hidden = name.startswith(".") and folder.name != TAKEN
    return "hidden" if is_hidden else None


def _folders(folder: Path) -> Iterator[tuple[Path, str | None]]:
    """A folder and all below it, each with a code where it cannot be looked into. Links are no folders."""
    stack = [folder]
    while stack:
        place = stack.pop()
        if len(os.fsencode(place)) > _LONGEST_PATH:
            yield place, "too_deep"
            continue
        try:
            inner = [Path(entry.path) for entry in _scan(place) if _is_folder(entry)]
        except OSError:
            yield place, "closed"
            continue
        stack += reversed(inner)
        yield place, None


def _scan(folder: Path) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        return sorted(entries, key=lambda entry: os.fsencode(entry.name))


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        return _scan(folder)
    except OSError:  # gone, or closed, which `_folders` tells
        return []


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir(follow_symlinks=False)
    except OSError:
        return False


def _odd_kind(entry: os.DirEntry[str]) -> str | None:
    """The code of what is no ordinary file, else None."""
    try:
        mode = entry.stat(follow_symlinks=False).st_mode
    except OSError:
        return "closed"
    return "link" if stat.S_ISLNK(mode) else None if stat.S_ISREG(mode) else "special"


def _is_readable(path: Path) -> bool:
    return os.access(path, os.R_OK)
