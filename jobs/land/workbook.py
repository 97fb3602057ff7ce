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
import math
import re
from collections.abc import Iterator, Mapping, Sequence
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
from jobs.land.batches import Batch, FileRefused, Rejected, Unnamed, hold_notes, hold_trailing_blanks, no_rows, to_rows
from jobs.land.cells import column_texts
from jobs.land.footers import footer_reason, footer_word, is_group, is_lone_text
from jobs.land.headers import Layout, Merged, join_header_rows, key_places, match_headers, near_words
from jobs.land.kinds import check_kind
from jobs.land.records import Record, are_blank
from jobs.land.top_rows import take_top
from jobs.land.used_range import prepare_sheet

BATCH_ROWS = 10_000
_BATCH_CELLS = 500_000  # a sheet of thousands of columns gives small batches
_DEFAULT_NAME = re.compile("(Sheet|工作表)[0-9]{1,2}")


def parse(path: Path, obj: SourceObject) -> Iterator[Batch]:
    """Yield the sheet's rows in their order.

    Raises:
        FileRefused: before the first batch.
    """
    sheet = _open_sheet(path, obj.sheet)
    # The sheet is in memory anyway, so that any number of its texts can wait for a record.
    yield from hold_notes(hold_trailing_blanks(_parse_sheet(sheet, obj)), obj, most=math.inf)


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

    def rejected(self, at: int, reason: str) -> Rejected:
        return Rejected(self.first + at, reason, raw_text(self.cells(at)))


def _parse_sheet(sheet: calamine.CalamineSheet, obj: SourceObject) -> Iterator[Batch]:
    head, layout = _read_head(sheet, obj)
    yield head
    keys = key_places(obj, layout)
    merged = _merged_widths(sheet)
    for part in _list_parts(sheet, head.read, layout.width):
        yield _settle(part, _judge(part, layout, keys, merged), obj, layout)


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
    skipped, headers = take_top(_list_rows(sheet), obj)
    merged = _merged_below(sheet, headers[0].start - 1, len(headers))
    joined = join_header_rows([record.cells for record in headers], merged)
    return Batch(no_rows(obj), [], skipped, len(skipped)), match_headers(joined, obj, _left(sheet))


def _list_rows(sheet: calamine.CalamineSheet) -> Iterator[Record]:
    """The rows one by one, as records of one line each."""
    for number, row in enumerate(sheet.iter_rows(), start=1):
        cells = list(column_texts(row))
        yield Record(number, 1, raw_text(cells), cells, None)


def _left(sheet: calamine.CalamineSheet) -> int:
    """How many columns stand before the first one that is used."""
    return sheet.start[1] if sheet.start else 0


def _merged_below(sheet: calamine.CalamineSheet, top: int, height: int) -> Merged:
    """Merged ranges of the header rows, counted from their first row and the sheet's first used column."""
    left = _left(sheet)
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


def _judge(part: Part, layout: Layout, keys: Sequence[int], merged: Mapping[int, int]) -> np.ndarray:
    """Reason of each row that does not land, "" for the others, and `lone` for a text that may be a note."""
    reasons = np.full(part.filled.shape[1], "", object)
    reasons[part.filled.sum(axis=0) == 0] = "blank"
    for at in _find_suspects(part, layout, keys):
        reasons[at] = _row_reason(part.cells(at), layout, keys, merged.get(part.first + at, 1)) or ""
    return reasons


def _find_suspects(part: Part, layout: Layout, keys: Sequence[int]) -> list[int]:
    """The rows that hold something and may be no records; what can be told of whole columns tells of the others that they are."""
    filled, first = part.filled, part.filled.argmax(axis=0)
    counts = filled.sum(axis=0)
    title = next(at for at, title in enumerate(layout.titles) if title)
    is_suspect = np.array([cell.strip() == layout.titles[title] for cell in part.columns[title]])
    is_suspect |= counts == 1
    has_key = np.logical_or.reduce([filled[key] & (first != key) for key in keys], initial=False)
    for at in np.flatnonzero(~is_suspect & ~has_key & (counts > 1)).tolist():
        is_suspect[at] = footer_word(part.columns[first[at]][at]) is not None
    found: list[int] = np.flatnonzero(is_suspect & (counts > 0)).tolist()
    return found


def _row_reason(cells: tuple[str, ...], layout: Layout, keys: Sequence[int], merged: int) -> str | None:
    """Why a row does not land; `lone` for a text that may be a note; None for a record."""
    if are_blank(cells):
        return "blank"
    if tuple(map(str.strip, cells)) == layout.titles:
        return "header"
    if reason := footer_reason(cells, keys):
        return reason
    if is_group(cells, keys, layout.titles, merged):
        return "group"
    return "lone" if is_lone_text(cells, keys) else None


def _settle(part: Part, reasons: np.ndarray, obj: SourceObject, layout: Layout) -> Batch:
    """The rows of a part that land, and those that do not; lone texts land as well, for a record may follow."""
    is_record, is_lone = reasons == "", reasons == "lone"
    is_landing = is_record | is_lone
    last_record = np.flatnonzero(is_record).max(initial=-1)
    lone = np.flatnonzero(is_lone)
    return Batch(
        rows=_landing_rows(part, is_landing, obj, layout),
        skipped=[part.rejected(at, reasons[at]) for at in np.flatnonzero(~is_landing).tolist()],
        read=len(reasons),
        unnamed=_find_unnamed(part, is_landing, layout),
        lone=[part.rejected(at, "lone") for at in lone[lone > last_record].tolist()],
    )


def _landing_rows(part: Part, is_landing: np.ndarray, obj: SourceObject, layout: Layout) -> pa.RecordBatch:
    """The rows that land, in the columns of the contract; an optional one that the sheet lacks is null."""
    mask = pa.array(is_landing)
    nulls = pa.nulls(np.count_nonzero(is_landing), pa.string())
    columns = [nulls if at is None else part.arrays[at].filter(mask) for at in layout.positions]
    return to_rows(obj, part.first + np.flatnonzero(is_landing), columns)


def _find_unnamed(part: Part, is_landing: np.ndarray, layout: Layout) -> list[Unnamed]:
    """Values under no header, of the rows that land."""
    found = []
    for position in layout.unnamed:
        column, letter = part.columns[position], layout.letter(position)
        for at in np.flatnonzero(is_landing & part.filled[position]).tolist():
            found.append(Unnamed(part.first + at, letter, column[at]))
    return found


def raw_text(cells: Sequence[str]) -> str:
    """A row as it reads when copied out of the sheet: cells apart by tabs, without the empty ones at its end."""
    return "\t".join(cells).rstrip("\t")
