"""The model of our records, read from `conf/model/<record>.yml`: fields with type, level and meaning in two languages.

Refuses: a file that is no YAML or says a key twice, a key that is missing, unknown or of the wrong kind, an unknown type,
kind or level, a field without a meaning in both languages, a name given twice, a kind that no record describes, and a record
that lacks what its shape needs.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import starmap
from pathlib import Path
from typing import Any, NoReturn

from jobs.common.base.document import Document, Place, load_document
from jobs.common.base.errors import UserError
from jobs.common.base.suggestions import cut_short, suggest
from jobs.common.model.shapes import (
    ENTITY,
    FACT,
    FACT_KEY,
    MEMBER,
    RELATION,
    Fault,
    check_needs,
    check_shape,
    former_deduplication,
    shape_of,
)
from jobs.common.model.types import TYPE_OF, TYPES
from jobs.common.model.types.semantic_type import Implied, SemanticType

KINDS = {"resident": "居民", "household": "家庭户", "dwelling": "房屋", "organisation": "单位"}
# First columns of a table of relations.
ENDS = ("relation_code", "from_kind", "from_id", "to_kind", "to_id")

_RECORD_KEYS = {"record": True, "kind": True, "title": True, "grain": True, "key": True, "fields": True}
_RECORD_KEYS |= dict.fromkeys(("shape", "derived", "speaks_of", "pairs", "deduplicate_by"), False)  # may be left out
_FIELD_KEYS = {"name": True, "type": True, "level": True, "zh": True, "en": True, "codes": False, "refers": False}
_PAIR_KEYS = {"relation": True, "from": True, "to": True}
_LANGUAGES = {"zh": True, "en": True}
_KINDS_OF_VALUE: dict[str, type] = {
    **dict.fromkeys(("record", "shape", "name", "type", "codes", "refers", "relation", "from", "to"), str),
    **dict.fromkeys(("key", "fields", "derived", "pairs", "deduplicate_by"), list),
    "speaks_of": dict,
}
_WORDS: dict[type, str] = {str: "text", list: "a list", dict: "a block of keys"}
_NAME = re.compile("[a-z][a-z0-9_]*")
_END = re.compile("([a-z][a-z0-9_]*)@([a-z][a-z0-9_]*)")


@dataclass(frozen=True)
class ModelField:
    """One field of a record: semantic type, classification level 1-4, meaning in two languages.

    `codes` names its list of codes, `refers` the kind whose entity its value is, or of a product a `table.column`; a
    required one is never null.
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
    def semantic(self) -> SemanticType:
        return TYPE_OF[self.type]

    @property
    def target(self) -> str | None:
        """Table and column that hold all its values, such as `resident.entity_id`; None if nothing promises that."""
        return f"{self.refers}.entity_id" if self.refers and "." not in self.refers else self.refers

    @property
    def sql_type(self) -> str:
        return self.semantic.sql

    @property
    def code_lists(self) -> tuple[str, ...]:
        """Files of conf/codes in which values are looked up, without their suffix; the first one holds the codes."""
        if self.semantic.lookup is None:
            return ()
        return self.semantic.lookup.lists or ((self.codes,) if self.codes else ())


@dataclass(frozen=True)
class Pair:
    """Two mentions of one row that stand in a relation: each end as (kind, role)."""

    relation: str
    from_end: tuple[str, str]
    to_end: tuple[str, str]


@dataclass(frozen=True)
class Record:
    """One record type; `kind` names the entity it describes, None if it is a relation or a fact.

    `speaks_of`: column -> kind of the entity that the row of a fact names. `deduplicate_by`: of facts that agree in all of
    these columns, the one of the strongest system stays.
    """

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
    deduplicate_by: tuple[str, ...] = ()

    @property
    def shape(self) -> str:
        return shape_of(self.kind, bool(self.pairs))

    @property
    def field_names(self) -> list[str]:
        """Names of the fields that sources feed: derived columns are not among them."""
        return [field.name for field in self.fields]

    @property
    def has_members(self) -> bool:
        """Whether its pairs say who is a member of which household."""
        return any(pair.relation == MEMBER for pair in self.pairs)

    def derives(self, name: str) -> bool:
        return any(field.name == name for field in self.derived)

    def field(self, name: str) -> ModelField:
        return next(field for field in self.fields + self.derived if field.name == name)

    def implied_fields(self) -> list[tuple[str, Implied]]:
        """Fields of the record that another one speaks of, with the name of that one: the first of its type."""
        first_of_type = {field.type: field for field in reversed(self.fields)}
        found = []
        for field in self.fields:
            if first_of_type[field.type] is field:
                implied = (each for each in field.semantic.implies if each.field in self.field_names)
                found += [(field.name, each) for each in implied]
        return found


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
    keyed = (replace(field, required=True) for field in first)
    others = (field for field in fields if field.name not in key)
    spoken = starmap(_spoken, record.speaks_of.items())
    return (*keyed, *others, *spoken)


