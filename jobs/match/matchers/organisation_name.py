"""Organisations without a credit code, by present or former name, if it names one organisation.

A name is evidence only for mentions without a code.
"""

from functools import partial

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from jobs.common.model.links import Decision, EdgeReason
from jobs.match.matcher import Known, Matcher
from jobs.match.pairs import assign_by_unique_key, decide_by_reason

KIND = "organisation"
KEY = "name_key"
REASON = "same_organisation_name"


def compare(known: Known) -> DataFrame:
    """Each mention beside the organisations with a credit code that have or had its name, or beside the least that has it."""
    mentions = known.mentions()
    names = known.once("names", lambda: list_names(mentions.where(F.col("code_key").isNotNull())))
    loose = known.once("loose", lambda: name_loose(mentions, names))
    return assign_by_unique_key(loose, names, known.roots(KIND), KEY, REASON)


def list_names(coded: DataFrame) -> DataFrame:
    """`number`, `name_key`: the present and the former name of mentions with a credit code, a row each."""
    former = coded.select("number", F.col("former_key").alias("name_key"))
    names = coded.select("number", "name_key").unionByName(former)
    return names.where(F.col("name_key").isNotNull())


def name_loose(organisations: DataFrame, names: DataFrame) -> DataFrame:
    """Mentions without a credit code, each with the one `name_key` that it is looked up by; without those that have none.

    Args:
        organisations: current mentions.
        names: from `list_names`.
    """
    loose = organisations.where("code_key is null and (name_key is not null or former_key is not null)")
    renamed = list_renamed(loose, names)
    loose = loose.select("number", "name_key", "former_key").join(renamed, "name_key", "left")
    return loose.select("number", F.coalesce("known_as", "name_key", "former_key").alias("name_key"))


def list_renamed(loose: DataFrame, names: DataFrame) -> DataFrame:
    """Names that only mentions without a credit code have: `name_key`, unique, and `known_as`, the one former name.

    A former name that two have had stands for neither.
    """
    pairs = loose.where("name_key != former_key").select("name_key", F.col("former_key").alias("known_as"))
    pairs = pairs.distinct().join(names.select("name_key"), "name_key", "left_anti")
    now = Window.partitionBy("name_key")
    then = Window.partitionBy("known_as")
    counted = pairs.withColumns({"formers": F.count(F.lit(1)).over(now), "names": F.count(F.lit(1)).over(then)})
    return counted.where("formers = 1 and names = 1").select("name_key", "known_as")


VERDICTS = {REASON: Decision.ACCEPT, EdgeReason.NAMES_SEVERAL: Decision.REVIEW}
MATCHER = Matcher(
    kind=KIND,
    name="organisation_name",
    block_on=(KEY, "former_key"),
    compare=compare,
    decide=partial(decide_by_reason, verdicts=VERDICTS),
    reasons=tuple(VERDICTS),
    after=("credit_code",),
)
