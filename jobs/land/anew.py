"""Which files land anew although they have landed before, and what stands of one that today's contract refuses.

Reads: `raw.*`, `ops.*`, conf and its snapshots. Writes: `ops.*`, where the sheet of an object is called otherwise. Refuses:
nothing.
"""

from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from operator import attrgetter, itemgetter
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds

from jobs.common.contracts.sources import Column, SourceObject
from jobs.common.intake.file_decisions import is_shaken, remaining_nights
from jobs.common.intake.readings import PastReadings
from jobs.common.intake.received_files import FileStatus, ReceivedFile, received_files, write_files
from jobs.common.lake.tables import Lake
from jobs.common.run.stage import Context

# Tables that tell of a file by its sheet, and which rows of theirs.
_MOVED: dict[str, dict[str, str]] = {
    "ops.delivery": {},
    "ops.decision": {},
    "ops.quarantine": {},
    "ops.skipped": {},
    "ops.issue": {"record": ""},  # of the file itself; those of records follow with them
}

Mark = Callable[[Column], Hashable]
# By what a column is told, the surest first.
_MARKS: tuple[Mark, ...] = (
    attrgetter("header"),
    attrgetter("position"),
    attrgetter("name"),
    lambda column: frozenset((feed.record, feed.role, feed.field) for feed in column.feeds),
    attrgetter("primary_key"),
)


def files_to_land(context: Context, past: PastReadings, done: set[str], is_same_conf: bool) -> list[ReceivedFile]:
    """Files that were landed before and are to be landed anew, without those that are `done`.

    These are files read under another contract, and files that lack rows since `jiceng maintain`: of those handed over
    tonight, and of those that the object's records rest on, if the configuration has changed or another of them is read anew
    or was withdrawn.
    """
    lake, obj, night = context.lake, past.obj, context.run.night
    place = {"system": obj.system, "object": obj.name, "night": night}
    tonight = lake.rows("ops.delivery", place, ["file_id"]).column("file_id").to_pylist()
    delivered, shaken = set(tonight) - done, is_shaken(lake, obj, night)
    is_same = is_same_conf and not shaken
    if is_same and not delivered:
        return []
    known = _read_before(lake, obj, done, delivered if is_same else None)
    other = {file_id for file_id, file in known.items() if past.differs(file)}
    reach = set(delivered)
    if shaken or (other and not is_same):
        reach |= standing_on(context, obj)
    wanted = reach & known.keys()
    if not shaken:
        wanted &= other | delivered
    found = [known[file_id] for file_id in wanted & other]
    rest = [known[file_id] for file_id in wanted - other]
    found += filter(lambda file: lacks_rows(lake, obj, file), rest)
    return sorted(found, key=attrgetter("as_of", "name", "file_id"))


def _read_before(lake: Lake, obj: SourceObject, done: set[str], only: set[str] | None) -> dict[str, ReceivedFile]:
    """The object's files that have rows, by their ids, without those that are `done`; of `only` these where they are told."""
    where: dict[str, Any] = {"system": obj.system, "object": obj.name}
    if only is not None:
        where["file_id"] = sorted(only)
    files = received_files(lake, where)
    return {file.file_id: file for file in files if file.was_read and file.file_id not in done}


def standing_on(context: Context, obj: SourceObject) -> set[str]:
    """Ids of the files that the object's records may rest on."""
    nights = remaining_nights(context.lake, obj, context.run.night, is_wary=True)
    return {file.file_id for night in nights for file in night.files}


def lacks_rows(lake: Lake, obj: SourceObject, file: ReceivedFile) -> bool:
    """Whether rows of a file that has landed are gone from the raw table."""
    where = {"system": obj.system, "object": obj.name, "file_id": file.file_id, "stage": "land"}
    aside = sum(lake.rows(name, where, ["row_number"]).num_rows for name in ("ops.quarantine", "ops.skipped"))
    there = lake.dataset(obj.raw_table).count_rows(filter=ds.field("file_id") == file.file_id)
    return bool(there < (file.rows_read or 0) - aside)


