"""Whether a workspace has moved on since a page was drawn: told by its files' times, without reading a table."""

import fcntl
import os
from datetime import date
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
# Within a run the pages move on stage by stage.
TABLES = ("ops/run", "ops/release", "ops/decision", "links/judgement")


def state_of(home: Path) -> str:
    """Differs when a stage has ended, a run has opened, closed or died, a release or decision was made, a pair was judged, a
    file has come to the inbox, configuration was edited, or a day has begun."""
    logs = [home / "lake" / name / "_delta_log" for name in TABLES]
    inbox = [home / "inbox", *_folders(home / "inbox")]
    runs = sorted(_folders(home / "runs"), key=lambda run: (run.name[:10], len(run.name), run.name))
    conf = [top / name for top in (REPOSITORY, home) for name in ("conf", "expectations")]
    extra = os.environ.get("JICENG_CONF")
    folders = [*conf, *([Path(extra)] if extra else []), *(run / "stages" for run in runs[-1:])]
    read = [path for folder in folders for path in sorted(folder.rglob("*"))]
    seen = [*map(_times, (home, *logs, *inbox, *read)), runs[-1:]]
    return repr((date.today(), _is_held(home / "runs/.locks/run.lock"), seen))


def _folders(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            return sorted(Path(entry) for entry in entries if entry.is_dir() and not entry.name.startswith("."))
    except OSError:
        return []


def _times(path: Path) -> tuple[str, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return str(path), found.st_mtime_ns, found.st_size


def _is_held(path: Path) -> bool:
    """Whether a run is live: it holds its lock for itself alone, and the kernel lets go of it with the process."""
    try:
        with open(path) as handle:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False
