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
from collections.abc import Iterator, Mapping
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
    folders = [entry.name for entry in _entries(workspace.inbox) if _is_folder(entry) and is_system(entry.name)]
    return [name for name in folders if next(_files(workspace.inbox / name), None) is not None]


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
    return [file for file in files if not file.reason], [file for file in files if file.reason]


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
        if not _is_folder(entry):
            if not _LITTER.fullmatch(entry.name):
                found.append((entry.name, _odd_kind(entry) or ("hidden" if entry.name.startswith(".") else "stray")))
        elif not is_system(entry.name):
            found += [(f"{entry.name}/{file.name}", "odd_folder") for file in _list(Path(entry.path), entry.name)]
        else:
            ready, waiting = ready_files(workspace, entry.name, sources.get(entry.name))
            noted = [(file, (left or {}).get(file.seen[1]) if file.seen else None) for file in ready]
            found += [(f"{file.system}/{file.name}", code or READY) for file, code in noted]
            found += [(f"{file.system}/{file.name}", str(file.reason)) for file in waiting]
    found.sort(key=lambda each: each[1] != READY)
    return dict(zip(shown_apart(name for name, _ in found), (code for _, code in found), strict=True))


def explain_waiting(files: Mapping[str, str], conf: Conf) -> dict[str, str]:
    """The sentence of each file's reason, and what to do about it."""
    entries = {name: conf.reasons["inbox"][code] for name, code in files.items()}
    return {
        name: f"{entry['en']}; {entry['mend']}" if "mend" in entry else entry["en"] for name, entry in entries.items()
    }


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
    text = unicodedata.normalize("NFC", name)
    return (
        [obj for obj in source.objects if fnmatchcase(text, unicodedata.normalize("NFC", obj.path))] if source else []
    )


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
    return replace(file, by_marker=True) if marker.exists() else replace(file, reason="being_copied")


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
            continue
        locked = None if os.access(place, os.W_OK | os.X_OK) else "locked"
        entries = _entries(place)
        names = {entry.name for entry in entries}
        for entry in entries:
            is_marker = entry.name.endswith(MARKER)
            is_told = is_marker and (place.name == TAKEN or entry.name.removesuffix(MARKER) in names)  # with its file
            if not is_told and not _is_folder(entry) and not _LITTER.fullmatch(entry.name):
                lone = "lone_done" if is_marker else None
                hidden = "hidden" if entry.name.startswith(".") and place.name != TAKEN else None
                yield Path(entry.path), _odd_kind(entry) or lone or hidden or locked


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
