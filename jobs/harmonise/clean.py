"""Column rules of the semantic types, in three steps: plain text, value (`clean_`), doubt about it (`doubt_`).

A rule never guesses: what it does not understand is null, with a code of conf/reasons.yml beside it. Each step is given
columns of the steps before; what a rule asks for several times is a step of its own, so that plans stay small. Digits
are spelled [0-9]: engines disagree on what \\d is.
"""

from collections.abc import Callable
from functools import partial
from itertools import zip_longest

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from jobs.common.intake.keyed_rows import WHITESPACE, strip_text, without_error
from jobs.common.model import credit_code
from jobs.common.model.codes import NO, YES
from jobs.common.model.records import ModelField
from jobs.common.model.resident_id import check_character, id_birth_date
from jobs.harmonise import amounts, phones

# Full-width forms and their plain ones: digits, letters, the marks that occur in numbers and dates, the space. Line ends
# other than \n are spaces: . matches them on one engine and not on the other.
_FULL = "".join(chr(0xFF01 + i) for i in range(94)) + "\u3000\r\x85\u2028\u2029"
_HALF = "".join(chr(0x21 + i) for i in range(94)) + " " * 5
_DOTS = "[•．・‧･∙●.·]"
# Ideographs of the planes 0, 2 and 3, and the zero that some names hold.
_IDEOGRAPHS = "[\\x{3400}-\\x{4DBF}\\x{4E00}-\\x{9FFF}\\x{3007}\\x{20000}-\\x{3FFFF}]+"
_NAME = f"^{_IDEOGRAPHS}(·{_IDEOGRAPHS})*$"
_LATIN_NAME = "^[A-Za-z][A-Za-z .'-]*$"
# Years from 1000 on: engines know a year 0000, which Python and pandas cannot hold.
_DATE = (
    "^([1-9][0-9]{3})(?:[-/.年]([0-9]{1,2})[-/.月]([0-9]{1,2})(?:[日号]?|[日号]?[ T].*|[日号][上下0-9].*)"
    "|([0-9]{2})([0-9]{2})(?:[ T].*|[0-9]{4}|[0-9]{6})?)$"
)
_ZONE = "(Z|[+-](0[0-9]|1[0-4]):?[0-5][0-9])"
_TIME = f"[ T日号](上午|下午)? ?([01]?[0-9]|2[0-3]):([0-5]?[0-9])(:([0-5]?[0-9])([.][0-9]+)?)? ?{_ZONE}?$"
_ISO = "^[1-9][0-9]{3}(-[0-9]{2}){2}[ T][0-9]{2}(:[0-9]{2}){2}([.][0-9]{1,6})?(Z|[+-](0[0-9]|1[0-4]):[0-5][0-9])$"
_SERIAL = "^[1-9][0-9]{4}$"
# A whole number out of a column of floats. More than 15 digits, or digits that a display has rounded away, are not its own.
_FLOAT = "^([+-]?(?:[0-9]{1,15}|[0-9]{1,3}(?:,[0-9]{3}){1,4}))[.]0+$"
_EXPONENT = "^([1-9])[.]([0-9]{1,14})[Ee][+]?0?([0-9]{1,2})$"
# The last day that is one: those behind it stand for "no end".
_LAST_DAY = "8999-12-31"
_SCIENTIFIC = "^[0-9](\\.[0-9]+)?E\\+?1[0-9]$"

# A column of one field: its `text` or `unit`, or what an earlier step has made of it.
Part = Callable[[str], Column]
Step = Callable[[Part], dict[str, Column]]
Rule = Callable[..., Column]


def clean_fields(rows: DataFrame, fields: list[ModelField]) -> DataFrame:
    """Adds `<field>` and `<field>__code` from `<field>__text`, of all fields at once; keeps every row.

    Args:
        rows: with `<field>__text`, `<field>__unit` of money (元 or 万元), and `timezone` in which the source writes its
            times.
        fields: of any type but code and division, which are looked up instead.
    """
    # A step of all fields is one flat projection: planning takes the longer the deeper a plan is, and far longer where
    # a step that is asked for several times is not a column.
    made: dict[str, None] = {}
    for steps in zip_longest(*(_STEPS[field.type] for field in fields)):
        columns: dict[str, Column] = {}
        for field, step in zip(fields, steps, strict=True):
            parts = step(partial(_part, field.name)) if step else {}
            columns |= {_column_name(field.name, part): column for part, column in parts.items()}
            made |= dict.fromkeys(_column_name(field.name, part) for part in parts if part not in ("value", "code"))
        rows = rows.withColumns(columns)
    return rows.drop(*made)


