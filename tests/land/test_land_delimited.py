"""Landing of delimited text: each table shows a file and the rows it becomes."""

import csv
import io
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from jobs.land import delimited, encodings, records
from jobs.land.batches import FileRefused
from tests.support.land_objects import land_file, make_object

PEOPLE = make_object("csv", ["编号", "姓名", "住址"], keys=("编号",))


def write(tmp_path: Path, text: str | bytes, encoding: str = "utf-8") -> Path:
    path = tmp_path / "file"
    path.write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
    return path


ROWS: dict[str, Any] = {
    "clean": ("编号,姓名,住址\n1,甲,a\n2,乙,b\n", [(2, "1", "甲", "a"), (3, "2", "乙", "b")]),
    "no line end at the end": ("编号,姓名,住址\n1,甲,a", [(2, "1", "甲", "a")]),
    "CR LF": ("编号,姓名,住址\r\n1,甲,a\r\n2,乙,b\r\n", [(2, "1", "甲", "a"), (3, "2", "乙", "b")]),
    "columns in another order": ("住址,编号,姓名\na,1,甲\n", [(2, "1", "甲", "a")]),
    "byte order mark": ("\ufeff编号,姓名,住址\n1,甲,a\n", [(2, "1", "甲", "a")]),
    "empty cells are null, white space stays": (
        '编号,姓名,住址\n1,,""\n2, 乙,　\n',
        [(2, "1", None, None), (3, "2", " 乙", "　")],
    ),
    "quotes": ('编号,姓名,住址\n"1","甲","a,""b"""\n', [(2, "1", "甲", 'a,"b"')]),
    "quote inside a cell": (
        '编号,姓名,住址\n1,甲"乙,5"\n2,"甲"乙,b\n',
        [(2, "1", '甲"乙', '5"'), (3, "2", "甲乙", "b")],
    ),
    "line ends in quotes move later rows": (
        '编号,姓名,住址\n1,甲,"a\nb\n"\n2,"乙\r\n乙",b\n3,丙,c\n',
        [(2, "1", "甲", "a\nb\n"), (5, "2", "乙\r\n乙", "b"), (7, "3", "丙", "c")],
    ),
    "header over two lines": ('编号,"姓名",住址\n1,甲,a\n', [(2, "1", "甲", "a")]),
    "a lone CR is part of the cell": (
        "编号,姓名,住址\n1,甲\r甲,a\n2,乙,b\n",
        [(2, "1", "甲\r甲", "a"), (3, "2", "乙", "b")],
    ),
    "trailing delimiters": ("编号,姓名,住址,\n1,甲,a,\n", [(2, "1", "甲", "a")]),
}


@pytest.mark.parametrize("name", ROWS)
def test_every_row_lands_with_its_row_number(tmp_path: Path, name: str) -> None:
    text, expected = ROWS[name]
    landed = land_file(write(tmp_path, text), PEOPLE)
    assert landed["rows"] == expected
    assert (landed["quarantined"], landed["skipped"]) == ([], [(1, "header")])


QUARANTINED: dict[str, Any] = {
    "ragged": (
        "编号,姓名,住址\n1,甲\n2,乙,b\n3,丙,c,d\n",
        [(2, "1", "甲", None), (3, "2", "乙", "b")],
        [(4, "ragged_row", "3,丙,c,d")],
    ),
    "ragged over two lines": (
        '编号,姓名,住址\n1,"甲\n甲",a,d\n2,乙,b\n',
        [(4, "2", "乙", "b")],
        [(2, "ragged_row", '1,"甲\n甲",a,d')],
    ),
    "unclosed quote at the end": (
        '编号,姓名,住址\n1,甲,a\n2,乙,"b\n',
        [(2, "1", "甲", "a")],
        [(3, "unclosed_quote", '2,乙,"b')],
    ),
    "unclosed quote before rows without quotes": (
        '编号,姓名,住址\n1,"甲,a\n2,乙,b\n3,丙,c\n',
        [(3, "2", "乙", "b"), (4, "3", "丙", "c")],
        [(2, "unclosed_quote", '1,"甲,a')],
    ),
    "unclosed quote among quoted cells": (
        '编号,姓名,住址\n"1","甲","a\n"2","乙","b"\n"3","丙","c\nc"\n',
        [(3, "2", "乙", "b"), (4, "3", "丙", "c\nc")],
        [(2, "unclosed_quote", '"1","甲","a')],
    ),
    "broken bytes": (
        "编号,姓名,住址\n1,甲,a\n2,".encode() + b"\xe5\xff,b\n3," + "丙,c\n".encode(),
        [(2, "1", "甲", "a"), (4, "3", "丙", "c")],
        [(3, "bad_bytes", "2,\\xe5\\xff,b")],
    ),
}


