"""Ids that never change without an event: on small tables, and the three nights of the town.

a case of IDENTITIES   who the mentions were, when the ids were given, the clusters of tonight    ->    ids, events
"""

import hashlib
from collections import Counter
from collections.abc import Iterable
from datetime import date
from typing import Any

import pytest
from match_oracle import list_events
from town import Town

from jobs.match import identity

pytest_plugins = ["town_fixtures"]
TONIGHT = date(2026, 1, 5)


def fresh(label: str) -> str:
    return "R" + hashlib.md5(f"{label}|{TONIGHT}".encode()).hexdigest()[:24]


# mention -> (entity of before, still current?); entity -> (night of birth, birth mention); label -> mentions tonight
IDENTITIES: dict[str, tuple[dict, dict, dict, dict, set]] = {
    "a new cluster gets a new id": (
        {}, {},
        {"a": "ab"},
        {"a": fresh("a"), "b": fresh("a")},
        {("birth", fresh("a"), None)},
    ),
    "a cluster goes on, with a new mention": (
        {"b": ("E", True)}, {"E": (1, "b")},
        {"a": "ab"},
        {"a": "E", "b": "E"},
        set(),
    ),
    "a merge: the older id goes on": (
        {"a": ("Y", True), "b": ("X", True)}, {"X": (1, "b"), "Y": (2, "a")},
        {"a": "ab"},
        {"a": "X", "b": "X"},
        {("merge", "Y", "X")},
    ),
    "a merge of two born in one night: the lesser id goes on": (
        {"a": ("Y", True), "b": ("X", True)}, {"X": (1, "b"), "Y": (1, "a")},
        {"a": "ab"},
        {"a": "X", "b": "X"},
        {("merge", "Y", "X")},
    ),
    "the older id goes on though it has fewer mentions": (
        {"a": ("Y", True), "b": ("Y", True), "c": ("X", True)}, {"X": (1, "c"), "Y": (2, "a")},
        {"a": "abc"},
        {"a": "X", "b": "X", "c": "X"},
        {("merge", "Y", "X")},
    ),
    "a split: more mentions keep the id": (
        {"a": ("E", True), "b": ("E", True), "c": ("E", True)}, {"E": (1, "a")},
        {"a": "a", "b": "bc"},
        {"a": fresh("a"), "b": "E", "c": "E"},
        {("split", "E", fresh("a")), ("birth", fresh("a"), None)},
    ),
    "a split in halves: the birth mention keeps the id": (
        {"a": ("E", True), "b": ("E", True)}, {"E": (1, "b")},
        {"a": "a", "b": "b"},
        {"a": fresh("a"), "b": "E"},
        {("split", "E", fresh("a")), ("birth", fresh("a"), None)},
    ),
    "a split in halves without the birth mention: the least label keeps the id": (
        {"a": ("E", True), "b": ("E", True)}, {"E": (1, "gone")},
        {"a": "a", "b": "b"},
        {"a": "E", "b": fresh("b")},
        {("split", "E", fresh("b")), ("birth", fresh("b"), None)},
    ),
    "a mention goes over to another entity": (
        {"a": ("X", True), "b": ("X", True), "c": ("Y", True)}, {"X": (1, "a"), "Y": (1, "c")},
        {"a": "a", "b": "bc"},
        {"a": "X", "b": "Y", "c": "Y"},
        {("split", "X", "Y")},
    ),
    "an entity that lost its mentions to two others goes on in neither": (
        {"a": ("X", True), "b": ("Y", True), "c": ("Y", True), "d": ("Z", True)},
        {"X": (1, "a"), "Y": (2, "b"), "Z": (1, "d")},
        {"a": "ab", "c": "cd"},
        {"a": "X", "b": "X", "c": "Z", "d": "Z"},
        {("merge", "Y", "X")},
    ),
    "an entity whose mentions are gone ends": (
        {"a": ("E", True)}, {"E": (1, "a")},
        {"b": "b"},
        {"b": fresh("b")},
        {("end", "E", None), ("birth", fresh("b"), None)},
    ),
    "a mention that comes back has its old id": (
        {"a": ("E", False)}, {"E": (1, "a")},
        {"a": "a"},
        {"a": "E"},
        {("reopen", "E", None)},
    ),
    "what ended stays ended where its mentions do not come back": (
        {"a": ("E", False)}, {"E": (1, "a")},
        {"b": "b"},
        {"b": fresh("b")},
        {("birth", fresh("b"), None)},
    ),
    "a mention comes back into a cluster that lives": (
        {"a": ("X", False), "b": ("Y", True)}, {"X": (2, "a"), "Y": (1, "b")},
        {"a": "ab"},
        {"a": "Y", "b": "Y"},
        set(),
    ),
    "an ended entity that is older goes on in the place of a living one": (
        {"a": ("X", False), "b": ("Y", True)}, {"X": (1, "a"), "Y": (2, "b")},
        {"a": "ab"},
        {"a": "X", "b": "X"},
        {("reopen", "X", None), ("merge", "Y", "X")},
    ),
    # An earlier run of the same night, perhaps released, gave out X and Y; then another file came.
    "an id given out tonight stays, though a lesser mention came": (
        {}, {"X": (5, "b")},
        {"a": "ab"},
        {"a": "X", "b": "X"},
        {("birth", "X", None)},
    ),
    "of two ids given out tonight one goes on": (
        {}, {"X": (5, "b"), "Y": (5, "a")},
        {"a": "ab"},
        {"a": "X", "b": "X"},
        {("birth", "X", None), ("birth", "Y", None), ("merge", "Y", "X")},
    ),
    "an id given out tonight goes with its birth mention, not with the majority": (
        {}, {"X": (5, "a")},
        {"a": "a", "b": "bc"},
        {"a": "X", "b": fresh("b"), "c": fresh("b")},
        {("birth", "X", None), ("birth", fresh("b"), None)},
    ),
    "an id given out tonight yields to one of before": (
        {"a": ("E", True)}, {"E": (1, "a"), "X": (5, "b")},
        {"a": "ab"},
        {"a": "E", "b": "E"},
        {("birth", "X", None), ("merge", "X", "E")},
    ),
    "an id given out tonight whose mention is gone again": (
        {}, {"X": (5, "z")},
        {"a": "a"},
        {"a": fresh("a")},
        {("birth", "X", None), ("end", "X", None), ("birth", fresh("a"), None)},
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def identities(spark: Any) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """All cases at once, each with the place of its own before every id: (assignments, events)."""
    last, births, clusters = [], [], []
    for place, (before, born, now, _, _) in enumerate(IDENTITIES.values(), start=10):
        last += [(f"{place}{m}", "resident", f"{place}{e}", current) for m, (e, current) in before.items()]
        births += [(f"{place}{e}", "resident", date(2026, 1, day), f"{place}{m}") for e, (day, m) in born.items()]
        clusters += [(f"{place}{m}", f"{place}{label}") for label, mentions in now.items() for m in mentions]
    known = spark.createDataFrame(last, "mention_id string, kind string, entity_id string, was_current boolean")
    born_before = spark.createDataFrame(births, "entity_id string, kind string, born date, birth_mention string")
    found = spark.createDataFrame(clusters, "mention_id string, label string")
    assigned = identity.assign_entities(found, known, born_before, TONIGHT, "resident")
    rows = assigned.toArrow().to_pylist()
    now = spark.createDataFrame(rows, "mention_id string, kind string, entity_id string")
    ended = [(entity,) for entity in {e for _, _, e, _ in last} - {e for _, _, e, current in last if current}]
    ended_before = spark.createDataFrame(ended, "entity_id string")
    events = identity.list_events(known, now, born_before, ended_before, TONIGHT)
    return rows, events.toArrow().to_pylist()


def placed(entity: str, place: int, now: Iterable[str]) -> str:
    """An entity of a case as it is called among all cases: a new id is the hash of the placed label."""
    labels = {fresh(label): fresh(f"{place}{label}") for label in now}
    return labels.get(entity, f"{place}{entity}")


@pytest.mark.parametrize("case", IDENTITIES)
def test_ids_go_on(identities: tuple[list, list], case: str) -> None:
    place = 10 + list(IDENTITIES).index(case)
    now, expected = IDENTITIES[case][2:4]
    found = {r["mention_id"][2:]: r["entity_id"] for r in identities[0] if r["mention_id"].startswith(str(place))}
    assert found == {mention: placed(entity, place, now) for mention, entity in expected.items()}


@pytest.mark.parametrize("case", IDENTITIES)
def test_every_change_of_ids_is_an_event(identities: tuple[list, list], case: str) -> None:
    place = 10 + list(IDENTITIES).index(case)
    before, born, now, assigned, events = IDENTITIES[case]
    expected = {(e, placed(x, place, now), other and placed(other, place, now)) for e, x, other in events}
    entities = {placed(e, place, now) for e in [*born, *assigned.values()]}
    found = [(e["event"], e["entity_id"], e["other_id"]) for e in identities[1] if e["entity_id"] in entities]
    assert Counter(found) == Counter(expected)
    if all(day < TONIGHT.day for day, _ in born.values()):
        current = {mention: entity for mention, (entity, is_current) in before.items() if is_current}
        assert list_events(current, assigned, set(born)) == events


def test_births_name_their_mention(identities: tuple[list, list]) -> None:
    """The least of their cluster; an id of an earlier run of the night keeps the one it was given for."""
    births = {event["entity_id"]: event["mention_id"] for event in identities[1] if event["event"] == "birth"}
    expected: dict[str, str] = {}
    for row in sorted(identities[0], key=lambda row: row["mention_id"]):
        expected.setdefault(row["entity_id"], row["mention_id"])
    for place, (_, born, *_) in enumerate(IDENTITIES.values(), start=10):
        expected |= {f"{place}{entity}": f"{place}{mention}" for entity, (day, mention) in born.items() if day == 5}
    assert births
    assert births == {entity: expected[entity] for entity in births}


def test_the_last_entity_of_a_mention_is_that_of_before_tonight(spark: Any) -> None:
    nights = [date(2026, 1, day) for day in range(1, 7)]
    rows = [
        ("stays", "resident", "A", nights[0], None),
        ("moved", "resident", "A", nights[0], nights[2]),
        ("moved", "resident", "B", nights[2], None),
        ("ended", "resident", "A", nights[0], nights[1]),
        ("ends tonight", "resident", "A", nights[0], TONIGHT),  # an earlier try of the night
        ("came tonight", "resident", "C", TONIGHT, None),
        ("moved tonight", "resident", "A", nights[0], TONIGHT),
        ("moved tonight", "resident", "B", TONIGHT, None),
    ]
    frame = spark.createDataFrame(
        rows, "mention_id string, kind string, entity_id string, valid_from date, valid_to date"
    )
    last = identity.last_assignment(frame, TONIGHT).toArrow().to_pylist()
    assert {(row["mention_id"], row["entity_id"], row["was_current"]) for row in last} == {
        ("stays", "A", True), ("moved", "B", True), ("ended", "A", False), ("ends tonight", "A", True),
        ("moved tonight", "A", True),
    }  # fmt: skip


def test_an_ended_mention_follows_a_merge(spark: Any) -> None:
    last = spark.createDataFrame(
        [("a", "resident", "OLD", False), ("b", "resident", "X", True)],
        "mention_id string, kind string, entity_id string, was_current boolean",
    )
    redirects = spark.createDataFrame([("OLD", "X")], "entity_id string, survivor string")
    rows = identity.follow_redirects(last, redirects).toArrow().to_pylist()
    assert {(row["mention_id"], row["entity_id"]) for row in rows} == {("a", "X"), ("b", "X")}


# --- the town ----------------------------------------------------------------------------------------------------------


def states(town: Town) -> list[dict[str, str]]:
    """mention -> entity at the end of each night, from the identity ledger."""
    rows = town.rows("links.assignment")
    return [
        {
            row["mention_id"]: row["entity_id"]
            for row in rows
            if row["valid_from"] <= night and (row["valid_to"] is None or row["valid_to"] > night)
        }
        for night in town.nights
    ]


def test_events_are_the_difference_of_two_nights(town: Town) -> None:
    before: dict[str, str] = {}
    ever: set[str] = set()
    for night, now in zip(town.nights, states(town), strict=True):
        events = town.rows("links.identity_event", night=night)
        found = [(event["event"], event["entity_id"], event["other_id"]) for event in events]
        assert Counter(found) == Counter(list_events(before, now, ever))
        for event in events:
            if event["event"] == "birth":
                assert now[event["mention_id"]] == event["entity_id"]
        before, ever = now, ever | set(now.values())
    assert before == {row["mention_id"]: row["entity_id"] for row in town.rows("links.mention")}


def test_an_id_is_born_once_and_never_given_again(town: Town) -> None:
    births = [event for event in town.rows("links.identity_event") if event["event"] == "birth"]
    assert len({event["entity_id"] for event in births}) == len(births)
    assert {entity for state in states(town) for entity in state.values()} == {event["entity_id"] for event in births}
    for event in births:
        text = f"{event['mention_id']}|{event['night']}"
        assert event["entity_id"] == "R" + hashlib.md5(text.encode()).hexdigest()[:24]
