"""Land: every row of the archived files as text, with file and row number."""

from jobs.land.stage import run

__all__ = ["run"]
