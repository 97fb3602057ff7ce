"""What every parser hands over: batches of rows with the account of what did not land, or the refusal of a file."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jobs.common.contracts.sources import SourceObject

_MOST_NOTES = 1000


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
        numbers = batch.rows.column("row_number")
        other = batch.quarantined + [row for row in batch.skipped if row.reason != "blank"]
        last = max([row.row_number for row in other] + ([numbers[-1].as_py()] if len(numbers) else []), default=0)
        released, held = (held, []) if last else ([], held)
        inner = [row for row in batch.skipped if row.row_number < last or row.reason != "blank"]
        trailing = [row for row in batch.skipped if row.row_number > last]
        yield replace(batch, skipped=released + inner, read=batch.read + len(released) - len(trailing))
        held += trailing


def hold_notes(batches: Iterator[Batch], obj: SourceObject) -> Iterator[Batch]:
    """Skip the lone texts after a file's last record as its signature; before a record they are rows like others."""
    held: list[Batch] = []  # each with the rows that wait, and their text
    for batch in batches:
        count = batch.rows.num_rows - len(batch.lone)
        if count or sum(len(waiting.lone) for waiting in held) > _MOST_NOTES:
            for waiting in held:
                yield replace(waiting, lone=[])
            held = []
        if batch.lone:
            first = batch.lone[0].row_number
            late = [value for value in batch.unnamed if value.row_number >= first]
            held.append(Batch(batch.rows.slice(count), unnamed=late, lone=batch.lone))
            early = [value for value in batch.unnamed if value.row_number < first]
            batch = replace(batch, rows=batch.rows.slice(0, count), unnamed=early, lone=[])
        yield batch
    for waiting in held:
        notes = [replace(note, reason="signature") for note in waiting.lone]
        yield Batch(no_rows(obj), skipped=notes)
