"""The rows of a night, object by object: their keys, those set aside, and whether a key's absence ends it.

Reads: `raw.*`, `ops.*`, and of objects under changed rules `harmonised.*`. Writes: `ops.quarantine`. Refuses: nothing.
"""

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.common.contracts.sources import SourceObject
from jobs.common.intake.deliveries import ObjectNight, objects_of_night
from jobs.common.intake.file_decisions import FileDecision, files_read_anew, fresh_decisions, remaining_nights
from jobs.common.intake.keyed_rows import CELL, keyed_rows
from jobs.common.intake.received_files import received_files
from jobs.common.intake.reprocessing import rows_to_reprocess
from jobs.common.intake.whole import is_whole
from jobs.common.lake.engine import run_concurrently
from jobs.common.lake.tables import Lake
from jobs.common.lake.versions import union_all
from jobs.common.run.stage import Context
from jobs.harmonise.cleaning_rules import Place, RuleState

_POSITION = ["file_id", "row_number"]


@dataclass(frozen=True)
class ObjectBatch:
    """One object's rows of the night from `keyed_rows`: those of tonight's files, and where the rules have changed those
    that stand from earlier nights (`standing`: how many, None: not asked). `ends_absent` tells that a key which is not
    among them has ended.
    """

    obj: SourceObject
    rows: DataFrame
    ends_absent: bool
    standing: int | None

    @property
    def place(self) -> Place:
        return self.obj.place


def batches_of_night(context: Context, rules: Sequence[RuleState]) -> list[ObjectBatch]:
    """The batch of every object that received a file tonight or whose rules have changed."""
    nights = objects_of_night(context.lake, context.conf, context.run.night)
    delivered = {night.obj.raw_table: night for night in nights if night.files}
    again = _records_to_clean_again(context, rules)

    def batch(obj: SourceObject) -> ObjectBatch | None:
        return batch_of_object(context, obj, delivered.get(obj.raw_table), again.get(obj.place, []))

    concerned = [obj for obj in context.conf.objects if obj.raw_table in delivered or obj.place in again]
    return list(filter(None, run_concurrently(batch, concerned)))


def _records_to_clean_again(context: Context, rules: Sequence[RuleState]) -> dict[Place, list[str]]:
    """The records of each object for which its rows of earlier nights are cleaned anew."""
    places = _objects_to_clean_again(context, rules)
    found: dict[Place, list[str]] = defaultdict(list)
    for rule in rules:
        if rule.place in places:
            found[rule.place].append(rule.record)
    return found


def _objects_to_clean_again(context: Context, rules: Sequence[RuleState]) -> set[Place]:
    """Objects whose rows of earlier nights are cleaned anew: for other rules, or for decisions about their files."""
    lake, night = context.lake, context.run.night
    landed = {file.place for file in received_files(lake) if file.night < night}
    under_new_rules = {rule.place for rule in rules if rule.has_changed or rule.was_tried}
    decisions = fresh_decisions(lake, night, FileDecision.WITHDRAW, FileDecision.READ)
    decided = set(map(itemgetter("system", "object"), decisions))
    return (under_new_rules & landed) | decided


def batch_of_object(
    context: Context, obj: SourceObject, night: ObjectNight | None, again: Sequence[str]
) -> ObjectBatch | None:
    """The batch of one object; None if it has no rows.

    Args:
        context: of the run.
        obj: the object.
        night: what it received tonight.
        again: the records for which rows that stand are cleaned anew, all that the object feeds or has fed; or none.
    """
    tonight, whole, settled = None, False, set()
    if night is not None:
        tonight, whole = _rows_of_tonight(context, obj, night)
        settled = {file.file_id for file in night.counting}
    standing, count = None, None
    if again and not whole:
        set_aside_anew(context, obj, settled)
        standing, count = _rows_of_earlier_nights(context, obj, again, tonight)
    rows = [part for part in (tonight, standing) if part is not None]
    return ObjectBatch(obj, union_all(rows), whole or bool(again), count) if rows else None


