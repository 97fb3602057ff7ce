"""`jiceng replay`: the recorded nights once more, from the archive alone, give identical tables.

Five nights with all that a record can hold:

2026-01-01.1  a snapshot; a file in another encoding than declared; a file of a system that nobody has declared
2026-01-01.2  a further part of the snapshot
2026-01-02.1  two contracts have changed: headers are others, and the unknown system's file is taken up by itself; a late file
2026-01-03.1  no file; then maintenance, which removes raw rows
2026-01-04.1  crashed in match, its files landed
2026-01-05.1  takes them up; one has been handed in again under its name with other bytes; a file of the first night comes again
2026-01-05.2  nothing new
"""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from jobs.common.base.workspace import Workspace
from jobs.common.run.stage import open_lake
from jobs.operate import nightly
from tests.support.office import Office, copy_office, open_office, rows_of, simple_contract

pytestmark = pytest.mark.nights

RUNS = (
    "2026-01-01.1", "2026-01-01.2", "2026-01-02.1", "2026-01-03.1", "2026-01-04.1", "2026-01-05.1", "2026-01-05.2",
)  # fmt: skip
VERDICTS = ["incomplete"] * 4 + ["crashed"] + ["incomplete"] * 2


def renamed(lines: list[str]) -> str:
    """An export under the headers of the second night."""
    return "\n".join(["编号,说明,时间", *(f"{line.replace(' ', ',')},2026-01-01 08:00:00" for line in lines)]) + "\n"


def crash(context: Any) -> None:
    raise RuntimeError("a defect")


def work(office: Office) -> None:
    """The five nights."""
    for system in ("desk", "broken"):
        office.declare(system, simple_contract(system))
    office.declare("small", simple_contract("small", as_of=None, ready="done"))
    (office.workspace.conf / "retention.yml").write_text("raw_nights: 1\nrelease_nights: 30\ngrace_hours: 0\n")
    office.hand_in("desk/x_20260101.csv", ["1 甲", "2 乙"])
    office.hand_in("small/x.csv", ["1 甲", "2 乙"])
    office.hand_in("small/x.csv.done", "")
    office.hand_in("broken/x_20260101.csv", "编号,内容,时间\n".encode("utf-16"))
    office.hand_in("stranger/x_20260101.csv", ["7 庚"])
    office.run("2026-01-01")
    office.hand_in("desk/y_20260101.csv", ["3 丙", "3 丁"])
    office.run("2026-01-01")

    office.declare("desk", simple_contract("desk").replace("physicalName: 内容", "physicalName: 说明"))
    office.declare("stranger", simple_contract("stranger", as_of=None))
    office.hand_in("desk/x_20260102.csv", renamed(["1 甲", "2 戊", "3 丙"]))
    office.hand_in("desk/x_20251231.csv", renamed(["1 旧"]))
    office.hand_in("small/y.csv", ["1 甲"])
    office.hand_in("small/y.csv.done", "")
    office.run("2026-01-02")

    office.run("2026-01-03")
    assert office.jiceng("maintain").code == 0

    office.hand_in("desk/x_20260104.csv", renamed(["1 甲", "2 己"]))
    office.hand_in("small/z.csv", ["1 乙", "4 丁"])
    office.hand_in("small/z.csv.done", "")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nightly.match, "run", crash)
        assert office.run("2026-01-04").code == 1

    office.hand_in("desk/x_20260104.csv", renamed(["1 甲", "2 辛"]))
    office.hand_in("small/x.csv", ["1 甲", "2 乙"])
    office.hand_in("small/x.csv.done", "")
    office.run("2026-01-05")
    office.run("2026-01-05")


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Office:
    """The workspace after these nights; tests leave it as it is."""
    office = open_office(tmp_path_factory.mktemp("office") / "workspace")
    work(office)
    return office


def listing(folder: Path) -> dict[str, int]:
    return {
        path.relative_to(folder).as_posix(): path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()
    }


