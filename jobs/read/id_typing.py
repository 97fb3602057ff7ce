"""Id numbers that were typed wrong: which valid ones are one digit, or two swapped ones, away.

Source: GB 11643-1999: of 18 characters with the weights 2^(18-i) modulo 11 the sum is 1 modulo 11. One wrong digit breaks it, so
that of two valid numbers none is the other with one digit wrong.
"""

import re
import unicodedata
from collections.abc import Iterator
from itertools import combinations

_SHAPE = re.compile("[1-9][0-9]{16}[0-9X]")
_NO_PART = re.compile(r"^['‘’`]|[\s\-\u200b\ufeff]")
_WEIGHTS = tuple(pow(2, 17 - place, 11) for place in range(18))
_DIGITS = "0123456789X"


def read_typed(raw: str) -> str | None:
    """The 18 characters of a number as somebody typed it; None for what has not as many."""
    plain = _NO_PART.sub("", unicodedata.normalize("NFKC", raw).strip()).upper()
    return plain if _SHAPE.fullmatch(plain) else None


def near_numbers(typed: str) -> set[str]:
    """Numbers with a right check character that differ from 18 characters in one place, or in two that are swapped."""
    values = [_DIGITS.index(character) for character in typed]
    excess = (sum(value * weight for value, weight in zip(values, _WEIGHTS, strict=True)) - 1) % 11
    found = {*_with_one_changed(typed, values, excess), *_with_two_swapped(typed, values, excess)}
    return {number for number in found if _SHAPE.fullmatch(number)} - {typed}


def _with_one_changed(typed: str, values: list[int], excess: int) -> Iterator[str]:
    """In each place there is one digit that gives the right sum, if any does."""
    for place, weight in enumerate(_WEIGHTS):
        digit = (values[place] - excess * pow(weight, -1, 11)) % 11
        yield typed[:place] + _DIGITS[digit] + typed[place + 1 :]


def _with_two_swapped(typed: str, values: list[int], excess: int) -> Iterator[str]:
    for one, other in combinations(range(18), 2):
        gained = (values[other] - values[one]) * (_WEIGHTS[one] - _WEIGHTS[other])
        if (excess + gained) % 11 == 0:
            yield typed[:one] + typed[other] + typed[one + 1 : other] + typed[one] + typed[other + 1 :]
