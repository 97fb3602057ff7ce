"""The unified social credit code.

Source: GB 32100-2015: 1 character of the registering department, 1 of the category, 6 digits of the division, the 9
characters of the organisation code, 1 check character; digits and letters without I, O, S, V and Z. The check character
follows MOD 31-3 (weight of position i from the left, 1-based, is 3^(i-1) mod 31), the one inside the organisation code
GB 11714-1997 (8 characters with the weights 3, 7, 9, 10, 5, 8, 4, 2 mod 11, then a digit or X).
"""

from pyspark.sql import Column
from pyspark.sql import functions as F

from jobs.common.model.plain_text import SCIENTIFIC, id_text, whole_number
from jobs.common.model.types.semantic_type import SemanticType, doubt, value

_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_ORDINARY = "0123456789ABCDEFGHIJKLMNOPQRSTU"  # the same values, as every number of a base above 30 has them
_ORGANISATION_CHECKS = "0X987654321"  # by the weighted sum modulo 11
_CHARACTER = "[0-9A-HJ-NP-RTUW-Y]"
_SHAPE = f"^{_CHARACTER}{{2}}[0-9]{{6}}{_CHARACTER}{{8}}[0-9X]{_CHARACTER}$"


def has_credit_code_shape(code: Column) -> Column:
    """Whether a text has 18 characters that are allowed where they stand."""
    return code.rlike(_SHAPE)


def check_character(first17: Column) -> Column:
    """Check character for the first 17 characters of a code; null for anything else."""
    digits = F.reverse(F.translate(first17, _ALPHABET, _ORDINARY))
    # 34 is 3 modulo 31: read backwards as a number of base 34, the characters are their weighted sum. 17 of them do not
    # fit a bigint, hence two numbers: the second starts with the weight of the tenth character.
    first = F.conv(F.substring(digits, 9, 9), 34, 10).try_cast("bigint") % 31
    second = F.conv(F.substring(digits, 1, 8), 34, 10).try_cast("bigint") % 31
    place = (31 - (first + second * pow(3, 9, 31)) % 31) % 31 + 1
    # Asked first: the embedded engine takes a place that is null for the first place.
    return F.when(first17.rlike(f"^{_CHARACTER}{{17}}$"), F.substr(F.lit(_ALPHABET), place.cast("int"), F.lit(1)))


def organisation_check(code: Column) -> Column:
    """Check character that the organisation code inside an 18-character code should have; null without its 8 characters."""
    first8 = F.substring(code, 9, 8)
    # 35 is 2 modulo 11, and no allowed letter is worth more than 34: read as a number of base 35 and doubled, the
    # characters are their weighted sum.
    place = F.conv(first8, 35, 10).try_cast("bigint") % 11 * 2 % 11 + 1
    return F.when(
        first8.rlike(f"^{_CHARACTER}{{8}}$"), F.substr(F.lit(_ORGANISATION_CHECKS), place.cast("int"), F.lit(1))
    )


def is_valid_credit_code(code: Column) -> Column:
    """Whether a text has the shape of a code and its check character; never null.

    The organisation code inside is not asked: see `has_organisation_check`.
    """
    checked = F.substring(code, 18, 1) == check_character(F.substring(code, 1, 17))
    return F.coalesce(has_credit_code_shape(code) & checked, F.lit(False))


def has_organisation_check(code: Column) -> Column:
    """Whether the organisation code inside an 18-character code has its own check character."""
    return F.substring(code, 17, 1) == organisation_check(code)


def clean_credit_code(plain: Column) -> Column:
    """A code of 18 characters whose check character fits, or null. Source: GB 32100-2015."""
    return F.when(is_valid_credit_code(plain), plain)


def doubt_credit_code(plain: Column, value: Column) -> Column:
    """Why a code is not valid, or that the organisation code inside it fails its own check; null where all is well."""
    return (
        F.when(plain.isNull(), F.lit(None).cast("string"))
        .when(value.isNotNull(), F.when(~has_organisation_check(plain), F.lit("credit_code_organisation")))
        .when(plain.rlike("^[0-9]{15}$"), F.lit("registration_number"))
        .when(plain.rlike(SCIENTIFIC), F.lit("credit_code_scientific"))
        .when(plain.rlike("[^0-9A-Z]"), F.lit("credit_code_characters"))
        .when(F.length(plain) != 18, F.lit("credit_code_length"))
        .when(~has_credit_code_shape(plain), F.lit("credit_code_characters"))
        .otherwise(F.lit("credit_code_checksum"))
    )


TYPE = SemanticType(
    name="credit_code",
    sql="string",
    plain=(id_text, whole_number),
    clean=(value(clean_credit_code),),
    doubt=doubt(doubt_credit_code),
    doubts=(
        "credit_code_organisation",
        "registration_number",
        "credit_code_scientific",
        "credit_code_characters",
        "credit_code_length",
        "credit_code_checksum",
    ),
    is_valid=is_valid_credit_code,
)
