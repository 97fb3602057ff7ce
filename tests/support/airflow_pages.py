"""Airflow over a small town, for the tests of its pages: one server that asks for a login for all of them."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs.common.lake.engine import free_port
from jobs.demo.airflow import environment, migrate
from tests.support.airflow_server import serving, with_login
from tests.support.town import Town, build_town

USERS = {"vera": "viewer", "olga": "op"}


@pytest.fixture(scope="session")
def small_town(tmp_path_factory: pytest.TempPathFactory) -> Town:
    """Two nights of a small town, which stay as they are."""
    return build_town(tmp_path_factory.mktemp("small"), 60, 4, 2)


@pytest.fixture(scope="session")
def airflow_settings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Of an Airflow over the town's copy, with its database."""
    home = tmp_path_factory.mktemp("airflow")
    found = environment(home, home / "workspace", free_port())
    migrate(found, home / "migrate.log")
    return found


@pytest.fixture(scope="module")
def browsed(small_town: Town, airflow_settings: dict[str, str]) -> Town:
    """The copy, as new for each module."""
    workspace = Path(airflow_settings["JICENG_HOME"])
    if workspace.exists():
        shutil.rmtree(workspace)
    return small_town.copy_to(workspace)


@pytest.fixture(scope="session")
def address(airflow_settings: dict[str, str]) -> Iterator[str]:
    """Of an API server that asks for a login."""
    with serving(with_login(airflow_settings, USERS), Path(airflow_settings["AIRFLOW_HOME"]) / "server.log") as found:
        yield found
