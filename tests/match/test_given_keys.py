"""A key of a source that is given to another person: two nights of a small register and of a list that knows some of them.

A1  another person altogether       B1  the same, and the list still knows the one of before
C1  renamed                         D1  another name and id number, and the birth date of before
E1  of the newcomer the list knows already
"""

from typing import Any

import pytest

from jobs.common.run.stage import open_lake
from tests.support.office import Office, open_office
from tests.support.pair_office import with_check
from tests.support.written_contracts import NUMBER, column, contract

pytestmark = pytest.mark.nights

HEADER = "编号,姓名,身份证号,出生日期\n"
COLUMNS = (
    NUMBER,
    column("person", "姓名", "resident.name"),
    column("id", "身份证号", "resident.id_number", 4),
    column("born", "出生日期", "resident.birth_date"),
)


def person(name: str, born: str, turn: int) -> str:
    """Name, id number, birth date."""
    number = with_check(f"320102{born.replace('-', '')}{turn:03}")
    return f"{name},{number},{born}"


OLD = {
    key: person(f"赵{word}", f"196{at}-03-05", 21)
    for at, (key, word) in enumerate(zip("ABCDE", "甲乙丙丁戊", strict=True))
}
NEW = {
    key: person(f"凌{word}", f"198{at}-07-09", 32)
    for at, (key, word) in enumerate(zip("ABCDE", "子丑寅卯辰", strict=True))
}
RENAMED = OLD["C"].replace("赵丙", "赵炳")
CORRECTED = person("钱丁", "1963-03-05", 45)


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Office:
    office = open_office(tmp_path_factory.mktemp("given") / "workspace")
    for system in ("register", "list"):
        office.declare(system, contract(system, "*.csv", COLUMNS))
    first = "".join(f"{key}1,{told}\n" for key, told in OLD.items())
    known = f"L1,{OLD['B']}\nL2,{NEW['E']}\n"
    tonight = {**NEW, "C": RENAMED, "D": CORRECTED}
    second = "".join(f"{key}1,{told}\n" for key, told in tonight.items())
    for day, register in (("01", first), ("02", second)):
        office.hand_in(f"register/x_202601{day}.csv", HEADER + register)
        office.hand_in(f"list/x_202601{day}.csv", HEADER + known)
        answer = office.run(f"2026-01-{day}")
        assert answer.code == 0, answer.err
    return office


@pytest.fixture(scope="module")
def lives(office: Office) -> dict[str, tuple[str, str]]:
    """Key -> its entity on the first and on the second night."""
    found: dict[str, dict[int, str]] = {}
    for row in open_lake(office.workspace).rows("links.assignment").to_pylist():
        keys = open_lake(office.workspace).rows("links.mention", {"mention_id": row["mention_id"]}).to_pylist()
        night = row["valid_from"].day
        found.setdefault(keys[0]["source_key"], {})[night] = row["entity_id"]
    return {key: (nights[1], nights.get(2, nights[1])) for key, nights in found.items()}


def events(office: Office, entity: str) -> list[tuple[str, str]]:
    rows = open_lake(office.workspace).rows("links.identity_event", {"entity_id": entity}).to_pylist()
    return [(row["event"], row["cause"]) for row in sorted(rows, key=lambda row: row["night"])]


def test_another_person_gets_an_id_of_its_own_and_the_former_one_ends(office: Office, lives: Any) -> None:
    before, after = lives["A1"]
    assert events(office, before) == [("birth", "new mentions"), ("end", "key given to another")]
    assert events(office, after) == [("birth", "new mentions")]


def test_the_former_one_goes_on_where_others_know_it(office: Office, lives: Any) -> None:
    before, after = lives["B1"]
    assert after != before
    assert lives["L1"] == (before, before)
    assert [event for event, _ in events(office, before)] == ["birth"]


def test_a_newcomer_who_is_known_has_the_id_that_it_had(office: Office, lives: Any) -> None:
    before, after = lives["E1"]
    assert after == lives["L2"][0]
    assert events(office, before)[-1] == ("end", "key given to another")


@pytest.mark.parametrize("key", ["C1", "D1"])
def test_who_changes_less_than_all_of_it_stays_the_same(lives: Any, key: str) -> None:
    before, after = lives[key]
    assert after == before


def test_the_night_says_how_many_keys_were_given(office: Office) -> None:
    log = (office.workspace.run_dir("2026-01-02.1") / "log.jsonl").read_text(encoding="utf-8")
    assert "keys were given to other people" in log
