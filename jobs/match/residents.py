"""Decisions on pairs of mentions of residents by exact evidence, each with its reason.

Ids get copied onto relatives and strangers, so that the same id number alone is no proof: the name or the recorded birth
date must agree. Who has no usable id is recognised by name, birth date and phone together, where these name one resident; who
has no birth date either, by name and phone. An accepted pair leads to the least mention of the id number's resident (of
those with the same name, birth date and phone, or name and phone, where nobody has a number).
"""

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from jobs.common.lake.versions import union_all
from jobs.match.pairs import ACCEPT, REJECT, attach, decide

KIND = "resident"


def group_by_id(residents: DataFrame) -> DataFrame:
    """Mentions with an id number, with `root` (the number's least mention) and `one_name`; one row each."""
    with_id = residents.where(F.col("id_key").isNotNull())
    one_name = (F.count("name_key") == F.count(F.lit(1))) & (F.min("name_key") == F.max("name_key"))
    numbers = with_id.groupBy("id_key").agg(F.min("number").alias("root"), one_name.alias("one_name"))
    columns = ["number", "id_key", "name_key", "birth_key", "three_key", "two_key", "fits"]
    return with_id.select(*columns).join(numbers, "id_key")


def part_names(by_id: DataFrame) -> DataFrame:
    """Of id numbers under several names, whose each mention is: `root` of its group and `holder`, that of the number.

    Within one id number, mentions of the same name or of the same birth date belong together, and so do those that
    reach each other over others: three rounds of name and birth date reach over any mention that has both. A mention
    whose name, birth date and phone stand under another number as well, which fits them (`has_other`), is known by its
    name only: it is a twin with the other's number.

    The number belongs to the group with a birth date that is the one inside it; then to the greater one; then to one
    without another number that fits; then to the least.

    Args:
        by_id: from `group_by_id`.
    """
    mixed = by_id.where("not one_name").drop("root", "one_name").withColumn("root", F.col("number"))
    persons = by_id.where("fits").select("three_key", "id_key")
    persons = persons.join(mixed.select("three_key").distinct(), "three_key", "left_semi").distinct()
    several = persons.groupBy("three_key").agg(F.count(F.lit(1)).alias("numbers")).where("numbers > 1")
    mixed = mixed.join(several, "three_key", "left").withColumn("has_other", F.col("numbers").isNotNull())
    # A mention without a name or day is alone with its own number in their place.
    day = F.coalesce(F.when(~F.col("has_other"), F.col("birth_key")), F.col("number"))
    same_name = Window.partitionBy("id_key", F.coalesce(F.col("name_key"), F.col("number")))
    same_birth = Window.partitionBy("id_key", day)
    for _ in range(3):
        mixed = mixed.withColumn("root", F.min("root").over(same_name))
        mixed = mixed.withColumn("root", F.min("root").over(same_birth))
    group = Window.partitionBy("id_key", "root")
    mixed = mixed.withColumns(
        {
            "_fits": F.max(F.when(F.col("fits"), 1).otherwise(0)).over(group),
            "_size": F.count(F.lit(1)).over(group),
            "_other": F.min(F.when(F.col("has_other"), 1).otherwise(0)).over(group),
        }
    )
    best = Window.partitionBy("id_key").orderBy(F.col("_fits").desc(), F.col("_size").desc(), "_other", "root")
    mixed = mixed.withColumn("holder", F.first("root").over(best))
    return mixed.select("number", "id_key", "name_key", "birth_key", "three_key", "two_key", "root", "holder")


def match_by_id(by_id: DataFrame, parted: DataFrame) -> DataFrame:
    """Decisions on mentions with an id number.

    Args:
        by_id: from `group_by_id`.
        parted: from `part_names`.
    """
    same = decide(by_id.where("one_name").withColumn("other", F.col("root")), KIND, ACCEPT, "same_id_and_name")
    return same.unionByName(decide_parted(parted))


def decide_parted(parted: DataFrame) -> DataFrame:
    """Decisions within id numbers under several names: acceptance in the group that holds the number, else rejection.

    A number that belongs to another proves nothing, not even between two mentions that both copied it: accepting it
    could join two residents over their namesake.
    """
    first = parted.where("number = root").select("root", F.col("name_key").alias("_name"))
    held = parted.where("root = holder").join(first, "root").withColumn("other", F.col("root"))
    is_named = F.coalesce(F.col("name_key") == F.col("_name"), F.lit(False))
    copied = parted.where("root != holder").withColumn("other", F.col("holder"))
    return union_all(
        [
            decide(held.where(is_named), KIND, ACCEPT, "same_id_and_name"),
            decide(held.where(~is_named), KIND, ACCEPT, "same_id_and_birth_date"),
            decide(copied, KIND, REJECT, "id_held_by_another"),
        ]
    )


def list_unheld(residents: DataFrame, parted: DataFrame) -> DataFrame:
    """Mentions without a usable id number, with what else they are recognised by; one row each.

    Args:
        residents: from `list_mentions`.
        parted: from `part_names`.
    """
    columns = ["number", "three_key", "two_key", "birth_key"]
    without = residents.where("id_key is null").select(*columns)
    copied = parted.where("root != holder").select(*columns)
    return without.unionByName(copied).where(F.col("two_key").isNotNull())


def list_held(by_id: DataFrame, parted: DataFrame) -> DataFrame:
    """Mentions whose id number is theirs, with `other`, the least mention of the resident; one row each.

    Args:
        by_id: from `group_by_id`.
        parted: from `part_names`.
    """
    columns = ["three_key", "two_key", "root"]
    held = by_id.where("one_name").select(*columns).unionByName(parted.where("root = holder").select(*columns))
    return held.withColumnRenamed("root", "other")


def match_by_three(unheld: DataFrame, held: DataFrame) -> DataFrame:
    """Decisions on mentions without a usable id by the residents with one of their name, birth date and phone.

    Args:
        unheld: from `list_unheld`.
        held: from `list_held`.
    """
    loose = unheld.where(F.col("three_key").isNotNull()).select("number", "three_key")
    return attach(loose, held.select("three_key", "other"), "three_key", KIND, "same_name_birth_date_phone")


def match_by_two(unheld: DataFrame, held: DataFrame, by_three: DataFrame) -> DataFrame:
    """Decisions on mentions without a usable id or a birth date by the residents of their name and phone.

    Args:
        unheld: from `list_unheld`.
        held: from `list_held`.
        by_three: from `match_by_three`.
    """
    loose = unheld.where(F.col("birth_key").isNull()).select("number", "two_key")
    settled = by_three.where(F.col("decision") == ACCEPT).select("number", "other")
    dated = unheld.where(F.col("birth_key").isNotNull()).join(settled, "number", "left")
    dated = dated.select("two_key", F.coalesce("other", "number").alias("other"))
    named = held.select("two_key", "other").unionByName(dated)
    return attach(loose, named, "two_key", KIND, "same_name_and_phone")
