"""Merge: one row per entity, each field from the system that has the say."""

from jobs.merge.stage import run

__all__ = ["run"]
