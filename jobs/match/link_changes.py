"""What the night changes in the tables of links: rows with `_op` (upsert or delete), only where they differ.

Rows are compared by the numbers of their mentions and a hash, and only those that differ are spelled out.
"""

from collections.abc import Sequence
from datetime import date

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from jobs.common.lake.versions import state_before, version_changes
from jobs.match.pairs import DECISION, as_edges


def edge_changes(edges: DataFrame, decisions: DataFrame, ids: DataFrame) -> DataFrame:
    """Rows that bring `links.edge` to tonight's decisions.

    Args:
        edges: `links.edge` with `number` and `other`.
        decisions: all of tonight, unique by number, other, reason and matcher.
        ids: `number` and `mention_id` of the current mentions, unique by number.
    """
    key = F.xxhash64("number", "other", "decision", "reason", "weight", "matcher").alias("_key")
    known = edges.select(key, *[F.col(name).alias(f"_{name}") for name in edges.columns])
    both = decisions.select(key, *DECISION).join(known, "_key", "full_outer")
    differ = both.where(F.col("number").isNull() | F.col("_number").isNull())
    told = as_edges(differ.drop("_key"), ids)
    columns = [name for name in edges.columns if name not in ("number", "other")]
    return told.select(*[F.coalesce(name, f"_{name}").alias(name) for name in columns], _operation("number"))


def assignment_changes(assignments: DataFrame, now: DataFrame, night: date) -> DataFrame:
    """Rows that bring `links.assignment` to tonight's state.

    Args:
        assignments: versions of the mentions of the scope.
        now: `mention_id`, `kind`, `entity_id` of those that are current.
        night: tonight.
    """
    before = state_before(assignments, night)
    same = ["mention_id", "entity_id"]
    opened = now.join(before.select(*same), same, "left_anti")
    dates = {"valid_from": F.lit(night), "valid_to": F.lit(None).cast("date")}
    closed = before.join(now.select(*same), same, "left_anti")
    return version_changes(assignments, opened.withColumns(dates), closed, ["mention_id"], night)


def mention_changes(known: DataFrame, mentions: DataFrame, entities: DataFrame, names: Sequence[str]) -> DataFrame:
    """Rows that bring `links.mention` to tonight's mentions.

    Args:
        known: `links.mention` with `number`.
        mentions: from `list_mentions`.
        entities: `number` and `entity_id` of every current mention.
        names: columns of `links.mention`.
    """
    content = F.xxhash64("entity_id", "file_id", "row_number")
    now = mentions.select("number", "file_id", "row_number").join(entities, "number")
    now = now.select("number", F.col("entity_id").alias("_entity_id"), content.alias("_now"))
    was = known.select("number", *names, content.alias("_was"))
    both = now.join(was, "number", "full_outer")
    differ = both.where(F.col("_now").isNull() | F.col("_was").isNull() | (F.col("_now") != F.col("_was")))
    own = [name for name in names if name != "entity_id"]
    rows = mentions.select("number", *[F.col(name).alias(f"_{name}") for name in own])
    told = differ.join(rows, "number", "left")
    return told.select(*[F.coalesce(f"_{name}", name).alias(name) for name in names], _operation("_now"))


def _operation(is_now: str) -> Column:
    """Upsert where the column says that the row is there tonight, else delete."""
    return F.when(F.col(is_now).isNotNull(), F.lit("upsert")).otherwise(F.lit("delete")).alias("_op")
