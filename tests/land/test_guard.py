"""Half an export must not end what it lacks: a snapshot that lost too many keys waits for a person.

The desk's contract lets a snapshot lose three in ten of its keys; a number stands for that many rows, of the keys 1, 2, …
"""

from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from deltalake import write_deltalake

from jobs.audit.held_books import held_terms
from jobs.common.intake.losses import WHITE
from jobs.common.model.plain_text import WHITESPACE
from jobs.common.run.conf import snapshot_conf
from jobs.common.run.runs import all_runs
from jobs.common.run.stage import Context, open_lake
from tests.support.office import Office, copy_office, open_office, rows_of, simple_contract

pytestmark = pytest.mark.nights

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
    assert f"let it through with `jiceng accept {file_id(office, TWO)[:12]} --because" in row["detail"]
    assert told in answer.err


def test_a_person_lets_it_through(office: Office) -> None:
    hand_in(office, TWO, range(1, 51), word="乙")
    assert office.run(TWO).code == 0
    answer = office.jiceng("accept", file_id(office, TWO)[:8], "--because", "the street is gone")
    assert answer.code == 0
    assert "desk/messages_20260102.csv (message) is let through" in answer.err
    assert "It will end 50 records of message as they stand now" in answer.err
    ended = office.run(THREE)
    assert ended.code == 0
    assert "desk/messages_20260102.csv let through: 50 records of message ended" in ended.err
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
    assert office.jiceng("accept", "messages_20260102.csv").code == 0
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
    # By now there is nothing to let through.
    answer = office.jiceng("accept", "desk/messages_20260102.csv")
    assert answer.code == 2
    assert "messages_20260102.csv of 2026-01-02 has been superseded: messages_20260103.csv of 2026-01-03" in answer.err
    assert state(office, TWO)[0] == "held"


def test_a_held_file_stands_in_the_books_and_they_can_fail(office: Office) -> None:
    hand_in(office, TWO, range(1, 51), word="乙")
    assert office.run(TWO).code == 0
    rows = rows_of(office.jiceng("books", "--system", "desk", "--format", "json"))
    told = {
        row["record"]: {term: row[term] for term in ("read", "landed", "skipped", "held")}
        for row in rows
        if row["file_id"]
    }
    assert told == {
        None: {"read": 51, "landed": 50, "skipped": 1, "held": None},
        "appeal": {"read": None, "landed": 50, "skipped": None, "held": 50},
    }
    assert "50 landed = 50 held" in office.jiceng("books", "--system", "desk").out
    # A record that rests on one of its rows nevertheless.
    lake, run = open_lake(office.workspace), all_runs(open_lake(office.workspace))[-1]
    context = Context(office.workspace, snapshot_conf(office.workspace, run.config_hash), lake, run)
    assert [row["rows"] for row in held_terms(context)] == [50]
    (stolen, *_) = lake.rows("harmonised.appeal", {"system": "desk"}).to_pylist()
    stolen |= {"file_id": file_id(office, TWO), "valid_from": run.night}
    write_deltalake(str(lake.path("harmonised.appeal")), lake.table_of("harmonised.appeal", [stolen]), mode="append")
    assert [
        row["rows"] for row in held_terms(Context(office.workspace, context.conf, open_lake(office.workspace), run))
    ] == [49]


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


RAGGED = ["7 甲 多", "8 甲 多", "9 甲 多", "10 甲 多"]  # a cell too many: set aside, their keys unread


@dataclass(frozen=True)
class Case:
    """What an object hands in night by night, by file name; which of its files are held at the end, and how many rows stand.

    `settings` are those of the contract; a file of a night is named by its day unless it has a name of its own.
    """

    handed: dict[str, dict[str, list[str]]]
    held: dict[str, str]
    stands: int
    settings: dict[str, Any] = field(default_factory=dict)


def rows(first: int, last: int, word: str = "甲") -> list[str]:
    return [f"{key} {word}" for key in range(first, last + 1)]


