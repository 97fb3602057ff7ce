"""The log of a Delta table after a bad end: a last commit that was cut short, as a power failure leaves it, or no log at all.

The engines take an empty commit for one that changes nothing, so that a night would go on from the state before it without a
word; a truncated one they refuse in words of their own. Reads: `_delta_log`. Writes: nothing, but for `set_aside`.
Refuses: a table whose last commit is torn, files of a table without its log, what is no folder where a table should be.
"""

import json
import os
from pathlib import Path

from jobs.common.base.errors import Fault
from jobs.common.base.workspace import Workspace

RESTORE = "restore its folder from a backup, or have `jiceng replay --into DIR` make all tables anew from the archive"
# What nothing else tells: which file came when, and what a person decided.
_NOT_COMPUTED = ("ops.delivery", "ops.decision")


def check_log(workspace: Workspace, name: str) -> None:
    """Raises Fault where the last commit of the table is torn, or the log is gone; a table that does not exist is whole."""
    layer, _, table = name.partition(".")
    path = workspace.lake / layer / table
    if told := _no_log(path):
        raise Fault(f"{name} {told}; {RESTORE}")
    torn = torn_commit(path)
    if torn is not None:
        raise Fault(describe_torn(workspace, name, torn))


def _no_log(path: Path) -> str | None:
    """What is wrong where there is something of a table, and no log of it: to make it anew would lose its rows."""
    log = path / "_delta_log"
    try:
        if not path.is_dir():
            return "is no folder, but a file or a link that leads nowhere" if os.path.lexists(path) else None
        if log.exists() and not log.is_dir():
            return "has a file in the place of its log"
        has_commit = log.is_dir() and any(name[:20].isdigit() for name in os.listdir(log))
        is_lost = not has_commit and any(path.glob("*.parquet"))
        return "has lost its log, and its files are still there" if is_lost else None
    except OSError as error:
        return f"cannot be read ({error.strerror})"


def torn_tables(workspace: Workspace) -> dict[str, Path]:
    """The torn last commit of each table that has one, by the table's name."""
    found = {}
    for name, path in table_paths(workspace).items():
        if torn := torn_commit(path):
            found[name] = torn
    return found


def torn_commit(path: Path) -> Path | None:
    """The file of a table's last commit where it is not whole; else None."""
    last = _last_file(path)
    return None if last is None or _is_whole(last) else last


def last_commit(path: Path) -> tuple[str, int, int] | None:
    """What tells the last commit of a table from any other, by its file alone: name, node and instant; None without one."""
    last = _last_file(path)
    if last is None:
        return None
    found = last.stat()
    return last.name, found.st_ino, found.st_mtime_ns


def describe_torn(workspace: Workspace, name: str, file: Path) -> str:
    """One sentence: table, file, remedy."""
    remedy = "`jiceng run --again` sets it aside and works through the last night once more"
    if name in _NOT_COMPUTED:
        remedy = f"nothing else tells what it held: restore lake/{name.replace('.', '/')} from a backup"
    place = f"{file.relative_to(workspace.home)} ({file.stat().st_size:,} bytes)"
    return f"{name} has a torn last commit, as after a power failure: {place}; {remedy}"


def set_aside(workspace: Workspace) -> list[str]:
    """Move torn last commits to `runs/.torn/`, so that each table is what its last whole commit left; names the tables.

    Raises:
        Fault: a torn commit held what cannot be computed again.
    """
    moved = []
    while torn := torn_tables(workspace):  # behind one there may be another
        for name in _NOT_COMPUTED:
            check_log(workspace, name)
        for name, file in torn.items():
            target = workspace.runs / ".torn" / name
            target.mkdir(parents=True, exist_ok=True)
            # A checksum or checkpoint of the same version would speak of a commit that there is no longer. The commit itself
            # goes last, so that who is interrupted here finds it once more.
            for other in sorted(file.parent.glob(f"{file.stem}.*"), key=lambda path: path == file):
                other.rename(target / other.name)
            moved.append(name)
    return moved


def put_aside(workspace: Workspace, name: str, file: Path) -> None:
    """Move a damaged data file to `runs/.torn/`, as `set_aside` does with commits."""
    target = workspace.runs / ".torn" / name
    target.mkdir(parents=True, exist_ok=True)
    file.rename(target / file.name)


def _last_file(path: Path) -> Path | None:
    log = path / "_delta_log"
    if not log.is_dir():
        return None
    commits = [name for name in os.listdir(log) if name.endswith(".json") and name[:-5].isdigit()]
    return log / max(commits) if commits else None


def _is_whole(commit: Path) -> bool:
    """Whether every line of a commit is JSON, and there is one."""
    try:
        lines = commit.read_text(encoding="utf-8").splitlines()
        entries = [json.loads(line) for line in lines if line.strip()]
    except ValueError:
        return False
    return bool(lines) and all(isinstance(entry, dict) for entry in entries)


def table_paths(workspace: Workspace) -> dict[str, Path]:
    """Where tables are, by name, also those of which only a part is left; no empty folders, as a killed run may leave them."""
    found = {}
    for place in sorted(workspace.lake.glob("*/*")):
        is_hidden = place.name.startswith(".")
        is_empty = place.is_dir() and not any(place.iterdir())
        if not (is_hidden or is_empty):
            found[f"{place.parent.name}.{place.name}"] = place
    return found
