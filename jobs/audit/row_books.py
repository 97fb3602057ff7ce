"""The books of rows: what became of each landed row, for every record that its object feeds."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from itertools import chain
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.audit.entries import FILE, entry
from jobs.common.contracts.sources import SourceObject
from jobs.common.intake.deliveries import ObjectNight
from jobs.common.intake.keyed_rows import RECORD_KEY, fed_records, keyed_rows, record_label, record_rows
from jobs.common.intake.reprocessing import rows_to_reprocess
from jobs.common.lake.versions import current, union_all
from jobs.common.run.stage import Context
from jobs.common.run.workload import is_large

_PLACE = [*FILE, "is_standing", "record", "term"]


@dataclass(frozen=True)
class _Part:
    """Keyed rows of an object and the (record, role) pairs of which they are counted."""

    obj: SourceObject
    rows: DataFrame
    fed: list[tuple[str, str]]
    is_standing: bool


def row_terms(context: Context, nights: list[ObjectNight], delivered: set[tuple[Any, ...]]) -> list[dict[str, Any]]:
    """new, changed, unchanged, duplicate, quarantined, not_applicable and late of each file and record; and of each object
    whose rules have changed, of its rows that stand from earlier nights, with `standing`, which harmonise counted.

    The keys of the rows are those that harmonise has found tonight, if it has left them; that they are all the rows is what
    the equation proves, as `landed` is counted in the raw table.
    """
    nights = [night for night in nights if night.files]
    tonight = {night.obj.raw_table: night_rows(context, night) for night in nights}
    parts = [_Part(night.obj, tonight[night.obj.raw_table], fed_records(night.obj), False) for night in nights]
    standing, entries = _standing_parts(context, tonight)
    by_record = _views_by_record([*parts, *standing])
    if not by_record:
        return entries
    judged = [judge_rows(context, union_all(views), record) for record, views in sorted(by_record.items())]
    if not is_large(context):
        judged = [union_all(judged)]  # one plan for all: each action of the engine has a fixed cost
    counted = chain.from_iterable(map(count_terms, judged))
    return entries + _terms_of_places(counted, delivered)


def _views_by_record(parts: list[_Part]) -> dict[str, list[DataFrame]]:
    """What `judge_rows` takes, of each part and record that it feeds."""
    found: dict[str, list[DataFrame]] = defaultdict(list)
    for part in parts:
        for record, role in part.fed:
            view = record_rows(part.rows, part.obj, record, role)
            view = view.select(*RECORD_KEY, "sheet", "file_id", "row_number", "state", "row_hash", "applies")
            label, is_standing = F.lit(record_label(record, role)), F.lit(part.is_standing)
            found[record].append(view.withColumns({"record": label, "is_standing": is_standing}))
    return found


def _terms_of_places(counted: Iterable[dict[str, Any]], delivered: set[tuple[Any, ...]]) -> list[dict[str, Any]]:
    """The terms of each file that was delivered, and of each object whose rows stand."""
    counts: Counter[tuple[Any, ...]] = Counter()
    for row in counted:
        place: tuple[str | None, ...] = tuple(row[name] for name in FILE)
        if row["is_standing"]:
            place = (*place[:-1], None)
        elif place not in delivered:  # by place, not by content: another system may have received the same bytes
            continue
        counts[*place, row["record"], row["term"]] += row["rows"]
    entries = []
    for (*place_of, record, term), rows in sorted(counts.items(), key=str):
        entries.append(entry(term, rows, record, tuple(place_of)))
    return entries


def count_terms(judged: DataFrame) -> list[dict[str, Any]]:
    """Rows from `judge_rows`, counted by place and term."""
    found: list[dict[str, Any]] = judged.groupBy(*_PLACE).agg(F.count(F.lit(1)).alias("rows")).toArrow().to_pylist()
    return found


def night_rows(context: Context, night: ObjectNight) -> DataFrame:
    """Keyed rows of the night's files of an object."""
    lake, run_id = context.lake, context.run.run_id
    kept = lake.computed(run_id, f"keyed-{night.obj.raw_table}")
    if kept is not None:
        return kept
    return lake.scratch(run_id, f"books-{night.obj.raw_table}", keyed_rows(lake, night.obj, night.files))


