"""`jiceng sources try`: what the pipeline would say of an export before it is handed in, by row numbers and never by values.

The same export of a clinic is tried as CSV, as JSON lines and as a workbook: a good row, a repeated one, two of one number,
one without a number, one cut short, and values in doubt.
"""

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter

from jobs import extract, harmonise, land, start
from jobs.common.run.conf import current_conf
from jobs.common.run.runs import CLI
from jobs.operate import try_file
from jobs.operate.try_file import find_contract
from tests.support.constants import REPOSITORY
from tests.support.office import Office, open_office, rows_of, workbook
from tests.support.town import Town, jiceng

pytestmark = pytest.mark.nights

HEADERS = ["编号", "姓名", "身份证号", "性别", "出生日期", "来源"]
# Built from made-up numbers; the second fails its checksum, the fourth says another sex and another birth date.
ROWS = [
    ["A1", "欧阳慧敏", "320102190307080010", "男", "1903-07-08", "甲"],
    ["A2", "欧阳慧芳", "320102190307080011", "男", "1903-13-08", "甲"],
    ["A3", "欧阳慧芬", "", "?", "1903-07-09", "甲"],
    ["A4", "欧阳慧兰", "320102190307080010", "女", "1903-07-10", "甲"],
    ["A1", "欧阳慧敏", "320102190307080010", "男", "1903-07-08", "甲"],
    ["A2", "欧阳慧娟", "", "男", "1903-07-08", "甲"],
    ["", "欧阳慧丽", "", "女", "1903-07-08", "甲"],
]
NIGHT = ("--night", "2026-01-01")


def clinic(
    format: str, path: str, system: str = "clinic", sheets: dict[str, str] | None = None, **settings: Any
) -> str:
    """The contract of a clinic, whose header 出生日期 feeds two records.

    Args:
        format: of its files.
        path: of its files.
        system: under another name.
        sheets: sheet of each object; the first object feeds records, the others none.
        settings: of the server.
    """
    servers = schemas = ""
    for number, (object, sheet) in enumerate((sheets or {"visit": ""}).items()):
        given = {
            "path": path,
            "as_of": r"(\d{8})",
            "mode": "snapshot",
            **({"sheet": sheet} if sheet else {}),
            **settings,
        }
        listed = "".join(f"\n      - {{property: {name}, value: {json.dumps(value)}}}" for name, value in given.items())
        servers += f"  - server: {object}\n    type: custom\n    format: {format}\n    customProperties:{listed}\n"
        schemas += f"  - name: {object}\n    properties:"
        for name, header, level, feeds in (
            ("number", "编号", 2, "resident_status.number"),
            ("name", "姓名", 3, "resident.name"),
            ("id_number", "身份证号", 4, "resident.id_number"),
            ("sex", "性别", 3, "resident.sex_code"),
            ("born", "出生日期", 3, "[resident.birth_date, resident_status.start_date]"),
            ("origin", "来源", 2, ""),
        ):
            fed = f", customProperties: [{{property: feeds, value: {feeds}}}]" if feeds and not number else ""
            key = ", required: true, primaryKey: true" if name == "number" else ""
            schemas += f'\n      - {{name: {name}, physicalName: {header}, classification: "{level}"{key}{fed}}}'
        schemas += "\n"
    return f"""apiVersion: v3.2.0
kind: DataContract
id: {system}
version: 1.0.0
status: active
customProperties:
  - {{property: expected, value: occasional}}
servers:
{servers}schema:
{schemas}"""


def as_csv(rows: list[list[str]] = ROWS, headers: list[str] = HEADERS) -> bytes:
    lines = [",".join(row) for row in (headers, *rows)]
    return ("\n".join([*lines, "A9,欧阳慧云,,,,,多", ""]) + "\n").encode("gb18030")


def as_json() -> bytes:
    lines = [json.dumps(dict(zip(HEADERS, row, strict=True)), ensure_ascii=False) for row in ROWS]
    return ("\n".join([*lines, '{"编号": "A9"']) + "\n").encode()


def as_sheet() -> bytes:
    return workbook("名册", [["某某诊所名册"], HEADERS, *ROWS, ["合计", "7"]])


