"""The command line as its users meet it: help, formats, tables, queries, releases and books of a town of a thousand."""

import csv
import io
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import typer
from rich.cells import cell_len

from jobs import open_table
from jobs.cli.app import app
from jobs.read import export
from jobs.read.output import fit_widths
from tests.support.corrupted_town import corrupted_town
from tests.support.office import rows_of
from tests.support.town import Answer, Town, jiceng

pytestmark = [pytest.mark.xdist_group("town"), pytest.mark.nights]

pytest_plugins = ["tests.support.town_fixtures"]

FIRST, LAST = "2026-01-01.1", "2026-01-03.1"
TABLES = [
    "appeal", "code", "conflict", "division", "dwelling", "household", "organisation", "relation", "resident", "resident_status",
]  # fmt: skip


def paths_of(command: Any, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """All commands and groups of commands."""
    inner = getattr(command, "commands", {})
    return [path, *(found for name, sub in inner.items() for found in paths_of(sub, (*path, name)))]


Command = Callable[..., Answer]
COMMANDS = paths_of(typer.main.get_command(app))


@pytest.fixture
def at_home(town: Town) -> Command:
    """Commands of the town of a thousand, which they leave as it is."""
    return lambda *arguments: jiceng(*arguments, "--home", town.home)


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_has_help(path: tuple[str, ...]) -> None:
    answer = jiceng(*path, "--help")
    assert (answer.code, answer.err) == (0, "")
    assert " ".join(("Usage: jiceng", *path)) in answer.out
    help_text = answer.out.split("\n", 3)[-1].strip()
    assert len(help_text.split()) > 3


def test_help_names_every_command_of_the_design() -> None:
    top = {path[0] for path in COMMANDS if path}
    assert {"init", "run", "status", "books", "explain", "sql", "release", "sources", "sample", "doctor"} <= top
    assert {"upgrade", "maintain", "replay"} <= top
    assert {("sources", "check"), ("sources", "try")} <= set(COMMANDS)


# --- formats --------------------------------------------------------------------------------------------------------------


def printing(town: Town) -> dict[str, list[str]]:
    one = town.rows("links.mention", kind="resident")[0]["entity_id"]
    return {
        "status": ["status"],
        "books": ["books"],
        "books by system": ["books", "--by", "system"],
        "explain": ["explain", "resident", one],
        "sql": ["sql", "select * from resident order by entity_id limit 3"],
        "release list": ["release", "list"],
        "release show": ["release", "show"],
        "sources check": ["sources", "check"],
        "doctor": ["doctor"],
    }


@pytest.mark.parametrize(
    "name",
    ["status", "books", "books by system", "explain", "sql", "release list", "release show", "sources check", "doctor"],
)
def test_json_and_csv_hold_the_same_and_nothing_else_is_on_stdout(town: Town, at_home: Command, name: str) -> None:
    command = printing(town)[name]
    answer = at_home(*command, "--format", "json")
    rows = rows_of(answer)
    assert rows
    assert all(isinstance(row, dict) and row.keys() == rows[0].keys() for row in rows)
    listed = list(csv.DictReader(io.StringIO(at_home(*command, "--format", "csv").out)))
    assert [list(row) for row in listed] == [list(row) for row in rows]
    for read, row in zip(listed, rows, strict=True):
        for column, value in row.items():
            expected = "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
            assert (
                read[column].replace(" ", "T") == expected.removesuffix("+00:00").replace(" ", "T") or "_at" in column
            )
    table = at_home(*command)
    assert (answer.code, answer.err, table.code, table.err) == (0, "", 0, "")
    assert len(table.out.splitlines()) >= len(rows)


def test_numbers_are_numbers_and_nothing_is_null(at_home: Command) -> None:
    query = (
        "select cast(3 as bigint) whole, cast(1.25 as decimal(18,2)) money, cast(1.5 as double) weight, "
        "cast('nan' as double) undefined, true flag, null nothing, date'2026-01-02' day, "
        "timestamp'2026-01-02 03:04:05' moment, array(1, 2) several, named_struct('a', 1, 'b', 'x') pair, '中' text"
    )
    [row] = rows_of(at_home("sql", query, "--format", "json"))
    assert row == {
        "whole": 3, "money": 1.25, "weight": 1.5, "undefined": None, "flag": True, "nothing": None, "day": "2026-01-02",
        "moment": "2026-01-02T03:04:05+00:00", "several": [1, 2], "pair": {"a": 1, "b": "x"}, "text": "中",
    }  # fmt: skip
    header, values = csv.reader(io.StringIO(at_home("sql", query, "--format", "csv").out))
    assert dict(zip(header, values, strict=True)) == {
        "whole": "3", "money": "1.25", "weight": "1.5", "undefined": "nan", "flag": "true", "nothing": "",
        "day": "2026-01-02", "moment": "2026-01-02 03:04:05", "several": "[1, 2]", "pair": '{"a": 1, "b": "x"}', "text": "中",
    }  # fmt: skip


def test_no_rows_are_an_empty_array_and_a_header(at_home: Command) -> None:
    query = "select entity_id from resident where entity_id = 'nobody'"
    assert rows_of(at_home("sql", query, "--format", "json")) == []
    assert at_home("sql", query, "--format", "csv").out == "entity_id\n"
    answer = at_home("sql", query)
    assert (answer.code, answer.out, answer.err) == (0, "", "no rows\n")


def test_results_of_a_run_are_on_stdout_and_its_messages_on_stderr(tmp_path_factory: pytest.TempPathFactory) -> None:
    answer = corrupted_town(tmp_path_factory.mktemp).runs[1]
    header, *tables = answer.out.splitlines()
    assert header.split() == ["table", "rows", "version", "fingerprint"]
    assert [line.split()[0] for line in tables] == [f"refined.{table}" for table in TABLES]
    assert "run 2026-01-01.2 complete in" in answer.err


# --- tables for people ----------------------------------------------------------------------------------------------------

WIDE = "select * from resident where address is not null and phone is not null order by entity_id limit 2"


def test_into_a_pipe_a_row_is_one_line(at_home: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    lines = at_home("sql", WIDE).out.splitlines()
    assert len(lines) == 3
    assert lines[0].split()[:2] == ["entity_id", "name"]


@pytest.mark.parametrize(
    "command", ["status", "books", "release list", "release show", "sources check", "doctor", "sql", "explain"]
)
def test_a_terminal_of_100_columns_is_not_overrun(
    town: Town, at_home: Command, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    answer = at_home(*(["sql", WIDE] if command == "sql" else printing(town)[command]))
    assert answer.code == 0
    for line in answer.out.splitlines():
        assert cell_len(line) <= 100
        assert line == line.rstrip()


def test_a_row_too_wide_for_the_terminal_becomes_a_block(at_home: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    lines = at_home("sql", WIDE).out.splitlines()
    assert lines[0].startswith("── 1 ──")
    assert [line.split()[0] for line in lines[1:4]] == ["entity_id", "name", "id_number"]
    assert len([line for line in lines if line.startswith("──")]) == 2


def test_a_value_cannot_command_the_terminal(at_home: Command) -> None:
    answer = at_home("sql", "select 'a' || chr(27) || '[31m' || chr(10) || 'b' as text")
    assert answer.out.splitlines() == ["text", "a [31m b"]


@pytest.mark.parametrize(
    ("widths", "limit", "fitted"),
    [
        ([5, 60], None, [5, 60]),  # no terminal
        ([5, 60], 80, [5, 60]),  # fits
        ([5, 60], 50, [5, 43]),  # the widest is narrowed
        ([30, 60], 70, [30, 38]),
        ([40, 40], 50, [24, 24]),  # both are
        ([30] * 5, 60, None),  # no column would be readable
        ([5, 10], 10, None),
    ],
)
def test_widths_of_columns(widths: list[int], limit: int | None, fitted: list[int] | None) -> None:
    assert fit_widths(widths, [4] * len(widths), limit) == fitted


# --- sql ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "told"),
    [
        (
            "select * from nobody",
            f"there is no table nobody; there are {', '.join(TABLES)}; `--all-layers`",
        ),
        ("select nothing from resident", "there is no column nothing"),
        ("select 1 from", "its syntax breaks off at"),
        ("select nosuch(1)", "nosuch"),
        ("select 1 / 0", "divi"),
        ("select 1 a, 2 a", "more than one column a; name them apart with `as`"),
        ("select * from delta.`/lake/ops/run`", "names a path; name tables"),
        ("", "`` begins no query"),
        ("selec 1", "`selec` begins no query; `jiceng sql` only reads: select, with"),
    ],
)
def test_a_query_that_cannot_be_run(at_home: Command, query: str, told: str) -> None:
    answer = at_home("sql", query)
    assert (answer.code, answer.out) == (2, "")
    [line] = answer.err.splitlines()
    assert line.startswith("jiceng: ")
    assert told in line


@pytest.mark.parametrize(
    "query", ["with a as (select 1 n) select n from a;", "(select 1 n)", "select 1 n -- one", "values (1)"]
)
def test_what_is_a_query(at_home: Command, query: str) -> None:
    assert list(rows_of(at_home("sql", query, "--format", "json"))[0].values()) == [1]


def test_a_release_is_read_as_it_was(town: Town, at_home: Command) -> None:
    def count(*options: str) -> int:
        answer = at_home("sql", "select count(*) as n from resident", *options, "--format", "json")
        return int(rows_of(answer)[0]["n"])

    shown = {r["release_id"]: r["resident"] for r in rows_of(at_home("release", "list", "--format", "json"))}
    assert list(shown) == [LAST, "2026-01-02.1", FIRST]
    assert count() == count("--release", LAST) == shown[LAST]
    assert count("--release", FIRST) == shown[FIRST]
    assert shown[FIRST] != shown[LAST]
    answer = at_home("sql", "select 1", "--release", "2025-01-01.1")
    assert (answer.code, answer.err) == (
        2, f"jiceng: there is no release 2025-01-01.1; the last ones: {FIRST}, 2026-01-02.1, {LAST}\n",
    )  # fmt: skip


# --- sql into a file ------------------------------------------------------------------------------------------------------

KINDS = (
    "select '320102190307080010' id_number, '=1+1' formula, '13900000001' phone, '中' text, cast(null as string) nothing, "
    "date'2026-01-02' day, date'1899-12-30' early, timestamp'2026-01-02 03:04:05' moment, cast(7 as bigint) whole, "
    "cast(1234567890123456 as bigint) long, cast(1.25 as decimal(18,2)) money, cast(1.5 as double) weight, true flag, "
    "array(1, 2) several"
)


def test_a_parquet_file_has_the_types_of_the_tables(at_home: Command, tmp_path: Path) -> None:
    answer = at_home("sql", KINDS, "--output", tmp_path / "kinds.parquet")
    assert (answer.code, answer.out, answer.err) == (0, "", f"{tmp_path / 'kinds.parquet'}: 1 rows\n")
    table = pq.read_table(tmp_path / "kinds.parquet")
    assert {field.name: str(field.type) for field in table.schema if field.name != "several"} == {
        "id_number": "string", "formula": "string", "phone": "string", "text": "string", "nothing": "string",
        "day": "date32[day]", "early": "date32[day]", "moment": "timestamp[us, tz=UTC]", "whole": "int64", "long": "int64",
        "money": "decimal128(18, 2)", "weight": "double", "flag": "bool",
    }  # fmt: skip
    [row] = table.to_pylist()
    assert (row["id_number"], row["nothing"], row["day"]) == ("320102190307080010", None, date(2026, 1, 2))
    assert (row["money"], row["moment"]) == (Decimal("1.25"), datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))


def test_many_rows_keep_their_order(at_home: Command, tmp_path: Path) -> None:
    query = "select id, concat('t', id) as text from range(250000) order by id desc"
    assert at_home("sql", query, "--output", tmp_path / "many.parquet").code == 0
    table = pq.read_table(tmp_path / "many.parquet")
    assert table.column("id").to_pylist() == list(range(249_999, -1, -1))
    assert pq.read_metadata(tmp_path / "many.parquet").num_row_groups <= 3
    assert at_home("sql", query, "--output", tmp_path / "many.csv").code == 0
    lines = (tmp_path / "many.csv").read_text().splitlines()
    assert (len(lines), lines[0], lines[1], lines[-1]) == (250_001, "id,text", "249999,t249999", "0,t0")


def test_a_sheet_keeps_text_as_text_and_days_as_days(at_home: Command, tmp_path: Path) -> None:
    assert at_home("sql", KINDS, "--output", tmp_path / "kinds.xlsx").code == 0
    sheet = openpyxl.load_workbook(tmp_path / "kinds.xlsx").active
    header, cells = sheet.iter_rows()
    row = {name.value: cell for name, cell in zip(header, cells, strict=True)}
    assert {name: cell.value for name, cell in row.items()} == {
        "id_number": "320102190307080010", "formula": "=1+1", "phone": "13900000001", "text": "中", "nothing": None,
        "day": datetime(2026, 1, 2), "early": "1899-12-30", "moment": datetime(2026, 1, 2, 3, 4, 5), "whole": 7,
        "long": "1234567890123456", "money": 1.25, "weight": 1.5, "flag": True, "several": "[1, 2]",
    }  # fmt: skip
    kinds = {name: cell.data_type for name, cell in row.items()}
    assert {name for name, kind in kinds.items() if kind == "f"} == set()
    assert {name for name, kind in kinds.items() if kind == "s"} == {
        "id_number", "formula", "phone", "text", "early", "long", "several",
    }  # fmt: skip
    # Typed over, a text cell stays one.
    assert {row[name].number_format for name in ("id_number", "formula", "phone", "text")} == {"@"}
    assert (row["day"].number_format, row["moment"].number_format) == ("yyyy-mm-dd", "yyyy-mm-dd hh:mm:ss")
    assert row["money"].number_format == "0.00"
    assert sheet.freeze_panes == "A2"


def test_a_csv_file_is_what_stdout_has(at_home: Command, tmp_path: Path) -> None:
    assert at_home("sql", KINDS, "--output", tmp_path / "kinds.csv").code == 0
    printed = at_home("sql", KINDS, "--format", "csv").out
    assert (tmp_path / "kinds.csv").read_bytes() == printed.encode()


def test_for_excel_a_csv_file_has_a_mark_and_no_formula(at_home: Command, tmp_path: Path) -> None:
    query = "select * from values ('=1+1', -1), ('+86 139', 2), ('@a', 3), ('-', 4), ('中,', 5) as t(text, number)"
    assert at_home("sql", query, "--output", tmp_path / "t.csv", "--excel").code == 0
    lines = ["text,number", "'=1+1,-1", "'+86 139,2", "'@a,3", "'-,4", '"中,",5', ""]
    assert (tmp_path / "t.csv").read_bytes() == b"\xef\xbb\xbf" + "\r\n".join(lines).encode()


@pytest.mark.parametrize("ending", ["parquet", "xlsx", "csv"])
def test_released_rows_go_into_a_file_that_only_its_owner_reads(
    town: Town, at_home: Command, tmp_path: Path, ending: str
) -> None:
    path = tmp_path / f"residents.{ending}"
    query = "select entity_id, id_number, birth_date from resident order by entity_id"
    answer = at_home("sql", query, "--release", FIRST, "--output", path)
    assert answer.code == 0, answer.err
    assert path.stat().st_mode & 0o777 == 0o600
    expected = rows_of(at_home("sql", query, "--release", FIRST, "--format", "json"))
    if ending == "parquet":
        found = [{**row, "birth_date": str(row["birth_date"])} for row in pq.read_table(path).to_pylist()]
    elif ending == "csv":
        found = list(csv.DictReader(io.StringIO(path.read_text("utf-8"))))
    else:
        rows = openpyxl.load_workbook(path).active.iter_rows(min_row=2, values_only=True)
        found = [dict(zip(expected[0], [*row[:2], str(row[2]).partition(" ")[0]], strict=True)) for row in rows]
    assert answer.err == f"{path}: {len(expected):,} rows\n"
    told = [{name: str(value or "").replace("None", "") for name, value in row.items()} for row in found]
    assert told == [{name: value or "" for name, value in row.items()} for row in expected]
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_nothing_is_an_empty_file_with_a_header(at_home: Command, tmp_path: Path) -> None:
    query = "select entity_id, birth_date from resident where entity_id = 'nobody'"
    for ending in ("parquet", "xlsx", "csv"):
        assert at_home("sql", query, "--output", tmp_path / f"none.{ending}").code == 0
    table = pq.read_table(tmp_path / "none.parquet")
    assert (table.num_rows, [str(field.type) for field in table.schema]) == (0, ["string", "date32[day]"])
    assert (tmp_path / "none.csv").read_text() == "entity_id,birth_date\n"
    sheet = openpyxl.load_workbook(tmp_path / "none.xlsx").active
    assert [[cell.value for cell in row] for row in sheet.iter_rows()] == [["entity_id", "birth_date"]]


@pytest.mark.parametrize(
    ("query", "ending", "told"),
    [
        ("select id from range(6)", "xlsx", "more than 5 rows, the most that a sheet holds; write .parquet or .csv"),
        (
            "select repeat('x', 32767 + id) a from range(2) order by id",
            "xlsx",
            "row 2 of the result has 32,768 characters in a",
        ),
        ("select 1 / (id - 3) from range(6)", "csv", "the query cannot be run: "),
        ("select nothing from resident", "parquet", "there is no column nothing"),
        ("select 1 a, 2 a", "parquet", "more than one column a"),
    ],
)
def test_a_result_that_cannot_be_written_leaves_nothing(
    at_home: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, query: str, ending: str, told: str
) -> None:
    monkeypatch.setattr(export, "SHEET_ROWS", 5)
    answer = at_home("sql", query, "--output", tmp_path / f"t.{ending}")
    assert (answer.code, answer.out) == (2, "")
    assert told in answer.err
    assert list(tmp_path.iterdir()) == []
    (tmp_path / f"t.{ending}").write_text("mine")
    assert at_home("sql", query, "--output", tmp_path / f"t.{ending}", "--force").code == 2
    assert (tmp_path / f"t.{ending}").read_text() == "mine"


@pytest.mark.parametrize(
    ("name", "options", "told"),
    [
        ("t.csv", [], "is there already; --force replaces it"),
        ("t.json", [], "must end in .parquet, .xlsx, .csv"),
        ("new", [], "must end in"),
        ("nowhere/t.csv", [], "there is no directory"),
        ("folder.csv", [], "is a directory; name a file"),
        ("new.xlsx", ["--excel"], "--excel is for CSV"),
        (None, ["--force"], "are for files; name one with --output"),
    ],
)
def test_a_place_where_nothing_can_be_written(
    at_home: Command, tmp_path: Path, name: str | None, options: list[str], told: str
) -> None:
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "t.csv").write_text("mine")
    place = ["--output", tmp_path / name] if name else []
    answer = at_home("sql", "select 1 as n", *place, *options)
    assert (answer.code, answer.out) == (2, "")
    assert told in answer.err
    assert (tmp_path / "t.csv").read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder.csv", "t.csv"]


def test_force_replaces_a_file(at_home: Command, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("mine")
    assert at_home("sql", "select 1 as n", "--output", tmp_path / "t.csv", "--force").code == 0
    assert (tmp_path / "t.csv").read_text() == "n\n1\n"


# --- releases, books, status ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("table", ["resident", "resident_status", "appeal", "organisation"])
def test_spark_arrow_polars_and_pandas_read_the_same_rows(town: Town, table: str) -> None:
    opened = open_table(table, home=town.home)
    arrow = opened.arrow()
    keys = [name for name in ("entity_id", "system", "number") if name in arrow.column_names]

    def in_order(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return sorted(rows, key=lambda row: [row[name] for name in keys])

    expected = in_order(arrow.to_pylist())
    assert opened.release_id == LAST
    assert len(expected) == town.summary(town.nights[-1])["tables"][f"refined.{table}"]["rows"]
    assert in_order(opened.spark().toArrow().to_pylist()) == expected
    assert in_order(opened.polars().to_dicts()) == expected
    frame = opened.pandas()
    assert "object" not in set(map(str, frame.dtypes))
    from_pandas = pa.Table.from_pandas(frame, schema=arrow.schema, preserve_index=False)
    assert in_order(from_pandas.to_pylist()) == expected


def test_open_table_names_what_there_is(town: Town, tmp_path: Path) -> None:
    with pytest.raises(Exception, match=f"has no table residents; it has {', '.join(TABLES)}"):
        open_table("residents", home=town.home)
    with pytest.raises(Exception, match="`jiceng init"):
        open_table("resident", home=tmp_path)


def test_release_show_tells_rows_and_versions(town: Town, at_home: Command) -> None:
    rows = rows_of(at_home("release", "show", FIRST, "--format", "json"))
    pinned = town.summary(town.nights[0])["tables"]
    for row in rows:
        assert {name: row[name] for name in ("rows", "version", "fingerprint")} == pinned[row["table"]]
    answer = at_home("release", "show", "nothing")
    assert (answer.code, answer.out) == (2, "")


def test_books_show_every_term(at_home: Command) -> None:
    rows = rows_of(at_home("books", "--format", "json"))
    for row in rows:
        left, right = row["equation"].split(" = ")
        assert row[left] == row["left"]
        signed = right.replace(" - ", " + -").split(" + ")
        assert sum(-row[term[1:]] if term.startswith("-") else row[term] for term in signed) == row["right"]
        assert row["closes"] is True
    text = at_home("books").out
    first = next(row for row in rows if row["system"] == "police" and row["record"] is None)
    assert f"{first['read']:,} read = {first['landed']:,} landed + {first['quarantined']} quarantined" in text
    assert text.splitlines()[-1] == f"run {LAST}: {len(rows)} equations, all close"


def test_books_by_system_and_night_are_sums(at_home: Command) -> None:
    def read(by: str) -> list[int]:
        rows = rows_of(at_home("books", "--by", by, "--format", "json"))
        return [row["read"] for row in rows if row["read"] is not None]

    assert sum(read("file")) == sum(read("system")) == sum(read("night"))
    assert len(read("file")) >= len(read("system")) > len(read("night")) == 1
    only = rows_of(at_home("books", "--night", "2026-01-01", "--system", "grid", "--format", "json"))
    assert {(row["run_id"], row["system"]) for row in only} == {(FIRST, "grid")}


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--run", "2025-01-01.1"], "no books for 2025-01-01.1"),
        (["--night", "2025-01-01"], "no books for 2025-01-01"),
        (["--system", "nobody"], "took no file of nobody"),
    ],
)
def test_books_that_are_not_there(at_home: Command, options: list[str], told: str) -> None:
    answer = at_home("books", *options)
    assert (answer.code, answer.out) == (2, "")
    assert told in answer.err


def test_status_tells_run_quarantine_and_release(town: Town, at_home: Command) -> None:
    rows = rows_of(at_home("status", "--format", "json"))
    assert rows[0] == {"what": "run", "name": LAST, "state": rows[0]["state"], "detail": "driven by jiceng run"}
    assert rows[-1]["what"] == "release"
    assert rows[-1]["name"] == LAST
    counted = sum(int(row["state"].split()[0]) for row in rows if row["what"] == "quarantine")
    taken = {row["file_id"] for row in town.rows("ops.delivery", night=town.nights[-1])}
    assert counted == len([row for row in town.rows("ops.quarantine") if row["file_id"] in taken])


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["run", "--night", "2026-13-01"], "'2026-13-01' is no night; write it as YYYY-MM-DD"),
        (["explain", "residents", "R1"], f"'residents' is no table; there are {', '.join(TABLES)}"),
        (["explain", "resident", "R1"], "has no resident R1"),
        (["explain", "resident_status", "R1"], "name a resident_status as system/number"),
    ],
)
def test_a_wrong_argument_is_told_in_one_line(at_home: Command, arguments: list[str], told: str) -> None:
    answer = at_home(*arguments)
    assert (answer.code, answer.out) == (2, "")
    [line] = answer.err.splitlines()
    assert told in line


def test_the_workspace_is_found_by_environment_and_place(
    town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JICENG_HOME", str(town.home))
    assert rows_of(jiceng("status", "--format", "json"))[0]["name"] == LAST
    monkeypatch.delenv("JICENG_HOME")
    monkeypatch.chdir(tmp_path)
    assert "/.jiceng is no workspace" in jiceng("status").err
