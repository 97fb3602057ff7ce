"""Delta tables as they are declared: created so, and compared with what their declaration has gained since.

Writes: the log of the table that is made, whose lock the caller holds. Refuses nothing.
"""

from pathlib import Path

import deltalake
from deltalake import DeltaTable
from deltalake.schema import PrimitiveType

from jobs.common.schemas import Column, Table

_DELTA = {"bigint": "long"}
LOG_SETTINGS = {
    # An engine that tidies the log by itself would take the versions of kept releases away after thirty days.
    "delta.enableExpiredLogCleanup": "false",
    # Who opens a table reads all commits since the last checkpoint.
    "delta.checkpointInterval": "10",
}


def create_table(path: Path, table: Table) -> None:
    """An empty table with the declared columns; nothing where there is one."""
    path.mkdir(parents=True, exist_ok=True)
    schema = deltalake.Schema([_field(column, column.required) for column in table.columns])
    statistics = [c.name for c in table.columns if c.level <= 2]
    DeltaTable.create(
        str(path),
        schema,
        mode="ignore",
        name=table.name,
        description=table.description,
        configuration={"delta.dataSkippingStatsColumns": ",".join(statistics), **LOG_SETTINGS},
    )


def gained_columns(found: DeltaTable, table: Table) -> list[deltalake.Field]:
    """Columns that the declaration has and the table has not; rows that are there lack them, so that none is required."""
    known = {field.name for field in found.schema().fields}
    return [_field(column, required=False) for column in table.columns if column.name not in known]


def _field(column: Column, required: bool) -> deltalake.Field:
    metadata = {"comment": column.comment, "jiceng.level": str(column.level)}
    type = PrimitiveType(_DELTA.get(column.type, column.type))
    return deltalake.Field(column.name, type, nullable=not required, metadata=metadata)
