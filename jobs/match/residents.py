"""Residents whose id number is their own, and those who must be recognised by something else."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.common.model.links import EdgeReason
from jobs.match.matcher import Known

KIND = "resident"


def with_own_id(known: Known) -> DataFrame:
    """Mentions with an id number that no decision says is another's."""
    return known.mentions().where(F.col("id_key").isNotNull()).join(_copied(known), "number", "left_anti")


def without_own_id(known: Known) -> DataFrame:
    """Mentions without an id number, or with one that is another's."""
    mentions = known.mentions()
    copied = mentions.join(_copied(known), "number", "left_semi")
    return mentions.where(F.col("id_key").isNull()).unionByName(copied)


def _copied(known: Known) -> DataFrame:
    assert known.decisions is not None, "the matcher comes after exact_id"
    return known.decisions.where(F.col("reason") == EdgeReason.ID_HELD_BY_ANOTHER).select("number")
