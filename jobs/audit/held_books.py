"""The books of files that are held back: their rows landed, and no record rests on one of them."""

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from jobs.audit.entries import entry
from jobs.common.contracts.sources import SourceObject
from jobs.common.intake.deliveries import delivered_keys
from jobs.common.intake.keyed_rows import fed_records, record_label
from jobs.common.intake.received_files import FileStatus, ReceivedFile, received_files
from jobs.common.run.stage import Context


def held_terms(context: Context) -> list[dict[str, Any]]:
    """held of each file of the night that is held back, for each record that its object feeds.

    A row on which the night has begun a version of the record nevertheless is not counted, so that the books do not close.
    """
    came = delivered_keys(context.lake, context.run.night)
    entries = []
    for file in received_files(context.lake, {"status": FileStatus.HELD}):
        obj = context.conf.object_at(file.place)
        if obj is not None and file.key in came:
            entries += _terms_of_file(context, obj, file)
    return entries


def _terms_of_file(context: Context, obj: SourceObject, file: ReceivedFile) -> list[dict[str, Any]]:
    is_own = ds.field("file_id") == file.file_id
    landed = context.lake.dataset(obj.raw_table).to_table(columns=["row_number"], filter=is_own)
    entries = []
    for record, role in fed_records(obj):
        begun = _begun(context, obj, record, role, file.file_id)
        used = pc.sum(pc.is_in(landed.column("row_number"), value_set=begun)).as_py() or 0
        entries.append(entry("held", landed.num_rows - used, record_label(record, role), file.key))
    return entries


def _begun(context: Context, obj: SourceObject, record: str, role: str, file_id: str) -> pa.ChunkedArray:
    """Numbers of the file's rows with which a version of the record begins tonight."""
    own = {"system": obj.system, "object": obj.name, "role": role, "file_id": file_id, "valid_from": context.run.night}
    return context.lake.rows(f"harmonised.{record}", own, ["row_number"]).column("row_number")
