"""Jiceng: the nightly pipeline of a township or sub-district government."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jobs.common.releases.releases import ReleasedTable, open_table

__all__ = ["ReleasedTable", "open_table"]


def __getattr__(name: str) -> Any:
    """Load the readers' side when it is asked for: the process that reads files does without an engine."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from jobs.common.releases import releases

    return getattr(releases, name)
