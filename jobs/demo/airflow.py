"""Airflow for the demonstration: an Airflow home of its own, one night of the DAG, the user interface.

Writes: the Airflow home, with each task's log where the user interface looks for it, and one raw log file per night.
"""

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from itertools import filterfalse, takewhile
from pathlib import Path
from types import FrameType

REPOSITORY = Path(__file__).resolve().parents[2]
AIRFLOW = [str(REPOSITORY / ".venv-airflow/bin/python"), "-m", "airflow"]
STARTING = re.compile(r"\[DAG TEST\] starting task_id=(\S+) map_index=(-?\d+)")
ENDING = re.compile(r"\[DAG TEST\] end task task_id=")
NEW_STATE = re.compile(r"new_state=(\w+)")
DAG_RUN = re.compile(r"Created dag run.* (manual__[^ ,]+), state")
AIRFLOW_LINE = re.compile(r"\d{4}-\d\d-\d\dT\S+Z \[")
# What Airflow says to itself around a task; the rest is the task's own log.
NOISE = re.compile(r"\[DAG TEST\]|\[airflow\.api_fastapi|::(end)?group::|Done. Returned value was")


@dataclass
class Task:
    """One try of one task: `source` is the mapped one's name, else empty."""

    name: str
    index: int
    source: str
    state: str = "running"
    seconds: float = 0.0
    lines: list[str] = field(default_factory=list)

    @property
    def own_lines(self) -> list[str]:
        """What the stage itself said, without Airflow around it."""
        said = takewhile(lambda line: "Task failed with exception" not in line, self.lines)
        return [line for line in said if not AIRFLOW_LINE.match(line)]


def environment(airflow_home: Path, workspace: Path, port: int = 8080) -> dict[str, str]:
    """Settings of an Airflow of its own; those of another Airflow on this machine are left out."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    return inherited | {
        "AIRFLOW_HOME": str(airflow_home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(REPOSITORY / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(REPOSITORY / "dags/plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__CORE__PARALLELISM": "2",
        "AIRFLOW__CORE__DEFAULT_TIMEZONE": "Asia/Shanghai",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
        "AIRFLOW__API__BASE_URL": f"http://127.0.0.1:{port}",
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__API__INSTANCE_NAME": "Jiceng",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        "JICENG_HOME": str(workspace),
        "JICENG_LATE_HOURS": "",  # `dags test` of Airflow 3.3 breaks over a deadline
        "JICENG_SCHEDULE": "",  # a new Airflow begins the night of today at once, if it is early in the morning
        "JICENG_PYTHON": sys.executable,
        "NO_COLOR": "1",
        "PYTHONUNBUFFERED": "1",
        "PATH": f"{REPOSITORY / '.venv-airflow/bin'}{os.pathsep}{os.environ.get('PATH', '')}",
    }


def migrate(settings: dict[str, str], log: Path) -> None:
    """Create or upgrade the metadata database."""
    with log.open("w", encoding="utf-8") as handle:
        subprocess.run([*AIRFLOW, "db", "migrate"], env=settings, stdout=handle, stderr=subprocess.STDOUT, check=True)


def run_night(settings: dict[str, str], night: date, log: Path, tell: Callable[[Task], None]) -> bool:
    """Run the nightly DAG for `night`; `tell` hears of each task when it starts and when it has ended.

    Returns: whether the DAG run succeeded.
    """
    # Without a logical date: `dags test` would date the start of the run by it, and its duration with it.
    command = [*AIRFLOW, "dags", "test", "nightly", "--conf", json.dumps({"night": str(night)})]
    follower = _Follower(Path(settings["AIRFLOW_HOME"]), tell)
    with (
        log.open("w", encoding="utf-8") as handle,
        subprocess.Popen(
            command, env=settings, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as process,
    ):
        assert process.stdout is not None
        for line in process.stdout:
            handle.write(line)
            follower.read(line)
    return process.returncode == 0


@dataclass
class _Follower:
    """What the output of `dags test` has said so far: of the run, of the task that runs now, of tries by task."""

    airflow_home: Path
    tell: Callable[[Task], None]
    run_id: str = ""
    sources: list[str] = field(default_factory=list)
    tries: Counter[tuple[str, int]] = field(default_factory=Counter)
    task: Task | None = None
    began: float = 0.0

    def read(self, line: str) -> None:
        """Hear the next line."""
        if found := DAG_RUN.search(line):
            self.run_id = found[1]
        if found := STARTING.search(line):
            self._start(found[1], int(found[2]))
        elif self.task and ENDING.search(line):
            self._end(self.task)
        elif self.task:
            self._keep(self.task, line)

    def _start(self, name: str, index: int) -> None:
        is_mapped = 0 <= index < len(self.sources)
        self.task = Task(name, index, self.sources[index] if is_mapped else "")
        self.began = time.monotonic()
        self.tell(self.task)

    def _keep(self, task: Task, line: str) -> None:
        task.lines.append(line)
        if found := NEW_STATE.search(line):
            task.state = found[1]
        if task.name == "start" and line.startswith('{"run_id"'):
            self.sources = json.loads(line)["sources"]

    def _end(self, task: Task) -> None:
        task.seconds = time.monotonic() - self.began
        self.tries[task.name, task.index] += 1
        _keep_task_log(self.airflow_home, self.run_id, task, self.tries[task.name, task.index])
        self.tell(task)
        self.task = None


def _keep_task_log(airflow_home: Path, run_id: str, task: Task, attempt: int) -> None:
    """`dags test` logs to its output alone; the user interface reads a file per try."""
    mapped = f"map_index={task.index}/" if task.index >= 0 else ""
    path = airflow_home / f"logs/dag_id=nightly/run_id={run_id}/task_id={task.name}/{mapped}attempt={attempt}.log"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(filterfalse(NOISE.search, task.lines)), encoding="utf-8")


def serve(settings: dict[str, str], log: Path, ready: Callable[[str], None]) -> int:
    """Run Airflow with its user interface until it is interrupted; every process it started ends with it."""
    address = settings["AIRFLOW__API__BASE_URL"]

    def stop(signum: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)
    with log.open("w", encoding="utf-8") as handle:
        process = subprocess.Popen(
            [*AIRFLOW, "standalone"], env=settings, stdout=handle, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            while process.poll() is None and not answers(address):
                time.sleep(1)
            if process.poll() is None:
                ready(address)
            return process.wait()
        except KeyboardInterrupt:
            return 0
        finally:
            end_group(process)


def answers(address: str) -> bool:
    """Whether an Airflow is up there."""
    try:
        with urllib.request.urlopen(f"{address}/api/v2/monitor/health", timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def end_group(process: subprocess.Popen[bytes]) -> None:
    """Airflow's processes are asked to end, with the tasks they run, and then made to."""
    for number, patience in ((signal.SIGTERM, 20), (signal.SIGKILL, 5)):
        deadline = time.monotonic() + patience
        try:
            os.killpg(process.pid, number)
            while time.monotonic() < deadline:
                process.poll()  # a zombie would still count as the group
                os.killpg(process.pid, 0)
                time.sleep(0.2)
        except ProcessLookupError:
            return
