"""A contract mended after files were accepted: what stands is read anew, in the night after, without a file handed in again.

One office in which every system has a case of its own. On the first two nights all contracts are as `BEFORE` says, then come
maintenance and the mended contracts (`AFTER`), with which the third night works; on the fourth nothing is new.
"""

import io
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter

from jobs import extract, land, maintain, start
from jobs.common.contracts.sources import Column, Feed
from jobs.common.intake.readings import reading_of
from jobs.common.lake import tables
from jobs.common.run.runs import CLI
from jobs.common.run.stage import open_context, open_lake
from jobs.land.anew import carried_columns
from jobs.operate import nightly
from tests.support.land_objects import make_object
from tests.support.office import Office, copy_office, open_office, rows_of

pytestmark = pytest.mark.nights

ONE, TWO, THREE, FOUR = (f"2026-01-0{day}" for day in range(1, 5))
AT = "2026-01-01 08:00:00"
KEY, WORD = ("number", "编号", ""), ("word", "内容", "appeal.subject")


def contract(*objects: dict[str, Any]) -> str:
    """A contract; each object has `columns` (name, header, feeds; the first is the key unless `key` names another), a `mode`
    (snapshot unless told), and further settings.
    """
    servers, schema = [], []
    for number, given in enumerate(objects):
        settings = {"path": "*.csv", "mode": "snapshot", "as_of": r"_(\d{8})", **given}
        asked = f"时间/{AT}" if settings.get("header_rows") == 2 else "时间"
        columns, key = [*settings.pop("columns"), ("asked", asked, "appeal.asked_at")], settings.pop("key", None)
        level = settings.pop("level", "3")
        name = f"list{number}" if number else "list"
        told = [{"property": word, "value": value} for word, value in settings.items()]
        servers.append({"server": name, "type": "custom", "customProperties": told})
        properties = []
        for at, (column, header, feeds) in enumerate(columns):
            own: dict[str, Any] = {"name": column, "physicalName": header, "classification": level}
            if column == key or (key is None and at == 0):
                own |= {"required": True, "primaryKey": True}
            if feeds:
                own["customProperties"] = [{"property": "feeds", "value": feeds}]
            properties.append(own)
        schema.append({"name": name, "properties": properties})
    head = {"apiVersion": "v3.2.0", "kind": "DataContract", "id": "x", "version": "1.0.0", "status": "active"}
    expected = [{"property": "expected", "value": "occasional"}]
    return json.dumps({**head, "customProperties": expected, "servers": servers, "schema": schema}, ensure_ascii=False)


def workbooks(sheets: dict[str, list[list[Any]]]) -> bytes:
    book = io.BytesIO()
    with xlsxwriter.Workbook(book, {"in_memory": True}) as writer:
        for name, rows in sheets.items():
            page = writer.add_worksheet(name)
            for number, row in enumerate(rows):
                page.write_row(number, 0, row)
    return book.getvalue()


def csv(header: str, *lines: str) -> str:
    """An export with the time that every appeal must have; a second header row has one that could be meant for a row's."""
    first, *second = header.split("\n")
    return "\n".join([f"{first},时间", *(f"{line},{AT}" for line in (*second, *lines)), ""])


PLAIN = {"columns": [KEY, WORD]}
TWO_ROWS = {"columns": [("number", "编号/no", ""), ("word", "内容/name", "appeal.subject")], "header_rows": 2}
BOOK = {"path": "*.xlsx", "columns": [KEY, WORD]}


INC = {"mode": "incremental"}
TEXT = {"columns": [KEY, ("text", "内容", "appeal.subject")]}  # called otherwise, under the same header
OTHER = {"columns": [KEY, ("text", "说明", "appeal.subject")]}  # neither header nor column is known any longer
PLACE = ("place", "地址", "appeal.reply")
SPARE = ("spare", "别号", "")
KEYED = {"columns": [KEY, SPARE, WORD]}

