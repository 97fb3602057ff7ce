"""Commands run in processes of their own, with their wall time and their greatest memory, children included.

Reads: /proc. Writes: nothing. Refuses: a command that fails.
"""

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
_TICK = 0.25


@dataclass(frozen=True)
class Cost:
    """Wall seconds of a process from its start to its end, and the most memory that it and its children held at once.

    `cpu_seconds` are those of the process and of the children that it has waited for.
    """

    seconds: float
    peak_mb: int
    cpu_seconds: float = 0.0


def run_measured(module: str, *arguments: object, env: dict[str, str] | None = None) -> Cost:
    """Run `python -m module` to its end; raises RuntimeError with the end of its output where it fails."""
    return run_command([sys.executable, "-m", module, *map(str, arguments)], env)


def run_command(command: Sequence[str], env: dict[str, str] | None = None) -> Cost:
    """Run a command to its end; raises RuntimeError with the end of its output where it fails."""
    settings = os.environ | {"NO_PROGRESS": "1"} | (env or {})
    with tempfile.TemporaryFile() as output:
        began = time.perf_counter()
        process = subprocess.Popen(command, cwd=REPOSITORY, env=settings, stdout=output, stderr=output)
        peak = _Peak(process.pid)
        _, status, used = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            output.seek(0)
            text = output.read().decode(errors="replace")
            raise RuntimeError(f"{' '.join(command[:3])} ended with {process.returncode}:\n{text[-3000:]}")
    # The kernel knows the process's own peak exactly; of it and its children together only what was seen.
    return Cost(seconds, max(peak.stop(), used.ru_maxrss // 1024), used.ru_utime + used.ru_stime)


class _Peak:
    """Watches the resident memory of a process and all below it."""

    def __init__(self, pid: int) -> None:
        self._pid, self._most, self._ended = pid, 0, threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def stop(self) -> int:
        self._ended.set()
        self._thread.join()
        return self._most

    def _watch(self) -> None:
        while not self._ended.wait(_TICK):
            self._most = max(self._most, sum(map(_resident_mb, tree_of(self._pid))))


def tree_of(pid: int) -> list[int]:
    """The process and all that descend from it."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except (OSError, IndexError):
                continue  # it has ended meanwhile
            parents.setdefault(parent, []).append(int(entry.name))
    found, front = [], [pid]
    while front:
        found += front
        front = [child for parent in front for child in parents.get(parent, [])]
    return found


def _resident_mb(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024**2
    except (OSError, IndexError):
        return 0
