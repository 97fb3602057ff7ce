"""Rows of a typed sheet that hold no record, also where it was saved as text: totals, signatures, notes at the end.

A row with a value of its own in the primary key is always a record: what looks like a total there lands.
"""

import re
from collections.abc import Sequence

_TOTAL = re.compile(
    r"(本[页表村组]|全[部镇乡村])?(合计|总计|小计|共计)([:：]?[(（]?[0-9０-９,，.]*[人户条笔元个]?[)）]?)"
)
_SIGNATURE = re.compile(
    r"(制表|填表|填报|审核|复核|审批|经办|负责|单位负责|部门负责|分管领导|制单|编制|统计|登记|联系)"
    r"(人|员|者|单位|部门|电话|日期|时间)?((签字|签名|签章|盖章)|[(（](签字|签名|签章|盖章)[)）])?([:：].*)?"
    r"|(单位)?[(（]?(公章|盖章|签章)[)）]?[:：]?.*"
    r"|(备注|注|说明|填表说明)[:：].*",
    re.DOTALL,
)
# How such a row may begin, for Arrow's RE2: most rows need no closer look.
FOOTER_START = "^[\\s\\x{3000}\\x{A0}]*([本全合总小共制填审复经办负单部分编统登联公盖签备注说(（]|$)"
_NOTE = re.compile(r"[\u4e00-\u9fff].*[\s:：，。,]|[\s:：，。,].*[\u4e00-\u9fff]", re.DOTALL)
_SPACE = re.compile(r"\s+")
# How the headings of groups are numbered and counted: 一、机关（3家）, （二）企业, 第三组.
_CHINESE = "[一二三四五六七八九十百]{1,4}"
_NUMBERED = re.compile(rf"第{_CHINESE}[章节组部分类批队]|{_CHINESE}[、.．]|[(（]{_CHINESE}[)）]")
_HEADING_NUMBER = re.compile(rf"^(?:{_NUMBERED.pattern}|[0-9]{{1,2}}[、.．](?![0-9]))")
_COUNTED = re.compile(r"[(（]共?计?[0-9０-９]+[家户人个所名条件项处栋幢套间座位份][)）][:：]?$")
_MARKED = re.compile(r"[0-9]{1,2}[、.．](?![0-9]).+|.*[\u4e00-\u9fff].*[:：]|【.+】", re.DOTALL)
_SEQUENCE_TITLES = ("序号", "序", "行号", "顺序号", "NO", "NO.")
_NUMBER = re.compile(r"[0-9０-９.．]+")
_SENTENCE = re.compile("[，。；！？,;]")


def footer_reason(cells: Sequence[str], key_positions: Sequence[int]) -> str | None:
    """`total` or `signature` for a row that is clearly one, None for a record.

    Args:
        cells: the row as text.
        key_positions: where the primary key stands, empty where none is declared.
    """
    filled = _filled_places(cells)
    if not filled or not set(key_positions).isdisjoint(filled[1:]):
        return None
    return footer_word(cells[filled[0]])


def _filled_places(cells: Sequence[str]) -> list[int]:
    return [place for place, cell in enumerate(cells) if cell.strip()]


def footer_word(text: str) -> str | None:
    """`total` or `signature` for the first text of such a row."""
    word = _SPACE.sub("", text)
    if _TOTAL.fullmatch(word):
        return "total"
    return "signature" if _SIGNATURE.fullmatch(word) else None


def is_lone_text(cells: Sequence[str], key_positions: Sequence[int]) -> bool:
    """Whether the row holds one text and no key: a note or signature if no record follows.

    Text in the key's own column must read like a sentence; without a declared key nothing can be told.
    """
    only = _only_text(cells)
    if only is None or not key_positions or len(cells) < 3:
        return False
    position, text = only
    if position in key_positions:
        return len(key_positions) == 1 and _NOTE.search(text) is not None
    return not text.strip().replace(".", "").isdigit()


def is_group(cells: Sequence[str], key_positions: Sequence[int], titles: Sequence[str], merged: int = 1) -> bool:
    """Whether the row holds nothing but the heading of a group of rows, or a note between them: clearly no record.

    That is a text over more than half of the columns, a word in the column of running numbers, or a text that is numbered or
    counted as headings are. Other lone texts may be records that lack the rest. A key that reads like a heading must
    do so strictly.

    Args:
        cells: the row as text.
        key_positions: where the primary key stands; where none is declared, a merged text alone tells.
        titles: the headers.
        merged: over how many columns the cell of the text is merged.
    """
    only = _only_text(cells)
    if only is None:
        return False
    named = len(titles) - titles.count("")
    if 2 * merged > max(named, 2):
        return True
    if not key_positions or named < 3:
        return False
    position, text = only
    word = _SPACE.sub("", text)
    title = titles[position] if position < len(titles) else ""
    if title.upper() in _SEQUENCE_TITLES:
        return _NUMBER.fullmatch(word) is None
    return _reads_like_heading(word, position in key_positions, len(key_positions) == 1)


def _only_text(cells: Sequence[str]) -> tuple[int, str] | None:
    """Place and text of the one cell of a row that holds something; None if none or several do."""
    filled = _filled_places(cells)
    return (filled[0], cells[filled[0]]) if len(filled) == 1 else None


def _reads_like_heading(word: str, is_key: bool, is_single: bool) -> bool:
    """Whether a text is numbered, counted or, unless it stands in the key, marked as headings are.

    `is_single` tells that the key is one column; in a part of a longer one nothing is a heading.
    """
    is_strict = _NUMBERED.match(word) is not None or _COUNTED.search(word) is not None
    if is_key:
        return is_strict and is_single
    return is_strict or _MARKED.fullmatch(word) is not None


def group_name(text: str) -> str | None:
    """What a heading calls its group, without number and count, which change; None where it is a sentence."""
    name = _COUNTED.sub("", _HEADING_NUMBER.sub("", _SPACE.sub("", text))).strip(":：【】")
    return None if not name or _SENTENCE.search(name) else name
