"""The books of records: how the current rows of a night follow from those of the night before."""

from collections import Counter
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.audit.entries import entry
from jobs.common.intake.keyed_rows import RECORD_KEY, record_label
from jobs.common.lake.versions import stood_before, touched, union_all
from jobs.common.run.stage import Context

_TERMS = ("previous", "new", "reopened", "ended", "current")


def state_terms(context: Context, entries: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """previous, new, reopened, ended and current of each record and role, and the current rows of each record.

    The terms are of systems whose contract is valid: the rows of another stay as they are, and nothing can be told of them.

    Args:
        context: whose tables are counted.
        entries: terms of rows, which tell what is new.
    """
    night = F.lit(context.run.night)
    lake, names = context.lake, list(context.conf.records)
    versions = {name: lake.read(f"harmonised.{name}") for name in names if not lake.is_empty(f"harmonised.{name}")}
    sums = {
        "previous": stood_before(context.run.night),
        "current": F.col("valid_to").isNull(),
        "earlier": F.col("valid_from") < night,
        "touched": touched(context.run.night),
    }
    tests = [F.sum(F.when(test, 1).otherwise(0)).alias(name) for name, test in sums.items()]
    frames = [
        frame.select(F.lit(name).alias("record"), "role", "system", "valid_from", "valid_to")
        for name, frame in versions.items()
    ]
    counted = union_all(frames).groupBy("record", "role", "system").agg(*tests).toArrow().to_pylist() if frames else []
    terms: Counter[tuple[str, str, str]] = Counter()
    records = dict.fromkeys(names, 0)
    has_past, is_touched = set(), set()
    for row in counted:
        records[row["record"]] += row["current"]
        has_past |= {row["record"]} if row["earlier"] else set()
        is_touched |= {row["record"]} if row["touched"] else set()
        if row["system"] in context.conf.sources:
            for term in ("previous", "current"):
                terms[row["record"], row["role"], term] += row[term]
    moved = [moved_keys(context, versions[name], name) for name in sorted(has_past & is_touched)]
    if moved:
        for row in union_all(moved).groupBy("record", "role", "term").agg(F.count(F.lit(1)).alias("rows")).collect():
            terms[row["record"], row["role"], row["term"]] += row["rows"]
    found = []
    for record, role in sorted({key[:2] for key in terms}):
        label = record_label(record, role)
        of_files = [e["rows"] for e in entries if e["record"] == label and e["term"] == "new"]
        terms[record, role, "new"] = sum(of_files)
        found += [entry(term, terms[record, role, term], label) for term in _TERMS]
    return found, records


def moved_keys(context: Context, versions: DataFrame, record: str) -> DataFrame:
    """Keys that ended tonight or came back: `record`, `role`, `term` (ended or reopened); one row per key."""
    night = F.lit(context.run.night)
    versions = versions.where(F.col("system").isin(sorted(context.conf.sources))).select(
        *RECORD_KEY, "valid_from", "valid_to"
    )
    opened = versions.where((F.col("valid_from") == night) & F.col("valid_to").isNull()).select(*RECORD_KEY)
    closed = versions.where(F.col("valid_to") == night).select(*RECORD_KEY)
    past = versions.where(F.col("valid_from") < night).select(*RECORD_KEY)
    ended = closed.join(opened, RECORD_KEY, "left_anti").withColumn("term", F.lit("ended"))
    reopened = opened.join(closed, RECORD_KEY, "left_anti").join(past, RECORD_KEY, "left_semi")
    moved = ended.unionByName(reopened.withColumn("term", F.lit("reopened")))
    return moved.select(F.lit(record).alias("record"), "role", "term")
