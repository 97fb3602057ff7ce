"""Relations: one row per relation and pair, from what the rows of the sources state and from who heads a household."""

from collections.abc import Sequence

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from jobs.common.contracts.sources import DEFAULT_ROLE
from jobs.common.model.records import ENDS, Record
from jobs.common.model.relations import HEAD, SOURCE_ROW, derive_kin
from jobs.common.model.shapes import MEMBER
from jobs.common.run.authority import Authority, place_text
from jobs.merge.survivorship import choose_values

# A pair of which no row says more is older than any of which one does.
LONG_AGO = "1900-01-01"


def detail_pairs(pairs: DataFrame, records: DataFrame, record: Record, more: Sequence[str] = ()) -> DataFrame:
    """Pairs with what the same row says of the relation, and what `choice_order` asks for; one row per pair.

    Args:
        pairs: from `list_pairs`.
        records: current harmonised relations; the role of each is the name of its relation.
        record: the record of relations.
        more: further columns of the records that are wanted; null where no row says more.
    """
    names = [*(field.name for field in record.fields), "valid_from", *more]
    details = records.select(*SOURCE_ROW, F.col("role").alias("relation_code"), *names)
    joined = pairs.join(details, [*SOURCE_ROW, "relation_code"], "left")
    begun = F.coalesce(F.col("valid_from"), F.lit(LONG_AGO).cast("date"))
    return joined.withColumns({"valid_from": begun, "role": F.lit(DEFAULT_ROLE)})


def choose_relations(pairs: DataFrame, record: Record, authority: Authority) -> DataFrame:
    """One row per relation and two entities: fields from the rows that win them, `mention_count`, and `_best`, the place
    of the row that speaks most for the relation. What relates an entity to itself is left out.
    """
    best = F.min(place_text(authority.default)).alias("_best")
    count = F.count(F.lit(1)).alias("mention_count")
    others = pairs.where("from_id != to_id")
    return choose_values(others, ENDS, record.fields, authority, count, best)


def choose_households(relations: DataFrame) -> DataFrame:
    """Leaves each resident a member of one household, of the one that the strongest row names; other rows stay."""
    order = Window.partitionBy("from_id").orderBy("_best", "to_id")
    members = relations.where(F.col("relation_code") == MEMBER).withColumn("_rank", F.row_number().over(order))
    members = members.where(F.col("_rank") == 1).drop("_rank")
    return relations.where(F.col("relation_code") != MEMBER).unionByName(members)


def find_heads(relations: DataFrame) -> DataFrame:
    """`to_id`, `head_id`, `member_count`, unique by household; of several heads the one that the strongest row names."""
    members = relations.where(F.col("relation_code") == MEMBER)
    head = F.min_by("from_id", F.when(F.col("family_code") == HEAD, F.col("_best")))
    return members.groupBy("to_id").agg(head.alias("head_id"), F.count(F.lit(1)).alias("member_count"))


def add_kin(relations: DataFrame, heads: DataFrame, record: Record) -> DataFrame:
    """Adds the spouses and parents that follow from households and that no row states; their `mention_count` is 0."""
    members = relations.where(F.col("relation_code") == MEMBER)
    kin = derive_kin(members, heads.select("to_id", "head_id")).join(relations, [*ENDS], "left_anti")
    silent = {field.name: F.lit(None).cast(field.sql_type) for field in record.fields}
    kin = kin.withColumns({**silent, "mention_count": F.lit(0).cast("bigint")})
    return relations.drop("_best").unionByName(kin)
