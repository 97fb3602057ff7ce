"""What a person decides about files: one is taken back out, one that was held back is let through, or a contract is mended and
the files that were read under it are read anew.

A withdrawn file stays in the archive, and the rows that it gave leave the records in the first night that works after the
decision: each key is then as the remaining files left it, as if the file had never come. A file that is let through is taken
by that night. The decision is a row of `ops.decision`.

Reads and writes: `ops.decision`, `ops.file`. Refuses: a file that nobody knows, or of which there is nothing to decide.
"""

import getpass
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from enum import StrEnum
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from jobs.common.base.errors import UserError
from jobs.common.base.file_names import read_name, shown
from jobs.common.contracts.sources import SourceObject
from jobs.common.intake.deliveries import Delivery, ObjectNight, all_deliveries, deliveries_of, object_night
from jobs.common.intake.received_files import FileKey, FileStatus, ReceivedFile, files_by_key, write_files
from jobs.common.intake.whole import is_whole
from jobs.common.lake.tables import Lake
from jobs.common.run.runs import Run, all_runs

_SHORTEST, _ID_SHOWN = 8, 12  # characters of an id by which a file may be named, and that tell it from others
_LISTED = 20  # of several files of one name


class FileDecision(StrEnum):
    """What was decided about a file: by a person, or by a mended contract, which has it read anew."""

    WITHDRAW = "withdraw"
    ACCEPT = "accept"
    READ = "read"


def withdraw(lake: Lake, named: str, because: str | None, who: str | None = None) -> list[ReceivedFile]:
    """Take a file back out; returns it, once for each object that it was taken for.

    Args:
        lake: of the workspace.
        named: the file, as `find_file` knows it.
        because: why.
        who: who decides (default: the user of this process).

    Raises:
        UserError: no file or several are named so, or it has been withdrawn already.
    """
    files = find_file(lake, named, set(FileStatus) - {FileStatus.WITHDRAWN})
    if all(file.status is FileStatus.WITHDRAWN for file in files):
        raise UserError(f"{_place(files[0])} has been withdrawn already")
    gone = [replace(file, status=FileStatus.WITHDRAWN, reason=FileStatus.WITHDRAWN, detail=None) for file in files]
    return _decide(lake, FileDecision.WITHDRAW, gone, because, who)


def accept(lake: Lake, named: str, because: str | None, who: str | None = None) -> list[ReceivedFile]:
    """Let a file through that was held back; arguments and answer as of `withdraw`.

    Raises:
        UserError: no file or several are named so, or it is not held back.
    """
    held = find_held(lake, named)
    let_through = [replace(file, status=FileStatus.WAITING, reason=None, detail=None) for file in held]
    return _decide(lake, FileDecision.ACCEPT, let_through, because, who)


def find_held(lake: Lake, named: str) -> list[ReceivedFile]:
    """The one file named so that is held back, once for each object; raises UserError."""
    files = find_file(lake, named, [FileStatus.HELD])
    held = [file for file in files if file.status is FileStatus.HELD]
    if not held:
        raise UserError(f"{_place(files[0])} is {files[0].status}; only a file that is held can be let through")
    return held


def find_file(lake: Lake, named: str, states: Collection[FileStatus]) -> list[ReceivedFile]:
    """The one file that is meant, once for each object; of several those in one of the states are.

    Args:
        lake: of the workspace.
        named: its id (sha256 of the bytes) or the first characters of it, also after `system/`; or `system/name`, or its name.
        states: in which there is something to decide about a file.

    Raises:
        UserError: there is none, or there are several, which are listed.
    """
    files, deliveries = files_by_key(lake), all_deliveries(lake)
    by_id = [file for file in files.values() if _has_id(file, named)]
    found = by_id or _files_called(named, files, deliveries)
    if not found:
        raise UserError(
            f"no file begins with {shown(named)} ({_SHORTEST} characters of its id do), and none is called so; all of them: "
            '`jiceng sql --all-layers "select night, system, name, status, file_id from ops.file order by night desc"`'
        )
    found = [file for file in found if file.status in states] or found
    # An id means these bytes wherever they lie; a name means what one system handed over.
    is_by_bytes = bool(by_id) and "/" not in named
    meant = {("" if is_by_bytes else file.system, file.file_id) for file in found}
    if len(meant) > 1:
        raise UserError(_list_several(named, found, deliveries))
    return found


def _files_called(
    named: str, files: Mapping[FileKey, ReceivedFile], deliveries: Sequence[Delivery]
) -> list[ReceivedFile]:
    """The files that have come under a name."""
    names = defaultdict[FileKey, set[str]](set)
    for delivery in deliveries:
        names[delivery.key].add(delivery.name)
    return [file for key, file in files.items() if _has_name(key, names[key], named)]


def _list_several(named: str, found: Sequence[ReceivedFile], deliveries: Sequence[Delivery]) -> str:
    """The message that lists the files which one name means, first the one that came last.

    Args:
        named: as somebody wrote it.
        found: the files.
        deliveries: of all systems, oldest first.
    """
    last = {file.key: (-1, file.night) for file in found}
    last |= {delivery.key: (at, delivery.night) for at, delivery in enumerate(deliveries)}
    latest_first = sorted(found, key=lambda file: last[file.key], reverse=True)
    lines = [f"several files are meant by {shown(named)}; name one as it stands here:"]
    for file in latest_first[:_LISTED]:
        _, night = last[file.key]
        lines.append(f"  {file.system}/{file.file_id[:_ID_SHOWN]}  {shown(file.name)}, night {night}, {file.status}")
    if len(found) > _LISTED:
        lines.append(f"  … and {len(found) - _LISTED:,} more")
    return "\n".join(lines)


