"""The model of our records, read from `conf/model/<record>.yml`: fields with type, level and meaning in two languages.

Refuses: a file that is no YAML or says a key twice, a key that is missing, unknown or of the wrong kind, an unknown type,
kind or level, a field without a meaning in both languages, a name given twice, a kind that no record describes.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NoReturn

import yaml

from jobs.common.contract_document import suggest
from jobs.common.errors import UserError

SQL_TYPES = {
    "person_name": "string",
    "resident_id": "string",
    "code": "string",
    "division": "string",
    "phone": "string",
    "address": "string",
    "text": "string",
    "date": "date",
    "datetime": "timestamp",
    "integer": "bigint",
    "boolean": "boolean",
    "yes_no": "boolean",
    "credit_code": "string",
    "money": "decimal(18,2)",
    "decimal": "decimal(18,2)",
}
KINDS = {"resident": "居民", "household": "家庭户", "dwelling": "房屋", "organisation": "单位"}
# First columns of a table of relations.
ENDS = ("relation_code", "from_kind", "from_id", "to_kind", "to_id")

_RECORD_KEYS = {"record": True, "kind": True, "title": True, "grain": True, "key": True, "fields": True}
_RECORD_KEYS |= {"derived": False, "speaks_of": False, "pairs": False}  # those that may be left out
_FIELD_KEYS = {"name": True, "type": True, "level": True, "zh": True, "en": True, "codes": False, "refers": False}
_PAIR_KEYS = {"relation": True, "from": True, "to": True}
_LANGUAGES = {"zh": True, "en": True}
_NAME = re.compile("[a-z][a-z0-9_]*")
_END = re.compile("([a-z][a-z0-9_]*)@([a-z][a-z0-9_]*)")


@dataclass(frozen=True)
class ModelField:
    """One field of a record: semantic type, classification level 1-4, meaning in two languages.

    `codes` names its list of codes, `refers` the kind whose entity its value is; a required one is never null.
    """

    name: str
    type: str
    level: int
    zh: str
    en: str
    codes: str | None = None
    refers: str | None = None
    required: bool = False

    @property
    def sql_type(self) -> str:
        return SQL_TYPES[self.type]


@dataclass(frozen=True)
class Pair:
    """Two mentions of one row that stand in a relation: each end as (kind, role)."""

    relation: str
    from_end: tuple[str, str]
    to_end: tuple[str, str]


@dataclass(frozen=True)
class Record:
    """One record type; `kind` names the entity it describes (None: it passes through, as in `speaks_of`)."""

    name: str
    kind: str | None
    key: tuple[str, ...]
    grain: str
    fields: tuple[ModelField, ...]
    derived: tuple[ModelField, ...]
    speaks_of: dict[str, str]
    pairs: tuple[Pair, ...] = ()
    title: str = ""
    title_zh: str = ""
    grain_zh: str = ""

    def field(self, name: str) -> ModelField:
        return next(field for field in self.fields + self.derived if field.name == name)


def table_fields(record: Record) -> tuple[ModelField, ...]:
    """All columns of the record's candidate and refined table, in their order: the key, then its fields, then the rest."""
    fields, key = record.fields + record.derived, record.key
    if record.kind:
        zh = KINDS[record.kind]
        head = ModelField("entity_id", "text", 1, f"{zh}主体编号", f"id of the {record.kind}", required=True)
        return (head, *fields, _count("现行记录数", "current records that speak of it"))
    if record.pairs:
        return _ends() + fields + (_count("记载此关系的现行来源行数", "current rows of sources that say so"),)
    own = {field.name: field for field in fields}
    first = (own.get(name, ModelField(name, "text", 1, "记载系统", "system of the record")) for name in key)
    keyed = tuple(replace(field, required=True) for field in first)
    spoken = tuple(
        ModelField(
            name,
            "text",
            1,
            f"同一行所指的{KINDS[kind]}",
            f"the {kind} that the same row of the source names",
            refers=kind,
        )
        for name, kind in record.speaks_of.items()
    )
    return keyed + tuple(field for field in fields if field.name not in key) + spoken


def _ends() -> tuple[ModelField, ...]:
    meanings = {
        "relation_code": ("关系（前者对后者）", "relation of the first to the second"),
        "from_kind": ("前者类别", "kind of the first"),
        "from_id": ("前者编号", "id of the first"),
        "to_kind": ("后者类别", "kind of the second"),
        "to_id": ("后者编号", "id of the second"),
    }
    codes = {"relation_code": "relation"}
    return tuple(
        ModelField(name, "code" if name in codes else "text", 1, *meanings[name], codes.get(name), required=True)
        for name in ENDS
    )


def _count(zh: str, en: str) -> ModelField:
    return ModelField("mention_count", "integer", 1, zh, en, required=True)


def load_model(files: Mapping[str, Path]) -> dict[str, Record]:
    """Records by name, from file name -> path."""
    records = {path: _load_record(path) for _, path in sorted(files.items())}
    kinds = {record.kind for record in records.values()}
    for path, record in records.items():
        ends = {f"pair {pair.relation}": end[0] for pair in record.pairs for end in (pair.from_end, pair.to_end)}
        named = {**record.speaks_of, **{f.name: f.refers for f in record.fields + record.derived if f.refers}, **ends}
        for place, kind in named.items():
            if kind not in kinds:
                _refuse(path, place, f"no record describes the kind {kind}")
    return {record.name: record for record in records.values()}


