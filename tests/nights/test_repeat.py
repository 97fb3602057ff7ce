"""The same night again, in another order, in another place: the same tables.

again, nothing new               no commit outside `ops.run`, no release, same fingerprints
rows of the exports shuffled     same refined tables
while another run is live        exit code 4
abandoned half-way               the next run takes up its files: same refined tables
a night that lies behind         exit code 2
workspace moved                  goes on as before
"""

import csv
import io
import json
import random
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import Any

import pytest

import jobs
from jobs.common.base.workspace import Workspace
from jobs.common.run.stage import open_lake
from tests.support.kill_run import Ended, fingerprints, last_summary, run_night, sample_town, warm

pytestmark = pytest.mark.nights

NIGHTS = (date(2026, 1, 1), date(2026, 1, 2), date(2026, 1, 3))
FIRST, SECOND, THIRD = NIGHTS
RESIDENTS, SEED = 80, 7
# Whole nights are those of other tests (`test_kill.py`, `test_parity.py`): here the number of nights counts.
SYSTEMS = ("police", "grid")


def open_town(home: Path) -> Path:
    ended = warm().run("jiceng", "init", "--home", home)
    assert ended.code == 0, ended.err
    return home


def hand_in(night: date, home: Path) -> None:
    """Put the exports of two systems into the inbox; the others are missing."""
    for system in SYSTEMS:
        exports = sample_town(RESIDENTS, SEED) / str(night) / system
        shutil.copytree(exports, home / "inbox" / system, dirs_exist_ok=True)


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory) -> dict[date, Path]:
    """A workspace as it is after each of three nights of `jiceng run`."""
    folder = tmp_path_factory.mktemp("nights")
    home = open_town(folder / "workspace")
    states = {}
    for night in NIGHTS:
        hand_in(night, home)
        run_night(home, night)
        states[night] = folder / str(night)
        shutil.copytree(home, states[night])
    return states


@pytest.fixture
def after_first(nights: dict[date, Path], tmp_path: Path) -> Path:
    """The first night released, the second night's exports in the inbox."""
    home = tmp_path / "workspace"
    shutil.copytree(nights[FIRST], home)
    hand_in(SECOND, home)
    return home


def versions(home: Path) -> dict[str, int]:
    lake = open_lake(Workspace(home))
    return {name: lake.version(name) for name in lake.existing()}


def refined_rows(home: Path) -> dict[str, list[str]]:
    names = ("appeal", "resident", "resident_status")
    return {name: sorted(map(repr, jobs.open_table(name, home=home).arrow().to_pylist())) for name in names}


# --- again -------------------------------------------------------------------------------------------------------------


def test_a_second_run_of_a_night_commits_to_ops_run_alone(nights: dict[date, Path], tmp_path: Path) -> None:
    home = tmp_path / "workspace"
    shutil.copytree(nights[THIRD], home)
    before, summary = versions(home), last_summary(home, THIRD)
    ended = run_night(home, THIRD)
    after, again = versions(home), last_summary(home, THIRD)
    assert {name for name in after if after[name] != before.get(name)} == {"ops.run"} == set(ended.commits)
    assert again["run_id"] == f"{THIRD}.2"
    assert again["nothing_new"]
    for term in ("verdict", "release_id", "sources"):
        assert again[term] == summary[term], term
    assert again["tables"] == summary["tables"]
    assert again["books"]["closes"]


def test_a_file_handed_in_again_the_same_night_changes_no_released_row(
    nights: dict[date, Path], tmp_path: Path
) -> None:
    """Identical bytes under the same name: taken, counted as delivered, and nothing else."""
    home = tmp_path / "workspace"
    shutil.copytree(nights[FIRST], home)
    before = last_summary(home, FIRST)
    hand_in(FIRST, home)
    run_night(home, FIRST)
    again = last_summary(home, FIRST)
    for layer in ("raw.", "harmonised.", "links.", "candidate.", "refined."):
        assert fingerprints(again, layer) == fingerprints(before, layer)
    assert not list((home / "inbox").rglob("*.jsonl"))


def test_readers_see_whole_releases_while_a_night_runs(after_first: Path, nights: dict[date, Path]) -> None:
    """Each look gives the rows of the release it names, whenever it happens; the last one is the new release."""
    expected = {f"{night}.1": refined_rows(nights[night]) for night in (FIRST, SECOND)}
    seen: list[str] = []
    with ThreadPoolExecutor(1) as background:
        running = background.submit(run_night, after_first, SECOND)
        while True:
            last = running.done()
            for name in ("resident", "resident_status"):
                table = jobs.open_table(name, home=after_first)
                rows = sorted(map(repr, table.arrow().to_pylist()))
                assert rows == expected[table.release_id][name], f"look {len(seen)}: {name} of {table.release_id}"
                seen.append(table.release_id)
            if last:
                break
    assert running.result().code == 0
    assert seen == sorted(seen), "nobody goes back to an older release"
    assert len(seen) > 20
    assert set(seen) == set(expected)


