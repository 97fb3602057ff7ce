"""Landing of workbooks: each table shows a sheet and the rows it becomes."""

import os
import zipfile
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest
import python_calamine
import xlsxwriter
from hypothesis import given, settings
from hypothesis import strategies as st
from msoffcrypto.format.ooxml import OOXMLFile

from jobs.land import workbook
from jobs.land.batches import MOST_NOTES, FileRefused
from jobs.land.headers import join_header_rows
from tests.support.constants import REAL_DATA
from tests.support.land_objects import land_file, make_object
from tests.support.workbooks import write

REGISTER = make_object("xlsx", ["登记号", "姓名", "事由"], keys=("登记号",))
HEADER = ["登记号", "姓名", "事由"]


VALUES: dict[str, Any] = {
    "text": ("甲", "甲"),
    "white space stays": (" 甲 ", " 甲 "),
    "number typed as text": ("0012", "0012"),
    "whole number": (12, "12"),
    "zero": (0, "0"),
    "negative": (-3, "-3"),
    "fraction": (0.1 + 0.2, "0.3"),
    "small fraction": (0.0000001, "1E-07"),
    "the longest exact number": (123456789012345, "123456789012345"),
    "an id number that lost its last digits": (320106199001010017, "3.2010619900101E+17"),
    "a round large number": (1e15, "1E+15"),
    "date": (date(2020, 1, 2), "2020-01-02"),
    "moment": (datetime(2020, 1, 2, 3, 4, 5), "2020-01-02 03:04:05"),
    "midnight": (datetime(2020, 1, 2), "2020-01-02"),
    "almost midnight, as fractions of a day are not exact": (datetime(2020, 1, 1, 23, 59, 59, 999_000), "2020-01-02"),
    "time": (time(12, 30), "12:30:00"),
    "duration": (timedelta(hours=36), "36:00:00"),
    "true": (True, "TRUE"),
    "false": (False, "FALSE"),
    "error": ("#N/A", "#N/A"),
    "error of a reference": ("#REF!", "#REF!"),
    "the last second there is": (datetime(9999, 12, 31, 23, 59, 59, 991_000), "9999-12-31"),
    "the last day there is": (date(9999, 12, 31), "9999-12-31"),
    "line end": ("a\nb", "a\nb"),
}


@pytest.mark.parametrize("name", VALUES)
def test_a_cell_lands_as_excel_shows_it(tmp_path: Path, name: str) -> None:
    value, expected = VALUES[name]
    landed = land_file(write(tmp_path, [HEADER, ["1", value, "x"]]), REGISTER)
    assert landed["rows"] == [(2, "1", expected, "x")]


def test_rows_are_counted_as_the_sheet_counts_them(tmp_path: Path) -> None:
    rows = [["来访登记表"], [None], HEADER, ["1", "甲", "a"], [None], [" "], HEADER, ["2", "乙", "b"], [None]]
    landed = land_file(write(tmp_path, rows, at=(0, 2)), make_object("xlsx", HEADER, ("登记号",), skip_rows=1))
    assert landed["rows"] == [(4, "1", "甲", "a"), (8, "2", "乙", "b")]
    assert landed["skipped"] == [(1, "title"), (2, "blank"), (3, "header"), (5, "blank"), (6, "blank"), (7, "header")]
    assert landed["read"] == 8


def test_a_sheet_may_start_below_its_first_row(tmp_path: Path) -> None:
    landed = land_file(write(tmp_path, [HEADER, ["1", "甲", "a"]], at=(3, 1)), REGISTER)
    assert landed["rows"] == [(5, "1", "甲", "a")]
    assert landed["skipped"] == [(1, "blank"), (2, "blank"), (3, "blank"), (4, "header")]


def test_merged_header_rows_give_joined_headers(tmp_path: Path) -> None:
    # 1 救助名册 (title)
    # 2 序号 | 申请人        | 配偶          | 住址
    # 3      | 姓名 | 身份证号 | 姓名 | 身份证号 |
    headers = ["序号", "申请人/姓名", "申请人/身份证号", "配偶/姓名", "配偶/身份证号", "住址"]
    rows = [["救助名册"], [], [None, "姓名", "身份证号", "姓名", "身份证号"], [1, "甲", "x", "乙", "y", "a"]]
    merged = [
        (1, 0, 2, 0, "序号"),
        (1, 1, 1, 2, "申请人"),
        (1, 3, 1, 4, "配偶"),
        (1, 5, 2, 5, "住址"),
        (4, 0, 5, 0, "2"),
    ]
    obj = make_object("xlsx", headers, ("序号",), header_rows=2, skip_rows=1)
    landed = land_file(write(tmp_path, rows, merged=merged), obj)
    assert landed["rows"] == [(4, "1", "甲", "x", "乙", "y", "a"), (5, "2", None, None, None, None, None)]
    assert landed["skipped"] == [(1, "title"), (2, "header"), (3, "header")]


