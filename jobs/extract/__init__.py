"""Extract: finished files leave the inbox for the archive, bytes as received, each with its rows of `ops.file`."""

from jobs.extract.stage import refused_before, run

__all__ = ["refused_before", "run"]
