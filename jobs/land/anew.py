"""Which files land anew although they have landed before, and what stands of one that today's contract refuses.

Reads: `raw.*`, `ops.*`, conf and its snapshots. Writes: `ops.*`, where the sheet of an object is called otherwise. Refuses:
nothing.
"""

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds

from jobs.common.contracts.sources import Column, SourceObject
from jobs.common.intake.file_decisions import is_shaken, remaining_nights
from jobs.common.intake.readings import LANDED, PastReadings
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


def files_to_land(context: Context, past: PastReadings, done: set[str], is_same_conf: bool) -> list[dict[str, Any]]:
    """Rows of `ops.file` of files that were landed before and are to be landed anew, without those that are `done`.

    These are files read under another contract, and files that lack rows since `jiceng maintain`: of those handed over
    tonight, and of those that the object's records rest on, if the configuration has changed or another of them is read anew
    or was withdrawn.
    """
    lake, obj = context.lake, past.obj
    place = {"system": obj.system, "object": obj.name}
    tonight = lake.rows("ops.delivery", place | {"night": context.run.night}, ["file_id"]).column("file_id").to_pylist()
    delivered, shaken = set(tonight) - done, is_shaken(lake, obj, context.run.night)
    is_same = not shaken and is_same_conf
    if is_same and not delivered:
        return []
    rows = lake.rows("ops.file", place | ({"file_id": sorted(delivered)} if is_same else {})).to_pylist()
    known = {row["file_id"]: row for row in rows if was_read(row) and row["file_id"] not in done}
    other = {file_id for file_id, row in known.items() if past.differs(row)}
    standing = set()
    if not is_same and (shaken or other):
        nights = remaining_nights(lake, obj, context.run.night, is_wary=True)
        standing = {file.file_id for night in nights for file in night.files}
    wanted = (other | delivered if not shaken else known.keys()) & (delivered | standing)
    found = [
        known[file_id] for file_id in wanted & known.keys() if file_id in other or lacks_rows(lake, obj, known[file_id])
    ]
    return sorted(found, key=lambda row: (row["as_of"], row["name"], row["file_id"]))


def was_read(file: dict[str, Any]) -> bool:
    """Whether a file has rows: also one that is refused, if it was read before."""
    return file["status"] in LANDED or (file["status"] == "refused" and file["read_in"] is not None)


def lacks_rows(lake: Lake, obj: SourceObject, file: dict[str, Any]) -> bool:
    """Whether rows of a file that has landed are gone from the raw table."""
    where = {"system": obj.system, "object": obj.name, "file_id": file["file_id"], "stage": "land"}
    aside = sum(lake.rows(name, where, ["row_number"]).num_rows for name in ("ops.quarantine", "ops.skipped"))
    there = lake.dataset(obj.raw_table).count_rows(filter=ds.field("file_id") == file["file_id"])
    return bool(there < file["rows_read"] - aside)


def carried_columns(obj: SourceObject, then: SourceObject) -> dict[str, str | None]:
    """Column of the object -> the column that it was `then`; None where it has none, and what stands is null there.

    A column is told by its header or its place, else by its name, else by what it feeds, else as the key; never where two
    could be meant.
    """
    if then == obj:
        return {column.name: column.name for column in obj.columns}
    found: dict[str, str | None] = {}
    left = list(then.columns)
    marks: tuple[Callable[[Column], object], ...] = (
        lambda column: column.header,
        lambda column: column.position,
        lambda column: column.name,
        lambda column: frozenset((feed.record, feed.role, feed.field) for feed in column.feeds),
        lambda column: column.primary_key,
    )
    for mark in marks:
        open_columns = [column for column in obj.columns if column.name not in found and mark(column)]
        for column in open_columns:
            same = [other for other in left if mark(other) == mark(column)]
            if len(same) == 1 == sum(mark(other) == mark(column) for other in open_columns):
                found[column.name] = same[0].name
                left.remove(same[0])
    return {column.name: found.get(column.name) for column in obj.columns}


def are_moved(columns: dict[str, str | None]) -> bool:
    """Whether rows read then lack what a column of today holds, though they have it in another."""
    return any(before not in (None, name) for name, before in columns.items())


def carry(rows: pa.RecordBatch, columns: dict[str, str | None]) -> pa.Table:
    """Rows read under another contract, in the columns of today's."""
    nothing = pa.nulls(rows.num_rows, pa.string())
    cells = {name: nothing if before is None else rows.column(before) for name, before in columns.items()}
    return pa.table({"row_number": rows.column("row_number"), **cells})


def follow_sheet(lake: Lake, obj: SourceObject, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Files taken from another sheet of their workbooks are told by the sheet that the contract names now.

    A file that has just been handed in again is the same file. Each step can be repeated: a kill in between leaves both rows
    of a file.

    Args:
        lake: of the workspace.
        obj: the object.
        rows: of `ops.file`, all that the object has.

    Returns:
        these rows afterwards.
    """
    place = {"system": obj.system, "object": obj.name}
    others = [row for row in rows if row["sheet"] != obj.sheet]
    if not others:
        return rows
    known = {row["file_id"]: row for row in rows if row["sheet"] == obj.sheet}
    moved = {}
    for row in others:
        twin = known.get(row["file_id"])
        if twin is None or (twin["status"] == "waiting" and row["status"] in LANDED):
            moved[row["file_id"]] = {**row, "sheet": obj.sheet}
        elif twin["status"] == "waiting" and was_read(row):
            moved[row["file_id"]] = {**row, "sheet": obj.sheet, "status": "waiting", "reason": None, "detail": None}
    lake.upsert("ops.file", lake.table_of("ops.file", list(moved.values())))
    for name, which in _MOVED.items():
        own = lake.rows(name, place | which).to_pylist()
        if any(row["sheet"] != obj.sheet for row in own):
            key = lake.declared[name].key or tuple(lake.declared[name].names)
            told = {tuple((row | {"sheet": obj.sheet})[c] for c in key): row | {"sheet": obj.sheet} for row in own}
            lake.replace_part(name, lake.table_of(name, list(told.values())), place | which)
    for sheet in sorted({row["sheet"] for row in others}):
        lake.replace_part("ops.file", lake.empty("ops.file"), place | {"sheet": sheet})
    now: list[dict[str, Any]] = lake.rows("ops.file", place).to_pylist()
    return now
