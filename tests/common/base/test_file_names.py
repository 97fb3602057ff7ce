"""Names of files as people see them: nobody's number, nothing that a terminal acts on, and still to be told apart."""

import os
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.common.base.errors import UserError
from jobs.common.base.file_names import read_name, shown, shown_apart, spell_name
from jobs.common.base.masks import mask_numbers

MASKED = {
    "张三320102190307080010.csv": "张三•••.csv",  # an id number
    "张三32010219030902029X.xlsx": "张三•••.xlsx",  # its last character is an X
    "李四320102850705001.csv": "李四•••.csv",  # of 15 digits
    "320102-19030708-0010.csv": "•••.csv",  # parted
    "3201 0219 0307 0800 10.csv": "•••.csv",
    "王五13900000001.csv": "王五•••.csv",  # a telephone number
    "a13900000001b.csv": "a•••b.csv",
    "139-0000-0001_20260102.csv": "•••_20260102.csv",
    "+86 139 0000 0001.csv": "+86 •••.csv",
    "139\u200b0000\u200b0001.csv": "•••.csv",  # parted by what nobody sees
    "025-83612345.csv": "•••.csv",
    "8361234.csv": "•••.csv",
    "１３９００００００００１.csv": "•••.csv",  # of full width
    "20261301.csv": "•••.csv",  # no day of the calendar
    "12345678901234567890123456789012.csv": "•••.csv",  # no checksum: it has no letter
    "320102190307080010/名单.csv": "•••/名单.csv",  # a folder
}
KEPT = (
    "户籍人口_20260102.csv",
    "户籍人口_2026-01-02.csv",
    "户籍人口_2026年1月2日.csv",
    "grid_20260101.jsonl",
    "20260101-20260131.csv",
    "2026010120260131.csv",
    "20260102083000.csv",
    "20260102_083000_1.csv",
    "2026010203.csv",  # a day and a count
    "202601-202606.csv",
    "社区130_20260102.csv",  # its digits, taken together, begin as a telephone number
    "320102_20260102_0001.csv",  # a division, a day and a count
    "123456.csv",
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855.csv",
    "d41d8cd98f00b204e9800998ecf8427e.csv",
    "550e8400-e29b-41d4-a716-446655440000.csv",
)
UNSEEN = {
    "a\nb\x1b[31m.csv": r"a\x0ab\x1b[31m.csv",
    "名单\u202evsc.exe": r"名单\u202evsc.exe",  # read from right to left
    "a\u2028b\x85.csv": r"a\u2028b\x85.csv",
    "--help": "--help",
    "it's *?[1].csv": "it's *?[1].csv",
    "名单.csv".encode("gb18030").decode("utf-8", "surrogateescape"): "名单.csv",
    b"caf\xe9.csv".decode("utf-8", "surrogateescape"): r"caf\xe9.csv",
    b"\xff".decode("utf-8", "surrogateescape"): r"\xff",
}


@pytest.mark.parametrize(("name", "told"), [*MASKED.items(), *UNSEEN.items(), *zip(KEPT, KEPT, strict=True)])
def test_a_name_as_it_is_shown(name: str, told: str) -> None:
    assert shown(name) == told
    assert shown(told) == told, "to show what is shown changes nothing"


def test_a_long_name_is_cut_in_its_middle_and_keeps_its_ending() -> None:
    told = shown("名" * 80 + "_20260102.csv")
    assert told == "名" * 80 + "_20260102.csv"
    told = shown("名" * 300 + "_20260102.csv")
    assert (len(told), told[:3], told[-14:]) == (111, "名名名", "名_20260102.csv")


def test_files_that_look_the_same_are_told_apart() -> None:
    """By the file's id, where it is known; else by their number."""
    names = ["张三13900000001.csv", "张三13900000002.csv"]
    assert [shown(name, file_id) for name, file_id in zip(names, ("5c0e1f2a9b", "77aa01bcdd"), strict=True)] == [
        "张三•••.csv [5c0e1f2a]",
        "张三•••.csv [77aa01bc]",
    ]
    assert shown("名单_20260102.csv", "5c0e1f2a9b") == "名单_20260102.csv", "nothing is hidden of it"
    assert shown_apart([*names, "a.csv"]) == ["张三•••.csv", "张三•••.csv (2)", "a.csv"]


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("名单_20260102.csv".encode(), "名单_20260102.csv"),
        ("名单_20260102.csv".encode("gbk"), "名单_20260102.csv"),
        ("村/名单".encode("gbk") + b"/" + "二.csv".encode(), "村/名单/二.csv"),  # each part by itself
        (b"\xff\xfe.csv", "\\xff\\xfe.csv"),
        (b"\x84\x31\x95\x33.csv", "\ufeff.csv"),  # of four bytes
    ],
)
def test_a_name_is_read_as_utf_8_else_as_gb18030(raw: bytes, text: str) -> None:
    assert read_name(os.fsdecode(raw)) == text


@pytest.mark.parametrize("raw", ["户".encode("gbk") * 127, b"\xff" * 255, "名".encode() * 85])
def test_a_name_of_255_bytes_can_be_written_again(raw: bytes) -> None:
    """Though its text may take more bytes: a replay hands files in under the names that they had."""
    spelt = os.fsencode(spell_name(read_name(os.fsdecode(raw))))
    assert spelt == raw


def test_a_name_that_no_file_can_have_is_told() -> None:
    with pytest.raises(UserError, match="no file system takes the name aaa"):
        spell_name("a" * 256)


@given(st.binary(min_size=1, max_size=255).filter(lambda raw: not {0, 47} & set(raw)))
@settings(max_examples=400, deadline=None)
def test_any_name_is_read_shown_and_written(raw: bytes) -> None:
    text = read_name(os.fsdecode(raw))
    text.encode()
    assert read_name(os.fsdecode(os.fsencode(spell_name(text)))) == text
    told = shown(os.fsdecode(raw))
    assert all(character.isprintable() or unicodedata.category(character) == "Zs" for character in told)
    assert shown(told) == told


@given(
    st.text(max_size=40), st.from_regex(r"1[3-9][0-9]{9}|[1-9][0-9]{16}[0-9Xx]", fullmatch=True), st.text(max_size=40)
)
@settings(max_examples=400, deadline=None)
def test_no_number_is_left_in_a_name(before: str, number: str, after: str) -> None:
    assert number not in shown(f"{before} {number} {after}")


def test_masking_leaves_the_rest_of_a_text() -> None:
    assert mask_numbers("run 2026-01-01.1: 12,345 rows of 139 0000 0001") == "run 2026-01-01.1: 12,345 rows of •••"
