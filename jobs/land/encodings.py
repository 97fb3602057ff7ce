"""Whether a text file is in the encoding its contract declares, and its bytes in blocks of whole lines.

Refuses: a file in another encoding (naming the one that fits), an empty file, one whose lines have no end.

The rule: the header decides. If it can be read as declared, broken bytes further down cost their own line only. If the header
says nothing (it is ASCII), the text is asked, see `guess`.
"""

import codecs
import io
import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import filterfalse
from pathlib import Path
from typing import BinaryIO

import numpy as np

from jobs.land.batches import FileRefused
from jobs.land.guess import guess_encoding
from jobs.land.line_ends import SAMPLE_BYTES, copy_with_lf, ends_with_lone_cr

BLOCK_BYTES = 1 << 20
MAX_LINE_BYTES = 8 << 20
_HEAD_BYTES = 64 << 10
_SAMPLE_LINES = 1000
_CANDIDATES = ("utf-8", "gb18030", "big5", "utf-16")
_LINE_END = re.compile(b"[\r\n]+")


def check_encoding(path: Path, declared: str, headers: Sequence[str]) -> None:
    """Raise FileRefused where the file is empty or in another encoding than declared.

    Args:
        headers: what the header must contain, as the contract declares it.
    """
    encoding = _python_name(declared)
    with open(path, "rb") as file:
        head = file.read(_HEAD_BYTES)
    if not head.strip(b"\xef\xbb\xbf \t\r\n"):
        raise FileRefused("empty_file", f"{path.stat().st_size} bytes")
    fits = _by_mark(head, encoding) or _by_wide_text(head, encoding, headers) or _by_headers(head, encoding, headers)
    if fits is None:  # no line end of it is one of UTF-16
        fits = guess_encoding(_lines_beyond_ascii(path), "utf-8" if encoding == "utf-16" else encoding)
    if fits != encoding:
        raise FileRefused("wrong_encoding", f"declared {declared}, fits {fits}")


def _python_name(encoding: str) -> str:
    """The encoding to read with: a byte order mark is allowed and never required; GB 2312 and GBK are part of GB 18030."""
    name = codecs.lookup(encoding).name
    return {"utf-8-sig": "utf-8", "gb2312": "gb18030", "gbk": "gb18030"}.get(name, name)


def _by_mark(head: bytes, declared: str) -> str | None:
    """Encoding that a byte order mark names."""
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if head.startswith(codecs.BOM_UTF8):
        return declared if declared == "utf-8" else "utf-8-sig"
    return None


def _by_headers(head: bytes, declared: str, headers: Sequence[str]) -> str | None:
    """Encoding in which most of the declared headers can be read; None when they are ASCII or in none of them."""
    parts = "/".join(headers).split("/")
    telling = {part for part in parts if not part.isascii()}
    best, most = None, 0
    for encoding in (declared, *_CANDIDATES):  # the first of equals, which is the declared one
        text = head.decode(encoding, errors="replace")
        seen = sum(part in text for part in telling)
        if seen > most:
            best, most = encoding, seen
    return best


def _lines_beyond_ascii(path: Path) -> list[bytes]:
    """The first lines that hold other than ASCII characters; of those longer than a block, pieces."""
    found: list[bytes] = []
    rest = b""
    with open(path, "rb") as file:
        while len(found) < _SAMPLE_LINES and (block := file.read(BLOCK_BYTES)):
            if not rest and block.isascii():
                continue
            *lines, rest = _LINE_END.split(rest + block)
            if len(rest) > BLOCK_BYTES:
                lines, rest = [*lines, rest], b""
            found += filterfalse(bytes.isascii, lines)
    found += filterfalse(bytes.isascii, [rest])
    return found[:_SAMPLE_LINES]


