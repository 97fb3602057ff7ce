"""What must be known of an XLSX sheet before it is opened: how far its cells reach, and which of them hold no value.

Reads: the bytes of a workbook. Refuses: a sheet whose rectangle of cells would not fit in memory. The workbook reader holds that
rectangle as a whole, so one stray character in the last corner of a sheet would cost more memory than there is.

The reader gives an empty text for a cell with an error and for a formula that was never computed, and makes a date of NaN. So
these cells are given their words as text first, in a copy of the workbook: `#N/A` and its like as they stand, `#NO_VALUE!` for
a formula without a value, `#NUM!` for a number that is none.
"""

import io
import re
import shutil
import zipfile
import zlib
from collections.abc import Iterator
from typing import IO
from xml.etree import ElementTree

from jobs.common.intake.cell_errors import NO_NUMBER, NO_VALUE
from jobs.land.batches import FileRefused

MAX_CELLS = 20_000_000
# What a damaged archive or part of it raises; whether it can be read all the same is for the reader to judge.
DAMAGES = (
    zipfile.BadZipFile, zlib.error, ElementTree.ParseError, KeyError, OSError, EOFError, RuntimeError, ValueError,
)  # fmt: skip
_READ_BYTES = 1 << 20
_RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_STRICT_RELATION = "{http://purl.oclc.org/ooxml/officeDocument/relationships}id"
_DIMENSION = re.compile(rb'<(?:\w+:)?dimension\s+ref="(?:[A-Z]+[0-9]+:)?([A-Z]+)([0-9]+)"')
_FILLED_CELL = re.compile(rb'<(?:\w+:)?c\s[^<>]*?\br="([A-Z]+)([0-9]+)"[^<>]*(?<!/)>')
_ROW_TAG = b"row>"
_LONGEST_ROW = 8 << 20
# Each is found soon where it is not, so that a sheet without such cells costs little more than its unpacking.
_FAR_CELL = re.compile(rb' r="[A-Z]{3}')
_ODD_SIGNS = (b't="e"', b"t='e'", b"<f", b":f>", b":f ", b":f/")
_ODD_NUMBER = re.compile(rb"v>\s*[-+]?[iInN]")
_ERROR = re.compile(rb"(<(?:\w+:)?c\s[^<>]*?\bt=)([\"'])e\2")
_EMPTY_FORMULA = re.compile(
    rb"<((?:\w+:)?)c((?:\s[^<>]*)?)>\s*<\1f(?:\s[^<>]*)?(?:/>|>[^<]*</\1f>)\s*(<\1v\s*/>|<\1v>\s*</\1v>)?\s*</\1c>"
)
_NO_NUMBER = re.compile(
    rb"<((?:\w+:)?)c((?:\s[^<>]*)?)>\s*((?:<\1f(?:\s[^<>]*)?(?:/>|>[^<]*</\1f>))?)"
    rb"\s*<\1v>\s*[-+]?(?:nan|inf|infinity)\s*</\1v>\s*</\1c>",
    re.IGNORECASE,
)
_TYPE = re.compile(rb"\s+t=[\"'](\w*)[\"']")


