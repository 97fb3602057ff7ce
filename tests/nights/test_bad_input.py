"""What a user does wrong: a clear line about it, the other sources go on, and the next run takes what was mended.

All mistakes are made in one night, beside sources that are as they should be; see `corrupted_town`.
"""

import json
from pathlib import Path

import pytest

from jobs.common.lake.tables import Lake
from jobs.common.run.stage import open_lake
from tests.support.corrupted_town import NIGHT, PERSON, CorruptedTown, corrupted_town
from tests.support.office import Office, open_office, rows_of, simple_contract
from tests.support.town import jiceng

pytestmark = [pytest.mark.xdist_group("town"), pytest.mark.nights]

CASES = [
    "truncated workbook", "no workbook", "password", "wrong sheet", "empty workbook", "empty sheet", "missing header",
    "unknown header", "renamed header", "header twice", "no header row", "UTF-8 for GB18030", "GB18030 for UTF-8",
    "GB18030 in JSON lines", "day ahead", "no such day", "fits no path", "undeclared system", "invalid contract",
]  # fmt: skip


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> CorruptedTown:
    return corrupted_town(tmp_path_factory.mktemp)


@pytest.fixture(scope="module")
def lake(town: CorruptedTown) -> Lake:
    return open_lake(town.office.workspace)


def test_no_mistake_is_left_out(town: CorruptedTown) -> None:
    assert list(town.mistakes) == CASES


@pytest.mark.parametrize("case", CASES)
def test_a_file_is_refused_with_its_reason(town: CorruptedTown, lake: Lake, case: str) -> None:
    mistake = town.mistakes[case]
    file = town.file(1, mistake)
    assert (file["status"], file["reason"]) == ("refused", mistake.reason)
    for part in mistake.detail:
        assert part in file["detail"]
    assert not file["made_good"]
    rows = lake.rows("ops.file", {"system": mistake.system, "file_id": file["file_id"], "object": file["object"]})
    # What was only mended around it is accepted since; the file itself stays refused for good.
    assert rows.to_pylist()[0]["status"] == ("refused" if mistake.right or file["object"] == "" else "accepted")


@pytest.mark.parametrize("case", CASES)
def test_status_names_file_reason_and_remedy(town: CorruptedTown, case: str) -> None:
    mistake = town.mistakes[case]
    [row] = [row for row in town.statuses[0] if row["name"] == mistake.path and row["what"] == "file"]
    assert row["state"] == "refused"
    for part in mistake.detail:
        assert part in row["detail"]
    sentence, _, remedy = row["detail"].rpartition("; ")
    assert sentence
    assert len(remedy.split()) >= 3, "what to do about it"
    assert f"{mistake.path} refused: {row['detail']}" in town.runs[0].err.splitlines()


def test_the_other_sources_go_on(town: CorruptedTown) -> None:
    states = {system: source["state"] for system, source in town.summary(1)["sources"].items()}
    assert states == {
        "civil_affairs": "delivered",
        "forum": "not expected",
        "grid": "refused",
        "harmony": "refused",
        "clinic": "refused",
        **dict.fromkeys(("health", "housing", "market", "social_security"), "delivered"),
        "mailbox": "not expected",
        "police": "refused",
        "reply_desk": "not expected",
        "school": "refused",
        "walk_in": "refused",
    }
    landed = {
        (system, file["name"])
        for system, source in town.summary(1)["sources"].items()
        for file in source["files"]
        if file["status"] == "accepted"
    }
    good = {
        ("civil_affairs", "社会救助对象名册_20260101.xlsx"),
        ("grid", "grid_20260101.jsonl"),
        ("clinic", "体检_20260101.csv"),
    }
    systems = {system for system, _ in good}
    assert good == {place for place in landed if place[0] in systems}
    assert len(landed) > len(good)
    tables = town.summary(1)["tables"]
    assert tables["refined.resident"]["rows"] > 20
    assert tables["refined.appeal"]["rows"] == 2


def test_the_run_is_released_and_says_what_it_lacks(town: CorruptedTown) -> None:
    assert town.runs[0].code == 0
    assert town.summary(1)["verdict"] == "incomplete"
    assert town.summary(1)["release_id"] == f"{NIGHT}.1"
    assert "run 2026-01-01.1 incomplete" in town.runs[0].err


