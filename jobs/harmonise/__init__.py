"""Harmonise: bring the rows of the night to the records of the model, versions by night."""

from jobs.harmonise.stage import run

__all__ = ["run"]
