"""What differs between two releases, or between what readers see and the candidates; keys and counts.

Reads: `refined.*`, `candidate.*`, `links.identity_event`. Writes: nothing. Refuses: a release that is no longer kept.
"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from functools import reduce
from itertools import chain
from operator import itemgetter
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from jobs.common.base.errors import UserError
from jobs.common.base.workspace import Workspace
from jobs.common.lake.delta_files import why_unreadable
from jobs.common.lake.engine import run_concurrently
from jobs.common.lake.tables import Lake
from jobs.common.releases.releases import Release, find_release
from jobs.common.run.runs import all_runs
from jobs.common.run.stage import open_lake

CANDIDATE = "candidate"
COLUMNS = ["table", "change", "column", "rows", "keys"]
_KEYS_NAMED = 5  # keys of a change that are named; a query over both releases has all of them
_CHANGES = ("added", "ended", "changed")


@dataclass(frozen=True)
class Side:
    """One of the two that are compared: its night, and the table and version that hold each of its tables."""

    name: str
    night: date
    tables: dict[str, tuple[str, int]]


def difference_rows(
    workspace: Workspace, old: str | None = None, new: str | None = None
) -> tuple[Side, Side, list[dict[str, Any]]]:
    """Both sides, and a row per table and kind of change.

    `change` is added, ended or changed (rows), column (of how many changed rows), merged or split (identities between the
    two nights). `keys` names the first few.

    Args:
        workspace: where.
        old: a release (default: what readers see).
        new: a release, or `candidate` (default: the candidates; where `old` is given, what readers see).

    Raises:
        UserError: no such release, or one that is no longer kept.
    """
    lake = open_lake(workspace)
    before = _side_of(lake, find_release(lake, old))
    if new is None:
        new = CANDIDATE if old is None else find_release(lake).release_id
    after = _candidate_side(lake) if new == CANDIDATE else _side_of(lake, find_release(lake, new))
    names = [name for name in after.tables if name in before.tables]
    compared = run_concurrently(lambda name: _compare(lake, name, before.tables[name], after.tables[name]), names)
    rows = [
        *chain.from_iterable(compared),
        *_lone_tables(lake, "table added", after, before),
        *_lone_tables(lake, "table ended", before, after),
        *_identities(lake, *sorted((before.night, after.night))),
    ]
    return before, after, rows


def _lone_tables(lake: Lake, change: str, side: Side, other: Side) -> list[dict[str, Any]]:
    """Tables that only one side has, with all their rows."""
    names = sorted(side.tables.keys() - other.tables.keys())
    return [_row(name, change, None, lake.count_rows(*side.tables[name]), []) for name in names]


def _side_of(lake: Lake, release: Release) -> Side:
    tables = {name: (f"refined.{name}", entry["version"]) for name, entry in release.tables.items()}
    for table, version in tables.values():
        if why := why_unreadable(lake, table, version):
            raise UserError(f"release {release.release_id} cannot be compared: {why}")
    return Side(release.release_id, release.night, tables)


def _candidate_side(lake: Lake) -> Side:
    names = [name for name in lake.declared if name.startswith("candidate.") and lake.exists(name)]
    tables = {name.partition(".")[2]: (name, lake.version(name)) for name in names}
    return Side(CANDIDATE, all_runs(lake)[-1].night, tables)


def _compare(lake: Lake, name: str, old: tuple[str, int], new: tuple[str, int]) -> list[dict[str, Any]]:
    """What differs between two versions of one table; one action of the engine, and one more for keys."""
    declared = lake.declared[f"refined.{name}"]
    before, after = lake.read(*old), lake.read(*new)
    shared = set(before.columns).intersection(after.columns).difference(declared.key)
    columns = [column for column in declared.names if column in shared]
    both = _join(before, after, declared.key, columns)
    counted = _count_differences(both, columns)
    changes = [change for change in _CHANGES if counted[change]]
    if not changes:
        return []
    keys = _first_keys(both, declared.key)
    rows = [_row(name, change, None, counted[change], keys[change]) for change in changes]
    differing = [column for column in columns if counted[f"_{column}"]]
    return rows + [_row(name, "column", column, counted[f"_{column}"], []) for column in differing]


def _count_differences(both: DataFrame, columns: list[str]) -> dict[str, int]:
    """Rows in each state, and of each column the changed rows in which it differs (`_<column>`)."""
    tests = {change: F.col("_state") == change for change in _CHANGES}
    tests |= {f"_{column}": tests["changed"] & F.col(f"_{column}") for column in columns}
    sums = [F.sum(F.when(test, 1).otherwise(0)).alias(label) for label, test in tests.items()]
    counted: dict[str, int] = both.agg(*sums).toArrow().to_pylist()[0]
    return counted


def _join(before: DataFrame, after: DataFrame, key: tuple[str, ...], columns: list[str]) -> DataFrame:
    """One row per key of either side: the key, `_state`, and for each column whether it differs (`_<column>`)."""
    old = before.select(*[F.col(c).alias(f"a_{c}") for c in (*key, *columns)], F.lit(True).alias("_in_a"))
    new = after.select(*[F.col(c).alias(f"b_{c}") for c in (*key, *columns)], F.lit(True).alias("_in_b"))
    same_key = [F.col(f"a_{c}").eqNullSafe(F.col(f"b_{c}")) for c in key]
    differs = {c: ~F.col(f"a_{c}").eqNullSafe(F.col(f"b_{c}")) for c in columns}
    any_differs = reduce(Column.__or__, differs.values(), F.lit(False))
    state = (
        F.when(F.col("_in_a").isNull(), F.lit("added"))
        .when(F.col("_in_b").isNull(), F.lit("ended"))
        .when(any_differs, F.lit("changed"))
    )
    return old.join(new, same_key, "full_outer").select(
        *[F.coalesce(f"b_{c}", f"a_{c}").alias(c) for c in key],
        state.alias("_state"),
        *[test.alias(f"_{c}") for c, test in differs.items()],
    )


def _first_keys(both: DataFrame, key: tuple[str, ...]) -> dict[str, list[str]]:
    """The first keys of each state, their parts joined by `/`."""
    label = F.concat_ws("/", *key)
    found: dict[str, list[str]] = defaultdict(list)
    for state in _CHANGES:
        few = both.where(F.col("_state") == state).select(label.alias("key")).orderBy("key").limit(_KEYS_NAMED)
        found[state] = few.toArrow().column("key").to_pylist()
    return found


def _identities(lake: Lake, first: date, last: date) -> list[dict[str, Any]]:
    """Merges and splits of entities after the first night, up to the last."""
    changes = {"merge": "merged", "split": "split"}
    events = lake.rows("links.identity_event", {"event": list(changes)}).to_pylist()
    keys: dict[tuple[str, str], list[str]] = defaultdict(list)
    for event in sorted(events, key=itemgetter("night", "entity_id")):
        if first < event["night"] <= last:
            place = event["kind"], changes[event["event"]]
            keys[place].append(f"{event['entity_id']}→{event['other_id']}")
    return [_row(kind, change, None, len(named), named) for (kind, change), named in sorted(keys.items())]


def _row(table: str, change: str, column: str | None, rows: int, keys: list[str]) -> dict[str, Any]:
    first = keys[:_KEYS_NAMED]
    named = ", ".join(first)
    if first and rows > len(first):
        named += ", …"
    return {"table": table, "change": change, "column": column, "rows": rows, "keys": named or None}
