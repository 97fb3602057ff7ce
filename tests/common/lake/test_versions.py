"""What a night does to a table that keeps versions, as tables: the night's finding beside the rows it leads to.

One key per case, named for what happens to it. `content` stands for the row's hash.
"""

from collections.abc import Iterable
from datetime import date
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from jobs.common.lake.versions import (
    as_of,
    compare_states,
    current,
    difference,
    state_before,
    stood_before,
    touched,
    version_changes,
)

ONE, TWO, THREE = date(2026, 1, 1), date(2026, 1, 2), date(2026, 1, 3)
Version = tuple[str, str, date, date | None]
Change = tuple[str, str, date, date | None, str]
SCHEMA = "key string, content string, valid_from date, valid_to date"

BEFORE: list[Version] = [
    ("absent", "a", ONE, None),
    ("changed", "a", ONE, None),
    ("ended long ago", "a", ONE, TWO),
    ("reopened", "a", ONE, TWO),
    ("reopened as it was", "a", ONE, TWO),
    ("unchanged", "a", ONE, None),
    ("unchanged since night 2", "b", TWO, None),
    ("unchanged since night 2", "a", ONE, TWO),
]
FOUND_ON_THREE = [
    ("changed", "b"),
    ("new", "a"),
    ("reopened", "b"),
    ("reopened as it was", "a"),
    ("unchanged", "a"),
    ("unchanged since night 2", "b"),
]
CHANGES_OF_THREE: list[Change] = [
    ("absent", "a", ONE, THREE, "upsert"),  # ends; nothing else begins
    ("changed", "a", ONE, THREE, "upsert"),  # the old version ends where the new one begins
    ("changed", "b", THREE, None, "upsert"),
    ("new", "a", THREE, None, "upsert"),
    ("reopened", "b", THREE, None, "upsert"),  # the version that ended on night 2 stays as it is
    ("reopened as it was", "a", THREE, None, "upsert"),
]
AFTER_THREE: list[Version] = [
    ("absent", "a", ONE, THREE),
    ("changed", "a", ONE, THREE),
    ("changed", "b", THREE, None),
    ("ended long ago", "a", ONE, TWO),
    ("new", "a", THREE, None),
    ("reopened", "a", ONE, TWO),
    ("reopened", "b", THREE, None),
    ("reopened as it was", "a", ONE, TWO),
    ("reopened as it was", "a", THREE, None),
    ("unchanged", "a", ONE, None),
    ("unchanged since night 2", "a", ONE, TWO),
    ("unchanged since night 2", "b", TWO, None),
]


def changes_of(
    spark: SparkSession, versions: Iterable[Version], found: Iterable[tuple[str, str]], night: date
) -> list[Change]:
    """What `night` writes, when an export of the whole table says `found`; in the order of key and beginning."""
    known = spark.createDataFrame(list(versions), SCHEMA)
    now = spark.createDataFrame(list(found), "key string, content string")
    states = compare_states(state_before(known, night), now, ["key"], "content")
    begun = states.where(F.col("state").isin("new", "changed")).select("key")
    opened = now.join(begun, "key").withColumns({"valid_from": F.lit(night), "valid_to": F.lit(None).cast("date")})
    closed = states.where(F.col("state").isin("changed", "absent"))
    return rows_of(version_changes(known, opened, closed, ["key"], night))


def rows_of(frame: DataFrame) -> list[Any]:
    """Rows as tuples, in the order of key and, where there is one, beginning."""
    return sorted((tuple(row.values()) for row in frame.toArrow().to_pylist()), key=lambda row: (row[0], str(row[2:3])))


def apply_changes(versions: Iterable[Version], changes: Iterable[Change]) -> list[Version]:
    """What the merge by key makes of the table."""
    table = {(row[0], row[2]): row for row in versions}
    for key, content, begin, end, op in changes:
        if op == "upsert":
            table[key, begin] = (key, content, begin, end)
        else:
            del table[key, begin]
    return sorted(table.values(), key=lambda row: (row[0], row[2]))


def test_a_night_opens_and_closes_versions(spark: SparkSession) -> None:
    assert changes_of(spark, BEFORE, FOUND_ON_THREE, THREE) == CHANGES_OF_THREE
    assert apply_changes(BEFORE, CHANGES_OF_THREE) == AFTER_THREE


def test_the_same_finding_again_changes_nothing(spark: SparkSession) -> None:
    """A killed night is run again over its own rows."""
    assert changes_of(spark, AFTER_THREE, FOUND_ON_THREE, THREE) == []


def test_a_half_written_night_is_completed_from_what_was_before_it(spark: SparkSession) -> None:
    """Whichever changes have reached the table: what is missing is written, and only that."""
    for half in (CHANGES_OF_THREE[::2], CHANGES_OF_THREE[1::2]):
        missing = [change for change in CHANGES_OF_THREE if change not in half]
        assert changes_of(spark, apply_changes(BEFORE, half), FOUND_ON_THREE, THREE) == missing


