"""Parser of JSON lines: one object a line, its values as text; a bad line costs only itself.

Reads: one archived file. Refuses (FileRefused): another encoding, an empty file, JSON in another shape than lines, one of
which no line lands.
Quarantines: bad_bytes, bad_json (no object, a key twice, NaN, a lone surrogate), unknown_json_key. Skips: blank.

Values: numbers as they stand in the file, whole ones without `.0`; true and false as words; an object or array as
compact JSON; null, a missing key and an empty text as null.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.json

from jobs.common.contracts.servers import EVERY_OTHER
from jobs.common.contracts.sources import SourceObject
from jobs.land.batches import Batch, FileRefused, Rejected, hold_trailing_blanks, to_rows
from jobs.land.encodings import check_encoding, decode_line, open_lines, read_blocks
from jobs.land.headers import near_words
from jobs.land.json_shape import HEAD_BYTES, Shape, find_shape

BLOCK_BYTES = 512 << 10
_FEW_LINES = 8


def parse(path: Path, obj: SourceObject) -> Iterator[Batch]:
    """Yield the file's rows in their order, a block at a time.

    Raises:
        FileRefused: before the first batch; later where a line is too long for memory; at the end where no line landed.
    """
    check_encoding(path, obj.encoding, [column.header for column in obj.columns])
    with open_lines(path, obj.encoding) as (file, encoding):
        shape = find_shape(file.read(HEAD_BYTES), encoding)
    if shape and shape.is_certain:
        raise FileRefused("json_not_lines", shape.name)
    yield from hold_trailing_blanks(_parse_blocks(path, obj, shape))


@dataclass(frozen=True)
class Keys:
    """The keys that a line may have: those of the contract's columns, and those that are ignored."""

    headers: list[str]
    ignored: list[str]
    known: frozenset[str]
    ignores_others: bool


def _keys_of(obj: SourceObject) -> Keys:
    headers = [column.header for column in obj.columns]
    ignored = [word for word in obj.ignore if word not in headers]
    return Keys(headers, ignored, frozenset([*headers, *ignored]), EVERY_OTHER in obj.ignore)


@dataclass(frozen=True)
class Lines:
    """Lines of a block: line `at` is `data[starts[at]:ends[at]]`, as UTF-8 and without its LF.

    `broken` holds those with bytes that are not of the encoding, as they show; in `data` they are empty.
    """

    data: bytes
    broken: dict[int, str]

    @cached_property
    def codes(self) -> np.ndarray:
        return np.frombuffer(self.data, np.uint8)

    @cached_property
    def ends(self) -> np.ndarray:
        ends = np.flatnonzero(self.codes == _LF)
        return ends if self.data.endswith(b"\n") else np.append(ends, len(self.data))

    @cached_property
    def starts(self) -> np.ndarray:
        return np.concatenate([[0], self.ends[:-1] + 1])

    def text(self, at: int) -> str:
        return self.data[self.starts[at] : self.ends[at]].decode().removesuffix("\r")

    def joined(self, chosen: np.ndarray) -> bytes:
        """The chosen lines (positions that ascend, at least one), apart by LF."""
        breaks = np.flatnonzero(np.diff(chosen) > 1)
        firsts, lasts = chosen[np.append(0, breaks + 1)], chosen[np.append(breaks, len(chosen) - 1)]
        runs = zip(self.starts[firsts], self.ends[lasts], strict=True)
        return b"\n".join(self.data[start:end] for start, end in runs)


def _parse_blocks(path: Path, obj: SourceObject, shape: Shape | None) -> Iterator[Batch]:
    keys = _keys_of(obj)
    first, landed = 1, 0
    unknown: str | None = None  # a line with a key that is not declared
    with open_lines(path, obj.encoding) as (file, encoding):
        try:
            for block, _ in read_blocks(file, BLOCK_BYTES):
                lines = _decode_lines(block, encoding)
                batch = _parse_lines(lines, first, obj, keys)
                yield batch
                first += len(lines.ends)
                landed += batch.rows.num_rows
                unknown = unknown or _line_of_unknown_key(batch)
        except FileRefused as refused:  # a line is too long
            if landed or shape is None:
                raise
            raise FileRefused("json_not_lines", shape.name) from refused
    if not landed:
        raise _nothing_landed(shape, unknown, keys)


