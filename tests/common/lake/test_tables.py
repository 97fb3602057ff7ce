"""What `tables.py` promises of every Delta table: its declared schema, harmless repetition, commits only where needed."""

import json
import multiprocessing
import traceback
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from jobs.common.base.errors import UserError
from jobs.common.base.workspace import Workspace, init_workspace
from jobs.common.lake.schemas import Column, Table
from jobs.common.lake.tables import Lake

NAME = "ops.thing"
THING = Table(NAME, "One row per thing.", ("key", "part"), (
    Column("key", "string", "the thing", 1, required=True),
    Column("part", "string", "part of the table"),
    Column("count", "bigint", "how many", 2),
    Column("birth_date", "date", "personal", 3),
    Column("secret", "string", "sensitive personal", 4),
    Column("at", "timestamp", "when", 1),
    Column("flag", "boolean", "whether", 1),
    Column("seen_at", "timestamp", "wall clock", 1, volatile=True),
))  # fmt: skip
DDL = "key string, part string, count bigint, birth_date date, secret string, at timestamp, flag boolean, seen_at timestamp"
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(init_workspace(tmp_path / "workspace"), {NAME: THING})


def thing(key: str, part: str | None = "p", **values: Any) -> dict[str, Any]:
    full = {"count": 1, "birth_date": date(1990, 1, 2), "secret": "s", "at": NOON, "flag": True, "seen_at": NOON}
    return {"key": key, "part": part, **full, **values}


def contents(lake: Lake) -> list[dict[str, Any]]:
    return sorted(lake.rows(NAME).to_pylist(), key=lambda row: (row["key"], str(row["part"])))


def changes(
    spark: SparkSession, upserts: list[dict[str, Any]], deletes: list[dict[str, Any]] | None = None
) -> DataFrame:
    rows = [(*row.values(), "upsert") for row in upserts] + [(*row.values(), "delete") for row in deletes or []]
    return spark.createDataFrame(rows, f"{DDL}, _op string")


# --- declared schema -----------------------------------------------------------------------------------------------------


SPOILED: dict[str, tuple[Callable[[dict[str, Any]], dict[str, Any]], str]] = {
    "extra": (lambda row: row | {"colour": "red"}, "undeclared column colour"),
    "missing": (lambda row: {k: v for k, v in row.items() if k != "secret"}, "missing column secret"),
    "another type": (lambda row: row | {"count": "1"}, "column count is string, declared bigint"),
    "a date as a timestamp": (
        lambda row: row | {"birth_date": NOON},
        r"column birth_date is timestamp.*, declared date",
    ),
}


@pytest.mark.parametrize("case", SPOILED)
def test_arrow_rows_of_another_schema_are_refused_by_column(lake: Lake, case: str) -> None:
    spoil, message = SPOILED[case]
    rows = pa.Table.from_pylist([spoil(thing("a"))])
    for write in (partial(lake.upsert, NAME, rows), partial(lake.replace_part, NAME, rows, {"part": "p"})):
        with pytest.raises(UserError, match=f"{NAME}: {message}"):
            write()
    with pytest.raises(UserError, match=f"{NAME}: {message}"):
        lake.replace_part(NAME, rows.to_reader(), {"part": "p"})
    assert not lake.exists(NAME) or lake.rows(NAME).num_rows == 0


@pytest.mark.parametrize("case", SPOILED)
def test_frames_of_another_schema_are_refused_by_column(lake: Lake, spark: SparkSession, case: str) -> None:
    spoil, message = SPOILED[case]
    frame = spark.createDataFrame(pa.Table.from_pylist([spoil(thing("a"))])).withColumn("_op", F.lit("upsert"))
    with pytest.raises(UserError, match=f"{NAME}: {message}"):
        lake.merge(NAME, frame, "2026-01-01.1")
    assert lake.rows(NAME).num_rows == 0


def test_dicts_of_another_schema_are_refused_by_column(lake: Lake) -> None:
    with pytest.raises(UserError, match="undeclared column colour"):
        lake.table_of(NAME, [thing("a") | {"colour": "red"}])
    with pytest.raises(UserError, match="missing column part, secret"):
        lake.table_of(NAME, [{k: v for k, v in thing("a").items() if k not in ("secret", "part")}])