def _standing_parts(context: Context, tonight: dict[str, DataFrame]) -> tuple[list[_Part], list[dict[str, Any]]]:
    """Rows that stand under rules that changed tonight, and their `standing` terms."""
    lake, run = context.lake, context.run
    rules: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for row in lake.rows("ops.rules").to_pylist():
        if row["night"] <= run.night:
            rules[row["system"], row["object"]].append(row)
    parts, entries = [], []
    for obj in context.conf.objects:
        own = rules[obj.place]
        changed = _changed_rules(obj, own, run.night)
        if not changed:
            continue
        place = (obj.system, obj.name, obj.sheet, None)
        for row in changed:
            entries.append(entry("standing", row["standing"], record_label(row["record"], row["role"]), place))
        records = [row["record"] for row in own]
        found = rows_to_reprocess(lake, run.run_id, obj, records, run.night, tonight.get(obj.raw_table))
        if found is not None:
            fed = [(row["record"], row["role"]) for row in changed]
            parts.append(_Part(obj, found[0], fed, True))
    return parts, entries


def _changed_rules(obj: SourceObject, rules: list[dict[str, Any]], night: date) -> list[dict[str, Any]]:
    """Those of an object's rules that changed on the night while rows stood, of records that the object feeds now."""
    fed = fed_records(obj)
    changed = [row for row in rules if row["night"] == night and row["standing"] is not None]
    return [row for row in changed if (row["record"], row["role"]) in fed]


def judge_rows(context: Context, rows: DataFrame, record: str) -> DataFrame:
    """Adds `term`, which names what became of the row; a row of which nothing became stays `unaccounted`.

    One row per row in: a key has one current version, and a position is quarantined once.

    Args:
        context: whose tables are asked.
        rows: views of one record, from `record_rows`, with the label `record` and `is_standing`.
        record: name of the record.
    """
    lake, night = context.lake, F.lit(context.run.night)
    versions = lake.read(f"harmonised.{record}")
    born = F.when(F.col("valid_from") == night, F.concat_ws("|", "file_id", "row_number"))
    now = current(versions).select(*RECORD_KEY, F.col("row_hash").alias("v_hash"), "valid_from", born.alias("born_at"))
    earlier = (
        versions.where(F.col("valid_from") < night).select(*RECORD_KEY).distinct().withColumn("known", F.lit(True))
    )
    # Only what was born tonight can have been known before.
    tonight = now.where(F.col("valid_from") == night).join(earlier, RECORD_KEY, "left")
    standing = now.where(F.col("valid_from") < night).withColumn("known", F.lit(True))
    aside = lake.read("ops.quarantine").where(F.col("stage") == "harmonise")
    aside = aside.select("system", "object", "file_id", "row_number").distinct().withColumn("aside", F.lit(True))
    joined = rows.join(F.broadcast(aside), ["system", "object", "file_id", "row_number"], "left")
    joined = joined.join(tonight.unionByName(standing), RECORD_KEY, "left")
    same = F.col("v_hash") == F.col("row_hash")
    born_here = F.coalesce(F.col("born_at") == F.concat_ws("|", "file_id", "row_number"), F.lit(False))
    term = (
        F.when(F.col("aside").isNotNull(), F.lit("quarantined"))
        .when(F.col("state") == "late", F.lit("late"))
        .when(~F.col("applies"), F.lit("not_applicable"))
        .when(same & born_here & F.col("known").isNull(), F.lit("new"))
        .when(same & born_here, F.lit("changed"))
        .when(same & (F.col("state") == "chosen") & (F.col("valid_from") < night), F.lit("unchanged"))
        .when(same & (F.col("state") == "duplicate"), F.lit("duplicate"))
        .otherwise(F.lit("unaccounted"))
    )
    return joined.withColumn("term", term).select(*_PLACE)