FORMS = {
    "csv": ("clinic_20260101.csv", as_csv, clinic("csv", "clinic_*.csv", encoding="GB18030")),
    "jsonl": ("clinic_20260101.jsonl", as_json, clinic("jsonl", "clinic_*.jsonl")),
    "xlsx": ("clinic_20260101.xlsx", as_sheet, clinic("xlsx", "clinic_*.xlsx", sheets={"visit": "名册"}, skip_rows=1)),
}
# What landed, by what, column and reason: how many rows, of which share, and which, counted from the first record.
DOUBTS = [
    ("set aside", None, "key_conflict", 1, [6]),
    ("set aside", None, "key_missing", 1, [7]),
    ("duplicate", None, "duplicate", 1, [5]),
    ("value", "出生日期", "date_unreadable", 1, [2]),
    ("value", "性别", "unknown_code", 1, [3]),
    ("value", "身份证号", "id_birth_date_differs", 1, [4]),
    ("value", "身份证号", "id_checksum", 1, [2]),
    ("value", "身份证号", "id_sex_differs", 1, [4]),
]


@pytest.fixture(autouse=True)
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary files go; must be empty whenever a command has ended."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def harmonised(tmp_path: Path) -> Town:
    """One night of a small town as far as the pipeline looks into single files."""
    town = Town(tmp_path / "town", tmp_path / "samples", [date(2026, 1, 1)])
    assert jiceng("sample", "--residents", "60", "--seed", "4", "--nights", "1", "--out", town.samples).code == 0
    assert jiceng("init", "--home", town.home).code == 0
    shutil.copytree(town.samples / "2026-01-01", town.workspace.inbox, dirs_exist_ok=True)
    context = start.run(town.workspace, town.nights[0], CLI)
    for source in context.plan["sources"]:
        extract.run(context, source)
        land.run(context, source)
    harmonise.run(context)
    return town


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return open_office(tmp_path / "workspace")


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """Where the clerk has the files, in no workspace."""
    folder = tmp_path / "desk"
    folder.mkdir()
    return folder


def put(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


# --- what is said of an export -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("form", "first", "counts"), [
    ("csv", 2, {"read": 9, "landed": 5, "quarantined": 3, "skipped": 1}),
    ("jsonl", 1, {"read": 8, "landed": 5, "quarantined": 3, "skipped": 0}),
    ("xlsx", 3, {"read": 10, "landed": 5, "quarantined": 2, "skipped": 3}),
])  # fmt: skip
def test_every_format_tells_rows_and_doubts(
    office: Office, desk: Path, scratch: Path, form: str, first: int, counts: dict[str, int]
) -> None:
    name, content, contract = FORMS[form]
    office.declare("clinic", contract)
    answer = office.jiceng("sources", "try", put(desk / name, content()), *NIGHT, "--format", "json")
    assert answer.code == 0, answer.err
    rows = rows_of(answer)
    assert rows[0] == {
        "system": "clinic", "object": "visit", "sheet": "名册" if form == "xlsx" else "", "file": name, "what": "file",
        "column": None, "reason": "accepted", "rows": None, "share": None, "zh": "文件可以接收",
        "en": "The file would be accepted", "examples": None, "detail": None,
    }  # fmt: skip
    assert {row["reason"]: row["rows"] for row in rows if row["what"] == "rows"} == counts
    found = [
        (row["what"], row["column"], row["reason"], row["rows"], [n - first + 1 for n in row["examples"]])
        for row in rows
        if row["what"] in ("set aside", "duplicate", "value")
    ]
    broken = {"csv": [("set aside", None, "ragged_row", 1, [8])], "jsonl": [("set aside", None, "bad_json", 1, [8])]}
    assert sorted(found, key=repr) == sorted([*DOUBTS, *broken.get(form, [])], key=repr)
    shares = {row["what"]: row["share"] for row in rows if row["rows"] == 1 and row["share"]}
    assert shares["value"] == shares["duplicate"] == round(1 / 7, 4)
    assert shares["set aside"] == round(1 / counts["read"], 4)
    told = next(row for row in rows if row["reason"] == "id_checksum")
    assert (told["zh"], told["en"]) == ("身份证号校验码不对", "The id number fails its checksum")
    assert not list(scratch.iterdir())