# --- in another order --------------------------------------------------------------------------------------------------


def test_shuffled_exports_give_the_same_refined_tables(nights: dict[date, Path], tmp_path: Path) -> None:
    """Two nights of which every CSV and JSONL has its rows in another order.

    What must be equal: the refined and candidate tables, mentions (but for their place in the file), edges, the identity
    ledger and its events: all of them are functions of keys and contents. What may differ: file ids and row numbers,
    which are provenance, and the tables that hold them. Rows that share a key keep their order among themselves, because
    of two rows with a key the first by row number stays.
    """
    home = open_town(tmp_path / "workspace")
    for night in (FIRST, SECOND):
        hand_in(night, home)
        shuffle_exports(home / "inbox", random.Random(night.toordinal()))
        run_night(home, night)
        straight, shuffled = last_summary(nights[night], night), last_summary(home, night)
        for layer in ("refined.", "candidate.", "links.assignment", "links.edge", "links.identity_event"):
            assert fingerprints(shuffled, layer) == fingerprints(straight, layer), night
        assert place_free(home) == place_free(nights[night])
        assert shuffled["tables"]["raw.police__population"] != straight["tables"]["raw.police__population"]
        assert shuffled["verdict"] == straight["verdict"]


def place_free(home: Path) -> dict[str, list[str]]:
    """Rows of tables that know the place they came from, without it."""
    lake = open_lake(Workspace(home))
    found = {}
    for name in ("links.mention", "harmonised.resident", "harmonised.resident_status"):
        columns = [column for column in lake.declared[name].names if column not in ("file_id", "row_number")]
        found[name] = sorted(map(repr, lake.rows(name, columns=columns).to_pylist()))
    return found


def shuffle_exports(inbox: Path, draw: random.Random) -> None:
    for path in sorted((inbox / "grid").glob("*.jsonl")):
        lines = path.read_bytes().splitlines(keepends=True)
        path.write_bytes(b"".join(shuffle(lines, json_key, draw)))
    for path in sorted((inbox / "police").glob("*.csv")):
        header, *rows = csv.reader(io.StringIO(path.read_bytes().decode("gb18030"), newline=""))
        text = io.StringIO(newline="")
        # Blank lines are rows without a cell.
        csv.writer(text, lineterminator="\r\n").writerows([header, *shuffle(rows, lambda row: (row or [""])[0], draw)])
        path.write_bytes(text.getvalue().encode("gb18030"))


def json_key(line: bytes) -> str:
    try:
        return str(json.loads(line).get("record_id"))
    except ValueError:
        return ""


def shuffle(rows: list[Any], key: Callable[[Any], str], draw: random.Random) -> list[Any]:
    """Rows in another order, those with the same key among themselves in the old one."""
    places = list(range(len(rows)))
    draw.shuffle(places)
    by_key: dict[str, list[int]] = {}
    for place in sorted(places):
        by_key.setdefault(key(rows[place]), []).append(place)
    turns = {name: iter(own) for name, own in by_key.items()}
    return [rows[next(turns[key(rows[place])])] for place in places]


def succeed(ended: Ended) -> Ended:
    assert ended.code == 0, ended.err
    return ended


# --- while another run is live -----------------------------------------------------------------------------------------


def test_a_second_run_is_busy_while_one_is_live(after_first: Path, nights: dict[date, Path]) -> None:
    """Also a stage alone, `--abandon`, and Airflow's start; the live run then ends as if nothing had been asked."""
    live = warm().run("jiceng", "run", "--night", SECOND, "--home", after_first, after_commit=5, stop=True)
    run_id = f"{SECOND}.1"
    for command in (
        ("jiceng", "run", "--night", SECOND),
        ("jiceng", "run", "--night", THIRD),
        ("jiceng", "run", "--abandon"),
        ("jobs.start", "--night", SECOND),
        ("jobs.harmonise", "--run-id", run_id),
        ("jobs.extract", "--run-id", run_id, "--source", "grid"),
        ("jobs.finish", "--run-id", run_id),
    ):
        ended = warm().run(*command, "--home", after_first)
        assert ended.code == 4, command
        assert "busy" in ended.err
        assert str(live.pid) in ended.err
        assert ended.commits == []
    assert warm().go_on(live).code == 0
    assert fingerprints(last_summary(after_first, SECOND)) == fingerprints(last_summary(nights[SECOND], SECOND))


