"""A release is all tables or none: the intent, its completion by whoever comes next, and what the gate refuses.

ops.release                          readers see          the next run
2026-01-01.1 released                2026-01-01.1
+ 2026-01-02.1 intent                2026-01-01.1         completes 2026-01-02.1
+ 2026-01-02.1 released              2026-01-02.1
"""

import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from deltalake import DeltaTable

import jobs
from jobs.common.base.errors import UserError
from jobs.common.base.workspace import Workspace
from jobs.common.lake.engine import session
from jobs.common.lake.tables import Lake
from jobs.common.releases.releases import (
    Release,
    all_releases,
    find_release,
    finish_release,
    record_intent,
    recover_release,
)
from jobs.common.run.runs import CLI, Run
from jobs.common.run.stage import open_lake
from tests.support.kill_run import Ended, hand_over, last_summary, run_night, sample_town, warm

pytestmark = pytest.mark.nights

FIRST, SECOND = date(2026, 1, 1), date(2026, 1, 2)
TABLES = ("appeal", "resident", "resident_status")
NAMES_OF = {
    FIRST: {"R1": "甲", "R2": "乙"},
    SECOND: {"R1": "甲", "R2": "乙二", "R3": "丙"},
}


def run_of(night: date) -> Run:
    return Run(f"{night}.1", night, CLI, "", None)


def set_candidates(lake: Lake, names: dict[str, str]) -> dict[str, dict[str, Any]]:
    """Candidates of a night: residents by id and name, one status and no appeal; returns what release records of them."""
    fill = dict.fromkeys(lake.declared["candidate.resident"].names)
    residents = [fill | {"entity_id": key, "name": name, "mention_count": 1} for key, name in names.items()]
    replace(lake, "candidate.resident", residents)
    fill = dict.fromkeys(lake.declared["candidate.resident_status"].names)
    replace(lake, "candidate.resident_status", [fill | {"system": "civil_affairs", "number": "S1"}])
    tables = {}
    for name in TABLES:
        rows, fingerprint = lake.fingerprint(f"candidate.{name}")
        version = lake.version(f"candidate.{name}")
        tables[name] = {"rows": rows, "fingerprint": fingerprint, "candidate_version": version}
    return tables


def replace(lake: Lake, name: str, rows: list[dict[str, Any]]) -> None:
    """Make the whole table these rows."""
    (key, *_) = lake.declared[name].key
    known = lake.rows(name, columns=[key]).column(key).to_pylist()
    keys = sorted({*known, *(row[key] for row in rows)})
    lake.replace_part(name, lake.table_of(name, rows), {key: keys})


def names_readers_see(lake: Lake) -> dict[str, str]:
    table = jobs.open_table("resident", home=lake._workspace.home)
    assert table.release_id == jobs.open_table("resident_status", home=lake._workspace.home).release_id
    return {row["entity_id"]: row["name"] for row in table.arrow().to_pylist()}


@pytest.fixture
def released(lake: Lake) -> Release:
    """The first night's release."""
    return finish_release(lake, record_intent(lake, run_of(FIRST), set_candidates(lake, NAMES_OF[FIRST])))


def test_before_any_release_readers_are_told_so(lake: Lake) -> None:
    with pytest.raises(UserError, match="nothing has been released"):
        names_readers_see(lake)
    record_intent(lake, run_of(FIRST), set_candidates(lake, NAMES_OF[FIRST]))
    with pytest.raises(UserError, match="nothing has been released"):
        names_readers_see(lake)


def test_a_release_publishes_the_candidates(lake: Lake, released: Release) -> None:
    assert names_readers_see(lake) == NAMES_OF[FIRST]
    for name in TABLES:
        assert lake.fingerprint(f"refined.{name}")[1] == released.tables[name]["fingerprint"]
        assert lake.version(f"refined.{name}") == released.tables[name]["version"]


def test_an_intent_alone_changes_nothing_for_readers(lake: Lake, released: Release) -> None:
    record_intent(lake, run_of(SECOND), set_candidates(lake, NAMES_OF[SECOND]))
    assert names_readers_see(lake) == NAMES_OF[FIRST]
    assert find_release(lake).release_id == released.release_id


def test_a_half_promoted_release_is_invisible_until_it_is_completed(
    lake: Lake, released: Release, monkeypatch: Any
) -> None:
    """Killed after the refined table was written and before the row says so."""
    intent = record_intent(lake, run_of(SECOND), set_candidates(lake, NAMES_OF[SECOND]))
    with monkeypatch.context() as patch:
        patch.setattr("jobs.common.releases.releases.write_release", interrupt)
        with pytest.raises(KeyboardInterrupt):
            finish_release(lake, intent)
    assert {row["entity_id"] for row in lake.rows("refined.resident").to_pylist()} == set(NAMES_OF[SECOND])
    assert names_readers_see(lake) == NAMES_OF[FIRST]

    completed = recover_release(lake)
    assert completed is not None
    assert (completed.release_id, completed.state) == ("2026-01-02.1", "released")
    assert names_readers_see(lake) == NAMES_OF[SECOND]
    assert recover_release(lake) is None


def interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def test_an_intent_is_completed_with_the_version_that_was_audited(lake: Lake, released: Release) -> None:
    """The candidate has moved on since; what passed the gate is what is published."""
    record_intent(lake, run_of(SECOND), set_candidates(lake, NAMES_OF[SECOND]))
    set_candidates(lake, {"R9": "壬"})
    recover_release(lake)
    assert names_readers_see(lake) == NAMES_OF[SECOND]


def test_what_was_promoted_must_be_what_was_audited(lake: Lake, released: Release) -> None:
    tables = set_candidates(lake, NAMES_OF[SECOND])
    tables["resident"]["fingerprint"] = "3-1"
    intent = record_intent(lake, run_of(SECOND), tables)
    with pytest.raises(RuntimeError, match=r"refined\.resident has fingerprint"):
        finish_release(lake, intent)
    assert names_readers_see(lake) == NAMES_OF[FIRST]


def test_promotion_writes_only_tables_that_differ(lake: Lake, released: Release) -> None:
    before = {name: lake.version(f"refined.{name}") for name in TABLES}
    finish_release(lake, record_intent(lake, run_of(SECOND), set_candidates(lake, NAMES_OF[SECOND])))
    after = {name: lake.version(f"refined.{name}") for name in TABLES}
    assert after == before | {"resident": before["resident"] + 1}


def test_older_releases_stay_readable_as_they_were(lake: Lake, released: Release) -> None:
    finish_release(lake, record_intent(lake, run_of(SECOND), set_candidates(lake, NAMES_OF[SECOND])))
    home = lake._workspace.home
    old = jobs.open_table("resident", release="2026-01-01.1", home=home)
    expected = [{"entity_id": key, "name": name} for key, name in NAMES_OF[FIRST].items()]
    frames = {
        "arrow": old.arrow().select(["entity_id", "name"]).to_pylist(),
        "polars": old.polars().select("entity_id", "name").to_dicts(),
        "pandas": old.pandas()[["entity_id", "name"]].to_dict("records"),
        "spark": old.spark().select("entity_id", "name").toArrow().to_pylist(),
    }
    for kind, rows in frames.items():
        assert sorted(rows, key=lambda row: row["entity_id"]) == expected, kind
    with pytest.raises(UserError, match=r"no release 2026-01-09\.1; the last ones: 2026-01-01\.1, 2026-01-02\.1"):
        jobs.open_table("resident", release="2026-01-09.1", home=home)
    with pytest.raises(UserError, match="has no table dwelling; it has appeal, resident, resident_status"):
        jobs.open_table("dwelling", home=home)


def test_other_tools_read_the_released_tables_by_path(lake: Lake, released: Release) -> None:
    """Read-only, with the name of the folder alone, and nothing of ours between."""
    path = str(lake.path("refined.resident"))
    spark = session().read.format("delta").load(path)
    readers = {
        "delta-rs": DeltaTable(path).to_pyarrow_dataset().to_table(columns=["entity_id", "name"]).to_pylist(),
        "polars": pl.read_delta(path).select("entity_id", "name").to_dicts(),
        "spark": spark.select("entity_id", "name").toArrow().to_pylist(),
    }
    expected = [{"entity_id": key, "name": name} for key, name in NAMES_OF[FIRST].items()]
    for tool, rows in readers.items():
        assert sorted(rows, key=lambda row: row["entity_id"]) == expected, tool


# --- the gate, over a town's second night whose stages ran one by one up to the audit ------------------------------------


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """First night released by `jiceng run`, second night open under Airflow and audited."""
    home = tmp_path_factory.mktemp("audited") / "workspace"
    town = sample_town(60, 1)
    assert warm().run("jiceng", "init", "--home", home).code == 0
    hand_over(town / str(FIRST), home)
    run_night(home, FIRST)
    hand_over(town / str(SECOND), home)
    ended = warm().run("jobs.start", "--night", SECOND, "--home", home)
    assert ended.code == 0, ended.err
    for source in ("civil_affairs", "grid", "police", "walk_in"):
        stage_alone(home, "extract", "--source", source)
    for stage in (
        "land",
        "harmonise",
        "match",
        "merge",
        "analyse",
        "audit",
    ):  # land without a source works on all of the run's
        stage_alone(home, stage)
    return home


def stage_alone(home: Path, stage: str, *options: str, expected_code: int = 0) -> Ended:
    ended = warm().run(f"jobs.{stage}", "--run-id", f"{SECOND}.1", *options, "--home", home)
    assert ended.code == expected_code, f"{stage}: exit code {ended.code}\n{ended.err}"
    return ended


