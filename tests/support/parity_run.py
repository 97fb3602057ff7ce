"""One engine's side of the parity tests: every case computed, and nights run, in one process with one session.

    JICENG_ENGINE=spark python -m tests.support.parity_run --out FILE [--night YYYY-MM-DD --home H]...

A case uses what our jobs use where the engines are known to be silent about differing:

    they differ in                                          case, or why there is none
    \\d, \\w, \\s, lookaround                                  semantic_types; forbidden in jobs
    . and $ at line ends                                    semantic_types, parts_of_addresses
    casts of unpadded or impossible days                    days_from_text; jobs pad first
    offsets and zones of times                              local_times_of_several_zones
    decimals: division, average, double, rounding           amounts_of_money; jobs move the point in the text
    sums of bigints that overflow                           fingerprints_of_every_type; jobs sum decimals
    xxhash64 and nulls, decimals                            row_hashes_of_every_type
    positions that are null, negative or beyond the end     text_functions_at_their_edges
    conv of what is no digit, negative or too large         credit_codes, numbers_of_mentions; jobs ask the shape first
    nulls in joins, orders, aggregates, arrays              the cases of parity_frames
    order of texts                                          order_of_texts
    an extra column is dropped, another type is cast        refused_before_writing
    replaceWhere does not look at the new rows              merges_and_their_commits; delta-rs writes parts
    an empty write, MERGE or DELETE commits or not          merges_and_their_commits
    rows or files counted by DML                            merges_and_their_commits; jobs count changes
    NOT NULL columns of a table made by its first write     columns_stay_nullable
    persist and cache do nothing lasting                    scratch_is_computed_once
    partitionOverwriteMode, change feed, txnAppId,          forbidden in jobs
      stddev, ln, percentiles, names of aggregates
"""

import json
import sys
import time
import traceback
from argparse import ArgumentParser
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

from tests.support import parity_frames, parity_products, parity_tables, parity_texts
from tests.support.parity_base import Rows

# A night asks so much of so few rows that compiling it, and printing its plans, is much of its time.
SMALL = {
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.sql.ui.explainMode": "simple",
    "spark.sql.maxPlanStringLength": "1000",
}
CASES: list[Callable[[], Rows]] = [
    *parity_texts.CASES,
    *parity_frames.CASES,
    *parity_tables.CASES,
    *parity_products.CASES,
]


def main() -> None:
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="JSON: rows of each case, or how it failed")
    parser.add_argument("--night", action="append", type=date.fromisoformat, default=[], help="night to run")
    parser.add_argument("--home", action="append", type=Path, default=[], help="workspace of that night")
    arguments = parser.parse_args()
    found: dict[str, Any] = {}
    for case in CASES:
        began = time.monotonic()
        try:
            found[case.__name__] = case()
        except Exception:
            found[case.__name__] = traceback.format_exc()[-2000:]
        print(f"case {case.__name__} in {time.monotonic() - began:.1f} s", file=sys.stderr)
    arguments.out.write_text(json.dumps(found, ensure_ascii=False), encoding="utf-8")
    from jobs.common.base.workspace import open_workspace
    from jobs.common.lake.engine import engine_name, session
    from jobs.operate.nightly import run_night

    # The cases are compiled, as on a cluster.
    if engine_name() == "spark":
        for name, value in SMALL.items():
            session().conf.set(name, value)
    for night, home in zip(arguments.night, arguments.home, strict=True):
        began = time.monotonic()
        run_night(open_workspace(home), night)
        print(f"night {night} in {time.monotonic() - began:.1f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
