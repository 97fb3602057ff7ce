"""Maintenance: fewer files and shorter logs, and the same rows; old raw rows go, and what stands on them stays.

Four systems over three nights, of which the first two are old afterwards (`--keep-nights 1`):

desk    a snapshot each night; rows 2 and 3 of night 1 and night 2 differ
parts   a snapshot in two parts, of night 1 only: still the newest, so it stays whole, its duplicate too
small   a file without a day in its name, handed over on night 1 and later again
many    four increments each night: twelve small files
"""

import json
import shutil
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable

import jobs
from jobs import maintain
from jobs.common.lake import tables
from jobs.common.lake.tables import Lake
from jobs.common.run.runs import lock
from jobs.common.run.stage import open_lake
from tests.support.office import Office, copy_office, open_office, rows_of, simple_contract

pytestmark = pytest.mark.nights

NIGHTS = ("2026-01-01", "2026-01-02", "2026-01-03")
NEXT = "2026-01-04"
HANDED = {
    "2026-01-01": {
        "desk/x_20260101.csv": ["1 甲", "2 乙", "3 丙"],
        "parts/a_20260101.csv": ["1 甲", "1 甲"],
        "parts/b_20260101.csv": ["2 乙"],
        "small/x.csv": ["1 甲", "2 乙"],
    },
    "2026-01-02": {"desk/x_20260102.csv": ["1 甲", "2 丁", "3 戊"], "small/y.csv": ["1 甲", "2 丙"]},
    "2026-01-03": {"desk/x_20260103.csv": ["1 甲", "2 丁", "3 戊", "4 己"], "small/z.csv": ["1 甲", "2 丁"]},
}
RETENTION = "raw_nights: 30\nrelease_nights: 30\ngrace_hours: 0\n"


def hand_over(office: Office, night: str) -> None:
    for path, lines in HANDED[night].items():
        office.hand_in(path, lines)
    for part in range(4):
        office.hand_in(f"many/{part}_{night.replace('-', '')}.csv", [f"{night}-{part} 甲"])


@pytest.fixture(scope="module")
def worked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace after three nights."""
    office = open_office(tmp_path_factory.mktemp("office") / "workspace")
    office.declare("desk", simple_contract("desk"))
    office.declare("parts", simple_contract("parts"))
    office.declare("small", simple_contract("small", as_of=None))
    office.declare("many", simple_contract("many", mode="incremental"))
    (office.workspace.conf / "retention.yml").write_text(RETENTION)
    for night in NIGHTS:
        hand_over(office, night)
        answer = office.run(night)
        assert answer.code == 0, answer.err[-3000:]
    return office.workspace.home


@pytest.fixture
def office(worked: Path, tmp_path: Path) -> Office:
    """That workspace, to be changed."""
    return copy_office(worked, tmp_path / "workspace")


def lake_of(office: Office) -> Lake:
    return open_lake(office.workspace)


def state_of(office: Office) -> dict[str, tuple[int, str]]:
    """Version and fingerprint of every table."""
    lake = lake_of(office)
    return {name: (lake.version(name), lake.fingerprint(name)[1]) for name in lake.existing()}


def fingerprints(office: Office, *without: str) -> dict[str, str]:
    """Of all tables but those where maintenance has something to say: raw rows, and which releases are kept."""
    left_out = without or ("raw.", "ops.release")
    return {name: told for name, (_, told) in state_of(office).items() if not name.startswith(left_out)}


def raw_rows(office: Office, table: str) -> list[tuple[str, int, str]]:
    """Name of the file, row number and word of each raw row."""
    names = {row["file_id"]: row["name"] for row in lake_of(office).rows("ops.file").to_pylist()}
    rows = lake_of(office).rows(table).to_pylist()
    return sorted((names[row["file_id"]], row["row_number"], row["word"]) for row in rows)


def current(office: Office, system: str) -> dict[str, str]:
    """Number and word of the system's released appeals."""
    query = f"select number, subject from appeal where system = '{system}'"
    return {row["number"]: row["subject"] for row in rows_of(office.jiceng("sql", query, "--format", "json"))}


# --- rows -----------------------------------------------------------------------------------------------------------------