# By system: its contract before and after, and why nothing may be lost.
CONTRACTS: dict[str, tuple[str, str]] = {
    "rows": (contract(PLAIN), contract(TWO_ROWS)),  # it was overlooked that the header has two rows
    "increments": (contract(PLAIN | INC), contract(TWO_ROWS | INC)),
    "called": (contract(PLAIN), contract(TEXT)),
    "both": (contract(PLAIN | INC), contract(OTHER | INC)),
    "again": (contract(PLAIN | INC), contract(OTHER | INC)),
    "added": (contract(PLAIN | INC), contract({"columns": [KEY, WORD, PLACE]} | INC)),
    "removed": (contract({"columns": [KEY, WORD, PLACE]} | INC), contract(PLAIN | INC)),
    "sheets": tuple(contract(BOOK | {"sheet": sheet}, BOOK | {"sheet": "他"}) for sheet in ("旧", "新")),
    "keyed": (contract(KEYED), contract(KEYED | {"key": "spare"})),
    "meant": (contract(PLAIN), contract({"columns": [KEY, ("word", "内容", "appeal.text")], "level": "4", "max_loss": 0.4})),
    "parts": (contract(PLAIN), contract(TEXT)),
    "taken": (contract(PLAIN), contract(TWO_ROWS)),
}  # fmt: skip
HEAD, HEAD_BOTH, HEAD_PLACE = "编号,内容", "编号,内容\nno,name", "编号,内容,地址"
SHEETS = {"旧": (9, "旧"), "新": (1, "甲"), "他": (5, "戊")}
BOOK_BYTES = workbooks({name: [["编号", "内容", "时间"], [*row, AT]] for name, row in SHEETS.items()})
HANDED: dict[str, dict[str, str | bytes]] = {
    ONE: {
        "rows/x_20260101.csv": csv(HEAD_BOTH, "1,甲", "2,乙"),
        "increments/x_20260101.csv": csv(HEAD_BOTH, "1,甲", "2,乙"),
        "called/x_20260101.csv": csv(HEAD, "1,甲", "2,乙"),
        "both/x_20260101.csv": csv(HEAD, "1,甲", "2,乙"),
        "again/x_20260101.csv": csv(HEAD, "1,甲", "2,乙"),
        "added/x_20260101.csv": csv(HEAD, "1,甲", "2,乙"),
        "removed/x_20260101.csv": csv(HEAD_PLACE, "1,甲,街"),
        "sheets/x_20260101.xlsx": BOOK_BYTES,
        "keyed/x_20260101.csv": csv("编号,别号,内容", "1,a,甲"),
        "meant/x_20260101.csv": csv(HEAD, "1,甲"),
        "parts/a_20260101.csv": csv(HEAD, "1,甲"),
        "taken/x_20260101.csv": csv(HEAD_BOTH, "1,甲"),
    },
    TWO: {
        "rows/x_20260102.csv": csv(HEAD_BOTH, "1,甲", "2,丙", "3,丁"),
        "rows/x_20251231.csv": csv(HEAD_BOTH, "8,老"),  # late
        "increments/x_20260102.csv": csv(HEAD_BOTH, "2,丙", "3,丁"),
        "called/x_20260102.csv": csv(HEAD, "1,甲", "2,丙"),
        "both/x_20260102.csv": csv(HEAD, "2,丙"),
        "again/x_20260102.csv": csv(HEAD, "2,丙", "2,丙"),  # other bytes than those of `both`
        "parts/b_20260101.csv": csv(HEAD, "2,乙"),
    },
    THREE: {
        "both/x_20260103.csv": csv("编号,说明", "3,丁"),
        "again/x_20260103.csv": csv(HEAD, "1,甲", "2,乙"),  # the file of the first night once more
        "added/x_20260103.csv": csv(HEAD_PLACE, "3,丁,街"),
        "taken/x_20260103.csv": csv(HEAD_BOTH, "1,甲"),  # the file that was withdrawn once more
    },
    FOUR: {},
}  # fmt: skip
STANDING = {
    "rows": {"no": "name", "1": "甲", "2": "丙", "3": "丁"},
    "increments": {"no": "name", "1": "甲", "2": "丙", "3": "丁"},
    "called": {"1": "甲", "2": "丙"},
    "both": {"1": "甲", "2": "丙"},
    "again": {"1": "甲", "2": "丙"},
    "added": {"1": "甲", "2": "乙"},
    "removed": {"1": "甲"},
    "sheets": {"9": "旧", "5": "戊"},
    "keyed": {"1": "甲"},
    "meant": {"1": "甲"},
    "parts": {"1": "甲", "2": "乙"},
    "taken": {"no": "name", "1": "甲"},
}
MENDED = STANDING | {
    "rows": {"1": "甲", "2": "丙", "3": "丁"},
    "increments": {"1": "甲", "2": "丙", "3": "丁"},
    "both": {"1": "甲", "2": "丙", "3": "丁"},
    "added": {"1": "甲", "2": "乙", "3": "丁"},
    "sheets": {"1": "甲", "5": "戊"},
    "keyed": {"a": "甲"},
    "meant": {"1": None},
    "taken": {"1": "甲"},
}


