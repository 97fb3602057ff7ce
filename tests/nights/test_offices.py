"""Commands in an office one works in: what each exit code stands for, workspaces, configuration, and what `sql` may not do."""

import json
import shutil
import stat
from pathlib import Path

import pytest

from jobs import land
from jobs.common.base.workspace import Workspace
from jobs.common.run.runs import lock
from jobs.common.run.stage import Context, open_lake
from tests.support.corrupted_town import corrupted_town
from tests.support.office import Office, export, open_office, rows_of, simple_contract
from tests.support.town import jiceng

pytestmark = [pytest.mark.xdist_group("town"), pytest.mark.nights]

NEED_A_WORKSPACE = (
    ["run"], ["run", "--abandon"], ["status"], ["books"], ["explain", "resident", "R1"], ["sql", "select 1"],
    ["upgrade"], ["release", "list"], ["release", "show"],
)  # fmt: skip


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Office:
    """A copy of the spoiled town, at another place, to work in."""
    home = tmp_path_factory.mktemp("moved") / "workspace"
    shutil.copytree(corrupted_town(tmp_path_factory.mktemp).office.workspace.home, home)
    return Office(Workspace(home))


@pytest.mark.parametrize(
    "statement",
    [
        "delete from ops.run",
        "drop table ops.run",
        "update ops.run set verdict = 'x'",
        "insert into ops.run select * from ops.run",
        "with a as (select * from ops.run) insert into ops.run select * from a",
        "from ops.run insert into ops.run select *",
        "select 1) as q; delete from ops.run; select * from (select 1",
        "create table t (a int) using delta location '/tmp/t'",
        "set spark.sql.ansi.enabled = false",
        "/* select */ truncate table ops.run",
    ],
)
def test_sql_only_reads(office: Office, statement: str) -> None:
    before = (spoiled_lake := open_lake(office.workspace)).version("ops.run")
    answer = office.jiceng("sql", statement, "--all-layers")
    assert answer.code == 2
    assert len(answer.err.splitlines()) == 1
    assert spoiled_lake.version("ops.run") == before


def test_all_layers_are_read_by_layer_and_table(office: Office) -> None:
    query = "select r.run_id from ops.run r join refined.resident on true join resident on true group by 1 order by 1"
    rows = rows_of(office.jiceng("sql", query, "--all-layers", "--format", "json"))
    assert rows == [{"run_id": "2026-01-01.1"}, {"run_id": "2026-01-01.2"}]


def test_books_that_do_not_close_are_told_with_exit_code_3(office: Office) -> None:
    lake = open_lake(office.workspace)
    where = {"run_id": "2026-01-01.1", "system": "clinic", "term": "read"}
    [row] = lake.rows("ops.ledger", where).to_pylist()
    lake.replace_part("ops.ledger", lake.table_of("ops.ledger", [{**row, "rows": row["rows"] + 1}]), where)
    answer = office.jiceng("books", "--run", "2026-01-01.1")
    assert answer.code == 3
    assert f"DOES NOT CLOSE: {row['rows'] + 1} and {row['rows']}" in answer.out
    assert "1 do not close" in answer.out.splitlines()[-1]


# --- exit codes, in the order in which things happen in one office -----------------------------------------------------------


def crash(context: Context, system: str) -> None:
    """A defect of ours."""
    raise RuntimeError("a defect")


