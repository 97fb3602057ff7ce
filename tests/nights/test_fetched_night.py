"""A source that is a database, through whole nights: fetched, released, killed, replayed, withdrawn; and its secret."""

from datetime import date
from pathlib import Path

import pytest

from jobs import fetch
from tests.fetch.test_fetch import fetched_contract, make_database
from tests.support.office import Office, copy_office, open_office, rows_of, simple_contract

CANARY = "canary-4711"
KEYED = (
    "select id as 编号, word as 内容, '2026-01-01 08:00:00' as 时间 from message "
    f"where :secret = '{CANARY[:6]}' || '{CANARY[6:]}' order by id"
)


@pytest.fixture(scope="module")
def first_night(tmp_path_factory: pytest.TempPathFactory) -> tuple[Office, Path]:
    """An office whose desk is a database under a key and whose hall hands over files, after one night; and the database."""
    folder = tmp_path_factory.mktemp("fetched")
    office = open_office(folder / "workspace")
    database = make_database(folder / "desk.db", [(1, "甲"), (2, "乙")])
    office.declare("desk", fetched_contract("desk", database, KEYED, secret="DESK_DB"))
    office.declare("hall", simple_contract("hall"))
    office.hand_in("hall/messages_20260101.csv", ["7 丙"])
    secrets = office.workspace.home / "secrets.toml"
    secrets.write_text(f'DESK_DB = "{CANARY}"\n')
    secrets.chmod(0o600)
    answer = office.run("2026-01-01")
    assert answer.code == 0, answer.err
    assert CANARY not in answer.out + answer.err
    return office, database


@pytest.fixture
def office(first_night: tuple[Office, Path], tmp_path: Path) -> Office:
    return copy_office(first_night[0].workspace.home, tmp_path / "copy")


def subjects(office: Office) -> list[str]:
    query = "select system, number, subject from appeal order by system, number"
    rows = rows_of(office.jiceng("sql", query, "--format", "json"))
    return [f"{row['system']} {row['number']} {row['subject']}" for row in rows]


def test_rows_of_a_database_are_released_and_the_file_is_in_the_archive(office: Office) -> None:
    states = {name: source["state"] for name, source in office.summary("2026-01-01.1")["sources"].items()}
    assert (states["desk"], states["hall"]) == ("delivered", "delivered")
    assert subjects(office) == ["desk 1 甲", "desk 2 乙", "hall 7 丙"]
    assert list((office.workspace.inbox / "desk").iterdir()) == []


def test_the_secret_is_nowhere_but_in_its_file(office: Office) -> None:
    found = [
        path.relative_to(office.workspace.home).as_posix()
        for path in office.workspace.home.rglob("*")
        if path.is_file() and CANARY.encode() in path.read_bytes()
    ]
    assert found == ["secrets.toml"]


def test_a_second_run_of_the_night_fetches_nothing_and_has_nothing_new(office: Office) -> None:
    answer = office.run("2026-01-01")
    assert answer.code == 0
    assert "fetch " not in answer.err
    assert office.summary("2026-01-01.2")["nothing_new"] is True


def test_a_night_on_which_the_database_fails_is_incomplete_and_the_others_go_on(office: Office) -> None:
    contract = office.workspace.conf / "sources" / "desk.odcs.yaml"
    contract.write_text(contract.read_text(encoding="utf-8").replace("desk.db", "gone.db"), encoding="utf-8")
    office.hand_in("hall/messages_20260102.csv", ["7 丙", "8 丁"])
    answer = office.run("2026-01-02")
    assert answer.code == 0
    summary = office.summary("2026-01-02.1")
    assert summary["verdict"] == "incomplete"
    assert summary["sources"]["desk"]["state"] == "missing"
    assert summary["sources"]["hall"]["state"] == "delivered"
    told = "数据库打不开 / The database cannot be opened (there is no such file)"
    [row] = [row for row in office.status() if row["name"] == "desk message"]
    assert row["detail"].startswith(told)
    assert f"desk message missing: {told}" in " ".join(answer.err.split())
    assert subjects(office) == ["desk 1 甲", "desk 2 乙", "hall 7 丙", "hall 8 丁"]


def test_a_kill_between_file_and_marker_loses_and_doubles_nothing(
    office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    database = make_database(tmp_path / "desk.db", [(1, "甲"), (2, "戊")])
    office.declare("desk", fetched_contract("desk", database, KEYED, secret="DESK_DB"))
    with monkeypatch.context() as killed:
        killed.setattr(Path, "touch", stop)
        with pytest.raises(KeyboardInterrupt):
            fetch.run(office.workspace, date(2026, 1, 2))
    assert [path.name for path in (office.workspace.inbox / "desk").iterdir()] == ["message_2026-01-02.jsonl"]
    database.unlink()
    assert office.run("2026-01-02").code == 0
    assert subjects(office) == ["desk 1 甲", "desk 2 戊", "hall 7 丙"]
    [file] = office.summary("2026-01-02.1")["sources"]["desk"]["files"]
    assert (file["name"], file["status"]) == ("message_2026-01-02.jsonl", "accepted")


def test_replay_needs_no_database_and_no_secret(office: Office, tmp_path: Path) -> None:
    contract = office.workspace.conf / "sources" / "desk.odcs.yaml"
    contract.write_text(contract.read_text(encoding="utf-8").replace("desk.db", "gone.db"), encoding="utf-8")
    (office.workspace.home / "secrets.toml").unlink()
    answer = office.jiceng("replay", "--into", tmp_path / "again", "--format", "json")
    assert answer.code == 0, answer.err
    assert {row["state"] for row in rows_of(answer)} == {"same"}


def test_a_fetched_file_is_withdrawn_like_any_other(office: Office) -> None:
    answer = office.jiceng("withdraw", "message_2026-01-01.jsonl", "--because", "test")
    assert answer.code == 0, answer.err
    answer = office.run("2026-01-01")
    assert answer.code == 0, answer.err
    assert "fetch " not in answer.err
    assert subjects(office) == ["hall 7 丙"]
