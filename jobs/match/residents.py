"""Residents whose id number is their own, and those who must be recognised by something else."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.common.model.links import EdgeReason
from jobs.match.matcher import Known

KIND = "resident"


def with_own_id(known: Known) -> DataFrame:
    """Mentions with an id number that no decision says is another's."""
    mentions = known.mentions().where(F.col("id_key").isNotNull())
    return mentions.join(without_own_id(known).select("number"), "number", "left_anti")


def without_own_id(known: Known) -> DataFrame:
    """Mentions without an id number, or with one that is another's."""
    return known.once("without-own-id", lambda: _without_own_id(known))


def _without_own_id(known: Known) -> DataFrame:
    assert known.decisions is not None, "the matcher comes after exact_id"
    mentions = known.mentions()
    copied = known.decisions.where(F.col("reason") == EdgeReason.ID_HELD_BY_ANOTHER).select("number")
    of_another = mentions.join(copied, "number", "left_semi")
    return mentions.where(F.col("id_key").isNull()).unionByName(of_another)
