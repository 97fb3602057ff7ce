"""Amounts of money in yuan. A number without a unit beside it counts in the unit that the contract declares."""

from pyspark.sql import Column
from pyspark.sql import functions as F

from jobs.common.model.plain_text import code_key
from jobs.common.model.types.amounts import NUMBER, is_too_large, plain_number, settle
from jobs.common.model.types.semantic_type import Parameter, SemanticType, Step, doubt

UNIT = Parameter("unit", ("元", "万元"), of="amount of money")
_POWERS = {"百": 2, "千": 3, "万": 4, "亿": 8}  # powers of ten; 百万 and 千万 are their sums
_CURRENCY = "(RMB|CNY|人民币)"
_MONEY = f"^{_CURRENCY}?:?[￥¥]?{NUMBER}(百|千|万|百万|千万|亿)?([元圆]整?)?{_CURRENCY}?[元圆]?$"
# Other currencies by their words, codes and signs; 币 and the like are left to stand for nothing by themselves.
_FOREIGN = (
    "美元|美金|港元|港币|港纸|澳门元|澳门币|新台币|台币|欧元|日元|日圆|英镑|韩元|韩圆|卢布|法郎|马克|泰铢|加元|加币|澳元|澳币|新加坡元|新元|"
    "USD|HKD|MOP|TWD|EUR|JPY|GBP|KRW|RUB|CHF|THB|CAD|AUD|SGD|[$€£₩₽]"
)


def money_number(plain: Column) -> Column:
    """The number of an amount: `3,500.00`, `￥985`, `100万元`, `1.2亿元`, `500.000000万人民币`; null if it is none."""
    return F.when(plain.rlike(_MONEY), F.regexp_replace(plain, "[^0-9.-]", ""))


def money_power(plain: Column, unit: Column) -> Column:
    """Power of ten by the unit beside the number, else by the column's own: 元 or 万元."""
    default = F.when((unit == "万元") & ~plain.rlike("[元圆]"), F.lit(4)).otherwise(F.lit(0))
    zeros = F.regexp_replace(plain, "[^百千万亿]", "")
    for word, power in _POWERS.items():
        zeros = F.replace(zeros, F.lit(word), F.lit("0" * power))
    return F.coalesce(F.nullif(F.length(zeros), F.lit(0)), default)


def doubt_money(plain: Column, number: Column, power: Column, value: Column) -> Column:
    """Why an amount is null though something is written; null where it is not."""
    return (
        F.when(plain.isNull() | value.isNotNull(), F.lit(None).cast("string"))
        .when(plain.rlike(_FOREIGN), F.lit("money_currency"))
        .when(number.isNull(), F.lit("money_unreadable"))
        .when(is_too_large(number, power), F.lit("money_range"))
        .otherwise(F.lit("money_places"))
    )


TYPE = SemanticType(
    name="money",
    sql="decimal(18,2)",
    plain=(code_key, plain_number),
    clean=(Step("number", money_number), Step("power", money_power, ("plain", UNIT.name)), *settle()),
    doubt=doubt(doubt_money, "number", "power"),
    doubts=("money_currency", "money_unreadable", "money_range", "money_places"),
    parameters=(UNIT,),
)
