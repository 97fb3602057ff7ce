"""Masks: what is shown in place of somebody's value, and which parts of a text may be one.

Whatever shows a value of level 3 or 4 masks it here unless it was asked for by name, and for a reason.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any

MASK = "•••"
PERSONAL = 3  # the least level of a value that is masked

# Digits that belong to nobody: checksums, and days with separators.
_HEX = "|".join(f"[0-9a-f]{{{length}}}" for length in (128, 96, 64, 56, 40, 32))
_CHECKSUM = re.compile(
    rf"(?<![0-9a-z])(?:[0-9a-f]{{8}}(?:-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}}|{_HEX})(?![0-9a-z])", re.I
)
_WRITTEN_DAY = re.compile(r"(?<!\d)20\d\d[-_.年]\d\d?[-_.月]\d\d?(?!\d)")
_MONTH_DAY = "(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])"
_DAY = f"20[0-9]{{2}}{_MONTH_DAY}"
# A day alone, with a count, with another day, or with a time.
_DATES = re.compile(f"{_DAY}(?:[0-9]{{0,4}}|{_DAY}|(?:[01][0-9]|2[0-3])(?:[0-5][0-9]){{2}}(?:[0-9]{{3}}|[0-9]{{6}})?)")
# Digits that may be somebody's: long runs of any form; where separators part them only those of a known form.
_LONG = 7
_PROVINCE = "(?:1[1-5]|2[1-3]|3[1-7]|4[1-6]|5[0-4]|6[1-5]|71|8[1-3]|91)"
_ID_NUMBER = re.compile(
    rf"{_PROVINCE}[0-9]{{4}}(?:(?:18|19|20)[0-9]{{2}}{_MONTH_DAY}[0-9]{{3}}[0-9X]|[0-9]{{2}}{_MONTH_DAY}[0-9]{{3}})"
)
_PHONE = re.compile("(?:86)?1[3-9][0-9]{9}|0[0-9]{9,11}")
_GROUP = re.compile(r"\d+(?:[Xx](?![0-9A-Za-z]))?")
_SEPARATOR = re.compile(r"(?:[^\w/]|_){1,2}")
_PARTS = 8  # groups of one number


def mask_values(row: Mapping[str, Any], levels: Mapping[str, int]) -> dict[str, Any]:
    """A row with its personal values masked; nothing stays nothing. A column without a level is masked."""
    return {name: mask_value(value, levels.get(name, PERSONAL)) for name, value in row.items()}


def mask_value(value: Any, level: int) -> Any:
    """The value of a column of that level, masked if it is personal."""
    return MASK if level >= PERSONAL and value is not None else value


def mask_numbers(text: str) -> str:
    """Text without id numbers and telephone numbers: runs of seven digits and more that are no date or checksum."""
    groups = _groups(text)
    spans = [group.span() for group in groups if _is_long(_digits(group[0]))]
    spans += [(chain[0].start(), chain[-1].end()) for chain in _chains(groups, text) if _is_somebodys(chain)]
    masked, end = [], 0
    for start, stop in sorted(spans):
        if start >= end:
            masked += [text[end:start], MASK]
        end = max(end, stop)
    return "".join([*masked, text[end:]])


def _groups(text: str) -> list[re.Match[str]]:
    """Runs of digits outside of days and checksums."""
    checksums = [found for found in _CHECKSUM.finditer(text) if sum(map(str.isalpha, found[0])) >= 4]
    kept = [found.span() for found in (*_WRITTEN_DAY.finditer(text), *checksums)]
    return [found for found in _GROUP.finditer(text) if not _lies_in(found.start(), kept)]


def _lies_in(place: int, spans: Iterable[tuple[int, int]]) -> bool:
    return any(start <= place < end for start, end in spans)


def _digits(text: str) -> str:
    """Digits of any script as those of ASCII, and the X at the end of an id number."""
    return "".join(str(unicodedata.decimal(character, "X")) for character in text)


def _is_long(digits: str) -> bool:
    return len(digits.rstrip("X")) >= _LONG and not _DATES.fullmatch(digits)


def _chains(groups: list[re.Match[str]], text: str) -> Iterable[list[re.Match[str]]]:
    """Groups of digits that follow each other, all but the last of at least three."""
    for at in range(len(groups)):
        for end in range(at + 1, min(at + _PARTS, len(groups))):
            before, last = groups[end - 1], groups[end]
            if len(before[0]) < 3 or not _SEPARATOR.fullmatch(text, before.end(), last.start()):
                break
            yield groups[at : end + 1]


def _is_somebodys(chain: list[re.Match[str]]) -> bool:
    """Whether groups together have the form of a number, and are not a code, a day and a count beside each other."""
    parts = [_digits(group[0]) for group in chain]
    joined = "".join(parts)
    has_day = any(_DATES.fullmatch(part) for part in parts)
    if _ID_NUMBER.fullmatch(joined):
        return not has_day or _has_check_character(joined)
    return bool(_PHONE.fullmatch(joined)) and not has_day


def _has_check_character(number: str) -> bool:
    """ISO 7064 MOD 11-2, as GB 11643-1999 has it."""
    weighed = sum((10 if digit == "X" else int(digit)) << (17 - place) for place, digit in enumerate(number))
    return len(number) == 18 and weighed % 11 == 1