def hand_over(office: Office, night: str) -> None:
    for path, content in HANDED[night].items():
        office.hand_in(path, content)


def mend(office: Office) -> None:
    """What happens between the second and the third night."""
    for system, (_, after) in CONTRACTS.items():
        office.declare(system, after)


def current(office: Office) -> dict[str, dict[str, str | None]]:
    """Key and word of every current record, by system."""
    found: dict[str, dict[str, str | None]] = {system: {} for system in CONTRACTS}
    for row in open_lake(office.workspace).rows("harmonised.appeal", {"valid_to": None}).to_pylist():
        found[row["system"]][row["source_key"]] = row["subject"]
    return found


def published(office: Office) -> dict[str, dict[str, str | None]]:
    found: dict[str, dict[str, str | None]] = {system: {} for system in CONTRACTS}
    for row in open_lake(office.workspace).arrow("refined.appeal").to_pylist():
        found[row["system"]][row["number"]] = row["subject"]
    return found


def run(office: Office, night: str) -> str:
    answer = office.run(night)
    assert answer.code == 0, answer.err[-3000:]
    books = office.jiceng("books")
    assert books.code == 0, books.out
    return answer.err


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Office:
    """After two nights and maintenance, one file withdrawn."""
    office = open_office(tmp_path_factory.mktemp("standing") / "workspace")
    (office.workspace.conf / "retention.yml").write_text("raw_nights: 1\nrelease_nights: 30\ngrace_hours: 0\n")
    for system, (before, _) in CONTRACTS.items():
        office.declare(system, before)
    for night in (ONE, TWO):
        hand_over(office, night)
        run(office, night)
    assert current(office) == STANDING
    maintain.run(office.workspace)
    [row] = open_lake(office.workspace).rows("ops.file", {"system": "taken"}).to_pylist()
    assert office.jiceng("withdraw", row["file_id"]).code == 0
    return office


@dataclass(frozen=True)
class Mended:
    """An office after the third night, with what its run said and the raw tables' versions before."""

    office: Office
    told: str
    raw_before: dict[str, int]


@pytest.fixture(scope="module")
def mended(standing: Office, tmp_path_factory: pytest.TempPathFactory) -> Mended:
    office = copy_office(standing.workspace.home, tmp_path_factory.mktemp("mended") / "workspace")
    raw = raw_versions(office)
    mend(office)
    hand_over(office, THREE)
    return Mended(office, run(office, THREE), raw)


def raw_versions(office: Office) -> dict[str, int]:
    lake = open_lake(office.workspace)
    return {name: lake.version(name) for name in lake.existing() if name.startswith("raw.")}


def raw_texts(office: Office, system: str) -> list[tuple[str, int, str]]:
    """Name of the file, row and word of each raw row."""
    lake = open_lake(office.workspace)
    names = {row["file_id"]: row["name"] for row in lake.rows("ops.file", {"system": system}).to_pylist()}
    rows = lake.rows(f"raw.{system}__list").to_pylist()
    return sorted((names[row["file_id"]], row["row_number"], row.get("text", row.get("word"))) for row in rows)


def test_what_stands_is_read_under_the_mended_contracts(mended: Mended) -> None:
    assert current(mended.office) == MENDED
    assert published(mended.office) == MENDED


def test_rows_that_vanish_end_and_the_others_stand_where_the_file_has_them(mended: Mended) -> None:
    """The row of the first night stands in a file that is no longer whole; the newest snapshot has it as well."""
    lake = open_lake(mended.office.workspace)
    names = {row["file_id"]: row["name"] for row in lake.rows("ops.file").to_pylist()}
    rows = lake.rows("harmonised.appeal", {"system": "rows"}).to_pylist()
    found = {
        (r["source_key"], names[r["file_id"]], r["row_number"], str(r["valid_from"]), str(r["valid_to"])) for r in rows
    }
    assert found == {
        ("no", "x_20260101.csv", 2, ONE, THREE),
        ("1", "x_20260101.csv", 3, ONE, THREE),
        ("1", "x_20260102.csv", 3, THREE, "None"),
        ("2", "x_20260101.csv", 4, ONE, TWO),
        ("2", "x_20260102.csv", 4, TWO, "None"),
        ("3", "x_20260102.csv", 5, TWO, "None"),
    }  # fmt: skip
    rows = lake.rows("harmonised.appeal", {"system": "increments", "valid_to": None}).to_pylist()
    assert {(row["source_key"], names[row["file_id"]], str(row["valid_from"])) for row in rows} == {
        ("1", "x_20260101.csv", ONE), ("2", "x_20260102.csv", TWO), ("3", "x_20260102.csv", TWO),
    }  # fmt: skip


