"""A standalone Spark cluster on this machine, from the pip package of pyspark: master, two workers, a Connect server.

    with spark_cluster(folder) as cluster:
        … JICENG_ENGINE=cluster.address …

    python -m tests.support.cluster FOLDER      prints the address when all is healthy, and stops it at Ctrl-C

Everything listens on loopback, on ports that were free. All processes, executors too, end with the block, however it is
left; where this process is killed the kernel ends the daemons, and executors end when their worker is gone.
"""

import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyspark

from jobs.common.lake.engine import DELTA_SETTINGS

WORKERS = 2
_SPARK = Path(pyspark.__file__).parent
_HOST = "127.0.0.1"
_PATIENCE = 120  # seconds until a daemon must be healthy: the first time the server fetches the jars of Delta Lake
_PR_SET_PDEATHSIG = 1
_DEPLOY = "org.apache.spark.deploy"
_SERVER = "org.apache.spark.sql.connect.service.SparkConnectServer"


@dataclass
class Cluster:
    """Where the cluster is reached, and its daemons with their process groups."""

    folder: Path
    connect_port: int
    master_ui: int
    server_ui: int
    daemons: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def address(self) -> str:
        return f"sc://{_HOST}:{self.connect_port}"

    def master_state(self) -> dict[str, Any]:
        """What the master tells of workers and applications."""
        return _get_json(f"http://{_HOST}:{self.master_ui}/json/")

    def tasks_by_executor(self) -> dict[str, int]:
        """Completed tasks of each executor of the Connect server."""
        root = f"http://{_HOST}:{self.server_ui}/api/v1/applications"
        (application,) = _get_json(root)
        executors = _get_json(f"{root}/{application['id']}/executors")
        return {row["id"]: row["completedTasks"] for row in executors if row["id"] != "driver"}

    def processes(self) -> list[int]:
        """Ids of all live processes of the cluster, by their groups."""
        groups = {daemon.pid for daemon in self.daemons.values()}
        return [pid for pid in _all_processes() if _group_of(pid) in groups]


@contextmanager
def spark_cluster(folder: Path) -> Iterator[Cluster]:
    """Start a cluster, wait until its two executors are there, and stop all of it at the end.

    Raises:
        RuntimeError: a daemon ended or did not become healthy; with the end of its log.
    """
    folder.mkdir(parents=True, exist_ok=True)
    master, master_ui, connect, server_ui = free_ports(4)
    cluster = Cluster(folder, connect, master_ui, server_ui)
    url = f"spark://{_HOST}:{master}"
    try:
        _start(
            cluster, "master", "spark-class", f"{_DEPLOY}.master.Master",
            "--host", _HOST, "--port", master, "--webui-port", master_ui,
        )  # fmt: skip
        _await(cluster, "master", lambda: cluster.master_state()["status"] == "ALIVE")
        for number in range(WORKERS):
            _start(
                cluster, f"worker-{number}", "spark-class", f"{_DEPLOY}.worker.Worker", "--host", _HOST,
                "--webui-port", 0, "--cores", 1, "--memory", "1g", "--work-dir", folder / f"work-{number}", url,
            )  # fmt: skip
        _await(cluster, "worker-0", lambda: cluster.master_state()["aliveworkers"] == WORKERS)
        settings = [word for key, value in _settings(cluster).items() for word in ("--conf", f"{key}={value}")]
        _start(
            cluster,
            "server",
            "spark-submit",
            "--master",
            url,
            "--class",
            _SERVER,
            *settings,
            "spark-internal",
            memory="1536m",
        )
        _await(cluster, "server", lambda: _is_open(connect) and len(cluster.tasks_by_executor()) == WORKERS)
        yield cluster
    finally:
        _stop(cluster)


def _settings(cluster: Cluster) -> dict[str, object]:
    return DELTA_SETTINGS | {
        "spark.connect.grpc.binding.address": _HOST,
        "spark.connect.grpc.binding.port": cluster.connect_port,
        "spark.driver.host": _HOST,
        "spark.driver.bindAddress": _HOST,
        "spark.executor.memory": "1g",
        "spark.executor.cores": 1,
        "spark.ui.port": cluster.server_ui,
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.shuffle.partitions": 4,
        "spark.sql.catalogImplementation": "in-memory",
        "spark.sql.warehouse.dir": cluster.folder / "warehouse",
        # Not what the jobs want, but what another's server may have: the session must set its own.
        "spark.sql.session.timeZone": "America/New_York",
    }


def _start(cluster: Cluster, name: str, command: str, *arguments: object, memory: str = "256m") -> None:
    environment: Mapping[str, str] = os.environ | {
        "SPARK_HOME": str(_SPARK),
        "SPARK_LOCAL_IP": _HOST,
        "SPARK_LOCAL_DIRS": str(cluster.folder / "local"),
        "SPARK_DAEMON_MEMORY": memory,  # the Connect server is a daemon as well
        "SPARK_NO_DAEMONIZE": "1",
    }
    with open(cluster.folder / f"{name}.log", "wb") as log:
        cluster.daemons[name] = subprocess.Popen(
            [str(_SPARK / "bin" / command), *map(str, arguments)],
            cwd=cluster.folder, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            start_new_session=True, preexec_fn=_die_with_parent,
        )  # fmt: skip


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _await(cluster: Cluster, name: str, is_healthy: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _PATIENCE
    while True:
        for started, daemon in cluster.daemons.items():
            if daemon.poll() is not None:
                raise RuntimeError(f"{started} ended with {daemon.returncode}:\n{_end_of_log(cluster, started)}")
        try:
            if is_healthy():
                return
        except (OSError, ValueError, KeyError):
            pass  # it does not listen yet, or listens and has nothing to say
        if time.monotonic() > deadline:
            raise RuntimeError(f"{name} is not healthy after {_PATIENCE} s:\n{_end_of_log(cluster, name)}")
        time.sleep(0.2)


def _stop(cluster: Cluster) -> None:
    """First the server, which gives its executors back, then the others; whoever stays is killed."""
    for name in reversed(cluster.daemons):
        daemon = cluster.daemons[name]
        _signal_group(daemon.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            daemon.wait(10)
        _signal_group(daemon.pid, signal.SIGKILL)
        daemon.wait()
    deadline = time.monotonic() + 10
    while cluster.processes() and time.monotonic() < deadline:
        time.sleep(0.05)


def _signal_group(group: int, which: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(group, which)


def free_ports(count: int) -> list[int]:
    """Ports of loopback that nobody listens on just now."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind((_HOST, 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


def _is_open(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((_HOST, port)) == 0


def _get_json(url: str) -> Any:
    # No proxy of the environment stands between us and loopback.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=5) as answer:
        return json.load(answer)


def _all_processes() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _group_of(pid: int) -> int | None:
    """Process group of a live process; None for one that has ended."""
    try:
        state, _, group = (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[:3]
    except (OSError, ValueError):
        return None
    return None if state == "Z" else int(group)


def is_live(pid: int) -> bool:
    return _group_of(pid) is not None


def _end_of_log(cluster: Cluster, name: str) -> str:
    return (cluster.folder / f"{name}.log").read_text(errors="replace")[-3000:]


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with spark_cluster(Path(sys.argv[1])) as cluster:
        print(json.dumps({"engine": cluster.address, "processes": cluster.processes()}), flush=True)
        with suppress(KeyboardInterrupt):
            signal.pause()


if __name__ == "__main__":
    main()
