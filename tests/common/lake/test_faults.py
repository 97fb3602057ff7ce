"""When the machine fails: a torn commit, a full disk, a lost file, a wrong clock. One line says what it is and what to do.

`make drill` plays the same on a town.
"""

import errno
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any

import pytest

import jobs
from jobs.common.base.errors import Fault, UserError
from jobs.common.base.workspace import Workspace
from jobs.common.lake.delta_log import set_aside
from jobs.common.lake.faults import damages, telling_faults
from jobs.common.lake.tables import Lake
from jobs.common.releases.releases import INTENT, Release, finish_release, write_release
from jobs.common.run import runs
from jobs.common.run.runs import CLI, Run, check_clock, record_open
from jobs.common.run.stage import open_lake
from tests.support.office import Office, open_office, rows_of, simple_contract

pytestmark = pytest.mark.nights

NIGHT = date(2026, 1, 1)


def fill(lake: Lake, name: str = "ops.skipped", *numbers: int) -> None:
    """One commit after the other, each with one row."""
    for number in numbers or (1, 2):
        row = dict.fromkeys(lake.declared[name].names, "x") | {"row_number": number}
        lake.upsert(name, lake.table_of(name, [row]))


def last_commit(workspace: Workspace, name: str) -> Path:
    return max((workspace.lake / name.replace(".", "/") / "_delta_log").glob("*.json"))


def tear(workspace: Workspace, name: str, share: float) -> Path:
    commit = last_commit(workspace, name)
    whole = commit.read_bytes()
    commit.write_bytes(whole[: int(len(whole) * share)])
    return commit


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_a_torn_commit_is_named_and_set_aside(workspace: Workspace, lake: Lake, share: float) -> None:
    fill(lake)
    commit = tear(workspace, "ops.skipped", share)
    checksum = commit.with_suffix(".crc")
    checksum.touch()  # some writers leave one, and a log that has it without its commit cannot be read
    with pytest.raises(Fault, match=r"ops\.skipped has a torn last commit.*00000000000000000002\.json.*run --again"):
        open_lake(workspace).rows("ops.skipped")
    assert set_aside(workspace) == ["ops.skipped"]
    assert not commit.exists()
    assert not checksum.exists()
    assert open_lake(workspace).rows("ops.skipped").column("row_number").to_pylist() == [1]
    assert damages(workspace) == []


def test_a_torn_commit_of_what_nothing_else_tells_is_not_set_aside(workspace: Workspace, lake: Lake) -> None:
    lake.version("ops.delivery")
    commit = tear(workspace, "ops.delivery", 0.5)
    with pytest.raises(Fault, match=r"ops\.delivery has a torn last commit.*restore lake/ops/delivery from a backup"):
        set_aside(workspace)
    assert commit.exists()


def test_no_run_opens_over_a_torn_commit(tmp_path: Path) -> None:
    office = open_office(tmp_path / "workspace")
    lake = open_lake(office.workspace)
    fill(lake)
    runs = lake.version("ops.run")
    tear(office.workspace, "ops.skipped", 0)
    answer = office.run("2026-01-01")
    assert (answer.code, answer.out) == (1, "")
    assert answer.err.startswith("jiceng: ops.skipped has a torn last commit")
    assert len(answer.err.splitlines()) == 1
    assert open_lake(office.workspace).version("ops.run") == runs


FULL: dict[str, Callable[[], Exception]] = {
    "as the system says it": lambda: OSError(errno.ENOSPC, "No space left on device"),
    "a quota": lambda: OSError(errno.EDQUOT, "Disk quota exceeded"),
    "as the engine says it": lambda: RuntimeError("Unable to copy data to file: No space left on device (os error 28)"),
}


@pytest.mark.parametrize("case", FULL)
def test_a_full_disk_is_told_in_one_sentence(workspace: Workspace, case: str) -> None:
    with pytest.raises(Fault, match=f"no space left on the disk of {workspace.home} .*jiceng run") as told:
        fail_while_writing(workspace, FULL[case]())
    assert "\n" not in str(told.value)
    assert told.value.exit_code == 1


def fail_while_writing(workspace: Workspace, error: Exception) -> None:
    """As `Lake` tells of it: without what the library said, which may show values."""
    with telling_faults(workspace):
        try:
            raise error
        except Exception:
            raise RuntimeError("the rows could not be written") from None


def test_a_defect_stays_a_defect(workspace: Workspace, lake: Lake) -> None:
    fill(lake)
    with pytest.raises(ZeroDivisionError), telling_faults(workspace):
        _ = 1 / 0


