"""What could not be fetched on a night: fetch notes it before a run is opened, and the run tells it of its sources.

Reads and writes: `runs/.fetch/<night>.json`. Keys, codes and counts only.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

from jobs.common.base.json_file import read_json, write_json
from jobs.common.base.workspace import Workspace
from jobs.common.run.conf import Conf


@dataclass(frozen=True)
class Failure:
    """An object that is not there tonight; `reason` is a code of `fetch` in conf/reasons.yml."""

    system: str
    object: str
    reason: str
    detail: str

    def sentence(self, conf: Conf) -> str:
        """What happened and what to do, in Chinese and English."""
        entry = conf.reasons["fetch"][self.reason]
        detail = f" ({self.detail})" if self.detail else ""
        return f"{entry['zh']} / {entry['en']}{detail}; {entry['mend']}"


def note_failures(workspace: Workspace, night: date, failures: Sequence[Failure]) -> None:
    """Keep what the last try of a night could not fetch; if that is nothing, the note of an earlier try goes."""
    path = _path(workspace, night)
    if not failures:
        path.unlink(missing_ok=True)
        return
    write_json(path, [asdict(failure) for failure in failures])


def failures_of(workspace: Workspace, night: date) -> dict[str, list[Failure]]:
    """What could not be fetched on a night, by system."""
    noted = read_json(_path(workspace, night))
    found: dict[str, list[Failure]] = defaultdict(list)
    for entry in noted or ():
        found[entry["system"]].append(Failure(**entry))
    return dict(found)


def _path(workspace: Workspace, night: date) -> Path:
    return workspace.runs / ".fetch" / f"{night}.json"
