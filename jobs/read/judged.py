"""`jiceng links list`: what people decided on pairs, and what came of it.

Reads: `links.judgement`, `links.mention`, `ops.run`. Writes: nothing.
"""

from collections.abc import Mapping
from itertools import chain
from typing import Any

from jobs.common.base.workspace import Workspace
from jobs.common.intake.judgements import all_judgements, entities_of, newest_of_pairs, pair_of
from jobs.common.model.links import Judgement, JudgementState
from jobs.common.run.runs import all_runs, run_order
from jobs.common.run.stage import open_lake

COLUMNS = [
    "night",
    "kind",
    "decision",
    "state",
    "effect",
    "who",
    "because",
    "mention_id",
    "other_id",
    "entity_id",
    "other_entity",
]


def judged_rows(workspace: Workspace, is_whole: bool) -> list[dict[str, Any]]:
    """The decision that stands on each pair, the newest first; or every decision that was ever made."""
    lake = open_lake(workspace)
    rows = all_judgements(lake)
    newest = newest_of_pairs(rows)
    if not is_whole:
        rows = [row for row in rows if row["state"] == JudgementState.STANDING and _speaks(row, newest)]
    entities = entities_of(lake, chain.from_iterable((row["mention_id"], row["other_id"]) for row in rows))
    last = all_runs(lake)[-1:]
    found = []
    for row in reversed(rows):
        is_waiting = bool(last and row["after_run"] and run_order(row["after_run"]) >= run_order(last[0].run_id))
        ends = {"entity_id": entities.get(row["mention_id"]), "other_entity": entities.get(row["other_id"])}
        found.append({**row, **ends, "effect": _effect(row, ends, _speaks(row, newest), is_waiting)})
    return [{name: row[name] for name in COLUMNS} for row in found]


def _speaks(row: Mapping[str, Any], newest: Mapping[tuple[str, str], Mapping[str, Any]]) -> bool:
    """Whether no later decision is on the same pair."""
    return newest[pair_of(row["mention_id"], row["other_id"])] == row


def _effect(row: Mapping[str, Any], ends: Mapping[str, str | None], speaks: bool, is_waiting: bool) -> str:
    """What came of a decision: nothing any more, nothing yet, or what the mentions are."""
    if not speaks:
        return "replaced"
    if is_waiting:
        return "next run"
    if row["state"] == JudgementState.REVOKED or row["decision"] == Judgement.UNSURE:
        return "none"
    if None in ends.values():
        return "absent"
    return "together" if ends["entity_id"] == ends["other_entity"] else "apart"