def test_a_lost_file_is_named(workspace: Workspace, lake: Lake) -> None:
    fill(lake)
    (lost,) = (Path(file) for file in lake.dataset("ops.skipped").files)
    (workspace.lake / "ops" / "skipped" / lost.name).unlink()
    told = rf"ops\.skipped has lost 1 of its files, .*{lost.name} first; restore it"
    with pytest.raises(Fault, match=told), telling_faults(workspace):
        lake.rows("ops.skipped")


def test_readers_are_told_which_release_has_lost_a_file(lake: Lake, workspace: Workspace) -> None:
    fill_candidate(lake)
    entry: dict[str, Any] = {"candidate_version": lake.version("candidate.appeal"), "rows": 1}
    entry["fingerprint"] = lake.fingerprint("candidate.appeal")[1]
    release = Release(f"{NIGHT}.1", 1, f"{NIGHT}.1", NIGHT, None, INTENT, {"appeal": entry}, None, None)
    write_release(lake, release)
    finish_release(lake, release)
    assert jobs.open_table("appeal", home=workspace.home).arrow().num_rows == 1
    for file in (workspace.lake / "refined" / "appeal").glob("*.parquet"):
        file.unlink()
    with pytest.raises(
        Fault, match=r"release 2026-01-01\.1 cannot be read: refined\.appeal of it has lost 1 .*--again"
    ):
        jobs.open_table("appeal", home=workspace.home)


def fill_candidate(lake: Lake) -> None:
    row = dict.fromkeys(lake.declared["candidate.appeal"].names) | {"system": "desk", "number": "1"}
    lake.upsert("candidate.appeal", lake.table_of("candidate.appeal", [row]))


# --- the clock ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def opened_at_night(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock that is right: a run is opened on the day of its night."""

    class Right(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> "Right":
            return cls(NIGHT.year, NIGHT.month, NIGHT.day, 2, tzinfo=tz)

    monkeypatch.setattr(runs, "datetime", Right)


@pytest.mark.parametrize("days", [-1, 32, 365])
@pytest.mark.usefixtures("opened_at_night")
def test_a_clock_that_jumped_begins_no_night(lake: Lake, days: int) -> None:
    record_open(lake, Run(f"{NIGHT}.1", NIGHT, CLI, "", None))
    with pytest.raises(
        UserError, match=r"by the clock this is night .*, and the last one worked on is .*; set the clock right"
    ):
        check_clock(lake, NIGHT + timedelta(days=days))


def test_after_nights_of_long_ago_the_clock_is_right_as_well(lake: Lake) -> None:
    """As after a demonstration: the runs are of today, and their nights lie far behind."""
    record_open(lake, Run(f"{NIGHT}.1", NIGHT, CLI, "", None))
    check_clock(lake, datetime.now(UTC).date())


@pytest.mark.parametrize("days", [0, 1, 31])
@pytest.mark.usefixtures("opened_at_night")
def test_a_clock_may_be_trusted(lake: Lake, days: int) -> None:
    check_clock(lake, NIGHT + timedelta(days=days))  # of a workspace that is new
    record_open(lake, Run(f"{NIGHT}.1", NIGHT, CLI, "", None))
    check_clock(lake, NIGHT + timedelta(days=days))


# --- the last night once more ---------------------------------------------------------------------------------------------


def test_again_makes_good_what_a_torn_commit_held(tmp_path: Path) -> None:
    """What waits in the inbox stays for its own night, and a replay does the same."""
    office = open_office(tmp_path / "workspace")
    office.declare("desk", simple_contract("desk", "incremental"))
    office.hand_in("desk/messages_20260101.csv", ["1 甲", "2 乙"])
    assert office.run("2026-01-01").code == 0
    before = records(office)
    for name in ("harmonised.appeal", "raw.desk__message", "refined.appeal"):
        tear(office.workspace, name, 0)
    office.hand_in("desk/messages_20260102.csv", ["3 丙"])
    answer = office.jiceng("run", "--again")
    assert answer.code == 0, answer.err
    assert records(office) == before
    assert jobs.open_table("appeal", home=office.workspace.home).arrow().num_rows == 2
    assert office.summary("2026-01-01.2")["books"]["closes"]
    assert (office.workspace.inbox / "desk" / "messages_20260102.csv").exists()
    answer = office.jiceng("replay", "--into", tmp_path / "again", "--format", "json")
    assert {row["state"] for row in rows_of(answer)} == {"same"}, answer.err


def records(office: Office) -> list[dict[str, Any]]:
    return sorted(open_lake(office.workspace).rows("harmonised.appeal").to_pylist(), key=lambda row: row["source_key"])


def test_again_needs_a_night_and_takes_no_other(tmp_path: Path) -> None:
    office = open_office(tmp_path / "workspace")
    for options, told in (((), "no night has been worked on"), (("--night", "2026-01-01"), "leave out --night")):
        answer = office.jiceng("run", "--again", *options)
        assert (answer.code, told in answer.err) == (2, True)
