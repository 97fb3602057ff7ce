"""Values under no header: each is an issue of its file, which stays open while the file counts.

Reads: `ops.delivery`, `ops.file`, `ops.issue`. Writes: `ops.issue`, rows without record and role, whose field is the letter
of the column. Refuses: nothing.
"""

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from jobs.common.contracts.sources import SourceObject
from jobs.common.intake.deliveries import deliveries_of, object_night
from jobs.common.intake.received_files import FileStatus, ReceivedFile
from jobs.common.run.stage import Context
from jobs.land.batches import Unnamed

_CODE = "unnamed_column"


def write_issues(context: Context, file: ReceivedFile, values: Sequence[Unnamed]) -> None:
    """Replace the issues that a file has of its own; `file` has no rows read if it never landed."""
    if not values and file.rows_read is None:
        return
    place = {"system": file.system, "object": file.object, "sheet": file.sheet, "file_id": file.file_id}
    where = {**place, "record": ""}
    state = {"role": "", "code": _CODE, "opened": context.run.night, "closed": None}
    issues = [
        {**where, **state, "row_number": value.row_number, "field": value.column, "raw": value.raw} for value in values
    ]
    context.lake.replace_part("ops.issue", context.lake.table_of("ops.issue", issues), where)


def close_issues(context: Context, obj: SourceObject) -> None:
    """Close the issues of files that another has replaced or a person withdrew, and open those of files that count again."""
    lake = context.lake
    place = {"system": obj.system, "object": obj.name, "record": ""}
    issues = lake.rows("ops.issue", place)  # few of the table's files have any
    if not issues.num_rows:
        return
    standing = standing_files(context, obj)
    at = issues.schema.get_field_index("closed")
    for file_id in sorted(set(issues.column("file_id").to_pylist())):
        rows = issues.filter(pc.equal(issues.column("file_id"), file_id))
        counts = file_id in standing
        if rows.column("closed").null_count == (rows.num_rows if counts else 0):
            continue
        closed = pa.repeat(pa.scalar(None if counts else context.run.night, pa.date32()), rows.num_rows)
        lake.replace_part(
            "ops.issue", rows.set_column(at, rows.schema.field(at), closed), {**place, "file_id": file_id}
        )


def standing_files(context: Context, obj: SourceObject) -> set[str]:
    """Ids of the files on which an object's rows rest: of a snapshot its parts, of others all that nothing has replaced."""
    deliveries = deliveries_of(context.lake, obj)
    if obj.mode == "snapshot":
        return {file.file_id for file in object_night(obj, deliveries, context.run.night).counting}
    accepted = [each for each in deliveries if each.status is FileStatus.ACCEPTED]
    last = {each.export: each.file_id for each in accepted}
    return set(last.values())
