"""Residents without an id number of their own, by name, birth date and phone together, if these name one resident."""

from functools import partial

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.common.model.links import Decision, EdgeReason
from jobs.match.matcher import Known, Matcher
from jobs.match.pairs import assign_by_unique_key, decide_by_reason
from jobs.match.residents import KIND, with_own_id, without_own_id

KEY = "name_birth_phone_key"
REASON = "same_name_birth_date_phone"


def compare(known: Known) -> DataFrame:
    """Each mention beside the residents with an own id number who have its key, or beside the least that has it."""
    loose = without_own_id(known).where(F.col(KEY).isNotNull()).select("number", KEY)
    named = with_own_id(known).select("number", KEY)
    return assign_by_unique_key(loose, named, known.roots(KIND), KEY, REASON)


VERDICTS = {REASON: Decision.ACCEPT, EdgeReason.NAMES_SEVERAL: Decision.REVIEW}
MATCHER = Matcher(
    kind=KIND,
    name="name_birth_phone",
    block_on=(KEY,),
    compare=compare,
    decide=partial(decide_by_reason, verdicts=VERDICTS),
    reasons=tuple(VERDICTS),
    after=("exact_id",),
)
