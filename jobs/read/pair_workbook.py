"""The workbook in which people decide on pairs: its columns, the words that it takes, and how it is written.

Writes: the workbook, which only its owner may read. Refuses: another ending, a file that is there already.
"""

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import xlsxwriter

from jobs.common.base.errors import UserError
from jobs.common.model.links import Judgement
from jobs.read.export import CELL_CHARACTERS, appearing_whole, check_target, plain_cell

SHEET, ABOUT = "待判 pairs", "说明 about"
DECISION, BECAUSE, CHECK = "决定", "为什么", "check"
# What stands in the column of decisions, the first word of each in its list to choose from.
WORDS = {
    Judgement.SAME: ("同一", "same"),
    Judgement.DIFFERENT: ("不同", "different"),
    Judgement.UNSURE: ("不确定", "unsure"),
}
# Column: header, width, and what it says in Chinese and English.
_COLUMNS: dict[str, tuple[str, int, str, str]] = {
    "decision": (
        DECISION,
        10,
        "同一、不同或不确定；留空则以后再判",
        "one, two, or nobody knows yet; empty: decided later",
    ),
    "because": (
        BECAUSE,
        24,
        "为什么这样判定；会留存，请勿写姓名和号码",
        "why; it is kept, so write no names or numbers",
    ),
    "kind": ("类别", 12, "居民、住户、房屋或单位", "kind of entity"),
    "told": ("原因", 26, "为什么值得一看", "why the pair is worth a look"),
    "records": ("涉及记录", 9, "双方共有多少条记录", "records of both: so many this decision is about"),
    "agree": ("一致", 26, "双方一致的项目", "what agrees"),
    "differ": ("不一致", 26, "双方都有而不一致的项目", "what both say and what does not agree"),
    "record": ("甲方", 40, "甲方各条记录所说", "what the records of the one say"),
    "other_record": ("乙方", 40, "乙方各条记录所说", "what the records of the other say"),
    "systems": ("甲方系统", 18, "甲方记录来自哪些系统", "systems of the one"),
    "other_systems": ("乙方系统", 18, "乙方记录来自哪些系统", "systems of the other"),
    "since": ("始于", 12, "从哪一夜起双方都在", "night since which both are there"),
    "entity_id": ("entity_id", 28, "甲方编号", "entity of the one"),
    "other_entity": ("other_entity", 28, "乙方编号", "entity of the other"),
    "mention_id": ("mention_id", 34, "甲方记录的键，请勿改动", "key of the one record: leave it as it is"),
    "other_id": ("other_id", 34, "乙方记录的键，请勿改动", "key of the other record: leave it as it is"),
    "check": (CHECK, 14, "核对码，请勿改动", "tells whether the keys were edited: leave it as it is"),
}
HEADERS = {name: header for name, (header, *_) in _COLUMNS.items()}
_KEYS = ("entity_id", "other_entity", "mention_id", "other_id", "check")


def check_code(mention: str, other: str) -> str:
    """What tells that the keys of a row are still those that it was written with."""
    return hashlib.sha256(f"{mention}|{other}".encode()).hexdigest()[:12]


def check_workbook(path: Path, force: bool) -> None:
    """Raise UserError if no workbook can be written there, before anything is looked up."""
    if path.suffix.lower() != ".xlsx":
        raise UserError(f"--output {path.name} must end in .xlsx: people decide in a workbook")
    check_target(path, force, excel=False)


def write_workbook(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write pairs, one a row, with an empty decision to fill in."""
    settings = {"strings_to_numbers": False, "strings_to_formulas": False, "strings_to_urls": False}
    with appearing_whole(path) as partial, closing(xlsxwriter.Workbook(str(partial), settings)) as book:
        _write_pairs(book, book.add_worksheet(SHEET), rows)
        _write_about(book, book.add_worksheet(ABOUT))


def _write_pairs(book: Any, sheet: Any, rows: Sequence[Mapping[str, Any]]) -> None:
    bold = book.add_format({"bold": True, "num_format": "@", "bg_color": "#DDE6EE"})
    text = book.add_format({"num_format": "@", "text_wrap": True, "valign": "top"})
    grey = book.add_format({"num_format": "@", "valign": "top", "font_color": "#777777"})
    for at, (name, (header, width, zh, en)) in enumerate(_COLUMNS.items()):
        sheet.set_column(at, at, width, grey if name in _KEYS else text)
        sheet.write_string(0, at, header, bold)
        sheet.write_comment(0, at, f"{zh}\n{en}")
    for number, row in enumerate(rows, start=1):
        _write_pair(sheet, number, row, text, grey)
    sheet.freeze_panes(1, 2)
    sheet.autofilter(0, 0, max(len(rows), 1), len(_COLUMNS) - 1)
    if rows:
        choices = [words[0] for words in WORDS.values()]
        sheet.data_validation(1, 0, len(rows), 0, {"validate": "list", "source": choices})


def _write_pair(sheet: Any, number: int, row: Mapping[str, Any], text: Any, grey: Any) -> None:
    code = check_code(row["mention_id"], row["other_id"])
    whole = {**row, "decision": None, "because": None, CHECK: code}
    for at, name in enumerate(_COLUMNS):
        value, format = plain_cell(whole[name]), grey if name in _KEYS else text
        if value is None:
            sheet.write_blank(number, at, None, format)
        elif isinstance(value, int):
            sheet.write_number(number, at, value, format)
        else:
            sheet.write_string(number, at, str(value)[:CELL_CHARACTERS], format)


def _write_about(book: Any, sheet: Any) -> None:
    """What each column says, in both languages."""
    bold = book.add_format({"bold": True})
    for at, width in enumerate((16, 44, 60)):
        sheet.set_column(at, at, width)
    told = [(header, zh, en) for header, _, zh, en in _COLUMNS.values()]
    for number, line in enumerate([("列 column", "说明", "meaning"), *told]):
        sheet.write_row(number, 0, line, bold if number == 0 else None)
