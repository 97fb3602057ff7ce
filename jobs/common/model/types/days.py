"""Column rules that days and times share: what a source writes, and the day it means."""

from pyspark.sql import Column
from pyspark.sql import functions as F

from jobs.common.model.plain_text import half_width

# Years from 1000 on: engines know a year 0000, which Python and pandas cannot hold.
_DATE = (
    "^([1-9][0-9]{3})(?:[-/.年]([0-9]{1,2})[-/.月]([0-9]{1,2})(?:[日号]?|[日号]?[ T].*|[日号][上下0-9].*)"
    "|([0-9]{2})([0-9]{2})(?:[ T].*|[0-9]{4}|[0-9]{6})?)$"
)
_SERIAL = "^[1-9][0-9]{4}$"
# Later days stand for "no end".
_LAST_DAY = "8999-12-31"


def date_text(text: Column) -> Column:
    """Text of a day or time in plain width, without blanks beside its marks: `2026 年 1 月 1 日`."""
    return F.regexp_replace(half_width(text), " +([-/.年月日号]) *|([-/.年月]) +", "$1$2")


def read_day(plain: Column) -> Column:
    """A day written with separators, as eight digits, with a time behind it, or as a spreadsheet's serial number."""
    # Of either form, with zeros before month and day, of which the last two digits count: one pass over the pattern.
    written = F.when(plain.rlike(_DATE), F.regexp_replace(plain, _DATE, "$1-00$2$4-00$3$5"))
    month = F.substring_index(F.substring_index(written, "-", 2), "-", -1)
    day = F.substring_index(written, "-", -1)
    two = F.lit(2)
    padded = F.concat(F.substring(written, 1, 4), F.lit("-"), F.right(month, two), F.lit("-"), F.right(day, two))
    # Day 0 of the 1900 date system that spreadsheets use, counted with its leap year 1900 that was none.
    serial = F.date_add(F.to_date(F.lit("1899-12-30")), plain.try_cast("int"))
    return F.coalesce(padded.try_cast("date"), F.when(plain.rlike(_SERIAL), serial))


def real_day(day: Column) -> Column:
    """A day; one that stands for "no end" (`9999-12-31`) is none."""
    return F.when(day <= F.to_date(F.lit(_LAST_DAY)), day)


def doubt_day(code: str, plain: Column, day: Column, value: Column) -> Column:
    """Why a day or time is null though something is written: `date_endless`, or the code."""
    return (
        F.when(plain.isNull() | value.isNotNull(), F.lit(None).cast("string"))
        .when(day > F.to_date(F.lit(_LAST_DAY)), F.lit("date_endless"))
        .otherwise(F.lit(code))
    )
