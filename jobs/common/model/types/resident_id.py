"""The resident identity number.

Source: GB 11643-1999: 6 digits of region, 8 of birth date, 3 of order (odd for men), 1 check character by ISO 7064
MOD 11-2 (weight of position i from the left, 1-based, is 2^(18-i) mod 11).
"""

from pyspark.sql import Column
from pyspark.sql import functions as F

from jobs.common.model.plain_text import SCIENTIFIC, id_text, whole_number
from jobs.common.model.types.semantic_type import Implied, SemanticType, Step, doubt, value

_CHECKS = "10X98765432"


def check_character(first17: Column) -> Column:
    """Check character for 17 digits; null for anything else."""
    # 13 is 2 modulo 11: read as a number of base 13 (17 digits of it fit a bigint) and doubled, the digits are their
    # weighted sum. One call costs a seventh of taking 17 digits apart, and keeps the plan small.
    total = F.conv(first17, 13, 10).try_cast("bigint") % 11 * 2 % 11
    # Asked first: the embedded engine takes a place that is null for the first place.
    return F.when(first17.rlike("^[0-9]{17}$"), F.substr(F.lit(_CHECKS), (total + 1).cast("int"), F.lit(1)))


def id_birth_date(id_number: Column) -> Column:
    """Birth date inside an 18-character number; null where it is no day of the calendar, or before the year 1000."""
    parts = [F.substring(id_number, start, length) for start, length in ((7, 4), (11, 2), (13, 2))]
    # Engines know a year 0000, which Python and pandas cannot hold.
    return F.when(F.substring(id_number, 7, 1) != "0", F.concat_ws("-", *parts).try_cast("date"))


def id_sex_code(id_number: Column) -> Column:
    """Sex after GB/T 2261.1 (1 man, 2 woman) from the 17th digit; null where there is none."""
    digit = F.substring(id_number, 17, 1)
    return F.when(digit.isin("1", "3", "5", "7", "9"), F.lit("1")).when(digit.isin("0", "2", "4", "6", "8"), F.lit("2"))


def is_valid_resident_id(id_number: Column) -> Column:
    """Whether an 18-character text is a valid number; never null."""
    shaped = id_number.rlike("^[1-9][0-9]{16}[0-9X]$")
    dated = id_birth_date(id_number).isNotNull()
    checked = F.substring(id_number, 18, 1) == check_character(F.substring(id_number, 1, 17))
    return F.coalesce(F.when(shaped, dated & checked).otherwise(F.lit(False)), F.lit(False))


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
        .when(plain.rlike(SCIENTIFIC), F.lit("id_scientific"))
        .when(plain.rlike("[^0-9X]") | plain.rlike("X."), F.lit("id_characters"))
        .when(~F.length(plain).isin(15, 18), F.lit("id_length"))
        .when(birth_date.isNull(), F.lit("id_birth_date"))
        .when(value.isNull(), F.lit("id_checksum"))
        .when(short, F.lit("id_15_upgraded"))
    )


TYPE = SemanticType(
    name="resident_id",
    sql="string",
    plain=(id_text, whole_number),
    clean=(Step("first17", first_seventeen), value(clean_resident_id, "plain", "first17")),
    doubt=doubt(doubt_resident_id),
    doubts=("id_scientific", "id_characters", "id_length", "id_birth_date", "id_checksum", "id_15_upgraded"),
    is_valid=is_valid_resident_id,
    implies=(
        Implied("birth_date", id_birth_date, "id_birth_date_differs"),
        # Only 1 and 2 speak of a sex; 0 and 9 say that it is not known.
        Implied("sex_code", id_sex_code, "id_sex_differs", known=("1", "2")),
    ),
)
