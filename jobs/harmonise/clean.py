"""Column rules of the semantic types, in three steps: plain text, value (`clean_`), doubt about it (`doubt_`).

A rule never guesses: what it does not understand is null, with a code of conf/reasons.yml beside it. Each step is given
the column of the step before, so that plans stay flat. Digits are spelled [0-9]: engines disagree on what \\d is.
"""

from collections.abc import Callable

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from jobs.common.model import ModelField
from jobs.common.resident_id import check_character, id_birth_date, is_valid_resident_id
from jobs.common.rows import WHITESPACE, strip_text

# Full-width forms and their plain ones: digits, letters and the marks that occur in numbers and dates.
_FULL = "".join(chr(0xFF01 + i) for i in range(94))
_HALF = "".join(chr(0x21 + i) for i in range(94))
_DOTS = "[•．・‧･∙●.·]"
# Ideographs of the planes 0, 2 and 3, and the zero that some names hold.
_IDEOGRAPHS = "[\\x{3400}-\\x{4DBF}\\x{4E00}-\\x{9FFF}\\x{3007}\\x{20000}-\\x{3FFFF}]+"
_NAME = f"^{_IDEOGRAPHS}(·{_IDEOGRAPHS})*$"
_LATIN_NAME = "^[A-Za-z][A-Za-z .'-]*$"
# Years from 1000 on: engines know a year 0000, which Python and pandas cannot hold.
_DATE = "^([1-9][0-9]{3})[-/.年]([0-9]{1,2})[-/.月]([0-9]{1,2})日?([ T].*)?$"
_COMPACT_DATE = "^([1-9][0-9]{3})([0-9]{2})([0-9]{2})$"
_TIME = "[ T]([0-9]{1,2}):([0-9]{1,2})(:([0-9]{1,2}))?(\\.[0-9]+)?$"
_SERIAL = "^[1-9][0-9]{4}$"
_SCIENTIFIC = "^[0-9](\\.[0-9]+)?E\\+?1[0-9]$"


def clean_fields(rows: DataFrame, fields: list[ModelField]) -> DataFrame:
    """Adds `<field>` and `<field>__code` from `<field>__text`, of all fields at once; keeps every row.

    Args:
        rows: with `<field>__text`, and `timezone` in which the source writes its times.
        fields: of any type but code and division, which are looked up instead.
    """
    # Three flat projections instead of three for each field: planning time grows with the depth of a plan.
    plain = {f"{f.name}__plain": _TO_PLAIN[f.type](F.col(f"{f.name}__text")) for f in fields}
    rows = rows.withColumns(plain)
    rows = rows.withColumns({f.name: _TO_VALUE[f.type](F.col(f"{f.name}__plain")) for f in fields})
    doubts = {f"{f.name}__code": _doubt(f, F.col(f"{f.name}__plain"), F.col(f.name)) for f in fields}
    return rows.withColumns(doubts).drop(*plain)


def _doubt(field: ModelField, plain: Column, value: Column) -> Column:
    if field.type == "resident_id":
        return doubt_resident_id(plain, value)
    nothing = F.lit(None).cast("string")
    if field.type not in _UNREADABLE:
        return nothing
    return F.when(plain.isNotNull() & value.isNull(), F.lit(_UNREADABLE[field.type])).otherwise(nothing)


def half_width(text: Column) -> Column:
    """Text with full-width letters, digits and marks made plain, without white space at its ends; null if empty."""
    return strip_text(F.translate(text, _FULL, _HALF))


def without_spaces(text: Column) -> Column:
    return F.regexp_replace(text, WHITESPACE, "")


def clean_person_name(plain: Column) -> Column:
    """Name with one kind of dot between its parts and no spaces between Chinese characters."""
    latin = F.regexp_replace(plain, f"{WHITESPACE}+", " ")
    chinese = F.regexp_replace(without_spaces(plain), _DOTS, "·")
    return F.when(chinese.rlike(_NAME), chinese).when(latin.rlike(_LATIN_NAME), latin)


def id_text(text: Column) -> Column:
    """Id number in capitals without spaces, hyphens and the apostrophe that keeps a spreadsheet from rounding it."""
    return F.upper(F.regexp_replace(without_spaces(half_width(text)), "^['‘’`]|[-]", ""))


def clean_resident_id(plain: Column) -> Column:
    """A valid 18-character number, or null. Source: GB 11643-1999.

    A 15-digit number is brought to 18: those were given to people born in the 1900s only.
    """
    first17 = F.concat(F.substring(plain, 1, 6), F.lit("19"), F.substring(plain, 7, 9))
    upgraded = F.when(id_birth_date(first17).isNotNull(), F.concat(first17, check_character(first17)))
    return F.when(plain.rlike("^[1-9][0-9]{14}$"), upgraded).when(is_valid_resident_id(plain), plain)


