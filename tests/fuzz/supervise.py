"""Has cases played in processes of their own, so that one that dies, hangs or eats memory is counted and the next goes on."""

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.fuzz.outcome import CRASH, HANG, MEMORY, Outcome, Problem

LONGEST = 60  # seconds of a file; a group may say more for what is a whole night
MOST_MB = 2048
_REPOSITORY = Path(__file__).resolve().parents[2]
_LOOK = 0.5  # seconds between looks at the memory


class Worker:
    """A process that plays the cases of one group."""

    def __init__(self, group: str, folder: Path, longest: int) -> None:
        self.longest = longest
        self._said = (folder / f"{group}.stderr").open("ab")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.fuzz.worker", group, str(folder)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._said, cwd=_REPOSITORY, start_new_session=True,
            env={**os.environ, "NO_PROGRESS": "1", "PYTHONPATH": f"{_REPOSITORY}:{_REPOSITORY / 'tests'}"},
        )  # fmt: skip

    def play(self, seed: str) -> tuple[Outcome, bool]:
        """What comes of a case, and whether the process can go on."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        began = time.monotonic()
        try:
            self._process.stdin.write(f"{seed}\n".encode())
            self._process.stdin.flush()
            problem = self._wait(began)
        except BrokenPipeError:
            problem = (CRASH, "process", "it is gone")
        line = b"" if problem else self._process.stdout.readline()
        if problem is None and not line:
            problem = (CRASH, "process", f"ended with code {self._process.wait()}")
        if problem is not None:
            return Outcome(1, [problem]), False
        cases, problems, peak = json.loads(line)
        problems = [tuple(told) for told in problems]
        if peak > MOST_MB:
            problems.append((MEMORY, "process", f"{peak:,} MB"))
        return Outcome(cases, problems), peak <= MOST_MB

    def end(self) -> None:
        """End the process with all that it has started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout, self._said):
            if pipe is not None:
                pipe.close()

    def _wait(self, began: float) -> Problem | None:
        """Waits for the answer; tells if it does not come in time, or if memory grows beyond bounds meanwhile."""
        with selectors.DefaultSelector() as answers:
            answers.register(self._process.stdout, selectors.EVENT_READ)  # type: ignore[arg-type]
            while not answers.select(_LOOK):
                if time.monotonic() - began > self.longest:
                    return HANG, "process", f"more than {self.longest} s"
                if (used := memory_mb(self._process.pid)) > MOST_MB:
                    return MEMORY, "process", f"{used:,} MB"
        return None


def memory_mb(session: int) -> int:
    """Resident memory of the largest process of a session."""
    largest = 0
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            stat = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(stat[3]) == session:
            largest = max(largest, int(stat[21]) * os.sysconf("SC_PAGE_SIZE") >> 20)
    return largest


def play_all(group: str, seeds: Sequence[str], folder: Path, longest: int) -> Iterator[tuple[str, Outcome]]:
    """Each case with what came of it, in order."""
    worker = None
    try:
        for seed in seeds:
            worker = worker or Worker(group, folder, longest)
            outcome, is_sound = worker.play(seed)
            if not is_sound:
                worker.end()
                worker = None
            yield seed, outcome
    finally:
        if worker is not None:
            worker.end()
