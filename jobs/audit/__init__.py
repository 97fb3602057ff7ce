"""Audit: each suite's verdict on an exact table version, and the books."""

from jobs.audit.loading import warm_up
from jobs.audit.stage import run

__all__ = ["run", "warm_up"]