def carried_columns(obj: SourceObject, then: SourceObject) -> dict[str, str | None]:
    """Column of the object -> the column that it was `then`; None where it has none, and what stands is null there.

    A column is told by its header or its place, else by its name, else by what it feeds, else as the key; never where two
    could be meant.
    """
    if then == obj:
        return {column.name: column.name for column in obj.columns}
    found: dict[str, str | None] = {}
    left = list(then.columns)
    for mark in _MARKS:
        marked = [column for column in obj.columns if column.name not in found and mark(column)]
        now, before = _by_mark(marked, mark), _by_mark(left, mark)
        for word in now.keys() & before.keys():
            found[now[word].name] = before[word].name
            left.remove(before[word])
    return {column.name: found.get(column.name) for column in obj.columns}


def _by_mark(columns: Sequence[Column], mark: Mark) -> dict[Hashable, Column]:
    """The column of each mark that no other column has."""
    counts = Counter(map(mark, columns))
    return {mark(column): column for column in columns if counts[mark(column)] == 1}


def are_moved(columns: dict[str, str | None]) -> bool:
    """Whether rows read then lack what a column of today holds, though they have it in another."""
    return any(before not in (None, name) for name, before in columns.items())


def carry(rows: pa.RecordBatch, columns: dict[str, str | None]) -> pa.Table:
    """Rows read under another contract, in the columns of today's."""
    nothing = pa.nulls(rows.num_rows, pa.string())
    cells = {name: nothing if before is None else rows.column(before) for name, before in columns.items()}
    return pa.table({"row_number": rows.column("row_number"), **cells})


def follow_sheet(lake: Lake, obj: SourceObject, files: list[ReceivedFile]) -> list[ReceivedFile]:
    """Files taken from another sheet of their workbooks are told by the sheet that the contract names now.

    A file that has just been handed in again is the same file. Each step can be repeated: a kill in between leaves both rows
    of a file.

    Args:
        lake: of the workspace.
        obj: the object.
        files: all that the object has.

    Returns:
        these files afterwards.
    """
    place = {"system": obj.system, "object": obj.name}
    others = [file for file in files if file.sheet != obj.sheet]
    if not others:
        return files
    write_files(lake, _moved_files(obj, others, files))
    for name, which in _MOVED.items():
        _move_rows(lake, obj, name, place | which)
    for sheet in sorted({file.sheet for file in others}):
        lake.replace_part("ops.file", lake.empty("ops.file"), place | {"sheet": sheet})
    return received_files(lake, place)


def _moved_files(
    obj: SourceObject, others: Sequence[ReceivedFile], files: Sequence[ReceivedFile]
) -> list[ReceivedFile]:
    """The files of other sheets under the sheet of today; one that waits under it already is read as it was."""
    known = {file.file_id: file for file in files if file.sheet == obj.sheet}
    moved = [_as_of_today(file, known.get(file.file_id), obj.sheet) for file in others]
    return list(filter(None, moved))


def _as_of_today(file: ReceivedFile, twin: ReceivedFile | None, sheet: str) -> ReceivedFile | None:
    """A file of another sheet under the sheet of today; None if its twin, which stands there, says all."""
    renamed = replace(file, sheet=sheet)
    if twin is None:
        return renamed
    if twin.status is not FileStatus.WAITING or not file.was_read:
        return None
    if file.status.is_landed:
        return renamed
    return replace(renamed, status=FileStatus.WAITING, reason=None, detail=None)


def _move_rows(lake: Lake, obj: SourceObject, name: str, where: dict[str, str]) -> None:
    """The rows of a table that tell of the object's files by their sheet, under the sheet of today."""
    rows = lake.rows(name, where).to_pylist()
    if all(row["sheet"] == obj.sheet for row in rows):
        return
    key_of = itemgetter(*(lake.declared[name].key or lake.declared[name].names))
    moved = [row | {"sheet": obj.sheet} for row in rows]
    by_key = {key_of(row): row for row in moved}
    lake.replace_part(name, lake.table_of(name, list(by_key.values())), where)