def test_columns_in_another_order_and_columns_of_nothing_but_null_are_taken(lake: Lake) -> None:
    row = dict(reversed(thing("a", secret=None).items()))
    rows = pa.Table.from_pylist([row])
    assert rows.schema.field("secret").type == pa.null()
    lake.replace_part(NAME, rows, {"part": "p"})
    assert contents(lake) == [thing("a", secret=None)]


def test_delta_schema_holds_comments_levels_and_what_is_required(lake: Lake) -> None:
    lake.version(NAME)
    table = DeltaTable(str(lake.path(NAME)))
    assert table.metadata().description == THING.description
    found = {field.name: (field.nullable, field.metadata) for field in table.schema().fields}
    assert found == {
        c.name: (not c.required, {"comment": c.comment, "jiceng.level": str(c.level)}) for c in THING.columns
    }


def test_a_fingerprint_goes_on_from_an_earlier_one(lake: Lake, spark: SparkSession) -> None:
    """Where files were only added these alone are read, so that what is told of the earlier ones is taken as told."""
    lake.replace_part(NAME, lake.table_of(NAME, [thing("a", "p"), thing("b", "p", count=-7)]), {"part": "p"})
    since = {NAME: (lake.version(NAME), lake.fingerprint(NAME)[1])}
    lake.replace_part(NAME, lake.table_of(NAME, [thing("c", "q")]), {"part": "q"})
    assert lake.fingerprints({NAME: None}, since) == {NAME: lake.fingerprint(NAME)}
    rows, total = map(int, lake.fingerprint(NAME)[1].split("-", 1))
    told_otherwise = {NAME: (since[NAME][0], f"12-{int(since[NAME][1].split('-', 1)[1]) + 5}")}
    assert lake.fingerprints({NAME: None}, told_otherwise) == {NAME: (rows + 10, f"{rows + 10}-{total + 5}")}

    lake.merge(NAME, changes(spark, [thing("a", "p", count=1)]), "2026-01-01.1")  # which writes all files anew
    assert lake.fingerprints({NAME: None}, told_otherwise) == {NAME: lake.fingerprint(NAME)}


def test_column_statistics_know_levels_1_and_2_only(lake: Lake, spark: SparkSession) -> None:
    """Declared, and true of every file that delta-rs and the engine have written."""
    lake.upsert(NAME, lake.table_of(NAME, [thing("a", count=0)]))
    lake.replace_part(NAME, lake.table_of(NAME, [thing("b", "q")]), {"part": "q"})
    lake.merge(NAME, changes(spark, [thing("a", count=2), thing("c")]), "2026-01-01.1")
    configuration = DeltaTable(str(lake.path(NAME))).metadata().configuration
    assert configuration["delta.dataSkippingStatsColumns"].split(",") == [c.name for c in THING.columns if c.level <= 2]
    statistics = list(file_statistics(lake.path(NAME)))
    assert len(statistics) >= 3
    for entry in statistics:
        for term in ("minValues", "maxValues", "nullCount"):
            assert not {"birth_date", "secret"} & set(entry.get(term, {}))


def test_a_column_that_becomes_personal_leaves_the_statistics(lake: Lake) -> None:
    """Of a table that is there already: from the next commit on."""
    lake.upsert(NAME, lake.table_of(NAME, [thing("a", "北街")]))
    raised = tuple(replace(column, level=3) if column.name == "part" else column for column in THING.columns)
    grown = Lake(lake._workspace, {NAME: replace(THING, columns=raised)})
    before = grown.version(NAME)
    grown.upsert(NAME, grown.table_of(NAME, [thing("a", "北街", count=2)]))
    *_, last = file_statistics(lake.path(NAME))
    assert "part" not in last["minValues"]
    assert last["minValues"]["key"] == "a"
    assert grown.version(NAME) == before + 1, "the levels are changed once"


def file_statistics(path: Path) -> Iterator[dict[str, Any]]:
    for commit in sorted((path / "_delta_log").glob("*.json")):
        for line in commit.read_text(encoding="utf-8").splitlines():
            if stats := json.loads(line).get("add", {}).get("stats"):
                yield json.loads(stats)


