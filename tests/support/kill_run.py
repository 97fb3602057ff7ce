"""Runs commands of the pipeline in processes that can be killed or stopped at an exact commit or instant.

    python -m tests.support.kill_run --after-commit N jiceng run --night D --home H    a command that dies after its N-th commit
    python -m tests.support.kill_run --serve                                           the same for each line of JSON on stdin

A command is `jiceng …`, or `jobs.<stage> …` for what `python -m jobs.<stage> …` does. The server has imported everything
before it forks a child for each command, so that a try costs the work and not the seconds of the imports.
"""

import atexit
import ctypes
import functools
import json
import os
import runpy
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from argparse import REMAINDER, ArgumentParser
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from tests.support.constants import REPOSITORY

_PR_SET_PDEATHSIG = 1


# --- for tests -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Ended:
    """What became of a command: `code` is negative when a signal ended it; `commits` names the table of each."""

    code: int
    pid: int
    seconds: float
    commits: list[str]
    out: str
    err: str

    @property
    def was_killed(self) -> bool:
        return self.code == -signal.SIGKILL


class Warm:
    """A server of this script, started once for all tests of a session."""

    def __init__(self) -> None:
        # One thread for each library: a process that forks should have few.
        settings = os.environ | dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1") | {"NO_PROGRESS": "1"}
        command = [sys.executable, "-m", "tests.support.kill_run", "--serve"]
        self._server = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=settings, cwd=REPOSITORY, text=True
        )
        atexit.register(self._server.kill)

    def run(
        self,
        *command: object,
        after_commit: int | str | None = None,
        after_seconds: float | None = None,
        stop: bool = False,
        env: dict[str, str] | None = None,
    ) -> Ended:
        """Run a command to its end, or until it is killed after a number of commits or seconds.

        Args:
            command: words of the command.
            after_commit: kill it after this commit, counted from 1, or after the first one of this table.
            after_seconds: kill it at this instant.
            stop: stop it instead of killing it; `go_on` lets it run to its end.
            env: settings of its environment.
        """
        return self._ask(
            command=[str(word) for word in command],
            after_commit=after_commit,
            after_seconds=after_seconds,
            stop=stop,
            env=env or {},
        )

    def go_on(self, stopped: Ended) -> Ended:
        """The end of a command that was stopped."""
        return self._ask(go_on=stopped.pid)

    def _ask(self, **request: Any) -> Ended:
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.write(json.dumps(request) + "\n")
        self._server.stdin.flush()
        answer = self._server.stdout.readline()
        assert answer, "the server has died"
        return Ended(**json.loads(answer))


@functools.cache
def warm() -> Warm:
    return Warm()


@functools.cache
def sample_town(residents: int, seed: int, nights: int = 3) -> Path:
    """Exports of a town, written once; folders are nights."""
    out = Path(tempfile.mkdtemp(prefix="town-"))
    atexit.register(shutil.rmtree, out, ignore_errors=True)
    ended = warm().run("jiceng", "sample", "--residents", residents, "--seed", seed, "--nights", nights, "--out", out)
    assert ended.code == 0, ended.err
    return out


def hand_over(exports: Path, home: Path) -> None:
    """Put the exports of one night into the inbox."""
    shutil.copytree(exports, home / "inbox", dirs_exist_ok=True)


def run_night(home: Path, night: date, expected_code: int = 0, **options: Any) -> Ended:
    """`jiceng run` of a night, to its end."""
    ended = warm().run("jiceng", "run", "--night", night, "--home", home, **options)
    assert ended.code == expected_code, f"exit code {ended.code}\n{ended.err[-4000:]}"
    return ended


def last_summary(home: Path, night: date) -> dict[str, Any]:
    """Summary of the night's last run."""
    folders = sorted((home / "runs").glob(f"{night}.*"), key=lambda path: int(path.name.rpartition(".")[2]))
    summary: dict[str, Any] = json.loads((folders[-1] / "summary.json").read_text(encoding="utf-8"))
    return summary


def fingerprints(summary: dict[str, Any], layer: str = "") -> dict[str, str]:
    """Fingerprint of each table of a summary; Delta versions are left out."""
    return {name: table["fingerprint"] for name, table in summary["tables"].items() if name.startswith(layer)}


# --- the processes -------------------------------------------------------------------------------------------------------


