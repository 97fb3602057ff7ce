"""What people have decided on pairs of mentions, as it stands tonight: `links.judgement`.

A judgement always wins over what matchers decide. Of several on one pair the newest speaks, and none if that one is revoked;
of two of one night `different` comes before the others. `unsure` joins nothing and cuts nothing.

Reads: `links.judgement`. Writes: nothing. Refuses: nothing.
"""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from jobs.common.lake.tables import Lake
from jobs.common.model.links import Judgement, JudgementState

TABLE = "links.judgement"
Pair = tuple[str, str]  # two mentions, the lesser first


def read_judgements(lake: Lake, night: date) -> dict[Pair, Judgement]:
    """The pairs that are the same or different tonight."""
    return {} if lake.is_empty(TABLE) else judgements_of(lake.rows(TABLE).to_pylist(), night)


def judgements_of(rows: Iterable[Mapping[str, Any]], night: date) -> dict[Pair, Judgement]:
    """As `read_judgements`, of rows of the table."""
    begun = [row for row in rows if row["night"] <= night]
    newest = {_pair(row): row for row in sorted(begun, key=_in_order)}
    return {pair: Judgement(row["decision"]) for pair, row in sorted(newest.items()) if _speaks(row)}


def _pair(row: Mapping[str, Any]) -> Pair:
    one, other = sorted((row["mention_id"], row["other_id"]))
    return one, other


def _speaks(row: Mapping[str, Any]) -> bool:
    """Whether a pair's newest row joins or cuts."""
    return bool(row["state"] == JudgementState.STANDING and row["decision"] != Judgement.UNSURE)


def _in_order(row: Mapping[str, Any]) -> tuple[Any, ...]:
    """What comes last speaks."""
    is_different = row["decision"] == Judgement.DIFFERENT
    return row["night"], is_different, row["decision"], row["state"], row["mention_id"]


def as_found(judgements: Mapping[Pair, Judgement]) -> list[list[str]]:
    """Judgements as a night records them for the next one."""
    return [[one, other, str(decision)] for (one, other), decision in judgements.items()]


def changed_mentions(before: Iterable[list[str]], now: Iterable[list[str]]) -> set[str]:
    """Mentions with a judgement that the night before did not have, or had and is gone; both as `as_found` has them."""
    differ = set(map(tuple, before)) ^ set(map(tuple, now))
    return {mention for one, other, _ in differ for mention in (one, other)}
