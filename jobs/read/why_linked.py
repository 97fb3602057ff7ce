"""`jiceng explain KIND A B`: why two records are one entity, step by step, or why they are not.

Reads: `links.*` and `harmonised.<kind>` as the release found them. Writes: nothing.
Refuses: what names no record, or several.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise, product
from typing import Any

from jobs.common.base.errors import UserError
from jobs.common.base.workspace import Workspace
from jobs.common.intake.judgements import Pair, pair_of, standing_of_pairs
from jobs.common.model.links import Decision, Judgement
from jobs.common.model.paths import shortest_path
from jobs.common.model.records import Record
from jobs.common.releases.releases import find_release
from jobs.common.run.conf import current_conf
from jobs.common.run.stage import open_lake
from jobs.read.evidence import pinned_versions
from jobs.read.named_records import Links, Named, find_named, record_of_kind
from jobs.read.pair_sides import Side, agreement, label_fields, side_lines, values_of_records

COLUMNS = [
    "state",
    "step",
    "decision",
    "reason",
    "by",
    "agree",
    "differ",
    "record",
    "other_record",
    "mention_id",
    "other_id",
]
ONE, TWO = "one", "two"
_LISTED = 50  # decisions between two entities


@dataclass(frozen=True)
class Link:
    """What was decided on a pair, and by whom or what."""

    pair: Pair
    decision: str
    reason: str
    by: str


def explain_pair(workspace: Workspace, kind: str, one: str, other: str, show_personal: bool) -> list[dict[str, Any]]:
    """One row per step from the one record to the other; of two entities one per decision between them.

    Args:
        workspace: where to look.
        kind: of both.
        one: entity_id, mention_id or the first characters of it, system/key or system/object/key.
        other: as `one`.
        show_personal: values of level 3 and 4 in clear.

    Raises:
        UserError: no such kind or record, or both are the same.
    """
    links = _links_of_release(workspace, kind)
    left, right = find_named(links, one), find_named(links, other)
    if left.entity_id == right.entity_id:
        state, found = ONE, _way(links, left, right)
    else:
        state, found = TWO, _between(links, left, right)
    both = links.rows("mention", entity_id=sorted({left.entity_id, right.entity_id}))
    return _rows(links, state, found, {mention["mention_id"]: mention for mention in both}, show_personal)


def _links_of_release(workspace: Workspace, kind: str) -> Links:
    conf = current_conf(workspace)
    lake = open_lake(workspace, conf)
    record = record_of_kind(conf, kind)
    return Links(lake, record, pinned_versions(find_release(lake), record))


# --- why --------------------------------------------------------------------------------------------------------------------


def _way(links: Links, left: Named, right: Named) -> list[Link]:
    """The links that lead from one record to the other of the same entity."""
    if not (left.is_record and right.is_record) or left.mentions == right.mentions:
        raise UserError(f"both are the entity {left.entity_id}; name two of its records")
    mentions = {mention["mention_id"] for mention in links.rows("mention", entity_id=left.entity_id)}
    known = [link for link in _decided(links, mentions) if link.decision in (Decision.ACCEPT, Judgement.SAME)]
    inside = {link.pair: link for link in reversed(known) if mentions.issuperset(link.pair)}
    start, goal = left.mentions[0]["mention_id"], right.mentions[0]["mention_id"]
    way = shortest_path(inside, start, goal) or []
    return [inside[pair_of(*step)] for step in pairwise(way)]


def _between(links: Links, left: Named, right: Named) -> list[Link]:
    """What was decided on pairs of the two entities; if nothing was, that nobody compared the two."""
    ones = {mention["mention_id"] for mention in left.mentions}
    others = {mention["mention_id"] for mention in right.mentions}
    both = {pair_of(one, other) for one, other in product(ones, others)}
    found = [link for link in _decided(links, ones | others) if link.pair in both]
    nothing = Link(min(both), "none", "not_compared", "")
    return found[:_LISTED] or [nothing]


def _decided(links: Links, mentions: set[str]) -> list[Link]:
    """What people, then matchers, have decided on pairs with one of these mentions."""
    by_people = [_judgement(row) for row in standing_of_pairs(links.rows("judgement")).values()]
    named = sorted(mentions)
    edges = links.rows("edge", mention_id=named) + links.rows("edge", other_id=named)
    by_matchers = {(row["mention_id"], row["other_id"], row["matcher"], row["reason"]): _edge(row) for row in edges}
    ordered = [by_matchers[key] for key in sorted(by_matchers, key=str)]
    return [link for link in by_people if not mentions.isdisjoint(link.pair)] + ordered


def _judgement(row: Mapping[str, Any]) -> Link:
    by = f"{row['who']} {row['night']}"
    return Link(pair_of(row["mention_id"], row["other_id"]), row["decision"], f"judged_{row['decision']}", by)


def _edge(row: Mapping[str, Any]) -> Link:
    pair = pair_of(row["mention_id"], row["other_id"])
    return Link(pair, row["decision"], row["reason"], row["matcher"] or "")


# --- rows -------------------------------------------------------------------------------------------------------------------


def _rows(
    links: Links, state: str, found: Sequence[Link], mentions: Mapping[str, Mapping[str, Any]], is_shown: bool
) -> list[dict[str, Any]]:
    """A row for each link, with what the two records say; `mentions` are those of both entities."""
    named = sorted(mentions.keys() & set(chain.from_iterable(link.pair for link in found)))
    version = links.versions.get(f"harmonised.{links.record.name}")
    said = values_of_records(links.lake, links.record, [mentions[mention] for mention in named], version)
    rows = []
    for step, link in enumerate(found, start=1):
        told = {"decision": link.decision, "reason": link.reason, "by": link.by or None}
        compared = _compare(links.record, [mentions[mention] for mention in link.pair], said, is_shown)
        ids = dict(zip(("mention_id", "other_id"), link.pair, strict=True))
        rows.append({"state": state, "step": step, **told, **compared, **ids})
    return rows


def _compare(
    record: Record, pair: Sequence[Mapping[str, Any]], said: Mapping[str, Mapping[str, str]], is_shown: bool
) -> dict[str, str]:
    """What two records say, what agrees and what does not."""
    one, other = (_side(mention, said[mention["mention_id"]]) for mention in pair)
    agree, differ = agreement(one.values, other.values)
    return {
        "agree": label_fields(agree, record),
        "differ": label_fields(differ, record),
        "record": _text(pair[0], one, other, record, is_shown),
        "other_record": _text(pair[1], other, one, record, is_shown),
    }


def _side(mention: Mapping[str, Any], said: Mapping[str, str]) -> Side:
    values = {name: [text] for name, text in said.items()}
    return Side(mention["entity_id"], (mention["system"],), values, None)


def _text(mention: Mapping[str, Any], side: Side, beside: Side, record: Record, is_shown: bool) -> str:
    """A record by its place, with what it says."""
    place = f"{mention['system']} {mention['object']} row {mention['row_number']}"
    return "; ".join([place, *side_lines(side, beside, record, is_shown)])
