"""The three shapes of a record, and what each of them needs.

entity    one row per thing of a kind, made of all records that match says are of it
relation  one row per two entities that a row of a source names together
fact      one row per record of a source, with the ids of the entities that its row names

Reads, writes: nothing. Refuses nothing itself: it tells where in the record's file what is missing.
"""

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from jobs.common.base.document import Place
from jobs.common.base.suggestions import cut_short, suggest

if TYPE_CHECKING:
    from jobs.common.model.records import Record

ENTITY, RELATION, FACT = SHAPES = ("entity", "relation", "fact")
FACT_KEY, RELATION_KEY = ("system", "number"), ("relation_code", "from_id", "to_id")
# The relation of a resident to a household.
MEMBER = "member"
# A derived column that every entity with an address may have: the dwelling that the row of the address names.
DWELLING, _ADDRESS = "dwelling_id", "address"
# A derived column that every fact with `deduplicate_by` may have: how many systems record the same.
SYSTEM_COUNT = "system_count"
# Derived columns of one record alone, which `jobs/merge/derived/<record>.py` works out.
DERIVED = {
    "appeal": ("days_to_reply", "is_repeated_text"),
    "household": ("head_id", "member_count"),
    "resident": (
        *("is_registered", "lives_here", "registered_address", "is_deceased", "birth_year", "age_band"),
        *(SYSTEM_COUNT, "last_seen"),
    ),
}
# Before records said by what they are deduplicated, whatever counted its systems was by these.
_FORMER_DEDUPLICATION = ("resident_id", "status_code", "start_date")

Fault = tuple[Place, str]


def shape_of(kind: str | None, has_pairs: bool) -> str:
    """The shape that the other keys of a record imply."""
    if kind:
        return ENTITY
    return RELATION if has_pairs else FACT


def former_deduplication(columns: list[str]) -> tuple[str, ...]:
    """`deduplicate_by` of a file that was written before there was the word."""
    is_counted = {SYSTEM_COUNT, *_FORMER_DEDUPLICATION} <= set(columns)
    return _FORMER_DEDUPLICATION if is_counted else ()


def check_shape(written: object, record: "Record", kinds: Collection[str]) -> Iterator[Fault]:
    """Whether the shape agrees with kind and pairs.

    Args:
        written: the `shape` in the record's file; None if there is none.
        record: as far as it could be read.
        kinds: those that match knows.
    """
    shape = record.shape if written is None else written
    if shape not in SHAPES:
        yield ("shape",), f"{cut_short(str(shape))} is no shape. {suggest(shape, SHAPES)}"
    elif shape == ENTITY and not record.kind:
        yield ("kind",), _kind_wanted(record.name, kinds)
    elif shape != ENTITY and record.kind:
        yield ("kind",), f"a {shape} has no kind; write kind: null, or shape: entity"
    elif shape == RELATION and not record.pairs:
        yield ("pairs",), "a relation needs `pairs:`, each with relation, from and to"
    elif shape != RELATION and record.pairs:
        yield ("pairs",), f"only a relation has pairs; remove them from this {shape}, or write shape: relation"


def _kind_wanted(name: str, kinds: Collection[str]) -> str:
    if name in kinds:
        return f"an entity needs its kind; write kind: {name}"
    return f"match has no rules for the kind {name}, only for {', '.join(kinds)}; write shape: fact, or add a kind to match"


def check_needs(record: "Record") -> Iterator[Fault]:
    """What a record lacks that its shape needs, beside kind and pairs."""
    if record.shape == FACT:
        yield from _check_fact(record)
    if record.has_members and "family_code" not in record.field_names:
        yield ("fields",), "a relation of members needs the field `family_code`, which tells who heads a household"
    yield from _check_deduplication(record)


def _check_fact(record: "Record") -> Iterator[Fault]:
    if record.key != FACT_KEY:
        yield ("key",), "the key of a fact is [system, number]"
    number = next((field for field in record.fields if field.name == "number"), None)
    if number is None:
        yield ("fields",), "a fact needs the field `number`, by which its system knows it"
    elif number.sql_type != "string":
        yield ("fields",), f"field number: its type is {number.type}; write number or text"


def _check_deduplication(record: "Record") -> Iterator[Fault]:
    if record.deduplicate_by and record.shape != FACT:
        article = "an" if record.shape == ENTITY else "a"
        yield ("deduplicate_by",), f"only a fact is deduplicated, and this is {article} {record.shape}; remove it"
        return
    known = [*record.field_names, *record.speaks_of]
    for index, column in enumerate(record.deduplicate_by):
        if column not in known:
            told = f"{cut_short(str(column))} is no column of the record. {suggest(str(column), known)}"
            yield ("deduplicate_by", index), told
        elif column in record.deduplicate_by[:index]:
            yield ("deduplicate_by", index), f"{column} is named twice; name it once"


def check_derived(record: "Record") -> Iterator[Fault]:
    """Derived columns that no code works out."""
    known = list(DERIVED.get(record.name, ()))
    if record.deduplicate_by:
        known.append(SYSTEM_COUNT)
    if record.shape == ENTITY and _ADDRESS in record.field_names:
        known.append(DWELLING)
    for index, field in enumerate(record.derived):
        if field.name not in known:
            told = f"no code derives {field.name}; "
            told += f"make it a field that a contract feeds, or write jobs/merge/derived/{record.name}.py"
            yield ("derived", index, "name"), told
