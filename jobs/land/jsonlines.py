"""Parser of JSON lines: one object a line, its values as text; a bad line costs only itself.

Reads: one archived file. Refuses (FileRefused): another encoding, an empty file, one without any line that is an object.
Quarantines: bad_bytes, bad_json (no object, a key twice, NaN, a lone surrogate), unknown_json_key. Skips: blank.

Values: numbers as they stand in the file, whole ones without `.0`; true and false as words; an object or array as
compact JSON; null, a missing key and an empty text as null.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jobs.common.contracts import SourceObject
from jobs.land.batches import Batch, FileRefused, Rejected, hold_trailing_blanks, to_rows
from jobs.land.encodings import check_encoding, decode_line, open_lines, read_blocks

# What a processor's cache holds of Python objects: blocks of a MiB take half as long again.
BLOCK_BYTES = 128 << 10


def parse(path: Path, obj: SourceObject) -> Iterator[Batch]:
    """Yield the file's rows in their order, a block at a time.

    Raises:
        FileRefused: before the first batch; later where a line is too long for memory; at the end where no line at all
            was an object.
    """
    check_encoding(path, obj.encoding, [column.header for column in obj.columns])
    yield from hold_trailing_blanks(_parse_blocks(path, obj))


def _parse_blocks(path: Path, obj: SourceObject) -> Iterator[Batch]:
    headers = {column.header: None for column in obj.columns}
    first, objects = 1, 0
    with open_lines(path, obj.encoding) as (file, encoding):
        for block, _ in read_blocks(file, BLOCK_BYTES):
            lines = _decode_lines(block, encoding)
            numbers: list[int] = list(range(first, first + len(lines)))
            quarantined: list[Rejected] = []
            skipped: list[Rejected] = []
            rows = _read_plain(block, lines, headers)
            if rows is None:
                numbers, rows = [], []
                for number, (text, is_sound) in enumerate(lines, start=first):
                    row, reason = _read_line(text, headers) if is_sound else (None, "bad_bytes")
                    if row is not None:
                        numbers.append(number)
                        rows.append(row)
                    else:
                        rejected = Rejected(number, reason, text)
                        (skipped if reason == "blank" else quarantined).append(rejected)
            columns = list(zip(*rows, strict=True)) if rows else [()] * len(headers)
            objects += len(rows) + sum(row.reason == "unknown_json_key" for row in quarantined)
            yield Batch(to_rows(obj, numbers, columns), quarantined, skipped, len(lines))
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


def _read_plain(block: bytes, lines: list[tuple[str, bool]], headers: dict[str, None]) -> list[list[str | None]] | None:
    """The rows of a block of plain lines: flat objects of declared keys without escapes and booleans; else None.

    Each key is followed by `":`, or by `"` and white space. Where the latter occurs nowhere and the former just as often
    as keys were found, none has occurred twice.
    """
    if any(odd in block for odd in _NOT_PLAIN) or block.count(b"{") != len(lines):
        return None
    rows = []
    keys = 0
    try:
        for text, is_sound in lines:
            values, end = _scan(text, 0)
            if end != len(text) or not is_sound or not values.keys() <= headers.keys():
                return None
            keys += len(values)
            rows.append(list(map(values.get, headers)))
    except (ValueError, AttributeError, StopIteration, RecursionError):
        return None
    return rows if keys == block.count(b'":') else None


def _read_line(text: str, headers: dict[str, None]) -> tuple[list[str | None] | None, str]:
    """The line's values as text in the order of the headers, or the reason why there are none."""
    if not text.strip():
        return None, "blank"
    text = text.strip(" \t\r\n")
    try:
        values, end = _scan_unique(text, 0)
        if end != len(text) or not isinstance(values, dict):
            return None, "bad_json"
        if not values.keys() <= headers.keys():
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


_NOT_PLAIN = (b"\\u", b"true", b"false", b"[", b'" ', b'"\t', b'"\r')
_AS_TEXT: dict[str, Any] = {"parse_float": _number_text, "parse_int": str, "parse_constant": _refuse_constant}
# The decoder's own scanner, which its type stubs leave out: `decode` would take half as long again for each line.
_scan = json.JSONDecoder(**_AS_TEXT).scan_once  # type: ignore[attr-defined]
_scan_unique = json.JSONDecoder(object_pairs_hook=_unique_keys, **_AS_TEXT).scan_once  # type: ignore[attr-defined]
