"""The process that parses files, one after the other, for `fence`: `python -m jobs.land.reader FD`.

Reads: the archived files that it is told of over the connection at the file descriptor FD. Writes: nothing but its answers.
Refuses: what the parsers refuse. It lives as long as its parent, and the system ends it before others where memory is short.
"""

import ctypes
import errno
import math
import os
import resource
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path

from jobs.common.contracts.sources import SourceObject
from jobs.land.batches import Batch, FileRefused, no_rows
from jobs.land.parse import parse

_PR_SET_PDEATHSIG = 1
_WORST_OOM_SCORE = "1000"
_PORTION = 50_000

READY = "ready"  # what it says once, before all
# What it answers of a file: its batches, each as it is, then one of these words with what there is to say.
DONE = "done"  # peak memory so far in MB
REFUSED = "refused"  # reason, detail
FAILED = "failed"  # name of the exception; its text may hold values
SYSTEM = "system"  # errno of a failure that is not the file's


def main() -> None:
    parent = os.getppid()
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        return
    # What ends the parent ends this process; by itself it would make a file look unreadable.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core would hold personal data
    Path("/proc/self/oom_score_adj").write_text(_WORST_OOM_SCORE)
    own = _status_kb("VmData") << 10
    with Connection(int(sys.argv[1])) as line:
        line.send(READY)
        while True:
            try:
                path, obj, memory_bytes, seconds = line.recv()
            except EOFError:
                return
            _limit(resource.RLIMIT_DATA, own + memory_bytes)
            _limit(resource.RLIMIT_CPU, math.ceil(time.process_time()) + seconds)
            line.send(_read(line, path, obj))


def _limit(kind: int, value: int) -> None:
    """Set what this process may take in all; not beyond what the system lets it have."""
    most = resource.getrlimit(kind)[1]
    resource.setrlimit(kind, (value if most == resource.RLIM_INFINITY else min(value, most), most))


def _read(line: Connection, path: Path, obj: SourceObject) -> tuple[str, object]:
    try:
        for batch in parse(path, obj):
            for portion in _portions(batch, obj):
                line.send(portion)
    except FileRefused as refused:
        return REFUSED, (refused.reason, refused.detail)
    except BaseException as error:  # also those of readers in other languages
        if isinstance(error, OSError) and error.errno not in (None, errno.ENOMEM):
            return SYSTEM, error.errno
        return FAILED, type(error).__name__
    return DONE, _status_kb("VmHWM") >> 10


def _portions(batch: Batch, obj: SourceObject) -> Iterator[Batch]:
    """A batch in as many as its skipped rows need: the blank ones above a stray cell can be a million."""
    for start in range(_PORTION, len(batch.skipped), _PORTION):
        early = batch.skipped[start - _PORTION : start]
        yield Batch(no_rows(obj), skipped=early, read=len(early))
    early_count = max(len(batch.skipped) - 1, 0) // _PORTION * _PORTION
    yield replace(batch, skipped=batch.skipped[early_count:], read=batch.read - early_count)


def _status_kb(name: str) -> int:
    """A figure of this process as the kernel counts it; `getrusage` counts what it was forked from as well."""
    with open("/proc/self/status", encoding="ascii") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


if __name__ == "__main__":
    main()
