"""Mutations of bytes, of text and of the parts of a workbook; each is decided by the `random.Random` given alone."""

import io
import random
import re
import zipfile
from collections.abc import Callable

Mutation = Callable[[random.Random, bytes], bytes]

_SPECIAL = (
    b"\0", b"\n", b"\r", b"\r\n", b'"', b'""', b",", b"\t", b";", b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", b"\x1a",
    b"\x80", b"\xff", b"\xe2\x80\xa8", b"\xc2\x85", b"\xe3\x80\x80", b"{", b"}", b"[", b"]", b"\\", b"\\ud800", b"NaN",
    b"1e999", b"<", b">", b"&amp;", b"\x81\x30\x81\x30", b"\xed\xa0\x80", "合计".encode(), "合计".encode("gb18030"),
    b"NULL", b"- ", b"&a", b"*a", b"!!python/none",
)  # fmt: skip
_XML_NUMBER = re.compile(rb'(?<=[">])[0-9.]+(?=["<])')
_XML_TAG = re.compile(rb"<[^>]{1,200}>")
_REFERENCE = re.compile(rb'r="[A-Z]+[0-9]+"')


def mutate_bytes(draw: random.Random, data: bytes) -> bytes:
    """One to four of the mutations below."""
    for _ in range(draw.choice((1, 1, 2, 4))):
        data = draw.choice(_BYTES)(draw, data)
    return data


def _place(draw: random.Random, data: bytes) -> int:
    # Headers decide most, so every other mutation is made near the start.
    return draw.randrange(min(len(data), 200) + 1) if draw.random() < 0.5 else draw.randrange(len(data) + 1)


def _piece(draw: random.Random, data: bytes) -> tuple[int, int]:
    start = _place(draw, data)
    return start, min(len(data), start + draw.choice((1, 2, 3, 10, 100, 1000)))


def _flip(draw: random.Random, data: bytes) -> bytes:
    if not data:
        return data
    changed = bytearray(data)
    for _ in range(draw.choice((1, 1, 3, 20))):
        changed[draw.randrange(len(changed))] = draw.randrange(256)
    return bytes(changed)


def _delete(draw: random.Random, data: bytes) -> bytes:
    start, end = _piece(draw, data)
    return data[:start] + data[end:]


def _insert(draw: random.Random, data: bytes) -> bytes:
    at = _place(draw, data)
    return data[:at] + draw.choice(_SPECIAL) * draw.choice((1, 1, 1, 2, 40)) + data[at:]


def _repeat(draw: random.Random, data: bytes) -> bytes:
    start, end = _piece(draw, data)
    return data[:end] + data[start:end] * draw.choice((1, 2, 50)) + data[end:]


def _move(draw: random.Random, data: bytes) -> bytes:
    start, end = _piece(draw, data)
    rest = data[:start] + data[end:]
    at = _place(draw, rest)
    return rest[:at] + data[start:end] + rest[at:]


def _cut(draw: random.Random, data: bytes) -> bytes:
    return data[: draw.randrange(len(data) + 1)]


def _behead(draw: random.Random, data: bytes) -> bytes:
    return data[draw.randrange(len(data) + 1) :]


def _without_first_line(draw: random.Random, data: bytes) -> bytes:
    return data.partition(b"\n")[2]


def _swap_lines(draw: random.Random, data: bytes) -> bytes:
    lines = data.split(b"\n")
    one, other = draw.randrange(len(lines)), draw.randrange(min(len(lines), 3))
    lines[one], lines[other] = lines[other], lines[one]
    return b"\n".join(lines)


def _other_line_ends(draw: random.Random, data: bytes) -> bytes:
    return data.replace(b"\r\n", b"\n").replace(b"\n", draw.choice((b"\r", b"\r\n", b"\n\n", b"\r\r\n", b" ")))


def _other_delimiter(draw: random.Random, data: bytes) -> bytes:
    return data.replace(b",", draw.choice((b";", b"\t", b"|", b",,", "，".encode(), b"")))


def _recode(draw: random.Random, data: bytes) -> bytes:
    text = data.decode(draw.choice(("utf-8", "gb18030")), errors="replace")
    return text.encode(draw.choice(("utf-8", "utf-8-sig", "gb18030", "utf-16", "big5", "utf-32")), errors="replace")


_BYTES: tuple[Mutation, ...] = (
    _flip, _delete, _insert, _insert, _repeat, _move, _cut, _behead, _without_first_line, _swap_lines, _other_line_ends,
    _other_delimiter, _recode,
)  # fmt: skip