@pytest.mark.parametrize("name", QUARANTINED)
def test_a_bad_line_costs_only_itself(tmp_path: Path, name: str) -> None:
    text, rows, quarantined = QUARANTINED[name]
    landed = land_file(write(tmp_path, text), PEOPLE)
    assert (landed["rows"], landed["quarantined"]) == (rows, quarantined)


def test_a_stray_quote_far_from_its_end_costs_one_line(tmp_path: Path) -> None:
    lines = [f"{n},甲,a" for n in range(2 * records.MAX_RECORD_LINES)]
    lines[10] = '10,"甲,a'
    landed = land_file(write(tmp_path, "编号,姓名,住址\n" + "\n".join([*lines, '9,乙,"b"']) + "\n"), PEOPLE)
    assert landed["quarantined"] == [(12, "unclosed_quote", '10,"甲,a')]
    assert len(landed["rows"]) == len(lines)


def test_blank_titles_and_repeated_headers_are_skipped_and_trailing_blanks_not_read(tmp_path: Path) -> None:
    text = "人口名册,,\n\n编号,姓名,住址\n1,甲,a\n\n , ,\n编号,姓名,住址\n2,乙,b\n\n,,\n"
    landed = land_file(write(tmp_path, text), make_object("csv", ["编号", "姓名", "住址"], skip_rows=1))
    assert landed["rows"] == [(4, "1", "甲", "a"), (8, "2", "乙", "b")]
    assert landed["skipped"] == [
        (1, "title"),
        (2, "blank"),
        (3, "header"),
        (5, "blank"),
        (6, "blank"),
        (7, "header"),
    ]
    assert landed["read"] == 8


EMPTY_CELLS: dict[str, Any] = {
    "one too many in every row": "编号,姓名,住址\n1,甲,a,\n2,乙,b,\n",
    "one too many in the header": "编号,姓名,住址,\n1,甲,a\n2,乙,b\n",
    "several too many, white space in one": "编号,姓名,住址\n1,甲,a,, \n2,乙,b\n",
    "too few and too many": "编号,姓名,住址,,\n1,甲,a,,,,\n2,乙,b\n",
    "too many in a quoted row": '编号,姓名,住址\n"1","甲","a",""\n"2","乙","b",""\n',
}


@pytest.mark.parametrize("name", EMPTY_CELLS)
def test_empty_cells_too_many_or_too_few_are_no_fault(tmp_path: Path, name: str) -> None:
    landed = land_file(write(tmp_path, EMPTY_CELLS[name]), PEOPLE)
    assert landed["rows"] == [(2, "1", "甲", "a"), (3, "2", "乙", "b")]
    assert (landed["quarantined"], landed["unnamed"]) == ([], [])


def test_empty_cells_left_out_at_the_end_of_a_line_are_null(tmp_path: Path) -> None:
    landed = land_file(write(tmp_path, "编号,姓名,住址\n1,甲,a\n2,乙\n3\n4,丁,d\n"), PEOPLE)
    assert landed["rows"] == [(2, "1", "甲", "a"), (3, "2", "乙", None), (4, "3", None, None), (5, "4", "丁", "d")]


def test_a_row_that_ends_before_its_key_is_ragged(tmp_path: Path) -> None:
    obj = make_object("csv", ["姓名", "住址", "编号"], ("编号",))
    landed = land_file(write(tmp_path, "姓名,住址,编号\n甲,和平\n路5号,1\n乙,b,2\n"), obj)
    assert landed["rows"] == [(4, "乙", "b", "2")]
    assert [row[:2] for row in landed["quarantined"]] == [(2, "ragged_row"), (3, "ragged_row")]


FOOTERS: dict[str, Any] = {
    "total and signature": ("合计,2家,11\n制表人：某,,\n", [(3, "total"), (4, "signature")]),
    "with fewer cells": ("合计,2\n制表人：某\n", [(3, "total"), (4, "signature")]),
    "total with spaces, in the second column": (",合 计：,3\n", [(3, "total")]),
    "quoted": ('"合计","2家",""\n', [(3, "total")]),
    "a lone note": ("以上数据截至十二月底，供参考,,\n", [(3, "signature")]),
    "a lone date of signing, blanks between": ("\n,,2026年1月1日\n,,\n", [(3, "blank"), (4, "signature")]),
}


