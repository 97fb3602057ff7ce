"""`jiceng find`: who has a name, an id number or a phone; and `explain` of two records that nobody has joined."""

import io
from typing import Any

import pytest

from jobs.common.base.masks import MASK
from jobs.common.run.stage import open_lake
from tests.support.office import Office, rows_of
from tests.support.pair_office import ID_4, MISTYPED, PERSONAL, mention
from tests.support.town import Answer

pytestmark = [pytest.mark.xdist_group("pairs"), pytest.mark.nights]

pytest_plugins = ["tests.support.pair_fixtures"]


def find(office: Office, text: str | bytes, *arguments: str) -> Answer:
    raw = text.encode() if isinstance(text, str) else text
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(raw)))
        return office.jiceng("find", *arguments)


def keys_of(office: Office, answer: Answer) -> set[str]:
    """Keys of the rows whose residents were found."""
    assert answer.code == 0, answer.err
    found = {row["entity_id"] for row in rows_of(answer)}
    mentions = open_lake(office.workspace).rows("links.mention").to_pylist()
    return {row["source_key"] for row in mentions if row["entity_id"] in found}


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("王小明\n", {"P1", "P2", "D1"}),
        ("  王 小明", {"P1", "P2", "D1"}),
        ("王小明".encode("gb18030"), {"P1", "P2", "D1"}),
        ("+86 139-0000-0005\n", {"P5"}),
        ("１３９０００００００６", {"P6"}),
        (ID_4.lower(), {"P4", "D4"}),
        (ID_4 + "\nsecond line\n", {"P4", "D4"}),
        ("张三丰", set()),
    ],
)
def test_who_is_found(office: Office, text: str | bytes, keys: set[str]) -> None:
    assert keys_of(office, find(office, text, "--format", "json")) == keys


@pytest.mark.parametrize("text", ["", "\n", "!!!", MISTYPED, "王" * 300, b"\xff\xff\xff"])
def test_what_is_none_of_the_three_is_refused_without_repeating_it(office: Office, text: str | bytes) -> None:
    answer = find(office, text)
    assert (answer.code, answer.out) == (2, "")
    assert MISTYPED not in answer.err
    assert "王王" not in answer.err


def test_values_are_masked_unless_there_is_a_reason(office: Office) -> None:
    masked: list[dict[str, Any]] = rows_of(find(office, "王小明", "--format", "json"))
    assert {row["name"] for row in masked} == {MASK}
    assert {row["matched"] for row in masked} == {"name"}
    printed = find(office, "13900000001").out
    assert not [value for value in PERSONAL if value in printed]
    assert find(office, "王小明", "--show-personal").code == 2
    assert not open_lake(office.workspace).exists("ops.access")
    shown = rows_of(find(office, "王小明", "--show-personal", "--because", "letter 31", "--format", "json"))
    assert {row["name"] for row in shown} == {"王小明"}
    [row] = open_lake(office.workspace).rows("ops.access").to_pylist()
    assert (row["what"], row["tables"], row["because"]) == ("find", "refined.resident", "letter 31")
    assert "王小明" not in str(row)


TWO: dict[str, tuple[tuple[str, str], list[tuple[str, str, str]]]] = {
    "left open": (("register/P1", "desk/D1"), [("two", "review", "names_several")]),
    "by object": (("register/people/P1", "desk/people/D1"), [("two", "review", "names_several")]),
    "never compared": (("register/P1", "register/P2"), [("two", "none", "not_compared")]),
    "by mention": ((mention("P5"), mention("P6")[:8]), [("two", "review", "same_name_birth_date_no_id")]),
    "one": (("register/P4", "desk/D4"), [("one", "accept", "same_id_and_name")]),
}


@pytest.mark.parametrize("case", TWO)
def test_why_two_records_are_one_or_not(office: Office, case: str) -> None:
    named, expected = TWO[case]
    answer = office.jiceng("explain", "resident", *named, "--format", "json")
    assert answer.code == 0, answer.err
    assert [(row["state"], row["decision"], row["reason"]) for row in rows_of(answer)] == expected
    assert not [value for value in (*PERSONAL, ID_4) if value in answer.out]


def test_what_differs_is_told_and_values_only_if_asked_for(office: Office) -> None:
    [row] = rows_of(office.jiceng("explain", "resident", "register/P1", "register/P2", "--format", "json"))
    assert row["agree"] == "姓名 name; 联系电话 phone"
    assert row["differ"] == "公民身份号码 id_number; 出生日期 birth_date"
    shown = office.jiceng("explain", "resident", "register/P1", "register/P2", "--show-personal")
    assert "王小明" in shown.out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("resident", "register/P1", "register/P1"), "name two of its records"),
        (("resident", "register/P9", "register/P1"), "there is no record or entity register/…"),
        (("resident", "P1", "register/P1"), "there is no record or entity P1"),
        (("appeal", "a", "b"), "'appeal' is no kind"),
        (("resident", "register/P1", "register/P2", "--field", "name"), "--field is for one row"),
    ],
)
def test_what_names_no_two_records_is_refused(office: Office, arguments: tuple[str, ...], told: str) -> None:
    answer = office.jiceng("explain", *arguments)
    assert (answer.code, answer.out) == (2, "")
    assert told in answer.err
