"""The sample town and the real messages, run once a session: a test module takes them by `pytest_plugins`."""

import shutil
from datetime import date
from pathlib import Path

import pytest

from tests.support.town import Town, build_town, jiceng, work_until_audit

RESIDENTS, SEED, NIGHTS = 1000, 1, 3


@pytest.fixture(scope="session")
def town(tmp_path_factory: pytest.TempPathFactory) -> Town:
    """Three nights of a town of a thousand; tests read it and leave it as it is."""
    return build_town(tmp_path_factory.mktemp("town"), RESIDENTS, SEED, NIGHTS)


@pytest.fixture(scope="session")
def messages(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Town:
    """One night of the real citizen messages: five workbooks of three systems."""
    base = tmp_path_factory.mktemp("messages")
    built = Town(base / "workspace", real_data / "appeals")
    assert jiceng("init", "--home", built.home).code == 0
    for system, numbers in {"mailbox": ("1", "2", "2_未标注"), "forum": ("3",), "reply_desk": ("4",)}.items():
        (built.workspace.inbox / system).mkdir()
        for number in numbers:
            shutil.copy(built.samples / f"附件{number}.xlsx", built.workspace.inbox / system)
    answer = built.run(date(2026, 1, 1))
    assert answer.code == 0, answer.err[-3000:]
    return built


@pytest.fixture(scope="session")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Town:
    """A run of a small town that was stopped right before its audit."""
    base = tmp_path_factory.mktemp("stopped")
    stopped = Town(base / "workspace", base / "samples")
    assert jiceng("sample", "--residents", "60", "--seed", "4", "--nights", "1", "--out", stopped.samples).code == 0
    assert jiceng("init", "--home", stopped.home).code == 0
    night = date(2026, 1, 1)
    work_until_audit(stopped, night)
    stopped.nights.append(night)
    return stopped
