"""Which system has the say about a field: the orders of `conf/authority.yml`.

Reads: `conf/authority.yml`. Refuses: a record, key, field or system that is not known, and a system named twice in an order.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

from jobs.common.base.errors import UserError
from jobs.common.base.suggestions import list_words
from jobs.common.model.records import Record
from jobs.common.model.shapes import FACT
from jobs.common.run.conf import Conf

_FILE = "conf/authority.yml"


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
