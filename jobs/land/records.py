"""Records of delimited text, one line at a time where a line needs care; exact about where each record starts.

Rules: a record ends at LF or CR LF outside quotes; a quote opens only at the start of a cell, and what follows a closing
quote inside one line belongs to the cell (as Python's csv module reads it). A cell may hold line ends, but then every
quote must be closed right before a delimiter or line end, within `MAX_RECORD_LINES` lines and `MAX_RECORD_BYTES` bytes.
Where that does not hold, the quote is taken as never closed: its line is set aside and reading goes on with the next one,
so that a stray quote costs one line and not the rest of the file.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from jobs.land.encodings import decode_line

MAX_RECORD_LINES = 1000
MAX_RECORD_BYTES = 1 << 20


@dataclass(frozen=True)
class Split:
    """Cells of a text; `is_open`: its last quote is not closed; `has_stray`: text follows a closing quote.

    `rest` is what stands in the open quote.
    """

    cells: list[str]
    is_open: bool
    has_stray: bool
    rest: str = ""


@dataclass(frozen=True)
class Record:
    """One record: where it starts, over how many lines it goes, its text, its cells, and what is wrong with it."""

    start: int
    lines: int
    text: str
    cells: list[str]
    fault: str | None


@dataclass(frozen=True)
class Parsed:
    """A block's records: those with as many cells as most, as columns; the others one by one."""

    numbers: np.ndarray
    columns: list[pa.Array]
    others: list[Record]


def split_cells(text: str, delimiter: str, opened: str | None = None) -> Split:
    """Split a record's text, without its line end, into cells; `opened` stands before it in a quote that is open."""
    if '"' not in text and opened is None:
        return Split(text.split(delimiter), False, False)
    cells: list[str] = []
    has_stray = False
    at = 0
    while True:
        parts: list[str] = []
        is_quoted = opened is not None or text.startswith('"', at)
        if is_quoted:
            at += opened is None
            parts, opened = [opened or ""], None
            while True:
                quote = text.find('"', at)
                if quote < 0:
                    return Split(cells, True, has_stray, "".join(parts) + text[at:])
                parts.append(text[at:quote])
                at = quote + 1
                if not text.startswith('"', at):
                    break
                parts.append('"')
                at += 1
        end = text.find(delimiter, at)
        rest = text[at:] if end < 0 else text[at:end]
        cells.append("".join(parts) + rest)
        has_stray = has_stray or (is_quoted and rest != "")
        if end < 0:
            return Split(cells, False, has_stray)
        at = end + len(delimiter)


def without_line_end(text: str) -> str:
    return text.removesuffix("\n").removesuffix("\r")


def split_records(lines: Sequence[bytes], first: int, encoding: str, delimiter: str, is_last: bool) -> Iterator[Record]:
    """Records of consecutive lines.

    Args:
        lines: whole lines, the first of which starts a record.
        first: line number of that line.
        is_last: no line follows; otherwise a record that may go on beyond the lines is left out, with all after it.
    """
    index = 0
    while index < len(lines):
        text, is_sound = decode_line(lines[index], encoding)
        split = split_cells(without_line_end(text), delimiter)
        taken = 1
        if split.is_open:
            joined = _join_lines(lines, index, encoding, delimiter)
            if joined is None and not is_last:
                return
            if joined is not None:
                text, is_sound, split, taken = joined
        fault = None if is_sound else "bad_bytes"
        if split.is_open:
            fault = fault or "unclosed_quote"
        yield Record(first + index, taken, without_line_end(text), split.cells, fault)
        index += taken


def _join_lines(
    lines: Sequence[bytes], index: int, encoding: str, delimiter: str
) -> tuple[str, bool, Split, int] | None:
    """The record that starts at `index` and goes on over more lines, as (text, sound, split, lines).

    Returns its first line alone, still open, where no quote closes it; None where the lines end before that is known.
    """
    text, is_sound = decode_line(lines[index], encoding)
    alone = (text, is_sound, Split([], True, False), 1)
    split = split_cells(without_line_end(text), delimiter)
    if split.has_stray:
        return alone
    cells, opened, size = split.cells, _with_line_end(split.rest, text), len(lines[index])
    texts = [text]
    for end in range(index + 1, min(len(lines), index + MAX_RECORD_LINES)):
        line, line_sound = decode_line(lines[end], encoding)
        is_sound, size = is_sound and line_sound, size + len(lines[end])
        texts.append(line)
        if size > MAX_RECORD_BYTES:
            return alone
        split = split_cells(without_line_end(line), delimiter, opened)
        if split.has_stray:
            return alone
        cells += split.cells
        if not split.is_open:
            return "".join(texts), is_sound, Split(cells, False, False), end + 1 - index
        opened = _with_line_end(split.rest, line)
    return alone if len(lines) - index >= MAX_RECORD_LINES else None


def _with_line_end(rest: str, line: str) -> str:
    return rest + line[len(without_line_end(line)) :]