def _column_name(field: str, part: str) -> str:
    return field if part == "value" else f"{field}__{part}"


def _part(field: str, part: str) -> Column:
    return F.col(_column_name(field, part))


def half_width(text: Column) -> Column:
    """Text with full-width letters, digits and marks made plain, without white space at its ends; null if empty."""
    return strip_text(F.translate(text, _FULL, _HALF))


def without_spaces(text: Column) -> Column:
    return F.regexp_replace(text, WHITESPACE, "")


def whole_number(text: Column) -> Column:
    """`8300001.0` and `1.3900000001E10` as the digits that they have, any other text as it is."""
    digits = F.regexp_replace(text, _EXPONENT, "$1$2")
    # All digits are there if they are one more than the exponent says.
    is_exact = F.length(digits) == F.regexp_replace(text, _EXPONENT, "$3").try_cast("int") + 1
    return (
        F.when(~text.contains("."), text)
        .when(text.rlike(_EXPONENT), F.when(is_exact, digits).otherwise(text))
        .otherwise(F.regexp_replace(text, _FLOAT, "$1"))
    )


def clean_person_name(plain: Column) -> Column:
    """Name with one kind of dot between its parts and no spaces between Chinese characters."""
    latin = F.regexp_replace(plain, f"{WHITESPACE}+", " ")
    chinese = F.regexp_replace(without_spaces(plain), _DOTS, "·")
    return F.when(chinese.rlike(_NAME), chinese).when(latin.rlike(_LATIN_NAME), latin)


def id_text(text: Column) -> Column:
    """Id number in capitals without spaces, hyphens and the apostrophe that keeps a spreadsheet from rounding it."""
    return F.upper(F.regexp_replace(without_spaces(half_width(text)), "^['‘’`]|[-]", ""))


def first_seventeen(plain: Column) -> Column:
    """The number without its check character; one of 15 digits with its century, else null where the shape is another.

    Numbers of 15 digits were given to people born in the 1900s only.
    """
    century = F.concat(F.substring(plain, 1, 6), F.lit("19"), F.substring(plain, 7, 9))
    return F.when(plain.rlike("^[1-9][0-9]{14}$"), century).when(
        plain.rlike("^[1-9][0-9]{16}[0-9X]$"), F.substring(plain, 1, 17)
    )


def clean_resident_id(plain: Column, first17: Column) -> Column:
    """A valid 18-character number, or null; one of 15 digits is brought to 18. Source: GB 11643-1999."""
    number = F.when(id_birth_date(first17).isNotNull(), F.concat(first17, check_character(first17)))
    return F.when((number == plain) | (F.length(plain) == 15), number)


def doubt_resident_id(plain: Column, value: Column) -> Column:
    """Why a number is not valid, or that it was upgraded; null where it is as it should be."""
    short = F.length(plain) == 15
    century = F.concat(F.substring(plain, 1, 6), F.lit("19"), F.substring(plain, 7, 9))
    birth_date = F.when(short, id_birth_date(century)).otherwise(id_birth_date(plain))
    return (
        F.when(plain.isNull() | (value == plain), F.lit(None).cast("string"))
        .when(plain.rlike(_SCIENTIFIC), F.lit("id_scientific"))
        .when(plain.rlike("[^0-9X]") | plain.rlike("X."), F.lit("id_characters"))
        .when(~F.length(plain).isin(15, 18), F.lit("id_length"))
        .when(birth_date.isNull(), F.lit("id_birth_date"))
        .when(value.isNull(), F.lit("id_checksum"))
        .when(short, F.lit("id_15_upgraded"))
    )


