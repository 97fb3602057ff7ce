"""What becomes of the records of delimited text: rows that land, rows set aside, rows that hold no record.

Empty cells too many or too few are no fault: spreadsheets leave them out at the end of a line, or write some more. A record
that ends before its key or a required column is ragged, as it may be half of one; so is a value beyond the last header. A
single record with a cell too many is ragged as well if the last column is often empty: a delimiter in a value moves cells.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jobs.common.contracts.sources import SourceObject
from jobs.land.batches import Batch, Rejected, Unnamed, rows_schema
from jobs.land.footers import FOOTER_START, footer_reason, footer_word, is_group, is_lone_text
from jobs.land.headers import Layout, key_places
from jobs.land.records import Parsed, Record, are_blank, text_column

_SELDOM = 0.1  # share of the records
_QUARANTINED = ("ragged_row", "bad_bytes", "unclosed_quote")


@dataclass(frozen=True)
class Rows:
    """Records in their order, as many columns as the header has; `is_ragged` marks those of the wrong shape."""

    numbers: np.ndarray
    columns: list[pa.Array]
    is_ragged: np.ndarray

    @cached_property
    def filled(self) -> np.ndarray:
        """How many cells of a row hold something."""
        counts = np.zeros(len(self.numbers), np.int64)
        for column in self.columns:
            counts += 1 if column.null_count == 0 else column.is_valid().to_numpy(zero_copy_only=False)
        return counts

    def cells(self, at: int) -> list[str]:
        return [column[at].as_py() or "" for column in self.columns]


def settle(parsed: Parsed, text_of: Callable[[int], str], obj: SourceObject, layout: Layout) -> Batch:
    """Decide what lands of a block's records.

    Args:
        parsed: the records.
        text_of: a record's text by its number.
        obj: the object of the contract.
        layout: where its columns stand.
    """
    keys = key_places(obj, layout)
    rows, rejected = _even_out(parsed, layout, keys)
    faults = _judge(rows, layout, keys)
    is_landing = faults == ""
    for at in np.flatnonzero(~is_landing).tolist():
        number = int(rows.numbers[at])
        rejected.append(Rejected(number, str(faults[at]), text_of(number)))
    rejected.sort(key=lambda row: row.row_number)
    lone = [int(rows.numbers[at]) for at in _find_lone(rows, is_landing, keys)]
    return Batch(
        rows=_landing_rows(rows, is_landing, obj, layout),
        quarantined=[row for row in rejected if row.reason in _QUARANTINED],
        skipped=[row for row in rejected if row.reason not in _QUARANTINED],
        read=len(parsed.numbers) + len(parsed.others),
        unnamed=_find_unnamed(rows, is_landing, layout),
        lone=[Rejected(number, "lone", text_of(number)) for number in lone],
    )


def _judge(rows: Rows, layout: Layout, keys: Sequence[int]) -> np.ndarray:
    """Reason of each row that does not land, "" for the others: its shape, then what it says."""
    faults = _find_faults(rows, layout)
    for at in _find_suspects(rows, faults):
        faults[at] = footer_reason(rows.cells(at), keys) or ""
    has_one_cell = (rows.filled == 1) & (faults == "")
    for at in np.flatnonzero(has_one_cell).tolist():
        faults[at] = "group" if is_group(rows.cells(at), keys, layout.titles) else ""
    return faults


def _landing_rows(rows: Rows, is_landing: np.ndarray, obj: SourceObject, layout: Layout) -> pa.RecordBatch:
    """The rows that land, in the columns of the contract; one that the file lacks is null."""
    nulls = pa.nulls(len(rows.numbers), pa.string())
    columns = [nulls if at is None else rows.columns[at] for at in layout.positions]
    batch = pa.RecordBatch.from_arrays([pa.array(rows.numbers), *columns], schema=rows_schema(obj))
    return batch.filter(pa.array(is_landing))


def _even_out(parsed: Parsed, layout: Layout, keys: Sequence[int]) -> tuple[Rows, list[Rejected]]:
    """The records as rows of the layout's width; and those that cannot be, or of another width that are blank."""
    further, rejected = _sort_others(parsed, layout, keys)
    width, count = len(parsed.columns), len(parsed.numbers)
    columns = parsed.columns[: layout.width] + [pa.nulls(count, pa.string())] * (layout.width - width)
    is_ragged = np.zeros(count, bool)
    for column in parsed.columns[layout.width :]:
        is_ragged |= ~is_blank(column)
    if width < layout.needed:
        is_ragged |= ~are_all_blank(columns)
    if not further:
        return Rows(parsed.numbers, columns, is_ragged), rejected
    numbers = np.concatenate([parsed.numbers, np.array([record.start for record in further], np.int64)])
    order = np.argsort(numbers)
    both = [pa.concat_arrays([column, _cells_at(further, at)]) for at, column in enumerate(columns)]
    is_ragged = np.concatenate([is_ragged, np.zeros(len(further), bool)])
    return Rows(numbers[order], [column.take(pa.array(order)) for column in both], is_ragged[order]), rejected