def test_a_file_that_lacks_the_new_header_keeps_its_rows_under_the_new_name(mended: Mended) -> None:
    """Also those that maintenance had removed: a file withdrawn later may lay them bare again."""
    office = mended.office
    assert raw_texts(office, "both") == [
        ("x_20260101.csv", 2, "甲"), ("x_20260101.csv", 3, "乙"), ("x_20260102.csv", 2, "丙"), ("x_20260103.csv", 2, "丁"),
    ]  # fmt: skip
    files = {row["name"]: row for row in open_lake(office.workspace).rows("ops.file", {"system": "both"}).to_pylist()}
    old = files["x_20260101.csv"]
    assert (old["status"], old["reason"], old["rows_read"]) == ("accepted", "missing_header", 3)
    assert (old["read_in"], old["refused_in"]) == (f"{ONE}.1", f"{THREE}.1")
    assert files["x_20260103.csv"]["reason"] is None


def test_a_column_that_old_files_lack_is_null_in_them_and_one_taken_away_is_gone(mended: Mended) -> None:
    rows = open_lake(mended.office.workspace).rows("harmonised.appeal", {"valid_to": None}).to_pylist()
    replies = {
        (row["system"], row["source_key"]): row["reply"] for row in rows if row["system"] in ("added", "removed")
    }
    assert replies == {("added", "1"): None, ("added", "2"): None, ("added", "3"): "街", ("removed", "1"): None}


def test_only_what_decides_how_bytes_are_read_has_them_read_again(mended: Mended) -> None:
    """Another meaning of a column cleans its rows anew; another sheet of a workbook reads that object alone."""
    now = raw_versions(mended.office)
    same = {"raw.meant__list", "raw.sheets__list1"}
    assert {name for name in same if now[name] == mended.raw_before[name]} == same
    assert now["raw.sheets__list"] > mended.raw_before["raw.sheets__list"]
    [row] = (
        open_lake(mended.office.workspace).rows("harmonised.appeal", {"system": "meant", "valid_to": None}).to_pylist()
    )
    assert row["text"] == "甲"
    rows = (
        open_lake(mended.office.workspace).rows("harmonised.appeal", {"system": "sheets", "valid_to": None}).to_pylist()
    )
    assert {(row["object"], row["sheet"], row["source_key"]) for row in rows} == {
        ("list", "新", "1"),
        ("list1", "他", "5"),
    }


def test_the_same_bytes_handed_in_again_are_refused_or_taken_as_any_file(mended: Mended) -> None:
    files = {
        (system, file["name"]): (file["status"], file["reason"])
        for system in ("again", "taken")
        for file in mended.office.summary(f"{THREE}.1")["sources"][system]["files"]
    }
    assert files == {
        ("again", "x_20260103.csv"): ("refused", "missing_header"),
        ("taken", "x_20260103.csv"): ("accepted", None),
    }


def test_log_status_and_books_tell(mended: Mended) -> None:
    assert "rows list: read anew, as the contract has changed  (files 2)" in mended.told
    assert (
        "both list: read under another contract, refused under today's (missing_header); what stands stays"
        in mended.told
    )
    told = {(row["what"], row["name"]): (row["state"], row["detail"]) for row in mended.office.status()}
    assert told["contract", "rows list"][0] == "read anew"
    assert told["contract", "rows list"][1].startswith("2 files of earlier nights")
    state, detail = told["file", "both/x_20260101.csv and 1 more"]
    assert state == "as before"
    assert "说明 is missing" in detail
    assert "correct `physicalName` in the contract" in detail
    books = rows_of(mended.office.jiceng("books", "--system", "rows", "--format", "json"))
    found = {
        (row["file"], row["record"]): (row["read"], row["landed"], row["skipped"], row["standing"]) for row in books
    }
    assert found["x_20260102.csv", None] == (5, 3, 2, None)
    assert found[None, "appeal"][3] == 3


