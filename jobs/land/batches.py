"""What every parser hands over: batches of rows with the account of what did not land, or the refusal of a file."""

from bisect import bisect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from operator import attrgetter

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jobs.common.contracts.sources import SourceObject

MOST_NOTES = 1000
_row_number = attrgetter("row_number")


class FileRefused(Exception):
    """The whole file is refused: `reason` of conf/reasons.yml; `detail` names headers, sheets, encodings, never values."""

    def __init__(self, reason: str, detail: str):
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True)  # there can be a million, the blank rows above a stray cell
class Rejected:
    """A row that did not land, where it starts in the file, and its text as received."""

    row_number: int
    reason: str
    raw: str


@dataclass(frozen=True)
class Unnamed:
    """A value under no header, of a row that landed; `column` is its letter."""

    row_number: int
    column: str
    raw: str


@dataclass(frozen=True)
class Batch:
    """Some rows of a file in their order.

    `rows` has `row_number` and the contract's columns as text, an empty cell being null. `read` counts the rows the
    parser took from the file, on its own: over a file it equals landed + quarantined + skipped, or the books do not close.
    `lone` holds the text of those rows, the last ones of the batch, that are notes if no record follows.
    """

    rows: pa.RecordBatch
    quarantined: list[Rejected] = field(default_factory=list)
    skipped: list[Rejected] = field(default_factory=list)
    read: int = 0
    unnamed: list[Unnamed] = field(default_factory=list)
    lone: list[Rejected] = field(default_factory=list)


def rows_schema(obj: SourceObject) -> pa.Schema:
    """Schema of `Batch.rows`."""
    return pa.schema([("row_number", pa.int64())] + [(column.name, pa.string()) for column in obj.columns])


def to_rows(
    obj: SourceObject, numbers: Sequence[int] | np.ndarray, columns: Sequence[Sequence[str | None] | pa.Array]
) -> pa.RecordBatch:
    """Make `Batch.rows` of columns in the contract's order; an empty text becomes null."""
    arrays: list[pa.Array] = [pa.array(numbers, pa.int64())]
    for column in columns:
        array = column if isinstance(column, pa.Array) else pa.array(column, pa.string())
        arrays.append(pc.if_else(pc.equal(array, ""), pa.scalar(None, pa.string()), array))
    return pa.RecordBatch.from_arrays(arrays, schema=rows_schema(obj))


def no_rows(obj: SourceObject) -> pa.RecordBatch:
    """`Batch.rows` where nothing lands."""
    return to_rows(obj, [], [()] * len(obj.columns))


def hold_trailing_blanks(batches: Iterator[Batch]) -> Iterator[Batch]:
    """Leave out the blank rows after a file's last row that is not blank; they are no part of `read`."""
    held: list[Rejected] = []
    for batch in batches:
        last = _last_filled(batch)
        released: list[Rejected] = []
        if last:
            released, held = held, []
        end = bisect(batch.skipped, last, key=_row_number)
        trailing = len(batch.skipped) - end
        yield replace(batch, skipped=released + batch.skipped[:end], read=batch.read + len(released) - trailing)
        held += batch.skipped[end:]


def _last_filled(batch: Batch) -> int:
    """Number of a batch's last row that is not blank, 0 if all are."""
    aside = [row.row_number for row in chain(batch.quarantined, batch.skipped) if row.reason != "blank"]
    landed = batch.rows.column("row_number")[-1:].to_pylist()
    return max(aside + landed, default=0)


def hold_notes(batches: Iterator[Batch], obj: SourceObject, most: float = MOST_NOTES) -> Iterator[Batch]:
    """Skip the lone texts after a file's last record as its signature; before a record they are rows like others.

    More than `most` of them that wait for a record are no notes either: they are rows.
    """
    held: list[Batch] = []  # lone texts that wait
    for batch in batches:
        records, notes = _part_notes(batch)
        waiting = sum(len(each.lone) for each in held)
        if records.rows.num_rows or waiting > most:
            yield from (replace(each, lone=[]) for each in held)
            held = []
        if notes.lone:
            held.append(notes)
        yield records
    for each in held:
        yield Batch(no_rows(obj), skipped=[replace(note, reason="signature") for note in each.lone])


def _part_notes(batch: Batch) -> tuple[Batch, Batch]:
    """A batch without its lone texts, and these as a batch of rows that have been counted already."""
    if not batch.lone:
        return batch, Batch(batch.rows[:0])
    first = batch.lone[0].row_number
    count = batch.rows.num_rows - len(batch.lone)
    early = [value for value in batch.unnamed if value.row_number < first]
    late = [value for value in batch.unnamed if value.row_number >= first]
    records = replace(batch, rows=batch.rows[:count], unnamed=early, lone=[])
    return records, Batch(batch.rows[count:], unnamed=late, lone=batch.lone)
