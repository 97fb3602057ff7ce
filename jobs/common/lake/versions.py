"""Tables that keep each row's versions by night, and the difference between two states of a table.

A version is current from `valid_from` on and before `valid_to` (null: still current). What a night does to such a table
is a function of its state before the night and of what the night found, so that a night can be run again after any kill.
"""

from collections.abc import Sequence
from datetime import date

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from jobs.common.lake.tables import Lake, row_hash


def union_all(frames: Sequence[DataFrame]) -> DataFrame:
    """All rows of frames with the same columns; at least one frame."""
    whole = frames[0]
    for frame in frames[1:]:
        whole = whole.unionByName(frame)
    return whole


def stood_before(night: date) -> Column:
    """Whether a version was current when `night` began, also if the night itself has ended it."""
    is_open = F.col("valid_to").isNull() | (F.col("valid_to") >= F.lit(night))
    return (F.col("valid_from") < F.lit(night)) & is_open


def touched(night: date) -> Column:
    """Whether `night` began or ended a version."""
    return (F.col("valid_from") == F.lit(night)) | (F.col("valid_to") == F.lit(night))


def state_before(versions: DataFrame, night: date) -> DataFrame:
    """Versions current before `night`, as they were then: a `valid_to` that the night itself set is taken back."""
    return versions.where(stood_before(night)).withColumn("valid_to", F.lit(None).cast("date"))


def current(versions: DataFrame) -> DataFrame:
    return versions.where(F.col("valid_to").isNull())


def as_of(versions: DataFrame, night: date) -> DataFrame:
    """Versions current at the end of `night`."""
    begun = F.col("valid_from") <= F.lit(night)
    return versions.where(begun & (F.col("valid_to").isNull() | (F.col("valid_to") > F.lit(night))))


def compare_states(before: DataFrame, now: DataFrame, keys: Sequence[str], content: str) -> DataFrame:
    """One row per key of either state: `state` is new, changed, unchanged or absent.

    Args:
        before: unique by `keys`, with the column `content`.
        now: unique by `keys`, with the column `content`.
    """
    old = before.select(*keys, F.col(content).alias("_old"), F.lit(True).alias("_in_old"))
    new = now.select(*keys, F.col(content).alias("_new"), F.lit(True).alias("_in_new"))
    state = (
        F.when(F.col("_in_old").isNull(), F.lit("new"))
        .when(F.col("_in_new").isNull(), F.lit("absent"))
        .when(F.col("_old") == F.col("_new"), F.lit("unchanged"))
        .otherwise(F.lit("changed"))
    )
    return old.join(new, list(keys), "full_outer").select(*keys, state.alias("state"))


def version_changes(
    versions: DataFrame, opened: DataFrame, closed: DataFrame, keys: Sequence[str], night: date
) -> DataFrame:
    """Rows that bring `versions` to what `night` found, with `_op` (upsert or delete); only where they differ.

    Args:
        versions: the part of the table that the night may touch, whatever an earlier try has left.
        opened: full rows of the versions that begin tonight (`valid_from` = night, `valid_to` null).
        closed: keys whose version of before ends tonight.
        keys: key of a row without `valid_from`.
    """
    columns, tonight = versions.columns, F.lit(night)
    ending = closed.select(*keys).distinct()
    tried = versions.where(touched(night))
    standing = versions.where(F.col("valid_to").isNull() & (F.col("valid_from") < tonight))
    concerned = tried.unionByName(standing.join(ending, list(keys), "left_semi"))
    ends = F.when(F.col("_ends").isNotNull(), tonight).cast("date")
    kept = state_before(concerned, night).join(ending.withColumn("_ends", F.lit(True)), list(keys), "left")
    kept = kept.withColumn("valid_to", ends).select(*columns)
    return difference(concerned, kept.unionByName(opened.select(*columns)), [*keys, "valid_from"], columns)


def difference(actual: DataFrame, target: DataFrame, key: Sequence[str], columns: Sequence[str]) -> DataFrame:
    """Rows that turn `actual` into `target` (both with `columns`, unique by `key`), with `_op` upsert or delete."""
    target = target.select(*columns).withColumn("_hash", row_hash(columns)).alias("a")
    known = actual.select(*columns).withColumn("_hash", row_hash(columns)).alias("b")
    same_key = _same([F.col(f"a.{c}").eqNullSafe(F.col(f"b.{c}")) for c in key])
    upserts = target.join(known, same_key & (F.col("a._hash") == F.col("b._hash")), "left_anti").drop("_hash")
    deletes = known.join(target, same_key, "left_anti").drop("_hash")
    return upserts.withColumn("_op", F.lit("upsert")).unionByName(deletes.withColumn("_op", F.lit("delete")))


def make_equal(lake: Lake, name: str, target: DataFrame, run_id: str, known: DataFrame | None = None) -> int:
    """Bring a table to `target`, which is cheap to read twice, in one commit; returns the rows that differed.

    `known` are the rows of the table that `target` is about, None if it is about all of them.
    """
    if lake.is_empty(name):
        return lake.merge(name, target.withColumn("_op", F.lit("upsert")), run_id, is_computed=True)
    declared = lake.declared[name]
    actual = lake.read(name) if known is None else known
    return lake.merge(name, difference(actual, target, declared.key, declared.names), run_id)


def _same(tests: list[Column]) -> Column:
    whole = tests[0]
    for test in tests[1:]:
        whole = whole & test
    return whole
