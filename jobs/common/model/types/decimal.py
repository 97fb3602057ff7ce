"""Numbers with at most two decimals, with or without square metres behind them."""

from pyspark.sql import Column
from pyspark.sql import functions as F

from jobs.common.model.plain_text import code_key
from jobs.common.model.types.amounts import NUMBER, is_too_large, plain_number, settle
from jobs.common.model.types.semantic_type import SemanticType, Step, doubt

_SQUARE_METRES = "(㎡|平方米|平方公尺|平米|M2|M²)"
_AREA = f"^{NUMBER}{_SQUARE_METRES}?$"


def decimal_number(plain: Column) -> Column:
    """A number with or without square metres behind it; null if it is none."""
    return F.when(plain.rlike(_AREA), F.regexp_replace(plain, f"[,+]|{_SQUARE_METRES}$", ""))


def doubt_decimal(plain: Column, number: Column, power: Column, value: Column) -> Column:
    """Why a number is null though something is written; null where it is not."""
    return (
        F.when(plain.isNull() | value.isNotNull(), F.lit(None).cast("string"))
        .when(number.isNull(), F.lit("decimal_unreadable"))
        .when(is_too_large(number, power), F.lit("decimal_range"))
        .otherwise(F.lit("decimal_places"))
    )


TYPE = SemanticType(
    name="decimal",
    sql="decimal(18,2)",
    plain=(code_key, plain_number),
    clean=(Step("number", decimal_number), Step("power", lambda: F.lit(0), ()), *settle()),
    doubt=doubt(doubt_decimal, "number", "power"),
    doubts=("decimal_unreadable", "decimal_range", "decimal_places"),
)
