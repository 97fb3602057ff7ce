"""Dwellings whose address is not known, or lies in one of several counties.

A mention without an address is the dwelling that its system has under the same house number, if that is one. A mention
without a county whose address several counties have is for review with each.
"""

from functools import partial

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.common.lake.versions import union_all
from jobs.common.model.links import Decision, EdgeReason
from jobs.match.dwellings import KIND, PLACES, places
from jobs.match.matcher import Known, Matcher
from jobs.match.pairs import assign_by_unique_key, decide_by_reason, with_reason

KEY = "house_key"
REASON = "same_house_number"


def compare(known: Known) -> DataFrame:
    """Pairs by house number and pairs across counties; both may name the same dwelling, as one pair."""
    placed = places(known)
    return compare_houses(known, placed).unionByName(compare_counties(known.mentions(), placed)).distinct()


def compare_houses(known: Known, placed: DataFrame) -> DataFrame:
    """Each mention without an address beside the dwellings of its house number, or beside the least mention that has it.

    Args:
        known: with the dwellings that roads and compounds have settled.
        placed: from `place_mentions`.
    """
    addressed = F.col("road_key").isNotNull() | F.col("compound_key").isNotNull()
    housed = placed.where(F.col(KEY).isNotNull())
    loose = housed.where(~addressed).select("number", KEY)
    named = housed.where(addressed).select("number", KEY)
    return assign_by_unique_key(loose, named, known.roots(KIND), KEY, REASON)


def compare_counties(dwellings: DataFrame, placed: DataFrame) -> DataFrame:
    """Each mention without a county beside the least mention of each county that has its place.

    Args:
        dwellings: current mentions of dwellings.
        placed: from `place_mentions`.
    """
    lone = dwellings.join(placed.where("is_several").select("number"), "number", "left_semi")
    known = dwellings.where(F.col("county_key").isNotNull())
    pairs = []
    for place in (f"{name}_place" for name in PLACES):
        wanted = lone.where(F.col(place).isNotNull()).select("number", place)
        counties = known.join(wanted.select(place).distinct(), place, "left_semi")
        counties = counties.groupBy(place, "county_key").agg(F.min("number").alias("other"))
        pairs.append(with_reason(wanted.join(counties, place), EdgeReason.NAMES_SEVERAL))
    return union_all(pairs)


VERDICTS = {REASON: Decision.ACCEPT, EdgeReason.NAMES_SEVERAL: Decision.REVIEW}
MATCHER = Matcher(
    kind=KIND,
    name="house_number",
    block_on=(KEY, *(f"{name}_place" for name in PLACES)),
    compare=compare,
    decide=partial(decide_by_reason, verdicts=VERDICTS),
    reasons=tuple(VERDICTS),
    after=("compound_address",),
)
