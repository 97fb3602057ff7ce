"""What `make demo` has played in Airflow, played again by `jiceng run`: the same tables, night by night.

`JICENG_DEMO` names the demo's folder (default `.demo`).
"""

import json
import os
import shutil
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from jobs.common.base.workspace import Workspace, init_workspace
from jobs.common.run.stage import open_lake
from jobs.demo.airflow import environment
from jobs.demo.airflow import run_night as run_in_airflow
from jobs.operate.nightly import run_night
from tests.support.airflow_events import asset_events
from tests.support.constants import REPOSITORY

DEMO = Path(os.environ.get("JICENG_DEMO") or REPOSITORY / ".demo")
NIGHTS = sorted(path.name for path in (DEMO / "exports").glob("*-*-*"))
pytestmark = pytest.mark.demo


def fingerprints(summary: dict[str, Any]) -> dict[str, str]:
    return {name: table["fingerprint"] for name, table in summary["tables"].items()}


def test_jiceng_run_gives_the_tables_that_airflow_gave(tmp_path: Path) -> None:
    workspace = init_workspace(tmp_path / "town")
    worked = {path.name.rpartition(".")[0] for path in (DEMO / "town" / "runs").glob("2*.*")}
    assert sorted(worked) == NIGHTS, "play it with `make demo`"
    assert len(NIGHTS) >= 2
    for night in NIGHTS:
        shutil.copytree(DEMO / "exports" / night, workspace.inbox, dirs_exist_ok=True)
        found = run_night(workspace, date.fromisoformat(night))
        played = json.loads((DEMO / "town" / "runs" / found["run_id"] / "summary.json").read_text(encoding="utf-8"))
        assert played["verdict"] == found["verdict"]
        assert fingerprints(played) == fingerprints(found), f"night {night}"
        assert len(played["tables"]) >= 20


def test_airflow_told_of_each_released_table_once() -> None:
    expected = []
    for home in (DEMO / "town", DEMO / "messages"):
        lake = open_lake(Workspace(home))
        for path in home.glob("runs/*/summary.json"):
            summary = json.loads(path.read_text(encoding="utf-8"))
            assert summary["verdict"] in ("complete", "incomplete")
            assert summary["release_id"] == summary["run_id"]
            for name, table in summary["tables"].items():
                if name.startswith("refined.") and table["version"] > 0:
                    assert lake.count_rows(name, table["version"]) == table["rows"] > 0
                    expected.append((name, summary["release_id"], summary["verdict"], table["rows"]))
    told = [
        (name, extra["release_id"], extra["verdict"], extra["rows"]) for name, extra in asset_events(DEMO / "airflow")
    ]
    assert sorted(told) == sorted(expected)
    first = {name: rows for name, release_id, _, rows in told if release_id == "2026-01-01.1"}
    # All but appeal: the town hands over no messages.
    entities = {"refined.resident", "refined.household", "refined.dwelling", "refined.organisation"}
    products = {"refined.code", "refined.conflict", "refined.division"}
    assert set(first) == entities | products | {"refined.relation", "refined.resident_status"}
    assert first["refined.resident"] > 250


def test_the_last_night_again_in_airflow_tells_of_nothing(tmp_path: Path) -> None:
    for name in ("town", "airflow"):
        shutil.copytree(DEMO / name, tmp_path / name)
    before = asset_events(tmp_path / "airflow")
    log = tmp_path / "night.log"
    settings = environment(tmp_path / "airflow", tmp_path / "town")
    again = run_in_airflow(settings, date.fromisoformat(NIGHTS[-1]), log, lambda _: None)
    assert again, log.read_text(encoding="utf-8")[-5000:]
    assert (tmp_path / "town" / "runs" / f"{NIGHTS[-1]}.2" / "summary.json").exists()
    assert asset_events(tmp_path / "airflow") == before


def test_all_real_messages_are_accounted_for(real_data: Path) -> None:
    (path,) = (DEMO / "messages" / "runs").glob("*/summary.json")
    played = json.loads(path.read_text(encoding="utf-8"))
    assert played["tables"]["refined.appeal"]["rows"] == 10_399
    assert played["tables"]["ops.quarantine"]["rows"] == 1
    assert played["books"]["closes"]