def test_a_ragged_row_costs_only_itself(town: CorruptedTown, lake: Lake) -> None:
    [row] = lake.rows("ops.quarantine", {"system": "clinic"}).to_pylist()
    assert (row["row_number"], row["reason"], row["stage"]) == (3, "ragged_row", "land")
    [told] = [row for row in town.statuses[0] if row["name"] == "clinic/体检_20260101.csv"]
    assert told["what"] == "quarantine"
    assert told["detail"] == "row 3: The row has more or fewer cells than the header"


def test_a_file_outside_the_folders_waits(town: CorruptedTown) -> None:
    [line] = [line for line in town.summary(1)["waiting"] if line.startswith("忘在外面")]
    assert line == "忘在外面_20260101.csv: lies in no system's folder; move it to inbox/<system>/"
    [row] = [row for row in town.statuses[0] if row["name"] == "忘在外面_20260101.csv"]
    assert (row["what"], row["state"]) == ("inbox", "waits")
    assert row["detail"] == "lies in no system's folder; move it to inbox/<system>/"


def test_a_file_closed_to_the_user_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    office = open_office(tmp_path / "workspace")
    office.hand_in("grid/grid_20260101.jsonl", "{}")
    monkeypatch.setattr("jobs.common.intake.inbox._is_readable", lambda path: False)  # root may read everything
    [row] = [row for row in office.status() if row["what"] == "inbox"]
    assert (row["name"], row["state"]) == ("grid/grid_20260101.jsonl", "waits")
    assert row["detail"] == "this user may not read it; change its mode"


def test_an_invalid_contract_is_told_with_file_key_and_remedy(town: CorruptedTown) -> None:
    [first, *_] = town.source(1, "school")["contract"]
    assert first.startswith("school.odcs.yaml:1 schema: ")
    assert "Add a list `schema:`." in first
    assert any(
        row["what"] == "source" and row["name"] == "school" and first in row["detail"] for row in town.statuses[0]
    )


def test_mended_files_are_taken_by_the_next_run(town: CorruptedTown) -> None:
    assert town.runs[1].code == 0
    summary = town.summary(2)
    assert summary["verdict"] == "complete"
    assert {source["state"] for source in summary["sources"].values()} == {"delivered", "not expected"}
    for mistake in town.mistakes.values():
        if mistake.right is not None:
            assert town.file(2, mistake)["status"] == "accepted", mistake.path
    assert (
        summary["tables"]["refined.appeal"]["rows"] == 2 + 2 + 2 + 2 + 1
    )  # clinic twice, harmony, school, the stray one


def test_files_of_a_mended_contract_need_not_be_handed_in_again(town: CorruptedTown) -> None:
    for case in ("invalid contract", "undeclared system"):
        assert town.file(2, town.mistakes[case])["status"] == "accepted"
        assert [file["status"] for file in town.source(2, town.mistakes[case].system)["files"]] == [
            "refused",
            "accepted",
        ]


def test_a_file_under_a_better_name_makes_the_first_one_good(town: CorruptedTown) -> None:
    files = {file["name"]: file for file in town.source(2, "walk_in")["files"]}
    assert files["名单.xlsx"]["status"] == "refused"
    assert files["名单.xlsx"]["made_good"]
    assert files["来访登记_20260101_名单.xlsx"]["status"] == "accepted"


def test_status_after_the_second_run_names_no_mistake(town: CorruptedTown) -> None:
    assert [row for row in town.statuses[1] if row["what"] not in ("run", "quarantine", "warning", "release")] == []
    assert town.statuses[1][0]["state"] == "complete"
    assert "refused" not in town.printed[1]


def test_the_books_close_after_both_runs(town: CorruptedTown) -> None:
    for number in (1, 2):
        assert town.office.jiceng("books", "--run", f"{NIGHT}.{number}").code == 0
        assert town.summary(number)["books"]["closes"]


