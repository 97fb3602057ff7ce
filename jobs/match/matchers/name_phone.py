"""Residents without an id number of their own and without a birth date, by name and phone, if these name one resident."""

from functools import partial

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.common.model.links import Decision, EdgeReason
from jobs.match.matcher import Known, Matcher
from jobs.match.pairs import assign_by_unique_key, decide_by_reason
from jobs.match.residents import KIND, with_own_id, without_own_id

KEY = "name_phone_key"
REASON = "same_name_and_phone"


def compare(known: Known) -> DataFrame:
    """Each mention beside the residents who have its key and an own id number or a birth date, or beside the least one."""
    rest = without_own_id(known).where(F.col(KEY).isNotNull()).select("number", KEY, "birth_key")
    loose = rest.where(F.col("birth_key").isNull()).select("number", KEY)
    dated = rest.where(F.col("birth_key").isNotNull()).select("number", KEY)
    named = with_own_id(known).select("number", KEY).unionByName(dated)
    return assign_by_unique_key(loose, named, known.roots(KIND), KEY, REASON)


VERDICTS = {REASON: Decision.ACCEPT, EdgeReason.NAMES_SEVERAL: Decision.REVIEW}
MATCHER = Matcher(
    kind=KIND,
    name="name_phone",
    block_on=(KEY,),
    compare=compare,
    decide=partial(decide_by_reason, verdicts=VERDICTS),
    reasons=tuple(VERDICTS),
    after=("name_birth_phone",),
)
