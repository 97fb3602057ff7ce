"""Whole numbers to calculate with."""

from pyspark.sql import Column
from pyspark.sql import functions as F

from jobs.common.model.plain_text import half_width, whole_number
from jobs.common.model.types.semantic_type import SemanticType, unreadable, value


def clean_integer(plain: Column) -> Column:
    digits = F.regexp_replace(plain, ",", "")
    return F.when(digits.rlike("^[+-]?[0-9]{1,18}$"), digits.try_cast("bigint"))


TYPE = SemanticType(
    name="integer",
    sql="bigint",
    plain=(half_width, whole_number),
    clean=(value(clean_integer),),
    doubt=unreadable("integer_unreadable"),
    doubts=("integer_unreadable",),
)
