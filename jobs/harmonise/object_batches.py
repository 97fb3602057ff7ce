"""The rows of a night, object by object: their keys, those set aside, and whether a key's absence ends it.

Reads: `raw.*`, `ops.*`, and of objects under changed rules `harmonised.*`. Writes: `ops.quarantine`. Refuses: nothing.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.common.contracts.sources import SourceObject
from jobs.common.intake.deliveries import ObjectNight, known_files, objects_of_night
from jobs.common.intake.file_decisions import READ, WITHDRAW, files_read_anew, fresh_decisions, remaining_nights
from jobs.common.intake.keyed_rows import CELL, keyed_rows
from jobs.common.intake.reprocessing import rows_to_reprocess
from jobs.common.intake.whole import is_whole
from jobs.common.lake.engine import run_concurrently
from jobs.common.lake.versions import union_all
from jobs.common.run.stage import Context
from jobs.harmonise.cleaning_rules import RuleState

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
    def place(self) -> tuple[str, str]:
        return self.obj.system, self.obj.name


def batches_of_night(context: Context, rules: Sequence[RuleState]) -> list[ObjectBatch]:
    """The batch of every object that received a file tonight or whose rules have changed."""
    lake, conf = context.lake, context.conf
    delivered = {night.obj.raw_table: night for night in objects_of_night(lake, conf, context.run.night) if night.files}
    landed = {place[:2] for place, file in known_files(lake).items() if file["night"] < context.run.night}
    again = {(r.system, r.object) for r in rules if r.has_changed or r.was_tried} & landed
    again |= {(row["system"], row["object"]) for row in fresh_decisions(lake, context.run.night, WITHDRAW, READ)}

    def batch(obj: SourceObject) -> ObjectBatch | None:
        own = [rule for rule in rules if (rule.system, rule.object) == (obj.system, obj.name)]
        is_again = (obj.system, obj.name) in again
        return batch_of_object(context, obj, delivered.get(obj.raw_table), [r.record for r in own] if is_again else [])

    objects = [obj for source in conf.sources.values() for obj in source.objects]
    concerned = [obj for obj in objects if obj.raw_table in delivered or (obj.system, obj.name) in again]
    return [found for found in run_concurrently(batch, concerned) if found is not None]


def batch_of_object(
    context: Context, obj: SourceObject, night: ObjectNight | None, again: Sequence[str]
) -> ObjectBatch | None:
    """The batch of one object; None where it has no rows.

    Args:
        context: of the run.
        obj: the object.
        night: what it received tonight.
        again: the records for which rows that stand are cleaned anew, all that the object feeds or has fed; or none.
    """
    lake, run_id = context.lake, context.run.run_id
    tonight, whole = None, False
    if night is not None:
        tonight = lake.scratch(run_id, f"keyed-{obj.raw_table}", keyed_rows(lake, obj, night.files))
        set_aside(context, obj, [file.file_id for file in night.counting], tonight)
        whole = is_whole(lake, night)
        if obj.mode == "snapshot" and night.counting and not whole:
            context.log(
                "harmonise", f"{obj.system} {obj.name}: the snapshot is not whole, so nothing of it ends tonight"
            )
    rows = [] if tonight is None else [tonight]
    count = None
    if again and not whole:
        set_aside_anew(context, obj, set() if night is None else {file.file_id for file in night.counting})
        standing, count = rows_to_reprocess(lake, run_id, obj, again, context.run.night, tonight), 0
        if standing is not None:
            set_aside(context, obj, standing[1], standing[0], adds=True)
            rows.append(standing[0])
            count = standing[0].count()
            context.log(
                "harmonise", f"{obj.system} {obj.name}: rules or files changed, standing rows cleaned anew", rows=count
            )
    return ObjectBatch(obj, union_all(rows), whole or bool(again), count) if rows else None


def set_aside(context: Context, obj: SourceObject, files: Sequence[str], keyed: DataFrame, adds: bool = False) -> None:
    """Rows whose key is missing or taken go to quarantine with their text, file by file.

    `adds` keeps what a file has there already: then `keyed` is only a part of its rows.
    """
    lake = context.lake
    unusable = keyed.where(F.col("state").isin("key_missing", "key_conflict"))
    place = {"system": obj.system, "object": obj.name, "sheet": obj.sheet, "stage": "harmonise"}
    by_file: dict[str, list[dict[str, object]]] = {file_id: [] for file_id in files}
    names = [f"{CELL}{column.name}" for column in obj.columns]
    for row in unusable.toArrow().to_pylist():
        raw = json.dumps([row[name] for name in names], ensure_ascii=False)
        position = {name: row[name] for name in _POSITION}
        by_file[row["file_id"]].append({**place, **position, "reason": row["state"], "raw": raw})
    for file_id, rows in by_file.items():
        # The same bytes may lie under several objects: a workbook with a sheet for each.
        part = {"system": obj.system, "object": obj.name, "file_id": file_id, "stage": "harmonise"}
        if adds:
            numbers = {row["row_number"] for row in rows}
            rows += [row for row in lake.rows("ops.quarantine", part).to_pylist() if row["row_number"] not in numbers]
        lake.replace_part("ops.quarantine", lake.table_of("ops.quarantine", rows), part)
    count = sum(map(len, by_file.values()))
    if count and not adds:
        context.log("harmonise", f"{obj.system} {obj.name}: rows set aside", quarantined=count)


def set_aside_anew(context: Context, obj: SourceObject, settled: set[str]) -> None:
    """The same for the files of earlier nights that were read anew for tonight, but for those `settled`.

    Whether a snapshot was whole follows from what is set aside of it, and how far back to look from whether it was whole.
    """
    lake, night = context.lake, context.run.night
    anew = files_read_anew(lake, night)[obj.system, obj.name] - settled
    while anew:
        before = len(anew)
        for known in remaining_nights(lake, obj, night, is_wary=True):
            if left := sorted({file.file_id for file in known.counting} & anew):
                keyed = keyed_rows(lake, obj, known.files).where(F.col("file_id").isin(left))
                set_aside(context, obj, left, keyed)
                anew -= set(left)
        if len(anew) == before:
            return
