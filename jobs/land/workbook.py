"""Parser of workbooks (XLSX, XLS): the declared sheet, one at a time, its cells as the text Excel would show.

Reads: one archived file; the sheet is held in memory as a whole by the reader. Refuses (FileRefused): a workbook that is
password-protected, damaged or too large for memory, one without the sheet, an empty sheet, headers that are not the
contract's.
Quarantines: ragged_row (a value in a column without a header). Skips: title, header (also repeated further down), blank,
total, signature.

Values: whole numbers without `.0`; dates as ISO; TRUE and FALSE; an empty cell, or one with an error (#N/A), as null.
A merged range of records has its value in its first cell only, as the file has it.
"""

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import pyarrow as pa
import python_calamine as calamine

from jobs.common.contract_document import nearest_word
from jobs.common.contracts import SourceObject
from jobs.land.batches import Batch, FileRefused, Rejected, hold_trailing_blanks, to_rows
from jobs.land.cells import column_texts
from jobs.land.extent import check_extent
from jobs.land.footers import footer_reason, is_lone_text
from jobs.land.headers import Layout, Merged, join_header_rows, match_headers

BATCH_ROWS = 10_000
_OLE_MAGIC = bytes.fromhex("d0cf11e0a1b11ae1")
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")

Row = tuple[int, tuple[str, ...]]  # row number and cells as text


def parse(path: Path, obj: SourceObject) -> Iterator[Batch]:
    """Yield the sheet's rows in their order.

    Raises:
        FileRefused: before the first batch.
    """
    sheet = _open_sheet(path, obj.sheet)
    yield from hold_trailing_blanks(_parse_sheet(sheet, obj))


def _open_sheet(path: Path, name: str) -> calamine.CalamineSheet:
    with open(path, "rb") as file:
        start = file.read(len(_OLE_MAGIC))
        if not start:
            raise FileRefused("empty_file", "0 bytes")
        if start == _OLE_MAGIC and _ENCRYPTED in file.read():
            raise FileRefused("password_protected", "the workbook is encrypted")
    try:
        book = calamine.load_workbook(path)
        sheets = {title.strip(): title for title in reversed(book.sheet_names)}
        if name.strip() in sheets:
            check_extent(path, sheets[name.strip()])
            return book.get_sheet_by_name(sheets[name.strip()])
    except calamine.PasswordError as error:
        raise FileRefused("password_protected", "the workbook is encrypted") from error
    except BaseException as error:
        # A defect of the reader shows as a PanicException, which is no Exception; here it says the file is damaged.
        if not isinstance(error, calamine.CalamineError) and type(error).__name__ != "PanicException":
            raise
        raise FileRefused("unreadable", "no workbook, or one that is damaged or cut short") from error
    near = nearest_word(name, sheets) or (next(iter(sheets)) if len(sheets) == 1 else None)
    listed = f"nearest: {near}" if near else f"sheets: {', '.join(book.sheet_names[:10])}"
    raise FileRefused("missing_sheet", f"no sheet {name} ({listed})")


def _parse_sheet(sheet: calamine.CalamineSheet, obj: SourceObject) -> Iterator[Batch]:
    rows = _text_rows(sheet)
    head, layout = _read_head(rows, sheet, obj)
    yield head
    keys = [at for at, column in zip(layout.positions, obj.columns, strict=True) if column.primary_key]
    # Lone texts wait for the next record: where one follows they are records too, else notes at the end of the sheet.
    waiting: list[Row] = []
    blanks: list[Rejected] = []  # those at the end of the sheet are no rows of the export
    while part := list(islice(rows, BATCH_ROWS)):
        landing: list[Row] = []
        quarantined: list[Rejected] = []
        skipped: list[Rejected] = []
        read = 0
        for number, cells in part:
            reason = _row_reason(cells, layout, keys)
            if reason == "blank":
                blanks.append(Rejected(number, reason, raw_text(cells)))
                continue
            read += len(blanks) + 1
            skipped += blanks
            blanks = []
            if reason is None:
                landing += [*waiting, (number, cells)]
                waiting = []
            elif reason == "lone":
                waiting.append((number, cells))
            else:
                rejected = Rejected(number, reason, raw_text(cells))
                (quarantined if reason == "ragged_row" else skipped).append(rejected)
        yield Batch(_landed(landing, obj, layout), quarantined, skipped, read)
    notes = [Rejected(number, "signature", raw_text(cells)) for number, cells in waiting]
    yield Batch(_landed([], obj, layout), [], notes, 0)


def _text_rows(sheet: calamine.CalamineSheet) -> Iterator[Row]:
    """Row number and cells as text; converted by columns, as most hold one type."""
    rows = sheet.iter_rows()
    first = 1
    while part := list(islice(rows, BATCH_ROWS)):
        columns = [column_texts(column) for column in zip(*part, strict=True)]
        yield from enumerate(zip(*columns, strict=True), start=first)
        first += len(part)


def _read_head(rows: Iterator[Row], sheet: calamine.CalamineSheet, obj: SourceObject) -> tuple[Batch, Layout]:
    """Title and header rows, and the layout they give."""
    skipped: list[Rejected] = []
    headers: list[tuple[str, ...]] = []
    top = 0
    for number, cells in rows:
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
    layout = match_headers(join_header_rows(headers, _merged_below(sheet, top - 1, len(headers))), obj)
    return Batch(_landed([], obj, layout), [], skipped, len(skipped)), layout


def _merged_below(sheet: calamine.CalamineSheet, top: int, height: int) -> Merged:
    """Merged ranges of the header rows, counted from their first row and the sheet's first used column."""
    left = sheet.start[1] if sheet.start else 0
    return [
        ((first[0] - top, first[1] - left), (last[0] - top, last[1] - left))
        for first, last in sheet.merged_cell_ranges or []
        if top <= first[0] < top + height
    ]


def _row_reason(cells: tuple[str, ...], layout: Layout, keys: Sequence[int]) -> str | None:
    """Why a row does not land; `lone` for a text that may be a note; None for a record."""
    filled = [cell for cell in cells if cell and not cell.isspace()]
    if not filled:
        return "blank"
    if filled[0].strip() in layout.titles and tuple(cell.strip() for cell in cells) == layout.titles:
        return "header"
    if reason := footer_reason(cells, keys):
        return reason
    if any(cells[position].strip() for position in layout.unnamed):
        return "ragged_row"
    return "lone" if len(filled) == 1 and is_lone_text(cells, keys) else None


def _landed(rows: Sequence[Row], obj: SourceObject, layout: Layout) -> pa.RecordBatch:
    columns = list(zip(*(cells for _, cells in rows), strict=True)) if rows else [()] * layout.width
    return to_rows(obj, [number for number, _ in rows], [columns[position] for position in layout.positions])


def raw_text(cells: Sequence[str]) -> str:
    """A row as it reads when copied out of the sheet: cells apart by tabs, without the empty ones at its end."""
    return "\t".join(cells).rstrip("\t")