def test_a_required_column_takes_no_null(lake: Lake) -> None:
    """The message tells the table and no value."""
    rows = lake.table_of(NAME, [thing("a", secret="hidden")]).set_column(0, "key", pa.array([None], pa.string()))
    for write in (partial(lake.upsert, NAME, rows), partial(lake.replace_part, NAME, rows, {"part": "p"})):
        with pytest.raises(RuntimeError, match=NAME) as refused:
            write()
        assert "hidden" not in "".join(traceback.format_exception(refused.value))
    assert lake.rows(NAME).num_rows == 0


def test_a_column_that_the_declaration_gains_is_null_in_older_rows_and_releases(
    lake: Lake, spark: SparkSession
) -> None:
    """Readers of a pinned version find the column as well, and no value in it."""
    lake.upsert(NAME, lake.table_of(NAME, [thing("a")]))
    pinned = lake.version(NAME)
    added = Column("note", "string", "added later", 4)
    grown = Lake(lake._workspace, {NAME: Table(NAME, THING.description, THING.key, (*THING.columns, added))})
    assert grown.arrow(NAME, pinned).to_pylist() == [thing("a") | {"note": None}]
    grown.merge(NAME, changes(spark, [thing("b")]).withColumn("note", F.lit("n")), "2026-01-01.1")
    assert contents(grown) == [thing("a") | {"note": None}, thing("b") | {"note": "n"}]
    assert grown.arrow(NAME, pinned).to_pylist() == [thing("a") | {"note": None}]
    assert grown.fingerprint(NAME)[0] == 2
    field = next(f for f in DeltaTable(str(lake.path(NAME))).schema().fields if f.name == "note")
    assert field.metadata == {"comment": "added later", "jiceng.level": "4"}


# --- writes that can be repeated -----------------------------------------------------------------------------------------


def by_upsert(lake: Lake, spark: SparkSession, rows: list[dict[str, Any]]) -> object:
    return lake.upsert(NAME, lake.table_of(NAME, rows))


def by_part(lake: Lake, spark: SparkSession, rows: list[dict[str, Any]]) -> object:
    return lake.replace_part(NAME, lake.table_of(NAME, rows), {"part": "p"})


@pytest.mark.parametrize("write", [by_upsert, by_part])
def test_a_write_repeated_makes_no_commit(lake: Lake, spark: SparkSession, write: Callable[..., object]) -> None:
    rows = [thing("b", secret=None), thing("a", at=None)]
    assert write(lake, spark, rows)
    version = lake.version(NAME)
    assert not write(lake, spark, rows)
    assert not write(lake, spark, rows[::-1])
    assert lake.version(NAME) == version
    assert contents(lake) == rows[::-1]
    assert write(lake, spark, [thing("a", at=None, flag=None), rows[0]])
    assert lake.version(NAME) == version + 1


@pytest.mark.parametrize("write", [by_upsert, by_part])
def test_nothing_written_to_an_empty_table_makes_no_commit(lake: Lake, spark: SparkSession, write: Any) -> None:
    assert not write(lake, spark, [])
    assert lake.version(NAME) == 0  # the creation


def test_upsert_replaces_rows_of_the_same_key_and_keeps_the_others(lake: Lake) -> None:
    lake.upsert(NAME, lake.table_of(NAME, [thing("a"), thing("a", None), thing("b")]))
    lake.upsert(NAME, lake.table_of(NAME, [thing("a", None, count=2), thing("c")]))
    assert contents(lake) == [thing("a", None, count=2), thing("a"), thing("b"), thing("c")]


def test_rows_are_found_by_several_values_by_none_and_by_null(lake: Lake) -> None:
    lake.upsert(NAME, lake.table_of(NAME, [thing("a"), thing("b", None), thing("c")]))
    for where, keys in (({"key": ["a", "b"]}, "ab"), ({"key": []}, ""), ({"part": None}, "b"), ({"part": "p"}, "ac")):
        assert sorted(lake.rows(NAME, where).column("key").to_pylist()) == list(keys)


def test_a_part_is_replaced_and_the_other_parts_stay(lake: Lake) -> None:
    quoted = "it's"
    for part in ("p", quoted, None):
        lake.replace_part(NAME, lake.table_of(NAME, [thing("a", part), thing("b", part)]), {"part": part})
    assert lake.rows(NAME).num_rows == 6
    lake.replace_part(NAME, lake.table_of(NAME, [thing("c", quoted)]), {"part": quoted})
    lake.replace_part(NAME, lake.empty(NAME), {"part": None})
    assert contents(lake) == [thing("a"), thing("b"), thing("c", quoted)]
    lake.replace_part(NAME, lake.table_of(NAME, [thing("a", count=5)]), {"part": "p", "key": "a"})
    assert contents(lake) == [thing("a", count=5), thing("b"), thing("c", quoted)]


