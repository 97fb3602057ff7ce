"""A CSV file of `conf/codes`: its rows with their lines, read strictly.

Reads: one file in UTF-8, with or without a byte order mark. Writes: nothing.
Refuses: another encoding, another header, quotes that do not close, NUL, a file beyond any list.
"""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from jobs.common.base.errors import UserError

_MOST_BYTES = 64_000_000  # every village of the country is a list of 40 MB
_TOLD = 20  # faults of one file that are told one by one


def read_rows(path: Path, header: Sequence[str]) -> list[tuple[int, list[str]]]:
    """The rows below the header with the line on which each ends, cells stripped; blank lines are left out.

    How many cells a row has is the caller's to judge.

    Raises:
        UserError: the file is no such list; the message names file and line.
    """
    text = _text_of(path)
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise UserError(f"{path.name}:{line}: the line holds a NUL. Remove that character.")
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        found = next(filter(None, reader), [])
        if _strip(found) != list(header):
            raise UserError(f"{path.name}:1: the header is not `{','.join(header)}`. Write it as the first line.")
        rows = [(reader.line_num, _strip(row)) for row in reader]
    except csv.Error as error:
        place = f"{path.name}:{reader.line_num}"
        raise UserError(f"{place}: the line is not valid CSV ({error}). Check its quotes.") from error
    return [(line, cells) for line, cells in rows if any(cells)]


def _strip(row: list[str]) -> list[str]:
    return [cell.strip() for cell in row]


def refuse_faults(faults: Sequence[str]) -> None:
    """Raise UserError with a line for each fault of a file; of many the first."""
    if not faults:
        return
    lines = list(faults[:_TOLD])
    if len(faults) > _TOLD:
        lines.append(f"and {len(faults) - _TOLD:,} more like these")
    raise UserError("\n".join(lines))


def _text_of(path: Path) -> str:
    try:
        size = path.stat().st_size
        if size > _MOST_BYTES:
            raise UserError(
                f"{path.name}: the file has {size:,} bytes, more than any list. Put the right file in its place."
            )
        # Spreadsheet programs put a byte order mark before UTF-8.
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{path.name}: the file is not UTF-8. Save it as CSV in UTF-8.") from error
    except OSError as error:
        raise UserError(f"{path.name}: the file cannot be read ({error.strerror}). Check that it is there.") from error
