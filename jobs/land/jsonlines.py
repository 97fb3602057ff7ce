"""Parser of JSON lines: one object a line, its values as text; a bad line costs only itself.

Reads: one archived file. Refuses (FileRefused): another encoding, an empty file, one without any line that is an object.
Quarantines: bad_bytes, bad_json (no object, a key twice, NaN, a lone surrogate), unknown_json_key. Skips: blank.

Values: numbers as they stand in the file, whole ones without `.0`; true and false as words; an object or array as
compact JSON; null, a missing key and an empty text as null.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from jobs.common.contracts import SourceObject
from jobs.land.batches import Batch, FileRefused, Rejected, hold_trailing_blanks, to_rows
from jobs.land.encodings import check_encoding, decode_line, open_lines, read_blocks


def parse(path: Path, obj: SourceObject) -> Iterator[Batch]:
    """Yield the file's rows in their order, a block at a time.

    Raises:
        FileRefused: before the first batch; later where a line is too long for memory; at the end where no line at all
            was an object.
    """
    check_encoding(path, obj.encoding, [column.header for column in obj.columns])
    yield from hold_trailing_blanks(_parse_blocks(path, obj))


def _parse_blocks(path: Path, obj: SourceObject) -> Iterator[Batch]:
    names = {column.header: index for index, column in enumerate(obj.columns)}
    decode = json.JSONDecoder(
        object_pairs_hook=_unique_keys, parse_float=_number_text, parse_int=str, parse_constant=_refuse_constant
    ).decode
    number, objects = 0, 0
    with open_lines(path, obj.encoding) as (file, encoding):
        for block, _ in read_blocks(file):
            numbers: list[int] = []
            rows: list[list[str | None]] = []
            quarantined: list[Rejected] = []
            skipped: list[Rejected] = []
            before = number
            for line in block.removesuffix(b"\n").split(b"\n"):
                number += 1
                text, is_sound = decode_line(line.removesuffix(b"\r"), encoding)
                if not text.strip():
                    skipped.append(Rejected(number, "blank", text))
                    continue
                row, reason = _read_line(text, names, decode) if is_sound else (None, "bad_bytes")
                if row is not None:
                    numbers.append(number)
                    rows.append(row)
                else:
                    quarantined.append(Rejected(number, reason, text))
                objects += reason in ("", "unknown_json_key")
            columns = list(zip(*rows, strict=True)) if rows else [()] * len(names)
            yield Batch(to_rows(obj, numbers, columns), quarantined, skipped, number - before)
    if not objects:
        raise FileRefused("unreadable", "no line of the file is a JSON object")


def _read_line(text: str, names: dict[str, int], decode: Callable[[str], Any]) -> tuple[list[str | None] | None, str]:
    """The line's values in the contract's order, or the reason why there are none."""
    row: list[str | None] = [None] * len(names)
    try:
        values = decode(text)
        if not isinstance(values, dict):
            return None, "bad_json"
        for key, value in values.items():
            if key not in names:
                return None, "unknown_json_key"
            if value.__class__ is not str and value is not None:
                value = _value_text(text, key)
            row[names[key]] = value
        if "\\u" in text:
            for value in row:
                (value or "").encode()  # a lone surrogate can be escaped in JSON and held by no table
    except (ValueError, RecursionError):
        return None, "bad_json"
    return row, ""


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


def _value_text(text: str, key: str) -> str:
    # Read anew, as the parser of the line turns numbers into text and they would come out in quotes.
    return json.dumps(json.loads(text)[key], ensure_ascii=False, separators=(",", ":"))
