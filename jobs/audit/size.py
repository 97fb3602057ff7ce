"""Whether a town is so large that the engine is given one thing after the other: it holds in memory what a query joins.

Reads: how many rows `harmonised.*` has. Writes: nothing. Refuses: nothing.
"""

from jobs.common.stage import Context

_VERSIONS_AT_ONCE = 4_000_000


def is_large(context: Context) -> bool:
    """Whether the records have more versions than may be held at once."""
    return sum(context.lake.count_rows(f"harmonised.{name}") for name in context.conf.model) > _VERSIONS_AT_ONCE
