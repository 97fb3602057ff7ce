"""Nights of made-up rows of all kinds: ids and events of each night by the oracle, and whatever came before, the same links.

Most rows stay from night to night; some change, vanish or come back, and one night is worked on twice.
"""

import random
from collections import Counter
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from deltalake import write_deltalake
from pyspark.sql import DataFrame

from jobs.common.lake.delta_files import remove_unread
from jobs.common.run.conf import take_snapshot
from jobs.common.run.incremental import IncrementalState
from jobs.match import mentions, neighbourhood, stage
from jobs.match.mentions import KINDS
from tests.support.match_frames import ALL, NEAR
from tests.support.match_office import FIRST, LINKS, Office, State, draw_row, place_row
from tests.support.match_oracle import Groups, Pairs, decide_records, list_events, mention_of

pytestmark = pytest.mark.nights
LISTS = [("grid", "list")]


def given_to_others(office: Office, night: date) -> set[str]:
    """Mentions of residents whose row has another name, birth date and id number than its version before."""
    found = set()
    for row in office.versions["resident"]:
        former = [old for old in office.versions["resident"] if old["source_key"] == row["source_key"]]
        former = [old for old in former if old["valid_from"] < night]
        if row["valid_from"] == night and former:
            last = max(former, key=lambda old: old["valid_from"])
            pairs = [(last[name], row[name]) for name in ("name", "birth_date", "id_number")]
            if all(one and other and one != other for one, other in pairs):
                found.add(mention_of("resident", row))
    return found


@pytest.fixture(autouse=True)
def _known_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    """The keys of one list tell people apart, and a name and birth date tells something here too."""
    monkeypatch.setattr(stage, "lists_of_people", lambda conf: LISTS)
    monkeypatch.setattr(stage, "WELL_KNOWN_FROM", 0)


def decide_state(rows: State) -> tuple[Groups, Pairs]:
    """Clusters of all kinds, and the pairs for review, by the oracle."""
    records = {kind: [place_row(kind, key, row) for key, row in rows.items()] for kind in KINDS}
    return decide_records(records, [], LISTS)[:2]


def partition(entities: dict[str, str]) -> Groups:
    found: dict[str, set[str]] = {}
    for mention, entity in entities.items():
        found.setdefault(entity, set()).add(mention)
    return {frozenset(group) for group in found.values()}


def next_state(draw: random.Random, rows: State, ever: State, spread: int = 1) -> State:
    """Some rows change, in one kind or all, vanish and come back, as they were or other than that; `ever` keeps them all."""
    now = {}
    for key, row in ever.items():
        chance = draw.random()
        if (key in rows and chance < 0.06 / spread) or (key not in rows and chance > 0.3):
            continue
        now[key] = draw_row(draw, spread) if chance < 0.12 / spread else dict(row)
        if chance > 0.98:
            kind = draw.choice(KINDS)
            now[key][kind] = draw_row(draw, spread)[kind]
    for key in range(len(ever), len(ever) + 3):
        now[key] = draw_row(draw, spread)
    ever.update(now)
    return now


def test_where_nobody_is_mentioned_yet_nothing_is_done(spark: Any, tmp_path: Path) -> None:
    """The first who are mentioned are matched as on a first night, and that nobody is any longer ends them all."""
    draw, office = random.Random(3), Office(tmp_path / "office")
    nights = [FIRST + timedelta(days) for days in range(3)]
    office.put(nights[0], {})
    office.match(nights[0])
    assert office.looked_at(nights[0]) == [("nobody is mentioned", 0)]
    assert not any(office.links().values())
    rows: State = {key: draw_row(draw) for key in range(20)}
    office.put(nights[1], rows)
    office.match(nights[1])
    assert partition(office.entities()) == decide_state(rows)[0]
    office.put(nights[2], {})
    office.match(nights[2])
    assert office.entities() == {}
    assert office.rows("links.assignment", valid_to=None) == []