def mutate_workbook(draw: random.Random, data: bytes) -> bytes:
    """A workbook with one part changed inside, zipped anew; or its bytes changed as they are."""
    if draw.random() < 0.3:
        return mutate_bytes(draw, data)
    with zipfile.ZipFile(io.BytesIO(data)) as book:
        parts = {info.filename: book.read(info) for info in book.infolist()}
    names = sorted(parts)
    likely = [name for name in names if "sheet" in name or "workbook" in name or "shared" in name or "styles" in name]
    for _ in range(draw.choice((1, 1, 2, 3))):
        name = draw.choice(likely if draw.random() < 0.9 else names)
        if name in parts:
            parts = draw.choice(_PARTS)(draw, parts, name)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", draw.choice((zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED))) as book:
        for name, content in parts.items():
            book.writestr(name, content)
    return packed.getvalue()


_Parts = dict[str, bytes]
_NUMBERS = (
    b"0", b"-1", b"1", b"2958465.9999999", b"2958466", b"1e308", b"NaN", b"INF", b"-0.0", b"99999999999999999999", b"1048577",
    b"16385", b"60", b"0.5", b"", b"4294967296", b"1E-320",
)  # fmt: skip


def _other_number(draw: random.Random, parts: _Parts, name: str) -> _Parts:
    places = list(_XML_NUMBER.finditer(parts[name]))
    if not places:
        return parts
    found = draw.choice(places)
    changed = parts[name][: found.start()] + draw.choice(_NUMBERS) + parts[name][found.end() :]
    return parts | {name: changed}


def _other_reference(draw: random.Random, parts: _Parts, name: str) -> _Parts:
    places = list(_REFERENCE.finditer(parts[name]))
    if not places:
        return parts
    found = draw.choice(places)
    other = draw.choice(
        (
            b'r="XFD1048576"',
            b'r="A1"',
            b'r="ZZZZ1"',
            b'r="A0"',
            b'r="A99999999999"',
            b'r=""',
            b'r="1A"',
            b'r="A1048576"',
        )
    )
    return parts | {name: parts[name][: found.start()] + other + parts[name][found.end() :]}


def _lying_dimension(draw: random.Random, parts: _Parts, name: str) -> _Parts:
    stated = draw.choice((b"A1:XFD1048576", b"A1:A1", b"XFD1048576:A1", b"A1", b"", b"B5:C2", b"A1:ZZZZ99999999"))
    return parts | {name: re.sub(rb'<dimension ref="[^"]*"', b'<dimension ref="' + stated + b'"', parts[name])}


def _tag(draw: random.Random, parts: _Parts, name: str) -> _Parts:
    """A tag left out, twice, many times over, or nested."""
    places = list(_XML_TAG.finditer(parts[name]))
    if not places:
        return parts
    found = draw.choice(places)
    instead = draw.choice((b"", found[0] * 2, found[0] * 300, b"<a>" * 5000, b"<!-- -->", b"<![CDATA[x]]>"))
    return parts | {name: parts[name][: found.start()] + instead + parts[name][found.end() :]}


def _entities(draw: random.Random, parts: _Parts, name: str) -> _Parts:
    head = b'<?xml version="1.0"?><!DOCTYPE z [<!ENTITY a "' + b"x" * 1000 + b'">'
    head += b"".join(b'<!ENTITY %c "%s">' % (98 + n, b"&%c;" % (97 + n) * 50) for n in range(6)) + b"]>"
    body = parts[name].partition(b"?>")[2]
    places = [found.end() for found in _XML_TAG.finditer(body)] or [0]
    at = draw.choice(places)
    return parts | {name: head + body[:at] + b"&f;" + body[at:]}


def _other_bytes(draw: random.Random, parts: _Parts, name: str) -> _Parts:
    return parts | {name: mutate_bytes(draw, parts[name])}


def _without_part(draw: random.Random, parts: _Parts, name: str) -> _Parts:
    return {other: content for other, content in parts.items() if other != name}


def _swapped_parts(draw: random.Random, parts: _Parts, name: str) -> _Parts:
    other = draw.choice(sorted(parts))
    return parts | {name: parts[other], other: parts[name]}


def _many_rows(draw: random.Random, parts: _Parts, name: str) -> _Parts:
    rows = b"".join(b'<row r="%d"><c r="A%d"/></row>' % (n, n) for n in range(50, 50 + draw.choice((10, 3000))))
    return parts | {name: parts[name].replace(b"</sheetData>", rows + b"</sheetData>")}


def _merged(draw: random.Random, parts: _Parts, name: str) -> _Parts:
    ranges = draw.choice((b"A1:XFD1048576", b"A3:C3", b"B2:B9", b"A1:A1", b"C9:A1", b"A1:ZZZZ1"))
    cells = b'<mergeCells count="1"><mergeCell ref="' + ranges + b'"/></mergeCells>'
    return parts | {name: parts[name].replace(b"</sheetData>", b"</sheetData>" + cells)}


_PARTS: tuple[Callable[[random.Random, _Parts, str], _Parts], ...] = (
    _other_number, _other_number, _other_reference, _lying_dimension, _tag, _entities, _other_bytes, _without_part,
    _swapped_parts, _many_rows, _merged,
)  # fmt: skip
