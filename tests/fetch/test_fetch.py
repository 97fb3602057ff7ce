"""Fetch: a database becomes a file of the inbox, whole or not at all; what fails harms its own source alone."""

import re
import sqlite3
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from jobs import fetch
from jobs.common.base.errors import UserError
from jobs.common.contracts.location import CONNECTORS, Location
from jobs.common.intake.fetched import failures_of
from jobs.common.run.conf import current_conf
from jobs.fetch import sqlite
from jobs.fetch.stage import CONNECTORS as FUNCTIONS
from tests.support.constants import REPOSITORY
from tests.support.office import Office, open_office, simple_contract

NIGHT = date(2026, 1, 2)
QUERY = "select id as 编号, word as 内容, '2026-01-01 08:00:00' as 时间 from message order by id"
ROW = '{"编号": 1, "内容": "甲", "时间": "2026-01-01 08:00:00"}\n'


def make_database(path: Path, rows: Sequence[tuple[Any, Any]] = ((1, "甲"),)) -> Path:
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("create table message (id, word)")
        connection.executemany("insert into message values (?, ?)", rows)
    connection.close()
    return path


def fetched_contract(system: str, database: Path, query: str = QUERY, **location: Any) -> str:
    """The simple contract, whose object comes out of a database."""
    contract = yaml.safe_load(simple_contract(system, path=None, as_of=None))
    [server] = contract["servers"]
    del server["format"]
    value = {"connector": "sqlite", "database": str(database), "query": query, **location}
    server["customProperties"].append({"property": "location", "value": value})
    return yaml.safe_dump(contract, allow_unicode=True)


def inbox(office: Office, system: str) -> dict[str, str]:
    folder = office.workspace.inbox / system
    return {path.name: path.read_text(encoding="utf-8") for path in sorted(folder.iterdir())} if folder.exists() else {}


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return open_office(tmp_path / "workspace")


def test_a_query_becomes_a_file_with_its_marker(office: Office, tmp_path: Path) -> None:
    office.declare("desk", fetched_contract("desk", make_database(tmp_path / "desk.db")))
    assert fetch.run(office.workspace, NIGHT) == []
    assert inbox(office, "desk") == {"message_2026-01-02.jsonl": ROW, "message_2026-01-02.jsonl.done": ""}


def test_what_is_there_is_not_fetched_again(office: Office, tmp_path: Path) -> None:
    database = make_database(tmp_path / "desk.db")
    office.declare("desk", fetched_contract("desk", database))
    fetch.run(office.workspace, NIGHT)
    database.unlink()
    assert fetch.run(office.workspace, NIGHT) == []
    assert inbox(office, "desk") == {"message_2026-01-02.jsonl": ROW, "message_2026-01-02.jsonl.done": ""}


def test_a_try_that_stopped_before_its_marker_is_finished(office: Office, tmp_path: Path) -> None:
    office.declare("desk", fetched_contract("desk", make_database(tmp_path / "desk.db")))
    fetch.run(office.workspace, NIGHT)
    (office.workspace.inbox / "desk" / "message_2026-01-02.jsonl.done").unlink()
    fetch.run(office.workspace, NIGHT)
    assert inbox(office, "desk") == {"message_2026-01-02.jsonl": ROW, "message_2026-01-02.jsonl.done": ""}


def test_half_a_file_of_an_earlier_night_goes_and_nobody_elses(office: Office, tmp_path: Path) -> None:
    office.declare("desk", fetched_contract("desk", make_database(tmp_path / "desk.db")))
    office.hand_in("desk/message_2026-01-01.jsonl.part", "{")
    office.hand_in("desk/message_x.jsonl.part", "{")
    fetch.run(office.workspace, NIGHT)
    assert list(inbox(office, "desk")) == [
        "message_2026-01-02.jsonl",
        "message_2026-01-02.jsonl.done",
        "message_x.jsonl.part",
    ]


