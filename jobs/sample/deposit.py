"""Puts the files of the sample town where departments hand them over, and keeps the truth about their rows.

Reads: nothing. Writes: `<out>/<night>/<system>/<file>`, `<out>/truth.csv`, `<out>/rates.csv`. Refuses: nothing.
"""

import io
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path

import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

Value = str | int | float | date | None
_OWN_ROLES = {"resident": "person"}  # if it is not called as the kind
TRUTH_HEADER = "night,system,path,row_number,kind,role,truth_id"


@dataclass
class Deposit:
    """Where files go, and what was counted; the truth is written on as it is told."""

    out: Path
    on_progress: Callable[[str], None]
    counts: Counter[str] = field(default_factory=Counter)

    def begin(self) -> None:
        """Make the folder, and in it the truth with its header."""
        self.out.mkdir(parents=True, exist_ok=True)
        (self.out / "truth.csv").write_text(f"{TRUTH_HEADER}\n", encoding="utf-8", newline="\n")

    def note_rates(self, rates: Iterable[tuple[str, str, float]]) -> None:
        """Write how often each mistake is made: where, which, and its rate."""
        lines = ["scope,mistake,rate", *(f"{scope},{mistake},{rate}" for scope, mistake, rate in rates), ""]
        (self.out / "rates.csv").write_text("\n".join(lines), encoding="utf-8", newline="\n")

    def put(self, night: date, system: str, name: str, content: bytes) -> None:
        """Write one file below the night and the system."""
        path = self.out / night.isoformat() / system / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        self.on_progress(f"{night.isoformat()} {system}: {len(content):,} bytes")

    def tell(
        self, night: date, system: str, name: str, rows: Sequence[int], truths: Sequence[str | None],
        kind: str = "resident", role: str | None = None,
    ) -> None:  # fmt: skip
        """Write down of whom or of what the rows of a file speak; None: this row of nobody.

        Without a role it is that of the row's own entity, as in the contracts.
        """
        head = f"{night.isoformat()},{system},{name},"
        tail = f",{kind},{role or _OWN_ROLES.get(kind, kind)},"
        told = [f"{head}{row}{tail}{truth}\n" for row, truth in zip(rows, truths, strict=True) if truth]
        with (self.out / "truth.csv").open("a", encoding="utf-8", newline="\n") as file:
            file.writelines(told)


@dataclass
class Sheet:
    """A workbook with one sheet that is built row by row, the same bytes each time."""

    sheet: Worksheet
    plain_date: Format
    centred: Format
    _book: xlsxwriter.Workbook
    _buffer: io.BytesIO

    def write_row(self, row: int, values: Sequence[Value]) -> None:
        """Write a row (from 0): text as text, never as a formula or link; days as real dates."""
        for column, value in enumerate(values):
            if value is None or value == "":
                continue
            if isinstance(value, str):
                self.sheet.write_string(row, column, value)
            elif isinstance(value, date):
                self.sheet.write_datetime(row, column, value, self.plain_date)
            else:
                self.sheet.write_number(row, column, value)

    def content(self) -> bytes:
        self._book.close()
        return self._buffer.getvalue()


def open_sheet(name: str, night: date) -> Sheet:
    """A workbook in memory: then its parts carry a fixed time, and `created` is the only other one inside."""
    buffer = io.BytesIO()
    book = xlsxwriter.Workbook(buffer, {"in_memory": True})
    book.set_properties({"author": "街道办", "created": datetime(night.year, night.month, night.day, 18)})
    return Sheet(
        sheet=book.add_worksheet(name),
        plain_date=book.add_format({"num_format": "yyyy-mm-dd"}),
        centred=book.add_format({"align": "center", "valign": "vcenter", "bold": True}),
        _book=book,
        _buffer=buffer,
    )
