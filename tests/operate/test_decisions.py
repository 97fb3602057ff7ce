"""What a person decides about releases, over an office of two nights.

night       messages                 release
2026-01-01  1 甲  2 乙               2026-01-01.1
2026-01-02  1 甲  2 丙  3 丁         2026-01-02.1
2026-01-03  1 甲  3 戊               (handed in by the tests)
"""

from pathlib import Path
from typing import Any

import polars as pl
import pytest

import jobs
from jobs.common.releases.releases import all_releases, write_release
from jobs.common.releases.rollback import plan_rollback
from jobs.common.run.runs import lock
from jobs.common.run.stage import open_lake
from tests.support.office import Office, copy_office, open_office, rows_of, simple_contract

pytestmark = pytest.mark.nights

NIGHTS = {
    "2026-01-01": ("1 甲", "2 乙"),
    "2026-01-02": ("1 甲", "2 丙", "3 丁"),
    "2026-01-03": ("1 甲", "3 戊"),
}
FIRST, SECOND, THIRD = NIGHTS
WORDS = {night: dict(line.split(" ") for line in lines) for night, lines in NIGHTS.items()}


def hand_in(office: Office, night: str) -> None:
    office.hand_in(f"desk/messages_{night.replace('-', '')}.csv", NIGHTS[night])


@pytest.fixture(scope="module")
def worked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    office = open_office(tmp_path_factory.mktemp("decisions") / "workspace")
    office.declare("desk", simple_contract("desk"))
    for night in (FIRST, SECOND):
        hand_in(office, night)
        assert office.run(night).code == 0
    return office.workspace.home


@pytest.fixture
def office(worked: Path, tmp_path: Path) -> Office:
    return copy_office(worked, tmp_path / "workspace")


def by_name(office: Office, release: str | None = None) -> dict[str, str]:
    table = jobs.open_table("appeal", release, home=office.workspace.home)
    return {row["number"]: row["subject"] for row in table.arrow().to_pylist()}


def by_path(office: Office) -> dict[str, str]:
    rows = pl.read_delta(str(office.workspace.lake / "refined" / "appeal"))
    return dict(rows.select("number", "subject").iter_rows())


def visible(office: Office) -> str:
    (row,) = [row for row in rows_of(office.jiceng("release", "list", "--format", "json")) if row["visible"]]
    return str(row["release_id"])


def decided(office: Office) -> list[tuple[str, str, str | None]]:
    return [(r.release_id, r.state, r.because) for r in all_releases(open_lake(office.workspace))]


def test_a_rollback_shows_all_readers_the_release_before(office: Office) -> None:
    answer = office.jiceng("release", "rollback", "--because", "half an export")
    assert (answer.code, answer.out) == (0, "")
    assert "readers see 2026-01-01.1+1 instead of 2026-01-02.1" in answer.err
    assert by_name(office) == by_path(office) == WORDS[FIRST]
    assert by_name(office, "2026-01-02.1") == WORDS[SECOND]
    assert decided(office) == [
        ("2026-01-01.1", "released", None),
        ("2026-01-02.1", "released", None),
        ("2026-01-01.1+1", "released", "half an export"),
    ]
    assert all_releases(open_lake(office.workspace))[-1].approved_by
    assert not list((office.workspace.home / "runs").rglob("*.parquet"))  # which would hold what was published


def test_a_rollback_can_be_rolled_back_by_name(office: Office) -> None:
    for release, seen in (("2026-01-01.1", FIRST), ("2026-01-02.1", SECOND), ("2026-01-01.1+1", FIRST)):
        assert office.jiceng("release", "rollback", release).code == 0
        assert by_name(office) == by_path(office) == WORDS[seen]
    assert visible(office) == "2026-01-01.1+2"


def test_the_night_after_a_rollback_publishes_what_there_is(office: Office) -> None:
    assert office.jiceng("release", "rollback").code == 0
    hand_in(office, THIRD)
    assert office.run(THIRD).code == 0
    assert by_name(office) == by_path(office) == WORDS[THIRD]
    assert visible(office) == "2026-01-03.1"
    assert rows_of(office.jiceng("books", "--format", "json"))


@pytest.mark.parametrize("next_command", [("release", "hold"), ("run", "--night", SECOND)])
def test_a_rollback_cut_short_is_completed_by_the_next_command(office: Office, next_command: tuple[str, ...]) -> None:
    """The intent stands, and nothing else is done: readers by name see what they saw."""
    lake = open_lake(office.workspace)
    write_release(lake, plan_rollback(lake, None, None))
    assert by_name(office) == WORDS[SECOND]
    assert office.jiceng(*next_command).code == 0
    assert by_name(office) == by_path(office) == WORDS[FIRST]