def date_text(text: Column) -> Column:
    """Text of a day or time in plain width, without blanks beside its marks: `2026 年 1 月 1 日`."""
    return F.regexp_replace(half_width(text), " +([-/.年月日号]) *|([-/.年月]) +", "$1$2")


def time_text(plain: Column) -> Column:
    """Text of a time, its clock with colons: `8时5分`, `8点`, and the one of 12 or 14 digits without any mark."""
    plain = F.regexp_replace(F.regexp_replace(plain, "分([0-9]{1,2})秒$", ":$1"), "分$", "")
    plain = F.translate(F.regexp_replace(plain, "[时点]整?$", ":00"), "时点", "::")
    plain = F.regexp_replace(plain, "^([0-9]{8})T?([0-9]{2})([0-9]{2})$", "$1 $2:$3")
    return F.regexp_replace(plain, "^([0-9]{8})T?([0-9]{2})([0-9]{2})([0-9]{2})$", "$1 $2:$3:$4")


def local_day(plain: Column) -> Column:
    """A time of ISO 8601 with an offset is that of another place: its day is the one of `timezone`."""
    local = F.from_utc_timestamp(plain.try_cast("timestamp"), F.col("timezone")).cast("date").cast("string")
    return F.when(plain.rlike(_ISO), F.coalesce(local, plain)).otherwise(plain)


def clean_date(day: Column) -> Column:
    """A day; one that stands for "no end" (`9999-12-31`) is none."""
    return F.when(day <= F.to_date(F.lit(_LAST_DAY)), day)


def doubt_day(code: str, plain: Column, day: Column, value: Column) -> Column:
    """Why a day or time is null though something is written: `date_endless`, or the code."""
    return (
        F.when(plain.isNull() | value.isNotNull(), F.lit(None).cast("string"))
        .when(day > F.to_date(F.lit(_LAST_DAY)), F.lit("date_endless"))
        .otherwise(F.lit(code))
    )


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


def clean_datetime(plain: Column, day: Column) -> Column:
    """Time of the column `timezone`, or of the offset written behind it, as UTC; a day without a time is its midnight."""
    # A time that is not understood is none: the day alone would be a guess.
    day = F.when(plain.rlike(_TIME) | ~plain.rlike("[ T]|[日号]."), clean_date(day)).cast("string")
    hour, minute, second = (F.lpad(F.regexp_extract(plain, _TIME, group), 2, "0") for group in (2, 3, 5))  # or 00
    afternoon = F.lpad((hour.try_cast("int") % 12 + 12).cast("string"), 2, "0")
    hour = F.when(plain.contains("下午"), afternoon).when(plain.contains("上午12"), F.lit("00")).otherwise(hour)
    # An offset goes with the text, and its time is cast to UTC: the embedded engine knows time zones by their names only.
    offset = F.regexp_replace(F.regexp_extract(plain, _TIME, 7), "^(...):?(..)$", "$1:$2")
    written = F.concat(day, F.lit(" "), hour, F.lit(":"), minute, F.lit(":"), second, offset)
    zone = F.when(offset != "", F.lit("UTC")).otherwise(F.col("timezone"))
    return F.to_utc_timestamp(written.try_cast("timestamp"), zone)


def clean_integer(plain: Column) -> Column:
    digits = F.regexp_replace(plain, ",", "")
    return F.when(digits.rlike("^[+-]?[0-9]{1,18}$"), digits.try_cast("bigint"))


def clean_credit_code(plain: Column) -> Column:
    """A code of 18 characters whose check character fits, or null. Source: GB 32100-2015."""
    return F.when(credit_code.is_valid_credit_code(plain), plain)


def doubt_credit_code(plain: Column, value: Column) -> Column:
    """Why a code is not valid, or that the organisation code inside it fails its own check; null where all is well."""
    return (
        F.when(plain.isNull(), F.lit(None).cast("string"))
        .when(value.isNotNull(), F.when(~credit_code.has_organisation_check(plain), F.lit("credit_code_organisation")))
        .when(plain.rlike("^[0-9]{15}$"), F.lit("registration_number"))
        .when(plain.rlike(_SCIENTIFIC), F.lit("credit_code_scientific"))
        .when(plain.rlike("[^0-9A-Z]"), F.lit("credit_code_characters"))
        .when(F.length(plain) != 18, F.lit("credit_code_length"))
        .when(~credit_code.has_credit_code_shape(plain), F.lit("credit_code_characters"))
        .otherwise(F.lit("credit_code_checksum"))
    )


