"""The nightly DAG run by Airflow: over a small town, and over stages that fail.

one night of the town    every task succeeds, each released table is told of
the same night again     succeeds, tells of nothing
a source crashes         the others land, the run is closed, nothing is told of
the release is refused   not tried again, the run is closed, nothing is told of
rules may be overridden  a person is asked; who said yes and why goes to the release, a no publishes nothing
"""

import json
import sqlite3
import stat
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from jobs.common.stage import open_lake
from jobs.common.workspace import Workspace
from jobs.demo.airflow import Task, environment, migrate, run_night
from tests.drill.airflow import Installation

pytestmark = pytest.mark.airflow
JICENG = Path(sys.executable).with_name("jiceng")
NIGHT = date(2026, 1, 1)
# Stands in for the jobs' interpreter: answers as the stages do, and fails where FAIL says.
STAND_IN = f"""#!{sys.executable}
import json, os, sys
stage = sys.argv[3].removeprefix("jobs.")
options = dict(zip(sys.argv[4::2], sys.argv[5::2]))
print(f"{{stage}} at work")
if "CALLS" in os.environ:
    with open(os.environ["CALLS"], "a") as calls:
        calls.write(json.dumps([stage, *sys.argv[6:]]) + "\\n")
failing = json.loads(os.environ["FAIL"])
if failing["stage"] == stage and failing.get("source") in (None, options.get("--source")):
    sys.exit(failing["code"])
if stage == "start":
    print(json.dumps({{"run_id": "2026-01-01.1", "sources": ["grid", "police"], "nothing_new": False}}))
if stage == "release.question":
    print(json.dumps({{"question": os.environ.get("QUESTION")}}))
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
    # All but appeal: the town hands over no messages.
    entities = {"refined.resident", "refined.household", "refined.dwelling", "refined.organisation"}
    assert set(told) == entities | {"refined.relation", "refined.resident_status"}
    assert told["refined.resident"]["rows"] > 250
    assert min(extra["rows"] for extra in told.values()) > 0
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


# --- a person is asked: with a scheduler, which goes on with what somebody has answered -------------------------------------


class Airflow:
    """A standing Airflow, asked over its public API."""

    def __init__(self, address: str) -> None:
        self.address, self.token = address, ""
        self.token = self.ask("GET", "/auth/token")["access_token"]  # everybody is an administrator here

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self.token}"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.address + path, data, headers, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def night(self, night: str) -> str:
        """Trigger a night; its place in the API."""
        asked = {"logical_date": None, "conf": {"night": night}}
        run = self.ask("POST", "/api/v2/dags/nightly/dagRuns", asked)["dag_run_id"]
        return f"/api/v2/dags/nightly/dagRuns/{run}"

    def states(self, run: str) -> dict[str, str]:
        return {task["task_id"]: task["state"] for task in self.ask("GET", f"{run}/taskInstances")["task_instances"]}

    def wait(self, what: str, run: str, task: str, *states: str) -> None:
        deadline = time.monotonic() + 150
        while self.states(run)[task] not in states:
            assert time.monotonic() < deadline, f"{what}: {self.states(run)}"
            time.sleep(1)


@pytest.fixture
def airflow(stand_in: dict[str, str], tmp_path: Path) -> Iterator[Airflow]:
    """Airflow over a stand-in of the stages whose gate has a question."""
    with Installation(tmp_path / "airflow", tmp_path) as installation:
        installation.settings |= {name: stand_in[name] for name in ("JICENG_PYTHON", "JICENG_HOME")}
        installation.settings |= {"FAIL": '{"stage": "none"}', "QUESTION": "1 rule fails"}
        installation.settings |= {"CALLS": str(tmp_path / "calls")}
        installation.settings |= {"JICENG_LATE_HOURS": "0.002", "JICENG_ALERT": f"tee -a {tmp_path / 'alert'}"}
        installation.start()
        yield Airflow(installation.settings["AIRFLOW__API__BASE_URL"])


def wait_for_alert(told: Path, run: str) -> None:
    """Each of the nights is late after seven seconds, and somebody is told of it."""
    deadline = time.monotonic() + 60
    while not told.exists() or f"{run} has published nothing 0.002 hours after its start" not in told.read_text():
        assert time.monotonic() < deadline, "nobody was told that the night is late"
        time.sleep(0.5)


def test_a_person_decides_where_only_rules_fail_that_may_be_overridden(airflow: Airflow, tmp_path: Path) -> None:
    """The first night is let through, the second is not; nothing is published before the answer."""
    details = "taskInstances/approve/-1/hitlDetails"
    for night, answer, ending in (("2026-01-01", "Approve", "success"), ("2026-01-02", "Reject", "failed")):
        run = airflow.night(night)
        airflow.wait("nobody was asked", run, "approve", "awaiting_input")
        asked = airflow.ask("GET", f"{run}/{details}")
        assert (asked["body"], asked["options"], asked["defaults"]) == (
            "1 rule fails",
            ["Approve", "Reject"],
            ["Reject"],
        )
        assert airflow.states(run)["release"] is None
        wait_for_alert(tmp_path / "alert", run.rpartition("/")[2])
        # No person is quicker, and Airflow 3.3 fails a task that is answered before it has settled: a second, or ten where
        # the machine is busy.
        time.sleep(20)
        airflow.ask(
            "PATCH", f"{run}/{details}", {"chosen_options": [answer], "params_input": {"because": "a new estate"}}
        )
        airflow.wait("the night did not end", run, "finish", "success")
        assert airflow.states(run)["approve"] == ending
    calls = [json.loads(line) for line in (tmp_path / "calls").read_text().splitlines()]
    (released,) = [call for call in calls if call[0] == "release"]
    assert released[-1] == "--because=a new estate"
    assert released[-2].startswith("--approved-by=")
    assert len(released[-2]) > len("--approved-by=")
    assert [call[0] for call in calls].count("finish") == 2