REFUSED: dict[str, tuple[tuple[str, ...], str]] = {
    "seen already": (("rollback", "2026-01-02.1"), "readers see release 2026-01-02.1 already"),
    "unknown": (("rollback", "2025-12-31.1"), "there is no release 2025-12-31.1"),
    "no hold": (("resume",), "publishing is not on hold"),
    "unknown to compare": (("diff", "2025-12-31.1"), "there is no release 2025-12-31.1"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_is_refused_and_changes_nothing(office: Office, case: str) -> None:
    command, told = REFUSED[case]
    before = decided(office)
    answer = office.jiceng("release", *command)
    assert (answer.code, answer.out) == (2, "")
    assert told in answer.err
    assert decided(office) == before


def test_before_the_first_release_there_is_none_to_return_to(office: Office) -> None:
    assert office.jiceng("release", "rollback").code == 0
    answer = office.jiceng("release", "rollback")
    assert answer.code == 2
    assert "there is no release before 2026-01-01.1" in answer.err


def test_a_release_that_is_no_longer_kept_cannot_be_returned_to(office: Office) -> None:
    for path in (office.workspace.lake / "candidate" / "appeal").glob("*.parquet"):
        path.unlink()
    answer = office.jiceng("release", "rollback")
    assert answer.code == 2
    assert "cannot be shown again: candidate.appeal of it has lost 1 of its files" in answer.err
    assert visible(office) == "2026-01-02.1"


@pytest.mark.parametrize("command", ["rollback", "hold", "resume"])
def test_while_a_run_is_live_decisions_wait(office: Office, command: str) -> None:
    with lock(office.workspace, "run", "this workspace"):
        assert office.jiceng("release", command).code == 4


def test_a_hold_keeps_nights_from_publishing_until_it_is_lifted(office: Office) -> None:
    assert office.jiceng("release", "hold", "--because", "wait for the desk").code == 0
    hand_in(office, THIRD)
    held = office.run(THIRD)
    assert held.code == 3
    assert "wait for the desk; `jiceng release resume` lifts the hold" in held.err
    assert office.summary("2026-01-03.1")["verdict"] == "refused"
    assert by_name(office) == by_path(office) == WORDS[SECOND]
    assert any("wait for the desk" in row["detail"] for row in office.status())
    again = office.jiceng("release", "hold")
    assert again.code == 2
    assert "wait for the desk already" in again.err

    assert office.jiceng("release", "resume").code == 0
    assert by_name(office) == WORDS[SECOND]
    assert office.run(THIRD).code == 0
    assert by_name(office) == by_path(office) == WORDS[THIRD]
    assert decided(office)[2:] == [("hold.3", "resumed", "wait for the desk"), ("2026-01-03.2", "released", None)]


def changes(office: Office, *arguments: str) -> list[tuple[Any, ...]]:
    rows = rows_of(office.jiceng("release", "diff", *arguments, "--format", "json"))
    return [(row["table"], row["change"], row["column"], row["rows"], row["keys"]) for row in rows]


def test_two_releases_differ_by_rows_and_columns(office: Office) -> None:
    assert changes(office, FIRST + ".1", SECOND + ".1") == [
        ("appeal", "added", None, 1, "desk/3"),
        ("appeal", "changed", None, 1, "desk/2"),
        ("appeal", "column", "subject", 1, None),
    ]
    assert changes(office, SECOND + ".1", FIRST + ".1") == [
        ("appeal", "ended", None, 1, "desk/3"),
        ("appeal", "changed", None, 1, "desk/2"),
        ("appeal", "column", "subject", 1, None),
    ]
    assert changes(office, FIRST + ".1") == changes(office, FIRST + ".1", SECOND + ".1")


def test_the_candidates_differ_from_what_readers_see_where_a_night_is_held_back(office: Office) -> None:
    assert changes(office) == []
    assert office.jiceng("release", "hold").code == 0
    hand_in(office, THIRD)
    assert office.run(THIRD).code == 3
    assert changes(office) == [
        ("appeal", "ended", None, 1, "desk/2"),
        ("appeal", "changed", None, 1, "desk/3"),
        ("appeal", "column", "subject", 1, None),
    ]