def test_groups_without_merged_cells_reach_to_the_next_one() -> None:
    upper = ["序号", "申请人", "", "配偶", "", "住址", ""]
    lower = ["", "姓名", "身份证号", "姓名", "身份证号", "", "备注"]
    joined = ["序号", "申请人/姓名", "申请人/身份证号", "配偶/姓名", "配偶/身份证号", "住址", "备注"]
    assert join_header_rows([upper, lower]) == joined


FOOTERS: dict[str, Any] = {
    "total": ([["合计", None, "3"]], [(3, "total")]),
    "total with spaces, in the second column": ([[None, "合 计：", "3"]], [(3, "total")]),
    "total with its number": ([["合计 23人"]], [(3, "total")]),
    "total within the rows": ([["小计", None, 1], ["2", "乙", "b"]], [(3, "total")]),
    "signature": ([["制表人：张三 审核人：李四"]], [(3, "signature")]),
    "signature in cells": ([["制表人：张三", None, "审核人：李四"]], [(3, "signature")]),
    "signature without a colon": ([[None, "负责人（签字）", "李四"]], [(3, "signature")]),
    "lone note at the end": ([["以上情况属实，特此证明"]], [(3, "signature")]),
    "lone date of signing": ([[None, None, "2026年1月1日"]], [(3, "signature")]),
    "all of them, blanks between": (
        [[None], ["合计", None, "3"], [None, "盖章处", None], ["审核人："], [None]],
        [(3, "blank"), (4, "total"), (5, "signature"), (6, "signature")],
    ),
}


@pytest.mark.parametrize("name", FOOTERS)
def test_totals_and_signatures_are_skipped(tmp_path: Path, name: str) -> None:
    rows, skipped = FOOTERS[name]
    landed = land_file(write(tmp_path, [HEADER, ["1", "甲", "a"], *rows]), REGISTER)
    assert landed["skipped"] == [(1, "header"), *skipped]
    assert [row[1] for row in landed["rows"]] == ["1", "2"][: len(landed["rows"])]
    assert landed["quarantined"] == []


RECORDS: dict[str, Any] = {
    "a record of somebody called 合计": ["2", "合计", None],
    "a record with a key and a note": ["2", None, "备注：无"],
    "a record with nothing but its key": ["LF-2", None, None],
    "a record without a key": [None, "乙", "b"],
    "a number alone": [None, None, 5],
    "a matter that starts like a signature": [None, "乙", "审核人：不明"],
}


@pytest.mark.parametrize("name", RECORDS)
def test_records_that_look_like_footers_land(tmp_path: Path, name: str) -> None:
    row = RECORDS[name]
    landed = land_file(write(tmp_path, [HEADER, ["1", "甲", "a"], row]), REGISTER)
    assert landed["rows"][1:] == [(3, *(None if cell is None else str(cell) for cell in row))]


def test_a_lone_text_before_a_record_is_a_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbook, "BATCH_ROWS", 2)
    rows = [
        HEADER,
        ["1", "甲", "a"],
        [None, "乙"],
        [None],
        [None, None, "丙"],
        ["4", "丁", "d"],
        [None, "以上"],
        [None],
    ]
    landed = land_file(write(tmp_path, rows), REGISTER)
    assert landed["rows"] == [
        (2, "1", "甲", "a"),
        (3, None, "乙", None),
        (5, None, None, "丙"),
        (6, "4", "丁", "d"),
    ]
    assert landed["skipped"] == [(1, "header"), (4, "blank"), (7, "signature")]


def test_a_value_under_no_header_is_told_and_its_row_lands(tmp_path: Path) -> None:
    rows = [[*HEADER, None], ["1", "甲", "a", None], ["2", "乙", "b", "已核实"], [None, None, None, "属实"]]
    landed = land_file(write(tmp_path, rows, at=(0, 1)), REGISTER)
    assert landed["rows"] == [(2, "1", "甲", "a"), (3, "2", "乙", "b")]
    assert landed["unnamed"] == [(3, "E", "已核实")]
    assert landed["skipped"] == [(1, "header"), (4, "signature")]
    assert landed["quarantined"] == []


