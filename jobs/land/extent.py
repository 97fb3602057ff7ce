"""How far a sheet's cells reach, looked up before it is opened.

Reads: an XLSX file. Refuses: a sheet whose rectangle of cells would not fit in memory. The workbook reader holds that
rectangle as a whole, so one stray character in the last corner of a sheet would end the process and not just the file.
"""

import re
import zipfile
import zlib
from pathlib import Path
from xml.etree import ElementTree

from jobs.land.batches import FileRefused

MAX_CELLS = 20_000_000
_READ_BYTES = 1 << 20
_RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_DIMENSION = re.compile(rb'<(?:\w+:)?dimension\s+ref="(?:[A-Z]+[0-9]+:)?([A-Z]+)([0-9]+)"')
_FILLED_CELL = re.compile(rb'<(?:\w+:)?c\s[^<>]*?\br="([A-Z]+)([0-9]+)"[^<>]*(?<!/)>')


def check_extent(path: Path, sheet: str) -> None:
    """Raise FileRefused where the sheet's cells span more than `MAX_CELLS`; a file that is no XLSX passes."""
    try:
        with zipfile.ZipFile(path) as archive:
            part = _sheet_part(archive, sheet)
            rows, columns = _extent(archive, part) if part else (0, 0)
    except (
        zipfile.BadZipFile,
        zlib.error,
        ElementTree.ParseError,
        KeyError,
        OSError,
        EOFError,
        RuntimeError,
        ValueError,
    ):
        return  # not for us to judge: the reader will
    if rows * columns > MAX_CELLS:
        raise FileRefused(
            "unreadable", f"the cells of sheet {sheet} reach to row {rows} and column {columns}; clear strays"
        )


def _sheet_part(archive: zipfile.ZipFile, sheet: str) -> str | None:
    book = ElementTree.fromstring(archive.read("xl/workbook.xml"))
    relations = ElementTree.fromstring(archive.read("xl/_rels/workbook.xml.rels"))
    targets = {relation.get("Id"): relation.get("Target", "") for relation in relations}
    for element in book.iter():
        if element.tag.endswith("}sheet") and element.get("name") == sheet:
            target = targets[element.get(_RELATION)]
            return target.removeprefix("/") if target.startswith("/") else f"xl/{target}"
    return None


def _extent(archive: zipfile.ZipFile, part: str) -> tuple[int, int]:
    """Last row and column, as the sheet declares them; where that is too far, as its filled cells have it.

    A sheet may declare far more than is filled, when whole columns were formatted.
    """
    with archive.open(part) as file:
        piece = file.read(_READ_BYTES)
        if (declared := _DIMENSION.search(piece)) is not None:
            rows, columns = int(declared[2]), _column_number(declared[1])
            if rows * columns <= MAX_CELLS:
                return rows, columns
        rows, columns, rest = 0, 0, b""
        while piece:
            rest += piece
            for cell in _FILLED_CELL.finditer(rest):
                rows, columns = max(rows, int(cell[2])), max(columns, _column_number(cell[1]))
            rest = rest[rest.rfind(b"<") :]
            piece = file.read(_READ_BYTES)
    return rows, columns


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = 26 * number + letter - ord("A") + 1
    return number
