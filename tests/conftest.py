"""Shared by the tests: one engine for the session, workspaces in temporary directories, real data where it is."""

import os
import shutil
from datetime import date
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from jobs.common.conf import Conf, take_snapshot
from jobs.common.engine import session
from jobs.common.stage import open_lake
from jobs.common.tables import Lake
from jobs.common.workspace import Workspace, init_workspace

# Tests that run side by side are told a terminal's width, where there is none.
os.environ.pop("COLUMNS", None)
REPOSITORY = Path(__file__).resolve().parents[1]
NIGHT = date(2026, 1, 1)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests of a module stay together where tests run side by side, and modules that share a town as well: it is built once."""
    for item in items:
        if item.get_closest_marker("xdist_group") is None:
            module = item.getparent(pytest.Module).obj
            (group,) = getattr(module, "pytest_plugins", [module.__name__])
            item.add_marker(pytest.mark.xdist_group(group))


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
    folder = Path(os.environ.get("JICENG_REAL_DATA") or REPOSITORY.parent / "shared" / "data")
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