@pytest.mark.parametrize("block", [None, 40])
@pytest.mark.parametrize("name", FOOTERS)
def test_totals_and_signatures_are_skipped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, block: int | None
) -> None:
    text, skipped = FOOTERS[name]
    monkeypatch.setattr(encodings, "BLOCK_BYTES", block or encodings.BLOCK_BYTES)
    landed = land_file(write(tmp_path, f"编号,姓名,住址\n1,甲,a\n{text}"), PEOPLE)
    assert landed["rows"] == [(2, "1", "甲", "a")]
    assert (landed["skipped"], landed["quarantined"]) == ([(1, "header"), *skipped], [])


RECORDS: dict[str, Any] = {
    "of somebody called 合计": "2,合计,",
    "with a key and a note": "2,,备注：无",
    "with nothing but its key": "LF-2",
    "without a key": ",乙,b",
    "a matter that starts like a signature": ",乙,审核人：不明",
    "a lone text before another record": "小龙湾社区\n3,丙,c",
}


@pytest.mark.parametrize("name", RECORDS)
def test_records_that_look_like_footers_land(tmp_path: Path, name: str) -> None:
    landed = land_file(write(tmp_path, f"编号,姓名,住址\n1,甲,a\n{RECORDS[name]}\n"), PEOPLE)
    texts = [",".join(cell or "" for cell in row[1:]) for row in landed["rows"][1:]]
    assert [text.rstrip(",") for text in texts] == [text.rstrip(",") for text in RECORDS[name].split("\n")]


def test_a_value_under_no_header_is_told_and_its_row_lands(tmp_path: Path) -> None:
    landed = land_file(write(tmp_path, "编号,姓名,,住址,\n1,甲,本科,a,已核实\n2,乙,,b\n3,丙, ,c,\n"), PEOPLE)
    assert landed["rows"] == [(2, "1", "甲", "a"), (3, "2", "乙", "b"), (4, "3", "丙", "c")]
    assert landed["unnamed"] == [(2, "C", "本科"), (2, "E", "已核实")]
    assert landed["quarantined"] == []


def test_a_column_without_a_header_can_be_named_by_its_position(tmp_path: Path) -> None:
    obj = make_object("csv", ["编号", "学历", "备注"], ("编号",), positions={"学历": "B", "备注": "D"})
    landed = land_file(write(tmp_path, "编号,,\n1,本科,x,y\n2,专科\n"), obj)
    assert landed["rows"] == [(2, "1", "本科", "y"), (3, "2", "专科", None)]
    assert landed["unnamed"] == [(2, "C", "x")]


def test_a_position_does_not_take_another_headers_column(tmp_path: Path) -> None:
    obj = make_object("csv", ["编号", "学历"], positions={"学历": "B"})
    with pytest.raises(FileRefused) as refused:
        land_file(write(tmp_path, "编号,年龄\n1,50\n"), obj)
    assert refused.value.detail == "学历 is missing; the header in column B is not declared"


@pytest.mark.parametrize("ignored", [("年龄", "C"), ("*",)])
def test_columns_can_be_ignored(tmp_path: Path, ignored: tuple[str, ...]) -> None:
    obj = make_object("csv", ["编号", "姓名"], ("编号",), ignore=ignored)
    landed = land_file(write(tmp_path, "编号,年龄,,姓名\n1,50,x,甲\n"), obj)
    assert (landed["rows"], landed["unnamed"]) == ([(2, "1", "甲")], [])


def test_an_optional_column_may_be_absent(tmp_path: Path) -> None:
    obj = make_object("csv", ["编号", "姓名"], ("编号",), optional=("姓名",))
    assert land_file(write(tmp_path, "编号\n1\n"), obj)["rows"] == [(2, "1", None)]
    assert land_file(write(tmp_path, "姓名,编号\n甲,1\n"), obj)["rows"] == [(2, "1", "甲")]