class _Loader(yaml.CSafeLoader):
    """Refuses a key that a mapping says twice: YAML itself takes the last one without a word."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value]
        for (key, _), name in zip(node.value, keys, strict=True):
            if keys.count(name) > 1:
                raise yaml.constructor.ConstructorError(None, None, f"the key {name} is said twice", key.start_mark)
        return super().construct_mapping(node, deep)


def _load_record(path: Path) -> Record:
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), _Loader)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is no valid YAML: {error}") from error
    try:
        return _read_record(path, document)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        remedy = "compare it with the repository's conf/model/"
        raise UserError(f"{path} does not describe a record ({type(error).__name__}: {error}); {remedy}") from error


def _read_record(path: Path, document: Any) -> Record:
    _check_keys(path, "the file does not describe a record", document, _RECORD_KEYS)
    name, kind, key = document["record"], document["kind"], document["key"]
    if name != path.stem:
        _refuse(path, "record", f"it is {name}, but the file is named {path.stem}")
    if kind not in (None, name) or (kind and kind not in KINDS):
        _refuse(path, "kind", f"{kind} is none; write null or, in a record of its name, one of {', '.join(KINDS)}")
    for part in ("title", "grain"):
        _check_keys(path, part, document[part], _LANGUAGES)
    fields = tuple(_read_field(path, entry) for entry in document["fields"])
    derived = tuple(_read_field(path, entry) for entry in document.get("derived", []))
    pairs = tuple(_read_pair(path, entry) for entry in document.get("pairs", []))
    speaks_of = document.get("speaks_of", {})
    names = [field.name for field in fields + derived] + list(speaks_of)
    own = {"entity_id", "mention_count"} if kind else {*ENDS, "mention_count"} if pairs else {"system"}
    for field in names:
        if names.count(field) > 1 or field in own:
            _refuse(path, f"field {field}", "the name is given twice" if field not in own else "every table has one")
    known = ["entity_id"] if kind else [*ENDS] if pairs else ["system", *(field.name for field in fields)]
    for part in key:
        if part not in known:
            _refuse(path, "key", f"{part} is no column of the key. {suggest(part, known)}")
    return Record(
        name=name,
        kind=kind,
        key=tuple(key),
        grain=document["grain"]["en"],
        fields=fields,
        derived=derived,
        speaks_of=speaks_of,
        pairs=pairs,
        title=document["title"]["en"],
        title_zh=document["title"]["zh"],
        grain_zh=document["grain"]["zh"],
    )


def _read_field(path: Path, entry: Any) -> ModelField:
    place = f"field {entry['name']}" if isinstance(entry, dict) and "name" in entry else f"field {entry}"
    _check_keys(path, place, entry, _FIELD_KEYS)
    field = ModelField(**entry)
    if not _NAME.fullmatch(field.name):
        _refuse(path, place, "a name is of a-z, 0-9 and _, and starts with a letter")
    if field.type not in SQL_TYPES:
        _refuse(path, place, f"unknown type {field.type}. {suggest(field.type, SQL_TYPES)}")
    if field.level not in (1, 2, 3, 4):
        _refuse(
            path, place, f"level {field.level} is none of 1 (open), 2 (internal), 3 (personal), 4 (sensitive personal)"
        )
    if (field.type == "code") != (field.codes is not None):
        _refuse(path, place, "a field of the type code names its list as `codes`, and no other does")
    return field


def _read_pair(path: Path, entry: Any) -> Pair:
    place = f"pair {entry['relation']}" if isinstance(entry, dict) and "relation" in entry else f"pair {entry}"
    _check_keys(path, place, entry, _PAIR_KEYS)
    ends = {key: _END.fullmatch(entry[key]) for key in ("from", "to")}
    for key, found in ends.items():
        if found is None:
            _refuse(path, place, f"{key} is {entry[key]}; write kind@role, such as resident@person")
    first, second = ((found[1], found[2]) for found in ends.values() if found)
    return Pair(entry["relation"], first, second)


def _check_keys(path: Path, place: str, entry: Any, keys: Mapping[str, bool]) -> None:
    """Refuse what is no mapping of these keys (key -> whether it must be there), or leaves a meaning empty."""
    if not isinstance(entry, dict):
        _refuse(path, place, f"a mapping of {', '.join(keys)} is wanted")
    for key in entry:
        if key not in keys:
            _refuse(path, place, f"unknown key {key}. {suggest(key, keys)}")
    if missing := [key for key, needed in keys.items() if needed and key not in entry]:
        _refuse(path, place, f"{_list(missing)} missing")
    for key in ("zh", "en"):
        if key in entry and not (isinstance(entry[key], str) and entry[key].strip()):
            _refuse(path, place, f"{key} is empty; say what it means")


def _list(words: Iterable[str]) -> str:
    return ", ".join(words)


def _refuse(path: Path, place: str, what: str) -> NoReturn:
    raise UserError(f"{path}: {place}: {what}")