CASES = {
    # As much as is declared may go, and no key more.
    "at_the_limit": Case({ONE: {"": rows(1, 10)}, TWO: {"": rows(1, 7)}}, {}, 7, {"max_loss": 0.3}),
    "beyond_the_limit": Case(
        {ONE: {"": rows(1, 10)}, TWO: {"": rows(1, 6)}}, {TWO: "4 of 10 keys are gone, declared at most 30%"}, 10,
        {"max_loss": 0.3},
    ),
    # By default more than half, of three keys or more.
    "a_short_list": Case(
        {ONE: {"": rows(1, 49)}, TWO: {"": rows(1, 2)}}, {TWO: "47 of 49 keys are gone, declared at most 50%"}, 49,
    ),
    "two_of_three": Case({ONE: {"": rows(1, 3)}, TWO: {"": rows(1, 1)}}, {TWO: "2 of 3 keys are gone, declared at most 50%"}, 3),
    "one_of_three": Case({ONE: {"": rows(1, 3)}, TWO: {"": rows(1, 2)}}, {}, 2),
    "one_of_two": Case({ONE: {"": rows(1, 2)}, TWO: {"": rows(1, 1)}}, {}, 1),
    "too_few_by_contract": Case({ONE: {"": rows(1, 10)}, TWO: {"": rows(1, 1)}}, {}, 1, {"max_loss_from": 11}),
    "as_many_as_by_contract": Case(
        {ONE: {"": rows(1, 10)}, TWO: {"": rows(1, 1)}}, {TWO: "9 of 10 keys are gone, declared at most 50%"}, 10,
        {"max_loss_from": 10},
    ),
    "never": Case({ONE: {"": rows(1, 10)}, TWO: {"": rows(1, 1)}}, {}, 1, {"max_loss": 1}),
    "no_row_at_all": Case({ONE: {"": rows(1, 10)}, TWO: {"": []}}, {TWO: "10 of 10 keys are gone, declared at most 50%"}, 10),
    "increments": Case({ONE: {"": rows(1, 10)}, TWO: {"": rows(1, 1)}}, {}, 10, {"mode": "incremental"}),
    # Keys are compared as they are in the records: without white space, in whatever order.
    "white_space": Case({ONE: {"": rows(1, 4)}, TWO: {"": [f"\u3000{key}\xa0 甲" for key in (4, 3, 2, 1)]}}, {}, 4),
    # What stands counts, and not the snapshot before, which ended nothing: its rows set aside may be those that seem absent.
    "what_stands": Case(
        {ONE: {"": rows(1, 10)}, TWO: {"": rows(1, 4) + RAGGED}, THREE: {"": rows(1, 4)}},
        {THREE: "6 of 10 keys are gone, declared at most 50%"}, 10,
    ),
    # If the newest of two snapshots is held, the other one speaks, but nothing ends on a night with a file that is held.
    "an_older_one_speaks": Case(
        {ONE: {"": rows(1, 10)}, THREE: {"": rows(1, 1), "b_20260102": rows(2, 11)}},
        {THREE: "9 of 10 keys are gone, declared at most 50%"}, 11,
    ),
    "both_are_held": Case(
        {ONE: {"": rows(1, 10)}, THREE: {"": rows(1, 1), "b_20260102": rows(1, 2)}},
        {THREE: "9 of 10 keys are gone, declared at most 50%", TWO: "8 of 10 keys are gone, declared at most 50%"}, 10,
    ),
    # The wrong street's file is withdrawn before the second night: what it brought stands no longer.
    "after_a_withdrawal": Case({ONE: {"": rows(101, 120)}, TWO: {"": rows(1, 5)}}, {}, 5),
    # From the second night on the contract names another key, which the rows that stand have as well.
    "another_key": Case(
        {ONE: {"": [f"{n} w{n}" for n in range(1, 7)]}, TWO: {"": [f"{n + 50} w{n}" for n in range(1, 7)]}}, {}, 6,
    ),
    # A person lets the second night's file through before the third; the fourth night's is judged against what is left.
    "judged_anew": Case(
        {ONE: {"": rows(1, 10)}, TWO: {"": rows(1, 4)}, FOUR: {"": rows(1, 1)}},
        {FOUR: "3 of 4 keys are gone, declared at most 50%"}, 4,
    ),
    # A person lets the second night's file through, and the run tells that it ended nothing.
    "an_empty_one": Case({ONE: {"": rows(1, 10)}, TWO: {"": []}}, {}, 10),
    # It grew again after that, and on the fourth night the bytes that were let through come once more.
    "let_through_once": Case(
        {ONE: {"": rows(1, 10)}, TWO: {"a": rows(1, 4)}, THREE: {"b": rows(1, 10)}, FOUR: {"a": rows(1, 4)}},
        {TWO: "6 of 10 keys are gone, declared at most 50%"}, 10, {"as_of": None},
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Lists:
    """The office of all cases after four nights, and what it was told when it let files through and after each night."""

    office: Office
    told: dict[str, str]


@pytest.fixture(scope="module")
def lists(tmp_path_factory: pytest.TempPathFactory) -> Lists:
    told: dict[str, str] = {}
    office = open_office(tmp_path_factory.mktemp("lists") / "workspace")
    for system, case in CASES.items():
        office.declare(system, simple_contract(system, **case.settings))
    for night in (ONE, TWO, THREE, FOUR):
        if night == TWO:
            decide(office, "withdraw", "after_a_withdrawal", ONE)
            contract = simple_contract("another_key").replace(", required: true, primaryKey: true", "")
            office.declare(
                "another_key",
                contract.replace("physicalName: 内容", "physicalName: 内容, required: true, primaryKey: true"),
            )
        if night == THREE:
            for system in ("judged_anew", "let_through_once", "an_empty_one"):
                told[system] = decide(office, "accept", system, TWO)
        for system, case in CASES.items():
            for name, lines in case.handed.get(night, {}).items():
                office.hand_in(f"{system}/{name or 'x_' + night.replace('-', '')}.csv", lines)
        answer = office.run(night)
        assert answer.code == 0
        told[night] = answer.err
    return Lists(office, told)


def decide(office: Office, command: str, system: str, night: str) -> str:
    """By the name; several systems may have the same bytes."""
    (found,) = (
        open_lake(office.workspace).rows("ops.file", {"system": system, "night": date.fromisoformat(night)}).to_pylist()
    )
    answer = office.jiceng(command, f"{system}/{found['name']}")
    assert answer.code == 0
    return answer.err


@pytest.mark.parametrize("system", CASES)
def test_what_is_held_and_what_stands(lists: Lists, system: str) -> None:
    lake = open_lake(lists.office.workspace)
    files = lake.rows("ops.file", {"system": system}).to_pylist()
    assert {str(row["as_of"]): row["detail"] for row in files if row["status"] == "held"} == CASES[system].held
    assert lake.rows("harmonised.appeal", {"valid_to": None, "system": system}).num_rows == CASES[system].stands


def test_what_an_acceptance_ends_is_told_before_and_after(lists: Lists) -> None:
    assert "It will end 6 records of message as they stand now" in lists.told["judged_anew"]
    assert (
        "It will end nothing. message: A snapshot without a row is taken for a failed export"
        in lists.told["an_empty_one"]
    )
    assert "judged_anew/x_20260102.csv let through: 6 records of message ended" in lists.told[THREE]
    assert "an_empty_one/x_20260102.csv let through: no record of message ended" in lists.told[THREE]
    assert "let through" not in lists.told[FOUR]


def test_an_older_one_that_speaks_is_not_called_late(lists: Lists) -> None:
    rows = open_lake(lists.office.workspace).rows("ops.file", {"system": "an_older_one_speaks"}).to_pylist()
    assert {row["name"]: row["status"] for row in rows} == {
        "x_20260101.csv": "accepted", "x_20260103.csv": "held", "b_20260102.csv": "accepted",
    }  # fmt: skip


def test_white_space_is_what_the_engine_takes_for_it() -> None:
    short = {" ": " ", "\t": "\\t", "\r": "\\r", "\n": "\\n", "\x0b": "\\x0B", "\x0c": "\\x0C"}
    assert "[" + "".join(short.get(char, f"\\x{{{ord(char):X}}}") for char in WHITE) + "]" == WHITESPACE


def test_rows_without_a_key_are_counted(tmp_path: Path) -> None:
    office = new_office(tmp_path / "workspace", key=False)
    for night, keys in ((ONE, range(1, 11)), (TWO, range(301, 306))):
        hand_in(office, night, keys, word="王小明")
        assert office.run(night).code == 0
    assert state(office, TWO) == ("held", "5 of 10 keys are gone, declared at most 30%")


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


@pytest.mark.parametrize(("value", "written"), [(-1, "-1"), (2.5, "2.5"), ("three", "three"), (True, "true")])
def test_a_number_of_keys_that_is_none_is_told(tmp_path: Path, value: object, written: str) -> None:
    office = new_office(tmp_path / "workspace", max_loss_from=value)
    answer = office.jiceng("sources", "check", "--format", "json")
    told = f"`max_loss_from` must be a whole number of keys, not `{written}`"
    assert answer.code == 2
    assert any(told in row["detail"] for row in rows_of(answer))
