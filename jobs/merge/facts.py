"""Facts: records that are about no entity of their own; they pass through with the ids of those they speak of."""

from collections.abc import Sequence
from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from jobs.common.intake.keyed_rows import RECORD_KEY, mention_id
from jobs.common.model.records import Record
from jobs.common.run.authority import Authority, place_text


def identify(records: DataFrame, mentions: DataFrame, record: Record) -> DataFrame:
    """Records with a number and the ids of whom they speak of; keeps every row.

    A record without a number has its key in the source for one.

    Args:
        records: harmonised records of a fact.
        mentions: of `links.mention`, any kinds.
        record: of the fact.
    """
    numbered = records.withColumn("number", F.coalesce("number", "source_key"))
    for column, kind in record.speaks_of.items():
        numbered = add_entity(numbered, mentions.where(F.col("kind") == kind), column)
    return numbered


def add_entity(records: DataFrame, mentions: DataFrame, column: str) -> DataFrame:
    """The entity that the same row of the source names in the same role; null if it names none. Keeps every row.

    Args:
        records: harmonised records.
        mentions: of `links.mention`, of one kind.
        column: column of the entity.
    """
    return records.join(mentions.select(*RECORD_KEY, F.col("entity_id").alias(column)), RECORD_KEY, "left")


def deduplicate(records: DataFrame, record: Record, authority: Authority) -> DataFrame:
    """Of records that agree in all columns of `deduplicate_by`, the one of the strongest system, with `system_count`.

    A record that lacks one of these columns agrees with no other, and stays.

    Args:
        records: from `identify`; unique by record.
        record: of the fact.
        authority: order of systems.
    """
    same = list(record.deduplicate_by)
    placed = records.withColumn("mention_id", mention_id(record.name))
    placed = placed.withColumn("_place", place_text(authority.default))
    groups = placed.where(all_there(same)).groupBy(*same)
    first = groups.agg(F.min("_place").alias("_place"), F.countDistinct("system").alias("system_count"))
    chosen = placed.where(all_there(same)).join(first, [*same, "_place"])
    rest = placed.where(~all_there(same)).withColumn("system_count", F.lit(1).cast("bigint"))
    return chosen.unionByName(rest)


def all_there(columns: Sequence[str]) -> Column:
    """Whether none of the columns is null."""
    return reduce(Column.__and__, [F.col(name).isNotNull() for name in columns], F.lit(True))
