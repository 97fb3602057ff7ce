"""Our own rules for a contract, beyond the standard: names, pairs, keys, levels, feeds (files: `contract_files`).

Reads: a `Document`. Writes: nothing. Refuses: see each check. A check meets values of any type, because it also runs on
documents that the standard's schema has refused: who mends a contract wants to see all its faults at once.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from jobs.common.base.document import Document, Finding, Place
from jobs.common.base.suggestions import suggest
from jobs.common.contracts.odcs import COLUMN_WORDS, CONTRACT_WORDS
from jobs.common.contracts.servers import (
    Setting,
    blocks,
    check_paths,
    check_server,
    check_words,
    own_settings,
    server_settings,
    unknown_value,
)
from jobs.common.model.records import ModelField
from jobs.common.model.types import PARAMETERS, TYPES

# The fields of each record of the model, by their names.
Records = Mapping[str, Mapping[str, ModelField]]

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
    texts = value if isinstance(value, list) else [value]
    matches = [_FEED.fullmatch(text) if isinstance(text, str) else None for text in texts]
    read = [(match[1], match[2] or default_role(match[1]), match[3]) for match in matches if match]
    return read if len(read) == len(texts) else None


def read_words(value: object) -> list[str] | None:
    """Return the words of a list, or of a single one; None if one of them is no text or has nothing but blanks."""
    given = value if isinstance(value, list) else [value]
    words = [word for word in given if isinstance(word, str) and word.strip(BLANKS)]
    return words if len(words) == len(given) else None


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


def _check_pairs(document: Document) -> Iterator[Finding]:
    """Each schema object has exactly one server of its name, and each server an object."""
    lists = {"schema": ("name", "export"), "servers": ("server", "place where files arrive")}
    names: dict[str, list[tuple[str, Place]]] = {}
    for key, (name_key, meaning) in lists.items():
        found: list[tuple[str, Place]] = [
            (item[name_key], (key, index, name_key))
            for index, item in blocks(document.content, key)
            if isinstance(item.get(name_key), str)
        ]
        if not document.content.get(key):
            yield document.finding((key,), f"The contract declares no {meaning}.", f"Add a list `{key}:`.")
        for position, (name, place) in enumerate(found):
            if name in [earlier for earlier, _ in found[:position]]:
                yield document.finding(place, f"The name `{name}` is given twice.", "Give each its own name.")
        names[key] = found
    for key, other, what in (("schema", "servers", "a server"), ("servers", "schema", "a schema object")):
        others = [name for name, _ in names[other]]
        for name, place in names[key]:
            if others and name not in others:
                free = [candidate for candidate in others if candidate not in [own for own, _ in names[key]]]
                where = "servers[].server" if other == "servers" else "schema[].name"
                yield document.finding(
                    place,
                    f"`{name}` has no counterpart: {what} with the same name is missing.",
                    f"{suggest(name, free)} Both `{where}` and this one name the export.",
                )


def _check_groups(document: Document) -> Iterator[Finding]:
    """The headings between the rows of an export fill one of its columns, which is not all there is of the key."""
    schemas = [schema for _, schema in blocks(document.content, "schema")]
    for index, server in blocks(document.content, "servers"):
        setting = server_settings(server, ("servers", index)).get("group_into")
        own = [
            c
            for schema in schemas
            if schema.get("name") == server.get("server")
            for _, c in blocks(schema, "properties")
        ]
        if setting is None or not own:
            continue
        names = [str(column.get("name")) for column in own]
        if setting.value not in names:
            yield document.finding(
                setting.place, f"`{setting.value}` is no column of the export.", suggest(setting.value, names)
            )
        elif [str(column.get("name")) for column in own if column.get("primaryKey") is True] == [setting.value]:
            yield document.finding(
                setting.place,
                f"`{setting.value}` is the primary key, and all rows of a group would have the same.",
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
    fed: dict[tuple[str, str, str], object] = {}
    for index, column in columns:
        here = (*place, "properties", index)
        yield from _check_column(document, column, here)
        for seen, key, value, what in (
            (names, "name", column.get("name"), "name"),
            (headers, "physicalName", column.get("physicalName", column.get("name")), "header"),
        ):
            if not isinstance(value, str):
                continue
            if value in seen:
                yield document.finding(
                    (*here, key), f"The {what} `{value}` stands for two columns.", "Correct one of them."
                )
            seen.add(value)
        yield from _check_feeds(document, column, here, records, fed)
        yield from _check_parameters(document, column, here, records)
        yield from _check_place(document, column, here)
        yield from _check_null_words(document, column, here)
    yield from _check_key(document, columns, place)


def _check_name(document: Document, block: Mapping[str, Any], place: Place) -> Iterator[Finding]:
    name = block.get("name")
    if isinstance(name, str) and not _NAME.fullmatch(name):
        yield document.finding(
            (*place, "name"),
            f"The name `{name}` cannot be used in tables.",
            "Use only a-z, 0-9 and _ in names; the header as the file has it goes into physicalName.",
        )


def _check_column(document: Document, column: Mapping[str, Any], place: Place) -> Iterator[Finding]:
    name = column.get("name")
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
        yield document.finding(
            (*place, "classification"), f"`{level}` is not a classification.", 'Write "1", "2", "3" or "4", in quotes.'
        )
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
    document: Document,
    column: Mapping[str, Any],
    place: Place,
    records: Records,
    fed: dict[tuple[str, str, str], object],
) -> Iterator[Finding]:
    setting = own_settings(column, place).get("feeds")
    if setting is None:
        return
    feeds = read_feeds(setting.value)
    if not feeds:
        yield document.finding(
            setting.place,
            f"`{setting.value}` does not say which field the column feeds.",
            "Write record.field or record@role.field, such as resident.name or resident@spouse.name, or a list of them.",
        )
        return
    for feed in feeds:
        record, role, field = feed
        if record not in records:
            yield document.finding(setting.place, f"The model has no record `{record}`.", suggest(record, records))
            continue
        fields = records[record]
        if field not in fields:
            yield document.finding(
                setting.place, f"The record `{record}` has no field `{field}`.", suggest(field, fields)
            )
            continue
        if feed in fed:
            yield document.finding(
                setting.place,
                f"`{record}@{role}.{field}` is already fed by the column `{fed[feed]}`.",
                "One column of an export feeds a field; give the other another role, or remove its feed.",
            )
        fed.setdefault(feed, column.get("name"))
        level, lowest = column.get("classification"), fields[field].level
        if level in LEVELS and int(str(level)) < lowest:
            yield document.finding(
                (*place, "classification"),
                f"The classification {level} is lower than that of the field it feeds "
                f"(`{record}.{field}` has {lowest}).",
                f'Write classification: "{lowest}".',
            )


def _check_parameters(
    document: Document, column: Mapping[str, Any], place: Place, records: Records
) -> Iterator[Finding]:
    """What a column says of how its values are read must be one of the words that the type it feeds knows."""
    settings = own_settings(column, place)
    fed = _fed_types(settings, records)
    for name in PARAMETERS:
        if name not in settings:
            continue
        parameter, setting = PARAMETERS[name], settings[name]
        if setting.value not in parameter.values:
            yield unknown_value(document, name, setting, parameter.values)
        takers = [type.name for type in TYPES if parameter in type.parameters]
        if fed is not None and not fed & {*takers}:
            yield document.finding(
                setting.place,
                f"The column `{column.get('name')}` feeds no {parameter.of}, so a {name} says nothing of it.",
                f"Remove `{name}`, or have the column feed a field of the type {' or '.join(takers)}.",
            )


def _fed_types(settings: Mapping[str, Setting], records: Records) -> set[str] | None:
    """Types of the fields that a column feeds; None if a feed cannot be read, or names a field that is not there."""
    if "feeds" not in settings:
        return set()
    feeds = read_feeds(settings["feeds"].value)
    if feeds is None:
        return None
    fields = [records.get(record, {}).get(field) for record, _, field in feeds]
    known = {field.type for field in fields if field is not None}
    return known if None not in fields else None


def _check_place(document: Document, column: Mapping[str, Any], place: Place) -> Iterator[Finding]:
    settings = own_settings(column, place)
    position, optional = settings.get("position"), settings.get("optional")
    if position and not (isinstance(position.value, str) and _LETTERS.fullmatch(position.value)):
        yield document.finding(
            position.place,
            f"`{position.value}` is not the letter of a column.",
            "Write A, B, … AA as a spreadsheet shows it, for a column whose header is empty.",
        )
    if optional and not isinstance(optional.value, bool):
        yield document.finding(optional.place, "`optional` must be true or false.", "Write true without quotes.")
    elif optional and optional.value and (column.get("required") is True or column.get("primaryKey") is True):
        yield document.finding(
            optional.place,
            f"The column `{column.get('name')}` is required or part of the key, so it cannot be absent.",
            "Remove `optional`, or `required` and `primaryKey`.",
        )


def _check_null_words(document: Document, column: Mapping[str, Any], place: Place) -> Iterator[Finding]:
    settings = own_settings(column, place)
    read = {word: read_words(settings[word].value) for word in WORD_LISTS if word in settings}
    for word, words in read.items():
        if words is None:
            yield document.finding(
                settings[word].place,
                f"`{word}` must be a list of words, each of them text.",
                'Write it like ["NULL", "-", "0"], each word in quotes.',
            )
    both = set(read.get("null_words") or ()) & set(read.get("keep_words") or ())
    for word in sorted(both):
        yield document.finding(
            settings["keep_words"].place,
            f"`{word}` is among `null_words` and `keep_words`: it stands for nothing, or it is a value.",
            "Remove it from one of them.",
        )
