"""Parser of workbooks (XLSX, XLS): the declared sheet, one at a time, its cells as the text Excel would show.

Reads: one archived file (also XLSB, ODS); the sheet is held in memory as a whole by the reader. Refuses (FileRefused): what
is no workbook, one that is password-protected, damaged or too large for memory, one without the sheet, an empty sheet,
headers that are not the contract's.
Skips: title, header (also repeated further down), blank, total, signature, group.

Values: whole numbers without `.0`; dates as ISO; TRUE and FALSE; an empty cell as null; an error as its word (`#N/A`), a
formula that was never computed as `#NO_VALUE!`.
A merged range of records has its value in its first cell only, as the file has it.
"""

import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import python_calamine as calamine

from jobs.common.base.suggestions import nearest_word
from jobs.common.contracts.sources import SourceObject
from jobs.land.batches import Batch, FileRefused, Rejected, Unnamed, hold_trailing_blanks, no_rows, to_rows
from jobs.land.cells import column_texts
from jobs.land.footers import footer_reason, footer_word, is_group, is_lone_text
from jobs.land.headers import Layout, Merged, join_header_rows, key_places, match_headers, near_words
from jobs.land.kinds import check_kind
from jobs.land.used_range import prepare_sheet

BATCH_ROWS = 10_000
_BATCH_CELLS = 500_000  # a sheet of thousands of columns gives small batches
_DEFAULT_NAME = re.compile("(Sheet|工作表)[0-9]{1,2}")

Row = tuple[int, tuple[str, ...]]  # row number and cells as text


def parse(path: Path, obj: SourceObject) -> Iterator[Batch]:
    """Yield the sheet's rows in their order.

    Raises:
        FileRefused: before the first batch.
    """
    sheet = _open_sheet(path, obj.sheet)
    yield from hold_trailing_blanks(_parse_sheet(sheet, obj))


def _open_sheet(path: Path, name: str) -> calamine.CalamineSheet:
    data = check_kind(path.read_bytes())
    try:
        book = calamine.load_workbook(io.BytesIO(data))
        titles = {title.strip(): title for title in reversed(book.sheet_names)}
        if (title := titles.get(name.strip())) is not None:
            prepared = prepare_sheet(data, title)
            book = book if prepared is data else calamine.load_workbook(io.BytesIO(prepared))
            return book.get_sheet_by_name(title)
    except calamine.PasswordError as error:
        raise FileRefused("password_protected", "the workbook is encrypted") from error
    except (FileRefused, MemoryError):
        raise
    except BaseException as error:  # a defect of the reader shows as a PanicException, which is no Exception
        raise FileRefused("unreadable", "no workbook, or one that is damaged or cut short") from error
    # The other names may be people's.
    near = nearest_word(name, near_words(titles, [name])) or next(filter(_DEFAULT_NAME.fullmatch, titles), None)
    listed = f"nearest: {near}" if near else f"sheets: {len(book.sheet_names)}, none of a name near it"
    raise FileRefused("missing_sheet", f"no sheet {name} ({listed})")


@dataclass(frozen=True)
class Part:
    """Some rows of a sheet, of which the first has the number `first`, as columns of text."""

    first: int
    columns: list[Sequence[str]]

    @cached_property
    def arrays(self) -> list[pa.Array]:
        return [pa.array(column, pa.string()) for column in self.columns]

    @cached_property
    def filled(self) -> np.ndarray:
        """Whether a cell holds more than white space, by column and row."""
        blank = [pc.or_(pc.utf8_is_space(array), pc.equal(array, "")) for array in self.arrays]
        return ~np.array([of_column.to_numpy(zero_copy_only=False) for of_column in blank])

    def cells(self, at: int) -> tuple[str, ...]:
        return tuple(column[at] for column in self.columns)


def _parse_sheet(sheet: calamine.CalamineSheet, obj: SourceObject) -> Iterator[Batch]:
    head, layout = _read_head(sheet, obj)
    yield head
    keys = key_places(obj, layout)
    # Lone texts wait for the next record: where one follows they are records too, else notes at the end of the sheet.
    waiting: list[Row] = []
    merged = _merged_widths(sheet)
    blanks: list[Rejected] = []  # those at the end of the sheet are no rows of the export
    for part in _list_parts(sheet, head.read, layout.width):
        is_blank = part.filled.sum(axis=0) == 0
        suspects = {
            at: "blank" if is_blank[at] else _row_reason(part.cells(at), layout, keys, merged.get(part.first + at, 1))
            for at in _find_suspects(part, layout, keys)
        }
        others = {at: reason for at, reason in suspects.items() if reason}
        is_landing = np.ones(part.filled.shape[1], bool)
        is_landing[list(others)] = False
        last_record = max(np.flatnonzero(is_landing), default=-1)
        last_filled = max([last_record, *(at for at, reason in others.items() if reason != "blank")])
        released, waiting = (waiting, []) if last_record >= 0 else ([], waiting)
        skipped, blanks = (blanks, []) if last_filled >= 0 else ([], blanks)
        read = len(skipped) + int(last_filled) + 1
        for at, reason in others.items():
            number, cells = part.first + at, part.cells(at)
            if reason == "lone" and at > last_record:
                waiting.append((number, cells))
            elif reason == "lone":
                is_landing[at] = True
            else:
                aside = blanks if at > last_filled else skipped
                aside.append(Rejected(number, reason, raw_text(cells)))
        unnamed = _find_unnamed(released, part, is_landing, layout)
        yield Batch(_landed(released, part, is_landing, obj, layout), [], skipped, read, unnamed)
    notes = [Rejected(number, "signature", raw_text(cells)) for number, cells in waiting]
    yield Batch(no_rows(obj), [], notes, 0)


