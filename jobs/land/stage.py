"""Land: every waiting file of one system becomes rows of text in its raw table, each with its file and row number; so does
a file that comes again after `jiceng maintain` has removed rows of it.

Reads: the archive, `ops.file`, `ops.delivery`. Writes: `raw.<system>__<object>`, `ops.quarantine`, `ops.skipped`, `ops.issue`
(values under no header), and last `ops.file` (accepted, late or refused), so that a file whose landing was cut short is
still waiting and lands again.
Refuses: a file that its parser refuses or that cannot be read; nothing of it lands, and the other files go on. Holds back: a
snapshot that lacks too many keys of the one before.
"""

import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.ipc

from jobs.common.contracts import SourceObject
from jobs.common.decisions import WITHDRAW, fresh_decisions, remaining_nights
from jobs.common.deliveries import is_late
from jobs.common.stage import Context
from jobs.common.tables import Lake
from jobs.land.batches import Batch, FileRefused, Rejected, Unnamed
from jobs.land.fence import file_size, parse_fenced
from jobs.land.guard import hold_back
from jobs.land.unnamed import close_issues, write_issues

# What is not more than this is compared first, and not written where it is there already.
_COMPARED_BYTES = 1 << 20
_COMPARED_ROWS = 10_000


@dataclass(frozen=True)
class Part:
    """What a file gives one table: the rows to replace there, and for rows that do not land a scratch file."""

    table: str
    where: dict[str, str]
    path: Path | None = None


def run(context: Context, system: str) -> None:
    """Land the waiting files of a system, object by object."""
    source = context.conf.sources.get(system)
    waiting = context.lake.rows("ops.file", {"system": system, "status": "waiting"}).to_pylist()
    leaving = [row for row in fresh_decisions(context.lake, context.run.night, WITHDRAW) if row["system"] == system]
    for obj in source.objects if source else ():
        landing = in_landing_order(obj, [row for row in waiting if row["object"] == obj.name])
        for row in landing:
            outcome = land_file(context, obj, row)
            context.lake.upsert("ops.file", context.lake.table_of("ops.file", [{**row, **outcome}]))
            shown = {"rows_read": outcome["rows_read"] or 0, "reason": outcome["reason"] or "-"}
            context.log_each("land", f"{system} {obj.name}", f"{row['file_id'][:12]}: {outcome['status']}", **shown)
        withdrawn = [row for row in leaving if row["object"] == obj.name]
        for row in withdrawn:
            remove_withdrawn(context, obj, row)
        for row in thinned_files(context, obj, bool(withdrawn), [row["file_id"] for row in landing]):
            outcome = land_file(context, obj, row, is_anew=True)
            told = "wanted again, rows removed since are back in raw"
            if outcome["status"] == "refused":  # the contract is another than when it was taken
                context.lake.upsert("ops.file", context.lake.table_of("ops.file", [{**row, **outcome}]))
                told = f"wanted again and is refused ({outcome['reason']}); what stands stays"
            context.log_each("land", f"{system} {obj.name}", f"{row['file_id'][:12]}: {told}")
        hold_back(context, obj)
        close_issues(context, obj)


def thinned_files(context: Context, obj: SourceObject, is_shaken: bool, whole: list[str]) -> list[dict[str, Any]]:
    """Rows of `ops.file` of files that were landed before and lack rows in the raw table: those handed over tonight, and
    where another was withdrawn (`is_shaken`) those that the records rest on without it. `whole` are known to lack none.
    """
    lake, place = context.lake, {"system": obj.system, "object": obj.name}
    wanted = lake.rows("ops.delivery", place | {"night": context.run.night}, ["file_id"]).column("file_id").to_pylist()
    if is_shaken:
        nights = remaining_nights(lake, obj, context.run.night)
        wanted += [file.file_id for known in nights for file in known.files]
    wanted = [file_id for file_id in wanted if file_id not in whole]
    if not wanted:
        return []
    landed = lake.rows("ops.file", place | {"file_id": wanted, "status": ["accepted", "late"]}).to_pylist()
    found = []
    for row in landed:
        where = place | {"file_id": row["file_id"], "stage": "land"}
        aside = sum(lake.rows(name, where, ["row_number"]).num_rows for name in ("ops.quarantine", "ops.skipped"))
        there = lake.dataset(obj.raw_table).count_rows(filter=ds.field("file_id") == row["file_id"])
        if there < row["rows_read"] - aside:
            found.append(row)
    return found


def remove_withdrawn(context: Context, obj: SourceObject, decision: dict[str, Any]) -> None:
    """Take the rows of a withdrawn file out of the raw table, and what was set aside of it."""
    lake, file_id = context.lake, decision["file_id"]
    place = {name: decision[name] for name in ("system", "object", "sheet", "file_id")}
    gone = [
        lake.replace_part(obj.raw_table, lake.empty(obj.raw_table), {"file_id": file_id}),
        *(lake.replace_part(name, lake.empty(name), place) for name in ("ops.quarantine", "ops.skipped")),
    ]
    if any(gone):
        context.log_each("land", f"{obj.system} {obj.name}", f"{file_id[:12]}: withdrawn, its rows are out of raw")