def test_people_read_a_table_and_never_a_value(office: Office, desk: Path, scratch: Path) -> None:
    name, content, contract = FORMS["csv"]
    office.declare("clinic", contract)
    answer = office.jiceng("sources", "try", put(desk / name, content()), *NIGHT)
    assert answer.code == 0
    lines = answer.out.splitlines()
    assert lines[:2] == [
        "clinic visit  clinic_20260101.csv: accepted",
        "  9 read = 5 landed + 3 quarantined + 1 skipped",
    ]
    assert lines[2].split() == ["where", "rows", "share", "reason", "zh", "en", "in", "row"]
    [checksum] = [line for line in lines if "id_checksum" in line]
    assert checksum.startswith("身份证号")
    assert "14.3%" in checksum
    assert checksum.endswith(" 3")
    assert answer.err.splitlines() == ["reading clinic_20260101.csv", "checking 9 rows"]
    for format in ("table", "json", "csv"):
        told = office.jiceng("sources", "try", desk / name, *NIGHT, "--format", format)
        for value in ("欧阳", "32010219", "1903", "A1", "A9"):
            assert value not in told.out + told.err, format


def test_the_pipeline_says_the_same_of_the_file(harmonised: Town) -> None:
    """Doubts, rows set aside and rows skipped of each export of a sample town are those of its night."""
    compared = 0
    for path in sorted((harmonised.samples / str(harmonised.nights[0])).rglob("*.*")):
        answer = jiceng("sources", "try", path, "--night", str(harmonised.nights[0]), "--format", "json")
        if path.suffix == ".part":
            assert "still being copied" in answer.err
            continue
        rows = rows_of(answer)
        system = rows[0]["system"]
        assert {row["system"] for row in rows} == {path.parent.name} == {system}
        delivered = {
            row["file_id"] for row in harmonised.rows("ops.delivery", system=system) if row["name"] == path.name
        }
        objects = {obj.name: obj for obj in harmonised.conf.sources[system].objects}
        expected: dict[tuple[Any, ...], set[int]] = {}
        for row in harmonised.rows("ops.issue", system=system):
            if row["file_id"] in delivered:
                headers = {
                    (feed.record, feed.role, feed.field): column.header
                    for column in objects[row["object"]].columns
                    for feed in column.feeds
                }
                key = (row["object"], "value", headers[row["record"], row["role"], row["field"]], row["code"])
                expected.setdefault(key, set()).add(row["row_number"])
        for table, what in (("ops.quarantine", "set aside"), ("ops.skipped", "skipped")):
            for row in harmonised.rows(table, system=system):
                if row["file_id"] in delivered:
                    expected.setdefault((row["object"], what, None, row["reason"]), set()).add(row["row_number"])
        found = {
            (row["object"], row["what"], row["column"], row["reason"]): (row["rows"], row["examples"])
            for row in rows
            if row["what"] in ("value", "set aside", "skipped")
        }
        assert found == {key: (len(numbers), sorted(numbers)[:5]) for key, numbers in expected.items()}, path.name
        compared += len(expected)
    assert compared > 10


def test_a_good_file_has_no_doubts(office: Office, desk: Path) -> None:
    office.declare("clinic", FORMS["jsonl"][2])
    line = json.dumps(dict(zip(HEADERS, ROWS[0], strict=True)), ensure_ascii=False)
    answer = office.jiceng("sources", "try", put(desk / "clinic_20260101.jsonl", line.encode()), *NIGHT)
    assert (answer.code, answer.out.splitlines()) == (
        0,
        [
            "clinic visit  clinic_20260101.jsonl: accepted",
            "  1 read = 1 landed + 0 quarantined + 0 skipped",
            "  no doubts",
        ],
    )


def test_each_sheet_is_judged_on_its_own(office: Office, desk: Path) -> None:
    """A workbook with a sheet for each of three objects: one is good, one lacks a header, one is not there."""
    sheets = {"visit": "名册", "staff": "职工", "stock": "药品"}
    office.declare("clinic", clinic("xlsx", "clinic_*.xlsx", sheets=sheets))
    book = io.BytesIO()
    with xlsxwriter.Workbook(book, {"in_memory": True}) as writer:
        for title, headers in (("名册", HEADERS), ("职工", HEADERS[:-1])):
            page = writer.add_worksheet(title)
            page.write_row(0, 0, headers)
            page.write_row(1, 0, ROWS[0][: len(headers)])
    path = put(desk / "clinic_20260101.xlsx", book.getvalue())
    answer = office.jiceng("sources", "try", path, *NIGHT, "--format", "json")
    assert answer.code == 2
    verdicts = [(row["object"], row["sheet"], row["reason"]) for row in rows_of(answer) if row["what"] == "file"]
    assert sorted(verdicts) == [
        ("staff", "职工", "missing_header"),
        ("stock", "药品", "missing_sheet"),
        ("visit", "名册", "accepted"),
    ]
    answer = office.jiceng("sources", "try", path, "--object", "visit", *NIGHT, "--format", "json")
    assert answer.code == 0
    assert {row["object"] for row in rows_of(answer)} == {"visit"}