def test_of_old_files_only_rows_stay_that_records_stand_on(office: Office) -> None:
    answer = office.jiceng("maintain", "--keep-nights", "1", "--format", "json")
    assert answer.code == 0, answer.err
    assert raw_rows(office, "raw.desk__message") == [
        ("x_20260101.csv", 2, "甲"),  # the first file that had the row: all later ones only repeated it
        ("x_20260102.csv", 3, "丁"),
        ("x_20260102.csv", 4, "戊"),
        ("x_20260103.csv", 2, "甲"),  # the last night stays whole
        ("x_20260103.csv", 3, "丁"),
        ("x_20260103.csv", 4, "戊"),
        ("x_20260103.csv", 5, "己"),
    ]
    assert raw_rows(office, "raw.parts__message") == [
        ("a_20260101.csv", 2, "甲"),
        ("a_20260101.csv", 3, "甲"),  # nothing stands on it, but a further part may come
        ("b_20260101.csv", 2, "乙"),
    ]
    assert raw_rows(office, "raw.small__message") == [
        ("x.csv", 2, "甲"),
        ("y.csv", 3, "丙"),  # ended on the last night, which may be run again
        ("z.csv", 2, "甲"),
        ("z.csv", 3, "丁"),
    ]
    assert len(raw_rows(office, "raw.many__message")) == 12  # increments never end
    removed = {row["table"]: row["rows_removed"] for row in rows_of(answer) if row["rows_removed"]}
    assert removed == {"raw.desk__message": 3, "raw.small__message": 2}


def test_no_other_row_changes_and_readers_see_the_same(office: Office) -> None:
    before, told = fingerprints(office), office.jiceng("explain", "appeal", "desk/2").out
    assert office.jiceng("maintain", "--keep-nights", "1").code == 0
    assert fingerprints(office) == before
    assert office.jiceng("explain", "appeal", "desk/2").out == told
    assert "x_20260102.csv row 3" in told


def test_the_next_night_is_as_it_would_have_been(office: Office, worked: Path, tmp_path: Path) -> None:
    """Also where an old file comes again whose rows went: it is landed anew, or its absent rows would end."""
    untouched = copy_office(worked, tmp_path / "untouched")
    assert office.jiceng("maintain", "--keep-nights", "1").code == 0
    for place in (office, untouched):
        place.hand_in("small/x.csv", HANDED[NIGHTS[0]]["small/x.csv"])
        place.hand_in("desk/x_20260104.csv", ["1 甲", "3 庚"])
        place.hand_in("parts/c_20260101.csv", ["3 丙"])
        assert place.run(NEXT).code == 0
        assert place.jiceng("books").code == 0
    assert fingerprints(office) == fingerprints(untouched)
    assert current(office, "small") == {"1": "甲", "2": "乙"}
    assert current(office, "parts") == {"1": "甲", "2": "乙", "3": "丙"}
    assert ("x.csv", 3, "乙") in raw_rows(office, "raw.small__message")


def test_an_old_file_that_no_longer_fits_its_contract_is_refused_and_what_stands_stays(office: Office) -> None:
    assert office.jiceng("maintain", "--keep-nights", "1").code == 0
    contract = simple_contract("small", as_of=None).replace("physicalName: 内容", "physicalName: 说明")
    office.declare("small", contract)
    office.hand_in("small/x.csv", HANDED[NIGHTS[0]]["small/x.csv"])
    assert office.run(NEXT).code == 0
    files = office.summary(f"{NEXT}.1")["sources"]["small"]["files"]
    assert [(file["name"], file["status"], file["reason"]) for file in files] == [
        ("x.csv", "refused", "missing_header")
    ]
    assert current(office, "small") == {"1": "甲", "2": "丁"}
    assert ("x.csv", 2, "甲") in raw_rows(office, "raw.small__message")


# --- releases -------------------------------------------------------------------------------------------------------------


def test_kept_releases_can_be_read_and_older_ones_cannot(office: Office) -> None:
    query = ("sql", "select system, number, subject from appeal order by system, number", "--format", "csv")
    before = {night: office.jiceng(*query, "--release", f"{night}.1").out for night in NIGHTS}
    assert len(set(before.values())) == 3
    assert office.jiceng("maintain", "--keep-nights", "2").code == 0
    for night in NIGHTS[1:]:
        assert office.jiceng(*query, "--release", f"{night}.1").out == before[night]
    answer = office.jiceng(*query, "--release", f"{NIGHTS[0]}.1")
    assert (answer.code, answer.out) == (2, "")
    assert "release 2026-01-01.1 is older than what conf/retention.yml keeps" in answer.err


def test_every_version_that_a_kept_release_names_is_whole(office: Office) -> None:
    assert office.jiceng("maintain", "--keep-nights", "2").code == 0
    lake = lake_of(office)
    pinned = maintain.pinned_versions(lake, maintain.first_night(maintain.all_runs(lake), 2))
    assert {"refined.appeal", "candidate.appeal", "harmonised.appeal", "links.edge"} <= set(pinned)
    for name, versions in pinned.items():
        for version in versions:
            assert lake.fingerprint(name, version)[0] == lake.arrow(name, version).num_rows