def in_landing_order(obj: SourceObject, waiting: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Files as they take effect: of several snapshots the newest counts, so it comes first and makes the others late."""
    named = sorted(waiting, key=lambda row: row["name"])
    return sorted(named, key=lambda row: row["as_of"], reverse=obj.mode == "snapshot")


def land_file(context: Context, obj: SourceObject, row: dict[str, Any], is_anew: bool = False) -> dict[str, Any]:
    """Parse one file and replace its rows in the raw table and in the tables of what did not land.

    Args:
        context: of the run.
        obj: the object whose path fits.
        row: the file's row of `ops.file`.
        is_anew: whether records may stand on rows that it has there; then they stay where it is refused.

    Returns:
        status, reason, detail and rows_read for `ops.file`.
    """
    place = {"system": obj.system, "object": obj.name, "sheet": row["sheet"], "file_id": row["file_id"]}
    scratch = context.workspace.scratch_dir(context.run.run_id) / "land" / obj.raw_table / row["file_id"]
    parts = (
        Part(obj.raw_table, {"file_id": row["file_id"]}),
        Part("ops.quarantine", {**place, "stage": "land"}, scratch / "quarantine"),
        Part("ops.skipped", {**place, "stage": "land"}, scratch / "skipped"),
    )
    scratch.mkdir(parents=True, exist_ok=True)
    unnamed: list[Unnamed] = []
    try:
        read = write_parts(context.lake, parts, context.workspace.archive_path(row["file_id"]), obj, unnamed)
    except FileRefused as refused:
        # An earlier try, under another contract, may have landed something of it.
        for part in () if is_anew else parts:
            context.lake.replace_part(part.table, context.lake.empty(part.table), part.where)
        return {"status": "refused", "reason": refused.reason, "detail": refused.detail, "rows_read": None}
    finally:
        shutil.rmtree(scratch)
    # Increments that arrive in one night are all taken in; of snapshots only the newest, whichever night it came.
    until = context.run.night + timedelta(days=1) if obj.mode == "snapshot" else context.run.night
    if is_late(context.lake, obj, row["as_of"], until):
        detail = f"as of {row['as_of']}, older than a file already taken"
        return {"status": "late", "reason": "late", "detail": detail, "rows_read": read}
    if not is_anew:
        write_issues(context, row, unnamed)
    return {"status": "accepted", "reason": None, "detail": None, "rows_read": read}


def write_parts(lake: Lake, parts: tuple[Part, ...], path: Path, obj: SourceObject, unnamed: list[Unnamed]) -> int:
    """Replace a file's rows in three tables, in one commit each or none, in bounded memory; returns the rows read.

    Values under no header are added to `unnamed`.
    """
    landing, *rejecting = parts
    schemas = {part.table: lake.empty(part.table).schema for part in parts}
    read = 0
    failure: Exception | None = None

    def landed(writers: Sequence[pa.ipc.RecordBatchStreamWriter]) -> Iterator[pa.RecordBatch]:
        """The rows that land; the others go to their scratch files."""
        nonlocal read, failure
        try:
            for batch in read_ahead(parse_fenced(path, obj)):
                read += batch.read
                unnamed.extend(batch.unnamed)
                for writer, part, rejected in zip(writers, rejecting, (batch.quarantined, batch.skipped), strict=True):
                    writer.write_table(_with_constants(_to_table(rejected), part.where, schemas[part.table]))
                yield from _with_constants(pa.table(batch.rows), landing.where, schemas[landing.table]).to_batches()
        except Exception as error:  # whoever takes the rows would tell only that they have ceased to come
            failure = error
            raise

    with ExitStack() as stack:
        writers = [stack.enter_context(_open_scratch(part, schemas[part.table])) for part in rejecting]
        rows = pa.RecordBatchReader.from_batches(schemas[landing.table], landed(writers))
        is_small = file_size(path) <= _COMPARED_BYTES
        try:
            lake.replace_part(landing.table, rows.read_all() if is_small else rows, landing.where)
        except Exception as error:
            raise failure or error from None
    for part in rejecting:
        replace_part(lake, part)
    return read


def read_ahead(batches: Iterator[Batch]) -> Iterator[Batch]:
    """The same batches; the next one is worked on while the caller uses this one."""
    with ThreadPoolExecutor(1) as pool:
        following = pool.submit(next, batches, None)
        while (batch := following.result()) is not None:
            following = pool.submit(next, batches, None)
            yield batch


@contextmanager
def _open_scratch(part: Part, schema: pa.Schema) -> Iterator[pa.ipc.RecordBatchStreamWriter]:
    with pa.OSFile(str(part.path), "wb") as file, pa.ipc.new_stream(file, schema) as writer:
        yield writer


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