CR_ENDS: dict[str, Any] = {
    "alone": ("编号,姓名,住址\r1,甲,a\r2,乙,b\r", [2, 3]),
    "no end at the end": ("编号,姓名,住址\r1,甲,a\r2,乙,b", [2, 3]),
    "after a title": ("名册\r编号,姓名,住址\r1,甲,a\r2,乙,b\r", [3, 4]),
    "blank lines": ("编号,姓名,住址\r\r1,甲,a\r\r2,乙,b\r\r", [3, 5]),
    "beside LF": ("编号,姓名,住址\n1,甲,a\r2,乙,b\r", [2, 3]),
    "beside CR LF": ("编号,姓名,住址\r1,甲,a\r\n2,乙,b\r", [2, 3]),
    "beside both": ("编号,姓名,住址\r\n1,甲,a\r2,乙,b\n", [2, 3]),
}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
@pytest.mark.parametrize("name", CR_ENDS)
def test_a_lone_cr_ends_a_line(tmp_path: Path, name: str, encoding: str) -> None:
    text, numbers = CR_ENDS[name]
    headers, skip = ["编号", "姓名", "住址"], int(text.startswith("名册"))
    obj = make_object("csv", headers, ("编号",), encoding=encoding, skip_rows=skip)
    landed = land_file(write(tmp_path, text, encoding), obj)
    assert landed["rows"] == [(numbers[0], "1", "甲", "a"), (numbers[1], "2", "乙", "b")]
    assert landed["quarantined"] == []


def test_a_cell_over_two_lines_stays_whole_among_lone_crs(tmp_path: Path) -> None:
    text = '编号,姓名,住址\r1,"甲\r甲",a\r2,"乙\n乙",b\r3,丙,c\r'
    landed = land_file(write(tmp_path, text), PEOPLE)
    assert landed["rows"] == [(2, "1", "甲\n甲", "a"), (4, "2", "乙\n乙", "b"), (6, "3", "丙", "c")]


def test_lone_crs_in_cells_end_no_line(tmp_path: Path) -> None:
    text = '编号,姓名,住址\n1,甲,a\ra\ra\n2,"乙\r乙",b\n3,丙\r,c\n'
    landed = land_file(write(tmp_path, text), PEOPLE)
    assert landed["rows"] == [(2, "1", "甲", "a\ra\ra"), (3, "2", "乙\r乙", "b"), (4, "3", "丙\r", "c")]


def test_one_column(tmp_path: Path) -> None:
    landed = land_file(write(tmp_path, 'n\n1\n\n"2\n2"\n3\n'), make_object("csv", ["n"]))
    assert landed["rows"] == [(2, "1"), (4, "2\n2"), (6, "3")]
    assert landed["skipped"] == [(1, "header"), (3, "blank")]


HEADERS = {
    "missing": ("编号,姓名\n1,甲\n", "missing_header", "住址 is missing"),
    "renamed": (
        "编号,姓名,居住地址\n",
        "missing_header",
        "住址 is missing (nearest in the file: 居住地址); not declared: 居住地址",
    ),
    "undeclared": ("编号,姓名,住址,现住址\n", "unknown_header", "现住址 is not declared (nearest: 住址)"),
    "undeclared and like none": (
        "编号,现住址,姓名,李四,张三13800000000,住址\n",
        "unknown_header",
        "现住址 is not declared (nearest: 住址); the headers in columns D, E are not declared",
    ),
    "many undeclared": (
        "编号,姓名,住址" + "".join(f",{n}号楼" for n in range(9)) + "\n",
        "unknown_header",
        "the headers in columns D, E, F and 6 more are not declared",
    ),
    "renamed beyond recognition": (
        "编号,姓名,现居所在\n",
        "missing_header",
        "住址 is missing; the header in column C is not declared",
    ),
    "a value near a header in a row of data": (
        "3,王小明,住址不详\n",
        "missing_header",
        "编号 is missing; 姓名 is missing; 住址 is missing",
    ),
    "a header over two lines": (
        '编号,姓名,"住\n址"\n',
        "missing_header",
        "住址 is missing (nearest in the file: 住 址); not declared: 住 址",
    ),
    "twice": ("编号,姓名,住址,姓名\n", "duplicate_header", "姓名 stands 2 times"),
    "no header: a person's data is not quoted": (
        "3,王小明,和平路\n",
        "missing_header",
        "编号 is missing; 姓名 is missing; 住址 is missing",
    ),
    "nothing": ("", "empty_file", "0 bytes"),
    "only blanks": ("\n  \n\n", "empty_file", "5 bytes"),
    "only delimiters": (",,\n,,\n", "empty_file", "no header row"),
    "quote never closed": (
        '编号,"姓名,住址\n1,甲,a\n',
        "missing_header",
        "the header row has a quote that is never closed",
    ),
}


