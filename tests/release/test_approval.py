"""A person lets a night through that only rules have refused which may be overridden, over an office of two nights.

night       messages   rows of refined.appeal
2026-01-01  1 … 40     40
2026-01-02  1 … 5      refused: less than four fifths of the last release, and more than chance takes
"""

import json
from pathlib import Path
from typing import Any

import pytest

import jobs
from jobs.common.base.workspace import open_workspace
from jobs.common.releases.releases import find_release
from jobs.common.run.conf import snapshot_conf
from jobs.common.run.runs import all_runs
from jobs.common.run.stage import Context, open_lake
from jobs.release import question
from tests.support.office import Office, copy_office, open_office, rows_of, simple_contract

pytestmark = pytest.mark.nights

FIRST, SECOND, THIRD = (f"2026-01-0{night}" for night in (1, 2, 3))
RULE = "appeal fails expect_table_row_count_to_be_between() (5 rows; at least 13)"


def hand_in(office: Office, night: str, last: int) -> None:
    office.hand_in(f"desk/messages_{night.replace('-', '')}.csv", [f"{n} 甲" for n in range(1, last + 1)])


@pytest.fixture(scope="module")
def refused(tmp_path_factory: pytest.TempPathFactory) -> Path:
    office = open_office(tmp_path_factory.mktemp("approval") / "workspace")
    office.declare("desk", simple_contract("desk", max_loss=1))
    for night, last, code in ((FIRST, 40, 0), (SECOND, 5, 3)):
        hand_in(office, night, last)
        answer = office.run(night)
        assert answer.code == code, answer.err
    assert f"nothing was released: {RULE}. `jiceng release diff` shows what would change" in answer.err
    assert "`jiceng release approve` lets it through" in answer.err
    return office.workspace.home


@pytest.fixture
def office(refused: Path, tmp_path: Path) -> Office:
    return copy_office(refused, tmp_path / "workspace")


def released(office: Office) -> tuple[str, int, str | None, bool]:
    release = find_release(open_lake(office.workspace))
    rows = jobs.open_table("appeal", home=office.workspace.home).arrow().num_rows
    return release.release_id, rows, release.because, release.approved_by is not None


def test_a_refused_night_is_published_under_somebodys_name(office: Office, tmp_path: Path) -> None:
    assert released(office) == (f"{FIRST}.1", 40, None, False)
    answer = office.jiceng("release", "approve", "--because", "the desk has closed")
    assert (answer.code, answer.out) == (0, "")
    assert f"run {SECOND}.1 is released, incomplete" in answer.err
    assert released(office) == (f"{SECOND}.1", 5, "the desk has closed", True)
    summary = office.summary(f"{SECOND}.1")
    assert (summary["verdict"], summary["release_id"], summary["refusal"]) == ("incomplete", f"{SECOND}.1", [])
    assert office.jiceng("books").code == 0

    again = office.jiceng("release", "approve")
    assert again.code == 2
    assert f"run {SECOND}.1, the last one, is incomplete; only a refused one can be let through" in again.err

    hand_in(office, THIRD, 6)
    assert office.run(THIRD).code == 0
    replayed = office.jiceng("replay", "--into", tmp_path / "replayed", "--format", "json")
    assert replayed.code == 0, replayed.err
    assert {row["state"] for row in rows_of(replayed)} == {"same"}
    found = find_release(open_lake(open_workspace(tmp_path / "replayed")), f"{SECOND}.1")
    assert found.because == "the desk has closed"


def test_what_nobody_may_override_stands(office: Office) -> None:
    assert office.jiceng("release", "hold", "--because", "an election").code == 0
    answer = office.jiceng("release", "approve")
    assert answer.code == 3
    assert "publishing is on hold" in answer.err
    assert "lets it through" not in answer.err
    assert released(office) == (f"{FIRST}.1", 40, None, False)
    assert office.summary(f"{SECOND}.1")["verdict"] == "refused"


def test_before_any_night_there_is_nothing_to_let_through(tmp_path: Path) -> None:
    answer = open_office(tmp_path / "workspace").jiceng("release", "approve")
    assert answer.code == 2
    assert "no night has been worked on yet" in answer.err


def asked(office: Office, capsys: pytest.CaptureFixture[str]) -> Any:
    run = all_runs(open_lake(office.workspace))[-1]
    conf = snapshot_conf(office.workspace, run.config_hash)
    capsys.readouterr()
    question.run(Context(office.workspace, conf, open_lake(office.workspace, conf), run))
    return json.loads(capsys.readouterr().out.splitlines()[-1])["question"]


def test_the_question_tells_the_rules_and_what_readers_would_see(
    office: Office, capsys: pytest.CaptureFixture[str]
) -> None:
    told = asked(office, capsys)
    assert f"- {RULE}" in told
    assert f"What readers of {FIRST}.1 would see change:" in told
    assert "| appeal | ended | 35 |" in told
    assert "甲" not in told


def test_nobody_is_asked_about_what_nobody_may_override(office: Office, capsys: pytest.CaptureFixture[str]) -> None:
    assert office.jiceng("release", "hold").code == 0
    assert asked(office, capsys) is None
