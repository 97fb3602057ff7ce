"""A file taken back out: the records are as if it had never come, whatever came before and after it.

Where a twin is named, the same nights are worked on in an office that withdraws a file and in one that never saw it.
"""

import random
import shutil
from pathlib import Path

import pytest

from jobs import maintain
from jobs.common.run.stage import open_lake
from tests.support.office import Office, export, open_office, simple_contract

pytestmark = pytest.mark.nights

Nights = dict[str, tuple[str, ...] | None]  # what is handed in on each night; None: nothing


def hand_in(office: Office, night: str, lines: tuple[str, ...] | None, system: str = "desk") -> None:
    if lines is not None:
        office.hand_in(f"{system}/messages_{night.replace('-', '')}.csv", lines)


def work(office: Office, nights: Nights) -> None:
    for night, lines in nights.items():
        hand_in(office, night, lines)
        assert office.run(night).code == 0, night


def file_of(office: Office, night: str, system: str = "desk") -> str:
    name = f"messages_{night.replace('-', '')}.csv"
    rows = open_lake(office.workspace).rows("ops.file", {"system": system, "name": name}, ["file_id"])
    return str(rows.column("file_id")[0].as_py())


def withdraw(office: Office, night: str, system: str = "desk") -> None:
    answer = office.jiceng("withdraw", file_of(office, night, system)[:12], "--because", "wrong street")
    assert answer.code == 0, answer.err
    assert f"{system}/messages_{night.replace('-', '')}.csv (message) is withdrawn" in answer.err


def current(office: Office, record: str = "appeal", system: str = "desk") -> set[tuple[str, str | None]]:
    """Key and word of every current record, of which none rests on a withdrawn file."""
    field, lake = {"appeal": "subject", "resident": "name"}[record], open_lake(office.workspace)
    rows = lake.rows(f"harmonised.{record}", {"valid_to": None, "system": system}).to_pylist()
    assert not {row["file_id"] for row in rows} & {row["file_id"] for row in lake.rows("ops.decision").to_pylist()}
    return {(row["source_key"], row[field]) for row in rows}


def published(office: Office, record: str = "appeal") -> list[dict[str, object]]:
    """Released rows without what tells ids from one another."""
    rows = open_lake(office.workspace).arrow(f"refined.{record}").to_pylist()
    bare = [{name: value for name, value in row.items() if name != "entity_id"} for row in rows]
    return sorted(bare, key=repr)


def new_office(home: Path, contract: str) -> Office:
    office = open_office(home)
    office.declare("desk", contract)
    return office


ONE, TWO, THREE, FOUR = (f"2026-01-0{day}" for day in (1, 2, 3, 4))
# By system: how its exports relate, what comes on which night, which night's file is withdrawn before the last one, what is left.
CASES: dict[str, tuple[str, Nights, str, set[tuple[str, str]]]] = {
    "middle": ("snapshot", {ONE: ("1 甲", "2 乙"), TWO: ("1 丙",), THREE: ("2 乙",)}, TWO, {("2", "乙")}),
    "only": ("snapshot", {THREE: ("1 甲", "2 丙")}, THREE, set()),
    "newer": (
        "snapshot", {ONE: ("1 丁", "2 乙"), TWO: ("3 丙",), FOUR: ("2 丁", "3 丙")}, TWO, {("2", "丁"), ("3", "丙")},
    ),
    "changed": (
        "incremental", {ONE: ("1 乙", "2 丁"), TWO: ("2 丙", "3 丁"), THREE: ("3 戊",)}, TWO,
        {("1", "乙"), ("2", "丁"), ("3", "戊")},
    ),
    "first": (
        "incremental", {ONE: ("1 丙", "2 乙"), TWO: ("2 丙",), FOUR: ("4 己",)}, ONE, {("2", "丙"), ("4", "己")},
    ),
}  # fmt: skip


def test_each_key_is_as_the_remaining_files_left_it(tmp_path: Path) -> None:
    """One office, whose every system has a case of its own."""
    office = open_office(tmp_path / "office")
    for system, (mode, *_) in CASES.items():
        office.declare(system, simple_contract(system, mode))
    for night in (ONE, TWO, THREE, FOUR):
        if night == FOUR:
            for system, (_, _, bad, _) in CASES.items():
                withdraw(office, bad, system)
        for system, (_, nights, _, _) in CASES.items():
            hand_in(office, night, nights.get(night), system)
        assert office.run(night).code == 0, night
    rows = open_lake(office.workspace).arrow("refined.appeal").to_pylist()
    for system, (_, _, _, left) in CASES.items():
        assert current(office, system=system) == left, system
        assert {(row["number"], row["subject"]) for row in rows if row["system"] == system} == left, system
    decisions = open_lake(office.workspace).rows("ops.decision").to_pylist()
    assert {(row["night"].isoformat(), row["because"]) for row in decisions} == {(FOUR, "wrong street")}
    assert len(decisions) == len(CASES)


