"""Which files speak for an object on a night, and which of them come too late.

Reads: `ops.delivery`, `ops.file`. Writes nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from jobs.common.contracts.sources import SourceObject
from jobs.common.lake.tables import Lake
from jobs.common.run.conf import Conf
from jobs.common.run.runs import run_night, run_number


@dataclass(frozen=True)
class ActiveFile:
    """A landed file of a night; a late one (older than one already taken, or replaced) changes no current row."""

    file_id: str
    name: str
    as_of: date
    late: bool


@dataclass(frozen=True)
class ObjectNight:
    """The landed files of one object on one night, in the order in which their rows count.

    `refused` are files of the export that could not be taken, so that nobody can say which keys are absent.
    """

    obj: SourceObject
    files: tuple[ActiveFile, ...]
    refused: tuple[str, ...]

    @property
    def counting(self) -> tuple[ActiveFile, ...]:
        return tuple(file for file in self.files if not file.late)


def file_key(row: dict[str, Any]) -> tuple[str, ...]:
    """What tells a file from others: system, object, sheet and content; of a row of `ops.file` or `ops.delivery`."""
    return row["system"], row["object"], row["sheet"], row["file_id"]


def known_files(lake: Lake) -> dict[tuple[str, ...], dict[str, Any]]:
    """Rows of `ops.file` by their key."""
    return {file_key(row): row for row in lake.rows("ops.file").to_pylist()}


def deliveries_with_status(lake: Lake) -> list[dict[str, Any]]:
    """Rows of `ops.delivery` with the status of their file, oldest first."""
    files = known_files(lake)
    rows = [{**row, "status": status_of(row, files[file_key(row)])} for row in lake.rows("ops.delivery").to_pylist()]
    return sorted(rows, key=lambda row: (row["night"], run_number(row["run_id"]), row["as_of"], row["name"]))


def status_of(delivery: dict[str, Any], file: dict[str, Any]) -> str:
    """The status of a delivery: what a contract refuses tonight was taken on the nights before, if it was read then."""
    is_refused_now = file["status"] == "refused" and file["read_in"] is not None and file["refused_in"] is not None
    if is_refused_now and delivery["night"] < run_night(file["refused_in"]):
        return "accepted"
    return str(file["status"])


def still_refused(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Deliveries refused or held back that no later one of their object has made good: a file of the same name and day, or
    the same bytes. What fitted no object is made good by any of its system.

    Args:
        rows: from `deliveries_with_status`, of all systems or one, oldest first.
    """
    left: list[dict[str, Any]] = []
    landed: set[tuple[Any, ...]] = set()
    for row in reversed(rows):
        own = {(row["system"], row["object"], *what) for what in _exports(row)}
        if row["status"] in ("accepted", "late"):
            landed |= own | {(row["system"], "", *what) for what in _exports(row)}
        elif row["status"] in ("refused", "held") and not own & landed:
            left.append(row)
    return left[::-1]


def _exports(row: dict[str, Any]) -> list[tuple[Any, ...]]:
    """What a later delivery may have in common with this one, so that it makes this one good."""
    return [(row["name"], row["as_of"]), (row["file_id"],)]


def objects_of_night(lake: Lake, conf: Conf, night: date) -> list[ObjectNight]:
    """Objects that received a file on `night`, with the files that speak for them."""
    rows = [row for row in deliveries_with_status(lake) if row["night"] <= night]
    found = []
    for source in conf.sources.values():
        for obj in source.objects:
            own = [row for row in rows if (row["system"], row["object"]) == (obj.system, obj.name)]
            if any(row["night"] == night for row in own):
                found.append(object_night(obj, own, night))
    return found


def is_late(lake: Lake, obj: SourceObject, as_of: date, night: date) -> bool:
    """Whether an export of `as_of` is older than one of the object that was taken on an earlier night."""
    taken = [
        row["as_of"]
        for row in deliveries_with_status(lake)
        if (row["system"], row["object"]) == (obj.system, obj.name)
        and row["night"] < night
        and row["status"] == "accepted"
    ]
    return as_of < max(taken, default=date.min)


def object_night(obj: SourceObject, rows: list[dict[str, Any]], night: date) -> ObjectNight:
    """Judge the deliveries of one object (all nights up to `night`, oldest first).

    A file replaces an earlier one of the same name and day; the same bytes twice count once. A snapshot is all files of
    its newest day, also those of earlier nights; of other exports only the files of the night itself count.
    """
    landed = [row for row in rows if row["status"] in ("accepted", "late")]
    before = max((row["as_of"] for row in landed if row["night"] < night), default=date.min)
    newest = max([before] + [row["as_of"] for row in landed if row["night"] == night])
    limit = newest if obj.mode == "snapshot" else before
    last = {(row["as_of"], row["name"]): row["file_id"] for row in landed}
    files: dict[str, ActiveFile] = {}
    for row in landed:
        same_export = obj.mode == "snapshot" and row["as_of"] == newest
        if row["night"] == night or same_export:
            late = row["as_of"] < limit or last[row["as_of"], row["name"]] != row["file_id"]
            known = files.get(row["file_id"])
            if known is None or (known.late and not late):
                files[row["file_id"]] = ActiveFile(row["file_id"], row["name"], row["as_of"], late)
    # A part refused on an earlier night is still a part of the same snapshot.
    left = [row for row in still_refused(rows) if row["night"] == night or row["as_of"] == newest]
    refused = tuple(dict.fromkeys(row["file_id"] for row in left))
    return ObjectNight(obj, tuple(sorted(files.values(), key=lambda f: (f.as_of, f.name, f.file_id))), refused)
