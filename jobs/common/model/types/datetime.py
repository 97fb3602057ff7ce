"""Times: written in the time zone of the source or with an offset, kept as UTC."""

from functools import partial

from pyspark.sql import Column
from pyspark.sql import functions as F

from jobs.common.model.plain_text import whole_number
from jobs.common.model.types.days import date_text, doubt_day, read_day, real_day
from jobs.common.model.types.semantic_type import SemanticType, Step, doubt, value

_ZONE = "(Z|[+-](0[0-9]|1[0-4]):?[0-5][0-9])"
_TIME = f"[ T日号](上午|下午)? ?([01]?[0-9]|2[0-3]):([0-5]?[0-9])(:([0-5]?[0-9])([.][0-9]+)?)? ?{_ZONE}?$"


def time_text(plain: Column) -> Column:
    """Text of a time, its clock with colons: `8时5分`, `8点`, and the one of 12 or 14 digits without any mark."""
    plain = F.regexp_replace(F.regexp_replace(plain, "分([0-9]{1,2})秒$", ":$1"), "分$", "")
    plain = F.translate(F.regexp_replace(plain, "[时点]整?$", ":00"), "时点", "::")
    plain = F.regexp_replace(plain, "^([0-9]{8})T?([0-9]{2})([0-9]{2})$", "$1 $2:$3")
    return F.regexp_replace(plain, "^([0-9]{8})T?([0-9]{2})([0-9]{2})([0-9]{2})$", "$1 $2:$3:$4")


def clean_datetime(plain: Column, day: Column) -> Column:
    """Time of the column `timezone`, or of the offset written behind it, as UTC; a day without a time is its midnight."""
    # A time that is not understood is none: the day alone would be a guess.
    day = F.when(plain.rlike(_TIME) | ~plain.rlike("[ T]|[日号]."), real_day(day)).cast("string")
    hour, minute, second = (F.lpad(F.regexp_extract(plain, _TIME, group), 2, "0") for group in (2, 3, 5))  # or 00
    afternoon = F.lpad((hour.try_cast("int") % 12 + 12).cast("string"), 2, "0")
    hour = F.when(plain.contains("下午"), afternoon).when(plain.contains("上午12"), F.lit("00")).otherwise(hour)
    # An offset goes with the text, and its time is cast to UTC: the embedded engine knows time zones by their names only.
    offset = F.regexp_replace(F.regexp_extract(plain, _TIME, 7), "^(...):?(..)$", "$1:$2")
    written = F.concat(day, F.lit(" "), hour, F.lit(":"), minute, F.lit(":"), second, offset)
    zone = F.when(offset != "", F.lit("UTC")).otherwise(F.col("timezone"))
    return F.to_utc_timestamp(written.try_cast("timestamp"), zone)


TYPE = SemanticType(
    name="datetime",
    sql="timestamp",
    plain=(date_text, whole_number, time_text),
    clean=(Step("day", read_day), value(clean_datetime, "plain", "day")),
    doubt=doubt(partial(doubt_day, "datetime_unreadable"), "day"),
    doubts=("datetime_unreadable", "date_endless"),
)
