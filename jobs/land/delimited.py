"""Parser of delimited text (CSV): every cell as text, row numbers exact, one bad line never costs the file.

Reads: one archived file. Refuses (FileRefused): another encoding, an empty file, headers that are not the contract's.
Quarantines: ragged_row, bad_bytes, unclosed_quote. Skips: title, header (also one repeated further down), blank (no cell
holds more than white space), total, signature, group. An empty cell lands as null.

Blocks of the file go through Arrow's parser. What it makes of a block counts only if its records account for every line of
the block and each record over several lines keeps the rules of `records`; otherwise the block is read line by line.
"""

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from jobs.common.contracts.sources import SourceObject
from jobs.land.batches import Batch, FileRefused, hold_notes, hold_trailing_blanks, no_rows
from jobs.land.encodings import check_encoding, open_lines, read_blocks
from jobs.land.headers import MAX_COLUMNS, Layout, join_header_rows, match_headers
from jobs.land.records import (
    MAX_RECORD_BYTES,
    MAX_RECORD_LINES,
    Parsed,
    Record,
    are_blank,
    split_cells,
    split_records,
    text_column,
    without_line_end,
)
from jobs.land.settle import settle
from jobs.land.top_rows import take_top

_LINE_END = re.compile(b"\n")
_LOOKED_AT = 100  # records


@dataclass(frozen=True)
class Block:
    """Whole lines of a file that start with a record."""

    data: bytes
    first: int  # line number of the first line
    is_last: bool
    encoding: str
    delimiter: str

    @cached_property
    def lines(self) -> list[bytes]:
        return io.BytesIO(self.data).readlines()

    def records(self, number: int | None = None) -> Iterator[Record]:
        """Records read with care, from the start or from the one at line `number` alone."""
        if number is None:
            return split_records(self.lines, self.first, self.encoding, self.delimiter, self.is_last)
        lines = self.lines[number - self.first : number - self.first + MAX_RECORD_LINES]
        return islice(split_records(lines, number, self.encoding, self.delimiter, is_last=True), 1)

    def text_of(self, number: int) -> str:
        return next(self.records(number)).text


def parse(path: Path, obj: SourceObject) -> Iterator[Batch]:
    """Yield the file's rows in their order, a block at a time.

    Raises:
        FileRefused: before the first batch, or later where a line is too long for memory.
    """
    check_encoding(path, obj.encoding, [column.header for column in obj.columns])
    yield from hold_notes(hold_trailing_blanks(_parse_blocks(path, obj)), obj)


def _parse_blocks(path: Path, obj: SourceObject) -> Iterator[Batch]:
    with open_lines(path, obj.encoding, obj.delimiter, len(obj.columns)) as (file, encoding):
        layout, width, carried, first = None, 0, b"", 1
        for piece, is_last in read_blocks(file):
            data = carried + piece
            if layout is None:
                head, layout, used = _read_head(Block(data, first, is_last, encoding, obj.delimiter), obj)
                yield head
                data, first = data[used:], first + data.count(b"\n", 0, used)
            data, carried = (data, b"") if is_last else _cut_at_record(data)
            if not data:
                continue
            block = Block(data, first, is_last, encoding, obj.delimiter)
            width = width or _usual_width(block, layout)
            parsed, used = _parse_fast(block, width), len(data)
            if parsed is None:
                parsed, used = _parse_carefully(block, width)
            yield settle(parsed, block.text_of, obj, layout)
            carried = data[used:] + carried
            first += data.count(b"\n", 0, used)


def _read_head(block: Block, obj: SourceObject) -> tuple[Batch, Layout, int]:
    """Title and header rows, the layout they give, and how many bytes they take."""
    skipped, headers = take_top(block.records(), obj)
    _refuse_faulty(headers, obj)
    width = max(len(record.cells) for record in headers)
    grid = [record.cells + [""] * (width - len(record.cells)) for record in headers]
    layout = match_headers(join_header_rows(grid), obj)
    end = headers[-1].start + headers[-1].lines - block.first
    used = sum(map(len, block.lines[:end]))
    return Batch(no_rows(obj), [], skipped, len(skipped)), layout, used