def _list_parts(sheet: calamine.CalamineSheet, after: int, width: int) -> Iterator[Part]:
    """The rows after so many; converted by columns, as most hold one type. The contract may name more than the sheet has."""
    rows = islice(sheet.iter_rows(), after, None)
    size = max(min(BATCH_ROWS, _BATCH_CELLS // max(sheet.total_width, 1)), 1)
    while part := list(islice(rows, size)):
        columns = [column_texts(column) for column in zip(*part, strict=True)]
        yield Part(after + 1, columns + [[""] * len(part)] * (width - len(columns)))
        after += len(part)


def _read_head(sheet: calamine.CalamineSheet, obj: SourceObject) -> tuple[Batch, Layout]:
    """Title and header rows, and the layout they give."""
    skipped: list[Rejected] = []
    headers: list[tuple[str, ...]] = []
    top = 0
    for number, row in enumerate(sheet.iter_rows(), start=1):
        cells = tuple(column_texts(row))
        reason = "header"
        if number <= obj.skip_rows:
            reason = "title"
        elif not headers and not any(cell.strip() for cell in cells):
            reason = "blank"
        else:
            top = top or number
            headers.append(cells)
        skipped.append(Rejected(number, reason, raw_text(cells)))
        if len(headers) == obj.header_rows:
            break
    if not headers:
        raise FileRefused("empty_file", f"no header row in sheet {obj.sheet}")
    if len(headers) < obj.header_rows:
        raise FileRefused("missing_header", f"sheet {obj.sheet} ends before its header rows ({obj.header_rows})")
    left = sheet.start[1] if sheet.start else 0
    layout = match_headers(join_header_rows(headers, _merged_below(sheet, top - 1, len(headers))), obj, left)
    return Batch(no_rows(obj), [], skipped, len(skipped)), layout


def _merged_below(sheet: calamine.CalamineSheet, top: int, height: int) -> Merged:
    """Merged ranges of the header rows, counted from their first row and the sheet's first used column."""
    left = sheet.start[1] if sheet.start else 0
    return [
        ((first[0] - top, first[1] - left), (last[0] - top, last[1] - left))
        for first, last in sheet.merged_cell_ranges or []
        if top <= first[0] < top + height
    ]


def _merged_widths(sheet: calamine.CalamineSheet) -> dict[int, int]:
    """How many columns the widest merged range that begins in a row spans, by row number."""
    widths: dict[int, int] = {}
    for (row, left), (_, right) in sheet.merged_cell_ranges or []:
        widths[row + 1] = max(widths.get(row + 1, 1), right - left + 1)
    return widths


def _find_suspects(part: Part, layout: Layout, keys: Sequence[int]) -> list[int]:
    """The rows that may be no records, in their order; what can be told of whole columns tells of all others that they are."""
    filled, first = part.filled, part.filled.argmax(axis=0)
    title = next(at for at, title in enumerate(layout.titles) if title)
    is_suspect = np.array([cell.strip() == layout.titles[title] for cell in part.columns[title]])
    is_suspect |= filled.sum(axis=0) <= 1
    has_key = np.logical_or.reduce([filled[key] & (first != key) for key in keys], initial=False)
    for at in np.flatnonzero(~is_suspect & ~has_key).tolist():
        is_suspect[at] = footer_word(part.columns[first[at]][at]) is not None
    found: list[int] = np.flatnonzero(is_suspect).tolist()
    return found


def _row_reason(cells: tuple[str, ...], layout: Layout, keys: Sequence[int], merged: int) -> str | None:
    """Why a row does not land; `lone` for a text that may be a note; None for a record."""
    filled = [cell for cell in cells if cell and not cell.isspace()]
    if not filled:
        return "blank"
    if filled[0].strip() in layout.titles and tuple(cell.strip() for cell in cells) == layout.titles:
        return "header"
    if reason := footer_reason(cells, keys):
        return reason
    if len(filled) == 1 and is_group(cells, keys, layout.titles, merged):
        return "group"
    return "lone" if len(filled) == 1 and is_lone_text(cells, keys) else None


def _landed(
    released: Sequence[Row], part: Part, is_landing: np.ndarray, obj: SourceObject, layout: Layout
) -> pa.RecordBatch:
    """The rows that had waited, and those of the part that land."""
    numbers = [*(number for number, _ in released), *(part.first + np.flatnonzero(is_landing))]
    columns, mask = [], pa.array(is_landing)
    for position in layout.positions:
        if position is None:  # an optional one
            columns.append(pa.nulls(len(numbers), pa.string()))
            continue
        earlier = pa.array([cells[position] for _, cells in released], pa.string())
        own = part.arrays[position].filter(mask)
        columns.append(pa.concat_arrays([earlier, own]))
    return to_rows(obj, numbers, columns)


def _find_unnamed(released: Sequence[Row], part: Part, is_landing: np.ndarray, layout: Layout) -> list[Unnamed]:
    """Values under no header, of the rows that had waited and of those of the part that land."""
    found = []
    for position in layout.unnamed:
        values = [(number, cells[position]) for number, cells in released if cells[position].strip()]
        for at in np.flatnonzero(is_landing & part.filled[position]):
            values.append((part.first + int(at), part.columns[position][int(at)]))
        found += [Unnamed(number, layout.letter(position), value) for number, value in values]
    return found


def raw_text(cells: Sequence[str]) -> str:
    """A row as it reads when copied out of the sheet: cells apart by tabs, without the empty ones at its end."""
    return "\t".join(cells).rstrip("\t")
