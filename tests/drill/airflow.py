"""A standing Airflow of its own whose scheduler can be killed; the DAG and its settings are the demo's."""

import json
import os
import signal
import sqlite3
import subprocess
import time
from datetime import date
from pathlib import Path
from types import TracebackType

from jobs.common.lake.engine import free_port
from jobs.demo.airflow import AIRFLOW, REPOSITORY, answers, end_group, environment

_PATIENCE = 900  # a machine that others use as well starts a task in half a minute
_POLL = 0.3


def is_installed() -> bool:
    return Path(AIRFLOW[0]).exists()


class Installation:
    """`airflow standalone` over a workspace, with its home in a folder; every process ends with the block."""

    def __init__(self, home: Path, workspace: Path) -> None:
        home.mkdir()
        # A scheduler that is gone is missed after half a minute, its tasks looked for as often.
        self.settings = environment(home, workspace, free_port()) | {
            "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "30"
        }
        self.home = home
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "Installation":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start it, which makes its database, and wait until it answers and knows the DAG."""
        with (self.home / "standalone.log").open("ab") as log:
            self._process = subprocess.Popen(
                [*AIRFLOW, "standalone"],
                env=self.settings,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._wait(lambda: answers(self.settings["AIRFLOW__API__BASE_URL"]), "Airflow answers")
        self._wait(lambda: bool(self._ask("select 1 from dag where dag_id = 'nightly'")), "Airflow knows the DAG")

    def stop(self) -> None:
        if self._process is not None:
            end_group(self._process)
            self._process = None

    def trigger(self, night: date) -> None:
        conf = json.dumps({"night": str(night)})
        command = [*AIRFLOW, "dags", "trigger", "nightly", "--run-id", "drill", "--conf", conf]
        subprocess.run(command, env=self.settings, cwd=REPOSITORY, check=True, capture_output=True)

    def clear(self) -> None:
        """Clear the DAG run, as a person does in the user interface; its failed tasks alone would find a run that is closed."""
        command = [*AIRFLOW, "tasks", "clear", "nightly", "--yes"]
        subprocess.run(command, env=self.settings, cwd=REPOSITORY, check=True, capture_output=True)

    def wait_for_running(self, task: str) -> None:
        query = f"select 1 from task_instance where run_id = 'drill' and task_id = '{task}' and state = 'running'"
        self._wait(lambda: bool(self._ask(query)), f"{task} runs")

    def wait_for_end(self) -> str:
        """State of the DAG run when it has ended."""

        def state() -> str:
            return str(self._ask("select state from dag_run where run_id = 'drill'")[0][0])

        self._wait(lambda: state() in ("success", "failed"), "the DAG run ends")
        return state()

    def tries(self) -> str:
        query = "select task_id, max(try_number) from task_instance where run_id = 'drill' group by task_id"
        again = [f"{task} at its try {number}" for task, number in self._ask(query) if number > 1]
        return ", ".join(again) or "no task was tried twice"

    def kill_scheduler(self) -> bool:
        """SIGKILL for the scheduler, and for nothing else."""
        assert self._process is not None
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                words = (folder / "cmdline").read_bytes().split(b"\0")
                own = os.getsid(int(folder.name)) == self._process.pid
            except (OSError, ProcessLookupError):
                continue
            if own and words[-2:-1] == [b"scheduler"]:
                os.kill(int(folder.name), signal.SIGKILL)
                return True
        return False

    def _ask(self, query: str) -> list[tuple]:
        with sqlite3.connect(self.home / "airflow.db", timeout=20) as connection:
            return connection.execute(query).fetchall()

    def _wait(self, holds, what: str) -> None:
        deadline = time.monotonic() + _PATIENCE
        while not holds():
            assert self._process is not None
            assert time.monotonic() < deadline, f"waited {_PATIENCE} s in vain: {what}"
            time.sleep(_POLL)
