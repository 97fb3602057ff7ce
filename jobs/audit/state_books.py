"""The books of records: how the current rows of a night follow from those of the night before."""

from collections import Counter, defaultdict
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
    counted = count_states(context)
    records = dict.fromkeys(context.conf.records, 0)
    for row in counted:
        records[row["record"]] += row["current"]
    terms = _count_terms(context, counted)
    new = _count_new(entries)
    found = []
    for place in sorted(terms):
        label = record_label(*place)
        terms[place]["new"] = new[label]
        found += [entry(term, terms[place][term], label) for term in _TERMS]
    return found, records


def _count_terms(context: Context, counted: list[dict[str, Any]]) -> dict[tuple[str, str], Counter[str]]:
    """previous, current, ended and reopened by record and role."""
    terms: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for row in counted:
        if row["system"] in context.conf.sources:
            terms[row["record"], row["role"]].update(previous=row["previous"], current=row["current"])
    for row in count_moved(context, counted):
        terms[row["record"], row["role"]][row["term"]] += row["rows"]
    return terms


def _count_new(entries: list[dict[str, Any]]) -> Counter[str]:
    """Rows that are new, by label of their record."""
    new: Counter[str] = Counter()
    for row in entries:
        if row["term"] == "new" and row["record"] is not None:
            new[row["record"]] += row["rows"]
    return new


def count_states(context: Context) -> list[dict[str, Any]]:
    """Versions of each record, role and system: current on the night before (`previous`), `current`, begun `earlier`, and begun
    or ended tonight (`touched`).
    """
    lake, night = context.lake, context.run.night
    tests = {
        "previous": stood_before(night),
        "current": F.col("valid_to").isNull(),
        "earlier": F.col("valid_from") < F.lit(night),
        "touched": touched(night),
    }
    frames = []
    for name in context.conf.records:
        if not lake.is_empty(f"harmonised.{name}"):
            versions = lake.read(f"harmonised.{name}")
            frames.append(versions.select(F.lit(name).alias("record"), "role", "system", "valid_from", "valid_to"))
    if not frames:
        return []
    sums = [F.sum(F.when(test, 1).otherwise(0)).alias(name) for name, test in tests.items()]
    found: list[dict[str, Any]] = union_all(frames).groupBy("record", "role", "system").agg(*sums).toArrow().to_pylist()
    return found


def count_moved(context: Context, counted: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Keys that ended tonight or came back, counted by record, role and term; of records that a past night could move only.

    Args:
        context: of the run.
        counted: from `count_states`.
    """
    has_past = {row["record"] for row in counted if row["earlier"]}
    is_touched = {row["record"] for row in counted if row["touched"]}
    moved = []
    for name in sorted(has_past & is_touched):
        moved.append(moved_keys(context, context.lake.read(f"harmonised.{name}"), name))
    if not moved:
        return []
    rows = union_all(moved).groupBy("record", "role", "term").agg(F.count(F.lit(1)).alias("rows"))
    found: list[dict[str, Any]] = rows.toArrow().to_pylist()
    return found


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
