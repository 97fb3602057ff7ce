"""Column rules that amounts share: money and plain numbers, both DECIMAL(18,2), read exactly.

The decimal point is moved in the text: engines agree on digits, not on the division or rounding of numbers. A number with
more than two decimals is not rounded but null, with a code. The noise of binary floats (`28.830000000000002`) is no decimals.
Texts come as `code_key` writes them: plain width, capitals, no white space. Each step is given columns of the steps before:
the number that is written, the power of ten by its unit, the number without noise.
"""

from pyspark.sql import Column
from pyspark.sql import functions as F

from jobs.common.model.types.semantic_type import Step, value

NUMBER = "[+-]?([0-9]{1,3}(,[0-9]{3})+|[0-9]+)(\\.[0-9]*)?"
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


def is_too_large(number: Column, power: Column) -> Column:
    before, behind = _parts(number)
    digits = F.regexp_replace(F.concat(before, F.substr(behind, F.lit(1), power)), "^-?0*", "")
    return F.length(digits) > 16


def settle() -> tuple[Step, ...]:
    """Steps from the parts `number` and `power` to the value."""
    return (
        Step("digits", settled_digits, ("number", "power")),
        Step("settled", without_noise, ("number", "power", "digits")),
        value(move_point, "settled", "power"),
    )
