"""Landing: archived files become rows of text in raw tables, quarantined with a reason, or skipped with a reason."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jobs.common.run.stage import Context

__all__ = ["run"]


def run(context: "Context", system: str) -> None:
    """Land the waiting files of a system, object by object."""
    # The process that reads files is of this package as well, and loads neither tables nor engine.
    from jobs.land import stage

    stage.run(context, system)