def fail_a_rule(lake: Lake, severity: str = "critical") -> None:
    rows = lake.rows("ops.audit", {"run_id": f"{SECOND}.1"}).to_pylist()
    row = next(row for row in rows if row["table_name"] == "resident")
    failed = row | {"success": False, "severity": severity, "observed": "1 of 64"}
    lake.upsert("ops.audit", lake.table_of("ops.audit", [failed]))


def forget_verdicts(lake: Lake, table: str) -> None:
    part = {"run_id": f"{SECOND}.1", "table_name": table}
    assert lake.rows("ops.audit", part).num_rows
    lake.replace_part("ops.audit", lake.empty("ops.audit"), part)


def change_candidate(lake: Lake) -> None:
    row = lake.rows("candidate.resident").to_pylist()[0]
    lake.upsert("candidate.resident", lake.table_of("candidate.resident", [row | {"name": "改"}]))


def remove_a_resident(lake: Lake) -> None:
    key = lake.rows("candidate.resident").column("entity_id")[0].as_py()
    lake.replace_part("candidate.resident", lake.empty("candidate.resident"), {"entity_id": key})


REFUSED: dict[str, tuple[Callable[[Lake], None], str]] = {
    "a critical rule has failed": (fail_a_rule, "resident fails"),
    "a table has no verdict": (
        lambda lake: forget_verdicts(lake, "resident_status"),
        "resident_status was not audited",
    ),
    "an empty table has no verdict": (lambda lake: forget_verdicts(lake, "appeal"), "appeal was not audited"),
    "the books have no verdict": (lambda lake: forget_verdicts(lake, "ledger"), "the books were not audited"),
    "a row changed since the audit": (change_candidate, "resident is not the version that was audited"),
    "a row went since the audit": (remove_a_resident, "resident is not the version that was audited"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_the_gate_refuses(audited: Path, tmp_path: Path, case: str) -> None:
    """Exit code 3, the refined tables and `ops.release` untouched; the run closes as refused."""
    spoil, message = REFUSED[case]
    home = tmp_path / "workspace"
    shutil.copytree(audited, home)
    lake = open_lake(Workspace(home))
    spoil(lake)
    before = {name: lake.version(name) for name in ("ops.release", *(f"refined.{table}" for table in TABLES))}
    ended = stage_alone(home, "release", expected_code=3)
    assert message in ended.err
    assert before == {name: lake.version(name) for name in before}
    assert find_release(lake).release_id == f"{FIRST}.1"
    stage_alone(home, "finish", expected_code=3)
    assert last_summary(home, SECOND)["verdict"] == "refused"
    assert last_summary(home, SECOND)["release_id"] == f"{FIRST}.1"


def test_the_gate_lets_through_what_was_audited(audited: Path, tmp_path: Path) -> None:
    """Also with a warning; and once only, however often the stage runs."""
    home = tmp_path / "workspace"
    shutil.copytree(audited, home)
    lake = open_lake(Workspace(home))
    fail_a_rule(lake, severity="warning")
    for _ in range(2):
        stage_alone(home, "release")
        assert [(r.release_id, r.state) for r in all_releases(lake)] == [
            (f"{FIRST}.1", "released"),
            (f"{SECOND}.1", "released"),
        ]
    version = lake.version("ops.release")
    stage_alone(home, "release")
    assert lake.version("ops.release") == version
    stage_alone(home, "finish")


def test_a_night_audited_again_has_its_own_release_not_before_it(audited: Path, tmp_path: Path) -> None:
    """As after a kill between the release and the end of the run: each verdict is what it was, totals too."""
    home = tmp_path / "workspace"
    shutil.copytree(audited, home)
    lake = open_lake(Workspace(home))
    before = lake.fingerprint("ops.audit")
    stage_alone(home, "release")
    stage_alone(home, "audit")
    assert lake.fingerprint("ops.audit") == before


def test_a_refused_night_is_released_when_it_has_been_mended(tmp_path: Path) -> None:
    """`jiceng run` stopped behind the merge, a candidate spoiled, gone on: exit code 3. Then run again: released."""
    home = tmp_path / "workspace"
    assert warm().run("jiceng", "init", "--home", home).code == 0
    hand_over(sample_town(60, 1) / str(FIRST), home)
    # The books are written behind the merge and before the rules are checked.
    stopped = warm().run("jiceng", "run", "--night", FIRST, "--home", home, after_commit="ops.ledger", stop=True)
    lake = open_lake(Workspace(home))
    known = lake.rows("candidate.resident").to_pylist()
    invalid = known[0] | {"id_number": "110101190001010000"}
    lake.upsert("candidate.resident", lake.table_of("candidate.resident", [invalid]))
    ended = warm().go_on(stopped)
    assert ended.code == 3, ended.err
    assert "nothing was released" in ended.err
    with pytest.raises(UserError, match="nothing has been released"):
        find_release(lake)
    assert lake.rows("refined.resident").num_rows == 0

    run_night(home, FIRST)
    assert find_release(lake).release_id == f"{FIRST}.2"
    assert jobs.open_table("resident", home=home).arrow().num_rows == len(known)
