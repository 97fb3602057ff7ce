"""Whether a snapshot is whole, so that a key's absence from it ends the key's records; and what keeps it from that.

Reads: `ops.file`, `ops.delivery`, `ops.quarantine`, `ops.skipped`. Writes nothing.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import takewhile
from typing import Any

import pyarrow as pa

from jobs.common.contracts.sources import SourceObject
from jobs.common.intake.deliveries import Delivery, ObjectNight, object_night
from jobs.common.lake.tables import Lake

# Of conf/reasons.yml.
KEYS_UNREAD, NO_ROWS, PART_REFUSED, MOSTLY_SET_ASIDE = "keys_unread", "no_rows", "part_refused", "mostly_set_aside"


@dataclass(frozen=True)
class FileCounts:
    """Rows of one file: those that the parser read, those that hold no record, those set aside at landing and after it,
    and of all these the ones whose key nobody knows.
    """

    read: int = 0
    skipped: int = 0
    aside_at_landing: int = 0
    aside_later: int = 0
    unread: int = 0

    @property
    def rows(self) -> int:
        """Rows that should each be a record."""
        return self.read - self.skipped

    @property
    def aside(self) -> int:
        return self.aside_at_landing + self.aside_later

    @property
    def landed(self) -> int:
        return self.rows - self.aside_at_landing

    @property
    def is_mostly_aside(self) -> bool:
        return self.aside * 2 > self.rows


@dataclass(frozen=True)
class Shortcoming:
    """Why a night lacks something of an object, for one file: rows concerned, of how many, for how many nights in a row
    (0: that is not counted).
    """

    reason: str
    file_id: str
    rows: int
    of: int
    nights: int = 0


def count_files(lake: Lake, obj: SourceObject) -> dict[str, FileCounts]:
    """The counts of each file of an object that has landed, by its id."""
    place = {"system": obj.system, "object": obj.name}
    counts: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for row in _grouped(lake.rows("ops.skipped", place, ["file_id", "sheet"])):
        counts[row["file_id"], row["sheet"]]["skipped"] += row["count_all"]
    for row in _grouped(lake.rows("ops.quarantine", place, ["file_id", "sheet", "stage", "reason"])):
        own = counts[row["file_id"], row["sheet"]]
        own["aside_at_landing" if row["stage"] == "land" else "aside_later"] += row["count_all"]
        # The key of a row in conflict is known and present; any other row set aside may be the one that seems absent.
        own["unread"] += row["count_all"] if row["reason"] != "key_conflict" else 0
    found = {}
    files = lake.rows("ops.file", place, ["file_id", "sheet", "rows_read"]).to_pylist()
    files.sort(key=lambda row: row["sheet"] == obj.sheet)  # the sheet that the contract names today counts
    for row in files:
        found[row["file_id"]] = FileCounts(read=row["rows_read"] or 0, **counts[row["file_id"], row["sheet"]])
    return found


def _grouped(rows: pa.Table) -> list[dict[str, Any]]:
    """Distinct rows with their number."""
    counted: list[dict[str, Any]] = rows.group_by(rows.column_names).aggregate([([], "count_all")]).to_pylist()
    return counted


def why_not_whole(known: ObjectNight, counts: Mapping[str, FileCounts]) -> list[Shortcoming]:
    """Why nothing of the object ends; empty if a key's absence ends it. Other exports than snapshots end nothing anyway.

    A snapshot without a single row is taken for a failed export, not for the end of everything.
    """
    if known.obj.mode != "snapshot":
        return []
    files = {file.file_id: counts.get(file.file_id, FileCounts()) for file in known.counting}
    refused = [Shortcoming(PART_REFUSED, file_id, 0, 0) for file_id in known.refused]
    unread = [Shortcoming(KEYS_UNREAD, file_id, own.unread, own.rows) for file_id, own in files.items() if own.unread]
    has_rows = any(own.landed for own in files.values())
    if refused or unread or has_rows:
        return refused + unread
    return [Shortcoming(NO_ROWS, file_id, 0, own.rows) for file_id, own in files.items()]


def is_whole(lake: Lake, known: ObjectNight) -> bool:
    """Whether a key's absence from the object's files of the night ends it."""
    if known.obj.mode != "snapshot" or not known.counting:
        return False
    return not why_not_whole(known, count_files(lake, known.obj))


def shortcomings(
    obj: SourceObject, deliveries: Sequence[Delivery], night: date, counts: Mapping[str, FileCounts]
) -> list[Shortcoming]:
    """What a night lacks of an object that received files: why nothing ends, and files of which most rows are set aside.

    Nights are counted back to the last one that was whole; the first night of an object has nothing to end.

    Args:
        obj: the object.
        deliveries: of the object, oldest first.
        night: the night.
        counts: of its files, from `count_files`.
    """
    came = _taken_by_night(deliveries, night)

    def why_on(night: date) -> list[Shortcoming]:
        known = object_night(obj, deliveries, night)
        counting = {file.file_id for file in known.counting}
        return why_not_whole(known, counts) if counting & came[night] else []

    after_first = sorted(came)[1:]
    in_a_row = list(takewhile(why_on, reversed(after_first)))
    why = why_on(night) if night in after_first else []
    told = [replace(each, nights=len(in_a_row)) for each in why]
    return told + _mostly_aside(object_night(obj, deliveries, night), came[night], counts)


def _taken_by_night(deliveries: Sequence[Delivery], until: date) -> dict[date, set[str]]:
    """Ids of the files that were taken, by the night they came, up to and with a night; any other night has an empty set."""
    found: dict[date, set[str]] = defaultdict(set)
    for each in deliveries:
        if each.status.is_taken and each.night <= until:
            found[each.night].add(each.file_id)
    return found


def _mostly_aside(known: ObjectNight, came: set[str], counts: Mapping[str, FileCounts]) -> list[Shortcoming]:
    """Files that came and count, and of which most rows are set aside."""
    found = []
    for file in known.counting:
        own = counts.get(file.file_id, FileCounts())
        if file.file_id in came and own.is_mostly_aside:
            found.append(Shortcoming(MOSTLY_SET_ASIDE, file.file_id, own.aside, own.rows))
    return found
