"""Whether a snapshot is whole, so that a key's absence from it ends the key's records; and what keeps it from that.

Reads: `ops.file`, `ops.delivery`, `ops.quarantine`, `ops.skipped`. Writes nothing.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
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
    for row in sorted(
        files, key=lambda row: row["sheet"] == obj.sheet
    ):  # the sheet that the contract names today counts
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
    files = [(file.file_id, counts.get(file.file_id, FileCounts())) for file in known.counting]
    if known.obj.mode != "snapshot" or not (files or known.refused):
        return []
    found = [Shortcoming(PART_REFUSED, file_id, 0, 0) for file_id in known.refused]
    found += [Shortcoming(KEYS_UNREAD, file_id, own.unread, own.rows) for file_id, own in files if own.unread]
    if not any(own.landed for _, own in files) and not found:
        found = [Shortcoming(NO_ROWS, file_id, 0, own.rows) for file_id, own in files]
    return found


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
    came: dict[date, set[str]] = defaultdict(set)
    for each in deliveries:
        if each.status.is_taken and each.night <= night:
            came[each.night].add(each.file_id)

    def judge(night: date) -> tuple[ObjectNight, list[Shortcoming]]:
        known = object_night(obj, [each for each in deliveries if each.night <= night], night)
        has_come = any(file.file_id in came[night] for file in known.counting)
        return known, why_not_whole(known, counts) if has_come else []

    known, found = judge(night)
    _, *later = sorted(came) or [night]
    nights = 0
    for earlier in reversed(later):
        if not judge(earlier)[1]:
            break
        nights += 1
    told = [replace(each, nights=nights) for each in found if night in later]
    for file in known.counting:
        own = counts.get(file.file_id, FileCounts())
        if file.file_id in came[night] and own.aside * 2 > own.rows:
            told.append(Shortcoming(MOSTLY_SET_ASIDE, file.file_id, own.aside, own.rows))
    return told
