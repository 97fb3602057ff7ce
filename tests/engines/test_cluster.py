"""A night of the sample town on a Spark cluster, reached as `sc://host:port`, gives the tables that Sail gives.

It is a first night, all into empty tables; a second one on Spark is in `test_parity.py`. The cluster is a master and two
workers, each in a process of its own, and a Connect server with Delta Lake (`cluster.py`). Both executors work; nothing of
it is left when it is stopped, nor when the process that started it is killed.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from tests.support import cluster
from tests.support.cluster import Cluster, spark_cluster
from tests.support.constants import REPOSITORY
from tests.support.kill_run import fingerprints, hand_over, last_summary, run_night, sample_town, warm

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("java"), pytest.mark.nights]
NIGHT = date(2026, 1, 1)
RESIDENTS, SEED = 150, 3


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with spark_cluster(tmp_path_factory.mktemp("cluster")) as running:
        yield running
    assert running.processes() == []


def test_a_night_on_a_cluster_is_a_night_on_sail(
    running: Cluster, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    sail, home = tmp_path / "sail", tmp_path / "cluster"
    assert warm().run("jiceng", "init", "--home", sail).code == 0
    hand_over(sample_town(RESIDENTS, SEED) / str(NIGHT), sail)
    shutil.copytree(sail, home)
    run_night(sail, NIGHT)
    seconds = run_on(running.address, home, NIGHT)
    expected, found = last_summary(sail, NIGHT), last_summary(home, NIGHT)
    assert fingerprints(found) == fingerprints(expected)
    for term in ("verdict", "release_id", "sources", "waiting", "books"):
        assert found[term] == expected[term], term
    tasks = running.tasks_by_executor()
    assert len(tasks) == cluster.WORKERS
    assert min(tasks.values()) > 0, f"an executor had nothing to do: {tasks}"
    rows = sum(table["rows"] for table in found["tables"].values())
    with capfd.disabled():
        told = (
            f"{len(found['tables'])} tables with {rows:,} rows, {sum(tasks.values()):,} tasks on {len(tasks)} executors"
        )
        print(f"cluster = Sail, night {NIGHT} in {seconds:.0f} s: {told}", flush=True)


def run_on(address: str, home: Path, night: date) -> float:
    """`jiceng run` with another engine, in a process of its own; returns its seconds."""
    command = [shutil.which("jiceng", path=Path(sys.executable).parent) or "jiceng", "run", "--night", str(night)]
    began = time.monotonic()
    ended = subprocess.run(
        [*command, "--home", str(home)],
        env=os.environ | {"JICENG_ENGINE": address, "NO_PROGRESS": "1"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr[-6000:]
    return time.monotonic() - began


def test_a_server_without_delta_lake_is_refused_in_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its tables would be unreadable; the sentence names the setting that its server lacks."""
    monkeypatch.setattr(cluster, "DELTA_SETTINGS", {})
    with spark_cluster(tmp_path / "cluster") as plain:
        ended = subprocess.run(
            [sys.executable, "-m", "jobs.cli", "doctor", "--home", str(tmp_path)],
            env=os.environ | {"JICENG_ENGINE": plain.address}, capture_output=True, text=True, check=False,
        )  # fmt: skip
    assert ended.returncode == 2, ended.stderr[-3000:]
    assert "has no Delta Lake" in ended.stderr
    assert "spark.sql.extensions" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL], ids=["Ctrl-C", "killed"])
def test_nothing_is_left_when_its_owner_ends(tmp_path: Path, how: signal.Signals) -> None:
    command = [sys.executable, "-m", "tests.support.cluster", str(tmp_path)]
    owner = subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    processes: list[int] = json.loads(owner.stdout.readline())["processes"]
    assert len(processes) >= 2 + 2 * cluster.WORKERS, "master, server, workers and executors"
    owner.send_signal(how)
    owner.wait(60)
    deadline = time.monotonic() + 30
    while left := [pid for pid in processes if cluster.is_live(pid)]:
        assert time.monotonic() < deadline, f"{len(left)} of {len(processes)} processes are left"
        time.sleep(0.2)
