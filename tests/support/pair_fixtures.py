"""The office of pairs after one night, worked once for all tests that look at it."""

from pathlib import Path

import pytest

from tests.support.office import Office, copy_office
from tests.support.pair_office import FIRST, hand_in, open_pairs


@pytest.fixture(scope="session")
def worked_pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its home."""
    office = open_pairs(tmp_path_factory.mktemp("pairs") / "workspace")
    hand_in(office, FIRST)
    assert office.run(FIRST).code == 0
    return office.workspace.home


@pytest.fixture
def office(worked_pairs: Path, tmp_path: Path) -> Office:
    """A copy, to be changed."""
    return copy_office(worked_pairs, tmp_path / "workspace")
