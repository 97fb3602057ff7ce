"""Residents by id number: the same number is the same resident if the name or the recorded birth date agrees.

Ids get copied onto relatives and strangers, so that the number alone is no proof. An accepted pair leads to the least
mention of the number's resident; a mention that has copied the number is rejected, and recognised by something else.
"""

from enum import StrEnum
from functools import partial

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from jobs.common.model.links import Decision, EdgeReason
from jobs.match.keys import key_of
from jobs.match.matcher import Known, Matcher
from jobs.match.pairs import decide_by_reason, with_reason
from jobs.match.residents import CONTACTS, KIND

_COMPARED = ["number", "id_key", "name_key", "former_key", "born", "fits", "name_birth_key", *CONTACTS]


class Reason(StrEnum):
    NAME = "same_id_and_name"
    FORMER_NAME = "same_id_and_former_name"
    BIRTH_DATE = "same_id_and_birth_date"


def compare(known: Known) -> DataFrame:
    """Each mention with an id number beside the least mention of the number's resident."""
    by_id = known.once("by-id", lambda: group_by_id(known.mentions()))
    persons = known.once("by-person", lambda: split_by_person(by_id))
    same = by_id.where("one_name").withColumn("other", F.col("root"))
    return with_reason(same, Reason.NAME).unionByName(compare_persons(persons))


def group_by_id(residents: DataFrame) -> DataFrame:
    """Mentions with an id number, with `root` (the number's least mention) and `one_name`; one row each."""
    with_id = residents.where(F.col("id_key").isNotNull()).withColumn("fits", F.col("born") == F.col("id_born"))
    one_name = (F.count("name_key") == F.count(F.lit(1))) & (F.min("name_key") == F.max("name_key"))
    numbers = with_id.groupBy("id_key").agg(F.min("number").alias("root"), one_name.alias("one_name"))
    return with_id.select(*_COMPARED).join(numbers, "id_key")


def split_by_person(by_id: DataFrame) -> DataFrame:
    """Mentions of id numbers under several names: `root` of the person's group, and `owner`, the root of the number's own.

    Within one id number, mentions of the same name or of the same birth date belong together, and so do those that
    reach each other over others: three rounds of name and birth date reach over any mention that has both. A name that
    another mention of the number has as its former one counts as the present one (`called`). A mention whose name, birth date
    and contact stand under another number as well, which fits them (`has_other`), is known by its name only: it is a
    twin with the other's number.

    The number belongs to the group with a birth date that is the one inside it; then to the greater one; then to one
    without another number that fits; then to the least.

    Args:
        by_id: from `group_by_id`.
    """
    mixed = by_id.where("not one_name").drop("root", "one_name").withColumn("root", F.col("number"))
    others = list_others(by_id, mixed).withColumn("has_other", F.lit(True))
    mixed = others.join(call_by_present_name(mixed), "number", "right")
    mixed = mixed.withColumn("has_other", F.coalesce("has_other", F.lit(False)))
    # A mention without a name or day is alone with its own number in their place.
    day = F.coalesce(F.when(~F.col("has_other"), F.col("born")), F.col("number"))
    same_name = Window.partitionBy("id_key", F.coalesce(F.col("called"), F.col("number")))
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
    owned = mixed.withColumn("owner", F.first("root").over(best))
    return owned.select("number", "name_key", "called", "root", "owner")


def list_others(by_id: DataFrame, mixed: DataFrame) -> DataFrame:
    """`number` of the mixed mentions whose name, birth date and contact stand under several numbers that fit; distinct."""
    births = mixed.select("name_birth_key").distinct()
    persons = by_id.where("fits").join(births, "name_birth_key", "left_semi")
    several = _contacts(persons, "id_key").groupBy("contact").agg(F.countDistinct("id_key").alias("numbers"))
    recorded = mixed.where(F.col("born").isNotNull())
    return (
        _contacts(recorded, "number")
        .join(several.where("numbers > 1"), "contact", "left_semi")
        .select("number")
        .distinct()
    )


def _contacts(mentions: DataFrame, column: str) -> DataFrame:
    """A column of mentions with `contact`, key of name, birth date and one contact; a row for each contact that is known."""
    keys = [key_of("name_birth_key", contact) for contact in CONTACTS]
    exploded = mentions.select(column, F.explode(F.array(*keys)).alias("contact"))
    return exploded.where(F.col("contact").isNotNull())


def call_by_present_name(mixed: DataFrame) -> DataFrame:
    """Adds `called`: the name, or the one name that mentions of the same number have in its place today."""
    formers = mixed.where("former_key is not null and name_key is not null")
    one_name = F.when(F.min("name_key") == F.max("name_key"), F.min("name_key"))
    formers = formers.groupBy("id_key", F.col("former_key").alias("_former")).agg(one_name.alias("present"))
    formers = formers.withColumnRenamed("_former", "name_key")
    joined = formers.join(mixed, ["id_key", "name_key"], "right")
    return joined.withColumn("called", F.coalesce("present", "name_key")).drop("present")


def compare_persons(persons: DataFrame) -> DataFrame:
    """Pairs within id numbers under several names: with the person's least mention, or with the number's owner.

    A number that belongs to another proves nothing, not even between two mentions that both copied it: accepting it
    could join two residents over their namesake.
    """
    first = persons.where("number = root")
    first = first.select("root", F.col("name_key").alias("_name"), F.col("called").alias("_called"))
    own = persons.where("root = owner").join(first, "root").withColumn("other", F.col("root"))
    reason = F.when(F.col("name_key") == F.col("_name"), F.lit(Reason.NAME))
    reason = reason.when(F.col("called") == F.col("_called"), F.lit(Reason.FORMER_NAME))
    told = own.select("number", "other", reason.otherwise(F.lit(Reason.BIRTH_DATE)).alias("reason"))
    copied = persons.where("root != owner").withColumn("other", F.col("owner"))
    return told.unionByName(with_reason(copied, EdgeReason.ID_HELD_BY_ANOTHER))


VERDICTS: dict[str, Decision] = {
    Reason.NAME: Decision.ACCEPT,
    Reason.FORMER_NAME: Decision.ACCEPT,
    Reason.BIRTH_DATE: Decision.ACCEPT,
    EdgeReason.ID_HELD_BY_ANOTHER: Decision.REJECT,
}
MATCHER = Matcher(
    kind=KIND,
    name="exact_id",
    block_on=("id_key", "name_birth_key"),
    compare=compare,
    decide=partial(decide_by_reason, verdicts=VERDICTS),
    reasons=tuple(VERDICTS),
)
