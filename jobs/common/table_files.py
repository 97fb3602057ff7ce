"""The files below a Delta table: how many there are, putting small ones together, removing what nobody reads any more.

Reads and writes: the folders of the lake; no row is changed, and a version that is to be kept stays readable.
Refuses nothing. The caller sees to it that nobody writes meanwhile.
"""

import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from jobs.common import tables
from jobs.common.errors import Fault
from jobs.common.table_schema import LOG_SETTINGS
from jobs.common.tables import Lake

# From so many files on a table is put together: each one costs a look at its footer, and rewriting costs more than a few.
_MANY_FILES = 8
_MANY_COMMITS = int(LOG_SETTINGS["delta.checkpointInterval"])


@dataclass(frozen=True)
class Extent:
    """Files below a table's folder, its log among them, and their bytes."""

    files: int
    bytes: int


def measure_files(path: Path) -> Extent:
    sizes = [file.stat().st_size for file in path.rglob("*") if file.is_file()]
    return Extent(len(sizes), sum(sizes))


def settle_log(lake: Lake, name: str) -> None:
    """Have the log keep what we keep, and a checkpoint written often; no commit where that is settled."""
    table = DeltaTable(str(lake.path(name)))
    configuration = table.metadata().configuration
    if {key: configuration.get(key) for key in LOG_SETTINGS} != LOG_SETTINGS:
        table.alter.set_table_properties(LOG_SETTINGS)
        tables.committed(name)


def count_live_files(lake: Lake, name: str) -> int:
    """Files that the table's newest version consists of."""
    return len(DeltaTable(str(lake.path(name))).file_uris())


def why_unreadable(lake: Lake, name: str, version: int) -> str | None:
    """Why a version of a table cannot be read: its time is over, or a file of it is lost; None where it can."""
    path = lake.path(name)
    if not _readable(path, [version]):
        return f"{name} of it is older than what conf/retention.yml keeps"
    if version > DeltaTable(str(path)).version():
        return f"{name} has lost its version {version}; `jiceng run --again` publishes anew"
    if lost := missing_files(path, version):
        remedy = "; `jiceng run --again` publishes anew" if version == DeltaTable(str(path)).version() else ""
        return f"{name} of it has lost {len(lost)} of its files, {lost[0].name} first{remedy}"
    return None


def missing_files(path: Path, version: int | None = None) -> list[Path]:
    """Files of a version of a table (default: the newest) that are not there; raises Fault where its log does not tell."""
    try:
        files = [Path(file) for file in DeltaTable(str(path), version=version).file_uris()]
    except DeltaError as error:
        told = str(error).splitlines()[0]
        raise Fault(
            f"the log of {path.parent.name}.{path.name} cannot be read ({told}); restore its folder from a backup, or have "
            "`jiceng replay --into DIR` make all tables anew from the archive"
        ) from error
    return [file for file in files if not file.exists()]


def forget_missing(lake: Lake, name: str) -> None:
    """Have a table that lost files forget them, in one commit, so that its other rows can be read."""
    DeltaTable(str(lake.path(name))).repair()
    tables.committed(name)


def compact_files(lake: Lake, name: str) -> bool:
    """Put the files of the newest version together where they are many, in one commit that changes no row."""
    if count_live_files(lake, name) < _MANY_FILES:
        return False
    DeltaTable(str(lake.path(name))).optimize.compact()
    tables.committed(name)
    return True


def remove_unread(lake: Lake, name: str, kept: Collection[int], grace_hours: int, dry_run: bool = False) -> Extent:
    """Remove the files of no version in `kept` nor the newest, whose time is over, also those of writes cut short.

    Returns what was removed, or would be.
    """
    path = lake.path(name)
    table = DeltaTable(str(path))
    versions = sorted({*_readable(path, kept), table.version()})

    def vacuum(dry_run: bool) -> list[str]:
        # In full, as the log forgets the files it has left behind, and never knew of those of a write cut short.
        return table.vacuum(
            retention_hours=grace_hours,
            dry_run=dry_run,
            enforce_retention_duration=False,
            full=True,
            keep_versions=versions,
        )

    going = [
        file for file in (path / name for name in vacuum(dry_run=True)) if file.exists()
    ]  # it also names those gone
    found = Extent(len(going), sum(file.stat().st_size for file in going))
    if going and not dry_run:  # it commits, also where there is nothing to remove
        vacuum(dry_run=False)
        tables.committed(name)
    return found


def shorten_log(lake: Lake, name: str, kept: Collection[int], grace_hours: int, dry_run: bool = False) -> Extent:
    """Remove the commits before the oldest version that is kept or young, once a checkpoint stands in for them.

    Returns what was removed, or would be.
    """
    path = lake.path(name)
    log = path / "_delta_log"
    newest = DeltaTable(str(path)).version()
    begun = time.time() - grace_hours * 3600
    young = [version for version, file in _log_files(log) if file.stat().st_mtime > begun]
    floor = min([*_readable(path, kept), newest, *young])
    going = [file for version, file in _log_files(log) if version < floor]
    found = Extent(len(going), sum(file.stat().st_size for file in going))
    if dry_run:
        return found
    if going and not _has_checkpoint(log, floor):
        DeltaTable(str(path), version=floor).create_checkpoint()
    if newest - max(_checkpoints(log), default=-1) >= _MANY_COMMITS:
        DeltaTable(str(path)).create_checkpoint()
    for file in going:  # the oldest first: what a kill leaves is a log that begins later
        file.unlink()
    return found


def _readable(path: Path, versions: Collection[int]) -> list[int]:
    """Those of the versions that the log still tells of: it begins with version 0 or with a checkpoint."""
    log = path / "_delta_log"
    begins = 0 if (log / f"{0:020}.json").exists() else min(_checkpoints(log))
    return [version for version in versions if version >= begins]


def _log_files(log: Path) -> list[tuple[int, Path]]:
    """Commits, checkpoints and checksums with their version, the oldest first."""
    named = [(file.name.partition(".")[0], file) for file in log.iterdir()]
    return sorted((int(number), file) for number, file in named if number.isdigit())


def _checkpoints(log: Path) -> list[int]:
    return [version for version, file in _log_files(log) if ".checkpoint." in file.name]


def _has_checkpoint(log: Path, version: int) -> bool:
    return version in _checkpoints(log)