def _spoken(name: str, kind: str) -> ModelField:
    """The column of a fact for an entity that its row names."""
    zh, en = f"同一行所指的{KINDS[kind]}", f"the {kind} that the same row of the source names"
    return ModelField(name, "text", 1, zh, en, refers=kind)


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


def load_model(files: Mapping[str, Path], shown: Mapping[Path, str] | None = None) -> dict[str, Record]:
    """Records by name, from file name -> path; `shown` is what messages call a path, where that is something else."""
    told_as = shown or {}
    documents = {path: load_document(path, told_as.get(path, str(path))) for _, path in sorted(files.items())}
    records = _read_records(documents)
    kinds = {record.kind for record in records.values()}
    for path, record in records.items():
        for place, kind in _kinds_named(record).items():
            if kind not in kinds:
                _refuse(documents[path], (), place, f"no record describes the kind {cut_short(kind)}")
    return {record.name: record for record in records.values()}


def _read_records(documents: Mapping[Path, Document]) -> dict[Path, Record]:
    """The record of each document; raises UserError with the first fault of each that has one."""
    records, faults = {}, []
    for path, document in documents.items():
        try:
            records[path] = _read_record(document, path.stem)
        except UserError as error:
            faults.append(str(error))
    if faults:
        raise UserError("\n".join(faults))
    return records


def _kinds_named(record: Record) -> dict[str, str]:
    """The kinds of which a record speaks, by the column or pair that names them."""
    named = dict(record.speaks_of)
    named |= {field.name: field.refers for field in record.fields + record.derived if field.refers}
    for pair in record.pairs:
        for key, (kind, _) in (("from", pair.from_end), ("to", pair.to_end)):
            named[f"pair {pair.relation}: {key}"] = kind
    return named


def _read_record(file: Document, stem: str) -> Record:
    document = file.content
    needed = _RECORD_KEYS | {"kind": not (isinstance(document, dict) and "shape" in document)}
    _check_keys(file, (), "the file does not describe a record", document, needed)
    _check_head(file, stem)
    fields, derived = _read_fields(file, "fields"), _read_fields(file, "derived")
    pairs = tuple(_read_pair(file, ("pairs", index), entry) for index, entry in enumerate(document.get("pairs", [])))
    speaks_of = document.get("speaks_of", {})
    for column, spoken in speaks_of.items():
        _check_name(file, ("speaks_of", column), column)
        if not isinstance(spoken, str):
            _refuse(file, ("speaks_of", column), column, "it must be text")
    names = [field.name for field in fields + derived] + list(speaks_of)
    record = Record(
        name=document["record"],
        kind=document.get("kind"),
        key=tuple(document["key"]),
        grain=document["grain"]["en"],
        fields=fields,
        derived=derived,
        speaks_of=speaks_of,
        pairs=pairs,
        title=document["title"]["en"],
        title_zh=document["title"]["zh"],
        grain_zh=document["grain"]["zh"],
        deduplicate_by=tuple(document.get("deduplicate_by", former_deduplication(names))),
    )
    _refuse_faults(file, check_shape(document.get("shape"), record, KINDS))
    _check_columns(file, record, names)
    _refuse_faults(file, check_needs(record))
    return record


def _refuse_faults(file: Document, faults: Iterable[Fault]) -> None:
    told = [_describe(file, place, str(place[0]), what) for place, what in faults]
    if told:
        raise UserError("\n".join(told))


def _check_head(file: Document, stem: str) -> None:
    """Refuse a name that is not the file's, an unknown kind, and a title or grain that lacks a language."""
    document = file.content
    name, kind = document["record"], document.get("kind")
    if name != stem:
        _refuse(file, ("record",), "record", f"it is {cut_short(name)}, but the file is named {stem}")
    is_known = kind is None or (kind == name and kind in KINDS)
    if not is_known:
        told = f"{cut_short(str(kind))} is none; write null or, in a record of its name, one of {', '.join(KINDS)}"
        _refuse(file, ("kind",), "kind", told)
    for part in ("title", "grain"):
        _check_keys(file, (part,), part, document[part], _LANGUAGES)


def _read_fields(file: Document, part: str) -> tuple[ModelField, ...]:
    entries = file.content.get(part, [])
    return tuple(_read_field(file, (part, index), entry) for index, entry in enumerate(entries))