def _line_of_unknown_key(batch: Batch) -> str | None:
    """The first line of a batch with a key that is not declared."""
    for row in batch.quarantined:
        if row.reason == "unknown_json_key":
            return row.raw
    return None


def _nothing_landed(shape: Shape | None, unknown: str | None, keys: Keys) -> FileRefused:
    """Why a file is refused of which no line landed; `unknown` is a line with a key that is not declared."""
    if shape is not None:
        return FileRefused("json_not_lines", shape.name)
    if unknown is None:
        return FileRefused("unreadable", "no line of the file is a JSON object")
    near = near_words(json.loads(unknown).keys() - keys.known, keys.headers)
    told = f"; not declared: {', '.join(near)}" if near else ""
    return FileRefused("unknown_header", f"every line has keys that are not declared{told}")


def _parse_lines(lines: Lines, first: int, obj: SourceObject, keys: Keys) -> Batch:
    plain, columns = _read_plain(lines, _find_plain(lines, keys), keys)
    numbers: list[int] = []
    rows: list[list[str | None]] = []
    quarantined: list[Rejected] = []
    skipped: list[Rejected] = []
    for at in np.setdiff1d(np.arange(len(lines.ends)), plain, assume_unique=True).tolist():
        text = lines.broken.get(at) or lines.text(at)
        row, reason = (None, "bad_bytes") if at in lines.broken else _read_line(text, keys)
        if row is not None:
            numbers.append(at)
            rows.append(row)
        else:
            (skipped if reason == "blank" else quarantined).append(Rejected(first + at, reason, text))
    order, columns = _in_order(plain, columns, numbers, rows)
    return Batch(to_rows(obj, first + order, columns), quarantined, skipped, len(lines.ends))


def _decode_lines(block: bytes, encoding: str) -> Lines:
    try:
        text = block.decode(encoding)
        return Lines(block if encoding == "utf-8" else text.encode(), {})
    except UnicodeError:
        return _decode_each(block.removesuffix(b"\n").split(b"\n"), encoding)


def _decode_each(lines: Sequence[bytes], encoding: str) -> Lines:
    """Lines of which some have bytes that are not of the encoding."""
    sound: list[str] = []
    broken: dict[int, str] = {}
    for at, line in enumerate(lines):
        text, is_sound = decode_line(line, encoding)
        if not is_sound:
            broken[at] = text.removesuffix("\r")
        sound.append(text if is_sound else "")
    return Lines("".join(f"{text}\n" for text in sound).encode(), broken)


def _find_plain(lines: Lines, keys: Keys) -> np.ndarray:
    """Positions of the lines that are, if anything, one flat object of text and null."""
    if keys.ignores_others:  # Arrow would not see a key that comes twice
        return np.array([], np.int64)
    codes, starts, ends = lines.codes, lines.starts, lines.ends
    bounds = np.append(starts, len(codes) + 1)
    braces = np.diff(np.searchsorted(np.flatnonzero(codes == _OPEN), bounds))
    padded = np.append(codes, np.full(_LONGEST_VALUE, _LF, np.uint8))
    # The last line may be empty, and what is read of it then is nothing that a plain one has.
    last = np.where((ends > starts) & (padded[ends - 1] == _CR), ends - 2, ends - 1)
    is_plain = (braces == 1) & (padded[starts] == _OPEN) & (padded[last] == _CLOSE)
    odd = np.unique(np.searchsorted(ends, _odd_colons(padded)))
    for at in odd[is_plain[odd]].tolist():
        is_plain[at] = not _ODD_VALUE.search(lines.data, starts[at], ends[at])
    return np.flatnonzero(is_plain)


def _odd_colons(codes: np.ndarray) -> np.ndarray:
    """Positions of colons that may stand between a key and a value that is neither text nor null; few others are among them.

    `codes` end with so many line ends as a value that is looked for has characters.
    """
    colons = np.flatnonzero(codes == _COLON)
    colons = colons[np.isin(codes[colons - 1], _BEFORE_COLON)]
    values = colons + 1 + (codes[colons + 1] == _SPACE)
    is_null = np.logical_and.reduce([codes[values + at] == code for at, code in enumerate(b"null")])
    odd: np.ndarray = colons[~is_null & (codes[values] != _QUOTE)]
    return odd