@pytest.mark.parametrize("seed", [1, 2])
def test_nights_give_the_clusters_of_one_look_and_the_events_between_them(
    spark: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """Also where a night looks at no more than what changed can reach, as it does here, though much changes."""
    monkeypatch.setattr(neighbourhood, "_FEW", 0)
    draw, office = random.Random(seed), Office(tmp_path / "office")
    ever: State = {key: draw_row(draw) for key in range(60)}
    rows, before, known = dict(ever), dict[str, str](), set[str]()
    events: Counter[str] = Counter()
    for night in (FIRST + timedelta(days) for days in range(5)):
        office.put(night, rows)
        office.match(night)
        assert [what for what, _ in office.looked_at(night)] == [NEAR if before else ALL]
        now = office.entities()
        clusters, review = decide_state(rows)
        assert partition(now) == clusters
        edges = office.rows("links.edge", decision="review")
        assert {(edge["mention_id"], edge["other_id"]) for edge in edges} == review
        found = [(e["event"], e["entity_id"], e["other_id"]) for e in office.rows("links.identity_event", night=night)]
        assert Counter(found) == Counter(list_events(before, now, known, given_to_others(office, night)))
        events.update(event for event, *_ in found)
        assert {row["mention_id"]: row["entity_id"] for row in office.rows("links.assignment", valid_to=None)} == now
        before, known = now, known | set(now.values())
        rows = next_state(draw, rows, ever)
    assert set(events) == {"birth", "merge", "split", "end", "reopen"}
    kinds = {row["mention_id"]: row["kind"] for row in office.rows("links.assignment")}
    assert {row["entity_id"][0] for row in office.rows("links.mention")} == {"R", "D", "O", "H"}
    assert all(row["entity_id"][0] == row["kind"][0].upper() for row in office.rows("links.assignment"))
    assert all(
        event["kind"] == kinds[event["mention_id"]] for event in office.rows("links.identity_event", event="birth")
    )


def nothing(state: IncrementalState) -> None:
    """As if no night had left a record."""


def no_births(run: stage.MatchRun, mentions: DataFrame, clusters: DataFrame) -> None:
    """As if ids had been given out before the first night."""
    stage.write_identities(run, mentions, clusters, stage.list_redirects(run.context))


def everything(compared: DataFrame, tried: DataFrame, reopened: DataFrame) -> DataFrame:
    return compared.select("number").unionByName(tried).distinct()


WAYS = {
    "near": (stage.list_scope, IncrementalState.last, stage.write_births),
    "some": (stage.list_scope, nothing, stage.write_births),
    "all": (everything, nothing, no_births),
}


def match_alike(patch: pytest.MonkeyPatch, offices: dict[str, Office], night: date, number: int, rows: State) -> None:
    """Put the rows into each office, and match them there in its way of WAYS: to the same links."""
    patch.setattr(neighbourhood, "_FEW", 0)
    found = []
    for name, office in offices.items():
        for (of, attribute), way in zip(
            ((stage, "list_scope"), (IncrementalState, "last"), (stage, "write_births")), WAYS[name], strict=True
        ):
            patch.setattr(of, attribute, way)
        office.put(night, rows)
        office.match(night, number)
        found.append(office.links())
    assert all(links == found[0] for links in found)
    assert partition(offices["all"].entities()) == decide_state(rows)[0]


def test_a_night_that_works_on_what_changed_writes_what_one_that_works_on_all_does(
    spark: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the night is worked on again with other rows or none, and again with the first ones."""
    draw = random.Random(3)
    ever: State = {key: draw_row(draw) for key in range(60)}
    states = [dict(ever)]
    for _ in range(4):
        states.append(next_state(draw, states[-1], ever))
    offices = {name: Office(tmp_path / name) for name in WAYS}
    runs = [(0, 1, states[0]), (0, 2, {}), (0, 3, states[1])]
    runs += [(1, 1, states[2]), (1, 2, states[3]), (1, 3, states[2]), (2, 1, states[4])]
    for days, number, rows in runs:
        match_alike(monkeypatch, offices, FIRST + timedelta(days), number, rows)
    told = {
        name: [office.looked_at(FIRST + timedelta(days), number)[0][0] for days, number, _ in runs]
        for name, office in offices.items()
    }
    assert told["near"] == [ALL, ALL, ALL, NEAR, ALL, ALL, NEAR]
    assert {*told["some"], *told["all"]} == {ALL}
    for office in offices.values():
        versions = {name: office.lake.version(name) for name in LINKS}
        office.match(FIRST + timedelta(2))
        assert {name: office.lake.version(name) for name in LINKS} == versions


def test_where_few_meet_a_night_looks_at_few_and_writes_what_one_that_looks_at_all_does(
    spark: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw, spread = random.Random(5), 10
    ever: State = {key: draw_row(draw, spread) for key in range(150)}
    rows, offices = dict(ever), {name: Office(tmp_path / name) for name in ("near", "all")}
    for night in (FIRST + timedelta(days) for days in range(5)):
        match_alike(monkeypatch, offices, night, 1, rows)
        rows = next_state(draw, rows, ever, spread)
        (what, near), (_, whole) = (office.looked_at(night)[0] for office in offices.values())
        assert (what, near) == (ALL, whole) if night == FIRST else what == NEAR and 0 < near < 0.8 * whole


def test_a_resident_whose_dwelling_alone_changes_is_another_s_neighbour_from_that_night_on(
    spark: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Row 1 has no birth date and moves in with its namesake, row 2, and out again; its record of a resident stays as it is."""
    draw, spread = random.Random(7), 1000
    rows: State = {key: draw_row(draw, spread) for key in range(40)}
    nobody = {"name": "张三", "former_name": None, "birth_date": None, "phone": None, "id_number": None}
    here, there = ({**rows[2]["dwelling"], "road": road, "road_number": "5"} for road in ("甲路", "乙路"))
    rows[1] = {**rows[1], "resident": nobody, "dwelling": here}
    rows[2] = {**rows[2], "resident": {**nobody, "id_number": "320102198505050001"}, "dwelling": there}
    moved = {**rows, 1: {**rows[1], "dwelling": there}}
    offices = {name: Office(tmp_path / name) for name in ("near", "all")}
    joined = []
    for night, state in zip((FIRST + timedelta(days) for days in range(3)), (rows, moved, rows), strict=True):
        match_alike(monkeypatch, offices, night, 1, state)
        entities = offices["near"].entities()
        one, other = (mention_of("resident", place_row("resident", key, state[key])) for key in (1, 2))
        joined.append(entities[one] == entities[other])
    assert joined == [False, True, False]
    assert [offices["near"].looked_at(FIRST + timedelta(days))[0][0] for days in range(3)] == [ALL, NEAR, NEAR]


def test_after_maintenance_a_night_looks_at_what_changed_and_after_any_other_commit_at_all(
    spark: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Maintenance removes here what the nights before have left behind, which is a commit."""
    monkeypatch.setattr(neighbourhood, "_FEW", 0)
    draw, office, spread = random.Random(6), Office(tmp_path / "office"), 10
    ever: State = {key: draw_row(draw, spread) for key in range(60)}
    rows, looked = dict(ever), []
    for night in (FIRST + timedelta(days) for days in range(4)):
        office.put(night, rows)
        office.match(night)
        looked.append(office.looked_at(night)[0][0])
        assert partition(office.entities()) == decide_state(rows)[0]
        rows = next_state(draw, rows, ever, spread)
        versions = {name: office.lake.version(name) for name in LINKS}
        if night.day == 2:
            for name in LINKS:
                remove_unread(office.lake, name, set(), 0)
            assert any(office.lake.version(name) > version for name, version in versions.items())
        if night.day == 3:
            edges = office.lake.arrow("links.edge")
            write_deltalake(str(office.lake.path("links.edge")), edges, mode="overwrite")
    assert looked == [ALL, NEAR, NEAR, ALL]


def test_mentions_that_no_numbering_tells_apart_are_not_matched(
    spark: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A number is made so short here that there are more mentions than numbers."""
    office, draw = Office(tmp_path / "office"), random.Random(4)
    office.put(FIRST, {key: draw_row(draw) for key in range(5)})
    monkeypatch.setattr(mentions, "_DIGITS", 1)
    with pytest.raises(RuntimeError, match="no numbering"):
        office.match(FIRST)
    assert office.links() == {name: [] for name in LINKS}


# --- a street renamed -------------------------------------------------------------------------------------------------------


def at(road: str, county: str = "320102") -> dict[str, Any]:
    row = draw_row(random.Random(1))
    nobody = {"name": None, "birth_date": None, "phone": None, "id_number": None}
    place = {"division_code": f"{county}002001", "road": road, "road_number": "5", "compound": None}
    return row | {"resident": nobody, "dwelling": row["dwelling"] | place | {"house_number": None}}


def test_dwellings_keep_their_ids_where_their_street_is_renamed(spark: Any, tmp_path: Path) -> None:
    """Row 0 goes on writing the former name, row 1 the present one; row 2 lies in a county where the street keeps its name."""
    office = Office(tmp_path / "office")
    office.put(FIRST, {0: at("旧街"), 1: at("旧街"), 2: at("旧街", "320104")})
    office.match(FIRST)
    before = {row["source_key"]: row["entity_id"] for row in office.rows("links.mention", kind="dwelling")}
    assert before["0"] == before["1"] != before["2"]

    own = office.workspace.conf / "codes" / "road_names.csv"
    own.parent.mkdir(exist_ok=True)
    own.write_text("former,present,county,until\n旧街,新街,320102,2026\n", encoding="utf-8")
    office.conf = take_snapshot(office.workspace)
    second = FIRST + timedelta(1)
    office.put(second, {0: at("旧街"), 1: at("新街"), 2: at("旧街", "320104"), 3: at("新街", "320104")})
    office.match(second)

    after = {row["source_key"]: row["entity_id"] for row in office.rows("links.mention", kind="dwelling")}
    assert {key: after[key] for key in before} == before
    assert after["3"] not in before.values()
    told = office.rows("links.identity_event", kind="dwelling", night=second)
    assert [(row["event"], row["entity_id"]) for row in told] == [("birth", after["3"])]