FAILURES = {
    "no file": ("absent.db", QUERY, {}, "no_database", "there is no such file"),
    "no database": ("text.db", QUERY, {}, "no_database", "SQLITE_NOTADB"),
    "no such table": ("desk.db", "select 1 as a from people", {}, "bad_query", "no such table: people"),
    "no SQL": ("desk.db", "selekt", {}, "bad_query", 'near "selekt": syntax error'),
    "two statements": ("desk.db", "select 1 as a; select 2 as a", {}, "bad_query", "one statement at a time"),
    "a query that writes": ("desk.db", "delete from message", {}, "bad_query", "not authorized"),
    "a query that opens a file": ("desk.db", "attach '/tmp/x.db' as x", {}, "bad_query", "not authorized"),
    "a column twice": ("desk.db", "select id, id from message", {}, "bad_query", "names a column twice"),
    "no row": ("desk.db", "select id from message where id > 9", {}, "no_rows", ""),
    "bytes": ("desk.db", "select x'00ff' as 内容", {}, "no_text", "row 1, column 内容: bytes, or no number"),
    "a text that is not UTF-8": ("desk.db", "select cast(x'd5c5c8fd' as text) as 内容", {}, "no_text", "not UTF-8"),
    "no end of numbers": ("desk.db", "select 9e999 as 内容", {}, "no_text", "row 1, column 内容"),
    "no secret": ("desk.db", QUERY, {"secret": "DESK_DB"}, "no_secret", "the secret DESK_DB is not set"),
}


@pytest.mark.parametrize("case", FAILURES)
def test_a_source_that_fails_is_told_and_harms_itself_alone(
    office: Office, tmp_path: Path, case: str, capsys: pytest.CaptureFixture[str]
) -> None:
    name, query, more, reason, told = FAILURES[case]
    (tmp_path / "text.db").write_text("no database at all, but long enough to be one" * 20)
    database = make_database(tmp_path / "desk.db")
    office.declare("broken", fetched_contract("broken", tmp_path / name, query, **more))
    office.declare("sound", fetched_contract("sound", database))
    [failure] = fetch.run(office.workspace, NIGHT)
    assert (failure.system, failure.object, failure.reason) == ("broken", "message", reason)
    assert told in failure.detail
    assert inbox(office, "broken") == {}
    assert "message_2026-01-02.jsonl.done" in inbox(office, "sound")
    assert failures_of(office.workspace, NIGHT) == {"broken": [failure]}
    entry = current_conf(office.workspace).reasons["fetch"][reason]
    said = capsys.readouterr().err
    assert f"fetch      broken.message: {entry['zh']} / {entry['en']}" in said
    assert entry["mend"] in said


def test_a_failure_goes_once_the_place_gives_its_rows(office: Office, tmp_path: Path) -> None:
    office.declare("desk", fetched_contract("desk", tmp_path / "desk.db"))
    assert fetch.run(office.workspace, NIGHT)
    make_database(tmp_path / "desk.db")
    assert fetch.run(office.workspace, NIGHT) == []
    assert failures_of(office.workspace, NIGHT) == {}


def test_rows_are_text_numbers_or_nothing_and_the_query_knows_night_and_secret(tmp_path: Path) -> None:
    query = "select 1 as a, 1.5 as b, null as c, '甲' as d, :night as e, :secret as f"
    database = make_database(tmp_path / "desk.db")
    location = Location("message", "sqlite", (("database", str(database)), ("query", query)), "DESK_DB")
    rows = list(sqlite.read_rows(location, lambda name: f"value of {name}", NIGHT))
    assert rows == [{"a": 1, "b": 1.5, "c": None, "d": "甲", "e": "2026-01-02", "f": "value of DESK_DB"}]


