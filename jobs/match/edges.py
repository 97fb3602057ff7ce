"""Decisions on pairs of mentions of residents by exact evidence, each with its reason.

Ids get copied onto relatives and strangers, so that the same id number alone is no proof: the name or the recorded birth
date must agree. Who has no usable id is recognised by name, birth date and phone together, where these name one resident.
"""

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

_EDGE = ["kind", "mention_id", "other_id", "decision", "reason", "weight"]
_CERTAIN = 1_000_000


def group_by_id(mentions: DataFrame) -> DataFrame:
    """Mentions with an id number, grouped into `group_id` (the least mention of the group); one row each.

    Within one id number, mentions of the same name or of the same birth date belong together, and so do those that
    reach each other over others. Most numbers have one name only; for the others three rounds of name and birth date
    reach over any mention that has both. A mention whose name, birth date and phone stand under another number as well,
    which fits them (`has_other`), is known by its name only: it is a twin with the other's number.
    """
    with_id = mentions.where(F.col("id_number").isNotNull())
    numbers = with_id.groupBy("id_number").agg(
        F.min("mention_id").alias("group_id"),
        ((F.count("name") == F.count(F.lit(1))) & (F.min("name") == F.max("name"))).alias("one_name"),
    )
    with_id = with_id.join(numbers, "id_number").withColumn("has_other", F.lit(False))
    simple = with_id.where("one_name").drop("one_name")
    mixed = with_id.where("not one_name").drop("one_name", "has_other").withColumn("group_id", F.col("mention_id"))
    three = ["name", "birth_date", "phone"]
    persons = with_id.where(_agrees()).join(mixed.select(*three).distinct(), three, "left_semi")
    persons = persons.select(*three, "id_number").distinct()
    several = persons.groupBy(*three).agg(F.count(F.lit(1)).alias("numbers")).where("numbers > 1")
    mixed = mixed.join(several, three, "left")
    mixed = mixed.withColumn("has_other", F.col("numbers").isNotNull()).drop("numbers")
    day = F.when(~F.col("has_other"), F.col("birth_date").cast("string"))
    same_name = Window.partitionBy("id_number", F.coalesce(F.col("name"), F.col("mention_id")))
    same_birth = Window.partitionBy("id_number", F.coalesce(day, F.col("mention_id")))
    for _ in range(3):
        mixed = mixed.withColumn("group_id", F.min("group_id").over(same_name))
        mixed = mixed.withColumn("group_id", F.min("group_id").over(same_birth))
    return simple.unionByName(mixed)


def choose_holders(grouped: DataFrame) -> DataFrame:
    """One row per id number: `holder_id`, the group that the number belongs to.

    A birth date that agrees with the one inside the number speaks most; then the number of mentions; then that there is
    no other number that fits; then the least id.
    """
    groups = grouped.groupBy("id_number", "group_id").agg(
        F.max(F.when(_agrees(), 1).otherwise(0)).alias("agrees"),
        F.count(F.lit(1)).alias("size"),
        F.min(F.when(F.col("has_other"), 1).otherwise(0)).alias("has_other"),
    )
    order = Window.partitionBy("id_number").orderBy(
        F.col("agrees").desc(), F.col("size").desc(), F.col("has_other"), F.col("group_id")
    )
    ranked = groups.withColumn("_rank", F.row_number().over(order)).where(F.col("_rank") == 1)
    return ranked.select("id_number", F.col("group_id").alias("holder_id"))


def match_by_id(grouped: DataFrame, holders: DataFrame) -> DataFrame:
    """Edges from each mention to the least mention of its group, and rejections where the group does not hold the number.

    A number that belongs to another proves nothing, not even between two mentions that both copied it: accepting it
    could join two residents over their namesake.
    """
    first = F.col("group_id") == F.col("mention_id")
    anchor = grouped.where(first).select(
        F.col("mention_id").alias("group_id"), F.col("name").alias("_name"), F.col("birth_date").alias("_birth")
    )
    joined = grouped.join(anchor, "group_id").join(holders, "id_number")
    reason = F.when(F.col("name") == F.col("_name"), F.lit("same_id_and_name")).otherwise(
        F.lit("same_id_and_birth_date")
    )
    holds = F.col("group_id") == F.col("holder_id")
    accepted = joined.where(holds & ~first).select(
        "kind",
        "mention_id",
        F.col("group_id").alias("other_id"),
        F.lit("accept").alias("decision"),
        reason.alias("reason"),
        F.lit(_CERTAIN).cast("bigint").alias("weight"),
    )
    rejected = joined.where(~holds).select(
        "kind",
        "mention_id",
        F.col("holder_id").alias("other_id"),
        F.lit("reject").alias("decision"),
        F.lit("id_held_by_another").alias("reason"),
        F.lit(0).cast("bigint").alias("weight"),
    )
    return accepted.unionByName(rejected).select(*_EDGE)


def match_by_phone(mentions: DataFrame, grouped: DataFrame, holders: DataFrame) -> DataFrame:
    """Edges of mentions without a usable id to the one resident of their name, birth date and phone.

    Where the three name several residents with an id, each is a pair for review and none is accepted; where they name
    none, the mentions with the same three are one resident.
    """
    held = grouped.join(holders, "id_number").where(F.col("group_id") == F.col("holder_id"))
    held = held.select("mention_id", F.col("group_id").alias("resident"))
    keyed = mentions.where(_all_three()).select("kind", "mention_id", "name", "birth_date", "phone")
    three = ["name", "birth_date", "phone"]
    named = keyed.join(held, "mention_id")
    candidates = named.select(*three, "resident").distinct()
    several = candidates.groupBy(*three).agg(
        F.count(F.lit(1)).alias("residents"), F.min("resident").alias("first_resident")
    )
    loose = keyed.join(held, "mention_id", "left_anti").join(several, three, "left")
    by_three = Window.partitionBy(*three)
    loose = loose.withColumn("first_loose", F.min("mention_id").over(by_three))
    other = F.when(F.col("residents") == 1, F.col("first_resident")).when(
        F.col("residents").isNull(), F.col("first_loose")
    )
    accepted = loose.withColumn("other_id", other).where(
        F.col("other_id").isNotNull() & (F.col("other_id") != F.col("mention_id"))
    )
    review = loose.where(F.col("residents") > 1).join(candidates, three).withColumn("other_id", F.col("resident"))
    return _decide(accepted, "accept", "same_name_birth_date_phone", _CERTAIN).unionByName(
        _decide(review, "review", "names_several", 0)
    )


def _decide(pairs: DataFrame, decision: str, reason: str, weight: int) -> DataFrame:
    return pairs.withColumns(
        {"decision": F.lit(decision), "reason": F.lit(reason), "weight": F.lit(weight).cast("bigint")}
    ).select(*_EDGE)


def _agrees() -> Column:
    """Whether the birth date is the one inside the id number."""
    return F.date_format("birth_date", "yyyyMMdd") == F.substring("id_number", 7, 8)


def _all_three() -> Column:
    return F.col("name").isNotNull() & F.col("birth_date").isNotNull() & F.col("phone").isNotNull()
