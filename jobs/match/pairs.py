"""Decisions on pairs of mentions, as the modules of the kinds hand them on: by number, each with its reason."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

DECISION = ["kind", "number", "other", "decision", "reason"]
ACCEPT, REVIEW, REJECT = "accept", "review", "reject"
# Several entities have what a mention is recognised by: none of them is chosen.
SEVERAL = "names_several"
_CERTAIN = 1_000_000


def decide(pairs: DataFrame, kind: str, decision: str, reason: str) -> DataFrame:
    """A decision on each pair `number`, `other`; pairs of a mention with itself are left out."""
    told = {"kind": F.lit(kind), "decision": F.lit(decision), "reason": F.lit(reason)}
    return pairs.where(F.col("number") != F.col("other")).withColumns(told).select(*DECISION)


def attach(loose: DataFrame, named: DataFrame, key: str, kind: str, reason: str) -> DataFrame:
    """Decisions on mentions by the entities of which the same key speaks.

    Where the key names one entity its mentions belong to it; where it names several each is a pair for review and none is
    accepted; where it names none, the mentions with the key are one entity among themselves.

    Args:
        loose: `number` and `key`, neither null, unique by number.
        named: `key` and `other`, the entity's root; may repeat itself and name keys that nobody asks for.
        key: the column.
        kind: kind of entity.
        reason: why a pair is accepted.
    """
    wanted = loose.groupBy(key).agg(F.min("number").alias("first"))
    named = named.join(wanted.select(key), key, "left_semi").distinct()
    entities = named.groupBy(key).agg(F.min("other").alias("least"), F.max("other").alias("greatest"))
    loose = loose.join(wanted, key).join(entities, key, "left")
    one = loose.where("least is null or least = greatest").withColumn("other", F.coalesce("least", "first"))
    many = loose.where("least < greatest").join(named, key)
    return decide(one, kind, ACCEPT, reason).unionByName(decide(many, kind, REVIEW, SEVERAL))


def accepted(decisions: DataFrame) -> DataFrame:
    """`number` and `other` of the pairs that are one entity."""
    return decisions.where(F.col("decision") == ACCEPT).select("number", "other")


def as_edges(decisions: DataFrame, ids: DataFrame) -> DataFrame:
    """Adds `mention_id`, `other_id` and `weight`; keeps every row.

    Args:
        decisions: with the columns of `DECISION`.
        ids: `number` and `mention_id`, unique by number.
    """
    other = ids.select(F.col("number").alias("other"), F.col("mention_id").alias("other_id"))
    weight = F.when(F.col("decision") == ACCEPT, _CERTAIN).otherwise(0).cast("bigint")
    named = decisions.join(ids.select("number", "mention_id"), "number", "left").join(other, "other", "left")
    return named.withColumn("weight", weight)