def test_the_night_after_reads_nothing_again_and_what_was_refused_still_stands(mended: Mended, tmp_path: Path) -> None:
    """The file that today's contract refuses was taken on the first night, and still speaks for it."""
    office = copy_office(mended.office.workspace.home, tmp_path / "workspace")
    rows = open_lake(office.workspace).rows("ops.file", {"system": "again", "name": "x_20260102.csv"}).to_pylist()
    before = raw_versions(office)
    assert office.jiceng("withdraw", rows[0]["file_id"]).code == 0
    told = run(office, FOUR)
    assert "read anew" not in told
    assert current(office) == MENDED | {"again": {"1": "甲", "2": "乙"}}
    assert {name for name, version in raw_versions(office).items() if version != before[name]} == {"raw.again__list"}
    assert not [row for row in office.status() if row["state"] in ("read anew", "as before")]
    again = office.jiceng("replay", "--into", tmp_path / "again", "--format", "json")
    assert again.code == 0, [row for row in rows_of(again) if row["state"] != "same"]


class Killed(Exception):
    """Stands for a kill: nothing between the commit and the end of the process is done."""


@pytest.fixture(scope="module")
def extracted(standing: Office, tmp_path_factory: pytest.TempPathFactory) -> tuple[Office, str]:
    """The third night, of which the files have been taken and nothing has landed; and its run."""
    office = copy_office(standing.workspace.home, tmp_path_factory.mktemp("extracted") / "workspace")
    mend(office)
    hand_over(office, THREE)
    run_id = start.run(office.workspace, date.fromisoformat(THREE), CLI).run.run_id
    context = open_context(office.workspace, run_id)
    assert set(CONTRACTS) <= set(context.plan["sources"])
    for system in CONTRACTS:
        extract.run(context, system)
    return office, run_id


def land_some(office: Office, run_id: str) -> None:
    context = open_context(office.workspace, run_id)
    for system in ("both", "rows", "sheets", "taken"):
        land.run(context, system)


def landed(office: Office) -> dict[str, list[str]]:
    """Rows of the tables that landing writes, of the systems landed."""
    lake = open_lake(office.workspace)
    names = ["ops.file", "ops.decision", "ops.delivery", "ops.quarantine", "ops.skipped"]
    names += [f"raw.{system}__list" for system in ("both", "rows", "sheets", "taken")]
    return {name: sorted(map(repr, lake.rows(name).to_pylist())) for name in names}


