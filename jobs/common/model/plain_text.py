"""Column rules that several semantic types share: blanks, full-width forms, and whole numbers that passed through floats.

Classes of characters are spelled out: engines disagree on what \\s and \\d are.
"""

from pyspark.sql import Column
from pyspark.sql import functions as F

# $ matches before any line end on one engine, so no line end may be left at the end. Space, tab, line ends, no-break space,
# ideographic space, byte order mark.
WHITESPACE = "[ \\t\\r\\n\\x0B\\x0C\\x{85}\\x{2028}\\x{2029}\\x{A0}\\x{3000}\\x{FEFF}\\x{200B}]"
# Full-width digits, letters and marks, and their plain ones.
WIDE = "".join(chr(0xFF01 + i) for i in range(94))
PLAIN = "".join(chr(0x21 + i) for i in range(94))
# A number that a spreadsheet shows with an exponent: its last digits are lost.
SCIENTIFIC = "^[0-9](\\.[0-9]+)?E\\+?1[0-9]$"
# Line ends other than \n become spaces: . matches them on one engine and not on the other.
_TO_SPACE = "\u3000\r\x85\u2028\u2029"
# A whole number out of a column of floats. More than 15 digits, or digits that a display has rounded away, are not its own.
_FLOAT = "^([+-]?(?:[0-9]{1,15}|[0-9]{1,3}(?:,[0-9]{3}){1,4}))[.]0+$"
_EXPONENT = "^([1-9])[.]([0-9]{1,14})[Ee][+]?0?([0-9]{1,2})$"


def strip_text(text: Column) -> Column:
    """Text without white space at its ends; null if nothing is left."""
    return F.nullif(F.regexp_replace(text, f"^{WHITESPACE}+|{WHITESPACE}+$", ""), F.lit(""))


def half_width(text: Column) -> Column:
    """Text with full-width letters, digits and marks made plain, without white space at its ends; null if empty."""
    return strip_text(F.translate(text, WIDE + _TO_SPACE, PLAIN + " " * len(_TO_SPACE)))


def without_spaces(text: Column) -> Column:
    return F.regexp_replace(text, WHITESPACE, "")


def code_key(text: Column) -> Column:
    """How a value is looked up in a code list: plain width, no white space, capitals."""
    return F.upper(without_spaces(half_width(text)))


def id_text(text: Column) -> Column:
    """Number of an identity in capitals, without spaces, hyphens and the apostrophe that protects it in a spreadsheet."""
    return F.upper(F.regexp_replace(without_spaces(half_width(text)), "^['‘’`]|[-]", ""))


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
