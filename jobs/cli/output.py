"""Results on stdout as table, JSON or CSV; progress and messages on stderr."""

import csv
import json
import sys
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from rich.console import Console
from rich.table import Table

messages = Console(stderr=True, highlight=False)


class Format(StrEnum):
    """How results are printed."""

    table = "table"
    json = "json"
    csv = "csv"


def print_rows(rows: Sequence[dict[str, Any]], format: Format, columns: Sequence[str] | None = None) -> None:
    """Print rows with the same keys; JSON is one array of objects with numbers as numbers."""
    names = list(columns or (rows[0] if rows else []))
    if format is Format.json:
        sys.stdout.write(json.dumps(list(rows), ensure_ascii=False, indent=1, default=_plain) + "\n")
    elif format is Format.csv:
        writer = csv.DictWriter(sys.stdout, names, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: _text(row.get(name), "") for name in names} for row in rows)
    else:
        _print_table(rows, names)


def _print_table(rows: Sequence[dict[str, Any]], names: list[str]) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in names:
        numeric = any(isinstance(row.get(name), int | float | Decimal) for row in rows)
        table.add_column(name, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*[_text(row.get(name), "·") for name in names])
    # Without a terminal there is no width to fit into.
    Console(highlight=False, markup=False, width=None if sys.stdout.isatty() else 200).print(table)
    if not rows:
        messages.print("no rows")


def _text(value: Any, empty: str) -> str:
    if value is None:
        return empty
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="seconds")
    return str(value)


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, date | datetime):
        return value.isoformat()
    return str(value)
