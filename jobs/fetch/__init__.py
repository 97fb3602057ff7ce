"""Fetch: exports that nobody hands over come into the inbox as ordinary files."""

from jobs.fetch.stage import run

__all__ = ["run"]
