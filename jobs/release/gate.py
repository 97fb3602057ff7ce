"""What stands against a release, and what of it a person may let through.

Reads: `ops.audit`, `ops.release`, `candidate.*`. Writes: nothing.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from jobs.common.releases.releases import release_of_run
from jobs.common.releases.rollback import active_hold, describe_hold
from jobs.common.run.stage import Context

Verdicts = defaultdict[str, list[dict[str, Any]]]  # rows of `ops.audit` of the run, by table


@dataclass(frozen=True)
class Obstacle:
    """Why these candidates may not be released; `overridable` where a person may decide otherwise."""

    reason: str
    overridable: bool = False


def describe_candidates(context: Context) -> dict[str, dict[str, Any]]:
    """Rows, fingerprint and version of each candidate as it is now, and the versions of the tables it was made from."""
    lake, names = context.lake, list(context.conf.tables)
    audited = {row["table_name"]: row for row in lake.rows("ops.audit", {"run_id": context.run.run_id}).to_pylist()}
    versions = {name: lake.version(f"candidate.{name}") for name in names}
    # A version never changes: what the audit has found of the same one still holds.
    same = {name for name in names if name in audited and audited[name]["version"] == versions[name]}
    anew = lake.fingerprints({f"candidate.{name}": versions[name] for name in names if name not in same})
    tables = {}
    for name in names:
        fingerprint = audited[name]["fingerprint"] if name in same else anew[f"candidate.{name}"][1]
        tables[name] = {
            "rows": int(fingerprint.split("-")[0]),
            "fingerprint": fingerprint,
            "candidate_version": versions[name],
            "sources": pin_sources(context, name),
        }
    return tables


def pin_sources(context: Context, name: str) -> dict[str, int]:
    """Versions of the tables that a record's candidate was made from, for `explain`: a later run may rewrite the same night."""
    if name not in context.conf.records:
        return {}
    return {source: context.lake.version(source) for source in (f"harmonised.{name}", "links.mention", "links.edge")}


def find_obstacles(context: Context, tables: dict[str, dict[str, Any]]) -> list[Obstacle]:
    """All that stands against releasing these candidates; empty when they may be.

    Args:
        context: of the run.
        tables: from `describe_candidates`.
    """
    verdicts: Verdicts = defaultdict(list)
    for row in context.lake.rows("ops.audit", {"run_id": context.run.run_id}).to_pylist():
        verdicts[row["table_name"]].append(row)
    return [*_missing_verdicts(verdicts, tables), *_failed_rules(verdicts, tables), *_held_back(context)]


def may_be_overridden(obstacles: Sequence[Obstacle]) -> bool:
    """Whether there is something that stands against a release, and nothing but what a person may let through."""
    return bool(obstacles) and all(obstacle.overridable for obstacle in obstacles)


def _missing_verdicts(verdicts: Verdicts, tables: dict[str, dict[str, Any]]) -> list[Obstacle]:
    """A missing verdict refuses."""
    found = [] if verdicts["ledger"] else [Obstacle("the books were not audited")]
    for name, entry in tables.items():
        if not verdicts[name]:
            found.append(Obstacle(f"{name} was not audited"))
        elif any(row["fingerprint"] != entry["fingerprint"] for row in verdicts[name]):
            found.append(Obstacle(f"{name} is not the version that was audited"))
    return found


def _failed_rules(verdicts: Verdicts, tables: dict[str, dict[str, Any]]) -> list[Obstacle]:
    rows = [row for name in ("ledger", *tables) for row in sorted(verdicts[name], key=lambda row: row["rule"])]
    return [
        Obstacle(f"{row['table_name']} fails {row['rule']} ({row['observed']})", bool(row["overridable"]))
        for row in rows
        if row["severity"] == "critical" and not row["success"]
    ]


def _held_back(context: Context) -> list[Obstacle]:
    """Whether a person wants nothing published; a release that has begun goes on."""
    standing = active_hold(context.lake)
    if standing is None or release_of_run(context.lake, context.run.run_id) is not None:
        return []
    return [
        Obstacle(
            f"publishing is {describe_hold(standing)}; `jiceng release resume` lifts the hold, then run the night again"
        )
    ]
