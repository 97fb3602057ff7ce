"""Rows that stand in groups: headings are skipped, and their names carried into a column if the contract says so."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from jobs.land.footers import group_name
from tests.support.land_objects import land_file, make_object
from tests.support.workbooks import write

HEADER = ["序号", "登记号", "名称"]
LIST = make_object("xlsx", HEADER, ("登记号",))
GROUPED = make_object("xlsx", ["类别", *HEADER], ("登记号",), group_into="c0")

# The row stands between two records; the last column says over how many columns its cell is merged.
HEADINGS: dict[str, tuple[list[Any], int]] = {
    "merged over all columns": (["一、机关（3家）", None, None], 3),
    "merged, a word": (["机关", None, None], 3),
    "merged over most columns, from the second": ([None, "机关", None], 2),
    "merged, a note": (["以上为去年的名单，以下为今年新增", None, None], 3),
    "numbered in the column of numbers": (["一、机关", None, None], 1),
    "a word in the column of numbers": (["机关", None, None], 1),
    "numbered in brackets": ([None, None, "（二）企业"], 1),
    "counted": ([None, None, "北京市（92所)".replace("所", "家")], 1),
    "with a colon": ([None, None, "企业："], 1),
    "with Arabic digits": ([None, None, "2、企业"], 1),
    "in the column of the key, numbered": ([None, "三、个体户", None], 1),
    "in the column of the key, counted": ([None, "个体户（共 12 户）", None], 1),
}
RECORDS: dict[str, tuple[list[Any], int]] = {
    "with its key and a name merged over the rest": ([None, "A9", "待补"], 1),
    "nothing but its key": ([None, "A9", None], 1),
    "nothing but a name": ([None, None, "丙店"], 1),
    "nothing but its number": ([9, None, None], 1),
    "a key that is numbered": ([None, "9、甲", None], 1),
    "a heading with a value": (["一、机关", None, "甲店"], 1),
    "a name that holds a decimal": ([None, None, "1.5元店"], 1),
}


def book(folder: Path, row: Sequence[Any], merged: int) -> Path:
    left = next(at for at, cell in enumerate(row) if cell is not None)
    areas = [(2, left, 2, left + merged - 1, row[left])] if merged > 1 else []
    return write(folder, [HEADER, [1, "A1", "甲店"], row, [2, "A2", "乙店"]], merged=areas)


@pytest.mark.parametrize("name", HEADINGS)
def test_a_heading_between_records_is_skipped(tmp_path: Path, name: str) -> None:
    landed = land_file(book(tmp_path, *HEADINGS[name]), LIST)
    assert landed["skipped"] == [(1, "header"), (3, "group")]
    assert [row[2] for row in landed["rows"]] == ["A1", "A2"]


TEXTS = {name: row for name, (row, merged) in HEADINGS.items() if merged == 1} | {
    "alone on its line": ["一、机关（3家）"],
    "a word alone on its line": ["机关"],
}


def text(folder: Path, row: Sequence[Any]) -> Path:
    path = folder / "list.csv"
    rows = [HEADER, [1, "A1", "甲店"], row, [2, "A2", "乙店"]]
    path.write_text(
        "\n".join(",".join("" if cell is None else str(cell) for cell in row) for row in rows), encoding="utf-8"
    )
    return path


@pytest.mark.parametrize("name", TEXTS)
def test_a_heading_in_text_is_skipped(tmp_path: Path, name: str) -> None:
    landed = land_file(text(tmp_path, TEXTS[name]), make_object("csv", HEADER, ("登记号",)))
    assert (landed["skipped"], landed["quarantined"]) == ([(1, "header"), (3, "group")], [])
    assert [row[2] for row in landed["rows"]] == ["A1", "A2"]


@pytest.mark.parametrize("name", RECORDS)
def test_what_may_be_a_record_of_text_lands(tmp_path: Path, name: str) -> None:
    row, _ = RECORDS[name]
    landed = land_file(text(tmp_path, row), make_object("csv", HEADER, ("登记号",)))
    assert landed["skipped"] == [(1, "header")]
    assert landed["rows"][1] == (3, *(None if cell is None else str(cell) for cell in row))


@pytest.mark.parametrize("line", ["一、机关（3家）,,", "一、机关（3家）", '"一、机关（3家）",,'])
def test_the_name_of_a_group_in_text_is_carried_down(tmp_path: Path, line: str) -> None:
    obj = make_object("csv", ["类别", *HEADER], ("登记号",), group_into="c0")
    landed = land_file(text(tmp_path, [line]), obj)
    assert [row[1:] for row in landed["rows"]] == [(None, "1", "A1", "甲店"), ("机关", "2", "A2", "乙店")]


@pytest.mark.parametrize("name", RECORDS)
def test_what_may_be_a_record_lands(tmp_path: Path, name: str) -> None:
    row, merged = RECORDS[name]
    landed = land_file(book(tmp_path, row, merged), LIST)
    assert landed["skipped"] == [(1, "header")]
    assert landed["rows"][1] == (3, *(None if cell is None else str(cell) for cell in row))


def test_without_a_key_only_a_merged_text_is_a_heading(tmp_path: Path) -> None:
    keyless = make_object("xlsx", HEADER)
    assert land_file(book(tmp_path, ["一、机关", None, None], 3), keyless)["skipped"] == [(1, "header"), (3, "group")]
    assert land_file(book(tmp_path, ["一、机关", None, None], 1), keyless)["skipped"] == [(1, "header")]


def test_the_name_of_a_group_is_carried_down_to_the_next_heading(tmp_path: Path) -> None:
    rows = [
        HEADER,
        [1, "A1", "甲"],
        ["一、机关（3家）"],
        [2, "A2", "乙"],
        [None],
        [3, "A3", "丙"],
        ["注意：以下为新增，未核"],
        [4, "A4", "丁"],
        ["二、企业"],
        [5, "A5", "戊"],
    ]
    merged = [(2, 0, 2, 2, "一、机关（3家）"), (6, 0, 6, 2, "以下为今年新增，未核实")]
    landed = land_file(write(tmp_path, rows, merged=merged), GROUPED)
    assert [(row[0], row[1], row[3]) for row in landed["rows"]] == [
        (2, None, "A1"),
        (4, "机关", "A2"),
        (6, "机关", "A3"),
        (8, "机关", "A4"),
        (10, "企业", "A5"),
    ]


NAMES = {
    "一、机关（3家）": "机关",
    "（二）企业": "企业",
    "第三组 玄武湖社区": "玄武湖社区",
    "2、个体户（共12户）：": "个体户",
    "【新增】": "新增",
    "锁金村 街道": "锁金村街道",
    "以上为旧名单，以下为新增": None,
    "（3家）": None,
}


@pytest.mark.parametrize("text", NAMES)
def test_a_group_is_called_without_number_and_count(text: str) -> None:
    assert group_name(text) == NAMES[text]
