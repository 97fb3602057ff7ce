"""Shared by the tests: one engine for the session, workspaces in temporary directories, real data where it is."""

import os
import re
import shutil
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession
from xdist.scheduler import LoadFileScheduling

from jobs.common.conf import Conf, take_snapshot
from jobs.common.engine import session
from jobs.common.stage import open_lake
from jobs.common.tables import Lake
from jobs.common.workspace import Workspace, init_workspace

# Tests that run side by side are told a terminal's width, where there is none.
os.environ.pop("COLUMNS", None)
REPOSITORY = Path(__file__).resolve().parents[1]
NIGHT = date(2026, 1, 1)


_OF_TOWN, _OF_PAGES, _OF_NIGHTS = "town_fixtures|spoiled_town", "airflow_pages", "office|kill_run|match_frames"


class OneTownAtATime(LoadFileScheduling):
    """Modules go whole to a worker, and those that look at the same town to the same one, where it is built once."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return next((town for town in (_OF_TOWN, _OF_PAGES) if _names(file, town)), file)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> OneTownAtATime | None:
    return OneTownAtATime(config, log) if config.getvalue("dist") == "loadfile" else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Modules that work through nights come first, so that no worker is left with a long one at the end."""
    items.sort(key=lambda item: [not _names(item.location[0], modules) for modules in (_OF_TOWN, _OF_NIGHTS)])


@cache
def _names(file: str, modules: str) -> bool:
    """Whether a test module imports one of `modules`, a pattern, or has it for a plugin."""
    text = (REPOSITORY / file).read_text(encoding="utf-8")
    return re.search(rf'^(from ({modules}) |pytest_plugins = \["({modules})"\])', text, re.MULTILINE) is not None


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