def _check_columns(file: Document, record: Record, names: list[str]) -> None:
    """Refuse a name that is given twice or that every table of the shape has, and a key of unknown columns."""
    head = {ENTITY: ["entity_id"], RELATION: [*ENDS], FACT: ["system"]}[record.shape]
    counted = [] if record.shape == FACT else ["mention_count"]
    for name in names:
        if name in (*head, *counted):
            _refuse(file, ("fields",), f"field {name}", "every table has one")
        if names.count(name) > 1:
            _refuse(file, ("fields",), f"field {name}", "the name is given twice")
    known = [*FACT_KEY, *record.field_names] if record.shape == FACT else head
    _check_key(file, record.key, known)
    if not record.key:
        _refuse(file, ("key",), "key", f"it is empty; a row is known by {', '.join(head)}")


def _check_key(file: Document, key: Iterable[str], known: list[str]) -> None:
    """Refuse a key of unknown columns."""
    for index, part in enumerate(key):
        if part not in known:
            told = f"{cut_short(str(part))} is no column of the key. {suggest(part, known)}"
            _refuse(file, ("key", index), "key", told)


def _read_field(file: Document, at: Place, entry: Any) -> ModelField:
    place = _place_of("field", entry, "name")
    _check_keys(file, at, place, entry, _FIELD_KEYS)
    field = ModelField(**entry)
    _check_name(file, (*at, "name"), field.name)
    if field.type not in TYPE_OF:
        told = f"unknown type {cut_short(field.type)}. {suggest(field.type, TYPE_OF)}"
        _refuse(file, (*at, "type"), place, told)
    if at[0] == "fields" and not field.semantic.is_read:
        _refuse(file, (*at, "type"), place, _no_text_is_read(field.semantic))
    if type(field.level) is not int or field.level not in (1, 2, 3, 4):
        level = file.written((*at, "level"))
        told = f"level {level} is none of 1 (open), 2 (internal), 3 (personal), 4 (sensitive personal)"
        _refuse(file, (*at, "level"), place, told)
    lookup = field.semantic.lookup
    if (lookup is not None and not lookup.lists) != (field.codes is not None):
        _refuse(file, at, place, "a field of the type code names its list as `codes`, and no other does")
    return field


def _no_text_is_read(type: SemanticType) -> str:
    others = [other.name for other in TYPES if other.sql == type.sql and other.is_read]
    instead = f"write {' or '.join(others)}, or " if others else ""
    return f"no text is read as the type {type.name}; {instead}declare the field in `derived`"


def _read_pair(file: Document, at: Place, entry: Any) -> Pair:
    place = _place_of("pair", entry, "relation")
    _check_keys(file, at, place, entry, _PAIR_KEYS)
    ends = {key: _END.fullmatch(entry[key]) for key in ("from", "to")}
    for key, found in ends.items():
        if found is None:
            told = f"{key} is {cut_short(entry[key])}; write kind@role, such as resident@person"
            _refuse(file, (*at, key), place, told)
    first, second = ((found[1], found[2]) for found in ends.values() if found)
    return Pair(entry["relation"], first, second)


def _place_of(what: str, entry: Any, key: str) -> str:
    """What messages call an entry: by its own name, or as it is written if it has none."""
    named = entry.get(key, entry) if isinstance(entry, dict) else entry
    return f"{what} {cut_short(str(named))}"


def _check_name(file: Document, at: Place, name: str) -> None:
    if not _NAME.fullmatch(name):
        _refuse(file, at, f"field {cut_short(name)}", "a name is of a-z, 0-9 and _, and starts with a letter")


def _check_keys(file: Document, at: Place, place: str, entry: Any, keys: Mapping[str, bool]) -> None:
    """Refuse what is no mapping of these keys (key -> whether it must be there), or leaves a meaning empty."""
    if not isinstance(entry, dict):
        _refuse(file, at, place, f"a mapping of {', '.join(keys)} is wanted")
    for key in entry:
        if key not in keys:
            _refuse(file, (*at, key), place, f"unknown key {cut_short(key)}. {suggest(key, keys)}")
    needed = [key for key, must_be_there in keys.items() if must_be_there]
    missing = [key for key in needed if key not in entry]
    if missing:
        _refuse(file, at, place, f"{', '.join(missing)} missing")
    for key, value in entry.items():
        _check_value(file, (*at, key), place, key, value)


def _check_value(file: Document, at: Place, place: str, key: str, value: Any) -> None:
    """Refuse an empty meaning, and a value of another kind than its key wants."""
    is_filled = isinstance(value, str) and value.strip() != ""
    if key in _LANGUAGES and not is_filled:
        _refuse(file, at, place, f"{key} is empty; say what it means")
    wanted = _KINDS_OF_VALUE.get(key)
    if wanted is not None and not isinstance(value, wanted):
        _refuse(file, at, place, f"{key} must be {_WORDS[wanted]}")


def _refuse(file: Document, at: Place, place: str, what: str) -> NoReturn:
    raise UserError(_describe(file, at, place, what))


def _describe(file: Document, at: Place, place: str, what: str) -> str:
    line = file.line(at)
    return f"{file.file}: {place}: {what}" + (f" (line {line})" if line else "")
