"""What stands against a release, and what of it a person may let through.

Reads: `ops.audit`, `ops.release`, `candidate.*`. Writes: nothing.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter
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
    versions = {name: context.lake.version(f"candidate.{name}") for name in context.conf.tables}
    fingerprints = _fingerprints(context, versions)
    tables = {}
    for name, version in versions.items():
        tables[name] = {
            "rows": int(fingerprints[name].split("-")[0]),
            "fingerprint": fingerprints[name],
            "candidate_version": version,
            "sources": pin_sources(context, name),
        }
    return tables


def _fingerprints(context: Context, versions: dict[str, int]) -> dict[str, str]:
    """The fingerprint of each candidate at its version: what the audit has found of the same one still holds."""
    found = {}
    for row in context.lake.rows("ops.audit", {"run_id": context.run.run_id}).to_pylist():
        name = row["table_name"]
        if name in versions and row["version"] == versions[name]:
            found[name] = row["fingerprint"]
    anew = context.lake.fingerprints({f"candidate.{name}": versions[name] for name in versions if name not in found})
    return found | {name.removeprefix("candidate."): told for name, (_, told) in anew.items()}


def pin_sources(context: Context, name: str) -> dict[str, int]:
    """Versions of the tables that a record's candidate was made from, for `explain`: a later run may rewrite the same night."""
    if name not in context.conf.records:
        return {}
    read = (f"harmonised.{name}", "links.mention", "links.edge", "links.judgement")
    return {source: context.lake.version(source) for source in read}


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
        audited = {row["fingerprint"] for row in verdicts[name]}
        if not audited:
            found.append(Obstacle(f"{name} was not audited"))
        elif audited != {entry["fingerprint"]}:
            found.append(Obstacle(f"{name} is not the version that was audited"))
    return found


def _failed_rules(verdicts: Verdicts, tables: dict[str, dict[str, Any]]) -> list[Obstacle]:
    """A critical rule that fails refuses."""
    found = []
    for name in ("ledger", "identity", *tables):
        for row in sorted(verdicts[name], key=itemgetter("rule")):
            if row["severity"] == "critical" and not row["success"]:
                reason = f"{name} fails {row['rule']} ({row['observed']})"
                found.append(Obstacle(reason, bool(row["overridable"])))
    return found


def _held_back(context: Context) -> list[Obstacle]:
    """Whether a person wants nothing published; a release that has begun goes on."""
    standing = active_hold(context.lake)
    has_begun = release_of_run(context.lake, context.run.run_id) is not None
    if standing is None or has_begun:
        return []
    hold = describe_hold(standing)
    return [Obstacle(f"publishing is {hold}; `jiceng release resume` lifts the hold, then run the night again")]
