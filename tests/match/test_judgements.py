"""What people decided on pairs of mentions: which rows hold tonight, and that they win over all matchers, night by night.

a row of CASES   (mention, other, decision, night, state)   ->   pair -> decision, in night 5
"""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from jobs.common.intake.judgements import as_found, changed_mentions, judgements_of
from jobs.common.run.incremental import IncrementalState
from jobs.match import neighbourhood
from tests.support.match_frames import ALL, NEAR
from tests.support.match_office import FIRST, Office, State
from tests.support.match_oracle import mention_of

pytestmark = pytest.mark.nights

Row = tuple[str, str, str, int, str]
CASES: dict[str, tuple[list[Row], dict[tuple[str, str], str]]] = {
    "none": ([], {}),
    "the same": ([("a", "b", "same", 1, "standing")], {("a", "b"): "same"}),
    "tonight": ([("a", "b", "different", 5, "standing")], {("a", "b"): "different"}),
    "of a later night": ([("a", "b", "same", 6, "standing")], {}),
    "unsure": ([("a", "b", "unsure", 1, "standing")], {}),
    "revoked": ([("a", "b", "same", 1, "revoked")], {}),
    "the greater mention first": ([("b", "a", "same", 1, "standing")], {("a", "b"): "same"}),
    "the newest speaks": (
        [("a", "b", "same", 1, "standing"), ("b", "a", "different", 2, "standing")],
        {("a", "b"): "different"},
    ),
    "the newest is unsure": ([("a", "b", "same", 1, "standing"), ("a", "b", "unsure", 2, "standing")], {}),
    "the newest is revoked": ([("a", "b", "same", 1, "standing"), ("a", "b", "different", 2, "revoked")], {}),
    "two of one night": (
        [("b", "a", "different", 1, "standing"), ("a", "b", "same", 1, "standing")],
        {("a", "b"): "different"},
    ),
    "two pairs": (
        [("a", "b", "same", 1, "standing"), ("a", "c", "different", 1, "standing")],
        {("a", "b"): "same", ("a", "c"): "different"},
    ),
}  # fmt: skip


def rows_of(rows: list[Row]) -> list[dict[str, Any]]:
    names = ("mention_id", "other_id", "decision", "night", "state")
    dated = [(*row[:3], date(2026, 1, row[3]), row[4]) for row in rows]
    return [dict(zip(names, row, strict=True)) for row in dated]


@pytest.mark.parametrize("case", CASES)
def test_which_judgements_hold(case: str) -> None:
    rows, expected = CASES[case]
    assert judgements_of(rows_of(rows), date(2026, 1, 5)) == expected
    assert judgements_of(reversed(rows_of(rows)), date(2026, 1, 5)) == expected


def test_a_judgement_that_came_or_went_or_is_another_changes_its_mentions() -> None:
    before = [["a", "b", "same"], ["c", "d", "same"], ["e", "f", "same"]]
    now = as_found(judgements_of(rows_of([("a", "b", "same", 1, "standing"), ("c", "d", "different", 1, "standing")]),
                                 date(2026, 1, 5)))  # fmt: skip
    now.append(["g", "h", "different"])
    assert changed_mentions(before, now) == {"c", "d", "e", "f", "g", "h"}
    assert changed_mentions(now, now) == set()


# --- nights -----------------------------------------------------------------------------------------------------------------


def resident(name: str, number: int) -> dict[str, Any]:
    person = {"name": name, "id_number": f"320102198001010{number:03d}", "birth_date": date(1980, 1, 1)}
    return {"resident": person, "dwelling": {}, "organisation": {}, "household": {}}


# 1 and 2 have one id number; 3 and 4 another; 5 a third; the others are strangers.
ROWS: State = {
    1: resident("张三", 11), 2: resident("张三", 11), 3: resident("李四", 22), 4: resident("李四", 22),
    5: resident("王五", 33), **{key: resident(f"生{key}", key) for key in range(100, 120)},
}  # fmt: skip


def mention(key: int) -> str:
    system = ("police", "grid", "health")[key % 3]
    return mention_of("resident", {"system": system, "object": "list", "source_key": str(key), "role": "person"})


def judge(office: Office, one: int, other: int, decision: str, night: date, state: str = "standing") -> None:
    pair = {"mention_id": mention(one), "other_id": mention(other), "kind": "resident"}
    told = {"decision": decision, "who": "a clerk", "because": "a test", "night": night, "state": state}
    row = {**pair, **told, "number": None, "after_run": None}
    office.lake.upsert("links.judgement", office.lake.table_of("links.judgement", [row]))


def same_letters(entities: dict[str, str]) -> list[str]:
    """Who is one: the letters of each entity, together."""
    found: dict[str, str] = {}
    for letter, entity in entities.items():
        found[entity] = found.get(entity, "") + letter
    return sorted(found.values())


def nothing(state: IncrementalState) -> None:
    """As if no night had left a record, so that all mentions are looked at."""


def test_judgements_join_and_cut_and_a_night_looks_at_what_they_reach(
    spark: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No row changes in four nights: what people decide does, and the night that looks at all writes the same."""
    monkeypatch.setattr(neighbourhood, "_FEW", 0)
    nights = [FIRST + timedelta(days) for days in range(4)]
    offices = {name: Office(tmp_path / name) for name in ("near", "all")}
    lasts = {"near": IncrementalState.last, "all": nothing}
    groups, looked = [], []
    for night in nights:
        for name, office in offices.items():
            monkeypatch.setattr(IncrementalState, "last", lasts[name])
            office.put(night, ROWS)
            if night == nights[1]:
                judge(office, 1, 2, "different", night)
                judge(office, 5, 4, "same", night)
                judge(office, 1, 5, "unsure", night)
            if night == nights[3]:
                judge(office, 5, 4, "same", nights[1], "revoked")
            office.match(night)
        near, whole = offices.values()
        assert near.links() == whole.links()
        entities = near.entities()
        groups.append({name: entities[mention(key)] for key, name in enumerate("abcde", start=1)})
        looked.append(near.looked_at(night)[0])
    assert [same_letters(entities) for entities in groups] == [
        ["ab", "cd", "e"], ["a", "b", "cde"], ["a", "b", "cde"], ["a", "b", "cd", "e"],
    ]  # fmt: skip
    assert [what for what, _ in looked] == [ALL, NEAR, NEAR, NEAR]
    # Each resident comes with a dwelling and a household of the same row.
    assert [count // 3 for _, count in looked[1:]] == [5, 0, 3]
