"""Release: what stands against it, and the promotion of all tables or none."""

from jobs.release.stage import run

__all__ = ["run"]
