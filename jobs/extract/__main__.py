"""Command line of the stage: `python -m jobs.extract --run-id R [--source S] [--home DIR]`."""

from jobs.common.run.stage import stage_main
from jobs.extract.stage import run

stage_main("extract", run, per_source=True)