def test_a_run_open_under_airflow_is_busy(after_first: Path) -> None:
    """Between its stages no process lives, and it is still its own."""
    succeed(warm().run("jobs.start", "--night", SECOND, "--home", after_first))
    before = versions(after_first)
    ended = run_night(after_first, SECOND, expected_code=4)
    assert f"run {SECOND}.1 is open under airflow" in ended.err
    assert "--abandon" in ended.err
    stage = warm().run(
        "jobs.extract", "--run-id", f"{SECOND}.1", "--source", "grid", "--home", after_first, after_commit=1, stop=True
    )
    for command in (("run", "--night", SECOND), ("run", "--abandon")):
        assert warm().run("jiceng", *command, "--home", after_first).code == 4, command
    same_stage = warm().run("jobs.extract", "--run-id", f"{SECOND}.1", "--source", "grid", "--home", after_first)
    assert same_stage.code == 4
    other_source = warm().run("jobs.extract", "--run-id", f"{SECOND}.1", "--source", "police", "--home", after_first)
    assert other_source.code == 0, other_source.err
    assert warm().go_on(stage).code == 0
    again = succeed(warm().run("jobs.start", "--night", SECOND, "--home", after_first))
    assert json.loads(again.out)["run_id"] == f"{SECOND}.1"
    changed = {name for name, version in versions(after_first).items() if version != before[name]}
    assert changed <= {"ops.file", "ops.delivery"}


def test_a_stage_refuses_the_id_of_another_run(after_first: Path) -> None:
    succeed(warm().run("jobs.start", "--night", SECOND, "--home", after_first))
    for run_id, message in ((f"{FIRST}.1", "is closed"), (f"{SECOND}.9", "there is no run")):
        ended = warm().run("jobs.harmonise", "--run-id", run_id, "--home", after_first)
        assert ended.code == 2
        assert message in ended.err
        assert ended.commits == []


# --- abandoned ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("table", ["refined.resident"])
def test_the_next_run_takes_up_the_files_of_an_abandoned_one(
    after_first: Path, nights: dict[date, Path], table: str
) -> None:
    """Killed behind the first commit of a table, abandoned: the night's next run gives what an undisturbed one gives."""
    assert warm().run("jiceng", "run", "--night", SECOND, "--home", after_first, after_commit=table).was_killed
    succeed(warm().run("jiceng", "run", "--abandon", "--home", after_first))
    run_night(after_first, SECOND)
    summary, expected = last_summary(after_first, SECOND), last_summary(nights[SECOND], SECOND)
    assert summary["run_id"] == f"{SECOND}.2"
    assert summary["verdict"] == expected["verdict"]
    for layer in (
        "raw.",
        "harmonised.",
        "links.",
        "candidate.",
        "refined.",
        "ops.issue",
        "ops.quarantine",
        "ops.skipped",
    ):
        assert fingerprints(summary, layer) == fingerprints(expected, layer), layer
    assert refined_rows(after_first) == refined_rows(nights[SECOND])


def test_a_run_open_under_airflow_can_be_abandoned(after_first: Path, nights: dict[date, Path]) -> None:
    succeed(warm().run("jobs.start", "--night", SECOND, "--home", after_first))
    for source in ("police", "grid"):
        succeed(warm().run("jobs.extract", "--run-id", f"{SECOND}.1", "--source", source, "--home", after_first))
    succeed(warm().run("jiceng", "run", "--abandon", "--home", after_first))
    run_night(after_first, SECOND)
    expected = last_summary(nights[SECOND], SECOND)
    assert fingerprints(last_summary(after_first, SECOND), "refined.") == fingerprints(expected, "refined.")


# --- nights, and places ------------------------------------------------------------------------------------------------


def test_a_night_that_lies_behind_is_refused(nights: dict[date, Path], tmp_path: Path) -> None:
    home = tmp_path / "workspace"
    shutil.copytree(nights[SECOND], home)
    hand_in(FIRST, home)
    before = versions(home)
    ended = run_night(home, FIRST, expected_code=2)
    assert f"night {FIRST} lies behind {SECOND}" in ended.err
    assert warm().run("jobs.start", "--night", FIRST, "--home", home).code == 2
    assert run_night(home, "1 January", expected_code=2).err.count("\n") == 1  # type: ignore[arg-type]
    assert versions(home) == before
    assert list((home / "inbox" / "police").iterdir()), "the files stay where they are"


def test_a_workspace_can_be_moved_between_two_nights(after_first: Path, nights: dict[date, Path]) -> None:
    """Readers, the next night and a look at the old release work in the new place, and nothing names the old one."""
    moved = after_first.with_name("moved")
    after_first.rename(moved)
    assert refined_rows(moved) == refined_rows(nights[FIRST])
    run_night(moved, SECOND)
    assert fingerprints(last_summary(moved, SECOND)) == fingerprints(last_summary(nights[SECOND], SECOND))
    assert jobs.open_table("resident", release=f"{FIRST}.1", home=moved).arrow().num_rows > 0
    for path in moved.rglob("*"):
        if path.suffix in (".json", ".jsonl", ".yaml", ".yml"):
            text = path.read_text(encoding="utf-8")
            assert str(moved) not in text, path
            assert str(after_first) not in text, path
