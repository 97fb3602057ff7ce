"""Pairs of records worth a look: what matchers left open or rejected, and what is near and in different entities.

Reads: `links.*`, `harmonised.resident`, `ops.issue`. Writes: nothing. Refuses: nothing.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain, combinations
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from jobs.common.intake.judgements import Pair, all_judgements, entities_of, pair_of, standing_of_pairs
from jobs.common.intake.keyed_rows import RECORD_KEY
from jobs.common.lake.tables import Lake
from jobs.common.lake.versions import current
from jobs.common.model.links import Decision
from jobs.read.id_typing import near_numbers, read_typed

RESIDENT = "resident"
# More entities of one name and birth date are no near pairs: the date stands for an unknown one.
MOST_NAMESAKES = 12
_MISTYPED = ["id_checksum", "id_birth_date"]  # codes of issues of 18 characters that are no number


class Why(StrEnum):
    """Why a pair is worth a look, in the order in which they are shown."""

    OPEN = "open"
    MISTYPED = "id_mistyped"
    SAME_NAME = "same_name_and_birth_date"
    SEVERAL = "several_in_one"
    VETOED = "vetoed"
    OTHER_ID = "other_id_number"
    ASKED = "asked"


ORDER = list(Why)
TOLD = {
    Why.OPEN: ("匹配规则未能判定", "a matcher left it open"),
    Why.MISTYPED: ("证件号错一位或两位颠倒", "an id number with one digit wrong or two swapped"),
    Why.SAME_NAME: ("姓名、出生日期相同", "same name and birth date"),
    Why.SEVERAL: ("同一居民的记录出生日期或证件号不同", "records of one resident with two birth dates or id numbers"),
    Why.VETOED: ("匹配规则已否定", "a matcher rejected it"),
    Why.OTHER_ID: ("姓名、出生日期相同，证件号不同", "same name and birth date, two valid id numbers"),
    Why.ASKED: ("指定的两条记录", "two records that somebody named"),
}


@dataclass(frozen=True)
class Candidate:
    """A pair of records and why it is worth a look; `reason` is the matcher's."""

    kind: str
    why: Why
    pair: Pair
    reason: str | None = None


@dataclass(frozen=True)
class Found:
    """A pair of records on which nobody has decided, of two entities or, if these may be two, of one.

    `entities` are in the order of the pair; `records` counts theirs: so many one decision is about.
    """

    kind: str
    why: Why
    reason: str | None
    pair: Pair
    entities: tuple[str, str]
    records: int


@dataclass(frozen=True)
class Review:
    """The pairs in the order of what is at stake; `crowds` are names and birth dates of too many entities to be compared."""

    pairs: Sequence[Found]
    crowds: int


def find_pairs(lake: Lake, kind: str | None = None) -> Review:
    """All pairs that are worth a look, of one kind or of all; one for any two entities."""
    candidates = list(_decided_by_matchers(lake, kind))
    crowds = 0
    if kind in (None, RESIDENT):
        namesakes, crowds = _find_namesakes(lake)
        candidates += [*namesakes, *_find_mistyped(lake), *_find_several(lake)]
    return Review(_choose_open(lake, candidates), crowds)


def find_open(lake: Lake) -> list[Found]:
    """The pairs of all kinds that a matcher left open."""
    return _choose_open(lake, [each for each in _decided_by_matchers(lake, None) if each.why is Why.OPEN])


def _choose_open(lake: Lake, candidates: Sequence[Candidate]) -> list[Found]:
    """One pair for any two entities on which nobody has decided, in the order of what is at stake."""
    entities = entities_of(lake, chain.from_iterable(candidate.pair for candidate in candidates))
    open_ones = [each for each in candidates if _is_open(each, entities)]
    chosen = _one_for_each_two(open_ones, entities, _judged_entities(lake))
    sizes = _count_records(lake, chain.from_iterable(chosen))
    found = [_found(candidate, entities, sizes) for candidate in chosen.values()]
    return sorted(found, key=_at_stake)


def ask_about(lake: Lake, kind: str, pair: Pair) -> Found:
    """Two records that somebody named, whatever is known of them."""
    entities = entities_of(lake, pair)
    return _found(Candidate(kind, Why.ASKED, pair), entities, _count_records(lake, entities.values()))


def _is_open(candidate: Candidate, entities: Mapping[str, str]) -> bool:
    """Whether both records are current and of two entities; of one, if the question is whether these are two."""
    one, other = map(entities.get, candidate.pair)
    if one is None or other is None:
        return False
    return (one == other) == (candidate.why is Why.SEVERAL)