def doubt_resident_id(plain: Column, value: Column) -> Column:
    """Why a number is not valid, or that it was upgraded; null where it is as it should be."""
    short = F.length(plain) == 15
    century = F.concat(F.substring(plain, 1, 6), F.lit("19"), F.substring(plain, 7, 9))
    birth_date = F.when(short, id_birth_date(century)).otherwise(id_birth_date(plain))
    return (
        F.when(plain.isNull(), F.lit(None).cast("string"))
        .when(plain.rlike(_SCIENTIFIC), F.lit("id_scientific"))
        .when(plain.rlike("[^0-9X]") | plain.rlike("X."), F.lit("id_characters"))
        .when(~F.length(plain).isin(15, 18), F.lit("id_length"))
        .when(birth_date.isNull(), F.lit("id_birth_date"))
        .when(value.isNull(), F.lit("id_checksum"))
        .when(short, F.lit("id_15_upgraded"))
    )


def clean_date(plain: Column) -> Column:
    """A day written with separators, as eight digits, with a time behind it, or as a spreadsheet's serial number."""
    written = F.concat_ws("-", *_date_parts(plain, _DATE)).try_cast("date")
    compact = F.concat_ws("-", *_date_parts(plain, _COMPACT_DATE)).try_cast("date")
    # Day 0 of the 1900 date system that spreadsheets use, counted with its leap year 1900 that was none.
    serial = F.date_add(F.to_date(F.lit("1899-12-30")), plain.try_cast("int"))
    return (
        F.when(plain.rlike(_DATE), written).when(plain.rlike(_COMPACT_DATE), compact).when(plain.rlike(_SERIAL), serial)
    )


def clean_datetime(plain: Column) -> Column:
    """Local time of the column `timezone` as UTC; a day without a time is its midnight."""
    day = clean_date(plain)
    hour, minute, second = (
        F.lpad(F.regexp_extract(plain, _TIME, group), 2, "0")
        for group in (1, 2, 4)  # lpad makes 00 of nothing
    )
    clock = F.concat_ws(":", hour, minute, second)
    well_formed = plain.rlike(_TIME) | ~plain.rlike("[ T]")
    local = F.concat_ws(" ", day.cast("string"), clock).try_cast("timestamp")
    return F.when(well_formed & day.isNotNull(), F.to_utc_timestamp(local, F.col("timezone")))


def _date_parts(plain: Column, pattern: str) -> list[Column]:
    widths = {1: 4, 2: 2, 3: 2}
    return [F.lpad(F.regexp_extract(plain, pattern, group), width, "0") for group, width in widths.items()]


def clean_phone(plain: Column) -> Column:
    """Digits of a mobile or landline number, without country prefix and separators."""
    digits = F.regexp_replace(without_spaces(plain), "[-()_.]|^(\\+|00)86", "")
    digits = F.regexp_replace(digits, "^86(1[3-9][0-9]{9})$", "$1")
    known = digits.rlike("^1[3-9][0-9]{9}$") | digits.rlike("^0[1-9][0-9]{8,10}$") | digits.rlike("^[2-9][0-9]{6,7}$")
    return F.when(known, digits)


def clean_integer(plain: Column) -> Column:
    digits = F.regexp_replace(plain, ",", "")
    return F.when(digits.rlike("^[+-]?[0-9]{1,18}$"), digits.try_cast("bigint"))


def code_key(text: Column) -> Column:
    """How a value is looked up in a code list: plain width, no white space, capitals."""
    return F.upper(without_spaces(half_width(text)))


_TO_PLAIN: dict[str, Callable[[Column], Column]] = {
    "person_name": half_width,
    "resident_id": id_text,
    "date": half_width,
    "datetime": half_width,
    "phone": half_width,
    "integer": half_width,
    "text": strip_text,
    "address": half_width,
}
_TO_VALUE: dict[str, Callable[[Column], Column]] = {
    "person_name": clean_person_name,
    "resident_id": clean_resident_id,
    "date": clean_date,
    "datetime": clean_datetime,
    "phone": clean_phone,
    "integer": clean_integer,
    "text": lambda plain: plain,
    "address": without_spaces,
}
_UNREADABLE = {
    "person_name": "name_unreadable",
    "date": "date_unreadable",
    "datetime": "datetime_unreadable",
    "phone": "phone_unreadable",
    "integer": "integer_unreadable",
}
