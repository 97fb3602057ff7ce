"""Command line of the stage: `python -m jobs.fetch --night D [--home DIR]`."""

from jobs.fetch.stage import main

main()
