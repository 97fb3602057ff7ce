"""Land: every waiting file of one system becomes rows of text in its raw table, each with its file and row number; so does
a file that comes again after `jiceng maintain` has removed rows of it, and one that was read under another contract.

Reads: the archive, `ops.file`, `ops.delivery`, `ops.decision`. Writes: `raw.<system>__<object>`, `ops.quarantine`,
`ops.skipped`, `ops.issue` (values under no header), `ops.decision` (what was read anew), and last `ops.file` (accepted, late or
refused), so that a file whose landing was cut short is still waiting and lands again. Refuses: a file that its parser refuses or
that cannot be read; nothing of it lands, and the other files go on. Holds back: a snapshot that lacks too many keys of the one
before.
"""

import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.ipc

from jobs.common.contracts.sources import SourceObject
from jobs.common.intake.deliveries import is_late
from jobs.common.intake.file_decisions import FileDecision, fresh_decisions, record_read
from jobs.common.intake.readings import PastReadings, is_conf_as_before
from jobs.common.intake.received_files import FileStatus, ReceivedFile, received_files, write_files
from jobs.common.lake.tables import Lake
from jobs.common.run.runs import run_order
from jobs.common.run.stage import Context
from jobs.land.anew import are_moved, carried_columns, carry, files_to_land, follow_sheet, lacks_rows
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
    lake, source = context.lake, context.conf.sources.get(system)
    files = received_files(lake, {"system": system})
    decided = fresh_decisions(lake, context.run.night, FileDecision.WITHDRAW)
    leaving = [row for row in decided if row["system"] == system]
    is_same_conf = is_conf_as_before(lake, context.run)
    for obj in source.objects if source else ():
        own = follow_sheet(lake, obj, [file for file in files if file.object == obj.name])
        landed = land_all_waiting(context, obj, own)
        remove_withdrawn(context, obj, own, leaving)
        land_anew(context, obj, landed, is_same_conf)
        hold_back(context, obj)
        close_issues(context, obj)


def land_all_waiting(context: Context, obj: SourceObject, files: Sequence[ReceivedFile]) -> set[str]:
    """Land those of the object's files that wait, in the order in which they take effect; returns their ids."""
    waiting = [file for file in files if file.status is FileStatus.WAITING]
    for file in in_landing_order(obj, waiting):
        land_waiting(context, obj, file)
    return {file.file_id for file in waiting}


def land_waiting(context: Context, obj: SourceObject, file: ReceivedFile) -> None:
    """Land a file that was handed over, or that is tried again; what was read of it before stays if it is refused now."""
    lake, run = context.lake, context.run
    past, was_read = PastReadings(context, obj), file.read_in is not None
    is_mended = was_read and past.differs(file)
    landed = land_file(context, obj, file, is_anew=was_read, is_mended=is_mended)
    if landed.status is not FileStatus.REFUSED:
        landed = replace(landed, read_in=run.run_id)
        if is_mended or was_withdrawn(lake, file):
            record_read(lake, run, file)
    elif was_read:
        landed = keep(context, past, file, landed, is_delivered=True)
    write_files(lake, [landed])
    counts = {"rows_read": landed.rows_read or 0, "reason": landed.reason or "-"}
    context.log_each("land", f"{obj.system} {obj.name}", f"{file.file_id[:12]}: {landed.status}", **counts)


def was_withdrawn(lake: Lake, file: ReceivedFile) -> bool:
    """Whether somebody has ever withdrawn the file."""
    place = {"system": file.system, "object": file.object, "file_id": file.file_id}
    return bool(lake.rows("ops.decision", place | {"decision": FileDecision.WITHDRAW}).num_rows)


def land_anew(context: Context, obj: SourceObject, done: set[str], is_same_conf: bool) -> None:
    """Land files anew that lack rows or were read under another contract, until there is none: what one file holds tells on
    which others the records rest. `done` have just landed; `is_same_conf` as of `is_conf_as_before`.
    """
    past, done = PastReadings(context, obj), set(done)
    outcomes: Counter[str] = Counter()
    while files := files_to_land(context, past, done, is_same_conf):
        for file in files:
            outcomes[land_again(context, past, file)] += 1
            done.add(file.file_id)
    for outcome, count in sorted(outcomes.items()):
        context.log("land", f"{obj.system} {obj.name}: {outcome}", files=count)


