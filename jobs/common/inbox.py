"""What lies in the inbox: which files are ready, which object of which contract they belong to, and as of which day.

Reads: `inbox/<system>/`. Writes nothing.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from fnmatch import fnmatchcase
from pathlib import Path

from jobs.common.contracts import Source, SourceObject
from jobs.common.workspace import Workspace

_UNFINISHED = (".part", ".tmp", ".crdownload", ".filepart")


@dataclass(frozen=True)
class InboxFile:
    """One file of the inbox; `name` is its path below `inbox/<system>/`."""

    system: str
    name: str
    path: Path


def systems_with_files(workspace: Workspace) -> list[str]:
    """Folders of the inbox that hold a file, finished or not, declared or not."""
    folders = [p for p in sorted(workspace.inbox.glob("*")) if p.is_dir()]
    return [folder.name for folder in folders if _files(folder)]


def stray_files(workspace: Workspace) -> list[str]:
    """Files that lie in no system's folder; nobody can tell whose they are."""
    return [p.name for p in sorted(workspace.inbox.glob("*")) if p.is_file() and not p.name.startswith(".")]


def ready_files(workspace: Workspace, system: str, source: Source | None) -> tuple[list[InboxFile], list[InboxFile]]:
    """Files of a system that can be taken, and those that cannot: still being copied, or closed to this user.

    A file is finished by its name (no `.part`, `.tmp`, `~$`), or where its contract says `ready: done` by a file of the
    same name with `.done` beside it; never by its age.
    """
    folder = workspace.inbox / system
    ready: list[InboxFile] = []
    waiting: list[InboxFile] = []
    for path in _files(folder):
        name = path.relative_to(folder).as_posix()
        if path.suffix == ".done":
            continue
        obj = match_object(source, name)
        finished = not is_unfinished(path.name) and _is_readable(path)
        if obj is not None and obj.ready == "done":
            finished = finished and path.with_name(path.name + ".done").exists()
        (ready if finished else waiting).append(InboxFile(system, name, path))
    return ready, waiting


def is_unfinished(name: str) -> bool:
    """Whether a file's name says that it is still being copied or open in an office program."""
    return name.endswith(_UNFINISHED) or name.startswith("~$")


def waiting_files(workspace: Workspace, sources: Mapping[str, Source]) -> dict[str, str]:
    """Files that no run takes as they lie, by their path below the inbox, with the reason and what to do about it."""
    found = dict.fromkeys(stray_files(workspace), "lies in no system's folder; move it to inbox/<system>/")
    for system in systems_with_files(workspace):
        for file in ready_files(workspace, system, sources.get(system))[1]:
            reason = "still being copied; taken when it has its final name, and its .done if it needs one"
            if not _is_readable(file.path):
                reason = "this user may not read it; change its mode"
            found[f"{system}/{file.name}"] = reason
    return found


def match_object(source: Source | None, name: str) -> SourceObject | None:
    """The first object of the contract whose path fits."""
    objects = match_objects(source, name)
    return objects[0] if objects else None


def match_objects(source: Source | None, name: str) -> list[SourceObject]:
    """All objects whose path fits: a workbook may hold several, one on each sheet."""
    return [obj for obj in source.objects if fnmatchcase(name, obj.path)] if source else []


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


def _is_readable(path: Path) -> bool:
    return os.access(path, os.R_OK)


def _files(folder: Path) -> list[Path]:
    return [p for p in sorted(folder.rglob("*")) if p.is_file() and not p.name.startswith(".")]
