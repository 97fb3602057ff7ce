"""A document against a JSON schema: each fault with its line and its remedy, in the words of a steward.

Reads: a `Document` and a schema. Writes: nothing. Refuses: what the schema does not accept.
"""

from collections.abc import Iterator, Mapping
from itertools import chain
from typing import TYPE_CHECKING, Any, cast

import jsonschema_rs

from jobs.common.base.document import Document, Finding, Place
from jobs.common.base.suggestions import cut_short, suggest

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError

_MISSING = "is missing"  # told after an unknown key of the same line, which is mostly the missing one misspelt
_LIMITS = {"minimum": ("small", "more"), "maximum": ("large", "less")}
_EMPTY = ("It is empty.", "Fill it in.")
_OTHERS = {
    "minLength": _EMPTY,
    "minItems": _EMPTY,
    "minProperties": _EMPTY,
    "uniqueItems": ("The list names something twice.", "Name each once."),
}
_COMPARE = "Compare it with the file of the repository."
_TYPE_NAMES = {
    "string": "text",
    "array": "a list",
    "object": "a block of keys",
    "boolean": "true or false",
    "integer": "a whole number",
    "number": "a number",
    "null": "nothing",
}


def check_schema(document: Document, schema: dict[str, Any]) -> list[Finding]:
    """All faults of a document, in its order; the validator that can tell them is loaded only if there are any."""
    try:
        if jsonschema_rs.Draft201909Validator(schema).is_valid(document.content):
            return []
    except (ValueError, OverflowError):  # a number that it does not know, such as one of 300 digits
        pass
    from jsonschema import Draft201909Validator

    errors = Draft201909Validator(schema).iter_errors(document.content)
    findings = chain.from_iterable(describe_fault(document, error) for error in errors)
    return sorted(dict.fromkeys(findings), key=_order)


def _order(finding: Finding) -> tuple[int, bool, str]:
    """By line; of one line what is missing comes last."""
    return finding.line or 0, _MISSING in finding.message, finding.key


def describe_fault(document: Document, error: "ValidationError") -> Iterator[Finding]:
    """A fault as the validator tells it; one finding for each key that is missing or unknown."""
    place: Place = tuple(error.absolute_path)
    wanted: Any = error.validator_value
    rule = str(error.validator)
    told = shown(document, place, error.instance)
    if rule == "required":
        yield from _missing_keys(document, error)
    elif rule == "additionalProperties":
        yield from _unknown_keys(document, error)
    elif rule == "type":
        types = [wanted] if isinstance(wanted, str) else list(wanted)
        yield _wrong_type(document, place, types, error.instance)
    elif rule in ("enum", "const"):
        options = wanted if rule == "enum" else [wanted]
        message = f"`{told}` is none of the values that are known here."
        yield document.finding(place, message, suggest(told, map(str, options)))
    elif rule in _LIMITS:
        size, direction = _LIMITS[rule]
        yield document.finding(place, f"`{told}` is too {size}.", f"Write {wanted} or {direction}.")
    elif rule == "pattern":
        yield document.finding(place, f"`{told}` has the wrong shape.", f"It must fit the pattern {wanted}.")
    else:
        yield document.finding(place, *_OTHERS.get(rule, (f"The schema refuses this ({rule}).", _COMPARE)))


def _missing_keys(document: Document, error: "ValidationError") -> Iterator[Finding]:
    place, value = tuple(error.absolute_path), cast("Mapping[str, Any]", error.instance)
    for key in cast("list[str]", error.validator_value):
        if key not in value:
            yield document.finding((*place, key), f"The key `{key}` {_MISSING}.", f"Add `{key}:` here.")


def _unknown_keys(document: Document, error: "ValidationError") -> Iterator[Finding]:
    place, value = tuple(error.absolute_path), cast("Mapping[str, Any]", error.instance)
    known = dict(error.schema).get("properties", {}) if isinstance(error.schema, Mapping) else {}
    for key in value:
        if key not in known:
            message = f"The key `{cut_short(key)}` is not known here."
            yield document.finding((*place, key), message, suggest(key, known))


def shown(document: Document, place: Place, value: object) -> str:
    """A value as a message repeats it: as it is written, and cut short."""
    written = document.written(place)
    if written is not None:
        return written
    return cut_short(value) if isinstance(value, str) else "this"


def _wrong_type(document: Document, place: Place, types: list[str], value: object) -> Finding:
    names = " or ".join(_TYPE_NAMES.get(name, name) for name in types)
    remedy = f"Write {names}."
    # YAML reads `no` as false, `010` as 8 and `null` as nothing; people meant what they wrote.
    is_word = isinstance(value, int | float) or (value is None and document.written(place))
    if "string" in types and is_word:
        remedy = f'Put it in quotes: "{shown(document, place, value)}".'
    return document.finding(place, f"The value must be {names}.", remedy)