def land_again(context: Context, past: PastReadings, file: ReceivedFile) -> str:
    """Land one file anew and note what has changed; returns what was done."""
    lake, run, obj = context.lake, context.run, past.obj
    is_mended = past.differs(file)
    landed = land_file(context, obj, file, is_anew=True, is_mended=is_mended)
    if landed.status is FileStatus.REFUSED:
        place = {"system": obj.system, "object": obj.name, "file_id": file.file_id, "night": run.night}
        is_delivered = lake.rows("ops.delivery", place).num_rows > 0
        write_files(lake, [keep(context, past, file, landed, is_delivered)])
        return f"read under another contract, refused under today's ({landed.reason}); what stands stays"
    if is_mended:
        record_read(lake, run, file)
        read = replace(file, rows_read=landed.rows_read, read_in=run.run_id)
        if file.status is FileStatus.ACCEPTED:  # of one that is late or held the reason stays
            read = replace(read, reason=None, detail=None)
        write_files(lake, [read])
        return "read anew, as the contract has changed"
    return "wanted again, rows removed since are back in raw"


def keep(
    context: Context, past: PastReadings, file: ReceivedFile, refused: ReceivedFile, is_delivered: bool
) -> ReceivedFile:
    """What becomes of a file that was read under another contract and is refused under today's: what stands of it stays.

    Its rows are in the columns of today's contract afterwards, so that no field goes empty because its column is called
    otherwise. A delivery of tonight is refused; those of earlier nights were taken.

    Args:
        context: of the run.
        past: how files of the object were read.
        file: as it was.
        refused: as today's contract judges it.
        is_delivered: whether it was handed over tonight.
    """
    carry_over(context, past, file)
    kept = replace(file, read_in=past.read_in(file))
    if is_delivered:
        refused_in = file.refused_in if was_refused_since(kept) else context.run.run_id
        state = replace(kept, status=FileStatus.REFUSED, refused_in=refused_in)
        return replace(state, reason=refused.reason, detail=refused.detail)
    if file.status is FileStatus.REFUSED:
        return kept
    kept = replace(kept, refused_in=context.run.run_id)
    if file.status is FileStatus.ACCEPTED:
        return replace(kept, reason=refused.reason, detail=refused.detail)
    return kept


def was_refused_since(file: ReceivedFile) -> bool:
    """Whether a contract has refused the file since it was read."""
    if file.refused_in is None:
        return False
    return file.read_in is None or run_order(file.refused_in) >= run_order(file.read_in)


def carry_over(context: Context, past: PastReadings, file: ReceivedFile) -> None:
    """Bring the rows that stand of a file into the columns of today's contract, as the file was read then."""
    obj, then = past.obj, past.object_then(file)
    if then is None:
        return
    is_moved = are_moved(carried_columns(obj, then))
    if is_moved or lacks_rows(context.lake, obj, file):
        land_file(context, obj, file, is_anew=True, then=then)
    if is_moved:
        record_read(context.lake, context.run, file)


def remove_withdrawn(
    context: Context, obj: SourceObject, files: Sequence[ReceivedFile], decisions: Sequence[dict[str, Any]]
) -> None:
    """Take the rows of withdrawn files out of the raw table, and what was set aside of them.

    Args:
        context: of the run.
        obj: the object.
        files: all that it has; one that was withdrawn and has come again stays.
        decisions: rows of `ops.decision` by which files of its system leave.
    """
    gone = {file.file_id for file in files if file.status is FileStatus.WITHDRAWN}
    for row in decisions:
        if row["object"] == obj.name and row["file_id"] in gone:
            remove_rows(context, obj, row)


def remove_rows(context: Context, obj: SourceObject, decision: dict[str, Any]) -> None:
    """Take the rows of one withdrawn file out of every table that land writes."""
    lake, file_id = context.lake, decision["file_id"]
    place = {name: decision[name] for name in ("system", "object", "sheet", "file_id")}
    gone = [
        lake.replace_part(obj.raw_table, lake.empty(obj.raw_table), {"file_id": file_id}),
        *(lake.replace_part(name, lake.empty(name), place) for name in ("ops.quarantine", "ops.skipped")),
    ]
    if any(gone):
        context.log_each("land", f"{obj.system} {obj.name}", f"{file_id[:12]}: withdrawn, its rows are out of raw")


