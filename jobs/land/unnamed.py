"""Values under no header: each is an issue of its file, which stays open while the file counts.

Reads: `ops.delivery`, `ops.file`, `ops.issue`. Writes: `ops.issue`, rows without record and role, whose field is the letter
of the column. Refuses: nothing.
"""

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from jobs.common.contracts.sources import SourceObject
from jobs.common.intake.deliveries import deliveries_with_status, object_night
from jobs.common.run.stage import Context
from jobs.land.batches import Unnamed

_CODE = "unnamed_column"


def write_issues(context: Context, row: dict[str, Any], values: Sequence[Unnamed]) -> None:
    """Replace the issues that a file has of its own; `row` is its row of `ops.file`, without rows read if it never landed."""
    if not values and row["rows_read"] is None:
        return
    where = {**{name: row[name] for name in ("system", "object", "sheet", "file_id")}, "record": ""}
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
    rows = [
        row for row in deliveries_with_status(context.lake) if (row["system"], row["object"]) == (obj.system, obj.name)
    ]
    if obj.mode == "snapshot":
        return {file.file_id for file in object_night(obj, rows, context.run.night).counting}
    landed = [row for row in rows if row["status"] == "accepted"]
    last = {(row["as_of"], row["name"]): row["file_id"] for row in landed}
    return set(last.values())
