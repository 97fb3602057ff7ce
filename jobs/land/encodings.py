"""Whether a text file is in the encoding its contract declares, and its bytes in blocks of whole lines.

Refuses: a file in another encoding (naming the one that fits), an empty file, one whose lines have no end.

The rule: the header decides. Where it can be read as declared, broken bytes further down cost their own line only. Where
the header says nothing (it is ASCII), the file is refused when most of its lines with other than ASCII characters do not
decode as declared and another encoding reads them plausibly. Almost any bytes are GB18030 by luck, so it must give common
characters, and text that is valid UTF-8 is never taken for it.
"""

import codecs
import io
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from jobs.land.batches import FileRefused
from jobs.land.line_ends import SAMPLE_BYTES, copy_with_lf, ends_with_lone_cr

BLOCK_BYTES = 1 << 20
MAX_LINE_BYTES = 8 << 20
_HEAD_BYTES = 64 << 10
_SAMPLE_LINES = 1000
_CANDIDATES = ("utf-8", "gb18030", "big5", "utf-16")
# Lead bytes of the common characters: level 1 and punctuation of GB 2312, level 1 and punctuation of Big5.
_COMMON_LEADS = {"gb18030": (0xA1, 0xD7), "big5": (0xA1, 0xC6)}


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
    fits = _by_mark(head, encoding) or _by_headers(head, encoding, headers)
    if fits is None:
        fits = _by_lines(_lines_beyond_ascii(path), encoding)
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
    telling = {part for header in headers for part in header.split("/") if not part.isascii()}
    texts = {encoding: head.decode(encoding, errors="replace") for encoding in (declared, *_CANDIDATES)}
    seen = {encoding: sum(part in text for part in telling) for encoding, text in texts.items()}
    best = max(seen, key=lambda encoding: seen[encoding])  # the first of equals, which is the declared one
    return best if seen[best] else None


def _by_lines(lines: list[bytes], declared: str) -> str:
    """Encoding that fits most of the lines; the declared one when no other does better."""
    if not lines:
        return declared
    if declared != "utf-8" and _share(lines, "utf-8", sure=True) > 0.5:
        return "utf-8"
    if _share(lines, declared) >= 0.5:
        return declared
    for encoding in ("gb18030", "big5"):
        if _share(lines, encoding) > 0.95 and _is_plausible(lines, encoding):
            return encoding
    return declared


def _share(lines: list[bytes], encoding: str, sure: bool = False) -> float:
    """Share of lines that decode; `sure` asks for a character of three bytes, as GBK pairs pass for two by luck."""
    fitting = 0
    for line in lines:
        try:
            fitting += max(line.decode(encoding)) >= "\u0800" if sure else line.decode(encoding) is not None
        except UnicodeDecodeError:
            continue
    return fitting / len(lines)


def _is_plausible(lines: list[bytes], encoding: str) -> bool:
    first, last = _COMMON_LEADS[encoding]
    text = b"".join(lines).decode(encoding, errors="ignore")
    encoded = [character.encode(encoding) for character in text if not character.isascii()]
    common = sum(len(code) == 2 and first <= code[0] <= last for code in encoded)
    return common > 0.5 * len(encoded)


def _lines_beyond_ascii(path: Path) -> list[bytes]:
    """The first lines that hold other than ASCII characters."""
    found: list[bytes] = []
    with open(path, "rb") as file:
        for block, _ in read_blocks(file):
            if not block.isascii():
                found += [line for line in block.split(b"\n") if not line.isascii()]
            if len(found) >= _SAMPLE_LINES:
                break
    return found[:_SAMPLE_LINES]


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
    if encoding != "utf-16":
        with open(path, "rb") as file:
            if file.read(3) != codecs.BOM_UTF8 or encoding != "utf-8":
                file.seek(0)
            yield file, encoding
        return
    with open(path, "rb") as file, tempfile.TemporaryFile() as copy:
        text = io.TextIOWrapper(file, encoding="utf-16", newline="\n")
        try:
            while piece := text.read(BLOCK_BYTES):
                copy.write(piece.encode())
        except UnicodeError as error:
            raise FileRefused("unreadable", "the file breaks off or is damaged inside a UTF-16 character") from error
        copy.seek(0)
        yield copy, "utf-8"


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