# --- files that would be refused ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content", "reason", "detail"),
    [
        ("clinic_20260101.csv", "编号,姓名\nA1,欧阳慧敏\n".encode("gb18030"), "missing_header", "身份证号 is missing"),
        ("clinic_20260101.csv", as_csv().decode("gb18030").encode(), "wrong_encoding", "fits utf-8"),
        ("clinic_20260101.csv", b"", "empty_file", "0 bytes"),
        ("clinic_20260102.csv", as_csv(), "date_in_name", "2026-01-02 lies after the night 2026-01-01"),
        ("clinic_20260230.csv", as_csv(), "date_in_name", "no such day in the calendar"),
    ],
    ids=["header", "encoding", "empty", "ahead", "no such day"],
)
def test_a_file_that_would_be_refused(
    office: Office, desk: Path, scratch: Path, name: str, content: bytes, reason: str, detail: str
) -> None:
    office.declare("clinic", FORMS["csv"][2])
    answer = office.jiceng("sources", "try", put(desk / name, content), *NIGHT, "--format", "json")
    assert answer.code == 2
    [row] = rows_of(answer)
    assert (row["what"], row["reason"], row["object"]) == ("file", reason, "visit")
    assert detail in row["detail"]
    mend = current_conf(office.workspace).reasons["file"][reason]["mend"]
    assert row["detail"].endswith(mend)
    lines = office.jiceng("sources", "try", desk / name, *NIGHT).out.splitlines()
    assert lines[0] == f"clinic visit  {name}: refused ({reason})"
    assert f"  {row['zh']}" in lines
    assert f"  {mend}" in lines
    assert not list(scratch.iterdir())


def test_a_file_whose_contract_is_invalid(office: Office, desk: Path) -> None:
    office.declare("clinic", FORMS["csv"][2].replace("resident.name", "resident.nam"))
    path = put(desk / "clinic" / "clinic_20260101.csv", as_csv())
    answer = office.jiceng("sources", "try", path, *NIGHT, "--format", "json")
    assert answer.code == 2
    assert [(row["what"], row["reason"]) for row in rows_of(answer)] == [("file", "invalid_contract")]


def test_an_object_of_an_invalid_contract_is_not_passed_over(office: Office, desk: Path) -> None:
    office.declare("clinic", FORMS["csv"][2].replace("resident.name", "resident.nam"))
    path = put(desk / "clinic_20260101.csv", as_csv())
    answer = office.jiceng("sources", "try", path, "--system", "clinic", "--object", "visit", "--format", "json")
    assert (answer.code, [row["reason"] for row in rows_of(answer)]) == (2, ["invalid_contract"])


def test_a_name_that_fits_no_path_is_refused_and_looked_into_where_an_object_is_named(
    office: Office, desk: Path
) -> None:
    office.declare("clinic", FORMS["csv"][2])
    path = put(desk / "新建 名单.csv", as_csv())
    answer = office.jiceng("sources", "try", path, "--system", "clinic", *NIGHT, "--format", "json")
    assert answer.code == 2
    [row] = rows_of(answer)
    assert (row["reason"], "declared paths: clinic_*.csv" in row["detail"]) == ("unknown_file", True)
    answer = office.jiceng(
        "sources", "try", path, "--system", "clinic", "--object", "visit", *NIGHT, "--format", "json"
    )
    assert answer.code == 2
    rows = rows_of(answer)
    assert (rows[0]["reason"], rows[0]["file"]) == ("unknown_file", "新建 名单.csv")
    assert {row["reason"] for row in rows if row["what"] == "value"} >= {"id_checksum", "date_unreadable"}


# --- whose file it is -----------------------------------------------------------------------------------------------------

PATHS = {"east": "*名单*.csv", "west": "名单_*.csv", "north": "week/*.csv"}


