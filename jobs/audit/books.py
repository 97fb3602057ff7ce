"""The books of a night: what became of every row, counted from the tables after their commits.

Only `read` comes from the parser. Every other term is counted by joining raw rows to what was written of them, never by
subtraction, so that the books can fail.
"""

from typing import Any

import pyarrow.dataset as ds
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.common.deliveries import ObjectNight, file_key, objects_of_night
from jobs.common.model import Record
from jobs.common.rows import RECORD_KEY, fed_records, keyed_rows, record_label, record_rows
from jobs.common.stage import Context
from jobs.common.versions import current, state_before, union_all

_FILE = ["file_id", "system", "object", "sheet"]
_PLACE = [*_FILE, "record", "term"]


def books_of_night(context: Context) -> list[dict[str, Any]]:
    """Rows for `ops.ledger`: of every file taken this night, every record and every kind."""
    nights = objects_of_night(context.lake, context.conf, context.run.night)
    entries = file_terms(context)
    delivered = {tuple(entry[name] for name in _FILE) for entry in entries}
    entries += record_terms(context, nights, delivered)
    for record in context.conf.model.values():
        entries += state_terms(context, record, entries)
        entries += entity_terms(context, record)
    head = {"run_id": context.run.run_id, "night": context.run.night}
    return [{**head, **entry} for entry in entries]


def file_terms(context: Context) -> list[dict[str, Any]]:
    """read, landed, quarantined and skipped of each file of the night that was not refused."""
    lake = context.lake
    wanted = {file_key(row) for row in lake.rows("ops.delivery", {"night": context.run.night}).to_pylist()}
    entries = []
    for file in sorted(
        lake.rows("ops.file").to_pylist(), key=lambda row: (row["system"], row["object"], row["file_id"])
    ):
        place = file_key(file)
        if place not in wanted or file["status"] not in ("accepted", "late"):
            continue
        where = {"system": place[0], "object": place[1], "sheet": place[2], "file_id": place[3], "stage": "land"}
        raw = f"raw.{file['system']}__{file['object']}"
        counts = {
            "read": file["rows_read"],
            "landed": lake.dataset(raw).count_rows(filter=ds.field("file_id") == file["file_id"]),
            "quarantined": lake.rows("ops.quarantine", where, ["row_number"]).num_rows,
            "skipped": lake.rows("ops.skipped", where, ["row_number"]).num_rows,
        }
        entries += [_entry(term, rows, file=place) for term, rows in counts.items()]
    return entries


def record_terms(context: Context, nights: list[ObjectNight], delivered: set[tuple[Any, ...]]) -> list[dict[str, Any]]:
    """new, changed, unchanged, duplicate, quarantined, not_applicable and late of each file and record."""
    frames = []
    for night in nights:
        if not night.files:
            continue
        keyed = keyed_rows(context.lake, night.obj, night.files)
        keyed = context.lake.scratch(context.run.run_id, f"books-{night.obj.raw_table}", keyed)
        for record, role in fed_records(night.obj):
            rows = record_rows(keyed, night.obj, record, role).select(
                *RECORD_KEY, "sheet", "file_id", "row_number", "state", "row_hash", "applies"
            )
            frames.append(judge_rows(context, rows, record).withColumn("record", F.lit(record_label(record, role))))
    if not frames:
        return []
    counted = union_all(frames).groupBy(*_PLACE).agg(F.count(F.lit(1)).alias("rows")).toArrow().to_pylist()
    # By place, not by content: another system may have received the same bytes on another night.
    counted = [entry for entry in counted if tuple(entry[name] for name in _FILE) in delivered]
    return sorted(counted, key=lambda entry: [str(entry[name]) for name in _PLACE])


