"""A document against a JSON schema: each fault with its line and its remedy, in the words of a steward.

Reads: a `Document` and a schema. Writes: nothing. Refuses: what the schema does not accept.
"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import jsonschema_rs

from jobs.common.base.document import Document, Finding, Place
from jobs.common.base.suggestions import cut_short, suggest

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError

_MISSING = "is missing"  # told after an unknown key of the same line, which is mostly the missing one misspelt
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

    errors = list(Draft201909Validator(schema).iter_errors(document.content))
    findings = [finding for error in errors for finding in describe_fault(document, error)]
    return sorted(
        dict.fromkeys(findings), key=lambda finding: (finding.line or 0, _MISSING in finding.message, finding.key)
    )


def describe_fault(document: Document, error: "ValidationError") -> Iterator[Finding]:
    """A fault as the validator tells it; one finding for each key that is missing or unknown."""
    place: Place = tuple(error.absolute_path)
    wanted: Any = error.validator_value
    value: Any = error.instance
    rule = str(error.validator)
    if rule == "required":
        for key in [key for key in wanted if key not in value]:
            yield document.finding((*place, key), f"The key `{key}` {_MISSING}.", f"Add `{key}:` here.")
    elif rule == "additionalProperties":
        known = dict(error.schema).get("properties", {}) if isinstance(error.schema, Mapping) else {}
        for key in [key for key in value if key not in known]:
            message = f"The key `{cut_short(key)}` is not known here."
            yield document.finding((*place, key), message, suggest(key, known))
    elif rule == "type":
        yield _wrong_type(document, place, [wanted] if isinstance(wanted, str) else list(wanted), value)
    elif rule in ("enum", "const"):
        options = wanted if rule == "enum" else [wanted]
        message = f"`{shown(document, place, value)}` is none of the values that are known here."
        yield document.finding(place, message, suggest(shown(document, place, value), map(str, options)))
    elif rule == "pattern":
        message = f"`{shown(document, place, value)}` has the wrong shape."
        yield document.finding(place, message, f"It must fit the pattern {wanted}.")
    elif rule in ("minimum", "maximum"):
        message = f"`{shown(document, place, value)}` is too {'small' if rule == 'minimum' else 'large'}."
        yield document.finding(place, message, f"Write {wanted} or {'more' if rule == 'minimum' else 'less'}.")
    elif rule in ("minLength", "minItems", "minProperties"):
        yield document.finding(place, "It is empty.", "Fill it in.")
    elif rule == "uniqueItems":
        yield document.finding(place, "The list names something twice.", "Name each once.")
    else:
        yield document.finding(
            place, f"The schema refuses this ({rule}).", "Compare it with the file of the repository."
        )


def shown(document: Document, place: Place, value: object) -> str:
    """A value as a message repeats it: as it is written, and cut short."""
    written = document.written(place)
    return written if written is not None else cut_short(str(value)) if isinstance(value, str) else "this"


def _wrong_type(document: Document, place: Place, types: list[str], value: object) -> Finding:
    names = " or ".join(_TYPE_NAMES.get(name, name) for name in types)
    remedy = f"Write {names}."
    if "string" in types and isinstance(value, int | float):
        remedy = f'Put it in quotes: "{shown(document, place, value)}".'
    return document.finding(place, f"The value must be {names}.", remedy)
