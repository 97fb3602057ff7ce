"""No refusal holds a value of the file that it speaks of, whatever its bytes are.

Values of people are put where anything may stand: in place of headers, as a sheet's name, as a key, in another delimiter,
another encoding, cut in the middle. Only the parsers run; what they refuse with is all that runs and commands tell of it.
"""

import json
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.land.batches import FileRefused
from jobs.land.parse import parse
from tests.support.land_objects import make_object

HEADERS = ["编号", "姓名", "身份证号", "电话", "住址"]
VALUES = [
    "欧阳慧敏", "司马建国", "Pitcairn", "320102190307080010", "３２０１０２１９０３０７０８００１０", "13900000001",
    "139-0000-0001", "板仓街7号2单元", "姓名欧阳慧敏的身份证号码320102190307080010",
]  # fmt: skip
# What a message must not hold: each value, and of the long ones any part that still names somebody.
CANARIES = ["欧阳慧敏", "司马建国", "Pitcairn", "32010219", "３２０１０２", "13900000", "139-0000", "板仓街"]

cells = st.sampled_from([*VALUES, *VALUES, *HEADERS, "", "身份证号码", "x"])
rows = st.lists(st.lists(cells, max_size=7), max_size=5)
encodings = st.sampled_from(["utf-8", "utf-8-sig", "gb18030", "big5", "utf-16", "utf-16-le", "utf-16-be"])
declared = st.sampled_from(["utf-8", "gb18030", "big5", "utf-16"])


def told(data: bytes, obj: Any, path: Path) -> str:
    """What the parser says of the file; empty if it takes it."""
    path.write_bytes(data)
    try:
        for _ in parse(path, obj):
            pass
    except FileRefused as refused:
        return f"{refused} {refused.reason} {refused.detail}"
    return ""


def found_in(message: str) -> list[str]:
    return [canary for canary in CANARIES if canary in message]


def damaged(data: bytes, at: int, by: bytes) -> bytes:
    """The bytes with some more in the middle, or cut there."""
    at = at * len(data) // 100
    return data[:at] + by + (data[at:] if by else b"")


@settings(max_examples=400, deadline=None)
@given(
    rows,
    st.sampled_from([",", ";", "\t", "，", "\n"]),
    st.sampled_from(["\n", "\r", "\r\n", "\r\r\n", "\u2028"]),
    st.tuples(encodings, declared, st.integers(0, 2), st.integers(1, 2)),
    st.tuples(st.integers(0, 100), st.sampled_from([b"", b"\xff", b"\x00", b'"', b"\r", "编号,".encode()])),
)
def test_delimited_text(
    tmp_path_factory: pytest.TempPathFactory,
    rows: list[list[str]],
    delimiter: str,
    line_end: str,
    reading: tuple[str, str, int, int],
    damage: tuple[int, bytes],
) -> None:
    written, encoding, skip_rows, header_rows = reading
    data = line_end.join(delimiter.join(row) for row in rows).encode(written, errors="replace")
    obj = make_object("csv", HEADERS, ("编号",), encoding=encoding, skip_rows=skip_rows, header_rows=header_rows)
    path = tmp_path_factory.mktemp("csv") / "file"
    assert found_in(told(data, obj, path)) == []
    assert found_in(told(damaged(data, *damage), obj, path)) == []


values = st.recursive(cells | st.integers() | st.none(), lambda inner: st.lists(inner, max_size=2), max_leaves=3)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.dictionaries(cells, values, max_size=4), max_size=4),
    st.sampled_from(["lines", "array", "pretty", "wrapped", "commas", "one line"]),
    st.tuples(encodings, declared),
    st.tuples(st.integers(0, 100), st.sampled_from([b"", b"\xff", b"\x00", b'"', b"\n"])),
)
def test_json(
    tmp_path_factory: pytest.TempPathFactory,
    objects: list[dict[str, Any]],
    shape: str,
    reading: tuple[str, str],
    damage: tuple[int, bytes],
) -> None:
    lines = [json.dumps(value, ensure_ascii=False) for value in objects]
    text = {
        "lines": "\n".join(lines),
        "array": f"[{','.join(lines)}]",
        "pretty": json.dumps(objects, ensure_ascii=False, indent=1),
        "wrapped": f'{{"code": 0, "欧阳慧敏": {{"13900000001": [{",".join(lines)}]}}}}',
        "commas": ",\n".join(lines),
        "one line": "".join(lines),
    }[shape]
    data = text.encode(reading[0], errors="replace")
    obj = make_object("jsonl", HEADERS, ("编号",), encoding=reading[1])
    path = tmp_path_factory.mktemp("jsonl") / "file"
    assert found_in(told(data, obj, path)) == []
    assert found_in(told(damaged(data, *damage), obj, path)) == []


sheet_names = st.sampled_from(
    ["Sheet1", "名册", "名册2", "欧阳慧敏", "名册欧阳慧敏", "名册139000000", "320102190307080010"]
)


@settings(max_examples=60, deadline=None)
@given(rows, st.lists(sheet_names, min_size=1, max_size=3, unique=True), st.integers(0, 99))
def test_workbooks(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]], sheets: list[str], cut: int
) -> None:
    path = tmp_path_factory.mktemp("xlsx") / "file"
    with xlsxwriter.Workbook(path) as book:
        for name in sheets:
            page = book.add_worksheet(name)
            for number, row in enumerate(rows):
                page.write_row(number, 1, row)
    data = path.read_bytes()
    obj = make_object("xlsx", HEADERS, ("编号",), sheet="名册")
    assert found_in(told(data, obj, path)) == []
    assert found_in(told(damaged(data, cut, b""), obj, path)) == []


def test_the_canaries_are_found_if_a_message_holds_one() -> None:
    assert found_in("unknown_header: 姓名欧阳慧敏 is not declared") == ["欧阳慧敏"]
