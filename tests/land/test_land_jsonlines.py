"""Landing of JSON lines: each table shows lines and the rows they become."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.land import jsonlines
from jobs.land.batches import FileRefused
from tests.support.land_objects import land_file, make_object

LEDGER = make_object("jsonl", ["id", "name", "note"], keys=("id",))


def write(tmp_path: Path, text: str | bytes, encoding: str = "utf-8") -> Path:
    path = tmp_path / "file"
    path.write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
    return path


VALUES = {
    "text": ('"甲"', "甲"),
    "whole number": ("12", "12"),
    "long number": ("320106199001010017", "320106199001010017"),
    "number with .0": ("12.0", "12"),
    "fraction as it stands": ("0.10", "0.10"),
    "exponent": ("1e3", "1e3"),
    "negative": ("-7", "-7"),
    "true": ("true", "true"),
    "false": ("false", "false"),
    "null": ("null", None),
    "empty": ('""', None),
    "white space stays": ('" 甲 "', " 甲 "),
    "escapes": (r'"\u7532\n\"\\"', '甲\n"\\'),
    "object": ('{"b": 1, "c": [1.5, null]}', '{"b":1,"c":[1.5,null]}'),
    "list": ('["甲", true]', '["甲",true]'),
}


@pytest.mark.parametrize("name", VALUES)
def test_a_value_lands_as_text(tmp_path: Path, name: str) -> None:
    written, expected = VALUES[name]
    landed = land_file(write(tmp_path, f'{{"id": "1", "name": {written}}}\n'), LEDGER)
    assert landed["rows"] == [(1, "1", expected, None)]


BAD: dict[str, Any] = {
    "no JSON": ("{id: 1}", "bad_json"),
    "cut short": ('{"id": "1", "na', "bad_json"),
    "more than one": ('{"id": "1"} {"id": "2"}', "bad_json"),
    "text": ('"1"', "bad_json"),
    "number": ("1", "bad_json"),
    "list": ('[{"id": "1"}]', "bad_json"),
    "null": ("null", "bad_json"),
    "key twice": ('{"id": "1", "id": "2"}', "bad_json"),
    "key twice, once with white space before the colon": ('{"id" : "1", "id": "2", "name" : "3"}', "bad_json"),
    "key twice, once escaped": (r'{"id": "1", "\u0069d": "2"}', "bad_json"),
    "key twice, deep inside": ('{"id": "1", "note": {"a": 1, "a": 1}}', "bad_json"),
    "not a number": ('{"id": NaN}', "bad_json"),
    "half a character": (r'{"id": "\ud800"}', "bad_json"),
    "endless depth": ('{"id": ' + "[" * 100_000, "bad_json"),
    "number of 5,000 digits inside": ('{"id": [' + "1" * 5000 + "]}", "bad_json"),
    "undeclared key": ('{"id": "1", "phone": "2"}', "unknown_json_key"),
    "broken bytes": (b'{"id": "\xe5\xff"}', "bad_bytes"),
}


@pytest.mark.parametrize("end", [b"\n", b"\r\n"], ids=["LF", "CR LF"])
@pytest.mark.parametrize("name", BAD)
def test_a_bad_line_costs_only_itself(tmp_path: Path, name: str, end: bytes) -> None:
    line, reason = BAD[name]
    line = line if isinstance(line, bytes) else line.encode()
    good = '{"id": "甲"}'.encode()
    landed = land_file(write(tmp_path, end.join([good, line, good, b""])), LEDGER)
    assert landed["rows"] == [(1, "甲", None, None), (3, "甲", None, None)]
    assert landed["quarantined"] == [(2, reason, line.decode(errors="backslashreplace"))]


def test_blank_lines_count_and_trailing_ones_are_not_read(tmp_path: Path) -> None:
    landed = land_file(write(tmp_path, '\ufeff{"id": "1"}\n\n  \n{"id": "2"}\n\n \n'), LEDGER)
    assert landed["rows"] == [(1, "1", None, None), (4, "2", None, None)]
    assert landed["skipped"] == [(2, "blank"), (3, "blank")]
    assert landed["read"] == 4


LINES = "".join(f'{{"id": "{n}", "name": "欧阳建国"}}\n' for n in range(5))
REFUSED = {
    "empty": (b"", "empty_file", "0 bytes"),
    "no JSON at all": (b"PK\x03\x04 something\nelse\n", "unreadable", "no line of the file is a JSON object"),
    "gb18030": (LINES.encode("gb18030"), "wrong_encoding", "declared utf-8, fits gb18030"),
    "utf-16": (LINES.encode("utf-16"), "wrong_encoding", "declared utf-8, fits utf-16"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_file_that_is_no_such_thing_is_refused(tmp_path: Path, name: str) -> None:
    data, reason, detail = REFUSED[name]
    with pytest.raises(FileRefused) as refused:
        land_file(write(tmp_path, data), LEDGER)
    assert (refused.value.reason, refused.value.detail) == (reason, detail)


ROW, OTHER = '{"id": "1", "name": "甲"}', '{"id": "2", "name": "乙"}'
INSIDE = "one object with the rows inside it"
SHAPES = {
    "array": (f"[{ROW},\n{OTHER}]", "an array of objects"),
    "array in one line": (f"[{ROW}, {OTHER}]\n", "an array of objects"),
    "array with an object a line": (f"[\n{ROW},\n{OTHER}\n]\n", "an array of objects"),
    "array after a byte order mark": (f"\ufeff[{ROW}]", "an array of objects"),
    "array, pretty": (json.dumps([json.loads(ROW)] * 3, indent=2), "an array of objects"),
    "array, long and pretty": (json.dumps([json.loads(ROW)] * 5000, indent=2), "an array of objects"),
    "array, long and in one line": (json.dumps([json.loads(ROW)] * 5000), "an array of objects"),
    "array inside an answer": (f'{{"code": 0, "data": {{"rows": [{ROW}]}}}}', f"{INSIDE}, in data.rows"),
    "array inside an answer, an object a line": (f'{{"data": [\n{ROW},\n{OTHER}\n]}}', f"{INSIDE}, in data"),
    "array inside an answer under an odd key": (f'{{"欧阳慧敏": [{ROW}]}}', INSIDE),
    "array inside a long answer": (f'{{"code": 0, "rows": [{",".join([ROW] * 5000)}]}}', INSIDE),
    "one object over several lines": (json.dumps(json.loads(ROW), indent=2), "objects that go over several lines"),
    "objects over several lines": (
        f"{json.dumps(json.loads(ROW), indent=1)}\n" * 5000,
        "objects that go over several lines",
    ),
    "objects in one line": (f"{ROW}{OTHER}\n{OTHER} {ROW}\n", "several objects in one line"),
    "commas between lines": (f"{ROW},\n{OTHER},\n{ROW}\n", "objects with commas between them"),
    "a comma after the only object": (f"{ROW},", "objects with commas between them"),
}


@pytest.mark.parametrize("name", SHAPES)
def test_json_in_another_shape_is_refused_by_its_name(tmp_path: Path, name: str) -> None:
    text, shape = SHAPES[name]
    with pytest.raises(FileRefused) as refused:
        land_file(write(tmp_path, text), LEDGER)
    assert (refused.value.reason, refused.value.detail) == ("json_not_lines", shape)


ODD_STARTS = {
    "a comma": f"{ROW},\n{OTHER}\n{OTHER}\n",
    "an array": f"[{ROW}]\n{OTHER}\n{OTHER}\n",
    "a bracket": f"[\n{OTHER}\n{OTHER}\n",
    "a brace": f"{{\n{OTHER}\n{OTHER}\n",
    "two objects": f"{ROW}{ROW}\n{OTHER}\n{OTHER}\n",
    "an undeclared key over a list of objects": f'{{"rows": [{ROW}]}}\n{OTHER}\n{OTHER}\n',
    "an object cut short": f"{ROW[:-5]}\n{OTHER}\n{OTHER}\n",
}


@pytest.mark.parametrize("name", ODD_STARTS)
def test_an_odd_first_line_costs_only_itself(tmp_path: Path, name: str) -> None:
    landed = land_file(write(tmp_path, ODD_STARTS[name]), LEDGER)
    assert landed["rows"] == [(2, "2", "乙", None), (3, "2", "乙", None)]
    assert len(landed["quarantined"]) == 1


def test_a_declared_list_of_objects_is_a_value(tmp_path: Path) -> None:
    landed = land_file(write(tmp_path, '{"id": "1", "note": [{"a": 1}]}'), LEDGER)
    assert landed["rows"] == [(1, "1", None, '[{"a":1}]')]


def test_a_file_whose_every_line_is_set_aside_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileRefused) as refused:
        land_file(write(tmp_path, '{"id": "1", "names": "甲", "欧阳慧敏": 1}\n' * 2), LEDGER)
    assert (refused.value.reason, refused.value.detail) == (
        "unknown_header", "every line has keys that are not declared; not declared: names",
    )  # fmt: skip


@pytest.mark.parametrize("ignored", [("phone", "deep"), ("*",)])
def test_keys_can_be_ignored(tmp_path: Path, ignored: tuple[str, ...]) -> None:
    obj = make_object("jsonl", ["id", "name"], ("id",), ignore=ignored)
    text = '{"id": "1", "phone": "5"}\n{"id": "2", "deep": {"a": 1}, "name": "乙"}\n{"phone": "5", "phone": "6"}\n'
    landed = land_file(write(tmp_path, text), obj)
    assert landed["rows"] == [(1, "1", None), (2, "2", "乙")]
    assert [row[:2] for row in landed["quarantined"]] == [(3, "bad_json")]


def test_lone_crs_end_lines_where_nothing_else_does(tmp_path: Path) -> None:
    landed = land_file(write(tmp_path, f"{ROW}\r{OTHER}\r"), LEDGER)
    assert landed["rows"] == [(1, "1", "甲", None), (2, "2", "乙", None)]


def test_utf_8_declared_as_gb18030_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileRefused) as refused:
        land_file(write(tmp_path, LINES), make_object("jsonl", ["id", "name"], encoding="gb18030"))
    assert refused.value.detail == "declared gb18030, fits utf-8"


def test_gb18030_lands_where_declared(tmp_path: Path) -> None:
    path = write(tmp_path, LINES, "gb18030")
    landed = land_file(path, make_object("jsonl", ["id", "name"], encoding="gb18030"))
    assert landed["rows"] == [(n + 1, str(n), "欧阳建国") for n in range(5)]


values = st.none() | st.booleans() | st.text(max_size=5) | st.integers() | st.lists(st.integers(), max_size=2)
lines = st.builds(
    lambda row, colon, end: json.dumps(row, ensure_ascii=False, separators=(",", colon)) + end,
    st.dictionaries(st.sampled_from(["id", "name", "note", "other"]), values),
    st.sampled_from([":", ": ", " : ", ":  ", "\t:\r"]),
    st.sampled_from(["", "", "\r", " "]),
)
damaged = st.builds(  # the last one is a byte that is no UTF-8
    lambda line, at, bit: line[:at] + bit + line[at:], lines, st.integers(0, 20), st.sampled_from('":{},\\ n\t\r\udcff')
)


@settings(max_examples=300, deadline=None)
@given(st.lists(lines | damaged | st.just(""), min_size=1))
def test_both_ways_of_reading_a_block_agree(tmp_path_factory: pytest.TempPathFactory, texts: list[str]) -> None:
    path = write(tmp_path_factory.mktemp("jsonl"), "\n".join(['{"id": "1"}', *texts]).encode(errors="surrogateescape"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jsonlines, "BLOCK_BYTES", 50)
        plain = land_file(path, LEDGER)
        patch.setattr(jsonlines, "_find_plain", lambda *_: np.array([], np.int64))
        careful = land_file(path, LEDGER)
    assert plain == careful