def test_a_run_that_crashes_is_told_with_exit_code_1(office: Office) -> None:
    known = export([f"{number} 甲" for number in range(1, 6)])  # else it would be held as half an export
    office.hand_in("clinic/随访_20260102.csv", f"{known}7,甲,不详\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(land, "run", crash)
        answer = office.run("2026-01-02")
    assert answer.code == 1
    assert answer.out == ""
    assert office.status()[0]["state"] == "crashed"


def test_the_next_run_takes_its_files_up_and_the_gate_refuses_with_exit_code_3(office: Office) -> None:
    answer = office.run("2026-01-02")
    assert (answer.code, answer.out) == (3, "")
    assert answer.err.splitlines()[-1].startswith(
        "jiceng: nothing was released: appeal fails expect_column_values_to_not"
    )
    assert "Traceback" not in answer.err
    assert [row["release_id"] for row in rows_of(office.jiceng("release", "list", "--format", "json"))] == [
        "2026-01-01.2", "2026-01-01.1",
    ]  # fmt: skip
    summary = office.summary("2026-01-02.2")
    assert (summary["verdict"], summary["release_id"]) == ("refused", "2026-01-01.2")
    [gate] = [row for row in office.status() if row["what"] == "gate"]
    assert gate["state"] == "refused"
    assert "asked_at" in gate["detail"]


def test_a_workspace_in_use_is_busy_with_exit_code_4(office: Office) -> None:
    with lock(office.workspace, "run", "this workspace"):
        for command in (["run"], ["run", "--abandon"]):
            answer = office.jiceng(*command)
            assert (answer.code, answer.out) == (4, "")
            assert answer.err.startswith("jiceng: this workspace is busy: held by process ")


def test_nights_only_go_forward(office: Office) -> None:
    answer = office.run("2026-01-01")
    assert answer.code == 2
    assert "night 2026-01-01 lies behind 2026-01-02" in answer.err


@pytest.mark.parametrize(
    "arguments",
    [
        ["nothing"], ["run", "--nothing"], ["sql"], ["explain", "resident"], ["books", "--by", "moon"],
        ["status", "--format", "xml"], ["release"], ["sources", "mend"], ["sample"],
        ["sample", "--out", "x", "--residents", "3"],
    ],
)  # fmt: skip
def test_wrong_use_is_told_with_exit_code_2(arguments: list[str]) -> None:
    answer = jiceng(*arguments)
    assert answer.code == 2
    assert "Traceback" not in answer.err


# --- workspaces and configuration -------------------------------------------------------------------------------------------


def test_init_makes_a_private_workspace_and_is_harmless_afterwards(tmp_path: Path) -> None:
    home = tmp_path / "a" / "workspace"
    office = open_office(home)
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    office.declare("health", simple_contract("health"))
    office.hand_in("health/x_20260101.csv", ["1 甲"])
    before = {path: path.read_bytes() for path in home.rglob("*") if path.is_file()}
    answer = jiceng("init", "--home", home)
    assert (answer.code, answer.out) == (0, "")
    assert {path: path.read_bytes() for path in home.rglob("*") if path.is_file()} == before


def test_init_does_not_take_a_directory_that_is_in_use(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("mine")
    for home in (tmp_path, tmp_path / "letter.txt", tmp_path / "letter.txt" / "below"):
        answer = jiceng("init", "--home", home)
        assert answer.code == 2
        assert "choose an" in answer.err
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


@pytest.mark.parametrize("command", NEED_A_WORKSPACE, ids=" ".join)
def test_a_command_without_a_workspace_says_how_to_make_one(tmp_path: Path, command: list[str]) -> None:
    answer = jiceng(*command, "--home", tmp_path / "nowhere")
    assert (answer.code, answer.out) == (2, "")
    assert (
        answer.err == f"jiceng: {tmp_path}/nowhere is no workspace; `jiceng init --home {tmp_path}/nowhere` makes one\n"
    )
    assert not (tmp_path / "nowhere").exists()


def test_doctor_needs_no_workspace(tmp_path: Path) -> None:
    answer = jiceng("doctor", "--home", tmp_path / "nowhere", "--format", "json")
    states = {row["check"]: row["state"] for row in rows_of(answer)}
    assert answer.code == 0
    assert states["engine"] == "ok"
    assert states["workspace"] == "warning"
    assert not (tmp_path / "nowhere").exists()


def test_doctor_and_sources_check_find_an_invalid_contract(tmp_path: Path) -> None:
    office = open_office(tmp_path / "workspace")
    office.declare("health", simple_contract("health", mode="daily"))
    for command, column in (("doctor", "check"), ("sources check", "system")):
        answer = office.jiceng(*command.split(), "--format", "json")
        assert answer.code == 2
        [row] = [row for row in rows_of(answer) if row["state"] == "error"]
        assert row[column] in ("contracts", "health")
        assert "health" in row["detail"]


def test_a_configuration_of_its_own_overlays_the_workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    office = open_office(tmp_path / "workspace")

    def title(system: str) -> str:
        answer = office.jiceng("sources", "check", "--format", "json")
        return next(row["detail"] for row in rows_of(answer) if row["system"] == system)

    office.declare("grid", simple_contract("grid") + "name: of the workspace\n")
    assert title("grid") == "of the workspace: message"
    extra = tmp_path / "extra" / "sources"
    extra.mkdir(parents=True)
    (extra / "grid.odcs.yaml").write_text(simple_contract("grid") + "name: of the overlay\n")
    monkeypatch.setenv("JICENG_CONF", str(extra.parent))
    assert title("grid") == "of the overlay: message"
    assert title("police") == "公安户籍人口: population"
    monkeypatch.setenv("JICENG_CONF", str(tmp_path / "nothing"))
    answer = office.jiceng("status")
    assert answer.code == 2
    assert answer.err == f"jiceng: JICENG_CONF is {tmp_path}/nothing, which is no directory; correct it or unset it\n"


def test_sample_writes_to_a_new_directory_only(tmp_path: Path) -> None:
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "letter.txt").write_text("mine")
    for out in ("used", "used/letter.txt"):
        answer = jiceng("sample", "--out", tmp_path / out, "--residents", "10")
        assert (answer.code, answer.out) == (2, "")
        assert "not an empty directory" in answer.err
    answer = jiceng("sample", "--out", tmp_path / "new", "--residents", "10", "--nights", "1", "--format", "json")
    assert answer.code == 0
    assert all(isinstance(row["count"], int) for row in rows_of(answer))
    assert (tmp_path / "new" / "truth.csv").exists()


def test_a_new_workspace_has_no_release_and_says_so(tmp_path: Path) -> None:
    office = open_office(tmp_path / "workspace")
    assert office.status() == [
        {"what": "run", "name": None, "state": "none", "detail": "put exports into inbox/<system>/, then `jiceng run`"}
    ]
    assert rows_of(office.jiceng("release", "list", "--format", "json")) == []
    for command in (["sql", "select 1"], ["release", "show"], ["explain", "resident", "R1"]):
        answer = office.jiceng(*command)
        assert answer.code == 2
        assert answer.err == "jiceng: nothing has been released in this workspace yet; `jiceng run` releases a night\n"
    assert office.jiceng("run", "--abandon").err == "no run is open\n"
    assert json.loads((office.workspace.home / "workspace.json").read_text()) == {"format": 1}
