"""Land: every row of the archived files of one system, as text, with file and row number.

Reads: `archive/`, `ops.file`. Writes: `raw.<system>__<object>`, `ops.quarantine`, `ops.skipped`, and last the file's
status in `ops.file`. Refuses: a file that cannot be read as its contract says; of such a file nothing lands.
"""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from jobs.common.contracts import SourceObject
from jobs.common.deliveries import is_late
from jobs.common.stage import Context
from jobs.land.batches import FileRefused, Rejected, rows_schema
from jobs.land.parse import parse


def run(context: Context, system: str) -> None:
    """Land the waiting files of one system, one after the other; each is done when its status says so."""
    source = context.conf.sources.get(system)
    if context.plan["nothing_new"] or source is None:
        return
    objects = {obj.name: obj for obj in source.objects}
    waiting = context.lake.rows("ops.file", {"system": system, "status": "waiting"}).to_pylist()
    for file in sorted(waiting, key=lambda row: (row["as_of"], row["name"], row["object"])):
        land_file(context, objects[file["object"]], file)


def land_file(context: Context, obj: SourceObject, file: dict[str, Any]) -> None:
    """One file: its rows, those set aside, those skipped, then its status."""
    lake, place = context.lake, f"{obj.system} {obj.name}"
    staged = context.workspace.run_dir(context.run.run_id) / "land" / f"{obj.system}__{obj.name}.parquet"
    try:
        quarantined, skipped, read = stage_rows(context.workspace.archive_path(file["file_id"]), obj, staged)
    except FileRefused as refused:
        status = {"status": "refused", "reason": refused.reason, "detail": refused.detail}
        lake.upsert("ops.file", lake.table_of("ops.file", [{**file, **status}]))
        context.log("land", f"{place}: file refused, {refused.reason}: {refused.detail}", file=file["file_id"][:12])
        return
    with pq.ParquetFile(staged) as parquet:
        rows = with_file_id(parquet, obj, file["file_id"])
        lake.replace_part(obj.raw_table, rows, {"file_id": file["file_id"]})
        landed = parquet.metadata.num_rows
    for name, rejected in (("ops.quarantine", quarantined), ("ops.skipped", skipped)):
        part = {
            "system": obj.system,
            "object": obj.name,
            "sheet": obj.sheet,
            "file_id": file["file_id"],
            "stage": "land",
        }
        lake.replace_part(name, lake.table_of(name, [{**part, **vars(row)} for row in rejected]), part)
    late = is_late(lake, obj, file["as_of"], context.run.night)
    status = {"status": "late", "reason": "late"} if late else {"status": "accepted", "reason": None}
    lake.upsert("ops.file", lake.table_of("ops.file", [{**file, **status, "detail": None, "rows_read": read}]))
    counts = {"read": read, "landed": landed, "quarantined": len(quarantined), "skipped": len(skipped)}
    context.log("land", f"{place}: file landed" + (" late" if late else ""), file=file["file_id"][:12], **counts)
    staged.unlink()


def stage_rows(path: Path, obj: SourceObject, staged: Path) -> tuple[list[Rejected], list[Rejected], int]:
    """Parse into a Parquet file, batch by batch, so that memory does not grow with the file.

    Returns:
        Rows set aside, rows skipped, rows read.

    Raises:
        FileRefused: the file cannot be read as its contract says.
    """
    quarantined: list[Rejected] = []
    skipped: list[Rejected] = []
    read = 0
    staged.parent.mkdir(parents=True, exist_ok=True)
    with pq.ParquetWriter(staged, rows_schema(obj)) as writer:
        for batch in parse(path, obj):
            if batch.rows.num_rows:
                writer.write_batch(batch.rows)
            quarantined += batch.quarantined
            skipped += batch.skipped
            read += batch.read
    return quarantined, skipped, read


def with_file_id(parquet: pq.ParquetFile, obj: SourceObject, file_id: str) -> pa.RecordBatchReader:
    """The staged rows with the id of their file, as a stream."""
    schema = pa.schema([pa.field("file_id", pa.string()), *rows_schema(obj)])

    def batches():
        for batch in parquet.iter_batches(batch_size=50_000):
            ids = pa.array([file_id] * batch.num_rows, pa.string())
            yield pa.RecordBatch.from_arrays([ids, *batch.columns], schema=schema)

    return pa.RecordBatchReader.from_batches(schema, batches())