def clean_yes_no(plain: Column) -> Column:
    return F.when(plain.isin(*YES), F.lit(True)).when(plain.isin(*NO), F.lit(False))


def code_key(text: Column) -> Column:
    """How a value is looked up in a code list: plain width, no white space, capitals."""
    return F.upper(without_spaces(half_width(text)))


def _first(rule: Rule) -> Step:
    return lambda of: {"plain": rule(without_error(of("text")))}


def _step(part: str, rule: Rule, *given: str) -> Step:
    """A step that makes a part by a rule; the rule is given the parts named."""
    return lambda of: {part: rule(*map(of, given))}


def _plain(rule: Rule) -> Step:
    return _step("plain", rule, "plain")


def _value(rule: Rule, *given: str) -> Step:
    return _step("value", rule, *given)


def _doubt(rule: Rule, *given: str) -> Step:
    return _step("code", rule, "plain", *given, "value")


def _unreadable(code: str) -> Step:
    return _doubt(lambda plain, value: F.when(plain.isNotNull() & value.isNull(), F.lit(code)))


_NO_DOUBT = _step("code", lambda: F.lit(None).cast("string"))
_WHOLE = _plain(whole_number)
_AMOUNT = (
    _step("digits", amounts.settled_digits, "number", "power"),
    _step("settled", amounts.without_noise, "number", "power", "digits"),
    _value(amounts.move_point, "settled", "power"),
)
_STEPS: dict[str, tuple[Step, ...]] = {
    "person_name": (_first(half_width), _value(clean_person_name, "plain"), _unreadable("name_unreadable")),
    "resident_id": (
        _first(id_text),
        _WHOLE,
        _step("first17", first_seventeen, "plain"),
        _value(clean_resident_id, "plain", "first17"),
        _doubt(doubt_resident_id),
    ),
    "credit_code": (_first(id_text), _WHOLE, _value(clean_credit_code, "plain"), _doubt(doubt_credit_code)),
    "date": (
        _first(date_text),
        _WHOLE,
        _plain(local_day),
        _step("day", read_day, "plain"),
        _value(clean_date, "day"),
        _doubt(partial(doubt_day, "date_unreadable"), "day"),
    ),
    "datetime": (
        _first(date_text),
        _WHOLE,
        _plain(time_text),
        _step("day", read_day, "plain"),
        _value(clean_datetime, "plain", "day"),
        _doubt(partial(doubt_day, "datetime_unreadable"), "day"),
    ),
    "phone": (
        _first(half_width),
        _WHOLE,
        _step("whole", phones.only_number, "plain"),
        _step("first", phones.first_number, "plain", "whole"),
        _value(phones.clean_phone, "whole", "first"),
        _doubt(phones.doubt_phone, "whole", "first"),
    ),
    "integer": (_first(half_width), _WHOLE, _value(clean_integer, "plain"), _unreadable("integer_unreadable")),
    "yes_no": (_first(code_key), _WHOLE, _value(clean_yes_no, "plain"), _unreadable("yes_no_unreadable")),
    "money": (
        _first(code_key),
        _plain(amounts.plain_number),
        lambda of: {
            "number": amounts.money_number(of("plain")),
            "power": amounts.money_power(of("plain"), of("unit")),
        },
        *_AMOUNT,
        _doubt(amounts.doubt_money, "number", "power"),
    ),
    "decimal": (
        _first(code_key),
        _plain(amounts.plain_number),
        lambda of: {"number": amounts.decimal_number(of("plain")), "power": F.lit(0)},
        *_AMOUNT,
        _doubt(amounts.doubt_decimal, "number", "power"),
    ),
    "text": (_first(strip_text), _value(lambda plain: plain, "plain"), _NO_DOUBT),
    "number": (_first(strip_text), _value(whole_number, "plain"), _NO_DOUBT),
    "address": (_first(half_width), _value(without_spaces, "plain"), _NO_DOUBT),
}
