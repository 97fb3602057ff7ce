"""A fence around each file: it is parsed in a process of its own, and whatever goes wrong there refuses that file alone.

Reads: an archived file, through `reader`. Refuses (FileRefused): what the parsers refuse; as `unreadable` a file whose
reading fails in any way (an exception, an abort, more memory or time than `Limits` allow).
Raises: Fault where the file cannot be opened, and OSError where the machine failed, as on a full disk.

Files of all formats are read so. Text is parsed in blocks and cannot take much, but its libraries can fail as others can, and
one way for all is simpler. It costs no more: while this process writes a batch, the other one parses the next.
One process reads all files of a run, as starting it takes as long as parsing some megabytes; after a failure another takes over.
"""

import atexit
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NoReturn

import jobs
from jobs.common.base.errors import Fault
from jobs.common.contracts.sources import SourceObject
from jobs.common.run.stage import note_child_memory
from jobs.land import reader
from jobs.land.batches import Batch, FileRefused

_MB = 1 << 20
_START_SECONDS = 120
# By a clock on the wall a reader may take so many times its seconds: beyond, it waits for something that does not come.
_PATIENCE = 20
# Libraries that set memory aside in advance would leave none of what a file may take: Arrow's own pool takes a gigabyte.
_LEAN = {"ARROW_DEFAULT_MEMORY_POOL": "system", "OPENBLAS_NUM_THREADS": "1"}


@dataclass(frozen=True)
class Limits:
    """What reading one file may take: so much in any case, and so much more for each of its megabytes.

    A workbook takes some 20 MB and half a second for each of its megabytes; one that takes far more is a bomb, or is
    empty cells by the million. The seconds are those of the processor, so that a busy machine refuses no file.
    """

    memory_mb: int = 512
    memory_mb_each: int = 100
    most_memory_mb: int = 4096
    seconds: int = 30
    seconds_each: int = 2

    def of_size(self, size: int) -> tuple[int, int]:
        """Megabytes of memory and seconds for a file of so many bytes."""
        memory = min(self.memory_mb + self.memory_mb_each * size // _MB, self.most_memory_mb)
        return memory, self.seconds + self.seconds_each * size // _MB


LIMITS = Limits()


@dataclass
class Child:
    """A reading process and the connection to it; `is_ready` once it has said so."""

    process: subprocess.Popen[bytes]
    line: Connection
    is_ready: bool = False

    def await_ready(self) -> None:
        """Wait until it has loaded its modules, which is no file's time.

        Raises:
            Fault: it cannot be started.
        """
        with suppress(EOFError, ConnectionError):
            self.is_ready = self.is_ready or (self.line.poll(_START_SECONDS) and self.line.recv() == reader.READY)
        if not self.is_ready:
            told = f"it ended with {self.process.poll()}; start it by hand: {sys.executable} -m {reader.__name__} 0"
            raise Fault(f"the process that reads files cannot be started ({told})")

    def end(self) -> int:
        """Kill it; returns how it ended."""
        self.process.kill()
        self.line.close()
        return self.process.wait()


_idle: list[Child] = []


def file_size(path: Path) -> int:
    """Bytes of an archived file.

    Raises:
        Fault: it cannot be opened, which is not its fault.
    """
    try:
        with open(path, "rb") as file:
            return os.fstat(file.fileno()).st_size
    except OSError as error:
        raise Fault(f"{path} cannot be read ({error.strerror}); restore it from a backup") from error


def parse_fenced(path: Path, obj: SourceObject, limits: Limits | None = None) -> Iterator[Batch]:
    """The batches of a file, as `parse` gives them.

    The process starts with the call, in the caller's thread, and not with the first batch: it ends with the thread.
    """
    memory_mb, seconds = (limits or LIMITS).of_size(file_size(path))
    child = _take_child()
    child.line.send((path, obj, memory_mb * _MB, seconds))
    return _receive(child, memory_mb, seconds)


def _take_child() -> Child:
    while _idle:
        child = _idle.pop()
        if child.process.poll() is None:
            return child
        child.end()
    ours, theirs = Pipe()
    code = Path(jobs.__file__).parents[1]
    path = os.pathsep.join(filter(None, [str(code), os.environ.get("PYTHONPATH")]))
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", reader.__name__, str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,  # what readers say of their defects may hold values
            env={**os.environ, "PYTHONPATH": path, **_LEAN},
        )
    return Child(process, ours)


def _receive(child: Child, memory_mb: int, seconds: int) -> Iterator[Batch]:
    left: float = _PATIENCE * seconds
    is_whole = False
    try:
        child.await_ready()
        while True:
            began = time.monotonic()
            if left <= 0 or not child.line.poll(left):
                raise FileRefused("unreadable", f"its reader has been waited for {_PATIENCE * seconds:,} seconds")
            try:
                answer = child.line.recv()
            except (EOFError, ConnectionError):
                _refuse_ended(child.end(), memory_mb, seconds)
            left = max(left - (time.monotonic() - began), 0)
            if isinstance(answer, Batch):
                yield answer
                continue
            is_whole = answer[0] in (reader.DONE, reader.REFUSED)
            _settle(answer, memory_mb)
            return
    finally:
        if is_whole:
            _idle.append(child)
        else:
            child.end()


def _settle(answer: tuple[str, Any], memory_mb: int) -> None:
    """Act on the last word of a file."""
    word, told = answer
    if word == reader.DONE:
        note_child_memory(told)
    elif word == reader.REFUSED:
        raise FileRefused(*told)
    elif word == reader.SYSTEM:
        raise OSError(told, os.strerror(told))
    elif "Memory" in told:
        raise FileRefused("unreadable", f"reading it takes more than {memory_mb:,} MB of memory")
    else:
        raise FileRefused("unreadable", f"reading it fails ({told})")


def _refuse_ended(code: int, memory_mb: int, seconds: int) -> NoReturn:
    if code == -signal.SIGXCPU:
        raise FileRefused("unreadable", f"reading it takes more than {seconds:,} seconds")
    how = signal.Signals(-code).name if code < 0 else f"exit code {code}"
    raise FileRefused("unreadable", f"its reader broke off ({how}): more than {memory_mb:,} MB of memory, or a defect")


@atexit.register
def _end_idle() -> None:
    while _idle:
        _idle.pop().end()
