"""Fetch: write each export that nobody hands over as an ordinary file into the inbox, before the run of a night is opened.

    inbox/<system>/<object>_<night>.jsonl       a JSON object a row, under a name ending in .part until it is whole
    inbox/<system>/<object>_<night>.jsonl.done  says that it is finished

From there on it is a file like any other: replay and withdraw know nothing of the place that it came from.

Reads: the places that contracts name as `location`, `ops.delivery`. Writes: `inbox/<system>/`, `runs/.fetch/<night>.json`.
Refuses: a night behind the last one. A source that fails harms itself alone: it is told, and it is missing that night.
"""

import json
import os
import sys
from argparse import ArgumentParser
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

from jobs.common.base.secrets import NoSecret, find_secret
from jobs.common.base.workspace import Workspace, open_workspace
from jobs.common.contracts.location import Location, fetched_name, file_settings
from jobs.common.intake.fetched import Failure, note_failures
from jobs.common.intake.inbox import MARKER, TAKEN
from jobs.common.run.conf import Conf, current_conf
from jobs.common.run.conf_check import check_conf
from jobs.common.run.runs import CLI, check_clock, lock, next_run, parse_night
from jobs.common.run.stage import guarded, open_lake
from jobs.fetch import sqlite
from jobs.fetch.failure import NotFetched

Rows = Iterator[dict[str, Any]]
Connector = Callable[[Location, Callable[[str], str], date], Rows]

CONNECTORS: Mapping[str, Connector] = {"sqlite": sqlite.read_rows}
_PART = ".part"


@dataclass(frozen=True)
class Export:
    """What is fetched of an object on a night, and where the file goes."""

    workspace: Workspace
    system: str
    location: Location
    night: date

    @property
    def name(self) -> str:
        return fetched_name(self.location.object, self.night.isoformat())

    @property
    def path(self) -> Path:
        return self.workspace.inbox / self.system / self.name

    @property
    def marker(self) -> Path:
        return self.path.with_name(self.name + MARKER)

    @property
    def part(self) -> Path:
        return self.path.with_name(self.name + _PART)


def run(workspace: Workspace, night: date) -> list[Failure]:
    """Fetch what is neither in the inbox nor taken; what could not be fetched is returned. The caller holds the run's lock.

    Raises:
        UserError: the night lies behind the last one.
    """
    conf = current_conf(workspace)
    exports = [
        Export(workspace, system, location, night)
        for system, source in conf.sources.items()
        for location in source.locations
    ]
    if not exports:
        return []
    lake = open_lake(workspace, conf)
    next_run(lake, night, CLI, conf)
    rows = lake.rows("ops.delivery", {"night": night}, ["system", "name"]).to_pylist()
    taken = {(row["system"], row["name"]) for row in rows}
    failures = []
    for export in exports:
        if (export.system, export.name) not in taken:
            failures += _fetch_or_tell(export, conf)
    note_failures(workspace, night, failures)
    return failures


def _fetch_or_tell(export: Export, conf: Conf) -> list[Failure]:
    """Fetch one object; a failure of any kind is told and harms no other."""
    place = f"{export.system}.{export.location.object}"
    try:
        rows = fetch(export)
    except NotFetched as error:
        failure = Failure(export.system, export.location.object, error.reason, error.detail)
    except NoSecret as error:
        failure = Failure(export.system, export.location.object, "no_secret", str(error))
    except OSError as error:
        failure = Failure(export.system, export.location.object, "inbox_closed", error.strerror or "")
    except Exception as error:  # of a connector; what it says may hold a value
        failure = Failure(export.system, export.location.object, "connector_failed", type(error).__name__)
    else:
        if rows is not None:
            _tell(f"{place}: {export.name} is in the inbox  (rows {rows:,})")
        return []
    _tell(f"{place}: {failure.sentence(conf)}")
    return [failure]


def fetch(export: Export) -> int | None:
    """Put one object into the inbox, whole or not at all; returns how many rows, or None if it was there.

    Raises:
        NotFetched: the place gives no rows, or not all of them.
        NoSecret: the secret that its location names is not set.
        OSError: the inbox cannot be written.
    """
    folder = export.path.parent
    if folder.is_symlink():
        raise NotFetched("inbox_closed", f"inbox/{export.system} is a link")
    folder.mkdir(parents=True, exist_ok=True)
    _remove_parts(export)
    if (folder / TAKEN / export.name).exists():
        return None
    if export.path.exists():  # an earlier try was stopped before it could say so
        export.marker.touch()
        return None
    export.marker.unlink(missing_ok=True)
    connector = CONNECTORS[export.location.connector]
    try:
        count = _write(
            export.part, connector(export.location, partial(find_secret, export.workspace.home), export.night)
        )
        export.part.rename(export.path)
    finally:
        export.part.unlink(missing_ok=True)
    export.marker.touch()
    return count


def _remove_parts(export: Export) -> None:
    """Remove what tries of earlier nights left when they were stopped."""
    for path in export.path.parent.glob(file_settings(export.location.object)["path"] + _PART):
        path.unlink()


def _write(path: Path, rows: Rows) -> int:
    """Write a JSON object a line, down to the disk; returns how many. No row at all is no export: it would end all that stand."""
    count = 0
    with path.open("x", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n")
            count += 1
        file.flush()
        os.fsync(file.fileno())
    if not count:
        raise NotFetched("no_rows")
    return count


def _tell(message: str) -> None:
    print(f"{'fetch':<10} {message}", file=sys.stderr, flush=True)


def main() -> None:
    parser = ArgumentParser(prog="python -m jobs.fetch", description="Fetch what nobody hands over into the inbox.")
    parser.add_argument("--night", help="night as YYYY-MM-DD (default: today in Shanghai)")
    parser.add_argument("--by-clock", metavar="NIGHT", help="the night if nobody named one, by the scheduler's clock")
    parser.add_argument("--home", type=Path, help="workspace (default JICENG_HOME, else ./.jiceng)")
    arguments = parser.parse_args()

    def body() -> None:
        workspace = open_workspace(arguments.home)
        night = parse_night(arguments.night or arguments.by_clock)
        conf = current_conf(workspace)
        if not any(source.locations for source in conf.sources.values()):
            return
        with lock(workspace, "run", "this workspace"):
            check_conf(conf)
            if not arguments.night:
                check_clock(open_lake(workspace, conf), night)
            run(workspace, night)

    sys.exit(guarded(body))
