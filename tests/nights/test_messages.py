"""The real citizen messages, from five workbooks of three systems to `refined.appeal`, every row and every cell.

The expected table is made from the workbooks with openpyxl and zoneinfo, never from ours.
"""

from collections import Counter
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from jobs import open_table
from tests.support.file_books import check_file_terms
from tests.support.town import Town, cell_text, file_rows

pytestmark = [pytest.mark.xdist_group("town"), pytest.mark.nights]

pytest_plugins = ["tests.support.town_fixtures"]
SHANGHAI = ZoneInfo("Asia/Shanghai")
COLUMNS = [
    "system", "number", "user", "subject", "text", "asked_at", "likes", "dislikes", "replied_at", "reply", "label",
    "days_to_reply", "is_repeated_text",
]  # fmt: skip
HEADERS = {
    "number": "留言编号", "user": "留言用户", "subject": "留言主题", "text": "留言详情", "asked_at": "留言时间",
    "likes": "点赞数", "dislikes": "反对数", "replied_at": "答复时间", "reply": "答复意见", "label": "一级分类",
}  # fmt: skip
CONFLICT = "37042"
SPACE = " \t\r\n\x0b\x0c\xa0\u3000\ufeff\u200b"


def moment(value: Any) -> datetime | None:
    """A local time of a workbook, where it stands as a date or as text such as 2019/4/25 9:32:09."""
    if value is None or isinstance(value, datetime):
        return value
    day, _, clock = str(value).strip().replace("/", "-").partition(" ")
    year, month, date = map(int, day.split("-"))
    return datetime(year, month, date, *map(int, clock.split(":")) if clock else ())


def read_row(system: str, values: dict[str, Any]) -> dict[str, Any]:
    row: dict[str, Any] = {"system": system}
    for name, header in HEADERS.items():
        value = values.get(header)
        if name.endswith("_at"):
            local = moment(value)
            row[f"local {name}"] = local
            row[name] = local and local.replace(tzinfo=SHANGHAI).astimezone(UTC)
        elif name in ("likes", "dislikes"):
            row[name] = None if value is None else int(value)
        else:
            row[name] = cell_text(value).strip(SPACE) or None
    asked, replied = row.pop("local asked_at"), row.pop("local replied_at")
    row["days_to_reply"] = (replied.date() - asked.date()).days if asked and replied else None
    return row


@pytest.fixture(scope="module")
def sheets(messages: Town) -> dict[str, list[dict[str, Any]]]:
    """Rows of each workbook below its header, by its name."""
    found = {}
    for source in messages.conf.sources.values():
        for obj in source.objects:
            for file in messages.rows("ops.file", system=obj.system, object=obj.name):
                rows = file_rows(messages.workspace.archive_path(file["file_id"]), obj)
                found[file["name"]] = [{**row.values, "row": row.number} for row in rows[obj.header_rows :]]  # type: ignore[dict-item]
    return found


@pytest.fixture(scope="module")
def expected(sheets: dict[str, list[dict[str, Any]]]) -> dict[tuple[str, str], dict[str, Any]]:
    """The whole table by its key: the first row of a number stays, repeated texts are marked."""
    systems = {
        "附件2.xlsx": "mailbox",
        "附件2_未标注.xlsx": "mailbox",
        "附件3.xlsx": "forum",
        "附件4.xlsx": "reply_desk",
    }
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for name, system in systems.items():
        for values in sheets[name]:
            row = read_row(system, values)
            found.setdefault((system, row["number"]), row)
    seen: set[tuple[str, str]] = set()
    for row in sorted(found.values(), key=lambda row: (row["asked_at"], row["number"])):
        row["is_repeated_text"] = row["text"] is not None and (row["system"], row["text"]) in seen
        seen.add((row["system"], row["text"]))
    return found


def test_every_message_is_an_appeal(messages: Town, expected: dict[tuple[str, str], dict[str, Any]]) -> None:
    appeals = open_table("appeal", home=messages.home).arrow()
    assert appeals.column_names == COLUMNS
    given = {(row["system"], row["number"]): row for row in appeals.to_pylist()}
    assert len(given) == appeals.num_rows == 10_399
    assert given.keys() == expected.keys()
    for key, row in expected.items():
        assert given[key] == row


def test_the_table_has_what_the_workbooks_have(messages: Town, expected: dict[tuple[str, str], dict[str, Any]]) -> None:
    """Figures by hand, so that the expected table is not wrong in the same way as ours."""
    rows = list(expected.values())
    assert Counter(row["system"] for row in rows) == {"forum": 4326, "mailbox": 3257, "reply_desk": 2816}
    assert sum(row["label"] is not None for row in rows) == 456
    assert {row["system"] for row in rows if row["label"]} == {"mailbox"}
    assert {row["system"] for row in rows if row["likes"] is not None} == {"forum"}
    assert {row["system"] for row in rows if row["days_to_reply"] is not None} == {"reply_desk"}
    numbers = Counter(row["number"] for row in rows)
    assert sum(count > 1 for count in numbers.values()) > 0, "systems share numbers, which name different appeals"


def test_one_row_is_quarantined_for_its_key(messages: Town, sheets: dict[str, list[dict[str, Any]]]) -> None:
    rows = [values for values in sheets["附件2.xlsx"] if cell_text(values["留言编号"]) == CONFLICT]
    assert len({values["一级分类"] for values in rows}) == len(rows) == 2
    [aside] = messages.rows("ops.quarantine")
    assert (aside["system"], aside["object"], aside["sheet"]) == ("mailbox", "labelled", "Sheet1")
    assert (aside["reason"], aside["stage"], aside["row_number"]) == ("key_conflict", "harmonise", rows[1]["row"])
    assert rows[1]["一级分类"] in aside["raw"]
    [kept] = messages.lake.rows("refined.appeal", {"system": "mailbox", "number": CONFLICT}).to_pylist()
    assert kept["label"] == rows[0]["一级分类"]


def test_every_row_of_every_workbook_is_accounted_for(messages: Town) -> None:
    assert check_file_terms(messages) == 10_400 + 517 + 5  # messages, subjects, headers
    ledger = messages.rows("ops.ledger", record="appeal")
    by_file = Counter({row["term"]: 0 for row in ledger})
    for row in ledger:
        by_file[row["term"]] += row["rows"] if row["file_id"] else 0
    assert +by_file == {"new": 10_399, "quarantined": 1}
    totals = {row["term"]: row["rows"] for row in ledger if not row["file_id"] and row["rows"]}
    assert totals == dict.fromkeys(("new", "current", "records", "candidate", "refined"), 10_399)
    assert messages.summary(messages.nights[0])["books"]["closes"] is True


def test_every_cell_is_kept_as_text(messages: Town, sheets: dict[str, list[dict[str, Any]]]) -> None:
    """The raw tables hold each cell; only white space at the ends of a text may differ from the workbook."""
    for source in messages.conf.sources.values():
        for obj in source.objects:
            for file in messages.rows("ops.file", system=obj.system, object=obj.name):
                given = {row["row_number"]: row for row in messages.rows(obj.raw_table, file_id=file["file_id"])}
                for values in sheets[file["name"]]:
                    for column in obj.columns:
                        cell = given[values["row"]][column.name]
                        assert (cell or "").strip() == cell_text(values[column.header])


def test_the_taxonomy_lands_and_feeds_nothing(messages: Town) -> None:
    assert len(messages.rows("raw.mailbox__topic")) == 517
    assert messages.rows("links.mention") == []
