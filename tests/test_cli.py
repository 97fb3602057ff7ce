"""The command line as its users meet it: help, formats, tables, queries, releases and books of a town of a thousand."""

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import typer
from office import rows_of
from rich.cells import cell_len
from spoiled_town import spoiled_town
from town import Answer, Town, jiceng

from jobs import open_table
from jobs.cli.app import app
from jobs.cli.output import fit_widths

pytest_plugins = ["town_fixtures"]

FIRST, LAST = "2026-01-01.1", "2026-01-03.1"


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


# --- formats --------------------------------------------------------------------------------------------------------------


def printing(town: Town) -> dict[str, list[str]]:
    one = town.rows("links.mention")[0]["entity_id"]
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
    answer = spoiled_town(tmp_path_factory.mktemp).runs[1]
    header, *tables = answer.out.splitlines()
    assert header.split() == ["table", "rows", "version", "fingerprint"]
    assert [line.split()[0] for line in tables] == ["refined.appeal", "refined.resident", "refined.resident_status"]
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
            "there is no table nobody; there are appeal, resident, resident_status; `--all-layers`",
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


# --- releases, books, status ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("table", ["resident", "resident_status", "appeal"])
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
    from_pandas = pa.Table.from_pandas(opened.pandas(), schema=arrow.schema, preserve_index=False)
    assert in_order(from_pandas.to_pylist()) == expected


def test_open_table_names_what_there_is(town: Town, tmp_path: Path) -> None:
    with pytest.raises(Exception, match="has no table residents; it has appeal, resident, resident_status"):
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
        (["explain", "residents", "R1"], "'residents' is no table; there are appeal, resident, resident_status"),
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