def _read_plain(lines: Lines, plain: np.ndarray, keys: Keys) -> tuple[np.ndarray, list[pa.Array]]:
    """Those of the lines at `plain` that are as they must be, and their values, a column for each header.

    Where Arrow's parser refuses some lines, both halves are tried: a bad line keeps few others from it.
    """
    table = _parse_with_arrow(lines.joined(plain), len(plain), keys) if len(plain) else None
    if table is not None:
        return plain, [table.column(header).combine_chunks() for header in keys.headers]
    if len(plain) <= _FEW_LINES:
        return plain[:0], [pa.nulls(0, pa.string())] * len(keys.headers)
    middle = len(plain) // 2
    left, right = (_read_plain(lines, half, keys) for half in (plain[:middle], plain[middle:]))
    columns = [pa.concat_arrays(halves) for halves in zip(left[1], right[1], strict=True)]
    return np.concatenate([left[0], right[0]]), columns


def _parse_with_arrow(data: bytes, count: int, keys: Keys) -> pa.Table | None:
    """So many lines as a table of text; None where Arrow refuses one, as it does with a key that is unknown or comes twice."""
    try:
        table = pa.json.read_json(
            pa.BufferReader(data),
            pa.json.ReadOptions(use_threads=False, block_size=len(data) + 2),
            pa.json.ParseOptions(
                explicit_schema=pa.schema([(header, pa.string()) for header in (*keys.headers, *keys.ignored)]),
                unexpected_field_behavior="error",
            ),
        )
    except pa.ArrowInvalid:
        return None
    return table if table.num_rows == count else None


def _in_order(
    plain: np.ndarray, columns: list[pa.Array], numbers: list[int], rows: list[list[str | None]]
) -> tuple[np.ndarray, list[pa.Array]]:
    """Positions and columns of the plain lines and of those read one by one, in the order of the file."""
    if not rows:
        return plain, columns
    others = [pa.array(values, pa.string()) for values in zip(*rows, strict=True)]
    positions = np.concatenate([plain, numbers])
    order = np.argsort(positions)
    both = zip(columns, others, strict=True)
    return positions[order], [pa.concat_arrays([column, other]).take(pa.array(order)) for column, other in both]


def _read_line(text: str, keys: Keys) -> tuple[list[str | None] | None, str]:
    """The line's values as text in the order of the headers, or the reason why there are none."""
    if not text.strip():
        return None, "blank"
    text = text.strip(" \t\r\n")
    try:
        values, end = _scan_unique(text, 0)
        if end != len(text) or not isinstance(values, dict):
            return None, "bad_json"
        if not (keys.ignores_others or keys.known.issuperset(values)):
            return None, "unknown_json_key"
        texts = {key: _value_text(text, key, value) for key, value in values.items()}
        "".join(filter(None, texts.values())).encode()  # fails on a lone surrogate, which no table can hold
    except (ValueError, StopIteration, RecursionError):
        return None, "bad_json"
    return list(map(texts.get, keys.headers)), ""


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) != len(pairs):
        raise ValueError("a key occurs twice")
    return values


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _number_text(text: str) -> str:
    whole, _, fraction = text.partition(".")
    return text if fraction.strip("0") else whole


def _value_text(text: str, key: str, value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    # Read anew, as the scanner of the line turns numbers into text and they would come out in quotes.
    return json.dumps(json.loads(text)[key], ensure_ascii=False, separators=(",", ":"))


# A value that is neither text nor null; a quote inside a text that looks like one only costs time.
_ODD_VALUE = re.compile(rb'"[ \t\r]*:[ \t\r]*(?!null)[^" \t\r]')
_LF, _CR, _SPACE, _QUOTE, _COLON, _OPEN, _CLOSE = b'\n\r ":{}'
_BEFORE_COLON = np.frombuffer(b'" \t\r', np.uint8)
_LONGEST_VALUE = len(":  null")
_AS_TEXT: dict[str, Any] = {"parse_float": _number_text, "parse_int": str, "parse_constant": _refuse_constant}
# The decoder's own scanner, which its type stubs leave out: `decode` would take half as long again for each line.
_scan_unique = json.JSONDecoder(object_pairs_hook=_unique_keys, **_AS_TEXT).scan_once  # type: ignore[attr-defined]
