"""Shared by the tests: one engine for the session, workspaces in temporary directories, real data where it is."""

import os
import shutil
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from jobs.common.base.workspace import Workspace, init_workspace
from jobs.common.lake.engine import session
from jobs.common.lake.tables import Lake
from jobs.common.run.conf import Conf, take_snapshot
from jobs.common.run.stage import open_lake
from tests.support.constants import REAL_DATA

# Tests that run side by side are told a terminal's width, where there is none.
os.environ.pop("COLUMNS", None)


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Modules go whole to a worker, unless they name a group; those that work through nights come first, so that no worker
    is left with a long one at the end.
    """
    for item in items:
        if item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(item.location[0]))
    items.sort(key=lambda item: item.get_closest_marker("nights") is None)


@pytest.fixture(scope="session")
def spark() -> SparkSession:
    return session()


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return init_workspace(tmp_path / "workspace")


@pytest.fixture
def conf(workspace: Workspace) -> Conf:
    return take_snapshot(workspace)


@pytest.fixture
def lake(workspace: Workspace, conf: Conf) -> Lake:
    return open_lake(workspace, conf)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of the real data; where it must be there, its absence is a failure."""
    folder = REAL_DATA
    if not (folder / "appeals").is_dir():
        assert os.environ.get("JICENG_REQUIRE_REAL_DATA") != "1", f"the real data is required and not at {folder}"
        pytest.skip(f"no real data at {folder}; set JICENG_REAL_DATA")
    return folder


@pytest.fixture(scope="session")
def java() -> None:
    """Spark needs a Java; in CI its absence is a failure."""
    if shutil.which("java") is None:
        assert not os.environ.get("CI"), "CI must have a Java for Spark"
        pytest.skip("Spark needs a Java")