def _one_for_each_two(
    candidates: Iterable[Candidate], entities: Mapping[str, str], judged: Collection[Pair]
) -> dict[Pair, Candidate]:
    """For any two entities the first candidate in the order of `Why`; without those that somebody has judged."""
    found: dict[Pair, Candidate] = {}
    for candidate in sorted(candidates, key=lambda each: (ORDER.index(each.why), each.pair)):
        one, other = candidate.pair
        between = pair_of(entities[one], entities[other])
        if between not in judged:
            found.setdefault(between, candidate)
    return found


def _judged_entities(lake: Lake) -> set[Pair]:
    """Any two entities on which a judgement stands, of two of their records, also an unsure one; an entity with itself if people
    said so of its records.
    """
    standing = standing_of_pairs(all_judgements(lake))
    entities = entities_of(lake, chain.from_iterable(standing))
    known = [(entities.get(one), entities.get(other)) for one, other in standing]
    return {pair_of(one, other) for one, other in known if one and other}


def _count_records(lake: Lake, entities: Iterable[str]) -> Counter[str]:
    """Current records of each of these entities."""
    rows = lake.rows("links.mention", {"entity_id": sorted(set(entities))}, ["entity_id"])
    return Counter(rows.column("entity_id").to_pylist())


def _found(candidate: Candidate, entities: Mapping[str, str], sizes: Mapping[str, int]) -> Found:
    one, other = candidate.pair
    both = entities[one], entities[other]
    records = sum(sizes[entity] for entity in set(both))
    return Found(candidate.kind, candidate.why, candidate.reason, candidate.pair, both, records)


def _at_stake(found: Found) -> tuple[Any, ...]:
    return ORDER.index(found.why), -found.records, found.kind, found.pair


# --- what matchers have decided ---------------------------------------------------------------------------------------------


def _decided_by_matchers(lake: Lake, kind: str | None) -> Iterator[Candidate]:
    """Pairs that a matcher left open or rejected."""
    where: dict[str, Any] = {"decision": [Decision.REVIEW, Decision.REJECT]} | ({"kind": kind} if kind else {})
    columns = ["kind", "mention_id", "other_id", "decision", "reason"]
    for row in lake.rows("links.edge", where, columns).to_pylist():
        why = Why.OPEN if row["decision"] == Decision.REVIEW else Why.VETOED
        yield Candidate(row["kind"], why, pair_of(row["mention_id"], row["other_id"]), row["reason"])


# --- what is near -----------------------------------------------------------------------------------------------------------


def _find_namesakes(lake: Lake) -> tuple[list[Candidate], int]:
    """Residents of different entities with the same name and birth date; and how many of these have too many entities."""
    if lake.is_empty("links.mention") or lake.is_empty("harmonised.resident"):
        return [], 0
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = defaultdict(list)
    for row in _named_residents(lake):
        groups[row["name"], row["birth_date"]].append(row)
    crowds = [key for key, group in groups.items() if len(group) > MOST_NAMESAKES]
    pairs = [pair for key, group in groups.items() if key not in crowds for pair in combinations(group, 2)]
    return [_namesakes(one, other) for one, other in pairs], len(crowds)


def _named_residents(lake: Lake) -> list[dict[str, Any]]:
    """`name`, `birth_date`, `entity_id`, its least `mention_id` and `id_number`, if several entities have name and birth date."""
    residents = _read_residents(lake)  # first of all: columns can be written once there is a session
    joined = residents.where(F.col("name").isNotNull() & F.col("birth_date").isNotNull())
    least = [F.min(name).alias(name) for name in ("mention_id", "id_number")]
    held = joined.groupBy("name", "birth_date", "entity_id").agg(*least)
    shared = held.groupBy("name", "birth_date").agg(F.count(F.lit(1)).alias("entities")).where("entities > 1")
    found: list[dict[str, Any]] = held.join(shared, ["name", "birth_date"]).toArrow().to_pylist()
    return found


def _read_residents(lake: Lake) -> DataFrame:
    """Current records of residents with `mention_id` and `entity_id`."""
    records = current(lake.read("harmonised.resident")).select(*RECORD_KEY, "name", "birth_date", "id_number")
    mentions = lake.read("links.mention").where(F.col("kind") == RESIDENT)
    return records.join(mentions.select(*RECORD_KEY, "mention_id", "entity_id"), RECORD_KEY)


