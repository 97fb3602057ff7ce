"""A contract as a document: YAML with line numbers, checked against the JSON schema of the standard (ODCS v3).

Reads: one YAML file and the JSON schema that the package `open_data_contract_standard` ships. Writes: nothing.
Refuses: text that is not UTF-8 or not YAML, a key said twice, whatever the standard's schema does not accept.
Our own rules are in `contract_rules`.
"""

import difflib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import jsonschema_rs
import yaml

if TYPE_CHECKING:
    from jsonschema import Draft201909Validator
    from jsonschema.exceptions import ValidationError

Place = tuple[str | int, ...]

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
)
COLUMN_WORDS = ("feeds", "unit")
# Servers whose files lie in the inbox; the standard knows databases and clouds too.
SERVER_TYPES = ("custom", "local")
_FEW = 20
_DEEPEST = 50  # the fast loader bears some ten thousand; no contract is deeper than a dozen

_TYPE_NAMES = {
    "string": "text",
    "array": "a list",
    "object": "a block of keys",
    "boolean": "true or false",
    "integer": "a whole number",
    "number": "a number",
}


@dataclass(frozen=True)
class Finding:
    """One fault of a contract: where it is, what is wrong, and what to do about it."""

    file: str
    key: str  # path in the document, such as schema[0].properties[3].name
    message: str
    remedy: str
    line: int | None = None

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return (
            f"{place} {self.key}: {self.message} {self.remedy}"
            if self.key
            else (f"{place}: {self.message} {self.remedy}")
        )


@dataclass(frozen=True)
class Document:
    """A contract as written, with the line on which each key or list item starts."""

    file: str
    content: dict[str, Any]
    lines: Mapping[Place, int]

    def finding(self, place: Place, message: str, remedy: str) -> Finding:
        """Make a finding at a place; a key that is absent takes the line of the nearest thing around it."""
        around = place
        while around and around not in self.lines:
            around = around[:-1]
        return Finding(self.file, write_place(place), message, remedy, self.lines.get(around))


def write_place(place: Place) -> str:
    """Write a place the way people do: ("schema", 0, "name") is `schema[0].name`."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place).removeprefix(".")


def nearest_word(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that was probably meant, or None when nothing is near."""
    by_lower = {name.lower(): name for name in sorted(known, reverse=True)}
    # Among hundreds of words one is always somewhat near: CST is not a misspelt UCT.
    cutoff = 0.6 if len(by_lower) <= _FEW else 0.7
    found = difflib.get_close_matches(word.lower(), sorted(by_lower), n=1, cutoff=cutoff)
    return by_lower[found[0]] if found else None


def suggest(word: object, known: Iterable[str]) -> str:
    """Write the remedy for a word that is not known: the nearest right one, and all of them where they are few."""
    words = sorted(known)
    near = nearest_word(str(word), words)
    meant = f"Did you mean `{near}`? " if near else ""
    if len(words) > _FEW:
        return meant.strip() or "No known word is near it; correct or remove it."
    return f"{meant}Known: {', '.join(words) or 'none'}."


# Dates stay text: the standard's schema wants strings, and an impossible date is not a YAML error.
_RESOLVERS = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


class _Loader(yaml.SafeLoader):
    """The one that can tell what is wrong with a text."""

    yaml_implicit_resolvers = _RESOLVERS


class _FastLoader(yaml.CSafeLoader):
    """The one that takes no time, for texts with which nothing is wrong: every process reads all contracts."""

    yaml_implicit_resolvers = _RESOLVERS


def read_document(path: Path) -> tuple[Document | None, list[Finding]]:
    """Read a contract file; the document is None when it could not be read at all, with the reason as a finding."""
    file = path.name
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        return None, [Finding(file, "", "The file is not UTF-8.", "Save it in the encoding UTF-8.")]
    except OSError as error:
        reason = error.strerror or "unknown reason"
        return None, [Finding(file, "", f"The file cannot be read ({reason}).", "Check that it is there and readable.")]
    document = _compose(file, text, _FastLoader)[0] if _is_shallow(text) else None
    return (document, []) if document else _compose(file, text, _Loader)


def _is_shallow(text: str) -> bool:
    """Whether the text is YAML no deeper than a contract can be: the fast loader ends the process where it is far deeper."""
    depth = 0
    try:
        for event in yaml.parse(text, Loader=yaml.CSafeLoader):
            depth += isinstance(event, yaml.CollectionStartEvent)
            depth -= isinstance(event, yaml.CollectionEndEvent)
            if depth > _DEEPEST:
                return False
    except (yaml.YAMLError, ValueError):
        return False
    return True


