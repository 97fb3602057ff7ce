"""Three nights of the sample town's exports, written once a session: a test module takes them by `pytest_plugins`."""

from pathlib import Path

import pytest

from jobs.sample import generate
from tests.support.sample_files import read_truth


@pytest.fixture(scope="session")
def town(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the exports, not to be written to."""
    out = tmp_path_factory.mktemp("sample") / "town"
    generate(1000, 7, 3, out)
    return out


@pytest.fixture(scope="session")
def truth(town: Path) -> list[dict[str, str]]:
    return read_truth(town)