def test_a_part_takes_only_rows_that_belong_to_it(lake: Lake) -> None:
    with pytest.raises(RuntimeError, match=NAME):
        lake.replace_part(NAME, lake.table_of(NAME, [thing("a", "q")]), {"part": "p"})
    assert lake.rows(NAME).num_rows == 0


def test_a_part_can_be_streamed(lake: Lake) -> None:
    rows = lake.table_of(NAME, [thing(f"k{i}") for i in range(50)])
    for _ in range(2):
        lake.replace_part(NAME, pa.RecordBatchReader.from_batches(rows.schema, rows.to_batches(10)), {"part": "p"})
    assert lake.rows(NAME).num_rows == 50


def test_merge_inserts_updates_and_deletes_by_key_in_one_commit(lake: Lake, spark: SparkSession) -> None:
    """A null in the key is equal to a null."""
    before = [thing("gone"), thing("gone", None), thing("kept"), thing("updated", None)]
    assert lake.merge(NAME, changes(spark, before), "2026-01-01.1") == 4
    version = lake.version(NAME)
    wanted = changes(
        spark, [thing("new"), thing("updated", None, secret="t")], [thing("gone", None), thing("never there")]
    )
    assert lake.merge(NAME, wanted, "2026-01-01.1") == 4
    after = [thing("gone"), thing("kept"), thing("new"), thing("updated", None, secret="t")]
    assert contents(lake) == after
    assert lake.version(NAME) == version + 1
    lake.merge(NAME, wanted, "2026-01-01.1")
    assert contents(lake) == after


def test_a_merge_of_nothing_makes_no_commit(lake: Lake, spark: SparkSession) -> None:
    assert lake.merge(NAME, changes(spark, []), "2026-01-01.1") == 0
    assert lake.version(NAME) == 0
    lake.merge(NAME, changes(spark, [thing("a")]), "2026-01-01.1")
    assert lake.merge(NAME, changes(spark, []), "2026-01-01.1") == 0
    assert lake.version(NAME) == 1


def test_a_merge_into_an_empty_table_deletes_nothing(lake: Lake, spark: SparkSession) -> None:
    lake.merge(NAME, changes(spark, [thing("a")], [thing("b")]), "2026-01-01.1")
    assert contents(lake) == [thing("a")]


def test_versions_stay_readable(lake: Lake, spark: SparkSession) -> None:
    lake.merge(NAME, changes(spark, [thing("a")]), "2026-01-01.1")
    lake.merge(NAME, changes(spark, [thing("a", count=2)]), "2026-01-01.1")
    assert [lake.arrow(NAME, version).column("count").to_pylist() for version in (0, 1, 2)] == [[], [1], [2]]
    assert [lake.read(NAME, version).count() for version in (0, 1, 2)] == [0, 1, 1]
    assert lake.fingerprint(NAME, 1) != lake.fingerprint(NAME, 2) == lake.fingerprint(NAME)


def test_only_commits_that_keep_house_leave_a_version_its_rows(lake: Lake) -> None:
    """Whoever wrote the same rows anew may have written others; and what the log no longer tells of may be anything."""
    for part in "pq":
        lake.replace_part(NAME, lake.table_of(NAME, [thing("a", part)]), {"part": part})
    lake.upsert(NAME, lake.table_of(NAME, [thing("b")]))
    assert [lake.has_rows_of(NAME, version) for version in range(5)] == [False, False, False, True, False]
    table = DeltaTable(str(lake.path(NAME)))
    table.vacuum(retention_hours=0, dry_run=False, enforce_retention_duration=False, full=True)
    table.alter.set_table_properties({"delta.checkpointInterval": "7"})
    table.optimize.compact()
    kept = lake.version(NAME)
    assert kept > 4
    assert lake.has_rows_of(NAME, 3)
    assert not lake.has_rows_of(NAME, 2)
    rows = lake.arrow(NAME)
    write_deltalake(table, rows, mode="overwrite")
    assert not lake.has_rows_of(NAME, kept)
    DeltaTable(str(lake.path(NAME))).create_checkpoint()
    DeltaTable(str(lake.path(NAME))).alter.set_table_properties({"delta.checkpointInterval": "8"})
    assert lake.has_rows_of(NAME, kept + 1)
    (lake.path(NAME) / f"_delta_log/{kept + 1:020}.json").unlink()
    assert not Lake(lake._workspace, lake.declared).has_rows_of(NAME, kept)