@pytest.mark.parametrize("name", HEADERS)
def test_headers_that_are_not_the_contracts_refuse_the_file(tmp_path: Path, name: str) -> None:
    text, reason, detail = HEADERS[name]
    with pytest.raises(FileRefused) as refused:
        land_file(write(tmp_path, text), PEOPLE)
    assert (refused.value.reason, refused.value.detail) == (reason, detail)


CHINESE = "编号,姓名,住址\n" + "".join(f"{n},欧阳建国,和平路社区{n}号\n" for n in range(20))
ASCII_HEADER = CHINESE.replace("编号,姓名,住址", "id,name,address")
TRADITIONAL = "id,name\n" + "".join(f"{n},歐陽建國 臺北市信義區{n}號 已經處理完畢\n" for n in range(20))
JAPANESE = "id,name\n" + "".join(f"{n},山田太郎 神奈川県横浜市 申請しました\n" for n in range(20))
KOREAN = "id,name\n" + "".join(
    f"{n},김철수 서울특별시 종로구 세종대로 주민센터 상담 신청 완료 전화번호\n" for n in range(20)
)
ENCODINGS = {
    # text, written as, declared, fits
    "gb18030 for utf-8": (CHINESE, "gb18030", "utf-8", "gb18030"),
    "utf-8 for gb18030": (CHINESE, "utf-8", "gb18030", "utf-8"),
    "utf-8 with mark for gbk": (CHINESE, "utf-8-sig", "gbk", "utf-8-sig"),
    "utf-16 for utf-8": (CHINESE, "utf-16", "utf-8", "utf-16"),
    "utf-16 without mark": (CHINESE, "utf-16-le", "gb18030", "utf-16"),
    "utf-8 for utf-16": (CHINESE, "utf-8", "utf-16", "utf-8"),
    "big5 for gb18030": (
        CHINESE.replace("编号", "編號")
        .replace("欧阳", "歐陽")
        .replace("号", "號")
        .replace("区", "區")
        .replace("国", "國")
        .replace("会", "會"),
        "big5",
        "gb18030",
        "big5",
    ),
    "utf-16 without mark, ASCII header": (ASCII_HEADER, "utf-16-le", "utf-8", "utf-16"),
    "utf-16 without mark, high byte first": (CHINESE, "utf-16-be", "gb18030", "utf-16"),
    "big5 for gb18030, ASCII header": (TRADITIONAL, "big5", "gb18030", "big5"),
    "big5 for gb18030, three rows": ("".join(TRADITIONAL.splitlines(True)[:4]), "big5", "gb18030", "big5"),
    "big5 for utf-8, ASCII header": (TRADITIONAL, "big5", "utf-8", "big5"),
    "gb18030 for big5, ASCII header": (ASCII_HEADER, "gb18030", "big5", "gb18030"),
    "gb18030 for utf-16, ASCII header": (ASCII_HEADER, "gb18030", "utf-16", "gb18030"),
    "Japanese for gb18030": (JAPANESE, "shift_jis", "gb18030", "shift_jis"),
    "Korean for gb18030": (KOREAN, "euc_kr", "gb18030", "euc_kr"),
    "Korean for utf-8": (KOREAN, "euc_kr", "utf-8", "euc_kr"),
    "gb18030 for utf-8, ASCII header": (ASCII_HEADER, "gb18030", "utf-8", "gb18030"),
    "utf-8 for gb18030, ASCII header": (ASCII_HEADER, "utf-8", "gb18030", "utf-8"),
}


@pytest.mark.parametrize("name", ENCODINGS)
def test_another_encoding_refuses_the_file_and_names_the_one_that_fits(tmp_path: Path, name: str) -> None:
    text, written, declared, fits = ENCODINGS[name]
    obj = make_object("csv", text.split("\n")[0].split(","), encoding=declared)
    with pytest.raises(FileRefused) as refused:
        land_file(write(tmp_path, text, written), obj)
    assert (refused.value.reason, refused.value.detail) == ("wrong_encoding", f"declared {declared}, fits {fits}")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "gbk", "utf-16"])
