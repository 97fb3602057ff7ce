"""The nightly DAG run by Airflow, over a stand-in of the stages; `test_demo.py` has its nights over the real ones.

a source crashes        the others land, the run is closed, nothing is told of
the release is refused  not tried again, the run is closed, nothing is told of
"""

from datetime import date
from pathlib import Path

import pytest

from jobs.demo.airflow import Task, environment, migrate, run_night
from tests.support.airflow_events import asset_events
from tests.support.airflow_stand_in import write_stand_in

pytestmark = pytest.mark.airflow
NIGHT = date(2026, 1, 1)


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
    return environment(airflow_home, tmp_path) | {"JICENG_PYTHON": str(write_stand_in(tmp_path))}


def test_a_crashed_source_stops_the_release_not_the_other_sources(stand_in: dict[str, str], tmp_path: Path) -> None:
    night = Night(stand_in | {"FAIL": '{"stage": "extract", "source": "police", "code": 1}'}, tmp_path)
    assert not night.succeeded
    assert night.states == {
        "fetch": "success",
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
