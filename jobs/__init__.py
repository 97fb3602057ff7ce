"""Jiceng: the nightly pipeline of a township or sub-district government."""

from jobs.common.releases import ReleasedTable, open_table

__all__ = ["ReleasedTable", "open_table"]