def test_in_its_own_night(tmp_path: Path) -> None:
    """The night is run again, and nothing of it is left, in the first night neither."""
    office = new_office(tmp_path / "office", simple_contract("desk"))
    work(office, {ONE: ("1 甲",)})
    withdraw(office, ONE)
    assert office.run(ONE).code == 0
    assert current(office) == set()
    assert open_lake(office.workspace).rows("harmonised.appeal").num_rows == 0
    work(office, {TWO: ("1 甲", "2 乙"), THREE: ("2 丙",)})
    withdraw(office, THREE)
    assert office.run(THREE).code == 0
    assert current(office) == {("1", "甲"), ("2", "乙")}
    again = office.run(THREE)
    assert "nothing new" in again.err


def test_rows_without_a_key_and_the_people_they_name(tmp_path: Path) -> None:
    """Such a row is known by its content: what other files say as well stays."""
    office = new_office(tmp_path / "office", simple_contract("desk", "incremental", key=False))
    work(office, {ONE: ("1 王小明", "2 李红"), TWO: ("1 王小明", "3 赵云"), THREE: ("1 王小明", "4 孙芳")})
    born = entities(office)
    withdraw(office, TWO)
    work(office, {FOUR: None})
    assert sorted(name for _, name in current(office, "resident")) == ["孙芳", "李红", "王小明"]
    assert sorted(str(row["name"]) for row in published(office, "resident")) == ["孙芳", "李红", "王小明"]
    assert entities(office) < born


def entities(office: Office) -> set[str]:
    return set(open_lake(office.workspace).rows("refined.resident").column("entity_id").to_pylist())


def test_after_maintenance_the_rows_it_needs_come_from_the_archive(tmp_path: Path) -> None:
    office = new_office(tmp_path / "office", simple_contract("desk", "incremental"))
    work(office, {ONE: ("1 甲", "2 乙"), TWO: ("1 丙", "2 丁"), THREE: ("3 戊",)})
    maintain.run(office.workspace, keep_nights=1)
    raw = open_lake(office.workspace).rows("raw.desk__message", {"file_id": file_of(office, ONE)})
    assert raw.num_rows == 0
    withdraw(office, TWO)
    work(office, {FOUR: None})
    assert current(office) == {("1", "甲"), ("2", "乙"), ("3", "戊")}


def test_it_stays_out_when_it_comes_again_and_status_says_so(tmp_path: Path) -> None:
    office = new_office(tmp_path / "office", simple_contract("desk"))
    work(office, {ONE: ("1 甲",), TWO: ("9 坏",)})
    withdraw(office, TWO)
    office.hand_in("desk/messages_20260103.csv", export(("9 坏",)))
    assert office.run(THREE).code == 0
    assert current(office) == {("1", "甲")}
    told = {(row["name"], row["state"]) for row in office.status() if row["what"] == "file"}
    assert told == {("desk/messages_20260103.csv", "withdrawn")}
    lake = open_lake(office.workspace)
    assert lake.rows("raw.desk__message", {"file_id": file_of(office, TWO)}).num_rows == 0


def test_what_cannot_be_withdrawn_is_refused(tmp_path: Path) -> None:
    office = new_office(tmp_path / "office", simple_contract("desk"))
    answer = office.jiceng("withdraw", "0" * 64)
    assert (answer.code, "no night has been worked on yet" in answer.err) == (2, True)
    work(office, {ONE: ("1 甲",)})
    for name in ("0" * 64, file_of(office, ONE)[:7]):
        answer = office.jiceng("withdraw", name)
        assert (answer.code, "no file begins with" in answer.err) == (2, True)
    withdraw(office, ONE)
    answer = office.jiceng("withdraw", file_of(office, ONE))
    assert (answer.code, "has been withdrawn already" in answer.err) == (2, True)


def test_whatever_came_before_and_after(tmp_path: Path) -> None:
    compare_with_twin(tmp_path, "incremental", 1)


def compare_with_twin(folder: Path, mode: str, seed: int) -> None:
    """Five random nights; one of the files is withdrawn after a random night."""
    draw = random.Random(f"{mode}{seed}")
    days = [f"2026-01-0{day}" for day in range(1, 6)]
    nights: Nights = {}
    for night in days:
        keys = draw.sample(range(1, 7), draw.randint(1, 5))
        nights[night] = tuple(f"{key} {draw.choice('甲乙丙')}" for key in sorted(keys)) if draw.random() < 0.8 else None
    nights[days[0]] = nights[days[0]] or ("1 甲",)
    handed = [night for night in days[:-1] if nights[night]]
    bad = draw.choice(handed)
    after = draw.choice([night for night in days[:-1] if night >= bad])
    office, twin = (new_office(folder / name, simple_contract("desk", mode)) for name in ("office", "twin"))
    for night in days:
        work(office, {night: nights[night]})
        if night == after:
            withdraw(office, bad)
    # The same bytes may have come under several names: all of them are one file, which has never come.
    same = [night for night in handed if night != bad and nights[night] == nights[bad]]
    work(twin, {night: lines for night, lines in nights.items() if night != bad and night not in same})
    assert current(office) == current(twin)
    assert published(office) == published(twin)
    shutil.rmtree(folder / "office")
