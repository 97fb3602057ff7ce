"""Ids that never change without an event: on small tables, and the three nights of the town.

a case of IDENTITIES   who the mentions were, when the ids were given, the clusters of tonight    ->    ids, events
"""

import hashlib
from collections import Counter
from dataclasses import dataclass
from datetime import date
from typing import Any

import pytest
from pyspark.sql import functions as F

from jobs.common.lake.versions import stood_before
from jobs.match import identity, scope
from jobs.match.mentions import KINDS
from tests.support.match_oracle import list_events
from tests.support.town import Town

pytestmark = [pytest.mark.xdist_group("town"), pytest.mark.nights]

pytest_plugins = ["tests.support.town_fixtures"]
TONIGHT = date(2026, 1, 5)


def new_id(root: str, kind: str, night: date) -> str:
    """Id of an entity that the mention `root` gives birth to."""
    return kind[0].upper() + hashlib.md5(f"{root}|{night}".encode()).hexdigest()[:24]


def fresh(root: str) -> str:
    """Stands in a case for the new id of the cluster with this root."""
    return f"new {root}"


# mention -> (entity of before, still current?); entity -> (night of birth, birth mention); root -> mentions tonight
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


# Every case is played by each kind, all of them at once: place -> kind and case.
PLACES = dict(enumerate(((kind, case) for case in IDENTITIES for kind in KINDS), start=100))


def number(mention: str) -> int:
    """Number of a mention that is called by its place and a letter; mentions are in the order of their numbers."""
    return int(mention[:3]) * 1000 + ord(mention[3])


@dataclass(frozen=True)
class Identities:
    """What became of all cases: the entity of each mention, and the events."""

    entities: dict[str, str]
    events: list[dict[str, Any]]


@pytest.fixture(scope="module")
def identities(spark: Any) -> Identities:
    last, births, clusters = [], [], []
    for place, (kind, case) in PLACES.items():
        before, born, now, _, _ = IDENTITIES[case]
        last += [(number(f"{place}{m}"), kind, f"{place}{e}", current) for m, (e, current) in before.items()]
        births += [
            (f"{place}{e}", kind, date(2026, 1, day), number(f"{place}{m}"), f"{place}{m}")
            for e, (day, m) in born.items()
        ]
        clusters += [
            (f"{place}{m}", number(f"{place}{m}"), kind, number(f"{place}{label}"))
            for label, mentions in now.items()
            for m in mentions
        ]
    known = spark.createDataFrame(last, "number bigint, kind string, entity_id string, was_current boolean")
    schema = "entity_id string, kind string, born date, birth bigint, mention_id string"
    born_before = spark.createDataFrame(births, schema)
    found = spark.createDataFrame(clusters, "mention_id string, number bigint, kind string, root bigint")
    grouped = found.drop("mention_id")
    assigned = identity.assign_entities(grouped, found, known, born_before, TONIGHT)
    rows = assigned.toArrow().to_pylist()
    entities = spark.createDataFrame(rows, "root bigint, kind string, entity_id string, mention_id string")
    events = identity.list_events(known, grouped, entities, born_before, TONIGHT)
    of_root = {row["root"]: row["entity_id"] for row in rows}
    assert len(of_root) == len(rows)
    return Identities({mention: of_root[root] for mention, _, _, root in clusters}, events.toArrow().to_pylist())


def placed(entity: str, place: int) -> str:
    """An entity of a case as it is called at a place: a new id is the hash of the placed root."""
    kind, case = PLACES[place]
    fresh_ids = {fresh(root): new_id(f"{place}{root}", kind, TONIGHT) for root in IDENTITIES[case][2]}
    return fresh_ids.get(entity, f"{place}{entity}")


@pytest.mark.parametrize("place", PLACES, ids=lambda place: "-".join(PLACES[place]))
def test_ids_go_on(identities: Identities, place: int) -> None:
    expected = IDENTITIES[PLACES[place][1]][3]
    found = {m[3:]: entity for m, entity in identities.entities.items() if m.startswith(str(place))}
    assert found == {mention: placed(entity, place) for mention, entity in expected.items()}


@pytest.mark.parametrize("place", PLACES, ids=lambda place: "-".join(PLACES[place]))
def test_every_change_of_ids_is_an_event_of_its_kind(identities: Identities, place: int) -> None:
    kind, case = PLACES[place]
    before, born, _, assigned, events = IDENTITIES[case]
    expected = {(e, placed(x, place), other and placed(other, place)) for e, x, other in events}
    entities = {placed(e, place) for e in [*born, *assigned.values()]}
    found = [event for event in identities.events if event["entity_id"] in entities]
    assert Counter((e["event"], e["entity_id"], e["other_id"]) for e in found) == Counter(expected)
    assert {event["kind"] for event in found} <= {kind}
    if all(day < TONIGHT.day for day, _ in born.values()):
        current = {mention: entity for mention, (entity, is_current) in before.items() if is_current}
        assert list_events(current, assigned, set(born)) == events


def test_no_event_belongs_to_no_case(identities: Identities) -> None:
    expected = sum(len(IDENTITIES[case][4]) for _, case in PLACES.values())
    assert len(identities.events) == expected > 100