def prepare_sheet(data: bytes, sheet: str) -> bytes:
    """The workbook with words in the cells of a sheet that hold no value; itself where there are none or it is no XLSX.

    Raises:
        FileRefused: the cells of the sheet span more than `MAX_CELLS`.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            part = _sheet_part(archive, sheet)
            if part is None:
                return data
            is_odd, is_far = _survey(archive, part)
            rows, columns = _extent(archive, part, is_far)
            if rows * columns <= MAX_CELLS:
                return _with_words(archive, part) if is_odd else data
    except DAMAGES:
        return data
    raise FileRefused(
        "unreadable", f"the cells of sheet {sheet} reach to row {rows} and column {columns}; clear strays"
    )


def _sheet_part(archive: zipfile.ZipFile, sheet: str) -> str | None:
    book = ElementTree.fromstring(archive.read("xl/workbook.xml"))
    relations = ElementTree.fromstring(archive.read("xl/_rels/workbook.xml.rels"))
    targets = {relation.get("Id"): relation.get("Target", "") for relation in relations}
    for element in book.iter():
        if element.tag.endswith("}sheet") and element.get("name") == sheet:
            target = targets[element.get(_RELATION) or element.get(_STRICT_RELATION)]
            return target.removeprefix("/") if target.startswith("/") else f"xl/{target}"
    return None


def _survey(archive: zipfile.ZipFile, part: str) -> tuple[bool, bool]:
    """Whether a sheet may have cells that hold no value, and cells beyond column ZZ."""
    is_odd = is_far = False
    with archive.open(part) as file:
        for piece in _pieces(file):
            is_odd = is_odd or (_may_be_odd(piece) and _spell_out(piece) != piece)
            is_far = is_far or _FAR_CELL.search(piece) is not None
    return is_odd, is_far


def _may_be_odd(piece: bytes) -> bool:
    return any(sign in piece for sign in _ODD_SIGNS) or _ODD_NUMBER.search(piece) is not None


def _extent(archive: zipfile.ZipFile, part: str, is_far: bool) -> tuple[int, int]:
    """Last row and column, as the sheet declares them; where that is too far or not true, as its filled cells have it.

    A sheet may declare far more than is filled, when whole columns were formatted; and less, when a program wrote it.
    """
    with archive.open(part) as file:
        declared = None if is_far else _DIMENSION.search(file.read(_READ_BYTES))
    if declared is not None:
        rows, columns = int(declared[2]), _column_number(declared[1])
        if rows * columns <= MAX_CELLS:
            return rows, columns
    rows, columns = 0, 0
    with archive.open(part) as file:
        for piece in _pieces(file):
            for cell in _FILLED_CELL.finditer(piece):
                rows, columns = max(rows, int(cell[2])), max(columns, _column_number(cell[1]))
    return rows, columns


def _with_words(archive: zipfile.ZipFile, part: str) -> bytes:
    copy = io.BytesIO()
    with zipfile.ZipFile(copy, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as target:
        for name in dict.fromkeys(archive.namelist()):
            with archive.open(name) as file, target.open(name, "w", force_zip64=True) as written:
                if name != part:
                    shutil.copyfileobj(file, written, _READ_BYTES)
                    continue
                for piece in _pieces(file):
                    written.write(_spell_out(piece))
    return copy.getvalue()


def _spell_out(piece: bytes) -> bytes:
    """Whole cells of a sheet's XML; those that hold no value with a word for it as their text."""
    piece = _EMPTY_FORMULA.sub(_word_of_formula, piece)
    piece = _NO_NUMBER.sub(_word_of_number, piece)
    return _ERROR.sub(rb"\1\2str\2", piece)


def _word_of_formula(cell: re.Match[bytes]) -> bytes:
    prefix, attributes, value = cell.groups()
    kind = _TYPE.search(attributes)
    # A formula whose result is an empty text has a value, an empty one.
    if value is not None and kind is not None and kind[1] == b"str":
        return cell[0]
    return _text_cell(prefix, attributes, NO_VALUE)


def _word_of_number(cell: re.Match[bytes]) -> bytes:
    prefix, attributes, _ = cell.groups()
    kind = _TYPE.search(attributes)
    return cell[0] if kind is not None and kind[1] != b"n" else _text_cell(prefix, attributes, NO_NUMBER)


def _text_cell(prefix: bytes, attributes: bytes, text: str) -> bytes:
    plain = _TYPE.sub(b"", attributes)
    return b'<%sc%s t="str"><%sv>%s</%sv></%sc>' % (prefix, plain, prefix, text.encode(), prefix, prefix)


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    """XML in pieces of about a megabyte that break beside a row's tag, never within a cell."""
    rest = b""
    while piece := file.read(_READ_BYTES):
        rest += piece
        # Without a row in so much it is no sheet, or one whose reading will be refused.
        cut = rest.rfind(_ROW_TAG) + len(_ROW_TAG)
        if cut < len(_ROW_TAG):
            cut = len(rest) if len(rest) > _LONGEST_ROW else 0
        yield rest[:cut]
        rest = rest[cut:]
    yield rest


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = 26 * number + letter - ord("A") + 1
    return number