def test_a_column_without_a_header_can_be_named_by_its_letter_or_ignored(tmp_path: Path) -> None:
    rows = [["登记号", None, "事由", "电话"], ["1", "甲", "a", "5"]]
    path = write(tmp_path, rows, at=(0, 1))
    named = make_object("xlsx", [*HEADER, "备注"], ("登记号",), positions={"姓名": "C", "备注": "G"}, ignore=("*",))
    assert land_file(path, named)["rows"] == [(2, "1", "甲", "a", None)]
    ignoring = make_object("xlsx", ["登记号", "事由"], ("登记号",), ignore=("C", "电话"))
    landed = land_file(path, ignoring)
    assert (landed["rows"], landed["unnamed"]) == ([(2, "1", "a")], [])


def encrypt(path: Path) -> Path:
    target = path.with_name("locked")
    with open(path, "rb") as plain, open(target, "wb") as locked:
        OOXMLFile(plain).encrypt("secret", locked)
    return target


def damage(path: Path) -> Path:
    """Flip a byte inside the sheet's compressed data."""
    data = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        info = archive.getinfo("xl/worksheets/sheet1.xml")
    data[info.header_offset + 60 + info.compress_size // 2] ^= 0xFF
    path.write_bytes(data)
    return path


def replace(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


REFUSED: dict[str, Any] = {
    "empty": (lambda path: replace(path, b""), "empty_file", "0 bytes"),
    "password": (encrypt, "password_protected", "the workbook is encrypted"),
    "cut short": (
        lambda path: replace(path, path.read_bytes()[:2000]),
        "unreadable",
        "no workbook, or one that is damaged or cut short",
    ),
    "damaged": (damage, "unreadable", "no workbook, or one that is damaged or cut short"),
    "text": (
        lambda path: replace(path, "登记号,姓名,事由\n".encode()),
        "wrong_format",
        'text with a comma between the cells and no workbook; declare `format: csv`, `delimiter: ","` and its encoding',
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_file_that_is_no_readable_workbook_is_refused(tmp_path: Path, name: str) -> None:
    spoil, reason, detail = REFUSED[name]
    path = spoil(write(tmp_path, [HEADER, *([str(n), "甲", "a"] for n in range(100))]))
    with pytest.raises(FileRefused) as refused:
        land_file(path, REGISTER)
    assert (refused.value.reason, refused.value.detail) == (reason, detail)


def test_a_reader_that_panics_says_that_the_file_is_damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    panic = type("PanicException", (BaseException,), {})

    def load_workbook(path: Path) -> None:
        raise panic

    monkeypatch.setattr(python_calamine, "load_workbook", load_workbook)
    with pytest.raises(FileRefused, match="unreadable"):
        land_file(write(tmp_path, [HEADER]), REGISTER)


def test_a_stray_cell_in_the_last_corner_refuses_the_file_before_it_fills_the_memory(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with xlsxwriter.Workbook(path) as book:
        page = book.add_worksheet("Sheet1")
        page.write_row(0, 0, HEADER)
        page.write(1_048_575, 16_383, "x")
    with pytest.raises(FileRefused) as refused:
        land_file(path, REGISTER)
    assert refused.value.reason == "unreadable"
    assert "row 1048576 and column 16384" in refused.value.detail


def test_a_format_in_the_last_corner_does_not_matter(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with xlsxwriter.Workbook(path) as book:
        page = book.add_worksheet("Sheet1")
        page.write_row(0, 0, HEADER)
        page.write_row(1, 0, ["1", "甲", "a"])
        page.write_blank(1_048_575, 16_383, None, book.add_format({"bold": True}))
    assert land_file(path, REGISTER)["rows"] == [(2, "1", "甲", "a")]


SHEETS = {
    "another name": ("登记", "来访登记", "no sheet 来访登记 (nearest: 登记)"),
    "the only sheet": ("Sheet1", "来访登记", "no sheet 来访登记 (nearest: Sheet1)"),
    "a person's name": ("张三", "来访登记", "no sheet 来访登记 (sheets: 1, none of a name near it)"),
    "a name with a phone": ("来访登记138000", "来访登记", "no sheet 来访登记 (sheets: 1, none of a name near it)"),
}


@pytest.mark.parametrize("name", SHEETS)
def test_a_missing_sheet_is_refused_and_the_nearest_named(tmp_path: Path, name: str) -> None:
    has, wants, detail = SHEETS[name]
    with pytest.raises(FileRefused) as refused:
        land_file(write(tmp_path, [HEADER], sheet=has), make_object("xlsx", HEADER, sheet=wants))
    assert (refused.value.reason, refused.value.detail) == ("missing_sheet", detail)


def test_white_space_around_a_sheets_name_does_not_matter(tmp_path: Path) -> None:
    assert land_file(write(tmp_path, [HEADER, ["1"]], sheet="Sheet1 "), REGISTER)["rows"] == [(2, "1", None, None)]


HEADERS: dict[str, Any] = {
    "missing": ([["登记号", "姓名"]], "missing_header", "事由 is missing"),
    "renamed": (
        [["登记号", "姓名", "来访事由"]],
        "missing_header",
        "事由 is missing (nearest in the file: 来访事由); not declared: 来访事由",
    ),
    "undeclared": ([[*HEADER, "电话"]], "unknown_header", "the header in column D is not declared"),
    "undeclared and near": ([[*HEADER, "姓名1"]], "unknown_header", "姓名1 is not declared (nearest: 姓名)"),
    "twice": ([[*HEADER, "姓名"]], "duplicate_header", "姓名 stands 2 times"),
    "no rows": ([], "empty_file", "no header row in sheet Sheet1"),
}


def test_any_number_of_texts_at_the_end_are_notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbook, "BATCH_ROWS", MOST_NOTES // 2)
    notes = [[None, "以上"]] * 3 * MOST_NOTES
    landed = land_file(write(tmp_path, [HEADER, ["1", "甲", "a"], *notes]), REGISTER)
    assert landed["rows"] == [(2, "1", "甲", "a")]
    assert landed["skipped"] == [(1, "header"), *((3 + at, "signature") for at in range(len(notes)))]


@pytest.mark.parametrize("name", HEADERS)
def test_headers_that_are_not_the_contracts_refuse_the_file(tmp_path: Path, name: str) -> None:
    rows, reason, detail = HEADERS[name]
    with pytest.raises(FileRefused) as refused:
        land_file(write(tmp_path, rows), REGISTER)
    assert (refused.value.reason, refused.value.detail) == (reason, detail)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.lists(st.sampled_from([None, "甲", 7, " ", True]), min_size=3, max_size=3), max_size=12))
def test_no_row_is_lost(tmp_path_factory: pytest.TempPathFactory, rows: list[list[Any]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(workbook, "BATCH_ROWS", 3)
        landed = land_file(write(tmp_path_factory.mktemp("xlsx"), [HEADER, *rows]), REGISTER)
    filled = [n for n, row in enumerate(rows, start=2) if any(cell not in (None, " ") for cell in row)]
    assert landed["read"] == (filled[-1] if filled else 1)
    skipped = [number for number, reason in landed["skipped"] if reason == "signature"]
    assert sorted([row[0] for row in landed["rows"]] + skipped) == filled


APPEALS = REAL_DATA / "appeals"
MESSAGE = ["留言编号", "留言用户", "留言主题", "留言时间", "留言详情"]
MESSAGES = {
    "附件1.xlsx": (517, ["一级分类", "二级分类", "三级分类"], ()),
    "附件2.xlsx": (457, [*MESSAGE, "一级分类"], ("留言编号",)),
    "附件2_未标注.xlsx": (2801, [*MESSAGE, "一级分类"], ("留言编号",)),
    "附件3.xlsx": (4326, [*MESSAGE, "反对数", "点赞数"], ("留言编号",)),
    "附件4.xlsx": (2816, [*MESSAGE, "答复意见", "答复时间"], ("留言编号",)),
}


@pytest.mark.skipif(
    not APPEALS.exists() and not os.environ.get("JICENG_REQUIRE_REAL_DATA"), reason=f"no real data at {APPEALS}"
)
@pytest.mark.parametrize("name", MESSAGES)
def test_every_real_message_lands(name: str) -> None:
    count, headers, keys = MESSAGES[name]
    landed = land_file(APPEALS / name, make_object("xlsx", headers, keys))
    assert [row[0] for row in landed["rows"]] == list(range(2, count + 2))
    assert (landed["skipped"], landed["quarantined"], landed["read"]) == ([(1, "header")], [], count + 1)
    if keys:
        assert all(row[1].isdigit() for row in landed["rows"])