def _compose(
    file: str, text: str, loader_class: type[_Loader] | type[_FastLoader]
) -> tuple[Document | None, list[Finding]]:
    try:
        loader = loader_class(text)
        node = loader.get_single_node()
        if not isinstance(node, yaml.MappingNode):
            return None, [
                Finding(file, "", "The file holds no contract.", "Write an ODCS document; conf/sources has examples.")
            ]
        lines: dict[Place, int] = {}
        faults = list(_walk(file, node, (), (), lines))
        if faults:
            return None, faults
        return Document(file, loader.construct_document(node), lines), []
    except yaml.MarkedYAMLError as error:
        return None, [_syntax_finding(file, error)]
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())[:120]
        return None, [Finding(file, "", f"The file is not valid YAML ({reason}).", "Mend or remove that text.")]


def _syntax_finding(file: str, error: yaml.MarkedYAMLError) -> Finding:
    mark = error.problem_mark or error.context_mark
    place = f"line {mark.line + 1}, column {mark.column + 1}" if mark else "an unknown place"
    problem = error.problem or "syntax error"
    remedy = "Check indentation, colons and quotes there and on the line before."
    if "escape character" in problem:
        remedy = "Use single quotes, 'like this': a backslash means itself in them."
    elif "'\\t'" in problem:
        remedy = "Indent with spaces, not with tabs."
    elif "cannot start any token" in problem or "alias" in f"{error.context} {problem}":
        remedy = "Put the value in single quotes."
    return Finding(file, "", f"YAML syntax error at {place}: {problem}.", remedy, mark.line + 1 if mark else None)


def _walk(
    file: str, node: yaml.Node, place: Place, above: tuple[int, ...], lines: dict[Place, int]
) -> Iterator[Finding]:
    """Note the line of every key and item, and find what YAML would swallow without a word."""
    line = node.start_mark.line + 1
    lines.setdefault(place, line)
    if id(node) in above:
        yield Finding(file, write_place(place), "An alias contains itself.", "Write the block out in full.", line)
        return
    above = (*above, id(node))
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield from _walk(file, item, (*place, index), above, lines)
    elif isinstance(node, yaml.MappingNode):
        first_lines: dict[str, int] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if key.tag == "tag:yaml.org,2002:merge":
                continue
            name = str(key.value) if isinstance(key, yaml.ScalarNode) else "?"
            here = (*place, name)
            if key.tag != "tag:yaml.org,2002:str":
                yield Finding(file, write_place(here), "The key is not text.", f'Put it in quotes: "{name}".', line)
                continue
            if name in first_lines:
                yield Finding(
                    file,
                    write_place(here),
                    f"The key `{name}` is said twice, first on line {first_lines[name]}.",
                    "Keep one of them.",
                    line,
                )
                continue
            first_lines[name] = line
            lines[here] = line
            yield from _walk(file, value, here, above, lines)


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
    place: Place = tuple(error.absolute_path)
    rule = str(error.validator)
    wanted: Any = error.validator_value
    value: Any = error.instance
    is_server = len(place) == 2 and place[0] == "servers"
    if rule in ("unevaluatedProperties", "additionalProperties"):
        if is_server and value.get("type") not in SERVER_TYPES:
            return  # which keys it may have depends on the type, which has a finding of its own
        known = _known_keys(cast("Mapping[str, Any]", error.schema), value)
        # The validator calls every key unknown once one of them is faulty: only keys the schema never names count.
        for key in [key for key in value if key not in known]:
            yield _unknown_key(document, place, key, known)
    elif rule == "required":
        for key in [key for key in wanted if key not in value]:
            # The schema asks for `map` wherever logicalType is not said; all columns are read as text anyway.
            if key == "map" and "logicalType" not in value:
                continue
            instead = ", or write `type: custom`" if is_server and value.get("type") == "local" else ""
            yield document.finding((*place, key), f"The key `{key}` is missing.", f"Add `{key}:` here{instead}.")
    elif rule == "type":
        types = [wanted] if isinstance(wanted, str) else list(wanted)
        names = " or ".join(_TYPE_NAMES.get(name, name) for name in types)
        text = "string" in types and isinstance(value, int | float)
        remedy = (
            f'Put it in quotes: "{str(value).lower() if isinstance(value, bool) else value}".'
            if text
            else (f"Write {names}.")
        )
        yield document.finding(place, f"The value must be {names}.", remedy)
    elif rule in ("enum", "const"):
        options = wanted if rule == "enum" else [wanted]
        if place[0] == "servers" and place[-1] == "type":
            options = SERVER_TYPES
        yield document.finding(
            place, f"`{value}` is not a value the standard knows here.", suggest(value, map(str, options))
        )
    elif rule == "pattern":
        yield document.finding(place, f"`{value}` has the wrong shape.", f"It must fit the pattern {wanted}.")
    elif rule in ("oneOf", "anyOf"):
        yield document.finding(
            place,
            "The value has none of the shapes the standard allows here.",
            "See the ODCS documentation of this key.",
        )
    else:
        yield document.finding(
            place, f"The standard's schema refuses this ({rule} {wanted}).", "See the ODCS documentation of this key."
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
