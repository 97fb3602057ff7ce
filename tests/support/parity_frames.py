"""Parity cases over frames: hashes, joins, windows, aggregates, versions.

Engines differ without an error in sums of bigints that overflow, in what a hash does with nulls, and in names of
aggregates; where nulls sort and whether they join they must not.
"""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from jobs.common.intake.keyed_rows import mention_id
from jobs.common.lake.engine import session
from jobs.common.lake.tables import row_hash
from jobs.common.lake.versions import compare_states, difference, state_before, version_changes
from tests.support.parity_base import NIGHT, Rows, rows_of
from tests.support.parity_texts import texts

_EVERY_TYPE = pa.schema([
    ("text", pa.string()), ("number", pa.int64()), ("day", pa.date32()), ("at", pa.timestamp("us", "UTC")), ("flag", pa.bool_()),
    ("amount", pa.decimal128(18, 2)),
])  # fmt: skip


def every_type() -> DataFrame:
    """All combinations of values and nulls of the declared types."""
    at = datetime(2026, 1, 1, 4, 5, 6, 789, UTC)
    values: list[list[Any]] = [
        [None, "", "a", "张三", "𠮷", "a\u0000b"],
        [None, 0, -1, 2**63 - 1, -(2**63)],
        [None, date(1970, 1, 1), date(1900, 2, 28), date(1, 1, 1), date(9999, 12, 31)],
        [None, at, at - timedelta(days=30000), datetime(1970, 1, 1, tzinfo=UTC)],
        [None, True, False],
        [None, Decimal("0.00"), Decimal("-0.01"), Decimal("9999999999999999.99")],
    ]
    rows: list[list[Any]] = [[]]
    for column in values:
        rows = [[*row, value] for row in rows for value in column]
    return session().createDataFrame(
        pa.Table.from_arrays(
            [pa.array(c, t) for c, t in zip(zip(*rows, strict=True), _EVERY_TYPE.types, strict=True)],
            schema=_EVERY_TYPE,
        )
    )


def row_hashes_of_every_type() -> Rows:
    names = _EVERY_TYPE.names
    return rows_of(every_type().withColumn("hash", row_hash(names)).select(*names, "hash"))


def fingerprints_of_every_type() -> Rows:
    """Sums of hashes as decimals, of single columns and of all: they pass the range of a bigint."""
    names = _EVERY_TYPE.names
    found: Rows = []
    for columns in [[name] for name in names] + [names]:
        total = F.sum(row_hash(columns).cast("decimal(38,0)")).alias("total")
        found.append([",".join(columns), *rows_of(every_type().select(F.count(F.lit(1)).alias("n"), total))[0]])
    return found


def ids_of_mentions() -> Rows:
    """md5 over concat_ws, which skips nulls; concat, which does not."""
    keys = texts().select(
        F.lit("police").alias("system"),
        F.lit("population").alias("object"),
        F.col("text").alias("source_key"),
        F.lit("person").alias("role"),
    )
    joined = F.concat(F.col("source_key"), F.lit("|"), F.col("source_key")).alias("joined")
    return rows_of(keys.select("source_key", mention_id("resident").alias("id"), joined))


def states_by_full_outer_join() -> Rows:
    """The key of a full outer join by column names is never null, whichever side has the row."""
    before = session().createDataFrame(
        [("a", "x", 1), ("b", "x", 2), ("c", None, 3)], "system string, source_key string, hash bigint"
    )
    now = session().createDataFrame(
        [("b", "x", 2), ("a", "y", 4), ("d", "x", None)], "system string, source_key string, hash bigint"
    )
    keys = ["system", "source_key"]
    joined = before.join(now.withColumnRenamed("hash", "new"), keys, "full_outer").select(*keys, "hash", "new")
    return [*rows_of(joined), *rows_of(compare_states(before, now, keys, "hash"))]


def difference_by_null_safe_keys() -> Rows:
    """Anti joins over eqNullSafe keys and hashes of rows with nulls."""
    schema = "key string, part string, value bigint"
    actual = [("a", None, 1), ("a", "p", 1), ("b", None, None), ("c", "p", 2)]
    target = [("a", None, 1), ("a", "p", None), ("b", "p", None), ("d", None, 2)]
    return rows_of(
        difference(
            session().createDataFrame(actual, schema),
            session().createDataFrame(target, schema),
            ["key", "part"],
            ["key", "part", "value"],
        )
    )