def judge_rows(context: Context, rows: DataFrame, record: str) -> DataFrame:
    """Adds `term`, which names what became of the row; a row of which nothing became stays `unaccounted`.

    One row per row in: a key has one current version, and a position is quarantined once.
    """
    lake, night = context.lake, context.run.night
    versions = lake.read(f"harmonised.{record}")
    now = current(versions).select(
        *RECORD_KEY,
        F.col("row_hash").alias("v_hash"),
        F.col("file_id").alias("v_file"),
        F.col("row_number").alias("v_row"),
        F.col("valid_from").alias("v_from"),
    )
    earlier = versions.where(F.col("valid_from") < F.lit(night)).select(*RECORD_KEY).distinct()
    aside = lake.read("ops.quarantine").where(F.col("stage") == "harmonise")
    aside = aside.select("system", "object", "file_id", "row_number").distinct()
    joined = (
        rows.join(aside.withColumn("aside", F.lit(True)), ["system", "object", "file_id", "row_number"], "left")
        .join(now, RECORD_KEY, "left")
        .join(earlier.withColumn("known", F.lit(True)), RECORD_KEY, "left")
    )
    same = F.col("v_hash") == F.col("row_hash")
    born_here = (
        (F.col("v_from") == F.lit(night))
        & (F.col("v_file") == F.col("file_id"))
        & (F.col("v_row") == F.col("row_number"))
    )
    term = (
        F.when(F.col("aside").isNotNull(), F.lit("quarantined"))
        .when(F.col("state") == "late", F.lit("late"))
        .when(~F.col("applies"), F.lit("not_applicable"))
        .when(same & born_here & F.col("known").isNull(), F.lit("new"))
        .when(same & born_here, F.lit("changed"))
        .when(same & (F.col("state") == "chosen") & (F.col("v_from") < F.lit(night)), F.lit("unchanged"))
        .when(same & (F.col("state") == "duplicate"), F.lit("duplicate"))
        .otherwise(F.lit("unaccounted"))
    )
    return joined.withColumn("term", term).select("file_id", "system", "object", "sheet", "term")


def state_terms(context: Context, record: Record, entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """previous, new, reopened, ended and current of each record and role.

    Of systems whose contract is valid: the rows of another stay as they are, and nothing can be told of them.
    """
    night = context.run.night
    versions = context.lake.read(f"harmonised.{record.name}")
    versions = versions.where(F.col("system").isin(sorted(context.conf.sources)))
    before = state_before(versions, night).select(*RECORD_KEY, F.lit(1).alias("before"))
    now = current(versions).select(*RECORD_KEY, F.lit(1).alias("now"))
    earlier = versions.where(F.col("valid_from") < F.lit(night)).select(*RECORD_KEY).distinct()
    both = before.join(now, RECORD_KEY, "full_outer").join(earlier.withColumn("earlier", F.lit(1)), RECORD_KEY, "left")
    in_before, in_now, known = (F.col(name).isNotNull() for name in ("before", "now", "earlier"))
    counted = both.groupBy("role").agg(
        F.sum(F.when(in_before, 1).otherwise(0)).alias("previous"),
        F.sum(F.when(in_now, 1).otherwise(0)).alias("current"),
        F.sum(F.when(in_now & ~in_before & known, 1).otherwise(0)).alias("reopened"),
        F.sum(F.when(in_before & ~in_now, 1).otherwise(0)).alias("ended"),
    )
    found = []
    for row in sorted(counted.toArrow().to_pylist(), key=lambda row: row["role"]):
        label = record_label(record.name, row["role"])
        new = sum(entry["rows"] for entry in entries if entry["record"] == label and entry["term"] == "new")
        counts = {**row, "new": new}
        terms = ("previous", "new", "reopened", "ended", "current")
        found += [_entry(term, counts[term], record=label) for term in terms]
    return found


def entity_terms(context: Context, record: Record) -> list[dict[str, Any]]:
    """mentions, links, entities and candidate of a kind; records and candidate of what passes through."""
    lake = context.lake
    records = current(lake.read(f"harmonised.{record.name}")).count()
    counts = {"records": records}
    if record.kind:
        mentions = lake.read("links.mention").where(F.col("kind") == record.kind)
        entities = mentions.select("entity_id").distinct().count()
        counts = {"mentions": records, "links": mentions.count(), "entities": entities}
    counts["candidate"] = lake.read(f"candidate.{record.name}").count()
    label = record.kind or record.name
    return [_entry(term, rows, record=label) for term, rows in counts.items()]


def _entry(term: str, rows: int, record: str | None = None, file: tuple[str, ...] | None = None) -> dict[str, Any]:
    system, obj, sheet, file_id = file or (None, None, None, None)
    return {
        "file_id": file_id,
        "system": system,
        "object": obj,
        "sheet": sheet,
        "record": record,
        "term": term,
        "rows": rows,
    }