def _namesakes(one: Mapping[str, Any], other: Mapping[str, Any]) -> Candidate:
    ids = {one["id_number"], other["id_number"]} - {None}
    why = Why.OTHER_ID if len(ids) > 1 else Why.SAME_NAME
    return Candidate(RESIDENT, why, pair_of(one["mention_id"], other["mention_id"]))


def _find_several(lake: Lake) -> Iterator[Candidate]:
    """Two records of one resident with two id numbers or, if these agree, two birth dates."""
    if lake.is_empty("links.mention") or lake.is_empty("harmonised.resident"):
        return
    residents = _read_residents(lake)
    ends = []
    for name in ("id_number", "birth_date"):
        # The value first, so that the least and the greatest text are of the least and the greatest value.
        text = F.when(F.col(name).isNotNull(), F.concat(F.col(name).cast("string"), F.lit("|"), "mention_id"))
        ends += [F.min(text).alias(f"least_{name}"), F.max(text).alias(f"greatest_{name}")]
    held = residents.groupBy("entity_id").agg(*ends)
    differs = [_value(f"least_{name}") != _value(f"greatest_{name}") for name in ("id_number", "birth_date")]
    either = F.coalesce(differs[0], F.lit(False)) | F.coalesce(differs[1], F.lit(False))
    rows = held.where(either).toArrow().to_pylist()
    yield from map(_several, rows)


def _value(column: str) -> Column:
    return F.substring_index(column, "|", 1)


def _several(row: Mapping[str, Any]) -> Candidate:
    """The two records that differ in their id number, else in their birth date."""
    for name in ("id_number", "birth_date"):
        least, greatest = (str(row[f"{end}_{name}"]).split("|") for end in ("least", "greatest"))
        if least[0] != greatest[0]:
            break
    return Candidate(RESIDENT, Why.SEVERAL, pair_of(least[-1], greatest[-1]))


def _find_mistyped(lake: Lake) -> Iterator[Candidate]:
    """Records whose id number is no number, beside those of the valid numbers that it may have been."""
    typed = _mistyped_numbers(lake)
    near = {place: near_numbers(number) for place, number in typed.items()}
    holders = _holders_of(lake, set(chain.from_iterable(near.values())))
    mentions = _mentions_at(lake, list(typed))
    for place, numbers in near.items():
        own = mentions.get(place)
        others = [holders[number] for number in sorted(numbers) if number in holders]
        yield from (Candidate(RESIDENT, Why.MISTYPED, pair_of(own, other)) for other in others if own)


Place = tuple[str, str, str, int, str]  # system, object, file, row and role of a record


def _mistyped_numbers(lake: Lake) -> dict[Place, str]:
    """18 characters that are no valid number, by the place of the record."""
    where = {"record": RESIDENT, "field": "id_number", "closed": None, "code": _MISTYPED}
    rows = lake.rows("ops.issue", where).to_pylist()
    typed = {_place(row): read_typed(row["raw"] or "") for row in rows}
    return {place: number for place, number in typed.items() if number}


def _place(row: Mapping[str, Any]) -> Place:
    return row["system"], row["object"], row["file_id"], row["row_number"], row["role"]


def _mentions_at(lake: Lake, places: Collection[Place]) -> dict[Place, str]:
    """The mention of the resident at each place."""
    where = {"kind": RESIDENT, "row_number": sorted({place[3] for place in places})}
    columns = ["mention_id", "system", "object", "file_id", "row_number", "role"]
    wanted, found = set(places), {}
    for row in lake.rows("links.mention", where, columns).to_pylist():
        place = _place(row)
        if place in wanted:
            found[place] = row["mention_id"]
    return found


def _holders_of(lake: Lake, numbers: Collection[str]) -> dict[str, str]:
    """For each of these id numbers that a current record has the least mention that has it."""
    where = {"id_number": sorted(numbers), "valid_to": None}
    rows = lake.rows("harmonised.resident", where, ["id_number", *RECORD_KEY]).to_pylist()
    own = {"kind": RESIDENT, "source_key": sorted({row["source_key"] for row in rows})}
    named = lake.rows("links.mention", own, ["mention_id", *RECORD_KEY]).to_pylist()
    mentions = {record_key(row): row["mention_id"] for row in named}
    found: dict[str, str] = {}
    for row in rows:
        mention = mentions.get(record_key(row))
        if mention is not None:
            found[row["id_number"]] = min(mention, found.get(row["id_number"], mention))
    return found


def record_key(row: Mapping[str, Any]) -> tuple[str, ...]:
    """What a record is known by: system, object, key in the source and role."""
    return tuple(row[name] for name in RECORD_KEY)
