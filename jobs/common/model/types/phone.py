"""Telephone numbers: mobile, landline, and those that begin with 400 or 800.

One number is read, the first of several. A digit is never gained: what stands behind a separator is part of the number
only if it has three digits or more; otherwise it is an extension or a remark.
"""

from pyspark.sql import Column
from pyspark.sql import functions as F

from jobs.common.model.plain_text import WHITESPACE, half_width, whole_number
from jobs.common.model.types.semantic_type import SemanticType, Step, doubt, value

# --- a text that is one number -----------------------------------------------------------------------------------------

_PREFIX = "^[(]?([+]|00)86"
_SEPARATORS = f"{_PREFIX}|{WHITESPACE[:-1]}().—–_-]"
_MOBILE_DIGITS = "1[3-9][0-9]{9}"
_LANDLINE_DIGITS = "0[1-9][0-9]{8,10}"
_SERVICE_DIGITS = "[48]00[0-9]{7}"
_LOCAL_DIGITS = "[2-9][0-9]{6,7}"
_KNOWN = f"^({_MOBILE_DIGITS}|{_LANDLINE_DIGITS}|{_SERVICE_DIGITS}|{_LOCAL_DIGITS})$"
# An area code and a number as they are written behind +86, without the zero before them.
_ABROAD = "^(10|2[0-9]|[3-9][0-9]{2})[2-9][0-9]{6,7}$"
# One or two digits behind a separator; behind a blank a mobile number may have them.
_SHORT_END = "[^0-9][0-9]{1,2}[^0-9]*$"
_SHORT_MOBILE_END = "[^0-9 ] *[0-9]{1,2}[^0-9]*$"

# --- a text with a number in it ----------------------------------------------------------------------------------------

_MOBILE = "(?:(?:[+]|00)?86[ -]?)?1[3-9][0-9][ -]?[0-9]{4}[ -]?[0-9]{4}"
_LANDLINE = "[(]?0[1-9][0-9]{1,2}[)]?[ —–-]*[2-9][0-9]{2,3}[ -]?[0-9]{4}"
_SERVICE = "[48]00[ -]?[0-9]{3}[ -]?[0-9]{4}|[48]00[ -]?[0-9]{4}[ -]?[0-9]{3}"
_WHOLE = f"{_MOBILE}|{_LANDLINE}|{_SERVICE}"
# Without an area code a number is one only at the beginning: elsewhere such digits can be a day or a number of something.
_FIRST = f"(?:^|[^0-9])({_WHOLE})(?:[^0-9]|$)|^({_LOCAL_DIGITS})(?:[^0-9]|$)"
_ANOTHER = f"(?:^|[^0-9])(?:{_WHOLE}|{_LOCAL_DIGITS})(?:[^0-9]|$)"
_ANYTHING = "[0-9A-Za-z\\x{3400}-\\x{4DBF}\\x{4E00}-\\x{9FFF}]"


def clean_phone(whole: Column, first: Column) -> Column:
    """Digits of the text's only or first number, without country prefix and separators; null if there is none."""
    return F.coalesce(whole, _bare_digits(first))


def doubt_phone(plain: Column, whole: Column, first: Column, value: Column) -> Column:
    """Why no number was read, or what else stands in the text; null if nothing does."""
    rest = F.replace(plain, first, F.lit("|"))
    return (
        F.when(plain.isNull() | (plain == value), F.lit(None).cast("string"))
        .when(value.isNull(), F.lit("phone_unreadable"))
        .when(whole.isNotNull(), F.lit(None).cast("string"))
        .when(rest.rlike(_ANOTHER), F.lit("phone_several"))
        .when(rest.rlike(_ANYTHING), F.lit("phone_remark"))
    )


def only_number(plain: Column) -> Column:
    """The number of a text that is one, in digits; null for any other text."""
    digits = F.regexp_replace(plain, _SEPARATORS, "")
    digits = F.regexp_replace(digits, f"^86({_MOBILE_DIGITS}|{_LANDLINE_DIGITS})$", "$1")
    abroad = F.when(plain.rlike(_PREFIX) & digits.rlike(_ABROAD), F.concat(F.lit("0"), digits))
    short = F.when(digits.rlike(f"^{_MOBILE_DIGITS}$"), plain.rlike(_SHORT_MOBILE_END)).otherwise(
        plain.rlike(_SHORT_END)
    )
    return (
        F.when(plain.rlike(f"^{_MOBILE_DIGITS}$"), plain)  # nearly all are
        .when(digits == plain, F.when(digits.rlike(_KNOWN), digits))
        .when(short, F.lit(None).cast("string"))
        .when(digits.rlike(_KNOWN), digits)
        .otherwise(abroad)
    )


def first_number(plain: Column, whole: Column) -> Column:
    """The first number as it is written, of a text that is not one as a `whole`."""
    written = F.concat(F.regexp_extract(plain, _FIRST, 1), F.regexp_extract(plain, _FIRST, 2))
    return F.when(whole.isNull(), written)


def _bare_digits(written: Column) -> Column:
    digits = F.regexp_replace(written, "[^0-9]", "")
    return F.nullif(F.regexp_replace(digits, f"^(00)?86({_MOBILE_DIGITS})$", "$2"), F.lit(""))


TYPE = SemanticType(
    name="phone",
    sql="string",
    plain=(half_width, whole_number),
    clean=(
        Step("whole", only_number),
        Step("first", first_number, ("plain", "whole")),
        value(clean_phone, "whole", "first"),
    ),
    doubt=doubt(doubt_phone, "whole", "first"),
    doubts=("phone_unreadable", "phone_several", "phone_remark"),
)