def _refuse_faulty(headers: list[Record], obj: SourceObject) -> None:
    """Raise FileRefused if header rows cannot be read."""
    faults = {record.fault for record in headers}
    if "bad_bytes" in faults:
        raise FileRefused("wrong_encoding", f"the header row is not {obj.encoding}; no known encoding fits it")
    if any(faults):
        raise FileRefused("missing_header", "the header row has a quote that is never closed")


def _usual_width(block: Block, layout: Layout) -> int:
    """Cells of the first record that is neither blank nor faulty: others have as many, also where the header has not."""
    for record in islice(block.records(), _LOOKED_AT):
        if not (record.fault or are_blank(record.cells)):
            return min(len(record.cells), max(layout.width, MAX_COLUMNS))
    return layout.width


def _cut_at_record(data: bytes) -> tuple[bytes, bytes]:
    """Cut lines off the end until the quotes are even, as they are where a record ends in a well-formed file."""
    start = len(data)
    is_odd = data.count(b'"') % 2 == 1
    for _ in range(MAX_RECORD_LINES):
        if not is_odd or start == 0:
            break
        line_start = data.rfind(b"\n", 0, start - 1) + 1
        if len(data) - line_start > MAX_RECORD_BYTES:
            break
        is_odd = (data.count(b'"', line_start, start) % 2 == 1) != is_odd
        start = line_start
    return (data, b"") if is_odd else (data[:start], data[start:])


def _parse_fast(block: Block, width: int) -> Parsed | None:
    """Let Arrow parse the block; None where its records do not account for every line by the rules of `records`."""
    utf8 = _as_utf8(block)
    if utf8 is None:
        return None
    invalid: list[pa.csv.InvalidRow] = []
    try:
        table = _read_by_arrow(utf8, block.delimiter, width, invalid)
    except pa.ArrowInvalid:
        return None
    columns = [column.combine_chunks() for column in table.columns]
    is_valid = _are_valid(table.num_rows, invalid)
    spans = _lines_of_records(utf8, columns, is_valid, invalid)
    if spans.sum() != utf8.count(b"\n") + (not utf8.endswith(b"\n")):
        return None
    starts = block.first + np.cumsum(spans) - spans
    if spans.max(initial=0) > 1 and not _keeps_rules(block, utf8, starts, spans):
        return None
    others = _split_invalid(block, starts[~is_valid], spans[~is_valid], invalid)
    return None if others is None else Parsed(starts[is_valid], columns, others)


def _are_valid(count: int, invalid: list[pa.csv.InvalidRow]) -> np.ndarray:
    """Which of all rows are among the `count` that Arrow took, by their order."""
    is_valid = np.ones(count + len(invalid), bool)
    is_valid[np.array([row.number - 1 for row in invalid], np.int64)] = False
    return is_valid


def _as_utf8(block: Block) -> bytes | None:
    """The block in UTF-8; None if Arrow would read it otherwise than `records`, or it does not decode."""
    if len(block.delimiter) != 1:
        return None
    try:
        utf8 = block.data if block.encoding == "utf-8" else block.data.decode(block.encoding).encode()
    except UnicodeError:
        return None
    return None if utf8.startswith(b"\xef\xbb\xbf") else utf8  # Arrow would take it for a byte order mark


def _read_by_arrow(utf8: bytes, delimiter: str, width: int, invalid: list[pa.csv.InvalidRow]) -> pa.Table:
    """The rows that have `width` cells, all as text; the others are added to `invalid`."""
    names = [str(position) for position in range(width)]
    options = pa.csv.ParseOptions(
        delimiter=delimiter,
        newlines_in_values=True,
        ignore_empty_lines=False,
        invalid_row_handler=lambda row: invalid.append(row) or "skip",  # type: ignore[func-returns-value]
    )
    texts = pa.csv.ConvertOptions(
        column_types=dict.fromkeys(names, pa.string()),
        null_values=[""],
        strings_can_be_null=True,
        quoted_strings_can_be_null=True,
    )
    whole = utf8 if utf8.endswith(b"\n") else utf8 + b"\n"
    at_once = pa.csv.ReadOptions(use_threads=False, block_size=len(utf8) + 2, column_names=names)
    return pa.csv.read_csv(pa.BufferReader(whole), at_once, options, texts)


