"""What a file that is declared to be a workbook really is.

Reads: its bytes. Refuses: an encrypted workbook, and what no reader of workbooks can read, by its right name and with the way
out: web systems give HTML and XML the name .xls, and Excel opens them.
"""

import io
import re
import struct
import zipfile
from contextlib import suppress

from jobs.land.batches import FileRefused
from jobs.land.used_range import DAMAGES

_OLE = bytes.fromhex("d0cf11e0a1b11ae1")
_ZIP = b"PK\x03\x04"
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
_OLE_BOOK = "Workbook".encode("utf-16-le")
_OLE_KINDS = {"WordDocument": "a Word document", "PowerPoint Document": "a PowerPoint presentation"}
_ZIP_KINDS = {"word/": "a Word document", "ppt/": "a PowerPoint presentation", "OFD.xml": "an OFD document"}
_BOOK_PARTS = ("xl/", "content.xml", "Index/", "[Content_Types].xml")
_MAGIC = {
    b"%PDF": "a PDF document",
    b"\x89PNG": "an image (PNG)",
    b"\xff\xd8\xff": "an image (JPEG)",
    b"GIF8": "an image (GIF)",
    b"BM": "an image (BMP)",
    b"Rar!": "a RAR archive",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"\x1f\x8b": "a gzip archive",
    b"{\\rtf": "a text document (RTF)",
    b"SQLite format 3": "a database (SQLite)",
}
_ARCHIVES = ("a RAR archive", "a 7z archive", "a gzip archive", "a ZIP archive")
_SAVE = "open it in Excel or WPS and save it as .xlsx"
# What the start of a text looks like, in small letters, and what the text is then.
_TEXT_KINDS = {
    "urn:schemas-microsoft-com:office:spreadsheet": f"an XML Spreadsheet 2003 under the name of a workbook; {_SAVE}",
    r"<(!doctype html|html|head|body|table|meta|div)\b": f"an HTML page under the name of a workbook; {_SAVE}",
    r"\A(mime-version|content-type|from):": f"a web page (MHTML) under the name of a workbook; {_SAVE}",
    r"\A<": "an XML document and no workbook",
    r"\A[{\[]": "JSON and no workbook; declare `format: jsonl` if each line is an object",
}
_DELIMITERS = {"\t": ("tab", "\\t"), ",": ("comma", ","), ";": ("semicolon", ";")}
_CONTROL = re.compile("[\x00-\x08\x0e-\x1f]")
_HEAD_BYTES = 64 << 10
# The record that begins a workbook of Excel 97 and later, and the one in it that names an encoding.
_BIFF8_BOOK = bytes.fromhex("0908100000060500")
_CODEPAGE, _UTF_16 = 0x0042, 1200


def check_kind(data: bytes) -> bytes:
    """The bytes of a workbook as its reader knows them.

    Raises:
        FileRefused: empty_file, password_protected, wrong_format (it is something else) or unreadable (it is nothing known).
    """
    if not data:
        raise FileRefused("empty_file", "0 bytes")
    if data.startswith(_OLE):
        _check_ole(data)
        return _with_known_codepage(data)
    # Some web servers put a byte order mark or white space before it.
    if data[:_HEAD_BYTES].lstrip(b"\xef\xbb\xbf \t\r\n").startswith(_ZIP):
        data = data[data.index(_ZIP) :]
        _check_archive(data)
        return data
    raise _wrong_text(data[:_HEAD_BYTES])


def _check_ole(data: bytes) -> None:
    if _ENCRYPTED in data:
        raise FileRefused("password_protected", "the workbook is encrypted")
    for name, kind in _OLE_KINDS.items():
        if name.encode("utf-16-le") in data and _OLE_BOOK not in data:
            raise _wrong(kind)


def _check_archive(data: bytes) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = archive.namelist()
    except DAMAGES:
        return  # cut short: the reader will say so
    for prefix, kind in _ZIP_KINDS.items():
        if any(name.startswith(prefix) for name in names):
            raise _wrong(kind)
    if not any(name.startswith(_BOOK_PARTS) for name in names):
        raise _wrong("a ZIP archive")


def _wrong(kind: str) -> FileRefused:
    if kind in _ARCHIVES:
        return FileRefused("wrong_format", f"{kind} and no workbook; unpack it and hand in what is inside")
    return FileRefused("wrong_format", f"{kind} and no workbook")


def _wrong_text(head: bytes) -> FileRefused:
    """The refusal of what is neither of the containers of workbooks."""
    for magic, kind in _MAGIC.items():
        if head.startswith(magic):
            return _wrong(kind)
    text = _read_text(head)
    if text is None:
        return FileRefused("unreadable", "no workbook, or one that is damaged or cut short")
    start = text[:4096].lower()
    for pattern, told in _TEXT_KINDS.items():
        if re.search(pattern, start):
            return FileRefused("wrong_format", told)
    line = next(iter(text.splitlines()), "")
    for delimiter, (name, written) in _DELIMITERS.items():
        if delimiter in line:
            way = f'declare `format: csv`, `delimiter: "{written}"` and its encoding'
            return FileRefused("wrong_format", f"text with a {name} between the cells and no workbook; {way}")
    return FileRefused("wrong_format", "plain text and no workbook")


def _read_text(head: bytes) -> str | None:
    """The bytes as text, None where they are none."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return head.decode("utf-16", errors="ignore").lstrip()
    text = _decode_cut(head, "utf-8-sig")
    if text is None:
        text = _decode_cut(head, "gb18030")
    if text is None or _CONTROL.search(text):
        return None
    return text.lstrip()


def _decode_cut(head: bytes, encoding: str) -> str | None:
    """The bytes as text, though their last character may be cut; None if they are no such text."""
    for end in range(len(head), max(len(head) - 4, 0), -1):
        with suppress(UnicodeDecodeError):
            return head[:end].decode(encoding)
    return None


def _with_known_codepage(data: bytes) -> bytes:
    """A workbook of Excel 97 and later with UTF-16 as its encoding, whatever it names.

    All its texts are UTF-16. The reader goes by the name: it fails at those of the Mac, and reads other Chinese for GBK.
    """
    at = data.find(_BIFF8_BOOK)
    while 0 <= at <= len(data) - 6:
        kind, length = struct.unpack_from("<HH", data, at)
        if kind == _CODEPAGE and length == 2:
            (page,) = struct.unpack_from("<H", data, at + 4)
            return data if page == _UTF_16 else data[: at + 4] + struct.pack("<H", _UTF_16) + data[at + 6 :]
        if kind == 0 or at % 512 + length + 4 > 512:  # the next record may lie anywhere in the file
            return data
        at += 4 + length
    return data
