"""Landing: archived files become rows of text in raw tables, quarantined with a reason, or skipped with a reason."""

from jobs.land.stage import run

__all__ = ["run"]
