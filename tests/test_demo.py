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
from airflow_events import asset_events

from jobs.cli.nightly import run_night
from jobs.common.workspace import init_workspace

DEMO = Path(os.environ.get("JICENG_DEMO") or Path(__file__).resolve().parents[1] / ".demo")
pytestmark = pytest.mark.demo


def fingerprints(summary: dict[str, Any]) -> dict[str, str]:
    return {name: table["fingerprint"] for name, table in summary["tables"].items()}


def test_jiceng_run_gives_the_tables_that_airflow_gave(tmp_path: Path) -> None:
    workspace = init_workspace(tmp_path / "town")
    nights = sorted(path for path in (DEMO / "exports").iterdir() if path.is_dir())
    assert len(nights) == 3
    for folder in nights:
        shutil.copytree(folder, workspace.inbox, dirs_exist_ok=True)
        found = run_night(workspace, date.fromisoformat(folder.name))
        played = json.loads((DEMO / "town" / "runs" / found["run_id"] / "summary.json").read_text(encoding="utf-8"))
        assert played["verdict"] == found["verdict"]
        assert fingerprints(played) == fingerprints(found), f"night {folder.name}"
        assert len(played["tables"]) >= 20


def test_airflow_told_of_each_released_table_once() -> None:
    expected = []
    for path in DEMO.glob("*/runs/*/summary.json"):
        summary = json.loads(path.read_text(encoding="utf-8"))
        assert summary["release_id"] == summary["run_id"]
        for name, table in summary["tables"].items():
            if name.startswith("refined.") and table["version"] > 0:
                assert table["rows"] > 0
                expected.append((name, summary["release_id"], summary["verdict"], table["rows"]))
    told = [
        (name, extra["release_id"], extra["verdict"], extra["rows"]) for name, extra in asset_events(DEMO / "airflow")
    ]
    assert len(expected) > 3 * 6
    assert sorted(told) == sorted(expected)


def test_all_real_messages_are_accounted_for(real_data: Path) -> None:
    (path,) = (DEMO / "messages" / "runs").glob("*/summary.json")
    played = json.loads(path.read_text(encoding="utf-8"))
    assert played["tables"]["refined.appeal"]["rows"] == 10_399
    assert played["tables"]["ops.quarantine"]["rows"] == 1
    assert played["books"]["closes"]
