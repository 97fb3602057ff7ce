"""Column rules of amounts: money in yuan and plain numbers, both DECIMAL(18,2), read exactly.

The decimal point is moved in the text: engines agree on digits, not on the division or rounding of numbers. What has
more than two decimals is not rounded but null, with a code; the noise of binary floats (`28.830000000000002`) is no decimals.
Texts come as `clean.code_key` writes them: plain width, capitals, no white space. Then each step is given columns of the
steps before: the number that is written, the power of ten by its unit, the number without noise.
"""

from pyspark.sql import Column
from pyspark.sql import functions as F

_NUMBER = "[+-]?([0-9]{1,3}(,[0-9]{3})+|[0-9]+)(\\.[0-9]*)?"
_POWERS = {"百": 2, "千": 3, "万": 4, "亿": 8}  # powers of ten; 百万 and 千万 are their sums
_CURRENCY = "(RMB|CNY|人民币)"
_MONEY = f"^{_CURRENCY}?:?[￥¥]?{_NUMBER}(百|千|万|百万|千万|亿)?([元圆]整?)?{_CURRENCY}?[元圆]?$"
# Other currencies by their words, codes and signs; 币 and the like are left to stand for nothing by themselves.
_FOREIGN = (
    "美元|美金|港元|港币|港纸|澳门元|澳门币|新台币|台币|欧元|日元|日圆|英镑|韩元|韩圆|卢布|法郎|马克|泰铢|加元|加币|澳元|澳币|新加坡元|新元|"
    "USD|HKD|MOP|TWD|EUR|JPY|GBP|KRW|RUB|CHF|THB|CAD|AUD|SGD|[$€£₩₽]"
)
_SQUARE_METRES = "(㎡|平方米|平方公尺|平米|M2|M²)"
_AREA = f"^{_NUMBER}{_SQUARE_METRES}?$"
# `1E-05`, `2.883E1`, as programs write floats. Behind a plus sign digits may be missing, as a display has rounded them.
_EXPONENT = "^([+-]?)([0-9])(?:[.]([0-9]+))?E(-?)([+]?)0?([0-9]|[12][0-9])$"
_EXPONENTS = "0" * 30
# A float holds 15 digits of a number, whatever is written of it.
_HELD = 15
# So many zeros or nines in a row are no accident.
_RUN = 3
# As many zeros behind the last digit as the largest power of ten moves the point, and two decimals more.
_ZEROS = "0" * 10


def plain_number(plain: Column) -> Column:
    """A float with an exponent as digits with a point, any other text as it is; also one that lacks digits (`1.5E+7`)."""
    sign, first, behind, minus, plus, exponent = (
        F.regexp_replace(plain, _EXPONENT, f"${group}") for group in range(1, 7)
    )
    power = exponent.try_cast("int")
    digits = F.concat(first, behind)
    moved = F.concat(digits, F.lit(_EXPONENTS))
    large = F.concat(sign, F.substr(moved, F.lit(1), power + 1), F.lit("."), F.substr(moved, power + 2))
    small = F.concat(sign, F.lit("0."), F.substr(F.lit(_EXPONENTS), F.lit(1), F.greatest(power - 1, F.lit(0))), digits)
    is_rounded = (plus != "") & (F.length(behind) < power)
    number = F.when((minus != "") & (power > 0), small).when(~is_rounded, large).otherwise(plain)
    return F.when(~plain.contains("E"), plain).when(plain.rlike(_EXPONENT), number).otherwise(plain)


def money_number(plain: Column) -> Column:
    """The number of an amount: `3,500.00`, `￥985`, `100万元`, `1.2亿元`, `500.000000万人民币`; null if it is none."""
    return F.when(plain.rlike(_MONEY), F.regexp_replace(plain, "[^0-9.-]", ""))


def doubt_money(plain: Column, number: Column, power: Column, value: Column) -> Column:
    """Why an amount is null though something is written; null where it is not."""
    return (
        F.when(plain.isNull() | value.isNotNull(), F.lit(None).cast("string"))
        .when(plain.rlike(_FOREIGN), F.lit("money_currency"))
        .when(number.isNull(), F.lit("money_unreadable"))
        .when(_is_too_large(number, power), F.lit("money_range"))
        .otherwise(F.lit("money_places"))
    )


