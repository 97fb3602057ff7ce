"""Which system has the say about a field: the orders of `conf/authority.yml`, and the place of a row in such an order.

Reads: `conf/authority.yml`. Refuses: a record, key, field or system that is not known, and a system named twice in an order.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from pyspark.sql import Column
from pyspark.sql import functions as F

from jobs.common.base.errors import UserError
from jobs.common.base.suggestions import list_words
from jobs.common.contracts.sources import OWN_ROLES
from jobs.common.model.records import Record
from jobs.common.model.shapes import FACT
from jobs.common.run.conf import Conf

_FILE = "conf/authority.yml"
RANK, AGE, _MENTION = 4, 7, 32  # characters of each part of a place
PLACE_LENGTH = RANK + AGE + _MENTION
STANDS_BEHIND = 1000  # more than there are systems


@dataclass(frozen=True)
class Authority:
    """Order of systems for each field of a record, the strongest first."""

    default: tuple[str, ...]
    fields: dict[str, tuple[str, ...]]

    def order(self, field: str) -> tuple[str, ...]:
        return self.fields.get(field, self.default)


def load_authority(conf: Conf, record: Record) -> Authority:
    """The order of systems for `record`; systems without a place come last, in the order of their names."""
    document = conf.yaml("authority.yml") or {}
    if unknown := set(document) - set(conf.records):
        known = ", ".join(conf.records)
        raise UserError(f"{_FILE}: the model has no record {list_words(unknown)}; it has {known}")
    entry = document.get(record.name) or {}
    if unknown := set(entry) - {"default", "fields"}:
        raise UserError(f"{_FILE}: {record.name}: unknown key {list_words(unknown)}; there are default, fields")
    orders = {"default": entry.get("default") or [], **(entry.get("fields") or {})}
    _check_orders(conf, record, orders)
    systems = sorted(conf.sources)
    complete = {name: tuple(dict.fromkeys([*order, *systems])) for name, order in orders.items()}
    return Authority(complete.pop("default"), complete)


def _check_orders(conf: Conf, record: Record, orders: Mapping[str, Any]) -> None:
    chosen = {field.name for field in record.fields} if record.shape != FACT else set()
    if unknown := set(orders) - {"default"} - chosen:
        why = f"has no field {list_words(unknown)}" if chosen else "is chosen by the row, not by the field"
        raise UserError(f"{_FILE}: {record.name} {why}")
    for name, order in orders.items():
        if not isinstance(order, list) or len(set(order)) < len(order):
            raise UserError(f"{_FILE}: {record.name}: {list_words([name])} is no list of systems, each named once")
    named = set(chain.from_iterable(orders.values()))
    if unknown := named - {*conf.sources, *conf.refused_contracts}:
        there = ", ".join(sorted(conf.sources))
        raise UserError(f"{_FILE}: no contract declares {list_words(unknown)}; there are {there}")


def rank_mention(order: Sequence[str]) -> Column:
    """Place of a mention for one field; smaller wins. A mention in another role than the row's own comes after all others."""
    place = F.lit(len(order))
    for index, system in reversed(list(enumerate(order))):
        place = F.when(F.col("system") == system, F.lit(index)).otherwise(place)
    return place + F.when(F.col("role").isin(*OWN_ROLES), F.lit(0)).otherwise(F.lit(STANDS_BEHIND))


def choice_order(order: Sequence[str]) -> list[Column]:
    """The total order by which one value of a field is chosen: authority, newest version, least mention."""
    age = F.datediff(F.lit("9999-12-31").cast("date"), F.col("valid_from"))
    return [rank_mention(order), age, F.col("mention_id")]


def place_text(order: Sequence[str]) -> Column:
    """`choice_order` as one text of a fixed length, whose least stands first; null without a mention or version."""
    rank, age, mention = choice_order(order)
    parts = [F.lpad(part.cast("string"), length, "0") for part, length in ((rank, RANK), (age, AGE))]
    return F.concat(*parts, mention)
