"""What differs between two releases, or between what readers see and the candidates; keys and counts.

Reads: `refined.*`, `candidate.*`, `links.identity_event`. Writes: nothing. Refuses: a release that is no longer kept.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import date
from typing import Any

from pyspark.sql import DataFrame
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
    rows = [row for found in compared for row in found]
    for side, change in ((after, "added"), (before, "ended")):
        for name in sorted(side.tables.keys() - set(names)):
            rows.append(_row(name, f"table {change}", None, lake.count_rows(*side.tables[name]), []))
    return before, after, rows + _identities(lake, *sorted((before.night, after.night)))


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
    columns = [c for c in declared.names if c in before.columns and c in after.columns and c not in declared.key]
    both = _join(before, after, declared.key, columns)
    sums = {state: F.sum(F.when(F.col("_state") == state, 1).otherwise(0)) for state in _CHANGES}
    differs = {
        f"_{column}": F.sum(F.when((F.col("_state") == "changed") & F.col(f"_{column}"), 1).otherwise(0))
        for column in columns
    }
    counted = both.agg(*[total.alias(label) for label, total in (sums | differs).items()]).toArrow().to_pylist()[0]
    if not any(counted[state] for state in _CHANGES):
        return []
    keys = _first_keys(both, declared.key)
    rows = [_row(name, state, None, counted[state], keys[state]) for state in _CHANGES if counted[state]]
    return rows + [_row(name, "column", c, counted[f"_{c}"], []) for c in columns if counted[f"_{c}"]]


def _join(before: DataFrame, after: DataFrame, key: tuple[str, ...], columns: list[str]) -> DataFrame:
    """One row per key of either side: the key, `_state`, and for each column whether it differs (`_<column>`)."""
    old = before.select(*[F.col(c).alias(f"a_{c}") for c in (*key, *columns)], F.lit(True).alias("_in_a"))
    new = after.select(*[F.col(c).alias(f"b_{c}") for c in (*key, *columns)], F.lit(True).alias("_in_b"))
    same_key = [F.col(f"a_{c}").eqNullSafe(F.col(f"b_{c}")) for c in key]
    differs = {c: ~F.col(f"a_{c}").eqNullSafe(F.col(f"b_{c}")) for c in columns}
    any_differs = F.lit(False)
    for test in differs.values():
        any_differs = any_differs | test
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
    events = lake.rows("links.identity_event", {"event": ["merge", "split"]}).to_pylist()
    counts: Counter[tuple[str, str]] = Counter()
    keys: dict[tuple[str, str], list[str]] = defaultdict(list)
    for event in sorted(events, key=lambda event: (event["night"], event["entity_id"])):
        if first < event["night"] <= last:
            place = event["kind"], {"merge": "merged", "split": "split"}[event["event"]]
            counts[place] += 1
            keys[place].append(f"{event['entity_id']}→{event['other_id']}")
    return [_row(kind, change, None, rows, keys[kind, change]) for (kind, change), rows in sorted(counts.items())]


def _row(table: str, change: str, column: str | None, rows: int, keys: list[str]) -> dict[str, Any]:
    named = ", ".join(keys[:_KEYS_NAMED]) + (", …" if rows > len(keys[:_KEYS_NAMED]) and keys else "")
    return {"table": table, "change": change, "column": column, "rows": rows, "keys": named or None}
