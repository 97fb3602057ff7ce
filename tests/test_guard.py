"""Half an export must not end what it lacks: a snapshot that lost too many keys waits for a person.

The desk's contract lets a snapshot lose three in ten of its keys; a number stands for that many rows, of the keys 1, 2, …
"""

from pathlib import Path

import pytest
from office import Office, copy_office, open_office, rows_of, simple_contract

from jobs.common.stage import open_lake

ONE, TWO, THREE, FOUR = (f"2026-01-0{day}" for day in (1, 2, 3, 4))


def hand_in(office: Office, night: str, keys: range, name: str = "", word: str = "甲") -> None:
    office.hand_in(f"desk/messages{name}_{night.replace('-', '')}.csv", [f"{key} {word}" for key in keys])


def new_office(home: Path, **settings: object) -> Office:
    office = open_office(home)
    office.declare("desk", simple_contract("desk", **({"max_loss": 0.3} | settings)))
    return office


def current(office: Office) -> int:
    return open_lake(office.workspace).rows("harmonised.appeal", {"valid_to": None, "system": "desk"}).num_rows


def state(office: Office, night: str, name: str = "") -> tuple[str, str | None]:
    wanted = {"system": "desk", "name": f"messages{name}_{night.replace('-', '')}.csv"}
    (row,) = open_lake(office.workspace).rows("ops.file", wanted).to_pylist()
    return row["status"], row["detail"]


def file_id(office: Office, night: str) -> str:
    wanted = {"system": "desk", "name": f"messages_{night.replace('-', '')}.csv"}
    return str(open_lake(office.workspace).rows("ops.file", wanted).column("file_id")[0].as_py())


@pytest.fixture(scope="module")
def worked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    office = new_office(tmp_path_factory.mktemp("guard") / "workspace")
    hand_in(office, ONE, range(1, 101))
    assert office.run(ONE).code == 0
    return office.workspace.home


@pytest.fixture
def office(worked: Path, tmp_path: Path) -> Office:
    """100 messages, taken."""
    return copy_office(worked, tmp_path / "workspace")


def test_half_an_export_ends_nothing_and_is_told(office: Office) -> None:
    hand_in(office, TWO, range(1, 51), word="乙")
    answer = office.run(TWO)
    assert answer.code == 0
    told = "50 of 100 keys are gone, declared at most 30%"
    assert state(office, TWO) == ("held", told)
    assert current(office) == 100
    assert office.summary("2026-01-02.1")["sources"]["desk"]["state"] == "refused"
    (row,) = [row for row in office.status() if row["what"] == "file"]
    assert (row["name"], row["state"]) == ("desk/messages_20260102.csv", "held")
    assert told in row["detail"]
    assert "let it through with `jiceng accept`" in row["detail"]
    assert told in answer.err


def test_a_person_lets_it_through(office: Office) -> None:
    hand_in(office, TWO, range(1, 51), word="乙")
    assert office.run(TWO).code == 0
    answer = office.jiceng("accept", file_id(office, TWO)[:8], "--because", "the street is gone")
    assert answer.code == 0
    assert "desk/messages_20260102.csv (message) is let through" in answer.err
    assert office.run(THREE).code == 0
    assert state(office, TWO) == ("accepted", None)
    assert current(office) == 50
    (decision,) = open_lake(office.workspace).rows("ops.decision").to_pylist()
    assert (decision["decision"], decision["because"], decision["night"].isoformat()) == (
        "accept", "the street is gone", THREE,
    )  # fmt: skip
    assert "nothing new" in office.run(THREE).err
    again = office.jiceng("accept", file_id(office, TWO))
    assert (again.code, "only a file that is held can be let through" in again.err) == (2, True)


def test_let_through_in_its_own_night(office: Office) -> None:
    hand_in(office, TWO, range(1, 51), word="乙")
    assert office.run(TWO).code == 0
    assert office.jiceng("accept", file_id(office, TWO)).code == 0
    assert office.run(TWO).code == 0
    assert current(office) == 50
    assert office.summary("2026-01-02.2")["sources"]["desk"]["state"] == "delivered"


def test_a_whole_export_the_next_night_makes_it_good(office: Office) -> None:
    hand_in(office, TWO, range(1, 51))
    assert office.run(TWO).code == 0
    hand_in(office, THREE, range(1, 91))
    assert office.run(THREE).code == 0
    assert state(office, THREE) == ("accepted", None)
    assert current(office) == 90


@pytest.mark.parametrize("later", [TWO, THREE])
def test_the_missing_part_of_a_snapshot_frees_the_first(office: Office, later: str) -> None:
    """Handed in as a second file of the same day, in the same night or the next."""
    hand_in(office, TWO, range(1, 51))
    assert office.run(TWO).code == 0
    assert current(office) == 100
    hand_in(office, TWO, range(51, 99), name="_b")
    assert office.run(later).code == 0
    assert [state(office, TWO, name)[0] for name in ("", "_b")] == ["accepted", "accepted"]
    assert current(office) == 98


def test_parts_handed_in_together_count_together(office: Office) -> None:
    hand_in(office, TWO, range(1, 51))
    hand_in(office, TWO, range(51, 101), name="_b")
    assert office.run(TWO).code == 0
    assert current(office) == 100
    assert office.summary("2026-01-02.1")["sources"]["desk"]["state"] == "delivered"


NOT_HELD = {
    "as much as is declared": ({}, range(1, 101), range(1, 71)),
    "a small export": ({}, range(1, 50), range(1, 22)),
}


@pytest.mark.parametrize("case", NOT_HELD)
def test_not_held(tmp_path: Path, case: str) -> None:
    settings, first, second = NOT_HELD[case]
    office = new_office(tmp_path / "workspace", **settings)
    for night, keys in ((ONE, first), (TWO, second)):
        hand_in(office, night, keys)
        assert office.run(night).code == 0
        assert state(office, night) == ("accepted", None)


def test_rows_without_a_key_are_counted(tmp_path: Path) -> None:
    office = new_office(tmp_path / "workspace", key=False)
    for night, keys in ((ONE, range(1, 101)), (TWO, range(301, 351))):
        hand_in(office, night, keys, word="王小明")
        assert office.run(night).code == 0
    assert state(office, TWO) == ("held", "50 of 100 keys are gone, declared at most 30%")


def test_a_replay_holds_back_and_lets_through_as_it_was(office: Office, tmp_path: Path) -> None:
    hand_in(office, TWO, range(1, 51), word="乙")
    assert office.run(TWO).code == 0
    assert office.jiceng("accept", file_id(office, TWO)).code == 0
    hand_in(office, THREE, range(1, 56), word="丙")
    assert office.run(THREE).code == 0
    answer = office.jiceng("replay", "--into", tmp_path / "again", "--format", "json")
    assert (answer.code, {row["state"] for row in rows_of(answer)}) == (0, {"same"}), answer.err


def test_a_share_that_is_none_is_told(tmp_path: Path) -> None:
    office = new_office(tmp_path / "workspace", max_loss=30)
    answer = office.jiceng("sources", "check", "--format", "json")
    assert answer.code == 2
    assert any("`max_loss` must be a share between 0 and 1, not `30`" in row["detail"] for row in rows_of(answer))