def _by_wide_text(head: bytes, declared: str, headers: Sequence[str]) -> str | None:
    """UTF-16 without a mark, if half of the headers stand there in it; where it is declared, a line end is enough."""
    wide = [any(header.encode(name) in head for name in ("utf-16-le", "utf-16-be")) for header in headers]
    is_wide = 2 * sum(wide) > len(wide) or (declared == "utf-16" and any(_wide_line_ends(head)))
    return "utf-16" if is_wide else None


def _wide_line_ends(head: bytes) -> tuple[int, int]:
    """Line ends of UTF-16 with the low byte first, and with the high byte first."""
    units = np.frombuffer(head[: len(head) // 2 * 2], "<u2")
    return int(np.count_nonzero(units == 0x000A)), int(np.count_nonzero(units == 0x0A00))


@contextmanager
def open_lines(path: Path, declared: str, delimiter: str = "", columns: int = 0) -> Iterator[tuple[BinaryIO, str]]:
    """The file's bytes without a byte order mark, in an encoding whose line ends are the byte LF, and that encoding.

    `delimiter` and `columns` of a row help to tell whether a lone CR ends a line.
    """
    with _open_decoded(path, declared) as (file, encoding):
        start = file.tell()
        sample = file.read(SAMPLE_BYTES)
        file.seek(start)
        if not ends_with_lone_cr(sample, delimiter, columns):
            yield file, encoding
            return
        with tempfile.TemporaryFile() as copy:
            copy_with_lf(file, copy)
            copy.seek(0)
            yield copy, encoding


@contextmanager
def _open_decoded(path: Path, declared: str) -> Iterator[tuple[BinaryIO, str]]:
    encoding = _python_name(declared)
    if encoding == "utf-16":
        with open(path, "rb") as file, tempfile.TemporaryFile() as copy:
            _copy_as_utf8(file, copy)
            copy.seek(0)
            yield copy, "utf-8"
        return
    with open(path, "rb") as file:
        if encoding != "utf-8" or file.read(3) != codecs.BOM_UTF8:
            file.seek(0)
        yield file, encoding


def _copy_as_utf8(file: BinaryIO, copy: BinaryIO) -> None:
    """Copy a file of UTF-16 as UTF-8.

    Raises:
        FileRefused: unreadable, if a character of it is damaged.
    """
    head = file.read(_HEAD_BYTES)
    file.seek(0)
    text = io.TextIOWrapper(file, encoding=_wide_encoding(head), newline="\n")
    try:
        while piece := text.read(BLOCK_BYTES):
            copy.write(piece.encode())
    except UnicodeError as error:
        raise FileRefused("unreadable", "the file breaks off or is damaged inside a UTF-16 character") from error


def _wide_encoding(head: bytes) -> str:
    """The kind of UTF-16: its mark tells, else its line ends."""
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    low_first, high_first = _wide_line_ends(head)
    return "utf-16-be" if high_first > low_first else "utf-16-le"


def read_blocks(file: BinaryIO, size: int | None = None) -> Iterator[tuple[bytes, bool]]:
    """Blocks of whole lines, of about `size` bytes, and whether each is the last one.

    Raises:
        FileRefused: unreadable, where a line is longer than memory should bear.
    """
    size = size or BLOCK_BYTES
    block = file.read(size)
    while block:
        if not block.endswith(b"\n"):
            rest = file.readline(MAX_LINE_BYTES)
            if len(rest) == MAX_LINE_BYTES:
                raise FileRefused("unreadable", f"a line is longer than {MAX_LINE_BYTES >> 20} MiB")
            block += rest
        following = file.read(size)
        yield block, not following
        block = following


def decode_line(line: bytes, encoding: str) -> tuple[str, bool]:
    """A line's text, and whether all its bytes are of the encoding; those that are not show as `\\xNN`."""
    try:
        text = line.decode(encoding)
        text.encode()  # GB18030 has codes for lone surrogates, which no table can hold
        return text, True
    except UnicodeError:
        return line.decode(encoding, errors="backslashreplace").encode(errors="backslashreplace").decode(), False
