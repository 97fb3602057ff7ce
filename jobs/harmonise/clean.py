"""Column rules of the semantic types: what a text means (`clean_`), and why it could not be understood (`doubt_`).

A rule never guesses: what it does not understand is null, with a code of conf/reasons.yml beside it. Digits are spelled
[0-9], because engines disagree on what \\d is.
"""

from pyspark.sql import Column
from pyspark.sql import functions as F

from jobs.common.resident_id import check_character, id_birth_date, is_valid_resident_id
from jobs.common.rows import WHITESPACE, strip_text

# Full-width forms and their plain ones: digits, letters and the marks that occur in numbers and dates.
_FULL = "".join(chr(0xFF01 + i) for i in range(94))
_HALF = "".join(chr(0x21 + i) for i in range(94))
_DOTS = "[•．・‧･∙●.·]"
_NAME = "^[\\x{3400}-\\x{4DBF}\\x{4E00}-\\x{9FFF}\\x{3007}\\x{20000}-\\x{3FFFF}]+(·[\\x{3400}-\\x{4DBF}\\x{4E00}-\\x{9FFF}\\x{3007}\\x{20000}-\\x{3FFFF}]+)*$"
_LATIN_NAME = "^[A-Za-z][A-Za-z .'-]*$"
_DATE = "^([0-9]{4})[-/.年]([0-9]{1,2})[-/.月]([0-9]{1,2})日?([ T].*)?$"
_COMPACT_DATE = "^([0-9]{4})([0-9]{2})([0-9]{2})$"
_TIME = "[ T]([0-9]{1,2}):([0-9]{1,2})(:([0-9]{1,2}))?(\\.[0-9]+)?$"
_SERIAL = "^[1-9][0-9]{4}$"
_SCIENTIFIC = "^[0-9](\\.[0-9]+)?E\\+?1[0-9]$"


def half_width(text: Column) -> Column:
    """Text with full-width letters, digits and marks made plain, without white space at its ends; null if empty."""
    return strip_text(F.translate(text, _FULL, _HALF))


def without_spaces(text: Column) -> Column:
    return F.regexp_replace(text, WHITESPACE, "")


# --- person_name -----------------------------------------------------------------------------------------------------


def clean_person_name(text: Column) -> Column:
    """Name with one kind of dot between its parts and no spaces between Chinese characters."""
    plain = strip_text(text)
    latin = F.regexp_replace(half_width(text), f"{WHITESPACE}+", " ")
    chinese = F.regexp_replace(without_spaces(plain), _DOTS, "·")
    return F.when(chinese.rlike(_NAME), chinese).when(latin.rlike(_LATIN_NAME), latin)


def doubt_person_name(text: Column) -> Column:
    return F.when(strip_text(text).isNotNull() & clean_person_name(text).isNull(), F.lit("name_unreadable"))


# --- resident_id -----------------------------------------------------------------------------------------------------


def _plain_id(text: Column) -> Column:
    # Spreadsheet users put an apostrophe before a number to keep its digits.
    return F.upper(F.regexp_replace(without_spaces(half_width(text)), "^['‘’`]|[-]", ""))


def upgraded_id(plain: Column) -> Column:
    """An 18-character number of a 15-digit one: those were given to people born in the 1900s only."""
    first17 = F.concat(F.substring(plain, 1, 6), F.lit("19"), F.substring(plain, 7, 9))
    return F.when(plain.rlike("^[1-9][0-9]{14}$"), F.concat(first17, check_character(first17)))


def clean_resident_id(text: Column) -> Column:
    """A valid 18-character number, or null. Source: GB 11643-1999."""
    plain = _plain_id(text)
    whole = F.coalesce(upgraded_id(plain), plain)
    return F.when(is_valid_resident_id(whole), whole)


def doubt_resident_id(text: Column) -> Column:
    plain = _plain_id(text)
    whole = F.coalesce(upgraded_id(plain), plain)
    return (
        F.when(half_width(text).isNull(), F.lit(None).cast("string"))
        .when(plain.rlike(_SCIENTIFIC), F.lit("id_scientific"))
        .when(plain.rlike("[^0-9X]") | plain.rlike("X."), F.lit("id_characters"))
        .when(~F.length(whole).isin(18), F.lit("id_length"))
        .when(id_birth_date(whole).isNull(), F.lit("id_birth_date"))
        .when(~is_valid_resident_id(whole), F.lit("id_checksum"))
        .when(F.length(plain) == 15, F.lit("id_15_upgraded"))
    )


