"""The nightly DAG run by Airflow, over a stand-in of the stages; `test_demo.py` has its nights over the real ones.

a source crashes         the others land, the run is closed, nothing is told of
the release is refused   not tried again, the run is closed, nothing is told of
rules may be overridden  a person is asked; who said yes and why goes to the release, a no publishes nothing
"""

import json
import stat
import sys
import time
import urllib.request
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from airflow_events import asset_events

from jobs.demo.airflow import Task, environment, migrate, run_night
from tests.drill.airflow import Installation

pytestmark = pytest.mark.airflow
PATIENCE = 300  # beside Spark, Airflow may leave one question unanswered for half a minute
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
        before = len(asset_events(Path(settings["AIRFLOW_HOME"])))
        self.succeeded = run_night(settings, night, home / "night.log", tasks.append)
        tasks = tasks[1::2]  # each is told of twice: when it starts, and when it has ended
        self.states = {f"{t.name} {t.source}".strip(): t.state for t in tasks}
        self.tries = [f"{t.name} {t.source}".strip() for t in tasks]
        self.events = asset_events(Path(settings["AIRFLOW_HOME"]))[before:]


@pytest.fixture(scope="module")
def airflow_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("airflow")
    migrate(environment(home, home), home / "migrate.log")
    return home


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
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return json.load(answer)

    def night(self, night: str) -> str:
        """Trigger a night; its place in the API."""
        asked = {"logical_date": None, "conf": {"night": night}}
        run = self.ask("POST", "/api/v2/dags/nightly/dagRuns", asked)["dag_run_id"]
        return f"/api/v2/dags/nightly/dagRuns/{run}"

    def states(self, run: str) -> dict[str, str]:
        return {task["task_id"]: task["state"] for task in self.ask("GET", f"{run}/taskInstances")["task_instances"]}

    def wait(self, what: str, run: str, task: str, *states: str) -> None:
        deadline = time.monotonic() + PATIENCE
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
    deadline = time.monotonic() + PATIENCE
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