CORRECTIONS: dict[str, tuple[list[Version], list[tuple[str, str]], list[Change]]] = {
    "a new row takes other content": (
        [("k", "b", TWO, None)], [("k", "c")], [("k", "c", TWO, None, "upsert")],
    ),
    "a new row was a mistake": (
        [("k", "b", TWO, None)], [], [("k", "b", TWO, None, "delete")],
    ),
    "a changed row takes other content": (
        [("k", "a", ONE, TWO), ("k", "b", TWO, None)], [("k", "c")], [("k", "c", TWO, None, "upsert")],
    ),
    "a changed row is as it was before the night": (
        [("k", "a", ONE, TWO), ("k", "b", TWO, None)],
        [("k", "a")],
        [("k", "a", ONE, None, "upsert"), ("k", "b", TWO, None, "delete")],
    ),
    "a changed row ends": (
        [("k", "a", ONE, TWO), ("k", "b", TWO, None)], [], [("k", "b", TWO, None, "delete")],
    ),
    "an ended row is there after all": (
        [("k", "a", ONE, TWO)], [("k", "a")], [("k", "a", ONE, None, "upsert")],
    ),
    "an ended row is there with other content": (
        [("k", "a", ONE, TWO)], [("k", "b")], [("k", "b", TWO, None, "upsert")],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CORRECTIONS)
def test_a_correction_in_the_same_night_takes_the_first_finding_back(spark: SparkSession, case: str) -> None:
    """versions after the night's first run | what the corrected export says | changes"""
    after_first_run, found, expected = CORRECTIONS[case]
    assert changes_of(spark, after_first_run, found, TWO) == expected


def test_a_correction_leads_where_the_right_export_would_have_led(spark: SparkSession) -> None:
    wrong = changes_of(spark, BEFORE, [("absent", "z"), ("new", "z"), ("wrong", "z")], THREE)
    corrected = apply_changes(BEFORE, wrong)
    assert apply_changes(corrected, changes_of(spark, corrected, FOUND_ON_THREE, THREE)) == AFTER_THREE


def test_states_of_a_table_by_night(spark: SparkSession) -> None:
    table = spark.createDataFrame(AFTER_THREE, SCHEMA)
    names = ["key", "content"]
    assert rows_of(current(table).select(*names)) == sorted(FOUND_ON_THREE)
    assert rows_of(as_of(table, THREE).select(*names)) == sorted(FOUND_ON_THREE)
    at_two = sorted((key, content) for key, content, _, end in BEFORE if end is None)
    assert rows_of(as_of(table, TWO).select(*names)) == at_two
    assert rows_of(state_before(table, THREE)) == sorted(row for row in BEFORE if row[3] is None)
    at_one = sorted((key, content) for key, content, begin, _ in BEFORE if begin == ONE)
    assert rows_of(as_of(table, ONE).select(*names)) == at_one


def test_states_compared_by_key(spark: SparkSession) -> None:
    before = spark.createDataFrame(
        [("absent", "a"), ("changed", "a"), ("unchanged", "a")], "key string, content string"
    )
    now = spark.createDataFrame([("changed", "b"), ("new", "a"), ("unchanged", "a")], "key string, content string")
    found = rows_of(compare_states(before, now, ["key"], "content"))
    assert found == [("absent", "absent"), ("changed", "changed"), ("new", "new"), ("unchanged", "unchanged")]


def test_difference_compares_keys_and_rows_with_nulls(spark: SparkSession) -> None:
    """A null in a key or value equals a null, and a null that moved to another column is a difference."""
    schema = "key string, part string, left string, right string"
    actual = [
        ("same", None, "x", None),
        ("null moved", "p", "x", None),
        ("became null", None, "x", "y"),
        ("gone", None, None, None),
        ("gone", "p", None, None),
    ]
    target = [
        ("same", None, "x", None),
        ("null moved", "p", None, "x"),
        ("became null", None, "x", None),
        ("gone", "p", None, None),
        ("fresh", None, None, None),
    ]
    columns = ["key", "part", "left", "right"]
    known, wanted = spark.createDataFrame(actual, schema), spark.createDataFrame(target, schema)
    found = difference(known, wanted, ["key", "part"], columns)
    assert sorted(map(repr, rows_of(found))) == sorted(map(repr, [
        ("null moved", "p", None, "x", "upsert"),
        ("became null", None, "x", None, "upsert"),
        ("fresh", None, None, None, "upsert"),
        ("gone", None, None, None, "delete"),
    ]))  # fmt: skip


# valid_from, valid_to   ->   stood before night 2, touched by night 2
PREDICATES: dict[str, tuple[date, date | None, bool, bool]] = {
    "stays": (ONE, None, True, False),
    "ended by the night": (ONE, TWO, True, True),
    "ended the night before": (ONE, ONE, False, False),
    "ends later": (ONE, THREE, True, False),
    "begun by the night": (TWO, None, False, True),
    "begins later": (THREE, None, False, False),
}


def test_what_stood_before_a_night_and_what_the_night_touched(spark: SparkSession) -> None:
    rows = [(case, begin, end) for case, (begin, end, *_) in PREDICATES.items()]
    frame = spark.createDataFrame(rows, "key string, valid_from date, valid_to date")
    told = frame.select("key", stood_before(TWO).alias("stood"), touched(TWO).alias("touched")).toArrow().to_pylist()
    found = {row["key"]: (row["stood"], bool(row["touched"])) for row in told}
    assert found == {case: (stood, is_touched) for case, (_, _, stood, is_touched) in PREDICATES.items()}