# --- files ----------------------------------------------------------------------------------------------------------------


def live_files(lake: Lake, name: str) -> list[Path]:
    return [Path(file) for file in DeltaTable(str(lake.path(name))).file_uris()]


def test_small_files_are_put_together_so_that_both_engines_read_them(office: Office) -> None:
    lake = lake_of(office)
    assert len(live_files(lake, "raw.many__message")) == 12
    rows = {name: sorted(map(repr, lake.rows(name).to_pylist())) for name in lake.existing() if name in lake.declared}
    assert office.jiceng("maintain").code == 0
    assert len(live_files(lake, "raw.many__message")) == 1
    for name, expected in rows.items():
        if name not in ("ops.run", "ops.release"):
            assert sorted(map(repr, lake.read(name).toArrow().to_pylist())) == expected, name
        for file in live_files(lake, name):
            # A string view is a way to hold text that the embedded engine does not always read.
            assert not [field for field in pq.read_schema(file) if "view" in str(field.type)], file
    added = added_files(lake, "raw.many__message")
    assert {name for add in added for name in json.loads(add["stats"])["minValues"]} == {
        "file_id",
        "row_number",
        "number",
        "asked",
    }


def added_files(lake: Lake, name: str) -> list[dict[str, Any]]:
    """Files as the log and its checkpoints tell of them."""
    log = lake.path(name) / "_delta_log"
    commits = [json.loads(line) for path in log.glob("*.json") for line in path.read_text("utf-8").splitlines()]
    found = [action["add"] for action in commits if "add" in action]
    for path in log.glob("*.checkpoint*.parquet"):
        found += [row["add"] for row in pq.read_table(path).to_pylist() if row["add"]]
    return found


def test_files_that_no_kept_version_has_are_removed_with_the_commits_before(office: Office) -> None:
    lake = lake_of(office)
    newest = lake.version("ops.file")
    stray = lake.path("raw.desk__message") / "part-00000-cut-short.parquet"
    shutil.copy(live_files(lake, "raw.desk__message")[0], stray)
    assert office.jiceng("maintain", "--keep-nights", "1").code == 0
    assert not stray.exists()
    for name in ("ops.file", "ops.delivery", "raw.many__message", "raw.desk__message"):
        left = list(lake.path(name).glob("*.parquet"))
        assert sorted(left) == sorted(live_files(lake, name)), name
    commits = sorted(path.name for path in (lake.path("ops.file") / "_delta_log").glob("*.json"))
    assert int(commits[0].partition(".")[0]) > newest  # versions go on
    assert len(commits) <= 2


def test_a_second_time_there_is_nothing_to_do(office: Office) -> None:
    assert office.jiceng("maintain", "--keep-nights", "1").code == 0
    before, files = state_of(office), listing(office.workspace.lake)
    answer = office.jiceng("maintain", "--keep-nights", "1", "--format", "json")
    assert state_of(office) == before
    assert listing(office.workspace.lake) == files
    assert {(row["rows_removed"], row["files_after"] - row["files"]) for row in rows_of(answer)} == {(0, 0)}


def listing(folder: Path) -> dict[str, int]:
    return {
        path.relative_to(folder).as_posix(): path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()
    }


def test_a_dry_run_changes_nothing_and_tells_what_would_go(office: Office) -> None:
    before = listing(office.workspace.home)
    would = rows_of(office.jiceng("maintain", "--keep-nights", "1", "--dry-run", "--format", "json"))
    after = listing(office.workspace.home)
    assert {name for name in after if after[name] != before.get(name)} <= {"runs/.locks/run.lock"}
    done = rows_of(office.jiceng("maintain", "--keep-nights", "1", "--format", "json"))
    assert [(row["table"], row["rows_removed"]) for row in would] == [
        (row["table"], row["rows_removed"]) for row in done
    ]
    assert sum(row["rows_removed"] for row in would) == 5
    assert sum(row["files"] for row in would) == sum(row["files"] for row in done)
    assert any(row["files_after"] < row["files"] for row in would)


def test_young_files_stay_for_those_who_have_begun_to_read(office: Office) -> None:
    retention = office.workspace.conf / "retention.yml"
    retention.write_text(RETENTION.replace("grace_hours: 0", "grace_hours: 24"))
    before = {name for name in listing(office.workspace.lake) if name.endswith((".parquet", ".json"))}
    assert office.jiceng("maintain", "--keep-nights", "1").code == 0
    assert before <= set(listing(office.workspace.lake))