def _lines_of_records(
    utf8: bytes, columns: list[pa.Array], is_valid: np.ndarray, invalid: list[pa.csv.InvalidRow]
) -> np.ndarray:
    """How many lines each record takes: one, and one more for each line end within quotes."""
    spans = np.ones(len(is_valid), np.int64)
    if b'"' not in utf8:
        return spans
    for column in filter(_may_have_line_end, columns):
        spans[is_valid] += pc.fill_null(pc.count_substring(column, "\n"), 0).to_numpy()
    spans[~is_valid] += np.array([row.text.count("\n") for row in invalid], np.int64)
    return spans


def _split_invalid(
    block: Block, starts: np.ndarray, spans: np.ndarray, invalid: list[pa.csv.InvalidRow]
) -> list[Record] | None:
    """Records with other than the usual number of cells; None if one has a quote that Arrow has closed silently."""
    others = []
    for start, span, row in zip(starts, spans, invalid, strict=True):
        text = without_line_end(row.text)
        split = split_cells(text, block.delimiter)
        if split.is_open:
            return None
        others.append(Record(int(start), int(span), text, split.cells, None))
    return others


def _may_have_line_end(column: pa.Array) -> bool:
    """Whether there is one in the bytes of all values, which is told sooner than of each value."""
    data = column.buffers()[2]
    return data is not None and _LINE_END.search(data) is not None


def _keeps_rules(block: Block, utf8: bytes, starts: np.ndarray, spans: np.ndarray) -> bool:
    """Whether the records over several lines are ones by the rules of `records`; those in doubt are read with care."""
    line_ends = np.append(np.flatnonzero(np.frombuffer(utf8, np.uint8) == ord("\n")) + 1, len(utf8))
    first = starts - block.first
    sizes = line_ends[first + spans - 1] - np.where(first > 0, line_ends[first - 1], 0)
    # No character takes more than twice as many bytes in a declared encoding as in UTF-8.
    is_doubtful = (spans >= MAX_RECORD_LINES) | (sizes > MAX_RECORD_BYTES // 2)
    if not _is_tidy(utf8, block.delimiter.encode()):
        is_doubtful = spans > 1
    for start, span in zip(starts[is_doubtful], spans[is_doubtful], strict=True):
        record = next(block.records(int(start)))
        if record.fault or record.lines != span:
            return False
    return True


def _is_tidy(utf8: bytes, delimiter: bytes) -> bool:
    """Whether every quote opens after a delimiter or line end and closes before one, or is doubled."""
    parts = utf8.split(b'"')
    if len(parts) % 2 == 0:
        return False
    outside = parts[::2]
    between = set(outside[1:-1])  # few, as most are a delimiter
    before, behind = {outside[0], *between} - {b""}, {outside[-1], *between} - {b""}
    is_opened_right = all(text.endswith((delimiter, b"\n")) for text in before)
    return is_opened_right and all(text.startswith((delimiter, b"\n", b"\r\n")) for text in behind)


def _parse_carefully(block: Block, width: int) -> tuple[Parsed, int]:
    """Read the block line by line; also returns how many bytes were used, as the last record may go on."""
    sound: list[Record] = []
    others: list[Record] = []
    lines = 0
    for record in block.records():
        lines += record.lines
        is_sound = record.fault is None and len(record.cells) == width
        (sound if is_sound else others).append(record)
    columns = list(zip(*(record.cells for record in sound), strict=True)) or [()] * width
    numbers = np.array([record.start for record in sound], np.int64)
    return Parsed(numbers, [text_column(column) for column in columns], others), sum(map(len, block.lines[:lines]))
