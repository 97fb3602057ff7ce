"""What people decided on pairs of mentions: `links.judgement`, a row for each decision, none of which is ever changed.

A judgement always wins over what matchers decide. Of several on one pair the newest speaks, and none if that one is revoked.
Of two of one night the later one speaks; if nobody knows which that is, `different`. `unsure` joins nothing and cuts nothing.

Reads: `links.judgement`, `links.mention`. Writes: `links.judgement`. Refuses: nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from jobs.common.lake.tables import Lake
from jobs.common.model.links import Judgement, JudgementState
from jobs.common.run.runs import Run, run_order

TABLE = "links.judgement"
Pair = tuple[str, str]  # two mentions, the lesser first


@dataclass(frozen=True)
class Decided:
    """One decision of a person about a pair, as it is to be recorded."""

    kind: str
    pair: Pair
    decision: Judgement
    who: str
    because: str
    state: JudgementState = JudgementState.STANDING


# --- reading ----------------------------------------------------------------------------------------------------------------


def all_judgements(lake: Lake) -> list[dict[str, Any]]:
    """Every decision that was ever made, in its order."""
    return [] if lake.is_empty(TABLE) else sorted(lake.rows(TABLE).to_pylist(), key=_in_order)


def read_judgements(lake: Lake, night: date) -> dict[Pair, Judgement]:
    """The pairs that are the same or different tonight."""
    return judgements_of(all_judgements(lake), night)


def judgements_of(rows: Iterable[Mapping[str, Any]], night: date) -> dict[Pair, Judgement]:
    """As `read_judgements`, of rows of the table."""
    begun = [row for row in rows if row["night"] <= night]
    newest = newest_of_pairs(begun)
    return {pair: Judgement(row["decision"]) for pair, row in sorted(newest.items()) if _speaks(row)}


def newest_of_pairs(rows: Iterable[Mapping[str, Any]]) -> dict[Pair, Mapping[str, Any]]:
    """The decision that speaks for each pair, also one that is revoked or unsure."""
    return {pair_of(row["mention_id"], row["other_id"]): row for row in sorted(rows, key=_in_order)}


def standing_of_pairs(rows: Iterable[Mapping[str, Any]]) -> dict[Pair, Mapping[str, Any]]:
    """As `newest_of_pairs`, without those that are revoked."""
    return {pair: row for pair, row in newest_of_pairs(rows).items() if row["state"] == JudgementState.STANDING}


def pair_of(mention: str, other: str) -> Pair:
    one, two = sorted((mention, other))
    return one, two


def _speaks(row: Mapping[str, Any]) -> bool:
    """Whether a pair's newest row joins or cuts."""
    return bool(row["state"] == JudgementState.STANDING and row["decision"] != Judgement.UNSURE)


def _in_order(row: Mapping[str, Any]) -> tuple[Any, ...]:
    """What comes last speaks."""
    is_different = row["decision"] == Judgement.DIFFERENT
    number = row.get("number") or 0
    return row["night"], number, is_different, row["decision"], row["state"], row["mention_id"]


def entities_of(lake: Lake, mentions: Iterable[str]) -> dict[str, str]:
    """The entity of each of these mentions that is current."""
    rows = lake.rows("links.mention", {"mention_id": sorted(set(mentions))}, ["mention_id", "entity_id"])
    return dict(zip(rows.column("mention_id").to_pylist(), rows.column("entity_id").to_pylist(), strict=True))


def is_judged_since(lake: Lake, run: Run) -> bool:
    """Whether somebody has decided on a pair after a run, so that another run of its night has work."""
    since = {row["after_run"] for row in all_judgements(lake)} - {None}
    return any(run_order(after) >= run_order(run.run_id) for after in since)


# --- writing ----------------------------------------------------------------------------------------------------------------


def record_judgements(lake: Lake, decided: Sequence[Decided], after: Run) -> None:
    """Add decisions in one commit; they hold from the night of the last run on, should it be run again.

    Args:
        lake: of the workspace.
        decided: in their order.
        after: the last run.
    """
    known = all_judgements(lake)
    first = 1 + max((row["number"] or 0 for row in known), default=0)
    rows = [_row(each, after, number) for number, each in enumerate(decided, start=first)]
    if rows:
        lake.upsert(TABLE, lake.table_of(TABLE, rows))


def _row(decided: Decided, after: Run, number: int) -> dict[str, Any]:
    one, other = decided.pair
    pair = {"kind": decided.kind, "mention_id": one, "other_id": other, "decision": decided.decision}
    told = {"who": decided.who, "because": decided.because, "night": after.night, "state": decided.state}
    return {**pair, **told, "number": number, "after_run": after.run_id}


def copy_judgements(lake: Lake, into: Lake, after_run: str) -> None:
    """Decide in another workspace as somebody decided in this one after a run."""
    rows = [row for row in all_judgements(lake) if row["after_run"] == after_run]
    if rows:
        into.upsert(TABLE, into.table_of(TABLE, rows))


# --- from night to night ----------------------------------------------------------------------------------------------------


def as_found(judgements: Mapping[Pair, Judgement]) -> list[list[str]]:
    """Judgements as a night records them for the next one."""
    return [[one, other, str(decision)] for (one, other), decision in judgements.items()]


def changed_mentions(before: Iterable[list[str]], now: Iterable[list[str]]) -> set[str]:
    """Mentions with a judgement that the night before did not have, or had and is gone; both as `as_found` has them."""
    differ = set(map(tuple, before)) ^ set(map(tuple, now))
    return {mention for one, other, _ in differ for mention in (one, other)}