@pytest.mark.parametrize(
    "text", [CHINESE, ASCII_HEADER, "id,name,address\n1,a,b\n"], ids=["chinese", "ascii header", "ascii"]
)
def test_the_declared_encoding_lands(tmp_path: Path, encoding: str, text: str) -> None:
    header, *lines = text.strip().split("\n")
    landed = land_file(write(tmp_path, text, encoding), make_object("csv", header.split(","), encoding=encoding))
    assert landed["rows"] == [(n, *line.split(",")) for n, line in enumerate(lines, start=2)]


SHORT = {
    "a rare name": ("id,name\n1,喆\n", "gb18030"),
    "rare names": ("id,name\n1,王喆\n2,李翀\n3,赵珺\n", "gb18030"),
    "only rare characters": ("id,name\n1,珺翀喆淼焱垚\n2,犇骉羴鱻\n", "gb18030"),
    "traditional characters": (TRADITIONAL, "gb18030"),
    "four bytes each": ("id,name\n1,㑇㑊㕮㘎㙍㙘㙦㛃\n", "gb18030"),
    "one code": ("id,name\n" + "1,男\n2,女\n" * 30, "gb18030"),
    "one word": ("id,name\n" + "1,广东\n" * 50, "gb18030"),
    "marks": ("id,name\n1,——、。《》（）【】\n", "gb18030"),
    "big5": ("id,name\n1,陳美玲\n", "big5"),
    "big5, rare": ("id,name\n1,陳驫\n", "big5"),
}


@pytest.mark.parametrize("name", SHORT)
def test_a_short_or_odd_text_in_the_declared_encoding_lands(tmp_path: Path, name: str) -> None:
    text, encoding = SHORT[name]
    landed = land_file(write(tmp_path, text, encoding), make_object("csv", ["id", "name"], encoding=encoding))
    assert len(landed["rows"]) == text.count("\n") - 1
    assert landed["quarantined"] == []


@pytest.mark.parametrize("text", [CHINESE, ASCII_HEADER, "id,name,address\n1,一一一一一一,b\n"])
@pytest.mark.parametrize("written", ["utf-16-le", "utf-16-be"])
def test_utf_16_without_a_mark_lands_where_declared(tmp_path: Path, text: str, written: str) -> None:
    header, *lines = text.strip().split("\n")
    landed = land_file(write(tmp_path, text, written), make_object("csv", header.split(","), encoding="utf-16"))
    assert landed["rows"] == [(n, *line.split(",")) for n, line in enumerate(lines, start=2)]


@pytest.mark.parametrize("declared", ["utf-8", "gb18030"])
@pytest.mark.parametrize("text", [CHINESE, ASCII_HEADER], ids=["chinese", "ascii header"])
def test_broken_bytes_do_not_look_like_another_encoding(tmp_path: Path, declared: str, text: str) -> None:
    data = text.encode(declared).replace("建国".encode(declared), b"\xff\xfe", 1)
    landed = land_file(write(tmp_path, data), make_object("csv", text.split("\n")[0].split(","), encoding=declared))
    assert [(number, reason) for number, reason, _ in landed["quarantined"]] == [(2, "bad_bytes")]
    assert len(landed["rows"]) == 19


def test_a_header_in_no_encoding_refuses_the_file(tmp_path: Path) -> None:
    with pytest.raises(FileRefused) as refused:
        land_file(write(tmp_path, b"\xff\xfd\x80,\x80,\xff\n1,2,3\n"), PEOPLE)
    assert refused.value.reason == "wrong_encoding"


@pytest.mark.parametrize("delimiter", ["\t", "|", ";"])
def test_the_delimiter_may_be_a_byte_of_a_gb18030_character(tmp_path: Path, delimiter: str) -> None:
    name = "亅"  # its second byte in GBK is that of "|"
    assert "|" in name.encode("gb18030").decode("latin-1")
    obj = make_object("csv", ["编号", "姓名"], encoding="gb18030", delimiter=delimiter)
    landed = land_file(write(tmp_path, f"编号{delimiter}姓名\n1{delimiter}{name}\n", "gb18030"), obj)
    assert landed["rows"] == [(2, "1", name)]


def test_a_line_too_long_for_memory_refuses_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encodings, "BLOCK_BYTES", 64)
    monkeypatch.setattr(encodings, "MAX_LINE_BYTES", 128)
    with pytest.raises(FileRefused) as refused:
        land_file(write(tmp_path, "编号,姓名,住址\n1,甲," + "a" * 300 + "\n"), PEOPLE)
    assert refused.value.reason == "unreadable"


