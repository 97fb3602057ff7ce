"""The nightly DAG run by Airflow: over a small town, and over stages that fail.

one night of the town    every task succeeds, each released table is told of
the same night again     succeeds, tells of nothing
a source crashes         the others land, the run is closed, nothing is told of
the release is refused   not tried again, the run is closed, nothing is told of
"""

import json
import sqlite3
import stat
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from jobs.common.stage import open_lake
from jobs.common.workspace import Workspace
from jobs.demo.airflow import Task, environment, migrate, run_night

pytestmark = pytest.mark.airflow
JICENG = Path(sys.executable).with_name("jiceng")
NIGHT = date(2026, 1, 1)
# Stands in for the jobs' interpreter: answers as the stages do, and fails where FAIL says.
STAND_IN = f"""#!{sys.executable}
import json, os, sys
stage = sys.argv[3].removeprefix("jobs.")
options = dict(zip(sys.argv[4::2], sys.argv[5::2]))
print(f"{{stage}} at work")
failing = json.loads(os.environ["FAIL"])
if failing["stage"] == stage and failing.get("source") in (None, options.get("--source")):
    sys.exit(failing["code"])
if stage == "start":
    print(json.dumps({{"run_id": "2026-01-01.1", "sources": ["grid", "police"], "nothing_new": False}}))
"""


class Night:
    """What became of one DAG run: each task's last state and number of tries, and the asset events."""

    def __init__(self, settings: dict[str, str], home: Path, night: date = NIGHT) -> None:
        tasks: list[Task] = []
        before = len(self._events(settings))
        self.succeeded = run_night(settings, night, home / "night.log", tasks.append)
        tasks = tasks[1::2]  # each is told of twice: when it starts, and when it has ended
        self.states = {f"{t.name} {t.source}".strip(): t.state for t in tasks}
        self.tries = [f"{t.name} {t.source}".strip() for t in tasks]
        self.events = self._events(settings)[before:]

    @staticmethod
    def _events(settings: dict[str, str]) -> list[tuple[str, Any]]:
        query = "select a.name, e.extra from asset_event e join asset a on a.id = e.asset_id order by e.id"
        with sqlite3.connect(Path(settings["AIRFLOW_HOME"]) / "airflow.db") as connection:
            return [(name, json.loads(extra)) for name, extra in connection.execute(query)]


@pytest.fixture(scope="module")
def airflow_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("airflow")
    migrate(environment(home, home), home / "migrate.log")
    return home


def test_a_night_in_airflow_releases_and_tells_once(airflow_home: Path, tmp_path: Path) -> None:
    workspace, exports = tmp_path / "town", tmp_path / "exports"
    sample = [str(JICENG), "sample", "--residents", "300", "--seed", "3", "--nights", "1", "--out", str(exports)]
    subprocess.run(sample, check=True, capture_output=True)
    subprocess.run([JICENG, "init", "--home", workspace], check=True, capture_output=True)
    (folder,) = (path for path in exports.iterdir() if path.is_dir())
    subprocess.run(["cp", "-r", f"{folder}/.", workspace / "inbox"], check=True)
    settings, night = environment(airflow_home, workspace), date.fromisoformat(folder.name)

    first = Night(settings, tmp_path, night)
    assert first.succeeded, (tmp_path / "night.log").read_text(encoding="utf-8")[-5000:]
    summary = json.loads((workspace / "runs" / f"{night}.1" / "summary.json").read_text(encoding="utf-8"))
    assert summary["verdict"] in ("complete", "incomplete")
    lake = open_lake(Workspace(workspace))
    told = dict(first.events)
    assert set(told) == {"refined.resident", "refined.resident_status"}  # the town hands over no messages
    assert told["refined.resident"]["rows"] > 250
    assert told["refined.resident_status"]["rows"] > 0
    for table, extra in told.items():
        assert lake.rows(table).num_rows == extra["rows"] == summary["tables"][table]["rows"]
        assert (extra["verdict"], extra["release_id"]) == (summary["verdict"], summary["release_id"])

    again = Night(settings, tmp_path, night)
    assert again.succeeded
    assert again.events == []


@pytest.fixture
def stand_in(airflow_home: Path, tmp_path: Path) -> dict[str, str]:
    python = tmp_path / "python"
    python.write_text(STAND_IN, encoding="utf-8")
    python.chmod(python.stat().st_mode | stat.S_IXUSR)
    return environment(airflow_home, tmp_path) | {"JICENG_PYTHON": str(python)}


def test_a_crashed_source_stops_the_release_not_the_other_sources(stand_in: dict[str, str], tmp_path: Path) -> None:
    night = Night(stand_in | {"FAIL": '{"stage": "extract", "source": "police", "code": 1}'}, tmp_path)
    assert not night.succeeded
    assert night.states == {
        "start": "success",
        "deliver.extract grid": "success",
        "deliver.extract police": "failed",
        "deliver.land grid": "success",
        "finish": "success",
    }
    assert night.tries.count("deliver.extract police") == 2  # a crash is tried once more
    assert night.events == []


def test_a_refused_release_is_not_tried_again(stand_in: dict[str, str], tmp_path: Path) -> None:
    night = Night(stand_in | {"FAIL": '{"stage": "release", "code": 3}'}, tmp_path)
    assert not night.succeeded
    assert night.tries.count("release") == 1
    assert (night.states["release"], night.states["finish"]) == ("failed", "success")
    assert night.events == []
