"""Both sides of a pair: what the records of two entities say, what agrees and what does not.

Reads: `links.mention`, `links.assignment`, `harmonised.<kind>`. Writes: nothing.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import chain
from typing import Any

from jobs.common.base.masks import mask_value
from jobs.common.lake.tables import Lake
from jobs.common.model.records import ModelField, Record
from jobs.common.run.conf import Conf
from jobs.read.output import csv_cell
from jobs.read.pairs import Found, record_key

_SHOWN = 4  # values of one field of one side
_NOTHING = "·"

Values = dict[str, list[str]]  # by field, the pair's own record first


@dataclass(frozen=True)
class Side:
    """One of the two: its entity, the systems and values of its records, and since which night the record is known."""

    entity_id: str
    systems: tuple[str, ...]
    values: Values
    since: date | None


@dataclass(frozen=True)
class Compared:
    """A pair with both sides; names of the fields that agree, and of those that do not."""

    found: Found
    one: Side
    other: Side
    agree: tuple[str, ...]
    differ: tuple[str, ...]


def compare_sides(lake: Lake, conf: Conf, pairs: Sequence[Found]) -> list[Compared]:
    """The pairs with what their records say, in the same order."""
    entities = sorted({entity for found in pairs for entity in found.entities})
    mentions = lake.rows("links.mention", {"entity_id": entities}).to_pylist()
    said = _read_values(lake, conf, mentions)
    since = first_nights(lake, chain.from_iterable(found.pair for found in pairs))
    of_entity: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for mention in mentions:
        of_entity[mention["entity_id"]].append(mention)
    compared = []
    for found in pairs:
        both = zip(found.pair, found.entities, strict=True)
        one, other = (_side(own, entity, of_entity[entity], said, since) for own, entity in both)
        agree, differ = agreement(one.values, other.values)
        compared.append(Compared(found, one, other, agree, differ))
    return compared


def _read_values(lake: Lake, conf: Conf, mentions: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, str]]:
    """What each mention's record says: values as text, by mention and field."""
    by_kind: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for mention in mentions:
        by_kind[mention["kind"]].append(mention)
    said: dict[str, dict[str, str]] = {}
    for kind, own in by_kind.items():
        said |= values_of_records(lake, conf.records[kind], own)
    return said


def values_of_records(
    lake: Lake, record: Record, mentions: Sequence[Mapping[str, Any]], version: int | None = None
) -> dict[str, dict[str, str]]:
    """What the record of each mention says: values as text, by mention and field; of the table's last version by default."""
    where = {"source_key": sorted({mention["source_key"] for mention in mentions}), "valid_to": None}
    rows = lake.arrow(f"harmonised.{record.name}", version, where).to_pylist()
    by_key = {record_key(row): row for row in rows}
    names = [field.name for field in record.fields]
    found = {}
    for mention in mentions:
        row = by_key.get(record_key(mention), {})
        texts = {name: csv_cell(row.get(name)) for name in names}
        found[mention["mention_id"]] = {name: text for name, text in texts.items() if text}
    return found


def first_nights(lake: Lake, mentions: Iterable[str]) -> dict[str, date]:
    """The night in which each of these mentions came first."""
    where = {"mention_id": sorted(set(mentions))}
    first: dict[str, date] = {}
    for row in lake.rows("links.assignment", where, ["mention_id", "valid_from"]).to_pylist():
        known = first.get(row["mention_id"], row["valid_from"])
        first[row["mention_id"]] = min(known, row["valid_from"])
    return first


def _side(
    own: str,
    entity: str,
    mentions: Collection[Mapping[str, Any]],
    said: Mapping[str, Mapping[str, str]],
    since: Mapping[str, date],
) -> Side:
    """One side; `own` is the mention of the pair, whose values come first."""
    ids = sorted((mention["mention_id"] for mention in mentions), key=lambda mention: (mention != own, mention))
    values: Values = {}
    for mention in ids:
        for name, text in said.get(mention, {}).items():
            known = values.setdefault(name, [])
            if text not in known:
                known.append(text)
    systems = tuple(sorted({mention["system"] for mention in mentions}))
    return Side(entity, systems, values, since.get(own))


def agreement(one: Values, other: Values) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Fields of which both say something: those with a value in common, and the others."""
    both = [name for name in one if name in other]
    agree = tuple(name for name in both if set(one[name]) & set(other[name]))
    return agree, tuple(name for name in both if name not in agree)


# --- as text ----------------------------------------------------------------------------------------------------------------


def side_lines(side: Side, beside: Side, record: Record, is_shown: bool) -> list[str]:
    """One line for each field of which either side says something: label and values, masked unless they are to be shown."""
    lines = []
    for field in record.fields:
        if field.name in side.values or field.name in beside.values:
            lines.append(f"{field_label(field)}: {_value_text(side.values.get(field.name, []), field, is_shown)}")
    return lines


def field_label(field: ModelField) -> str:
    """A field in Chinese, with its name beside."""
    return f"{field.zh} {field.name}"


def label_fields(names: Collection[str], record: Record) -> str:
    """Fields by their labels, in the order of the record."""
    return "; ".join(field_label(field) for field in record.fields if field.name in names)


def _value_text(values: Sequence[str], field: ModelField, is_shown: bool) -> str:
    if not values:
        return _NOTHING
    level = 0 if is_shown else field.level
    told = list(dict.fromkeys(mask_value(value, level) for value in values))[:_SHOWN]
    more = f" (+{len(values) - len(told)})" if len(values) > len(told) else ""
    return " / ".join(told) + more