def versions_of_a_night() -> Rows:
    schema = "key string, hash string, valid_from date, valid_to date"
    one, three = NIGHT - timedelta(days=1), NIGHT + timedelta(days=1)
    known = session().createDataFrame(
        [
            ("absent", "a", one, None),
            ("changed", "a", one, None),
            ("ended", "a", one, NIGHT),
            ("late", "b", NIGHT, three),
            ("same", "a", one, None),
        ],
        schema,
    )
    now = session().createDataFrame(
        [("changed", "b"), ("ended", "a"), ("new", "a"), ("same", "a")], "key string, hash string"
    )
    states = compare_states(state_before(known, NIGHT), now, ["key"], "hash")
    opened = now.join(states.where(F.col("state").isin("new", "changed")).select("key"), "key", "left_semi")
    opened = opened.withColumns({"valid_from": F.lit(NIGHT), "valid_to": F.lit(None).cast("date")})
    changes = version_changes(known, opened, states.where(F.col("state").isin("changed", "absent")), ["key"], NIGHT)
    return rows_of(changes)


def first_rows_of_windows() -> Rows:
    """Where nulls sort, what a first row is, and which value the least place names."""
    rows = [
        ("g", 1, "b", None),
        ("g", None, "c", "z"),
        ("g", 2, None, "y"),
        ("h", None, "d", None),
        ("h", None, "e", None),
    ]
    frame = session().createDataFrame(rows, "grp string, place int, name string, value string")
    ascending = Window.partitionBy("grp").orderBy("place", "name")
    descending = Window.partitionBy("grp").orderBy(F.col("place").desc(), F.col("name"))
    last = Window.partitionBy("grp").orderBy(F.col("place").asc_nulls_last(), F.col("name"))
    ranked = frame.select(
        *frame.columns,
        *[F.row_number().over(window).alias(f"rank_{i}") for i, window in enumerate((ascending, descending, last))],
        F.first("name").over(descending).alias("first_name"),
        F.min("name").over(Window.partitionBy("grp")).alias("least"),
    )
    speaks = F.when(F.col("value").isNotNull(), F.col("place"))
    chosen = frame.groupBy("grp").agg(
        F.min_by("value", speaks).alias("chosen"), F.min_by("name", "place").alias("by_place"), F.count("name").alias("names"),
        F.min("name").alias("min"), F.max("name").alias("max"), F.sum("place").alias("sum"),
    )  # fmt: skip
    return [*rows_of(ranked), *rows_of(chosen)]


def order_of_texts() -> Rows:
    """Least mentions and last ties are decided by text: both engines compare bytes."""
    frame = texts().where(F.col("text").isNotNull())
    ranked = frame.withColumn("rank", F.row_number().over(Window.partitionBy(F.lit(1)).orderBy("text", "n")))
    return rows_of(ranked.select("rank", "text"))


def numbers_of_mentions() -> Rows:
    """Fifteen hexadecimal digits as a bigint, and other bases. Jobs ask first whether all are digits of the base: where one
    is not, or the number is negative or too large, engines differ.
    """
    digits = ["0", "f", "7ffffff", "ffffffffffffff", "00000000000000a", "9", "", None]
    frame = session().createDataFrame([(text,) for text in digits], "digits string")
    by_text = texts().select(F.conv(F.substring(F.md5("text"), 1, 15), 16, 10).cast("bigint").alias("number"))
    converted = [
        F.conv(F.substring("digits", 1, length), base, 10).alias(f"base_{base}")
        for base, length in ((16, 15), (34, 9), (35, 8))
    ]
    return [*rows_of(frame.select("digits", *converted)), *rows_of(by_text)]


