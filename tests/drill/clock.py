"""Runs `jiceng` with a clock that is wrong: python -m tests.drill.clock 2027-01-03T02:00:00 jiceng run …

The clock of this process is moved, not the system's: what asks for the day, and what is written as a time.
"""

import sys
import time
from datetime import datetime, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from tests.support.kill_run import execute


def move_clock(now: datetime) -> None:
    """From here on it is `now` for the jobs."""
    ahead = now.timestamp() - time.time()

    class Moved(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> "Moved":
            return cls.fromtimestamp(_time() + ahead, tz)

    _time, _gmtime = time.time, time.gmtime
    from jobs.common.releases import releases, rollback
    from jobs.common.run import runs

    for module in (releases, rollback, runs):
        patched: Any = module
        patched.datetime = Moved
    time.time = lambda: _time() + ahead
    time.gmtime = lambda seconds=None: _gmtime(time.time() if seconds is None else seconds)


def main() -> None:
    move_clock(datetime.fromisoformat(sys.argv[1]).replace(tzinfo=ZoneInfo("Asia/Shanghai")))
    sys.exit(execute(sys.argv[2:]))


if __name__ == "__main__":
    main()