class Child:
    """One forked command, with its output and its commits in files of its own."""

    def __init__(self, command: list[str], after_commit: int | str | None, stop: bool, env: dict[str, str]) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="kill-run-"))
        self.began = time.monotonic()
        self.pid = os.fork()
        if self.pid == 0:
            code = 1
            try:
                os.environ.update(env)
                ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)  # no stopped child outlives the server
                self._redirect()
                _report_commits(self.folder / "commits", after_commit, signal.SIGSTOP if stop else signal.SIGKILL)
                code = execute(command)
            except BaseException:
                traceback.print_exc()
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(code)  # what is registered for the end of the server is not the child's

    def wait(self, after_seconds: float | None) -> dict[str, Any]:
        """What became of it, as `Ended` has it; kills it when its time is over."""
        status = 0
        while True:
            ended, status = os.waitpid(self.pid, os.WNOHANG | os.WUNTRACED)
            if ended:
                break
            if after_seconds is not None and time.monotonic() - self.began >= after_seconds:
                os.kill(self.pid, signal.SIGKILL)
                after_seconds = None
            time.sleep(0.002)
        code = -os.WSTOPSIG(status) if os.WIFSTOPPED(status) else os.waitstatus_to_exitcode(status)
        answer: dict[str, Any] = {"code": code, "pid": self.pid, "seconds": time.monotonic() - self.began}
        commits = self.folder / "commits"
        answer["commits"] = commits.read_text().split() if commits.exists() else []
        for name in ("out", "err"):
            answer[name] = (self.folder / name).read_text(encoding="utf-8", errors="replace")
        if not os.WIFSTOPPED(status):
            shutil.rmtree(self.folder)
        return answer

    def _redirect(self) -> None:
        for name, descriptor in (("out", 1), ("err", 2)):
            handle = os.open(self.folder / name, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.dup2(handle, descriptor)
            os.close(handle)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)


def _report_commits(path: Path, after_commit: int | str | None, how: signal.Signals) -> None:
    """Replace what is called after each commit by one that writes it down, and ends the process after the N-th."""
    from jobs.common.lake import tables

    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    count = 0

    def committed(name: str) -> None:
        nonlocal count, after_commit
        count += 1
        os.write(handle, f"{name}\n".encode())
        if after_commit in (count, name):
            after_commit = None
            os.kill(os.getpid(), how)

    tables.committed = committed


def execute(command: list[str]) -> int:
    """Exit code of a command run in this process."""
    sys.argv = command
    # A stage that its stage package has imported already is executed once more as the main module, as `python -m` does.
    warnings.filterwarnings("ignore", category=RuntimeWarning, module="runpy")
    main: Callable[[], object]
    if command[0] == "jiceng":
        from jobs.cli import main
    else:
        main = functools.partial(runpy.run_module, command[0], run_name="__main__", alter_sys=True)
    try:
        main()
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    return 0


def serve() -> None:
    """Fork a child for each line of stdin; answer with one line when it has ended."""
    import_everything()
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    stopped: dict[int, Child] = {}
    for line in sys.stdin:
        request = json.loads(line)
        if "go_on" in request:
            child = stopped.pop(request["go_on"])
            os.kill(child.pid, signal.SIGCONT)
            answer = child.wait(None)
        else:
            child = Child(request["command"], request["after_commit"], request["stop"], request["env"])
            answer = child.wait(request["after_seconds"])
        if answer["code"] == -signal.SIGSTOP:
            stopped[child.pid] = child
        answers.write(json.dumps(answer) + "\n")
        answers.flush()
    for child in stopped.values():
        os.kill(child.pid, signal.SIGKILL)


def import_everything() -> None:
    """What a run imports, before the fork. Nothing is started: engine and thread pools begin in the child."""
    import pysail.spark
    import pyspark.sql.connect.functions
    import pyspark.sql.connect.session

    import jobs.cli.app
    import jobs.operate.nightly
    import jobs.read.status
    import jobs.sample
    from jobs.audit.loading import load_checks

    _ = (pysail, pyspark, jobs)
    load_checks()


def main() -> None:
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--serve", action="store_true", help="run a command for each line of JSON on stdin")
    parser.add_argument("--after-commit", type=int, help="kill the command after this commit, counted from 1")
    parser.add_argument("command", nargs=REMAINDER)
    arguments = parser.parse_args()
    if arguments.serve:
        serve()
        return
    _report_commits(Path(os.devnull), arguments.after_commit, signal.SIGKILL)
    sys.exit(execute(arguments.command))


if __name__ == "__main__":
    main()
