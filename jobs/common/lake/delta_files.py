"""The files below a Delta table: how many there are, putting small ones together, removing what nobody reads any more.

Reads and writes: the folders of the lake; no row is changed, and a version that is to be kept stays readable.
Refuses nothing. The caller sees to it that nobody writes meanwhile.
"""

import re
import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from jobs.common.base.errors import Fault
from jobs.common.lake import tables
from jobs.common.lake.delta_ddl import LOG_SETTINGS
from jobs.common.lake.delta_log import RESTORE
from jobs.common.lake.tables import Lake

# From so many files on a table is put together: each one costs a look at its footer, and rewriting costs more than a few.
_MANY_FILES = 8
_ROWS_AT_ONCE = 20_000
_LONGEST = 160  # characters of what a library says
_NEWER = "was written by something newer than this version of jiceng"
_ANEW = "`jiceng run --again` publishes anew"
_UPGRADE = "install the version that wrote it, or restore its folder from a backup"
# Those of the Delta protocol as it is today; a writer that has never heard of one must not write.
_FEATURES = {
    *("appendOnly", "invariants", "checkConstraints", "changeDataFeed", "generatedColumns", "identityColumns"),
    *("columnMapping", "deletionVectors", "timestampNtz", "v2Checkpoint", "domainMetadata", "rowTracking"),
}
_MANY_COMMITS = int(LOG_SETTINGS["delta.checkpointInterval"])


@dataclass(frozen=True)
class UsedRange:
    """Files below a table's folder, its log among them, and their bytes."""

    files: int
    bytes: int


def measure_files(path: Path) -> UsedRange:
    return _measure(filter(Path.is_file, path.rglob("*")))


def _measure(files: Iterable[Path]) -> UsedRange:
    sizes = [file.stat().st_size for file in files]
    return UsedRange(len(sizes), sum(sizes))


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


@dataclass(frozen=True)
class Damage:
    """A data file that is not what the log says of it: `why` ends the sentence "this file …"."""

    file: Path
    why: str
    is_lost: bool = False


def damaged_files(path: Path, version: int | None = None, look: Callable[[Path], object] | None = None) -> list[Damage]:
    """Files of a version of a table (default: the newest) that are gone or have another size than the log says.

    Args:
        path: folder of the table.
        version: which one.
        look: called with each other file, to raise what is wrong with it: `read_footer` costs a third of a millisecond.

    Raises:
        Fault: the log does not tell, or the table needs more than this version can do.
    """
    damaged = [_damage(file, size, look) for file, size in _listed_files(path, version)]
    return [damage for damage in damaged if damage is not None]


def _damage(file: Path, size: int, look: Callable[[Path], object] | None) -> Damage | None:
    """What is wrong with a file of that size; None if nothing is."""
    try:
        if not file.exists():
            return Damage(file, "is gone", is_lost=True)
        if not file.is_file():
            return Damage(file, "is a folder")
        if file.stat().st_size != size:
            return Damage(file, f"has {file.stat().st_size:,} bytes instead of {size:,}")
        if look is not None:
            look(file)
    except OSError as error:
        return Damage(file, f"cannot be read ({error.strerror or 'it is corrupt'})")
    except pa.ArrowException:
        return Damage(file, "cannot be read (it is corrupt)")
    return None


def read_footer(file: Path) -> None:
    """Raise what is wrong with the footer of a Parquet file: it tells where everything else lies."""
    pq.read_metadata(file)


def read_whole(file: Path) -> None:
    """Raise what is wrong with any page of a Parquet file; takes as long as to read it."""
    with pq.ParquetFile(file) as opened:
        for _ in opened.iter_batches(_ROWS_AT_ONCE):
            pass


def _listed_files(path: Path, version: int | None) -> list[tuple[Path, int]]:
    """Files of a version as its log lists them, with their sizes."""
    name = f"{path.parent.name}.{path.name}"
    try:
        table = DeltaTable(str(path), version=version)
        listed = pa.table(table.get_add_actions(flatten=True)).select(["path", "size_bytes"]).to_pylist()
    except (DeltaError, OSError) as error:
        told = _first_line(error)
        if "nsupported" in told or "not supported" in told:
            raise Fault(f"{name} {_NEWER} ({told}); {_UPGRADE}") from error
        raise Fault(f"the log of {name} cannot be read ({told}); {RESTORE}") from error
    if unknown := sorted(set(table.protocol().writer_features or ()) - _FEATURES):
        raise Fault(f"{name} {_NEWER} (feature {', '.join(unknown)}); {_UPGRADE}")
    return [(path / unquote(row["path"]), row["size_bytes"]) for row in listed]


def _first_line(error: Exception) -> str:
    """What a library says of a failure, without the colours and arrows it draws."""
    told = re.sub("\x1b\\[[0-9;]*m", "", str(error))
    return " ".join(told.replace("↳", "").split())[:_LONGEST]


def why_unreadable(lake: Lake, name: str, version: int) -> str | None:
    """Why a version of a table cannot be read: its time is over, or a file of it is lost or cut short; None where it can."""
    path = lake.path(name)
    if not _readable(path, [version]):
        return f"{name} of it is older than what conf/retention.yml keeps"
    newest = DeltaTable(str(path)).version()
    if version > newest:
        return f"{name} has lost its version {version}; {_ANEW}"
    damaged = damaged_files(path, version)
    if not damaged:
        return None
    told = f"{name} of it {_describe(damaged)}"
    return f"{told}; {_ANEW}" if version == newest else told


def _describe(damaged: list[Damage]) -> str:
    """How many files there are of the damage, and the first of them."""
    first, plural = damaged[0], "s" * (len(damaged) > 1)
    if all(damage.is_lost for damage in damaged):
        return f"has lost {len(damaged)} of its files, {first.file.name} first"
    return f"has {len(damaged)} damaged file{plural}, {first.file.name} {first.why}"


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


def remove_unread(lake: Lake, name: str, kept: Collection[int], grace_hours: int, dry_run: bool = False) -> UsedRange:
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

    found = _measure(filter(Path.exists, map(path.joinpath, vacuum(dry_run=True))))  # it also names those gone
    if found.files and not dry_run:  # it commits, also where there is nothing to remove
        vacuum(dry_run=False)
        tables.committed(name)
    return found


def shorten_log(lake: Lake, name: str, kept: Collection[int], grace_hours: int, dry_run: bool = False) -> UsedRange:
    """Remove the commits before the oldest version that is kept or young, once a checkpoint stands in for them.

    Returns what was removed, or would be.
    """
    path = lake.path(name)
    log = path / "_delta_log"
    newest = DeltaTable(str(path)).version()
    floor = min([newest, *_readable(path, kept), *_young(log, grace_hours)])
    going = [file for version, file in _log_files(log) if version < floor]
    found = _measure(going)
    if dry_run:
        return found
    if going and floor not in _checkpoints(log):
        DeltaTable(str(path), version=floor).create_checkpoint()
    if newest - max(_checkpoints(log), default=-1) >= _MANY_COMMITS:
        DeltaTable(str(path)).create_checkpoint()
    for file in going:  # the oldest first: what a kill leaves is a log that begins later
        file.unlink()
    return found


def _young(log: Path, grace_hours: int) -> list[int]:
    """Versions whose files of the log are younger than the hours of grace."""
    begun = time.time() - grace_hours * 3600
    return [version for version, file in _log_files(log) if file.stat().st_mtime > begun]


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