def test_no_stack_trace_and_nothing_personal_is_shown(town: CorruptedTown, lake: Lake) -> None:
    runs = [town.office.workspace.run_dir(f"{NIGHT}.{number}") for number in (1, 2)]
    shown = [answer.out + answer.err for answer in town.runs] + list(town.printed)
    shown += [(run / name).read_text(encoding="utf-8") for run in runs for name in ("summary.json", "log.jsonl")]
    shown += [json.dumps(lake.rows("ops.file").to_pylist(), ensure_ascii=False, default=str)]
    for text in shown:
        assert "Traceback" not in text
        for value in PERSON.values():
            assert value not in text


def test_sources_check_names_the_invalid_contract(tmp_path: Path) -> None:
    office = open_office(tmp_path / "workspace")
    office.declare("school", simple_contract("school").replace("number,", "Number,"))
    office.declare("clinic", simple_contract("clinic"))
    answer = office.jiceng("sources", "check", "--format", "json")
    assert answer.code == 2
    assert answer.err == ""
    rows = rows_of(answer)
    states = {(row["system"], row["state"]) for row in rows}
    assert ("school", "error") in states
    assert ("clinic", "ok") in states
    assert ("police", "ok") in states
    assert any("school.odcs.yaml" in row["detail"] and "Number" in row["detail"] for row in rows)


@pytest.mark.parametrize("format_version", [0, 99, None, "one"])
def test_a_workspace_of_another_version_is_not_touched(tmp_path: Path, format_version: object) -> None:
    office: Office = open_office(tmp_path / "workspace")
    office.hand_in("grid/grid_20260101.jsonl", "{}")
    marker = office.workspace.home / "workspace.json"
    marker.write_text(json.dumps({"format": format_version} if format_version is not None else {}))
    before = sorted(path for path in office.workspace.home.rglob("*"))
    for command in (["run"], ["status"], ["books"], ["sql", "select 1"], ["release", "list"], ["init"]):
        answer = jiceng(*command, "--home", office.workspace.home)
        assert (answer.code, answer.out) == (2, "")
        [line] = answer.err.splitlines()
        assert line.startswith("jiceng: ")
        assert str(office.workspace.home) in line
    assert sorted(path for path in office.workspace.home.rglob("*")) == before


def test_a_night_without_any_file_is_released_and_told(tmp_path: Path) -> None:
    """The first night of a workspace, and one whose only file no contract declares: nothing lands."""
    office = open_office(tmp_path / "workspace")
    for night, file in (("2026-01-01", None), ("2026-01-02", "nobody/names.csv")):
        if file:
            office.hand_in(file, "x")
        answer = jiceng("run", "--night", night, "--home", office.workspace.home)
        assert answer.code == 0, answer.err
        answer = jiceng("status", "--home", office.workspace.home, "--format", "json")
        assert answer.code == 0, answer.err
        states = {(row["what"], row["name"], row["state"]) for row in rows_of(answer)}
        assert {("run", f"{night}.1", "incomplete"), ("source", "police", "missing")} <= states


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("model/resident.yml", "a: [", "model/resident.yml:1: YAML syntax error at line 1"),
        ("model/resident.yml", "rekord: resident", "does not describe a record"),
        ("authority.yml", "residnt: {default: [police]}", "no record residnt"),
    ],
)
def test_a_mistake_in_the_configuration_is_told_without_a_stack_trace(
    tmp_path: Path, name: str, text: str, told: str
) -> None:
    office = open_office(tmp_path / "workspace")
    path = office.workspace.conf / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    answer = jiceng("run", "--night", "2026-01-01", "--home", office.workspace.home)
    assert answer.code == 2
    assert told in answer.err
    assert "Traceback" not in answer.err


@pytest.mark.parametrize("folder", ["two words", "街道", "o'clock"])
def test_a_path_that_the_engine_cannot_read_is_refused_and_a_link_to_it_taken(tmp_path: Path, folder: str) -> None:
    home = tmp_path / folder / "workspace"
    answer = jiceng("init", "--home", home)
    assert (answer.code, answer.out) == (2, "")
    assert str(home) in answer.err
    assert not home.exists()
    (tmp_path / folder).mkdir()
    (tmp_path / "link").symlink_to(tmp_path / folder)
    office = open_office(tmp_path / "link" / "workspace")
    answer = jiceng("run", "--night", "2026-01-01", "--home", office.workspace.home)
    assert answer.code == 0, answer.err
