"""Runs of the pipeline: opening, resuming and closing them, and who may work in a workspace.

Writes: `ops.run`. Refuses: a second run while one is live or open under Airflow (exit code 4), a night that lies behind.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any, TextIO
from zoneinfo import ZoneInfo

from jobs.common.base.code import code_version
from jobs.common.base.errors import Busy, UserError
from jobs.common.base.workspace import Workspace
from jobs.common.lake.engine import engine_version
from jobs.common.lake.faults import telling_faults
from jobs.common.lake.tables import Lake
from jobs.common.run.conf import Conf

CLI, AIRFLOW = "jiceng run", "airflow"
RELEASED, REFUSED = ("complete", "incomplete"), "refused"
_SHANGHAI = ZoneInfo("Asia/Shanghai")
_TRIES = 20
_LONGEST_PAUSE = 31  # days: longer than any holiday


@dataclass(frozen=True)
class Run:
    """One row of `ops.run`."""

    run_id: str
    night: date
    driver: str
    config_hash: str
    verdict: str | None
    code_version: str | None = None  # of the code that opened it

    @property
    def number(self) -> int:
        return run_number(self.run_id)

    @property
    def is_open(self) -> bool:
        return self.verdict is None


def run_number(run_id: str) -> int:
    """Number of a run within its night."""
    return int(run_id.rpartition(".")[2])


def run_night(run_id: str) -> date:
    """Night of a run."""
    return date.fromisoformat(run_id.rpartition(".")[0])


def run_order(run_id: str) -> tuple[date, int]:
    """Where a run stands among all: by its night, then its number."""
    return run_night(run_id), run_number(run_id)


def tonight() -> date:
    """Today's date in Shanghai."""
    return datetime.now(_SHANGHAI).date()


def parse_night(text: str | None) -> date:
    """The night a user names as YYYY-MM-DD, else tonight; raises UserError."""
    if not text:
        return tonight()
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UserError(f"{text!r} is no night; write it as YYYY-MM-DD") from None


def check_clock(lake: Lake, night: date) -> None:
    """Whether a night that nobody named can be the one after the last: a clock that jumps must not shut out the nights between.

    Raises:
        UserError: it lies behind the last one, or more than a month ahead of it and of the day on which a run was last opened.
    """
    rows = lake.rows("ops.run", columns=["night", "started_at"]).to_pylist()
    last = max((row["night"] for row in rows), default=night)
    latest = max((row["started_at"].astimezone(_SHANGHAI).date() for row in rows), default=night)
    if night < last or (night - max(last, latest)).days > _LONGEST_PAUSE:
        raise UserError(
            f"by the clock this is night {night}, and the last one worked on is {last}; set the clock right, or name the night "
            "with --night"
        )


def all_runs(lake: Lake) -> list[Run]:
    """All runs in the order of nights and numbers."""
    rows = lake.rows(
        "ops.run", columns=["run_id", "night", "driver", "config_hash", "verdict", "code_version"]
    ).to_pylist()
    return sorted((Run(**row) for row in rows), key=lambda run: (run.night, run.number))


def runs_before(lake: Lake, run: Run) -> list[Run]:
    """All runs before one, the latest first."""
    earlier = [known for known in all_runs(lake) if run_order(known.run_id) < run_order(run.run_id)]
    return earlier[::-1]


def open_run(lake: Lake) -> Run | None:
    return next((run for run in all_runs(lake) if run.is_open), None)


def find_run(lake: Lake, run_id: str) -> Run:
    """The open run with this id; a stage works for no other."""
    run = next((run for run in all_runs(lake) if run.run_id == run_id), None)
    if run is None:
        raise UserError(f"there is no run {run_id}; `jiceng status` lists the runs")
    if not run.is_open:
        raise UserError(f"run {run_id} is closed ({run.verdict}); start the night again instead of its tasks alone")
    return run


def next_run(lake: Lake, night: date, driver: str, conf: Conf) -> Run:
    """The next run of `night`, not yet recorded.

    Raises:
        UserError: a later night has been worked on already.
    """
    runs = all_runs(lake)
    if runs and runs[-1].night > night:
        raise UserError(f"night {night} lies behind {runs[-1].night}, the last one worked on; nights only go forward")
    number = 1 + max((run.number for run in runs if run.night == night), default=0)
    return Run(f"{night}.{number}", night, driver, conf.hash, None)


def record_open(lake: Lake, run: Run) -> None:
    _write(lake, run, started_at=datetime.now(UTC), ended_at=None)


def close_run(lake: Lake, run: Run, verdict: str) -> None:
    """Close the run with its verdict; the time it was opened at stays."""
    row = lake.rows("ops.run", {"run_id": run.run_id}).to_pylist()[0]
    closed = replace(run, verdict=verdict)
    _write(lake, closed, started_at=row["started_at"], ended_at=datetime.now(UTC))


def _write(lake: Lake, run: Run, started_at: datetime, ended_at: datetime | None) -> None:
    row: dict[str, Any] = {
        "run_id": run.run_id,
        "night": run.night,
        "driver": run.driver,
        "started_at": started_at,
        "ended_at": ended_at,
        "verdict": run.verdict,
        "engine": engine_version(),
        "code_version": code_version(),
        "config_hash": run.config_hash,
    }
    lake.upsert("ops.run", lake.table_of("ops.run", [row]))


@contextmanager
def lock(workspace: Workspace, name: str, what: str, shared: bool = False) -> Iterator[None]:
    """Hold the kernel lock `name`, which ends with the process; raises Busy when another process holds it.

    Stages started alone hold the run's lock `shared`: they do not shut out each other, but whoever works on the whole run.
    Whoever writes to a workspace holds one, so failures of the machine are told here; raises Fault.
    """
    with telling_faults(workspace), _open_lock(workspace, name) as handle:
        if not _take(handle, fcntl.LOCK_SH if shared else fcntl.LOCK_EX):
            handle.seek(0)
            raise Busy(f"{what} is busy: held by process {handle.read().strip() or 'unknown'}; wait for its end")
        handle.seek(0)
        handle.truncate()
        handle.write(f"{os.getpid()}\n")
        handle.flush()
        yield


def _open_lock(workspace: Workspace, name: str) -> TextIO:
    workspace.locks.mkdir(parents=True, exist_ok=True)
    return open(workspace.locks / f"{name}.lock", "a+")


def holder(workspace: Workspace, name: str) -> str | None:
    """Process id that holds the lock `name` for itself alone now, or None."""
    path = workspace.locks / f"{name}.lock"
    if not path.exists():
        return None
    with open(path) as handle:
        return None if _take(handle, fcntl.LOCK_SH) else handle.read().strip()


def _take(handle: TextIO, how: int) -> bool:
    """Whether the lock could be taken; tried for a moment, because `holder` takes it for an instant to look."""
    for _ in range(_TRIES):
        try:
            fcntl.flock(handle, how | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            time.sleep(0.01)
    return False