def test_landing_killed_after_a_commit_comes_to_the_same(
    extracted: tuple[Office, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    office, run_id = extracted
    commits: list[str] = []

    def kill_after(limit: int) -> Callable[[str], None]:
        def count(name: str) -> None:
            commits.append(name)
            if len(commits) == limit:
                raise Killed

        return count

    def tried(limit: int) -> Office:
        place = copy_office(office.workspace.home, tmp_path / str(limit))
        commits.clear()
        monkeypatch.setattr(tables, "committed", kill_after(limit))
        try:
            land_some(place, run_id)
        except Killed:
            commits.clear()
            monkeypatch.setattr(tables, "committed", kill_after(0))
            land_some(place, run_id)
        return place

    expected = landed(tried(0))
    count = len(commits)
    assert count >= 20
    for limit in range(1, count + 1, 3):  # every third: all of them take a minute
        assert landed(tried(limit)) == expected, limit


def test_files_from_before_their_readings_were_noted_are_judged_by_the_run_that_took_them(
    extracted: tuple[Office, str], tmp_path: Path
) -> None:
    noted, unknown = (copy_office(extracted[0].workspace.home, tmp_path / name) for name in ("noted", "unknown"))
    lake = open_lake(unknown.workspace)
    rows = [row | {"read_in": None} for row in lake.rows("ops.file").to_pylist()]
    lake.upsert("ops.file", lake.table_of("ops.file", rows))
    for office in (noted, unknown):
        land_some(office, extracted[1])
    expected, found = landed(noted), landed(unknown)
    assert len(found.pop("ops.file")) == len(expected.pop("ops.file"))
    assert found == expected


def test_a_night_that_crashed_after_landing_leaves_it_to_the_next(
    standing: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the contracts are as they were by then."""
    office = copy_office(standing.workspace.home, tmp_path / "workspace")
    mend(office)
    hand_over(office, THREE)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nightly.harmonise, "run", crash)
        assert office.run(THREE).code == 1
    assert current(office) == STANDING
    run(office, FOUR)
    assert current(office) == MENDED


def crash(context: Any) -> None:
    raise RuntimeError("a defect")


# --- the parts --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "differs"),
    [
        ({"encoding": "gb18030"}, True),
        ({"delimiter": ";"}, True),
        ({"header_rows": 2}, True),
        ({"skip_rows": 1}, True),
        ({"sheet": "新"}, True),
        ({"format": "jsonl"}, True),
        ({"mode": "incremental"}, False),
        ({"as_of": "x"}, False),
        ({"path": "*.txt"}, False),
        ({"max_loss": 0.1}, False),
        ({"timezone": "UTC"}, False),
        ({"ready": "done"}, False),
    ],
    ids=str,
)
def test_a_reading_is_what_decides_how_bytes_become_rows(settings: dict[str, Any], differs: bool) -> None:
    obj = make_object("csv", ["编号", "内容"], ("编号",))
    assert (reading_of(replace(obj, **settings)) != reading_of(obj)) == differs


@pytest.mark.parametrize(
    ("column", "differs"),
    [
        ({"name": "other"}, True),
        ({"header": "说明"}, True),
        ({"level": 4}, False),
        ({"feeds": (Feed("appeal", "record", "text"),)}, False),
        ({"required": True}, False),
        ({"null_words": ("无",)}, False),
        ({"keep_words": ("无",)}, False),
        ({"optional": True}, True),
        ({"position": "B"}, True),
    ],
    ids=str,
)
def test_of_a_column_its_name_and_its_header_are_part_of_it(column: dict[str, Any], differs: bool) -> None:
    obj = make_object("csv", ["编号", "内容"], ("编号",))
    other = replace(obj, columns=(obj.columns[0], replace(obj.columns[1], **column)))
    assert (reading_of(other) != reading_of(obj)) == differs


def test_the_order_of_columns_is_not() -> None:
    obj = make_object("csv", ["编号", "内容"], ("编号",))
    assert reading_of(replace(obj, columns=obj.columns[::-1])) == reading_of(obj)


SUBJECT_OF_WORDS = (Feed("appeal", "record", "subject", ("无",)),)
SUBJECT, REPLY = (Feed("appeal", "record", "subject"),), (Feed("appeal", "record", "reply"),)


@pytest.mark.parametrize(
    ("then", "now", "carried"),
    [
        ([("a", "甲", ())], [("b", "甲", ())], {"b": "a"}),  # the same header under another name
        ([("a", "甲", ())], [("a", "乙", ())], {"a": "a"}),  # the same name under another header
        ([("a", "甲", SUBJECT)], [("b", "乙", SUBJECT)], {"b": "a"}),  # feeds the same field
        ([("a", "甲", SUBJECT)], [("b", "乙", SUBJECT_OF_WORDS)], {"b": "a"}),  # likewise, with other words for nothing
        ([("a", "甲", SUBJECT)], [("b", "乙", REPLY)], {"b": None}),  # another column
        ([("a", "甲", ()), ("b", "乙", ())], [("a", "乙", ()), ("b", "甲", ())], {"a": "b", "b": "a"}),  # names exchanged
        ([("a", "甲", ()), ("b", "乙", ())], [("b", "甲", ()), ("c", "丙", ())], {"b": "a", "c": None}),
        ([("a", "甲", SUBJECT), ("b", "乙", SUBJECT)], [("c", "丙", SUBJECT)], {"c": None}),  # either could be meant
        ([("a", "甲", ())], [("a", "甲", ()), ("b", "乙", ())], {"a": "a", "b": None}),  # added
    ],
)  # fmt: skip
def test_rows_of_old_files_are_carried_by_header_then_name_then_field(
    then: list[tuple[str, str, Any]], now: list[tuple[str, str, Any]], carried: dict[str, str | None]
) -> None:
    obj = make_object("csv", [])
    old, new = (
        replace(obj, columns=tuple(Column(name, header, False, False, 1, feeds) for name, header, feeds in columns))
        for columns in (then, now)
    )
    assert carried_columns(new, old) == carried


def test_a_key_called_otherwise_in_every_way_is_still_the_key() -> None:
    obj = make_object("csv", [])
    old = replace(obj, columns=(Column("a", "甲", True, True, 1, ()),))
    new = replace(obj, columns=(Column("b", "乙", True, True, 1, ()),))
    assert carried_columns(new, old) == {"b": "a"}
