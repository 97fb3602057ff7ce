"""The command line `jiceng`. May import every stage; nothing imports it."""

from jobs.cli.app import main

__all__ = ["main"]
