"""Dwellings by road, number and what is inside: the same address in one county is the same dwelling."""

from functools import partial

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.common.model.links import Decision
from jobs.match.dwellings import KIND, places
from jobs.match.matcher import Known, Matcher
from jobs.match.pairs import decide_by_reason, with_reason

REASON = "same_address"


def compare(known: Known) -> DataFrame:
    """Each mention with a road's address beside the least mention of that address."""
    placed = places(known).where(F.col("road_key").isNotNull()).select("number", "road_key")
    least = placed.groupBy("road_key").agg(F.min("number").alias("other"))
    return with_reason(placed.join(least, "road_key"), REASON)


VERDICTS = {REASON: Decision.ACCEPT}
MATCHER = Matcher(
    kind=KIND,
    name="road_address",
    block_on=("road_place",),
    compare=compare,
    decide=partial(decide_by_reason, verdicts=VERDICTS),
    reasons=tuple(VERDICTS),
)
