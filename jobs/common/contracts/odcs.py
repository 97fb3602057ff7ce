"""A contract as a document, checked against the JSON schema of the standard (ODCS v3).

Reads: one YAML file and the JSON schema that the package `open_data_contract_standard` ships. Writes: nothing.
Refuses: what `document` refuses, whatever the standard's schema does not accept. Our own rules are in `contract_rules`.
"""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import jsonschema_rs

from jobs.common.base.document import Document, Finding, Place, read_document
from jobs.common.base.document_schema import describe_fault, shown
from jobs.common.base.suggestions import nearest_word, suggest
from jobs.common.model.types import PARAMETERS

if TYPE_CHECKING:
    from jsonschema import Draft201909Validator
    from jsonschema.exceptions import ValidationError

# Words that belong under customProperties: who writes them one level too high is told so, not only "unknown key".
CONTRACT_WORDS = ("expected",)
SERVER_WORDS = (
    "path",
    "format",
    "encoding",
    "delimiter",
    "sheet",
    "header_rows",
    "skip_rows",
    "mode",
    "as_of",
    "timezone",
    "ready",
    "max_loss",
    "max_loss_from",
    "ignore",
    "group_into",
    "location",
)
COLUMN_WORDS = ("feeds", *PARAMETERS, "position", "optional", "null_words", "keep_words")
_SEE_STANDARD = "See the ODCS documentation of this key."
# Servers whose files lie in the inbox; the standard knows databases and clouds too.
SERVER_TYPES = ("custom", "local")


def read_contract(path: Path) -> tuple[Document | None, list[Finding]]:
    """Read a contract file; the document is None when it could not be read at all, with the reason as a finding."""
    document, findings = read_document(path)
    if document is not None and not isinstance(document.content, dict):
        remedy = "Write an ODCS document; conf/sources has examples."
        return None, [Finding(document.file, "", "The file holds no contract.", remedy)]
    return document, findings


@cache
def _standard_schema() -> dict[str, Any]:
    text = (resources.files("open_data_contract_standard") / "schema.json").read_text("utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema


@cache
def _validator() -> "Draft201909Validator":
    from jsonschema import Draft201909Validator  # loaded where a contract has a fault

    return Draft201909Validator(_standard_schema())


@cache
def _fast_validator() -> jsonschema_rs.Draft201909Validator:
    return jsonschema_rs.Draft201909Validator(_standard_schema())


def is_sound(content: dict[str, Any]) -> bool:
    """Whether nothing is wrong with a document; False also where this validator, which takes no time, cannot tell."""
    try:
        return _fast_validator().is_valid(content)
    except ValueError:
        return False


def check_standard(document: Document) -> list[Finding]:
    """Check a document against the standard's JSON schema, one finding for each fault, in the words of a steward."""
    if is_sound(document.content):
        return []
    errors = sorted(_validator().iter_errors(document.content), key=lambda error: [str(p) for p in error.absolute_path])
    findings = [finding for error in errors for finding in _schema_findings(document, error)]
    return list(dict.fromkeys(findings))


def _schema_findings(document: Document, error: "ValidationError") -> Iterator[Finding]:
    rule = str(error.validator)
    if rule in ("unevaluatedProperties", "additionalProperties"):
        yield from _unknown_keys(document, error)
    elif rule == "required":
        yield from _missing_keys(document, error)
    elif rule in ("enum", "const"):
        yield _unknown_word(document, error)
    elif rule in ("type", "pattern"):
        yield from describe_fault(document, error)
    elif rule in ("oneOf", "anyOf"):
        message = "The value has none of the shapes the standard allows here."
        yield document.finding(tuple(error.absolute_path), message, _SEE_STANDARD)
    else:
        message = f"The standard's schema refuses this ({rule} {error.validator_value})."
        yield document.finding(tuple(error.absolute_path), message, _SEE_STANDARD)


def _is_server(place: Place) -> bool:
    return len(place) == 2 and place[0] == "servers"


def _unknown_keys(document: Document, error: "ValidationError") -> Iterator[Finding]:
    place, value = tuple(error.absolute_path), cast("Mapping[str, Any]", error.instance)
    if _is_server(place) and value.get("type") not in SERVER_TYPES:
        return  # which keys it may have depends on the type, which has a finding of its own
    known = _known_keys(cast("Mapping[str, Any]", error.schema), value)
    # The validator calls every key unknown once one of them is faulty: only keys the schema never names count.
    for key in value:
        if key not in known:
            yield _unknown_key(document, place, key, known)


def _missing_keys(document: Document, error: "ValidationError") -> Iterator[Finding]:
    place, value = tuple(error.absolute_path), cast("Mapping[str, Any]", error.instance)
    is_local = _is_server(place) and value.get("type") == "local"
    instead = ", or write `type: custom`" if is_local else ""
    for key in cast("list[str]", error.validator_value):
        # The schema asks for `map` wherever logicalType is not said; all columns are read as text anyway.
        is_needless = key == "map" and "logicalType" not in value
        if key not in value and not is_needless:
            yield document.finding((*place, key), f"The key `{key}` is missing.", f"Add `{key}:` here{instead}.")


def _unknown_word(document: Document, error: "ValidationError") -> Finding:
    place: Place = tuple(error.absolute_path)
    wanted: Any = error.validator_value
    options = wanted if error.validator == "enum" else [wanted]
    if place[:1] == ("servers",) and place[-1] == "type":
        options = SERVER_TYPES
    told = shown(document, place, error.instance)
    return document.finding(
        place, f"`{told}` is not a value the standard knows here.", suggest(told, map(str, options))
    )


def _unknown_key(document: Document, place: Place, key: str, known: set[str]) -> Finding:
    here = (*place, key)
    # Our words are not words of the standard; the level is right when it is one of those that carry them.
    levels: dict[str, tuple[str, ...]] = {"servers": SERVER_WORDS, "properties": COLUMN_WORDS}
    words = CONTRACT_WORDS if not place else levels.get(str(place[-2]) if len(place) > 1 else "", ())
    custom = nearest_word(key, words)
    if custom and (custom == key.lower() or not nearest_word(key, known)):
        remedy = f"Write it under customProperties: `- {{property: {custom}, value: ...}}`."
        return document.finding(here, f"The standard has no key `{key}` here.", remedy)
    return document.finding(here, f"The key `{key}` is not known here.", suggest(key, known))


def _known_keys(schema: Mapping[str, Any], instance: Any) -> set[str]:
    """Collect the keys a schema names, through references and those conditions that this instance fulfils."""
    known = set(schema.get("properties", {}))
    if "$ref" in schema:
        known |= _known_keys(_resolve(schema["$ref"]), instance)
    for part in schema.get("allOf", []):
        known |= _known_keys(part, instance)
    if "if" in schema and "then" in schema and _validator().evolve(schema=schema["if"]).is_valid(instance):
        known |= _known_keys(schema["then"], instance)
    return known


def _resolve(reference: str) -> Mapping[str, Any]:
    found: Any = _standard_schema()
    for part in reference.removeprefix("#/").split("/"):
        found = found[part]
    resolved: Mapping[str, Any] = found
    return resolved
