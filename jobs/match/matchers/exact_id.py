"""Residents by id number: the same number is the same resident if the name or the recorded birth date agrees.

Ids get copied onto relatives and strangers, so that the number alone is no proof. An accepted pair leads to the least
mention of the number's resident; a mention that has copied the number is rejected, and recognised by something else.
"""

from enum import StrEnum
from functools import partial

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from jobs.common.lake.versions import union_all
from jobs.common.model.links import Decision, EdgeReason
from jobs.match.matcher import Known, Matcher
from jobs.match.pairs import decide_by_reason, with_reason
from jobs.match.residents import KIND

_COMPARED = ["number", "id_key", "name_key", "birth_key", "name_birth_phone_key", "fits"]


class Reason(StrEnum):
    NAME = "same_id_and_name"
    BIRTH_DATE = "same_id_and_birth_date"


def compare(known: Known) -> DataFrame:
    """Each mention with an id number beside the least mention of the number's resident."""
    by_id = known.once("by-id", lambda: group_by_id(known.mentions()))
    persons = known.once("by-person", lambda: split_by_person(by_id))
    same = by_id.where("one_name").withColumn("other", F.col("root"))
    return with_reason(same, Reason.NAME).unionByName(compare_persons(persons))


def group_by_id(residents: DataFrame) -> DataFrame:
    """Mentions with an id number, with `root` (the number's least mention) and `one_name`; one row each."""
    with_id = residents.where(F.col("id_key").isNotNull())
    one_name = (F.count("name_key") == F.count(F.lit(1))) & (F.min("name_key") == F.max("name_key"))
    numbers = with_id.groupBy("id_key").agg(F.min("number").alias("root"), one_name.alias("one_name"))
    return with_id.select(*_COMPARED).join(numbers, "id_key")


def split_by_person(by_id: DataFrame) -> DataFrame:
    """Mentions of id numbers under several names: `root` of the person's group, and `owner`, the root of the number's own.

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
    persons = by_id.where("fits").select("name_birth_phone_key", "id_key")
    asked = mixed.select("name_birth_phone_key").distinct()
    persons = persons.join(asked, "name_birth_phone_key", "left_semi").distinct()
    several = persons.groupBy("name_birth_phone_key").agg(F.count(F.lit(1)).alias("numbers")).where("numbers > 1")
    mixed = mixed.join(several, "name_birth_phone_key", "left").withColumn("has_other", F.col("numbers").isNotNull())
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
    return mixed.withColumn("owner", F.first("root").over(best)).select("number", "name_key", "root", "owner")


def compare_persons(persons: DataFrame) -> DataFrame:
    """Pairs within id numbers under several names: with the person's least mention, or with the number's owner.

    A number that belongs to another proves nothing, not even between two mentions that both copied it: accepting it
    could join two residents over their namesake.
    """
    first = persons.where("number = root").select("root", F.col("name_key").alias("_name"))
    own = persons.where("root = owner").join(first, "root").withColumn("other", F.col("root"))
    is_named = F.coalesce(F.col("name_key") == F.col("_name"), F.lit(False))
    copied = persons.where("root != owner").withColumn("other", F.col("owner"))
    return union_all(
        [
            with_reason(own.where(is_named), Reason.NAME),
            with_reason(own.where(~is_named), Reason.BIRTH_DATE),
            with_reason(copied, EdgeReason.ID_HELD_BY_ANOTHER),
        ]
    )


VERDICTS: dict[str, Decision] = {
    Reason.NAME: Decision.ACCEPT,
    Reason.BIRTH_DATE: Decision.ACCEPT,
    EdgeReason.ID_HELD_BY_ANOTHER: Decision.REJECT,
}
MATCHER = Matcher(
    kind=KIND,
    name="exact_id",
    block_on=("id_key", "name_birth_phone_key"),
    compare=compare,
    decide=partial(decide_by_reason, verdicts=VERDICTS),
    reasons=tuple(VERDICTS),
)