def decimal_number(plain: Column) -> Column:
    """A number with or without square metres behind it; null if it is none."""
    return F.when(plain.rlike(_AREA), F.regexp_replace(plain, f"[,+]|{_SQUARE_METRES}$", ""))


def doubt_decimal(plain: Column, number: Column, power: Column, value: Column) -> Column:
    """Why a number is null though something is written; null where it is not."""
    return (
        F.when(plain.isNull() | value.isNotNull(), F.lit(None).cast("string"))
        .when(number.isNull(), F.lit("decimal_unreadable"))
        .when(_is_too_large(number, power), F.lit("decimal_range"))
        .otherwise(F.lit("decimal_places"))
    )


def money_power(plain: Column, unit: Column) -> Column:
    """Power of ten by the unit beside the number, else by the column's own: 元 or 万元."""
    default = F.when((unit == "万元") & ~plain.rlike("[元圆]"), F.lit(4)).otherwise(F.lit(0))
    zeros = F.regexp_replace(plain, "[^百千万亿]", "")
    for word, power in _POWERS.items():
        zeros = F.replace(zeros, F.lit(word), F.lit("0" * power))
    return F.coalesce(F.nullif(F.length(zeros), F.lit(0)), default)


def _parts(number: Column) -> tuple[Column, Column]:
    """Digits before the point, with their sign, and behind it, with zeros after the last."""
    point = F.when(number.contains("."), F.lit("")).otherwise(F.lit("."))
    pointed = F.concat(number, point, F.lit(_ZEROS))
    return F.substring_index(pointed, ".", 1), F.substring_index(pointed, ".", -1)


def move_point(number: Column, power: Column) -> Column:
    """The number times the power of ten; null with more than two decimals then, or with more digits than the type holds."""
    before, behind = _parts(number)
    exact = F.substr(behind, power + 3).rlike("^0*$")
    moved = F.concat(before, F.substr(behind, F.lit(1), power), F.lit("."), F.substr(behind, power + 1, F.lit(2)))
    return F.when(exact, moved).try_cast("decimal(18,2)")


def without_noise(number: Column, power: Column, digits: Column) -> Column:
    """The number with the two decimals after `power` that `settled_digits` has found; unchanged where it has none."""
    point = F.length(digits) - power - 2
    sign = F.when(number.startswith("-"), F.lit("-")).otherwise(F.lit(""))
    settled = F.concat(sign, F.substr(digits, F.lit(1), point), F.lit("."), F.substr(digits, point + 1))
    return F.when(digits.isNull(), number).otherwise(settled)


def settled_digits(number: Column, power: Column) -> Column:
    """The digits of a number with noise, up to the second decimal after `power`; null if there is none to be seen.

    That is so if it is a number with two decimals then in the 15 digits that a float holds: behind those decimals are zeros
    only, or nines only, which carry; at least `_RUN` of them.
    """
    unsigned = F.regexp_replace(number, "^-?0*", "")
    whole, behind = F.substring_index(unsigned, ".", 1), F.substring_index(unsigned, ".", -1)
    places = power + 2
    spare = F.lit(_HELD) - F.length(whole) - places  # decimals that a float holds behind them; the next one rounds
    rest = F.substr(behind, places + 1, F.greatest(spare + 1, F.lit(0)))
    scaled = F.concat(whole, F.substr(behind, F.lit(1), places)).try_cast("bigint")
    carry = F.when(rest.rlike("^9*[5-9]$"), 1).when(rest.rlike("^0*[0-4]$"), 0)
    digits = F.concat(F.lit(_ZEROS), F.lit("0"), (scaled + carry).cast("string"))
    is_long = (F.length(number) > _HELD + 1) & number.contains(".")
    return F.when(is_long & (spare >= _RUN) & (F.length(rest) == spare + 1), digits)


def _is_too_large(number: Column, power: Column) -> Column:
    before, behind = _parts(number)
    digits = F.regexp_replace(F.concat(before, F.substr(behind, F.lit(1), power)), "^-?0*", "")
    return F.length(digits) > 16