def nulls_in_joins() -> Rows:
    """A null key finds nobody, not even another null; a left side keeps its row."""
    left = session().createDataFrame([("a", 1), (None, 2), ("b", 3)], "key string, l int")
    right = session().createDataFrame([("a", 10), (None, 20), ("a", 30)], "key string, r int")
    found: Rows = []
    for how in ("inner", "left", "full_outer", "left_semi", "left_anti"):
        joined = left.join(right, "key", how)
        found += [[how, *row] for row in rows_of(joined.select("key", *[c for c in ("l", "r") if c in joined.columns]))]
    safe = left.alias("x").join(right.alias("y"), F.col("x.key").eqNullSafe(F.col("y.key")))
    return [*found, *rows_of(safe.select("l", "r"))]


def aggregates_over_nothing() -> Rows:
    """Of no rows, of nulls only, and of both; a list leaves nulls out, and least and greatest do."""
    rows = [("a", None, None), ("a", None, "x"), ("b", 2, "z"), ("b", 1, None), ("b", 2, "y")]
    frame = session().createDataFrame(rows, "grp string, value int, name string")

    def aggregates() -> list[Any]:
        value, name = F.col("value"), F.col("name")
        return [
            F.count(value).alias("count"), F.count(F.lit(1)).alias("rows"), F.countDistinct("value").alias("distinct"),
            F.sum(value).alias("sum"), F.sum(F.when(value > 1, 1).otherwise(0)).alias("large"), F.min(name).alias("min"),
            F.max(name).alias("max"), F.min_by("name", "value").alias("min_by"), F.min(value.isNull()).alias("all_null"),
            F.sort_array(F.collect_list(F.struct("value", "name"))).alias("list"),
        ]  # fmt: skip

    both = F.least("value", F.length("name")), F.greatest("value", F.length("name"))
    return [
        *rows_of(frame.groupBy("grp").agg(*aggregates())),
        *rows_of(frame.where(F.lit(False)).agg(*aggregates())),
        *rows_of(frame.where(F.lit(False)).groupBy("grp").agg(*aggregates())),
        *rows_of(frame.select("grp", both[0].alias("least"), both[1].alias("greatest"))),
    ]


def exploded_arrays() -> Rows:
    """Nulls in an array are rows; what is unreadable is told by a struct of nulls."""
    frame = session().createDataFrame([(1, "a", None), (2, None, None), (3, "b", "c")], "n int, x string, y string")
    plain = frame.select("n", F.explode(F.array("x", "y")).alias("value"))
    parts = [F.struct(F.lit(name).alias("field"), F.col(name).alias("value")) for name in ("x", "y")]
    structs = frame.select("n", F.explode(F.array(*parts)).alias("part")).select("n", "part.field", "part.value")
    return [*rows_of(plain), *rows_of(structs), *rows_of(plain.distinct()), *rows_of(frame.select("x").distinct())]


def amounts_in_frames() -> Rows:
    """Decimals compared, summed, counted and written as text."""
    amounts = [None, "0.00", "-0.01", "12.30", "12.30", "9999999999999999.99"]
    rows = [(n, None if amount is None else Decimal(amount)) for n, amount in enumerate(amounts)]
    frame = session().createDataFrame(rows, "n int, amount decimal(18,2)")
    amount = F.col("amount")
    single = frame.select(
        "n", amount.cast("string").alias("text"), (amount > 0).alias("positive"),
        (amount == F.lit("12.3").cast("decimal(18,2)")).alias("same"),
        amount.cast("bigint").alias("whole"), F.xxhash64("amount").alias("hash"),
    )  # fmt: skip
    total = (
        F.sum(amount).alias("sum"),
        F.min(amount).alias("min"),
        F.max(amount).alias("max"),
        F.countDistinct("amount").alias("n"),
    )
    return [
        *rows_of(single),
        *rows_of(frame.agg(*total)),
        *rows_of(frame.groupBy("amount").agg(F.count("n").alias("rows"))),
    ]


CASES = [
    row_hashes_of_every_type, fingerprints_of_every_type, ids_of_mentions, numbers_of_mentions, states_by_full_outer_join,
    difference_by_null_safe_keys, versions_of_a_night, first_rows_of_windows, order_of_texts, nulls_in_joins,
    aggregates_over_nothing, exploded_arrays, amounts_in_frames,
]  # fmt: skip
