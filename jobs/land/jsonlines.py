"""Parser of JSON lines: one object a line, its values as text; a bad line costs only itself.

Reads: one archived file. Refuses (FileRefused): another encoding, an empty file, one without any line that is an object.
Quarantines: bad_bytes, bad_json (no object, a key twice, NaN, a lone surrogate), unknown_json_key. Skips: blank.

Values: numbers as they stand in the file, whole ones without `.0`; true and false as words; an object or array as
compact JSON; null, a missing key and an empty text as null.
"""

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.json

from jobs.common.contracts import SourceObject
from jobs.land.batches import Batch, FileRefused, Rejected, hold_trailing_blanks, to_rows
from jobs.land.encodings import check_encoding, decode_line, open_lines, read_blocks

BLOCK_BYTES = 512 << 10
_FEW_LINES = 8


def parse(path: Path, obj: SourceObject) -> Iterator[Batch]:
    """Yield the file's rows in their order, a block at a time.

    Raises:
        FileRefused: before the first batch; later where a line is too long for memory; at the end where no line at all
            was an object.
    """
    check_encoding(path, obj.encoding, [column.header for column in obj.columns])
    yield from hold_trailing_blanks(_parse_blocks(path, obj))


def _parse_blocks(path: Path, obj: SourceObject) -> Iterator[Batch]:
    headers = [column.header for column in obj.columns]
    first, objects = 1, 0
    with open_lines(path, obj.encoding) as (file, encoding):
        for block, _ in read_blocks(file, BLOCK_BYTES):
            lines = _decode_lines(block, encoding)
            plain, columns = _read_plain(lines, _find_plain(block, lines), headers)
            numbers: list[int] = []
            rows: list[list[str | None]] = []
            quarantined: list[Rejected] = []
            skipped: list[Rejected] = []
            for at in sorted({*range(len(lines))} - {*plain}) if len(plain) < len(lines) else ():
                text, is_sound = lines[at]
                row, reason = _read_line(text, headers) if is_sound else (None, "bad_bytes")
                if row is not None:
                    numbers.append(first + at)
                    rows.append(row)
                else:
                    rejected = Rejected(first + at, reason, text)
                    (skipped if reason == "blank" else quarantined).append(rejected)
            objects += len(plain) + len(rows) + sum(row.reason == "unknown_json_key" for row in quarantined)
            landed = _in_order([*(first + at for at in plain), *numbers], columns, rows)
            yield Batch(to_rows(obj, *landed), quarantined, skipped, len(lines))
            first += len(lines)
    if not objects:
        raise FileRefused("unreadable", "no line of the file is a JSON object")


def _decode_lines(block: bytes, encoding: str) -> list[tuple[str, bool]]:
    """Each line's text without its end, and whether all its bytes are of the encoding."""
    try:
        text = block.decode(encoding)
        if encoding != "utf-8":
            text.encode()
        return [(line.removesuffix("\r"), True) for line in text.removesuffix("\n").split("\n")]
    except UnicodeError:
        lines = block.removesuffix(b"\n").split(b"\n")
        return [decode_line(line.removesuffix(b"\r"), encoding) for line in lines]


def _find_plain(block: bytes, lines: list[tuple[str, bool]]) -> list[int]:
    """Positions of the lines that are, if anything, one flat object of text and null."""
    starts = block.startswith(b"{") + block.count(b"\n{")
    if starts == block.count(b"{") == len(lines) and not _ODD_VALUE.search(block) and all(sound for _, sound in lines):
        return list(range(len(lines)))
    return [
        at
        for at, (text, is_sound) in enumerate(lines)
        if is_sound and text[:1] == "{" and text[-1:] == "}" and text.count("{") == 1 and not _ODD_TEXT.search(text)
    ]


def _read_plain(
    lines: list[tuple[str, bool]], plain: list[int], headers: list[str]
) -> tuple[list[int], list[pa.Array]]:
    """Those of the lines at `plain` that are as they must be, and their values, a column for each header.

    Where Arrow's parser refuses some lines, both halves are tried: a bad line keeps few others from it.
    """
    table = _parse_with_arrow([lines[at][0] for at in plain], headers) if plain else None
    if table is not None:
        return plain, [table.column(header).combine_chunks() for header in headers]
    if len(plain) <= _FEW_LINES:
        return [], [pa.nulls(0, pa.string())] * len(headers)
    middle = len(plain) // 2
    left, right = (_read_plain(lines, half, headers) for half in (plain[:middle], plain[middle:]))
    return left[0] + right[0], [pa.concat_arrays(halves) for halves in zip(left[1], right[1], strict=True)]


def _parse_with_arrow(lines: list[str], headers: list[str]) -> pa.Table | None:
    """The lines as a table of text; None where Arrow refuses one, as it does with a key that is unknown or comes twice."""
    data = "\n".join(lines).encode()
    try:
        table = pa.json.read_json(
            pa.BufferReader(data),
            pa.json.ReadOptions(use_threads=False, block_size=len(data) + 2),
            pa.json.ParseOptions(
                explicit_schema=pa.schema([(header, pa.string()) for header in headers]),
                unexpected_field_behavior="error",
            ),
        )
    except pa.ArrowInvalid:
        return None
    return table if table.num_rows == len(lines) else None


def _in_order(
    numbers: list[int], columns: list[pa.Array], rows: list[list[str | None]]
) -> tuple[Sequence[int], list[pa.Array]]:
    """Line numbers and columns of the plain lines and of those read one by one, in the order of the file."""
    if not rows:
        return numbers, columns
    others = [pa.array(values, pa.string()) for values in zip(*rows, strict=True)]
    order = np.argsort(numbers)
    whole = [
        pa.concat_arrays([column, other]).take(pa.array(order)) for column, other in zip(columns, others, strict=True)
    ]
    return np.array(numbers)[order].tolist(), whole


def _read_line(text: str, headers: list[str]) -> tuple[list[str | None] | None, str]:
    """The line's values as text in the order of the headers, or the reason why there are none."""
    if not text.strip():
        return None, "blank"
    text = text.strip(" \t\r\n")
    try:
        values, end = _scan_unique(text, 0)
        if end != len(text) or not isinstance(values, dict):
            return None, "bad_json"
        if not values.keys() <= set(headers):
            return None, "unknown_json_key"
        texts = {key: _value_text(text, key, value) for key, value in values.items()}
        for value in texts.values():
            (value or "").encode()  # fails on a lone surrogate, which no table can hold
    except (ValueError, StopIteration, RecursionError):
        return None, "bad_json"
    return list(map(texts.get, headers)), ""


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
_ODD_TEXT = re.compile(_ODD_VALUE.pattern.decode())
_AS_TEXT: dict[str, Any] = {"parse_float": _number_text, "parse_int": str, "parse_constant": _refuse_constant}
# The decoder's own scanner, which its type stubs leave out: `decode` would take half as long again for each line.
_scan_unique = json.JSONDecoder(object_pairs_hook=_unique_keys, **_AS_TEXT).scan_once  # type: ignore[attr-defined]
