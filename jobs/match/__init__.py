"""Match: which records are the same resident; ids that never change without an event."""

from jobs.match.stage import run

__all__ = ["run"]
