"""Whether a town is so large that memory counts for more than time.

Then the engine is given one thing after the other, because it holds what a query joins, and gives memory back early.
Reads: `ops.file` (rows of the night's files), how many rows `harmonised.*` has. Writes: nothing. Refuses: nothing.
"""

from jobs.common.lake.engine import spare_memory
from jobs.common.run.stage import Context

_VERSIONS_AT_ONCE = 4_000_000
_VERSIONS_PER_ROW = 2.5  # a row speaks of a resident, mostly also of a household or a dwelling


def is_large(context: Context) -> bool:
    """Whether the records have, or will have when the night's rows are worked on, more versions than may be held at once."""
    standing = sum(context.lake.count_rows(f"harmonised.{name}") for name in context.conf.records)
    files = context.lake.rows("ops.file", {"night": context.run.night}, ["rows_read"])
    received = sum(rows or 0 for rows in files.column("rows_read").to_pylist())
    return max(standing, received * _VERSIONS_PER_ROW) > _VERSIONS_AT_ONCE


def spare_memory_if_large(context: Context) -> None:
    """Have the engine spare memory where the town is large; once the night has landed, and before the engine starts."""
    if is_large(context):
        spare_memory()
