"""Our own rules for a contract, beyond the standard: names, pairs, keys, levels, feeds (files: `contract_files`).

Reads: a `Document`. Writes: nothing. Refuses: see each check. A check meets values of any type, because it also runs on
documents that the standard's schema has refused: who mends a contract wants to see all its faults at once.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from itertools import compress
from typing import Any, NamedTuple

from jobs.common.base.document import Document, Finding, Place
from jobs.common.base.suggestions import suggest
from jobs.common.contracts.odcs import COLUMN_WORDS, CONTRACT_WORDS
from jobs.common.contracts.servers import check_paths, check_server, server_settings
from jobs.common.contracts.settings import (
    Setting,
    as_written,
    blocks,
    check_words,
    own_settings,
    pick_settings,
    unknown_value,
)
from jobs.common.model.records import Record
from jobs.common.model.types import PARAMETERS, TYPES
from jobs.common.model.types.semantic_type import Parameter

Records = Mapping[str, Record]
# Record, role and field -> the column that feeds it.
Fed = dict[tuple[str, str, str], object]

SUFFIX = ".odcs.yaml"
DEFAULT_ROLE = "person"
# A row's own household, dwelling or organisation has the role of its name, other records that of the person they speak of.
OWN_ROLES = (DEFAULT_ROLE, "household", "dwelling", "organisation")
EXPECTED = ("nightly", "occasional")
LEVELS = ("1", "2", "3", "4")
# Words of a column that stand for nothing, and those that are values though conf/null_words.csv has them.
WORD_LISTS = ("null_words", "keep_words")
# What a cell without a word holds; the last two have no width.
BLANKS = " \t\r\n\x0b\x0c\x85\u2028\u2029\u00a0\u3000\ufeff\u200b"
# Raw tables put these two before the columns of the export.
RESERVED_COLUMNS = ("file_id", "row_number")

_SYSTEM = re.compile(r"[a-z0-9]+(_[a-z0-9]+)*")
_NAME = re.compile(r"[a-z0-9_]+")
_LETTERS = re.compile(r"[A-Z]{1,3}")
_FEED = re.compile(r"([a-z0-9_]+)(?:@([a-z0-9_]+))?\.([a-z0-9_]+)")


def default_role(record: str) -> str:
    """Role of a feed that names none."""
    return record if record in OWN_ROLES else DEFAULT_ROLE


def read_feeds(value: object) -> list[tuple[str, str, str]] | None:
    """Return (record, role, field) for each feed of a column, or None when one of them cannot be read."""
    read = []
    for text in _as_list(value):
        match = _FEED.fullmatch(text) if isinstance(text, str) else None
        if match is None:
            return None
        record, role, field = match.groups()
        read.append((record, role or default_role(record), field))
    return read


def read_words(value: object) -> list[str] | None:
    """Return the words of a list, or of a single one; None if one of them is no text or has nothing but blanks."""
    given = _as_list(value)
    words = [word for word in given if isinstance(word, str) and word.strip(BLANKS)]
    return words if len(words) == len(given) else None


def _as_list(value: object) -> list[Any]:
    """A setting that may be written as a list or as its only item."""
    return value if isinstance(value, list) else [value]


def check_rules(document: Document, records: Records) -> list[Finding]:
    """Check a document against all rules of this module."""
    content = document.content
    findings = [*_check_head(document), *_check_pairs(document)]
    for index, server in blocks(content, "servers"):
        findings += check_server(document, server, ("servers", index))
    findings += [*check_paths(document), *_check_groups(document)]
    for index, schema in blocks(content, "schema"):
        findings += _check_object(document, schema, ("schema", index), records)
    return list(dict.fromkeys(findings))


def _check_head(document: Document) -> Iterator[Finding]:
    content = document.content
    if not document.file.endswith(SUFFIX) or not _SYSTEM.fullmatch(document.file.removesuffix(SUFFIX)):
        yield document.finding(
            (),
            "The file name does not say which system the contract is for.",
            f"Name it <system>{SUFFIX}, the system in a-z, 0-9 and single _ between them, such as civil_affairs{SUFFIX}.",
        )
    if str(content.get("apiVersion", "v3")).startswith("v2"):
        yield document.finding(
            ("apiVersion",), "The contract is written for version 2 of the standard.", "Write it as v3.2.0."
        )
    yield from check_words(document, content, (), CONTRACT_WORDS)
    expected = own_settings(content, ()).get("expected")
    if expected is None:
        yield document.finding(
            ("customProperties",),
            "The contract does not say how often the system delivers.",
            "Add `- {property: expected, value: nightly}` (or occasional) to customProperties.",
        )
    elif expected.value not in EXPECTED:
        yield unknown_value(document, "expected", expected, EXPECTED)


class _Named(NamedTuple):
    """The name of a server or a schema object, and where it is written."""

    name: str
    place: Place


def _check_pairs(document: Document) -> Iterator[Finding]:
    """Each schema object has exactly one server of its name, and each server an object."""
    exports = _names_in(document, "schema", "name")
    servers = _names_in(document, "servers", "server")
    yield from _check_list(document, "schema", "export", exports)
    yield from _check_list(document, "servers", "place where files arrive", servers)
    yield from _check_counterparts(document, exports, servers, "a server", "servers[].server")
    yield from _check_counterparts(document, servers, exports, "a schema object", "schema[].name")


def _names_in(document: Document, key: str, name_key: str) -> list[_Named]:
    return [
        _Named(item[name_key], (key, index, name_key))
        for index, item in blocks(document.content, key)
        if isinstance(item.get(name_key), str)
    ]


def _check_list(document: Document, key: str, meaning: str, names: list[_Named]) -> Iterator[Finding]:
    if not document.content.get(key):
        yield document.finding((key,), f"The contract declares no {meaning}.", f"Add a list `{key}:`.")
    seen: set[str] = set()
    for name, place in names:
        if name in seen:
            yield document.finding(place, f"The name `{name}` is given twice.", "Give each its own name.")
        seen.add(name)


def _check_counterparts(
    document: Document, names: list[_Named], others: list[_Named], what: str, where: str
) -> Iterator[Finding]:
    own = {named.name for named in names}
    known = [named.name for named in others]
    if not known:
        return
    free = [name for name in known if name not in own]
    for name, place in names:
        if name not in known:
            yield document.finding(
                place,
                f"`{name}` has no counterpart: {what} with the same name is missing.",
                f"{suggest(name, free)} Both `{where}` and this one name the export.",
            )


def _check_groups(document: Document) -> Iterator[Finding]:
    """The headings between the rows of an export fill one of its columns, which is not all there is of the key."""
    for index, server in blocks(document.content, "servers"):
        setting = server_settings(server, ("servers", index)).get("group_into")
        columns = _columns_of(document, server)
        if setting is not None and columns:
            yield from _check_group(document, setting, columns)


def _columns_of(document: Document, server: Mapping[str, Any]) -> list[dict[str, Any]]:
    schemas = [schema for _, schema in blocks(document.content, "schema")]
    own = [schema for schema in schemas if schema.get("name") == server.get("server")]
    return [column for schema in own for _, column in blocks(schema, "properties")]


def _check_group(document: Document, setting: Setting, columns: list[dict[str, Any]]) -> Iterator[Finding]:
    names = [str(column.get("name")) for column in columns]
    is_key = [column.get("primaryKey") is True for column in columns]
    key = list(compress(names, is_key))
    told = as_written(document, setting)
    if setting.value not in names:
        yield document.finding(setting.place, f"`{told}` is no column of the export.", suggest(told, names))
    elif key == [setting.value]:
        yield document.finding(
            setting.place,
            f"`{told}` is the primary key, and all rows of a group would have the same.",
            "Choose a column that is not the key, or add another one to the key.",
        )


def _check_object(document: Document, schema: Mapping[str, Any], place: Place, records: Records) -> Iterator[Finding]:
    yield from check_words(document, schema, place, ())
    yield from _check_name(document, schema, place)
    columns = blocks(schema, "properties")
    if not columns:
        yield document.finding(
            (*place, "properties"), "The export has no columns.", "List its columns as `properties:`."
        )
    names: set[str] = set()
    headers: set[str] = set()
    fed: Fed = {}
    for index, column in columns:
        here = (*place, "properties", index)
        name = column.get("name")
        yield from _check_column(document, column, here)
        yield from _check_distinct(document, (*here, "name"), "name", name, names)
        header = column.get("physicalName", name)
        yield from _check_distinct(document, (*here, "physicalName"), "header", header, headers)
        yield from _check_feeds(document, column, here, records, fed)
        yield from _check_parameters(document, column, here, records)
        yield from _check_place(document, column, here)
        yield from _check_null_words(document, column, here)
    yield from _check_key(document, columns, place)
    yield from _check_relations(document, fed, place, records)


def _check_distinct(document: Document, place: Place, what: str, word: object, seen: set[str]) -> Iterator[Finding]:
    """Refuse a name or header that an earlier column of the export has; `seen` are theirs, and this one joins them."""
    if not isinstance(word, str):
        return
    if word in seen:
        yield document.finding(place, f"The {what} `{word}` stands for two columns.", "Correct one of them.")
    seen.add(word)


def _name_of(document: Document, block: Mapping[str, Any], place: Place) -> str:
    """The name of a column or an export as people wrote it, also where YAML reads it as no text."""
    return as_written(document, Setting(block.get("name"), (*place, "name")))


def _check_name(document: Document, block: Mapping[str, Any], place: Place) -> Iterator[Finding]:
    name = block.get("name")
    if isinstance(name, str) and not _NAME.fullmatch(name):
        yield document.finding(
            (*place, "name"),
            f"The name `{name}` cannot be used in tables.",
            "Use only a-z, 0-9 and _ in names; the header as the file has it goes into physicalName.",
        )


def _check_column(document: Document, column: Mapping[str, Any], place: Place) -> Iterator[Finding]:
    name = _name_of(document, column, place)
    yield from check_words(document, column, place, COLUMN_WORDS)
    yield from _check_name(document, column, place)
    if name in RESERVED_COLUMNS:
        yield document.finding(
            (*place, "name"),
            f"The name `{name}` is taken: every raw table has a column of that name.",
            "Choose another name; physicalName stays as the file has it.",
        )
    level = column.get("classification")
    if level is None:
        yield document.finding(
            (*place, "classification"),
            f"The column `{name}` has no classification.",
            'Add `classification: "1"` (open), "2" (internal), "3" (personal) or "4" (sensitive personal).',
        )
    elif level not in LEVELS:
        here = (*place, "classification")
        told = as_written(document, Setting(level, here))
        yield document.finding(here, f"`{told}` is not a classification.", 'Write "1", "2", "3" or "4", in quotes.')
    for key in ("properties", "items"):
        if key in column:
            yield document.finding(
                (*place, key), f"The column `{name}` holds other columns.", "Have it exported flat, one value a column."
            )


def _check_key(document: Document, columns: list[tuple[int, dict[str, Any]]], place: Place) -> Iterator[Finding]:
    """The columns of the primary key are one group, counted 1, 2, … in the order of the document."""
    count = 0
    for index, column in columns:
        here, position = (*place, "properties", index, "primaryKeyPosition"), column.get("primaryKeyPosition", -1)
        if column.get("primaryKey") is True:
            count += 1
            if position not in (-1, count):
                yield document.finding(
                    here,
                    f"This is column {count} of the primary key, but it says {position}.",
                    "An export has one primary key: number its columns 1, 2, … in the order they are listed, or not at all.",
                )
        elif position != -1:
            yield document.finding(
                here, "The column has a place in the primary key but is not part of it.", "Add `primaryKey: true`."
            )


def _check_feeds(
    document: Document, column: Mapping[str, Any], place: Place, records: Records, fed: Fed
) -> Iterator[Finding]:
    setting = own_settings(column, place).get("feeds")
    if setting is None:
        return
    feeds = read_feeds(setting.value)
    if not feeds:
        yield document.finding(
            setting.place,
            f"`{as_written(document, setting)}` does not say which field the column feeds.",
            "Write record.field or record@role.field, such as resident.name or resident@spouse.name, or a list of them.",
        )
    for record, role, field in feeds or ():
        unknown = _unknown_word(records, record, role, field)
        if unknown:
            yield document.finding(setting.place, *unknown)
        else:
            yield from _check_fed_once(document, setting, (record, role, field), column, fed)
            yield from _check_level(document, column, place, f"{record}.{field}", records[record].field(field).level)


def _unknown_word(records: Records, record: str, role: str, field: str) -> tuple[str, str] | None:
    """What of a feed the model does not know, and what was probably meant; None if it knows all of it."""
    if record not in records:
        return f"The model has no record `{record}`.", suggest(record, records)
    known = records[record]
    if field not in known.field_names:
        return f"The record `{record}` has no field `{field}`.", suggest(field, known.field_names)
    relations = sorted({pair.relation for pair in known.pairs})
    if relations and role not in relations:
        return f"The record `{record}` has no relation `{role}`.", suggest(role, relations)
    return None


def _check_relations(document: Document, fed: Fed, place: Place, records: Records) -> Iterator[Finding]:
    """What is said of a relation needs both of its ends in the same row: no row would be one of it."""
    ends = {(records[record].kind, role) for record, role, _ in fed}
    for record, role in sorted({(record, role) for record, role, _ in fed if records[record].pairs}):
        pairs = [pair for pair in records[record].pairs if pair.relation == role]
        if not any({pair.from_end, pair.to_end} <= ends for pair in pairs):
            needed = " or ".join(f"{'@'.join(pair.from_end)} and {'@'.join(pair.to_end)}" for pair in pairs)
            yield document.finding(
                (*place, "properties"),
                f"A column feeds `{record}@{role}`, but the export does not name both whom it is about.",
                f"Have columns feed {needed}, or remove the feed.",
            )


def _check_fed_once(
    document: Document, setting: Setting, feed: tuple[str, str, str], column: Mapping[str, Any], fed: Fed
) -> Iterator[Finding]:
    record, role, field = feed
    if feed in fed:
        yield document.finding(
            setting.place,
            f"`{record}@{role}.{field}` is already fed by the column `{fed[feed]}`.",
            "One column of an export feeds a field; give the other another role, or remove its feed.",
        )
    fed.setdefault(feed, column.get("name"))


def _check_level(
    document: Document, column: Mapping[str, Any], place: Place, field: str, lowest: int
) -> Iterator[Finding]:
    level = column.get("classification")
    if level in LEVELS and int(str(level)) < lowest:
        yield document.finding(
            (*place, "classification"),
            f"The classification {level} is lower than that of the field it feeds (`{field}` has {lowest}).",
            f'Write classification: "{lowest}".',
        )


def _check_parameters(
    document: Document, column: Mapping[str, Any], place: Place, records: Records
) -> Iterator[Finding]:
    """What a column says of how its values are read must be one of the words that the type it feeds knows."""
    settings = own_settings(column, place)
    fed = _fed_types(settings, records)
    for name, setting in pick_settings(settings, PARAMETERS):
        parameter = PARAMETERS[name]
        if setting.value not in parameter.values:
            yield unknown_value(document, name, setting, parameter.values)
        takers = _types_that_know(parameter)
        if fed is not None and fed.isdisjoint(takers):
            yield document.finding(
                setting.place,
                f"The column `{_name_of(document, column, place)}` feeds no {parameter.of}, so a {name} says nothing of it.",
                f"Remove `{name}`, or have the column feed a field of the type {' or '.join(takers)}.",
            )


def _types_that_know(parameter: Parameter) -> list[str]:
    return [type.name for type in TYPES if parameter in type.parameters]


def _fed_types(settings: Mapping[str, Setting], records: Records) -> set[str] | None:
    """Types of the fields that a column feeds; None if a feed cannot be read, or names a field that is not there."""
    if "feeds" not in settings:
        return set()
    feeds = read_feeds(settings["feeds"].value)
    if feeds is None:
        return None
    if any(_unknown_word(records, *feed) for feed in feeds):
        return None
    return {records[record].field(field).type for record, _, field in feeds}


def _check_place(document: Document, column: Mapping[str, Any], place: Place) -> Iterator[Finding]:
    settings = own_settings(column, place)
    if "position" in settings:
        yield from _check_position(document, settings["position"])
    if "optional" in settings:
        yield from _check_optional(document, settings["optional"], column, place)


def _check_position(document: Document, position: Setting) -> Iterator[Finding]:
    if not isinstance(position.value, str) or not _LETTERS.fullmatch(position.value):
        yield document.finding(
            position.place,
            f"`{as_written(document, position)}` is not the letter of a column.",
            "Write A, B, … AA as a spreadsheet shows it, for a column whose header is empty.",
        )


def _check_optional(
    document: Document, optional: Setting, column: Mapping[str, Any], place: Place
) -> Iterator[Finding]:
    is_needed = column.get("required") is True or column.get("primaryKey") is True
    if not isinstance(optional.value, bool):
        yield document.finding(optional.place, "`optional` must be true or false.", "Write true without quotes.")
    elif optional.value and is_needed:
        yield document.finding(
            optional.place,
            f"The column `{_name_of(document, column, place)}` is required or part of the key, so it cannot be absent.",
            "Remove `optional`, or `required` and `primaryKey`.",
        )


def _check_null_words(document: Document, column: Mapping[str, Any], place: Place) -> Iterator[Finding]:
    settings = own_settings(column, place)
    read: dict[str, set[str]] = defaultdict(set)
    for name, setting in pick_settings(settings, WORD_LISTS):
        words = read_words(setting.value)
        if words is None:
            yield document.finding(
                setting.place,
                f"`{name}` must be a list of words, each of them text.",
                'Write it like ["NULL", "-", "0"], each word in quotes.',
            )
        read[name].update(words or ())
    for word in sorted(read["null_words"] & read["keep_words"]):
        yield document.finding(
            settings["keep_words"].place,
            f"`{word}` is among `null_words` and `keep_words`: it stands for nothing, or it is a value.",
            "Remove it from one of them.",
        )
