"""Households by their number in the register of one system: each mention belongs to its entry."""

from functools import partial

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.common.model.links import Decision
from jobs.match.households import BY_NUMBER, KIND, entries
from jobs.match.matcher import Known, Matcher
from jobs.match.pairs import decide_by_reason, with_reason


def compare(known: Known) -> DataFrame:
    """Each mention beside its register entry."""
    return with_reason(entries(known).withColumn("other", F.col("entry")), BY_NUMBER)


VERDICTS = {BY_NUMBER: Decision.ACCEPT}
MATCHER = Matcher(
    kind=KIND,
    name="household_register",
    block_on=("register_key",),
    compare=compare,
    decide=partial(decide_by_reason, verdicts=VERDICTS),
    reasons=tuple(VERDICTS),
)
