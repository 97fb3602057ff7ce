"""Results on stdout as table, JSON or CSV; progress and messages on stderr.

A table is as wide as its values. Where it would not fit the terminal (or `COLUMNS`), its longest columns are wrapped; where
that would not help either, each row becomes a block of lines. Into a pipe nothing is wrapped.
"""

import csv
import json
import math
import os
import re
import sys
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from itertools import zip_longest
from typing import Any

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

messages = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)

ID_SHOWN = 12  # characters of a file's id that tell it from others
_GAP = "  "
_NARROWEST = 16  # a column is not wrapped below this width
_TALLEST = 5  # lines of one row; a taller one is easier to read as a block
_PROSE = 30  # width from which the last column may hold a text of any length
# A value may hold line ends, and bytes that a terminal would take for commands.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


class Format(StrEnum):
    """How results are printed."""

    table = "table"
    json = "json"
    csv = "csv"


def print_rows(
    rows: Sequence[dict[str, Any]],
    format: Format,
    columns: Sequence[str] | None = None,
    shown: Sequence[str] | None = None,
) -> None:
    """Print rows with the same keys; JSON is one array of objects with numbers as numbers.

    Args:
        rows: what to print.
        format: how.
        columns: their order (default: that of the first row).
        shown: those that a table shows (default: all); JSON and CSV have all of them.
    """
    names = list(columns or next(iter(rows), {}))
    if format is Format.json:
        _print_json(rows, names)
    elif format is Format.csv:
        _print_csv(rows, names)
    elif rows:
        print_table(rows, list(shown or names))
    else:
        messages.print("no rows")


def _print_json(rows: Sequence[dict[str, Any]], names: list[str]) -> None:
    plain = [{name: plain_value(row.get(name)) for name in names} for row in rows]
    sys.stdout.write(json.dumps(plain, ensure_ascii=False, indent=1, allow_nan=False) + "\n")


def _print_csv(rows: Sequence[dict[str, Any]], names: list[str]) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(names)
    for row in rows:
        writer.writerow(csv_cell(row.get(name)) for name in names)


def print_table(rows: Sequence[dict[str, Any]], names: list[str]) -> None:
    """Print rows as a table, or one below the other where the table would be too wide."""
    cells = [[_cell(row.get(name)) for name in names] for row in rows]
    limit = output_width()
    widths = [max(map(cell_len, column)) for column in zip(names, *cells, strict=True)]
    fitted = fit_widths(widths, list(map(cell_len, names)), limit)
    console = Console(highlight=False, markup=False, soft_wrap=True)
    if fitted is None or _is_too_tall(cells, fitted):
        _print_blocks(console, names, cells, limit)
        return
    numeric = [_is_numeric(rows, name) for name in names]
    console.print(Text(_line(names, fitted, numeric), style="bold"))
    for row in cells:
        folded = map(_fold, row, fitted)
        for line in zip_longest(*folded, fillvalue=""):
            console.print(Text(_line(line, fitted, numeric)))


def print_text(text: Text) -> None:
    """Print a line of a result, never wrapped."""
    Console(highlight=False, markup=False, soft_wrap=True).print(text)


def output_width() -> int | None:
    """Columns that a line may take: `COLUMNS`, else the terminal's; None where there is no terminal."""
    columns = os.environ.get("COLUMNS", "")
    if columns.isdigit() and int(columns) > 0:
        return int(columns)
    return os.get_terminal_size(sys.stdout.fileno()).columns if sys.stdout.isatty() else None


def fit_widths(widths: Sequence[int], headers: Sequence[int], limit: int | None) -> list[int] | None:
    """Widths of the columns with the widest ones narrowed until they fit into `limit`; None where they cannot."""
    fitted = list(widths)
    room = None if limit is None else limit - len(_GAP) * (len(fitted) - 1)
    while room is not None and sum(fitted) > room:
        widest = max(range(len(fitted)), key=lambda at: fitted[at])
        if fitted[widest] <= max(_NARROWEST, headers[widest]):
            return None
        fitted[widest] -= 1
    return fitted


def _is_too_tall(cells: Sequence[Sequence[str]], widths: Sequence[int]) -> bool:
    """Whether a row takes more lines than one can read across; a text in the last column may."""
    folded = len(widths) - (widths[-1] >= _PROSE)
    return any(len(_fold(row[at], widths[at])) > _TALLEST for row in cells for at in range(folded))


def _print_blocks(console: Console, names: list[str], cells: list[list[str]], limit: int | None) -> None:
    label = max(map(cell_len, names))
    for number, row in enumerate(cells, start=1):
        console.print(Text(f"── {number} ".ljust(min(limit or 40, 40), "─"), style="dim"))
        for name, cell in zip(names, row, strict=True):
            first, *rest = _fold(cell, max((limit or sys.maxsize) - label - len(_GAP), _NARROWEST))
            line = Text(name + " " * (label - cell_len(name)), style="bold")
            console.print(line.append(_GAP + first, style="not bold"))
            for more in rest:
                console.print(Text(" " * label + _GAP + more))


def _fold(cell: str, width: int) -> list[str]:
    """Lines of at most `width`, broken between words where there are any."""
    if cell_len(cell) <= width:
        return [cell]
    return [line.plain.rstrip() for line in Text(cell).wrap(Console(width=width), width)]


def _line(cells: Sequence[str], widths: Sequence[int], numeric: Sequence[bool]) -> str:
    padded = []
    for cell, width, right in zip(cells, widths, numeric, strict=True):
        space = " " * (width - cell_len(cell))
        padded.append(space + cell if right else cell + space)
    return _GAP.join(padded).rstrip()


def _is_numeric(rows: Sequence[dict[str, Any]], name: str) -> bool:
    """Whether a column has a number, so that it is aligned to the right."""
    return any(_is_number(row.get(name)) for row in rows)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def _cell(value: Any) -> str:
    """A value as one line of a table; `·` stands for nothing."""
    return "·" if value is None else _CONTROL.sub(" ", _text(value))


def csv_cell(value: Any) -> str:
    """A value as a cell of CSV; an empty one stands for nothing."""
    return "" if value is None else _text(value)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="seconds").removesuffix("+00:00")
    if isinstance(value, str | int | float | Decimal | date):
        return str(value)
    return json.dumps(plain_value(value), ensure_ascii=False)


def plain_value(value: Any) -> Any:
    """A value as JSON knows it; what is no number (NaN, infinity) is null, as nothing else can be written."""
    if isinstance(value, float | Decimal):
        return _plain_number(value)
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict):
        return {str(key): plain_value(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return list(map(plain_value, value))
    return str(value)


def _plain_number(value: float | Decimal) -> int | float | None:
    if isinstance(value, Decimal):
        value = int(value) if value == value.to_integral_value() else float(value)
    return value if math.isfinite(value) else None
