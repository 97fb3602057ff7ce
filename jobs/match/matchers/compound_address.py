"""Dwellings by compound and what is inside, for mentions without a road, if the address names one dwelling."""

from functools import partial

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.common.model.links import Decision, EdgeReason
from jobs.match.dwellings import KIND, places
from jobs.match.matcher import Known, Matcher
from jobs.match.pairs import assign_by_unique_key, decide_by_reason

KEY = "compound_key"
REASON = "same_compound_address"


def compare(known: Known) -> DataFrame:
    """Each mention beside the dwellings with a road that have its compound's address, or beside the least that has it."""
    placed = places(known).where(F.col(KEY).isNotNull())
    loose = placed.where(F.col("road_key").isNull()).select("number", KEY)
    named = placed.where(F.col("road_key").isNotNull()).select("number", KEY)
    return assign_by_unique_key(loose, named, known.roots(KIND), KEY, REASON)


VERDICTS = {REASON: Decision.ACCEPT, EdgeReason.NAMES_SEVERAL: Decision.REVIEW}
MATCHER = Matcher(
    kind=KIND,
    name="compound_address",
    block_on=("compound_place",),
    compare=compare,
    decide=partial(decide_by_reason, verdicts=VERDICTS),
    reasons=tuple(VERDICTS),
    after=("road_address",),
)
