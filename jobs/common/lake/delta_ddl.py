"""Delta tables as they are declared: created so, and compared with what their declaration has gained since.

Writes: the log of the table that is made, whose lock the caller holds. Refuses nothing.
"""

from pathlib import Path

import deltalake
from deltalake import DeltaTable
from deltalake.schema import PrimitiveType

from jobs.common.lake.schemas import Column, Table

_DELTA = {"bigint": "long"}
_STATISTICS = "delta.dataSkippingStatsColumns"
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
    DeltaTable.create(
        str(path),
        schema,
        mode="ignore",
        name=table.name,
        description=table.description,
        configuration={_STATISTICS: _open_columns(table), **LOG_SETTINGS},
    )


def gained_columns(found: DeltaTable, table: Table) -> list[deltalake.Field]:
    """Columns that the declaration has and the table has not; rows that are there lack them, so that none is required."""
    known = {field.name for field in found.schema().fields}
    return [_field(column, required=False) for column in table.columns if column.name not in known]


def is_outgrown(found: DeltaTable, table: Table) -> bool:
    """Whether the declaration has columns that the table lacks, or levels by which fewer statistics are kept."""
    return bool(gained_columns(found, table) or raised_levels(found, table))


def bring_up(found: DeltaTable, table: Table) -> None:
    """Add the columns, and let no further commit tell of those that are personal by now."""
    if gained := gained_columns(found, table):
        found.alter.add_columns(gained)
    if raised := raised_levels(found, table):
        found.alter.set_table_properties(raised)


def raised_levels(found: DeltaTable, table: Table) -> dict[str, str]:
    """The setting to change where statistics are kept of a column that is personal by now; empty where there is none."""
    kept = found.metadata().configuration.get(_STATISTICS, "").split(",")
    personal = {column.name for column in table.columns if column.level > 2}
    return {_STATISTICS: _open_columns(table)} if personal.intersection(kept) else {}


def _open_columns(table: Table) -> str:
    return ",".join(column.name for column in table.columns if column.level <= 2)


def _field(column: Column, required: bool) -> deltalake.Field:
    metadata = {"comment": column.comment, "jiceng.level": str(column.level)}
    type = PrimitiveType(_DELTA.get(column.type, column.type))
    return deltalake.Field(column.name, type, nullable=not required, metadata=metadata)
