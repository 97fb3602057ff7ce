"""`jiceng links list`: what people decided on pairs, and what came of it.

Reads: `links.judgement`, `links.mention`, `ops.run`. Writes: nothing.
"""

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

from jobs.common.base.workspace import Workspace
from jobs.common.intake.judgements import Pair, all_judgements, entities_of, newest_of_pairs, pair_of
from jobs.common.model.links import Judgement, JudgementState
from jobs.common.run.runs import Run, all_runs, run_order
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
    every = all_judgements(lake)
    newest = newest_of_pairs(every)
    standing = [row for row in every if _speaks(row, newest) and row["state"] == JudgementState.STANDING]
    rows = every if is_whole else standing
    entities = entities_of(lake, chain.from_iterable((row["mention_id"], row["other_id"]) for row in rows))
    last = all_runs(lake)[-1:]
    found = []
    for row in reversed(rows):
        ends = {"entity_id": entities.get(row["mention_id"]), "other_entity": entities.get(row["other_id"])}
        effect = _effect(row, ends, _is_waiting(row, last)) if _speaks(row, newest) else "replaced"
        found.append({name: (row | ends | {"effect": effect})[name] for name in COLUMNS})
    return found


def _speaks(row: Mapping[str, Any], newest: Mapping[Pair, Mapping[str, Any]]) -> bool:
    """Whether no later decision is on the same pair."""
    return newest[pair_of(row["mention_id"], row["other_id"])] is row


def _is_waiting(row: Mapping[str, Any], last: Sequence[Run]) -> bool:
    """Whether no run has worked a decision through."""
    after = row["after_run"]
    return bool(after) and any(run_order(after) >= run_order(run.run_id) for run in last)


def _effect(row: Mapping[str, Any], ends: Mapping[str, str | None], is_waiting: bool) -> str:
    """What came of a decision that speaks for its pair: nothing yet, or what the two records are."""
    if is_waiting:
        return "next run"
    if row["state"] == JudgementState.REVOKED or row["decision"] == Judgement.UNSURE:
        return "none"
    if None in ends.values():
        return "absent"
    return "together" if ends["entity_id"] == ends["other_entity"] else "apart"