@pytest.mark.parametrize("stop", [1, 2, 5, 12])
def test_killed_after_any_commit_and_begun_again_it_ends_the_same(
    office: Office, worked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop: int
) -> None:
    undisturbed = copy_office(worked, tmp_path / "undisturbed")
    assert undisturbed.jiceng("maintain", "--keep-nights", "1").code == 0
    commits: list[str] = []

    def kill(name: str) -> None:
        commits.append(name)
        if len(commits) == stop:
            raise KeyboardInterrupt

    monkeypatch.setattr(tables, "committed", kill)
    with pytest.raises(KeyboardInterrupt):
        maintain.run(office.workspace, keep_nights=1)
    monkeypatch.setattr(tables, "committed", lambda name: None)
    maintain.run(office.workspace, keep_nights=1)
    assert fingerprints(office, "-") == fingerprints(undisturbed, "-")
    lakes = lake_of(office), lake_of(undisturbed)
    for name in lakes[0].existing():
        assert len(live_files(lakes[0], name)) == len(live_files(lakes[1], name)), name


# --- refusals -------------------------------------------------------------------------------------------------------------


def test_while_a_run_is_live_or_open_it_is_busy(office: Office) -> None:
    with lock(office.workspace, "run", "this workspace"):
        answer = office.jiceng("maintain")
    assert (answer.code, answer.out) == (4, "")
    assert "held by process" in answer.err
    lake = lake_of(office)
    row = lake.rows("ops.run").to_pylist()[-1]
    lake.upsert("ops.run", lake.table_of("ops.run", [{**row, "run_id": "2026-01-03.9", "verdict": None}]))
    answer = office.jiceng("maintain")
    assert (answer.code, answer.out) == (4, "")
    assert "run 2026-01-03.9 is open" in answer.err


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("raw_nights: 30\n", ":1 grace_hours: The key `grace_hours` is missing. Add `grace_hours:` here."),
        (RETENTION + "archive_nights: 3\n", ":4 archive_nights: The key `archive_nights` is not known here."),
        (RETENTION.replace("raw_nights: 30", "raw_nights: 0"), ":1 raw_nights: `0` is too small. Write 1 or more."),
        (RETENTION.replace("grace_hours: 0", "grace_hours: soon"), ":3 grace_hours: The value must be a whole number."),
        ("nights\n", ":1: The value must be a block of keys. Write a block of keys."),
    ],
)
def test_a_retention_that_says_nothing_sensible_is_refused(office: Office, text: str, told: str) -> None:
    (office.workspace.conf / "retention.yml").write_text(text)
    before = listing(office.workspace.lake)
    answer = office.jiceng("maintain")
    assert (answer.code, answer.out) == (2, "")
    assert f"{office.workspace.conf / 'retention.yml'}{told}" in answer.err
    assert listing(office.workspace.lake) == before


def test_keep_nights_must_be_a_number_of_nights(office: Office) -> None:
    answer = office.jiceng("maintain", "--keep-nights", "0")
    assert answer.code == 2
    assert "--keep-nights is 0; write a whole number from 1 on" in answer.err


def test_a_workspace_that_never_ran_has_nothing_to_maintain(tmp_path: Path) -> None:
    answer = open_office(tmp_path / "workspace").jiceng("maintain", "--format", "json")
    assert answer.code == 0
    assert {row["table"] for row in rows_of(answer)} <= {"ops.run", "ops.release"}


def test_releases_that_are_kept_no_longer_are_told_as_gone(office: Office) -> None:
    """By `release prune`, which a dry run foresees, and by no means the one that readers see."""

    def states() -> dict[str, str]:
        listed = rows_of(office.jiceng("release", "list", "--format", "json"))
        return {row["release_id"]: row["state"] for row in listed}

    kept = {f"{night}.1": "released" for night in NIGHTS}
    first, second, third = kept
    foreseen = office.jiceng("release", "prune", "--keep-nights", "1", "--dry-run", "--format", "json")
    assert [row["release_id"] for row in rows_of(foreseen)] == [first, second]
    assert states() == kept
    assert office.jiceng("release", "rollback", second).code == 0
    assert office.jiceng("release", "prune", "--keep-nights", "1").code == 0
    assert states() == {first: "pruned", second: "pruned", third: "released", f"{second}+1": "released"}
    answer = office.jiceng("release", "rollback", first)
    assert (answer.code, "release 2026-01-01.1 is older than" in answer.err) == (2, True)
    assert jobs.open_table("appeal", home=office.workspace.home).release_id == f"{second}+1"
    assert office.jiceng("release", "rollback", third).code == 0
