"""Records of delimited text, one line at a time where a line needs care; exact about where each record starts.

Rules: a record ends at LF or CR LF outside quotes; a quote opens only at the start of a cell, and what follows a closing
quote inside one line belongs to the cell (as Python's csv module reads it). A cell may hold line ends, but then every
quote must be closed right before a delimiter or line end, within `MAX_RECORD_LINES` lines and `MAX_RECORD_BYTES` bytes.
Where that does not hold, the quote is taken as never closed: its line is set aside and reading goes on with the next one,
so that a stray quote costs one line and not the rest of the file.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from jobs.land.encodings import decode_line

MAX_RECORD_LINES = 1000
MAX_RECORD_BYTES = 1 << 20
_INSIDE_QUOTES = re.compile('[^"]*+(?:""[^"]*+)*+')


@dataclass(frozen=True)
class Split:
    """Cells of a text; `is_open`: its last quote is not closed; `has_stray`: text follows a closing quote.

    `rest` is what stands in the open quote.
    """

    cells: list[str]
    is_open: bool
    has_stray: bool
    rest: str = ""


@dataclass(slots=True)  # not frozen, as there is one for each line that is read with care
class Taken:
    """So many lines that were taken for one record: their text, whether all its bytes are of the encoding, its cells."""

    text: str
    is_sound: bool
    split: Split
    lines: int


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
        quoted, is_quoted = "", opened is not None or text.startswith('"', at)
        if is_quoted:
            inside, closing = _read_quoted(text, at if opened is not None else at + 1)
            quoted, opened = (opened or "") + inside, None
            if closing == len(text):
                return Split(cells, True, has_stray, quoted)
            at = closing + 1
        end = text.find(delimiter, at)
        rest = text[at:] if end < 0 else text[at:end]
        cells.append(quoted + rest)
        has_stray |= is_quoted and rest != ""
        if end < 0:
            return Split(cells, False, has_stray)
        at = end + len(delimiter)


def _read_quoted(text: str, at: int) -> tuple[str, int]:
    """What stands in a quote from `at` on, and where the closing one is; the end of the text where none closes it."""
    inside = _INSIDE_QUOTES.match(text, at)
    assert inside is not None, "the pattern fits an empty text"
    return inside[0].replace('""', '"'), inside.end()


def are_blank(cells: Iterable[str]) -> bool:
    """Whether no cell holds more than white space."""
    return not "".join(cells).strip()


def text_column(cells: Iterable[str]) -> pa.Array:
    """Cells as a column of text, an empty one as null."""
    return pa.array([cell or None for cell in cells], pa.string())


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
        taken = _take_line(lines[index], encoding, delimiter)
        if taken.split.is_open:
            joined = _join_lines(lines, index, encoding, delimiter)
            if joined is None and not is_last:
                return
            taken = joined or taken
        yield Record(first + index, taken.lines, without_line_end(taken.text), taken.split.cells, _fault_of(taken))
        index += taken.lines


def _take_line(line: bytes, encoding: str, delimiter: str, opened: str | None = None) -> Taken:
    """One line, read as the start of a record, or as the further course of a quote in which `opened` stands."""
    text, is_sound = decode_line(line, encoding)
    return Taken(text, is_sound, split_cells(without_line_end(text), delimiter, opened), 1)


def _fault_of(taken: Taken) -> str | None:
    if not taken.is_sound:
        return "bad_bytes"
    return "unclosed_quote" if taken.split.is_open else None


def _join_lines(lines: Sequence[bytes], index: int, encoding: str, delimiter: str) -> Taken | None:
    """The record that starts at `index` and goes on over more lines.

    Returns its first line alone, still open, where no quote closes it; None where the lines end before that is known.
    """
    taken = _take_line(lines[index], encoding, delimiter)
    alone = replace(taken, split=Split([], True, False))
    cells: list[str] = []
    texts = [taken.text]
    size, is_sound = len(lines[index]), taken.is_sound
    for line in lines[index + 1 : index + MAX_RECORD_LINES]:
        if taken.split.has_stray:
            return alone
        cells += taken.split.cells
        taken = _take_line(line, encoding, delimiter, _with_line_end(taken.split.rest, taken.text))
        texts.append(taken.text)
        size, is_sound = size + len(line), is_sound and taken.is_sound
        if size > MAX_RECORD_BYTES:
            return alone
        if not (taken.split.is_open or taken.split.has_stray):
            whole = Split(cells + taken.split.cells, False, False)
            return Taken("".join(texts), is_sound, whole, len(texts))
    is_over = taken.split.has_stray or len(lines) - index >= MAX_RECORD_LINES
    return alone if is_over else None


def _with_line_end(rest: str, line: str) -> str:
    return rest + line[len(without_line_end(line)) :]
