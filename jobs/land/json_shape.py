"""JSON that is not one object a line, as portals and APIs give it, by its right name: to export it again does not help.

Reads: the start of a file. Names of keys are told only where they are words of such answers.
"""

import json
import re
from dataclasses import dataclass
from typing import Any

HEAD_BYTES = 64 << 10
_WORDS = {
    "code",
    "content",
    "data",
    "items",
    "list",
    "page",
    "records",
    "response",
    "result",
    "results",
    "rows",
    "value",
}
_DEEPEST = 4
_NESTED = re.compile(r"\{[^{}\[\]]{0,1000}[\[{]")


@dataclass(frozen=True)
class Shape:
    """What the JSON is; `is_certain` tells that no line of it can be a row of its own by intention."""

    name: str
    is_certain: bool


def find_shape(head: bytes, encoding: str) -> Shape | None:
    """The shape of a file that begins so; None where it may be one object a line, or is no JSON.

    Unless it is certain, the file may also be one of lines whose first one is odd.
    """
    text = _whole_lines(head, encoding)
    if not text.startswith(("{", "[")):
        return None
    try:
        value, end = json.JSONDecoder().raw_decode(text)
    except json.JSONDecodeError as error:
        # In lines that are whole, it is cut where the head ends.
        return _name_cut(text, is_cut=error.pos >= len(text.rstrip()) and "\n" in text)
    except RecursionError:
        return None
    return _name_value(value, text, end)


def _whole_lines(head: bytes, encoding: str) -> str:
    """The text of a head, without the line in which a longer file has been cut."""
    text = head.decode(encoding, errors="ignore").lstrip("\ufeff \t\r\n")
    if len(head) >= HEAD_BYTES and "\n" in text:
        return text[: text.rindex("\n")]
    return text


def _name_value(value: Any, text: str, end: int) -> Shape | None:
    """The shape of a text whose first value ends at `end`."""
    goes_over_lines = "\n" in text[:end]
    if isinstance(value, list):
        return Shape("an array of objects", goes_over_lines)
    rest = text[end:].lstrip(" \t")
    if rest.startswith(","):
        return Shape("objects with commas between them", _all_end_with_comma(text))
    place = _find_rows(value)
    if place is not None:
        named = f", in {'.'.join(place)}" if _WORDS.issuperset(place) else ""
        return Shape(f"one object with the rows inside it{named}", goes_over_lines)
    if goes_over_lines:
        return Shape("objects that go over several lines", True)
    return Shape("several objects in one line", False) if rest.startswith("{") else None


def _all_end_with_comma(text: str) -> bool:
    """Whether each line but the last one does, blank ones aside."""
    *lines, _ = map(str.rstrip, text.splitlines())
    return all(line.endswith(",") for line in filter(None, lines))


def _name_cut(text: str, is_cut: bool) -> Shape | None:
    if text.startswith("["):
        return Shape("an array of objects", is_cut) if re.match(r"\[\s*(\{|$)", text) else None
    if _NESTED.match(text):
        return Shape("one object with the rows inside it", is_cut)
    return Shape("objects that go over several lines", True) if is_cut else None


def _find_rows(value: Any, place: tuple[str, ...] = ()) -> tuple[str, ...] | None:
    """Where in an object a list of objects stands."""
    if _are_objects(value):
        return place
    if not isinstance(value, dict) or len(place) >= _DEEPEST:
        return None
    for key, inner in value.items():
        rows = _find_rows(inner, (*place, key))
        if rows is not None:
            return rows
    return None


def _are_objects(value: Any) -> bool:
    """Whether a value is a list of objects that holds some."""
    if not isinstance(value, list) or not value:
        return False
    return all(isinstance(item, dict) for item in value)