def in_landing_order(obj: SourceObject, waiting: Sequence[ReceivedFile]) -> list[ReceivedFile]:
    """Files as they take effect: of several snapshots the newest counts, so it comes first and makes the others late."""
    named = sorted(waiting, key=lambda file: file.name)
    return sorted(named, key=lambda file: file.as_of, reverse=obj.mode == "snapshot")


def land_file(
    context: Context,
    obj: SourceObject,
    file: ReceivedFile,
    is_anew: bool = False,
    is_mended: bool = False,
    then: SourceObject | None = None,
) -> ReceivedFile:
    """Parse one file and replace its rows in the raw table and in the tables of what did not land.

    Args:
        context: of the run.
        obj: the object whose path fits.
        file: as it was.
        is_anew: whether records may stand on rows that it has there; then they stay where it is refused.
        is_mended: whether it was read otherwise then, so that its issues are others as well.
        then: the object as another contract read it, whose columns are carried over (default: as it is).

    Returns:
        the file with the status, reason, detail and rows read of this reading.
    """
    lake = context.lake
    place = {"system": obj.system, "object": obj.name, "sheet": file.sheet, "file_id": file.file_id}
    scratch = context.workspace.scratch_dir(context.run.run_id) / "land" / obj.raw_table / file.file_id
    parts = (
        Part(obj.raw_table, {"file_id": file.file_id}),
        Part("ops.quarantine", {**place, "stage": "land"}, scratch / "quarantine"),
        Part("ops.skipped", {**place, "stage": "land"}, scratch / "skipped"),
    )
    scratch.mkdir(parents=True, exist_ok=True)
    unnamed: list[Unnamed] = []
    try:
        path = context.workspace.archive_path(file.file_id)
        read = write_parts(lake, parts, path, obj, then or obj, unnamed)
    except FileRefused as refused:
        # An earlier try, under another contract, may have landed something of it.
        for part in () if is_anew else parts:
            lake.replace_part(part.table, lake.empty(part.table), part.where)
        state = replace(file, status=FileStatus.REFUSED, rows_read=None)
        return replace(state, reason=refused.reason, detail=refused.detail)
    finally:
        shutil.rmtree(scratch)
    # Increments that arrive in one night are all taken in; of snapshots only the newest, whichever night it came.
    until = context.run.night + timedelta(days=1) if obj.mode == "snapshot" else context.run.night
    if is_late(lake, obj, file.as_of, until):
        detail = f"as of {file.as_of}, older than a file already taken"
        return replace(file, status=FileStatus.LATE, reason=FileStatus.LATE, detail=detail, rows_read=read)
    if is_mended or not is_anew:
        write_issues(context, file, unnamed)
    return replace(file, status=FileStatus.ACCEPTED, reason=None, detail=None, rows_read=read)


def write_parts(
    lake: Lake, parts: tuple[Part, ...], path: Path, obj: SourceObject, then: SourceObject, unnamed: list[Unnamed]
) -> int:
    """Replace a file's rows in three tables, in one commit each or none, in bounded memory; returns the rows read.

    `then` is the object as it is read, which may be under another contract. Values under no header are added to `unnamed`.
    """
    landing, *rejecting = parts
    columns = carried_columns(obj, then)
    schemas = {part.table: lake.empty(part.table).schema for part in parts}
    read = 0
    failure: Exception | None = None

    def landed(writers: Sequence[pa.ipc.RecordBatchStreamWriter]) -> Iterator[pa.RecordBatch]:
        """The rows that land; the others go to their scratch files."""
        nonlocal read, failure
        try:
            for batch in read_ahead(parse_fenced(path, then)):
                read += batch.read
                unnamed.extend(batch.unnamed)
                for writer, part, rejected in zip(writers, rejecting, (batch.quarantined, batch.skipped), strict=True):
                    writer.write_table(_with_constants(_to_table(rejected), part.where, schemas[part.table]))
                rows = carry(batch.rows, columns)
                yield from _with_constants(rows, landing.where, schemas[landing.table]).to_batches()
        except Exception as error:  # whoever takes the rows would tell only that they have ceased to come
            failure = error
            raise

    with ExitStack() as stack:
        writers = [stack.enter_context(_open_scratch(part, schemas[part.table])) for part in rejecting]
        reader = pa.RecordBatchReader.from_batches(schemas[landing.table], landed(writers))
        is_small = file_size(path) <= _COMPARED_BYTES
        try:
            lake.replace_part(landing.table, reader.read_all() if is_small else reader, landing.where)
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