def _sort_others(parsed: Parsed, layout: Layout, keys: Sequence[int]) -> tuple[list[Record], list[Rejected]]:
    """Records of another width than the file's: those that are rows all the same, and those that are set aside or blank."""
    rejected: list[Rejected] = []
    further: list[Record] = []
    # As many cells as the file's records have; more only where nothing can have been moved.
    most = None if _is_last_filled(parsed, layout) else max(layout.width, len(parsed.columns))
    for record in parsed.others:
        reason = record.fault
        if reason is None:
            reason = _reason_of_width(record.cells, layout, keys, most)
        if reason is None:
            further.append(record)
        else:
            rejected.append(Rejected(record.start, reason, record.text))
    return further, rejected


def _reason_of_width(cells: Sequence[str], layout: Layout, keys: Sequence[int], most: int | None) -> str | None:
    """Why a record of another width does not land; None if it does, or if it is a heading, which is told later."""
    if are_blank(cells):
        return "blank"
    if is_group(cells, keys, layout.titles):
        return None
    return "ragged_row" if _is_ragged(cells, layout, most) else None


def _is_last_filled(parsed: Parsed, layout: Layout) -> bool:
    """Whether the last column holds something in nearly all records, so that an empty cell behind it is one too many.

    Otherwise a delimiter within a value may have moved the last column's own empty cell there, and all cells before it.
    Blank lines count for nothing: they are records without cells by one way of reading and with empty ones by the other.
    """
    if len(parsed.numbers) == 0:
        return True
    if len(parsed.columns) < layout.width:
        return False
    is_empty = is_blank(parsed.columns[layout.width - 1])
    if is_empty.mean() <= _SELDOM:
        return True
    holds_something = ~are_all_blank(parsed.columns)
    return bool(is_empty[holds_something].sum() <= _SELDOM * holds_something.sum())


def _is_ragged(cells: Sequence[str], layout: Layout, most: int | None) -> bool:
    """Whether a record is cut before a cell that must be there, or has a value or more than `most` cells too many."""
    is_short = len(cells) < layout.needed
    has_more = not are_blank(cells[layout.width :])
    return is_short or has_more or (most is not None and len(cells) > most)


def _cells_at(records: Sequence[Record], at: int) -> pa.Array:
    """The cells of records in one column; empty where a record ends before it."""
    return text_column("".join(record.cells[at : at + 1]) for record in records)


def _find_faults(rows: Rows, layout: Layout) -> np.ndarray:
    """Reason of each row that does not land, "" for the others."""
    faults = np.full(len(rows.numbers), "", dtype=object)
    faults[rows.is_ragged] = "ragged_row"
    is_header = np.ones(len(faults), bool)
    is_empty = np.ones(len(faults), bool)
    for position, column in enumerate(rows.columns):
        if is_empty.any():
            is_empty &= is_blank(column)
        if is_header.any() and layout.titles[position]:
            is_header &= pc.fill_null(pc.equal(column, layout.titles[position]), False).to_numpy(zero_copy_only=False)
    faults[is_header & ~rows.is_ragged] = "header"
    faults[is_empty & ~rows.is_ragged] = "blank"
    return faults


def _find_suspects(rows: Rows, faults: np.ndarray) -> list[int]:
    """Rows whose first text reads like a total or signature."""
    first = pc.coalesce(*rows.columns)
    is_near = pc.fill_null(pc.match_substring_regex(first, FOOTER_START), False)
    words = [word for word in pc.unique(first.filter(is_near)).to_pylist() if not word.strip() or footer_word(word)]
    if not words:
        return []
    is_suspect = pc.is_in(first, value_set=pa.array(words, pa.string())).to_numpy(zero_copy_only=False)
    found: list[int] = np.flatnonzero(is_suspect & (faults == "")).tolist()
    return found


def _find_lone(rows: Rows, is_landing: np.ndarray, keys: Sequence[int]) -> list[int]:
    """The rows at the end that hold one text and no key: notes, unless a record follows in another block."""
    found: list[int] = []
    for at in reversed(np.flatnonzero(is_landing).tolist()):
        if not is_lone_text(rows.cells(at), keys):
            break
        found.append(at)
    return found[::-1]


def _find_unnamed(rows: Rows, is_landing: np.ndarray, layout: Layout) -> list[Unnamed]:
    found = []
    for position in layout.unnamed:
        column = rows.columns[position]
        if column.null_count < len(column):
            for at in np.flatnonzero(is_landing & ~is_blank(column)).tolist():
                found.append(Unnamed(int(rows.numbers[at]), layout.letter(position), column[at].as_py()))
    return found


def is_blank(column: pa.Array) -> np.ndarray:
    """Whether a cell holds no more than white space."""
    length = pc.fill_null(pc.utf8_length(pc.utf8_trim_whitespace(column)), 0)
    found: np.ndarray = length.to_numpy(zero_copy_only=False) == 0
    return found


def are_all_blank(columns: Sequence[pa.Array]) -> np.ndarray:
    """Whether a row holds no more than white space."""
    found: np.ndarray = np.logical_and.reduce([is_blank(column) for column in columns])
    return found