def _rows_of_tonight(context: Context, obj: SourceObject, night: ObjectNight) -> tuple[DataFrame, bool]:
    """The rows of tonight's files with their keys, and whether they are all of the object; sets aside rows without a key."""
    keyed = keyed_rows(context.lake, obj, night.files)
    tonight = context.lake.scratch(context.run.run_id, f"keyed-{obj.raw_table}", keyed)
    set_aside(context, obj, [file.file_id for file in night.counting], tonight)
    whole = is_whole(context.lake, night)
    if not whole:
        _tell_if_not_whole(context, obj, night)
    return tonight, whole


def _tell_if_not_whole(context: Context, obj: SourceObject, night: ObjectNight) -> None:
    if obj.mode == "snapshot" and night.counting:
        told = f"{obj.system} {obj.name}: the snapshot is not whole, so nothing of it ends tonight"
        context.log("harmonise", told)


def _rows_of_earlier_nights(
    context: Context, obj: SourceObject, again: Sequence[str], tonight: DataFrame | None
) -> tuple[DataFrame | None, int]:
    """The rows that stand and are cleaned anew, and how many they are."""
    found = rows_to_reprocess(context.lake, context.run.run_id, obj, again, context.run.night, tonight)
    if found is None:
        return None, 0
    standing, files = found
    set_aside(context, obj, files, standing, adds=True)
    count = standing.count()
    told = f"{obj.system} {obj.name}: rules or files changed, standing rows cleaned anew"
    context.log("harmonise", told, rows=count)
    return standing, count


def set_aside(context: Context, obj: SourceObject, files: Sequence[str], keyed: DataFrame, adds: bool = False) -> None:
    """Rows whose key is missing or taken go to quarantine with their text, file by file.

    `adds` keeps what a file has there already: then `keyed` is only a part of its rows.
    """
    by_file: dict[str, list[dict[str, Any]]] = {file_id: [] for file_id in files}
    found = _quarantined_rows(obj, keyed)
    for row in found:
        by_file[row["file_id"]].append(row)
    for file_id, rows in by_file.items():
        _quarantine(context.lake, obj, file_id, rows, adds)
    if found and not adds:
        context.log("harmonise", f"{obj.system} {obj.name}: rows set aside", quarantined=len(found))


def _quarantined_rows(obj: SourceObject, keyed: DataFrame) -> list[dict[str, Any]]:
    """Rows for `ops.quarantine`, one for each row without a usable key."""
    place = {"system": obj.system, "object": obj.name, "sheet": obj.sheet, "stage": "harmonise"}
    cells = [f"{CELL}{column.name}" for column in obj.columns]
    found = []
    for row in keyed.where(F.col("state").isin("key_missing", "key_conflict")).toArrow().to_pylist():
        raw = json.dumps([row[cell] for cell in cells], ensure_ascii=False)
        position = {name: row[name] for name in _POSITION}
        found.append({**place, **position, "reason": row["state"], "raw": raw})
    return found


def _quarantine(lake: Lake, obj: SourceObject, file_id: str, rows: list[dict[str, Any]], adds: bool) -> None:
    # The same bytes may lie under several objects: a workbook with a sheet for each.
    part = {"system": obj.system, "object": obj.name, "file_id": file_id, "stage": "harmonise"}
    kept: list[dict[str, Any]] = []
    if adds:
        numbers = {row["row_number"] for row in rows}
        kept = [row for row in lake.rows("ops.quarantine", part).to_pylist() if row["row_number"] not in numbers]
    lake.replace_part("ops.quarantine", lake.table_of("ops.quarantine", rows + kept), part)


def set_aside_anew(context: Context, obj: SourceObject, settled: set[str]) -> None:
    """The same for the files of earlier nights that were read anew for tonight, but for those `settled`.

    Whether a snapshot was whole follows from what is set aside of it, and how far back to look from whether it was whole.
    """
    lake, night = context.lake, context.run.night
    anew = files_read_anew(lake, night)[obj.system, obj.name] - settled
    left = -1
    while anew and len(anew) != left:
        left = len(anew)
        for known in remaining_nights(lake, obj, night, is_wary=True):
            found = anew & {file.file_id for file in known.counting}
            if found:
                keyed = keyed_rows(lake, obj, known.files).where(F.col("file_id").isin(sorted(found)))
                set_aside(context, obj, sorted(found), keyed)
                anew -= found
