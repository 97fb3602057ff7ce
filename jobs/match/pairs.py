"""Pairs of mentions by number, and the steps that exact matchers share."""

from collections.abc import Mapping

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.common.model.links import Decision, EdgeReason

DECISION = ["kind", "number", "other", "decision", "reason", "weight", "matcher"]
CERTAIN = 1_000_000  # weight of exact evidence


def with_reason(pairs: DataFrame, reason: str) -> DataFrame:
    """`number`, `other` and the one reason of all pairs."""
    return pairs.select("number", "other", F.lit(reason).alias("reason"))


def decide_by_reason(pairs: DataFrame, verdicts: Mapping[str, Decision]) -> DataFrame:
    """Adds the `decision` that each reason leads to, and its `weight`: certain if the pair is accepted, otherwise 0."""
    decision = F.lit(None).cast("string")
    for reason, verdict in verdicts.items():
        decision = F.when(F.col("reason") == reason, F.lit(str(verdict))).otherwise(decision)
    weight = F.when(F.col("decision") == Decision.ACCEPT, F.lit(CERTAIN)).otherwise(F.lit(0)).cast("bigint")
    return pairs.withColumn("decision", decision).withColumn("weight", weight)


def assign_by_unique_key(loose: DataFrame, named: DataFrame, roots: DataFrame, key: str, reason: str) -> DataFrame:
    """Pairs of mentions with the entities of which the same key speaks, each with its reason.

    If the key names one entity, its mentions belong to it. If it names several, each is a pair with the reason
    `names_several`. If it names none, the mentions with the key are one entity among themselves.

    Args:
        loose: `number` and `key`, neither null, unique by number.
        named: `number` and `key` of mentions that have their entity; keys that nobody asks for do no harm.
        roots: `number` and `root` of mentions with another root, unique by number.
        key: the column.
        reason: why a pair is accepted.
    """
    wanted = loose.groupBy(key).agg(F.min("number").alias("first"))
    asked = named.join(wanted.select(key), key, "left_semi").join(roots, "number", "left")
    entity = asked.select(key, F.coalesce("root", "number").alias("other")).distinct()
    entities = entity.groupBy(key).agg(F.min("other").alias("least"), F.max("other").alias("greatest"))
    loose = loose.join(wanted, key).join(entities, key, "left")
    one = loose.where("least is null or least = greatest").withColumn("other", F.coalesce("least", "first"))
    many = loose.where("least < greatest").join(entity, key)
    return with_reason(one, reason).unionByName(with_reason(many, EdgeReason.NAMES_SEVERAL))


def as_edges(decisions: DataFrame, ids: DataFrame) -> DataFrame:
    """Adds `mention_id` and `other_id`; keeps every row.

    Args:
        decisions: with the columns of `DECISION`.
        ids: `number` and `mention_id`, unique by number.
    """
    other = ids.select(F.col("number").alias("other"), F.col("mention_id").alias("other_id"))
    return decisions.join(ids.select("number", "mention_id"), "number", "left").join(other, "other", "left")