@pytest.mark.parametrize(
    ("path", "system", "chosen"),
    [
        ("新名单.csv", None, ("east", "新名单.csv")),  # one path fits
        ("west/名单_1.csv", None, ("west", "名单_1.csv")),  # two fit, and the folder is one of them
        ("名单_1.csv", "west", ("west", "名单_1.csv")),
        ("west/新名单.csv", None, ("east", "新名单.csv")),  # the folder's system has no such path
        ("week/1.csv", None, ("north", "week/1.csv")),  # a path with a folder in it
        ("north/week/1.csv", None, ("north", "week/1.csv")),
        ("inbox/north/1.csv", None, ("north", "1.csv")),  # none fits: it would be refused there
        ("1.csv", "east", ("east", "1.csv")),
    ],
)
def test_whose_file_it_is(office: Office, desk: Path, path: str, system: str | None, chosen: tuple[str, str]) -> None:
    for name, glob in PATHS.items():
        office.declare(name, clinic("csv", glob, name))
    export = find_contract(desk / path, current_conf(office.workspace), system, None)
    assert (export.system, export.name) == chosen


@pytest.mark.parametrize(
    ("name", "options", "told"),
    [
        ("名单_1.csv", [], "the paths of east, west fit 名单_1.csv; name one with --system"),
        ("1.csv", [], "no path fits 1.csv: "),
        ("1.csv", ["--system", "nort"], "no contract declares the system nort; did you mean north?"),
        ("名单_1.csv", ["--system", "east", "--object", "visits"], "east has no object visits; it has visit"),
        ("名单_1.csv.part", [], "still being copied"),
        ("~$名单_1.csv", [], "still being copied"),
        (".新名单.csv", [], "no run would take .新名单.csv as it is called"),  # hidden
        ("nothing.csv", [], "there is no file"),
    ],
)
def test_a_file_of_which_nobody_can_tell(office: Office, desk: Path, name: str, options: list[str], told: str) -> None:
    for system, glob in PATHS.items():
        office.declare(system, clinic("csv", glob, system))
    path = desk / name if name.startswith("nothing") else put(desk / name, b"x\n")
    answer = office.jiceng("sources", "try", path, *options)
    assert (answer.code, answer.out) == (2, "")
    assert told in answer.err


# --- nothing is kept ------------------------------------------------------------------------------------------------------


def test_no_workspace_is_needed_or_made(desk: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JICENG_HOME", raising=False)
    monkeypatch.chdir(desk)
    line = '{"record_id": "G-1", "name": "欧阳慧敏"}\n'
    answer = jiceng("sources", "try", put(desk / "grid_20260101.jsonl", line.encode()), *NIGHT)
    assert answer.out.splitlines()[0] == "grid ledger  grid_20260101.jsonl: accepted"
    assert [path.name for path in desk.iterdir()] == ["grid_20260101.jsonl"]
    assert not list(scratch.iterdir())


def test_a_workspace_is_left_as_it_is(office: Office, desk: Path) -> None:
    office.declare("clinic", FORMS["csv"][2])
    before = sorted(office.workspace.home.rglob("*"))
    assert office.jiceng("sources", "try", put(desk / "clinic_20260101.csv", as_csv()), *NIGHT).code == 0
    assert sorted(office.workspace.home.rglob("*")) == before


def test_scratch_goes_where_a_stage_breaks(
    office: Office, desk: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.declare("clinic", FORMS["csv"][2])
    seen = []

    def break_off(context: Any) -> None:
        seen.extend(scratch.rglob("*.parquet"))
        raise RuntimeError("broken")

    monkeypatch.setattr(try_file.harmonise, "run", break_off)
    assert office.jiceng("sources", "try", put(desk / "clinic_20260101.csv", as_csv()), *NIGHT).code == 1
    assert seen  # there was something to remove
    assert not list(scratch.iterdir())


def test_scratch_goes_where_the_command_is_told_to_end(office: Office, desk: Path, scratch: Path) -> None:
    office.declare("clinic", FORMS["csv"][2])
    path = put(desk / "clinic_20260101.csv", as_csv(ROWS * 20_000))
    command = [sys.executable, "-m", "jobs.cli", "sources", "try", path, *NIGHT, "--home", office.workspace.home]
    environment = os.environ | {"TMPDIR": str(scratch), "PYTHONPATH": str(REPOSITORY)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        while not list(scratch.rglob("*.parquet")) and process.poll() is None:
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate()
    assert (process.returncode, out) == (128 + signal.SIGTERM, b""), err.decode()
    assert not list(scratch.iterdir())
