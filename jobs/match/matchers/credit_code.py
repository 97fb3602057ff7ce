"""Organisations by credit code: one code is one organisation, and two codes are two, whatever their names."""

from functools import partial

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.common.model.links import Decision
from jobs.match.matcher import Known, Matcher
from jobs.match.pairs import decide_by_reason, with_reason

KEY = "code_key"
REASON = "same_credit_code"


def compare(known: Known) -> DataFrame:
    """Each mention with a credit code beside the least mention of the code."""
    coded = known.mentions().where(F.col(KEY).isNotNull()).select("number", KEY)
    least = coded.groupBy(KEY).agg(F.min("number").alias("other"))
    return with_reason(coded.join(least, KEY), REASON)


VERDICTS = {REASON: Decision.ACCEPT}
MATCHER = Matcher(
    kind="organisation",
    name="credit_code",
    block_on=(KEY,),
    compare=compare,
    decide=partial(decide_by_reason, verdicts=VERDICTS),
    reasons=tuple(VERDICTS),
)
