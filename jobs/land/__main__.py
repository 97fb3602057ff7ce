"""Command line of the stage: `python -m jobs.land --run-id R [--source S] [--home DIR]`."""

from jobs.common.run.stage import stage_main
from jobs.land.stage import run

stage_main("land", run, per_source=True)
