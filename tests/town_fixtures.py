"""The sample town and the real messages, run once a session: a test module takes them by `pytest_plugins`."""

import shutil
from datetime import date
from pathlib import Path

import pytest
from town import Town, jiceng

from jobs import extract, harmonise, land, match, merge, start
from jobs.common.runs import CLI

RESIDENTS, SEED, NIGHTS = 1000, 1, 3


@pytest.fixture(scope="session")
def town(tmp_path_factory: pytest.TempPathFactory) -> Town:
    """Three nights of a town of a thousand; tests read it and leave it as it is."""
    base = tmp_path_factory.mktemp("town")
    built = Town(base / "workspace", base / "samples")
    sizes = ("--residents", str(RESIDENTS), "--seed", str(SEED), "--nights", str(NIGHTS))
    assert jiceng("sample", *sizes, "--out", built.samples).code == 0
    assert jiceng("init", "--home", built.home).code == 0
    for night in sorted(path for path in built.samples.iterdir() if path.is_dir()):
        shutil.copytree(night, built.workspace.inbox, dirs_exist_ok=True)
        answer = built.run(date.fromisoformat(night.name))
        assert answer.code == 0, answer.err[-3000:]
    return built


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
    shutil.copytree(stopped.samples / str(night), stopped.workspace.inbox, dirs_exist_ok=True)
    context = start.run(stopped.workspace, night, CLI)
    for stage in (extract, land):
        for source in context.plan["sources"]:
            stage.run(context, source)
    for work in (harmonise.run, match.run, merge.run):
        work(context)
    stopped.nights.append(night)
    return stopped