cells = st.text(st.sampled_from('a甲𠮷 ,;"\n\r\u3000\ufeff0'), max_size=6) | st.text(max_size=8)
tables = st.integers(1, 4).flatmap(lambda n: st.lists(st.lists(cells, min_size=n, max_size=n), max_size=8))


def make_file(table: list[list[str]], quoting: Any, line_end: str) -> tuple[str, list[list[str]], list[int], int]:
    if quoting == csv.QUOTE_MINIMAL and line_end == "\n":  # the module leaves CR unquoted then: nobody can read it back
        table = [[cell.replace("\r", "") for cell in row] for row in table]
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, quoting=quoting, lineterminator=line_end)
    width = len(table[0]) if table else 1
    writer.writerow([f"h{n}" for n in range(width)])
    starts = []
    for row in table:
        starts.append(buffer.getvalue().count("\n") + 1)
        writer.writerow(row)
    return buffer.getvalue(), table, starts, width


@settings(max_examples=300, deadline=None)
@given(
    tables,
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from([None, 40]),
)
def test_what_the_csv_module_writes_lands_exactly(
    tmp_path_factory: pytest.TempPathFactory, table: list[list[str]], quoting: Any, line_end: str, block: int | None
) -> None:
    text, table, starts, width = make_file(table, quoting, line_end)
    path = write(tmp_path_factory.mktemp("csv"), text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(encodings, "BLOCK_BYTES", block or encodings.BLOCK_BYTES)
        landed = land_file(path, make_object("csv", [f"h{n}" for n in range(width)]))
    filled = [(start, row) for start, row in zip(starts, table, strict=True) if any(cell.strip() for cell in row)]
    assert landed["rows"] == [(start, *(cell or None for cell in row)) for start, row in filled]
    assert landed["quarantined"] == []
    # No row holds only blanks but those that the other parser also counts, up to the last filled one.
    assert landed["read"] == 1 + next((n for n in range(len(table), 0, -1) if any(c.strip() for c in table[n - 1])), 0)


@example(",a\r\ra,,", None)  # a blank line says nothing of the last column
@example(",a\n\n\n\na,,", None)
@settings(max_examples=500, deadline=None)
@given(st.text(st.sampled_from('a,,"\n"\n甲\r '), max_size=60), st.sampled_from([None, 20]))
def test_both_ways_of_reading_a_block_agree(
    tmp_path_factory: pytest.TempPathFactory, text: str, block: int | None
) -> None:
    path = write(tmp_path_factory.mktemp("csv"), "h,i\n" + text)
    obj = make_object("csv", ["h", "i"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(encodings, "BLOCK_BYTES", block or encodings.BLOCK_BYTES)
        fast = land_file(path, obj)
        patch.setattr(delimited, "_parse_fast", lambda block, width: None)
        careful = land_file(path, obj)
    assert fast == careful


def test_quotes_that_stay_open_for_a_thousand_lines_cost_their_lines_once(tmp_path: Path) -> None:
    lines = ['"a', *['b""c""'] * (records.MAX_RECORD_LINES - 1)] * 20
    landed = land_file(write(tmp_path, "n\n" + "\n".join(lines) + "\n"), make_object("csv", ["n"]))
    assert [row[1] for row in landed["quarantined"]] == ["unclosed_quote"] * 20
    assert len(landed["rows"]) == len(lines) - 20


def test_a_delimiter_in_a_value_moves_no_cell_where_the_last_column_is_often_empty(tmp_path: Path) -> None:
    """The last of its cells is the last column's own then, and the phone would stand under `note`."""
    rows = "".join(f"{number},name,phone,\n" for number in range(20))
    landed = land_file(
        write(tmp_path, f"id,name,phone,note\n{rows}20,torn,name,phone,\n"),
        make_object("csv", ["id", "name", "phone", "note"], keys=("id",)),
    )
    assert len(landed["rows"]) == 20
    assert landed["quarantined"] == [(22, "ragged_row", "20,torn,name,phone,")]


def test_an_empty_cell_too_many_is_no_fault_where_the_last_column_is_filled(tmp_path: Path) -> None:
    rows = "".join(f"{number},name,phone\n" for number in range(20))
    landed = land_file(
        write(tmp_path, f"id,name,phone\n{rows}20,name,phone,\n"),
        make_object("csv", ["id", "name", "phone"], keys=("id",)),
    )
    assert landed["rows"][-1] == (22, "20", "name", "phone")
    assert landed["quarantined"] == []