def test_writers_at_the_same_time_lose_nothing(lake: Lake) -> None:
    """Mapped tasks of several sources record their files in one table."""
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=write_things, args=(lake._workspace.home, name, 8)) for name in ("x", "y")]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0, 0]
    assert lake.rows(NAME).num_rows == 2 * 8 * 2


def test_a_table_that_stays_opened_shows_what_others_write(lake: Lake) -> None:
    other = Lake(lake._workspace, lake.declared)
    lake.upsert(NAME, lake.table_of(NAME, [thing("a")]))
    other.upsert(NAME, other.table_of(NAME, [thing("b")]))
    assert contents(lake) == [thing("a"), thing("b")]
    lake.replace_part(NAME, lake.table_of(NAME, [thing("c", "q")]), {"part": "q"})
    other.replace_part(NAME, other.table_of(NAME, [thing("d", "r")]), {"part": "r"})
    assert contents(lake) == contents(other) == [thing("a"), thing("b"), thing("c", "q"), thing("d", "r")]
    assert (lake.version(NAME), other.version(NAME)) == (4, 4)


def write_things(home: Path, name: str, count: int) -> None:
    lake = Lake(Workspace(home), {NAME: THING})
    for number in range(count):
        lake.upsert(NAME, lake.table_of(NAME, [thing(f"{name}{number}")]))
        lake.replace_part(NAME, lake.table_of(NAME, [thing("part", f"{name}{number}")]), {"part": f"{name}{number}"})


# --- fingerprints --------------------------------------------------------------------------------------------------------


def fingerprint_of(tmp_path: Path, rows: list[dict[str, Any]]) -> tuple[int, str]:
    lake = Lake(init_workspace(tmp_path / str(len(list(tmp_path.iterdir())))), {NAME: THING})
    lake.upsert(NAME, lake.table_of(NAME, rows)) if rows else lake.version(NAME)
    return lake.fingerprint(NAME)


def test_fingerprint_does_not_depend_on_the_order_of_rows_and_files(
    lake: Lake, spark: SparkSession, tmp_path: Path
) -> None:
    rows = [thing(f"k{i}", secret=None if i % 3 else "s") for i in range(20)]
    for row in rows[::-1]:
        lake.merge(NAME, changes(spark, [row]), "2026-01-01.1")
    assert lake.fingerprint(NAME) == fingerprint_of(tmp_path, rows) == fingerprint_of(tmp_path, rows[10:] + rows[:10])


DIFFERENT = {
    "a null instead of a value": thing("a", secret=None),
    "an empty text": thing("a", secret=""),
    "nothing but nulls": dict.fromkeys(thing("a")) | {"key": "a"},
    "a null more to the left": thing("a", None, secret="p"),
    "another number": thing("a", count=2),
    "no number": thing("a", count=None),
    "nought": thing("a", count=0),
    "another day": thing("a", birth_date=date(1990, 1, 3)),
    "a microsecond later": thing("a", at=NOON.replace(microsecond=1)),
    "false": thing("a", flag=False),
    "neither": thing("a", flag=None),
}  # fmt: skip


def test_fingerprint_tells_values_and_nulls_apart(tmp_path: Path) -> None:
    found = {case: fingerprint_of(tmp_path, [row]) for case, row in DIFFERENT.items()}
    found["as it was"] = fingerprint_of(tmp_path, [thing("a")])
    found["twice"] = fingerprint_of(tmp_path, [thing("a"), thing("b")])
    found["empty"] = fingerprint_of(tmp_path, [])
    assert found["empty"] == (0, "0-0")
    assert len(set(found.values())) == len(found), found


def test_fingerprint_leaves_wall_clock_out(tmp_path: Path) -> None:
    later = thing("a", seen_at=NOON.replace(hour=13))
    assert fingerprint_of(tmp_path, [thing("a")]) == fingerprint_of(tmp_path, [later])