def _has_id(file: ReceivedFile, named: str) -> bool:
    """Whether a file is named by the first characters of its id, alone or after its system."""
    system, slash, rest = named.partition("/")
    begins = rest if slash else named
    is_own = not slash or file.system == system
    return is_own and len(begins) >= _SHORTEST and file.file_id.startswith(begins)


def _has_name(key: FileKey, names: Collection[str], named: str) -> bool:
    """Whether a file is named by one of the names that it came under, as it is or as messages tell it."""
    system, file_id = key[0], key[-1]
    forms = set(names) | {shown(name) for name in names} | {shown(name, file_id) for name in names}
    forms |= {f"{system}/{form}" for form in forms}
    return not forms.isdisjoint({named, read_name(named)})


def _place(file: ReceivedFile) -> str:
    return f"{file.system}/{file.shown_name}"


def _decide(
    lake: Lake, what: FileDecision, files: list[ReceivedFile], because: str | None, who: str | None
) -> list[ReceivedFile]:
    """Record a decision about files, and the files as they are by it."""
    after, by = all_runs(lake)[-1].run_id, who or getpass.getuser()
    decided = [_decision(file, what, after, approved_by=by, because=because) for file in files]
    # First why, then that: what is left by a kill in between is made good by trying again.
    lake.upsert("ops.decision", lake.table_of("ops.decision", decided))
    write_files(lake, files)
    return files


def _decision(
    file: ReceivedFile, what: FileDecision, after: str, approved_by: str | None = None, because: str | None = None
) -> dict[str, Any]:
    """A row of `ops.decision` that has yet to take effect."""
    place = {"system": file.system, "object": file.object, "sheet": file.sheet, "file_id": file.file_id}
    return {
        **place,
        "decision": what,
        "after_run": after,
        "night": None,
        "approved_by": approved_by,
        "because": because,
    }


def withdrawn_files(lake: Lake) -> dict[tuple[str, str], set[str]]:
    """Ids of all withdrawn files by system and object; an object without any has an empty set."""
    rows = lake.rows("ops.file", {"status": FileStatus.WITHDRAWN}, ["system", "object", "file_id"])
    return _ids_by_place(rows.to_pylist())


def fresh_decisions(lake: Lake, night: date, *what: FileDecision) -> list[dict[str, Any]]:
    """Rows of `ops.decision` that take effect in `night`: those that no earlier night has worked out."""
    rows = lake.rows("ops.decision", {"decision": list(what)}).to_pylist()
    return [row for row in rows if row["night"] is None or row["night"] >= night]


def is_shaken(lake: Lake, obj: SourceObject, night: date) -> bool:
    """Whether a file of the object leaves its records in `night`, or is read anew."""
    fresh = fresh_decisions(lake, night, FileDecision.WITHDRAW, FileDecision.READ)
    return obj.place in _ids_by_place(fresh)


def record_read(lake: Lake, run: Run, file: ReceivedFile) -> None:
    """Note that raw rows of a file have become others, so that the records that stand on them are worked out anew.

    Args:
        lake: of the workspace.
        run: that has read it.
        file: that was read.
    """
    row = _decision(file, FileDecision.READ, run.run_id)
    lake.upsert("ops.decision", lake.table_of("ops.decision", [row]))


def files_read_anew(lake: Lake, night: date) -> dict[tuple[str, str], set[str]]:
    """Ids of the files that were read anew for `night`, by system and object; an object without any has an empty set."""
    return _ids_by_place(fresh_decisions(lake, night, FileDecision.READ))


def _ids_by_place(rows: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str], set[str]]:
    """Ids of the files that rows speak of, by system and object; any other object has an empty set."""
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    for row in rows:
        found[row["system"], row["object"]].add(row["file_id"])
    return found


def mark_worked_out(lake: Lake, night: date, systems: Collection[str]) -> None:
    """Note that the decisions about these systems' files have taken effect."""
    fresh = fresh_decisions(lake, night, *FileDecision)
    rows = [{**row, "night": night} for row in fresh if row["system"] in systems]
    if rows:
        lake.upsert("ops.decision", lake.table_of("ops.decision", rows))


def remaining_nights(lake: Lake, obj: SourceObject, night: date, is_wary: bool = False) -> list[ObjectNight]:
    """Nights before `night` whose files make up the object's records without the withdrawn ones, the latest first.

    Of snapshots those back to the last one that was whole, as the others end nothing; else all nights. `is_wary` asks for more
    where harmonise has yet to find out whether each key can be read.
    """
    deliveries = deliveries_of(lake, obj)
    nights = {each.night for each in deliveries if each.status.is_taken}
    earlier = (each for each in nights if each < night)
    found = []
    for each in sorted(earlier, reverse=True):
        known = object_night(obj, deliveries, each)
        found.append(known)
        if is_whole(lake, known) and not (is_wary and _may_lack_keys(lake, known)):
            break
    return found


def _may_lack_keys(lake: Lake, known: ObjectNight) -> bool:
    """Whether a raw row of the night looks as if harmonise found no key in it."""
    names = known.obj.key_columns
    if not names:
        return False
    condition = ds.field("file_id").isin([file.file_id for file in known.counting])
    cells = lake.dataset(known.obj.raw_table).to_table(columns=names, filter=condition)
    return any(map(_may_lack_value, cells.columns))


def _may_lack_value(cells: pa.ChunkedArray) -> bool:
    """Whether a cell is null or blank, or begins as the errors of spreadsheets do."""
    is_lacking = pc.match_substring_regex(cells, r"^[\pZ\pC]*$|^\s*#")
    return bool(pc.any(pc.fill_null(is_lacking, True)).as_py())