def test_a_connector_with_a_defect_harms_its_source_alone(
    office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def breaks(*_: object) -> Any:
        yield {"编号": 1}
        raise ValueError("张三 has no number")

    monkeypatch.setitem(FUNCTIONS, "sqlite", breaks)  # type: ignore[arg-type]
    office.declare("desk", fetched_contract("desk", tmp_path / "desk.db"))
    [failure] = fetch.run(office.workspace, NIGHT)
    assert (failure.reason, failure.detail) == ("connector_failed", "ValueError")
    assert inbox(office, "desk") == {}
    assert "张三" not in capsys.readouterr().err


def test_a_folder_of_the_inbox_that_is_a_link_is_not_written_to(office: Office, tmp_path: Path) -> None:
    office.declare("desk", fetched_contract("desk", make_database(tmp_path / "desk.db")))
    (tmp_path / "elsewhere").mkdir()
    (office.workspace.inbox / "desk").symlink_to(tmp_path / "elsewhere")
    [failure] = fetch.run(office.workspace, NIGHT)
    assert failure.reason == "inbox_closed"
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_without_a_location_nothing_is_looked_at(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    office.declare("desk", simple_contract("desk"))
    monkeypatch.setattr("jobs.fetch.stage.open_lake", None)
    assert fetch.run(office.workspace, NIGHT) == []


def test_the_command_names_its_night_and_refuses_what_is_none(
    office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.declare("desk", fetched_contract("desk", make_database(tmp_path / "desk.db")))
    for night, code in (("2026-01-02", 0), ("2026-01-32", 2)):
        monkeypatch.setattr(sys, "argv", ["fetch", "--night", night, "--home", str(office.workspace.home)])
        with pytest.raises(SystemExit) as stop:
            fetch.stage.main()  # type: ignore[attr-defined]
        assert stop.value.code == code
    assert "message_2026-01-02.jsonl.done" in inbox(office, "desk")


def test_every_connector_has_a_module_and_every_reason_a_sentence(office: Office) -> None:
    folder = REPOSITORY / "jobs" / "fetch"
    modules = {path.stem for path in folder.glob("*.py")} - {"__init__", "__main__", "stage", "failure"}
    assert modules == set(CONNECTORS) == set(FUNCTIONS)
    code = "".join(path.read_text(encoding="utf-8") for path in folder.glob("*.py"))
    used = set(re.findall(r'NotFetched\("(\w+)"', code)) | set(re.findall(r'location\.object, "(\w+)"', code))
    assert used == set(current_conf(office.workspace).reasons["fetch"])


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"connector": "sqlight"}, "There is no connector of this name (`sqlight`). Did you mean `sqlite`?"),
        ({"connector": 1}, "There is no connector of this name (no text)."),
        ({"database": None}, "`database` must be text."),
        ({"databse": "x"}, "The location has no word `databse`. Did you mean `database`?"),
        ({"secret": "hunter2"}, "holds what looks like a password"),
        ({"secret": 12}, "holds what looks like a password"),
        ({"secret": "no"}, "holds what looks like a password"),
        ({"secret": ["DESK_DB"]}, "`secret` must be a name and not the secret itself."),
    ],
)
def test_a_location_that_nobody_can_go_to_is_refused(
    office: Office, tmp_path: Path, change: dict[str, Any], told: str
) -> None:
    contract = yaml.safe_load(fetched_contract("desk", tmp_path / "desk.db"))
    contract["servers"][0]["customProperties"][-1]["value"].update(change)
    office.declare("desk", yaml.safe_dump(contract, allow_unicode=True))
    [finding] = current_conf(office.workspace).refused_contracts["desk"].findings
    assert told in str(finding)
    assert "hunter2" not in str(finding)


@pytest.mark.parametrize("word", ["path", "format", "ready", "as_of", "sheet", "encoding"])
def test_settings_of_files_that_are_handed_over_have_no_place_beside_a_location(
    office: Office, tmp_path: Path, word: str
) -> None:
    contract = yaml.safe_load(fetched_contract("desk", tmp_path / "desk.db"))
    contract["servers"][0]["customProperties"].append({"property": word, "value": "x"})
    office.declare("desk", yaml.safe_dump(contract, allow_unicode=True))
    [finding] = current_conf(office.workspace).refused_contracts["desk"].findings
    assert f"`{word}` speaks of files that are handed over" in str(finding)


def test_a_night_behind_the_last_one_is_not_fetched(office: Office, tmp_path: Path) -> None:
    office.declare("desk", fetched_contract("desk", make_database(tmp_path / "desk.db")))
    office.declare("walk", simple_contract("walk"))
    office.hand_in("walk/messages_20260103.csv", ["1 甲"])
    assert office.jiceng("run", "--night", "2026-01-03").code == 0
    with pytest.raises(UserError, match="nights only go forward"):
        fetch.run(office.workspace, NIGHT)
    assert "message_2026-01-02.jsonl" not in inbox(office, "desk")