# --- dates and times -------------------------------------------------------------------------------------------------


def clean_date(text: Column) -> Column:
    """A day written with separators, as eight digits, with a time behind it, or as a spreadsheet's serial number."""
    plain = half_width(text)
    written = F.concat_ws("-", *_date_parts(plain, _DATE)).try_cast("date")
    compact = F.concat_ws("-", *_date_parts(plain, _COMPACT_DATE)).try_cast("date")
    # Day 0 of the 1900 date system that spreadsheets use, counted with its leap year 1900 that was none.
    serial = F.date_add(F.to_date(F.lit("1899-12-30")), plain.try_cast("int"))
    return (
        F.when(plain.rlike(_DATE), written)
        .when(plain.rlike(_COMPACT_DATE), compact)
        .when(plain.rlike(_SERIAL), serial)
    )


def doubt_date(text: Column) -> Column:
    return F.when(half_width(text).isNotNull() & clean_date(text).isNull(), F.lit("date_unreadable"))


def clean_datetime(text: Column, timezone: str) -> Column:
    """Local time of `timezone` as UTC; a day without a time is its midnight."""
    plain = half_width(text)
    day = clean_date(plain)
    hour, minute, second = (
        F.lpad(F.when(part == "", F.lit("0")).otherwise(part), 2, "0")
        for part in (F.regexp_extract(plain, _TIME, group) for group in (1, 2, 4))
    )
    clock = F.concat_ws(":", hour, minute, second)
    well_formed = plain.rlike(_TIME) | ~plain.rlike("[ T]")
    local = F.concat_ws(" ", day.cast("string"), clock).try_cast("timestamp")
    return F.when(well_formed & day.isNotNull(), F.to_utc_timestamp(local, timezone))


def doubt_datetime(text: Column, timezone: str) -> Column:
    unreadable = half_width(text).isNotNull() & clean_datetime(text, timezone).isNull()
    return F.when(unreadable, F.lit("datetime_unreadable"))


def _date_parts(plain: Column, pattern: str) -> list[Column]:
    widths = {1: 4, 2: 2, 3: 2}
    return [F.lpad(F.regexp_extract(plain, pattern, group), width, "0") for group, width in widths.items()]


# --- other types -----------------------------------------------------------------------------------------------------


def clean_phone(text: Column) -> Column:
    """Digits of a mobile or landline number, without country prefix and separators."""
    digits = F.regexp_replace(without_spaces(half_width(text)), "[-()_.]|^(\\+|00)86", "")
    digits = F.regexp_replace(digits, "^86(1[3-9][0-9]{9})$", "$1")
    known = digits.rlike("^1[3-9][0-9]{9}$") | digits.rlike("^0[1-9][0-9]{8,10}$") | digits.rlike("^[2-9][0-9]{6,7}$")
    return F.when(known, digits)


def doubt_phone(text: Column) -> Column:
    return F.when(half_width(text).isNotNull() & clean_phone(text).isNull(), F.lit("phone_unreadable"))


def clean_integer(text: Column) -> Column:
    digits = F.regexp_replace(half_width(text), ",", "")
    return F.when(digits.rlike("^[+-]?[0-9]{1,18}$"), digits.try_cast("bigint"))


def doubt_integer(text: Column) -> Column:
    return F.when(half_width(text).isNotNull() & clean_integer(text).isNull(), F.lit("integer_unreadable"))


def clean_text(text: Column) -> Column:
    """Text as written, without white space at its ends."""
    return strip_text(text)


def clean_address(text: Column) -> Column:
    """Address as text: plain digits and letters, no white space."""
    return without_spaces(half_width(text))


def code_key(text: Column) -> Column:
    """How a value is looked up in a code list: plain width, no white space, capitals."""
    return F.upper(without_spaces(half_width(text)))
