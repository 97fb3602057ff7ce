"""`make bench`: what a night costs, beside the same work written by hand for DuckDB, on this machine.

    python -m tests.bench [--rows N] [--runs N] [--only PART ...] [--spark] [--large] [--profile]
    python -m tests.bench --only identity [--residents N] [--seeds S ...] [--towns T ...] [--with-splink CACHE]

Reads: nothing but the repository. Writes: a temporary folder, removed at the end. A Markdown table goes to stdout, progress
to stderr. Nothing here is a test: no number is asserted.
"""