def test_births_name_their_mention(identities: Identities) -> None:
    """The root of their cluster; an id of an earlier run of the night keeps the one it was given for."""
    births = {event["entity_id"]: event["mention_id"] for event in identities.events if event["event"] == "birth"}
    expected = {}
    for place, (kind, case) in PLACES.items():
        _, born, now, _, _ = IDENTITIES[case]
        expected |= {new_id(f"{place}{root}", kind, TONIGHT): f"{place}{root}" for root in now}
        expected |= {f"{place}{entity}": f"{place}{mention}" for entity, (day, mention) in born.items() if day == 5}
    assert births
    assert births == {entity: expected[entity] for entity in births}


def test_the_last_entity_of_a_mention_is_that_of_before_tonight(spark: Any) -> None:
    nights = [date(2026, 1, day) for day in range(1, 7)]
    rows = [
        (1, "A", nights[0], None),  # stays
        (2, "A", nights[0], nights[2]),  # moved
        (2, "B", nights[2], None),
        (3, "A", nights[0], nights[1]),  # ended
        (4, "A", nights[0], TONIGHT),  # ends tonight, in an earlier try of the night
        (5, "C", TONIGHT, None),  # came tonight
        (6, "A", nights[0], TONIGHT),  # moved tonight
        (6, "B", TONIGHT, None),
    ]
    frame = spark.createDataFrame(rows, "number bigint, entity_id string, valid_from date, valid_to date")
    frame = frame.selectExpr("*", "'resident' as kind")
    last = identity.last_assignment(frame, TONIGHT).toArrow().to_pylist()
    assert {(row["number"], row["entity_id"], row["was_current"]) for row in last} == {
        (1, "A", True), (2, "B", True), (3, "A", False), (4, "A", True), (6, "A", True),
    }  # fmt: skip
    stood = frame.where(stood_before(TONIGHT)).toArrow().to_pylist()
    assert {(row["number"], row["entity_id"]) for row in stood} == {(1, "A"), (2, "B"), (4, "A"), (6, "A")}


def test_an_ended_mention_follows_a_merge(spark: Any) -> None:
    last = spark.createDataFrame(
        [(1, "resident", "OLD", False), (2, "resident", "X", True)],
        "number bigint, kind string, entity_id string, was_current boolean",
    )
    redirects = spark.createDataFrame([("OLD", "X")], "entity_id string, survivor string")
    rows = identity.follow_redirects(last, redirects).toArrow().to_pylist()
    assert {(row["number"], row["entity_id"]) for row in rows} == {(1, "X"), (2, "X")}


# now: mention -> root; before: mention -> entity; tried, reopened   ->   mentions whose entity must be found out
SCOPES: dict[str, tuple[dict[int, int], dict[int, str], list[int], list[str], set[int]]] = {
    "as it was": ({1: 1, 2: 1, 3: 3}, {1: "A", 2: "A", 3: "B"}, [], [], set()),
    "a new mention, alone": ({1: 1, 2: 2}, {1: "A"}, [], [], {2}),
    "a new mention in a cluster": ({1: 1, 2: 1, 3: 3}, {1: "A", 3: "B"}, [], [], {1, 2}),
    "a mention has ended": ({1: 1, 3: 3}, {1: "A", 2: "A", 3: "B"}, [], [], {1, 2}),
    "the last mention has ended": ({3: 3}, {1: "A", 3: "B"}, [], [], {1}),
    "a merge": ({1: 1, 2: 1, 3: 3}, {1: "A", 2: "B", 3: "C"}, [], [], {1, 2}),
    "a split": ({1: 1, 2: 2, 3: 3}, {1: "A", 2: "A", 3: "C"}, [], [], {1, 2}),
    "a mention goes over": ({1: 1, 2: 3, 3: 3, 4: 4}, {1: "A", 2: "A", 3: "C", 4: "D"}, [], [], {1, 2, 3}),
    "another root of the same cluster": ({1: 2, 2: 2}, {1: "A", 2: "A"}, [], [], set()),
    "an earlier run of the night touched one": ({1: 1, 2: 1, 3: 3}, {1: "A", 2: "A", 3: "B"}, [2], [], {1, 2}),
    "an earlier run of the night touched one that is gone": ({1: 1}, {1: "A"}, [9], [], {9}),
    "a mention comes back that was of an entity which lives": (
        {1: 1, 2: 1, 3: 3, 4: 4}, {1: "A", 2: "A", 4: "B"}, [], ["A"], {1, 2, 3},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", SCOPES)
def test_only_what_changed_and_what_it_reaches_is_worked_on(spark: Any, case: str) -> None:
    now, before, tried, reopened, expected = SCOPES[case]
    clusters = spark.createDataFrame(
        [(m, "resident", root) for m, root in now.items()], "number bigint, kind string, root bigint"
    )
    was = spark.createDataFrame(
        [(m, "resident", e) for m, e in before.items()], "number bigint, kind string, entity_id string"
    )
    compared = scope.compare_clusters(clusters, was)
    keys = spark.createDataFrame([(e,) for e in reopened], "entity_id string")
    found = scope.list_scope(
        compared,
        spark.createDataFrame([(m,) for m in tried], "number bigint"),
        keys.select(F.xxhash64("entity_id").alias("entity_key")),
    )
    assert sorted(row["number"] for row in found.toArrow().to_pylist()) == sorted(expected)


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
        assert event["entity_id"] == new_id(event["mention_id"], event["kind"], event["night"])
