"""Days, also those that a program elsewhere has written as a time with an offset."""

from functools import partial

from pyspark.sql import Column
from pyspark.sql import functions as F

from jobs.common.model.plain_text import whole_number
from jobs.common.model.types.days import date_text, doubt_day, read_day, real_day
from jobs.common.model.types.semantic_type import SemanticType, Step, doubt, value

_ISO = "^[1-9][0-9]{3}(-[0-9]{2}){2}[ T][0-9]{2}(:[0-9]{2}){2}([.][0-9]{1,6})?(Z|[+-](0[0-9]|1[0-4]):[0-5][0-9])$"


def local_day(plain: Column) -> Column:
    """A time of ISO 8601 with an offset is that of another place: its day is the one of `timezone`."""
    local = F.from_utc_timestamp(plain.try_cast("timestamp"), F.col("timezone")).cast("date").cast("string")
    return F.when(plain.rlike(_ISO), F.coalesce(local, plain)).otherwise(plain)


TYPE = SemanticType(
    name="date",
    sql="date",
    plain=(date_text, whole_number, local_day),
    clean=(Step("day", read_day), value(real_day, "day")),
    doubt=doubt(partial(doubt_day, "date_unreadable"), "day"),
    doubts=("date_unreadable", "date_endless"),
)
