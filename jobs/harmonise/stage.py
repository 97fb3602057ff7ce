"""Harmonise: names, types, formats and codes of the model, each row's versions by night.

Reads: `raw.*`, conf. Writes: `harmonised.<record>`, `ops.issue`, `ops.quarantine` (rows without a usable key).
Refuses nothing: a value that could not be understood is null and an issue.
"""

import json
from datetime import date
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from jobs.common.contracts import SourceObject
from jobs.common.deliveries import ObjectNight, objects_of_night
from jobs.common.model import Record
from jobs.common.rows import RECORD_KEY, fed_records, keyed_rows, record_rows
from jobs.common.stage import Context
from jobs.common.versions import compare_states, difference, state_before, union_all, version_changes
from jobs.harmonise.records import clean_records, list_issues, record_texts

_FILE_KEY = ["system", "object", "file_id", "row_number", "role"]


def run(context: Context) -> None:
    """Key the rows of the night, set aside those without a usable key, clean what is new or changed."""
    if context.plan["nothing_new"]:
        return
    nights = [night for night in objects_of_night(context.lake, context.conf, context.run.night) if night.files]
    keyed = {}
    for night in nights:
        rows = keyed_rows(context.lake, night.obj, night.files)
        keyed[night.obj.raw_table] = context.lake.scratch(context.run.run_id, f"keyed-{night.obj.raw_table}", rows)
        quarantine_rows(context, night, keyed[night.obj.raw_table])
    whole = whole_snapshots(context, nights, keyed)
    for record in context.conf.model.values():
        harmonise_record(context, record, nights, keyed, whole)


def quarantine_rows(context: Context, night: ObjectNight, keyed: DataFrame) -> None:
    """Rows whose key is missing or taken go to quarantine, with their text."""
    unusable = keyed.where(F.col("state").isin("key_missing", "key_conflict"))
    by_file: dict[str, list[dict[str, Any]]] = {file.file_id: [] for file in night.counting}
    names = [column.name for column in night.obj.columns]
    for row in unusable.toArrow().to_pylist():
        by_file[row["file_id"]].append(
            {
                "system": night.obj.system,
                "object": night.obj.name,
                "sheet": night.obj.sheet,
                "file_id": row["file_id"],
                "row_number": row["row_number"],
                "stage": "harmonise",
                "reason": row["state"],
                "raw": json.dumps([row[name] for name in names], ensure_ascii=False),
            }
        )
    # The same bytes may lie under several objects: a workbook with a sheet for each.
    for file_id, rows in by_file.items():
        part = {"system": night.obj.system, "object": night.obj.name, "file_id": file_id, "stage": "harmonise"}
        context.lake.replace_part("ops.quarantine", context.lake.table_of("ops.quarantine", rows), part)
    count = sum(map(len, by_file.values()))
    if count:
        context.log("harmonise", f"{night.obj.system} {night.obj.name}: rows set aside", quarantined=count)


def harmonise_record(
    context: Context,
    record: Record,
    nights: list[ObjectNight],
    keyed: dict[str, DataFrame],
    whole: list[SourceObject],
) -> None:
    """Bring one record's table and issues to the state of the night; its objects are merged in one commit."""
    name = f"harmonised.{record.name}"
    fed = [(n, role) for n in nights for rec, role in fed_records(n.obj) if rec == record.name]
    if not fed:
        return
    lake, night, run_id = context.lake, context.run.night, context.run.run_id
    versions = lake.read(name).where(_in_scope([n.obj for n, _ in fed]))
    views = {
        (n.obj.raw_table, role): record_rows(keyed[n.obj.raw_table], n.obj, record.name, role).where(
            (F.col("state") == "chosen") & F.col("applies")
        )
        for n, role in fed
    }
    now = union_all([view.select(*RECORD_KEY, "row_hash") for view in views.values()])
    states = compare_states(state_before(versions, night), now, RECORD_KEY, "row_hash")
    states = lake.scratch(run_id, f"states-{record.name}", states)
    opened_keys = states.where(F.col("state").isin("new", "changed"))
    texts = [record_texts(views[n.obj.raw_table, role], record, n.obj, role) for n, role in fed]
    fresh = union_all(texts).join(opened_keys.select(*RECORD_KEY), RECORD_KEY, "left_semi")
    cleaned = clean_records(lake.scratch(run_id, f"texts-{record.name}", fresh), record, context.conf)
    cleaned = lake.scratch(run_id, f"cleaned-{record.name}", cleaned)
    opened = cleaned.withColumn("valid_from", F.lit(night)).withColumn("valid_to", F.lit(None).cast("date"))
    closed = states.where((F.col("state") == "changed") | ((F.col("state") == "absent") & _in_scope(whole)))
    changes = version_changes(versions, opened, closed, RECORD_KEY, night)
    count = lake.merge(name, changes, run_id)
    write_issues(context, record, [n.obj for n, _ in fed], list_issues(cleaned, record))
    context.log("harmonise", record.name, rows_written=count)


def write_issues(context: Context, record: Record, objects: list[SourceObject], found: DataFrame) -> None:
    """Issues open with their row version and close with it."""
    lake, night = context.lake, context.run.night
    issues = lake.read("ops.issue").where((F.col("record") == record.name) & _in_scope(objects))
    versions = lake.read(f"harmonised.{record.name}").where(_in_scope(objects))
    fresh = found.withColumn("opened", F.lit(night)).withColumn("closed", F.lit(None).cast("date"))
    kept = issues.where((F.col("opened") < F.lit(night)) & _touchable("closed", night)).drop("closed")
    ends = versions.where(F.col("valid_from") < F.lit(night)).select(
        *_FILE_KEY, F.col("valid_from").alias("opened"), F.col("valid_to").alias("closed")
    )
    kept = kept.join(ends, [*_FILE_KEY, "opened"], "left")
    names = lake.declared["ops.issue"].names
    target = kept.select(*names).unionByName(fresh.select(*names))
    actual = issues.where(_touchable("closed", night)).select(*names)
    lake.merge("ops.issue", difference(actual, target, lake.declared["ops.issue"].key), context.run.run_id)


def _touchable(column: str, night: date) -> Column:
    return F.col(column).isNull() | (F.col(column) >= F.lit(night))


def _in_scope(objects: list[SourceObject]) -> Column:
    scope = F.lit(False)
    for obj in objects:
        scope = scope | ((F.col("system") == obj.system) & (F.col("object") == obj.name))
    return scope


def whole_snapshots(context: Context, nights: list[ObjectNight], keyed: dict[str, DataFrame]) -> list[SourceObject]:
    """Objects in which a key's absence ends it: snapshots of which every file was taken and every key read.

    A snapshot without a single row is taken for a failed export, not for the end of everything.
    """
    whole = []
    for night in nights:
        files = [file.file_id for file in night.counting]
        if night.obj.mode != "snapshot" or night.refused or not files:
            continue
        part = {"system": night.obj.system, "object": night.obj.name, "file_id": files}
        reasons = context.lake.rows("ops.quarantine", part, ["reason"]).column("reason").to_pylist()
        # The key of a row in conflict is known and present; any other row set aside may be the one that seems absent.
        unread = [reason for reason in reasons if reason != "key_conflict"]
        empty = keyed[night.obj.raw_table].limit(1).count() == 0
        if unread or empty:
            why = "the export has no rows" if empty else "keys unread"
            context.log("harmonise", f"{night.obj.system} {night.obj.name}: {why}, so nothing ends tonight")
        else:
            whole.append(night.obj)
    return whole