def summary(home: Path, run_id: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((home / "runs" / run_id / "summary.json").read_text(encoding="utf-8"))
    return found


def test_the_nights_are_as_told(recorded: Office) -> None:
    """Otherwise the replay would prove less than it seems to."""
    runs = open_lake(recorded.workspace).rows("ops.run").to_pylist()
    assert [(row["run_id"], row["verdict"]) for row in sorted(runs, key=lambda row: row["run_id"])] == list(
        zip(RUNS, VERDICTS, strict=True)
    )
    fates = {
        (run_id, system, file["name"], file["status"])
        for run_id in RUNS
        for system, source in summary(recorded.workspace.home, run_id)["sources"].items()
        for file in source["files"]
    }
    assert fates >= {
        ("2026-01-01.1", "broken", "x_20260101.csv", "refused"),
        ("2026-01-01.1", "stranger", "x_20260101.csv", "refused"),
        ("2026-01-02.1", "stranger", "x_20260101.csv", "accepted"),
        ("2026-01-02.1", "desk", "x_20251231.csv", "late"),
        ("2026-01-05.1", "small", "x.csv", "accepted"),
    }
    files = open_lake(recorded.workspace).rows("ops.file", {"name": "x_20260104.csv"}).to_pylist()
    delivered = open_lake(recorded.workspace).rows("ops.delivery", {"name": "x_20260104.csv"}).to_pylist()
    assert (len(files), len(delivered)) == (2, 1)
    raw = [summary(recorded.workspace.home, run)["tables"]["raw.small__message"]["rows"] for run in (RUNS[3], RUNS[4])]
    assert raw == [3, 4]  # maintenance took one, and the crashed run brought two
    assert summary(recorded.workspace.home, RUNS[-1])["nothing_new"] is True


def test_replayed_tables_are_identical(recorded: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever configuration lies around by then."""
    (tmp_path / "conf/sources").mkdir(parents=True)
    (tmp_path / "conf/sources/desk.odcs.yaml").write_text("nothing")
    monkeypatch.setenv("JICENG_CONF", str(tmp_path / "conf"))
    before = listing(recorded.workspace.home)
    answer = recorded.jiceng("replay", "--into", tmp_path / "again", "--format", "json")
    assert answer.code == 0, answer.out + answer.err[-3000:]
    assert listing(recorded.workspace.home) == before
    rows = rows_of(answer)
    tables = summary(recorded.workspace.home, RUNS[-1])["tables"]
    assert {row["table"]: (row["state"], row["since"], row["rows"], row["fingerprint"]) for row in rows} == {
        name: ("same", None, entry["rows"], entry["fingerprint"]) for name, entry in tables.items()
    }
    assert {row["table"] for row in rows} >= {"raw.small__message", "links.assignment", "ops.ledger", "refined.appeal"}
    for run_id in RUNS:
        if run_id != "2026-01-04.1":  # the crash left no word of its tables but these, which it had not finished
            was, now = (summary(home, run_id) for home in (recorded.workspace.home, tmp_path / "again"))
            told = [(s["verdict"], {name: t["fingerprint"] for name, t in s["tables"].items()}) for s in (was, now)]
            assert told[0] == told[1], run_id
    assert [line.split(",")[0] for line in answer.err.splitlines() if "runs" in line] == [
        f"{run_id} {verdict}" for run_id, verdict in zip(RUNS, VERDICTS, strict=True)
    ]
    assert answer.err.splitlines()[-1] == f"all {len(rows)} tables are the same"


def test_the_replayed_workspace_goes_on(recorded: Office, tmp_path: Path) -> None:
    """Up to a night; and it can be worked in as any other."""
    answer = recorded.jiceng("replay", "--into", tmp_path / "again", "--until", "2026-01-02")
    assert answer.code == 0, answer.err[-3000:]
    assert answer.out.splitlines()[0].split() == ["table", "state", "since", "rows", "rows_replayed"]
    again = Office(Workspace(tmp_path / "again"))
    assert [row["release_id"] for row in rows_of(again.jiceng("release", "list", "--format", "json"))] == [
        "2026-01-02.1", "2026-01-01.2", "2026-01-01.1",
    ]  # fmt: skip
    again.declare("desk", simple_contract("desk"))
    again.hand_in("desk/x_20260103.csv", ["1 甲", "2 壬"])
    assert again.run("2026-01-03").code == 0
    query = "select number, subject from appeal where system = 'desk' order by number"
    assert rows_of(again.jiceng("sql", query, "--format", "json")) == [
        {"number": "1", "subject": "甲"},
        {"number": "2", "subject": "壬"},
    ]


def test_a_table_that_somebody_changed_is_found(tmp_path: Path) -> None:
    office = open_office(tmp_path / "workspace")
    office.declare("desk", simple_contract("desk"))
    for night in ("2026-01-01", "2026-01-02"):
        office.hand_in(f"desk/x_{night.replace('-', '')}.csv", ["1 甲", f"2 {night}"])
        office.run(night)
        lake = open_lake(office.workspace)
        [row] = lake.rows("harmonised.appeal", {"number": "1"}).to_pylist()
        lake.upsert("harmonised.appeal", lake.table_of("harmonised.appeal", [{**row, "subject": "by hand"}]))
    answer = office.jiceng("replay", "--into", tmp_path / "again", "--format", "json")
    assert answer.code == 1
    different = {row["table"]: (row["state"], row["since"]) for row in rows_of(answer) if row["state"] != "same"}
    names = ("harmonised.appeal", "candidate.appeal", "refined.appeal")
    assert {name: told for name, told in different.items() if name in names} == dict.fromkeys(
        names, ("differs", "2026-01-02")
    )
    assert "raw.desk__message" not in different
    assert f"{len(different)} of " in answer.err.splitlines()[-1]


# --- refusals -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def damaged(recorded: Office, tmp_path: Path) -> Office:
    """That workspace, to be damaged."""
    return copy_office(recorded.workspace.home, tmp_path / "damaged")


def first_file(office: Office) -> Path:
    [row] = open_lake(office.workspace).rows("ops.delivery", {"name": "x_20260101.csv", "system": "desk"}).to_pylist()
    return office.workspace.archive_path(row["file_id"])


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda office: first_file(office).unlink(), "(desk/x_20260101.csv); restore it from a backup"),
        (lambda office: first_file(office).write_text("other"), "is not what was received as desk/x_20260101.csv"),
        (lambda office: shutil.rmtree(office.workspace.archive / "conf"), "the archive lacks the configuration"),
        (
            lambda office: [path.write_text("raw_nights: 9\n") for path in office.workspace.archive.glob("conf/*/retention.yml")],
            "was changed; restore it from a backup",
        ),
    ],
    ids=["bytes lost", "bytes changed", "configuration lost", "configuration changed"],
)  # fmt: skip
def test_an_archive_that_is_not_whole_is_told(damaged: Office, tmp_path: Path, damage: Any, told: str) -> None:
    damage(damaged)
    answer = damaged.jiceng("replay", "--into", tmp_path / "again")
    assert (answer.code, answer.out) == (2, "")
    assert told in answer.err


def test_a_lost_summary_is_told(damaged: Office, tmp_path: Path) -> None:
    (damaged.workspace.run_dir(RUNS[1]) / "summary.json").unlink()
    answer = damaged.jiceng("replay", "--into", tmp_path / "again", "--until", "2026-01-01")
    assert (answer.code, answer.out) == (2, "")
    assert f"runs/{RUNS[1]}/summary.json is missing" in answer.err


def test_a_target_that_holds_something_is_refused(recorded: Office, tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("mine")
    for target in (tmp_path, tmp_path / "note.txt", recorded.workspace.home):
        answer = recorded.jiceng("replay", "--into", target)
        assert (answer.code, answer.out) == (2, "")
        assert "is not an empty directory" in answer.err
    assert [path.name for path in tmp_path.iterdir()] == ["note.txt"]


def test_where_nothing_ran_there_is_nothing_to_replay(recorded: Office, tmp_path: Path) -> None:
    answer = recorded.jiceng("replay", "--into", tmp_path / "again", "--until", "2025-12-31")
    assert answer.code == 2
    assert "has no finished run up to 2025-12-31" in answer.err
    assert not (tmp_path / "again").exists()
