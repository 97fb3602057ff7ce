"""Shared by the tests: one engine for the session, workspaces in temporary directories, real data where it is."""

import os
import re
import shutil
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession
from xdist.scheduler import LoadFileScheduling

from jobs.common.base.workspace import Workspace, init_workspace
from jobs.common.lake.engine import session
from jobs.common.lake.tables import Lake
from jobs.common.run.conf import Conf, take_snapshot
from jobs.common.run.stage import open_lake
from tests.support.constants import REAL_DATA, REPOSITORY

# Tests that run side by side are told a terminal's width, where there is none.
os.environ.pop("COLUMNS", None)


class OneGroupAtATime(LoadFileScheduling):
    """Modules go whole to a worker, and those of one `xdist_group` to the same one, where what they share is built once.

    The way of xdist itself, `--dist loadgroup`, loses the groups under this version of pytest.
    """

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return _group_of(file) or file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> OneGroupAtATime | None:
    return OneGroupAtATime(config, log) if config.getvalue("dist") == "loadfile" else None


@cache
def _group_of(file: str) -> str | None:
    """The group that a module names in its mark."""
    found = re.search(r'xdist_group\("([^"]+)"\)', (REPOSITORY / file).read_text(encoding="utf-8"))
    return found[1] if found else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Modules that work through nights come first, so that no worker is left with a long one at the end; those of a group
    before all others.
    """

    def place(item: pytest.Item) -> tuple[bool, bool]:
        return item.get_closest_marker("xdist_group") is None, item.get_closest_marker("nights") is None

    items.sort(key=place)


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
