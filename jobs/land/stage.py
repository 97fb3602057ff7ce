"""Land: every waiting file of one system becomes rows of text in its raw table, each with its file and row number.

Reads: the archive, `ops.file`, `ops.delivery`. Writes: `raw.<system>__<object>`, `ops.quarantine`, `ops.skipped`, and last
`ops.file` (accepted, late or refused), so that a file whose landing was cut short is still waiting and lands again.
Refuses: a file that its parser refuses; nothing of it lands, and the other files go on.
"""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa

from jobs.common.contracts import SourceObject
from jobs.common.deliveries import is_late
from jobs.common.stage import Context
from jobs.common.tables import Lake
from jobs.land.batches import Batch, FileRefused, Rejected
from jobs.land.parse import parse

_COMPARED_ROWS = 10_000  # a part up to this size is compared first, and not written where it is there already


@dataclass(frozen=True)
class Part:
    """What a file gives one table: the rows to replace there, and a scratch file with their successors."""

    table: str
    where: dict[str, str]
    path: Path


def run(context: Context, system: str) -> None:
    """Land the waiting files of a system, object by object."""
    source = context.conf.sources.get(system)
    waiting = context.lake.rows("ops.file", {"system": system, "status": "waiting"}).to_pylist()
    for obj in source.objects if source else ():
        for row in in_landing_order(obj, [row for row in waiting if row["object"] == obj.name]):
            outcome = land_file(context, obj, row)
            context.lake.upsert("ops.file", context.lake.table_of("ops.file", [{**row, **outcome}]))
            shown = {"rows_read": outcome["rows_read"] or 0, "reason": outcome["reason"] or "-"}
            context.log("land", f"{system} {obj.name} {row['file_id'][:12]}: {outcome['status']}", **shown)


def in_landing_order(obj: SourceObject, waiting: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Files as they take effect: of several snapshots the newest counts, so it comes first and makes the others late."""
    named = sorted(waiting, key=lambda row: row["name"])
    return sorted(named, key=lambda row: row["as_of"], reverse=obj.mode == "snapshot")


def land_file(context: Context, obj: SourceObject, row: dict[str, Any]) -> dict[str, Any]:
    """Parse one file and replace its rows in the raw table and in the tables of what did not land.

    Args:
        row: the file's row of `ops.file`.

    Returns:
        status, reason, detail and rows_read for `ops.file`.
    """
    place = {"system": obj.system, "object": obj.name, "sheet": row["sheet"], "file_id": row["file_id"]}
    scratch = context.workspace.scratch_dir(context.run.run_id) / "land" / obj.raw_table / row["file_id"]
    parts = (
        Part(obj.raw_table, {"file_id": row["file_id"]}, scratch / "rows"),
        Part("ops.quarantine", {**place, "stage": "land"}, scratch / "quarantine"),
        Part("ops.skipped", {**place, "stage": "land"}, scratch / "skipped"),
    )
    scratch.mkdir(parents=True, exist_ok=True)
    try:
        read = write_parts(context.lake, parts, parse(context.workspace.archive_path(row["file_id"]), obj))
        for part in parts:
            replace_part(context.lake, part)
    except FileRefused as refused:
        # An earlier try, under another contract, may have landed something of it.
        for part in parts:
            context.lake.replace_part(part.table, context.lake.empty(part.table), part.where)
        return {"status": "refused", "reason": refused.reason, "detail": refused.detail, "rows_read": None}
    finally:
        shutil.rmtree(scratch)
    # Increments that arrive in one night are all taken in; of snapshots only the newest, whichever night it came.
    until = context.run.night + timedelta(days=1) if obj.mode == "snapshot" else context.run.night
    if is_late(context.lake, obj, row["as_of"], until):
        detail = f"as of {row['as_of']}, older than a file already taken"
        return {"status": "late", "reason": "late", "detail": detail, "rows_read": read}
    return {"status": "accepted", "reason": None, "detail": None, "rows_read": read}


def write_parts(lake: Lake, parts: tuple[Part, ...], batches: Iterator[Batch]) -> int:
    """Write a file's batches to the scratch files of its three parts, in bounded memory; returns the rows read."""
    read = 0
    schemas = [lake.empty(part.table).schema for part in parts]
    with ExitStack() as stack:
        rows, quarantine, skipped = (
            stack.enter_context(pa.ipc.new_stream(stack.enter_context(pa.OSFile(str(part.path), "wb")), schema))
            for part, schema in zip(parts, schemas, strict=True)
        )
        for batch in batches:
            read += batch.read
            rows.write_table(_with_constants(pa.table(batch.rows), parts[0].where, schemas[0]))
            quarantine.write_table(_with_constants(_to_table(batch.quarantined), parts[1].where, schemas[1]))
            skipped.write_table(_with_constants(_to_table(batch.skipped), parts[2].where, schemas[2]))
    return read


def replace_part(lake: Lake, part: Part) -> None:
    """Replace a file's rows of one table by those of its scratch file, in one commit or none."""
    with pa.OSFile(str(part.path)) as file, pa.ipc.open_stream(file) as reader:
        count = sum(batch.num_rows for batch in reader)
    with pa.OSFile(str(part.path)) as file, pa.ipc.open_stream(file) as reader:
        lake.replace_part(part.table, reader.read_all() if count <= _COMPARED_ROWS else reader, part.where)


def _to_table(rejected: list[Rejected]) -> pa.Table:
    columns = {
        "row_number": pa.array([row.row_number for row in rejected], pa.int64()),
        "reason": pa.array([row.reason for row in rejected], pa.string()),
        "raw": pa.array([row.raw for row in rejected], pa.string()),
    }
    return pa.table(columns)


def _with_constants(table: pa.Table, constants: dict[str, str], schema: pa.Schema) -> pa.Table:
    """Add columns that hold one value, and bring all into the schema's order."""
    for name, value in constants.items():
        table = table.append_column(name, pa.repeat(pa.scalar(value), table.num_rows))
    return table.select(schema.names).cast(schema)
