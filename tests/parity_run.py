"""One engine's side of the parity tests: every case computed, and nights run, in one process with one session.

    JICENG_ENGINE=spark python tests/parity_run.py --out FILE [--night YYYY-MM-DD --home DIR]...

A case uses what our jobs use where the engines are known to be silent about differing; see the list in the README.
"""

import json
import sys
import tempfile
import time
import traceback
from argparse import ArgumentParser
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from jobs.common.engine import session
from jobs.common.model import ModelField
from jobs.common.resident_id import check_character, id_birth_date, id_sex_code, is_valid_resident_id
from jobs.common.rows import mention_id, strip_text
from jobs.common.schemas import Column, Table
from jobs.common.tables import Lake, row_hash
from jobs.common.versions import compare_states, difference, state_before, version_changes
from jobs.common.workspace import init_workspace
from jobs.harmonise.clean import clean_fields, code_key

Rows = list[list[Any]]
ZONES = ("Asia/Shanghai", "UTC", "America/New_York", "Asia/Kolkata")
NIGHT = date(2026, 1, 2)

_SPACES = ["\t", "\x0b", "\x0c", "\r\n", "\u00a0", "\u3000", "\ufeff", "\u200b", "\u2009", "\u0085"]
TEXTS = [
    None, "", " ", *_SPACES, *[f"{space}甲 乙{space}" for space in _SPACES],
    # names
    "张三", "张 三", "张　三", "欧阳娜娜", "买买提·艾力", "买买提．艾力", "买买提•艾力", "买买提・艾力",
    "買買提‧艾力", "𠮷田", "㐀某", "〇零", "张三1", "张三１", "O'Brien", "Anna  Maria", "Ａｎｎａ", "Ænna",
    "张三（户主）", "-", "无", "·张", "张·",
    # ids
    "320106199001011234", "32010619900101123X", "32010619900101123x", "３２０１０６１９９００１０１１２３Ｘ",
    "320106900101123", "320106901301123", "3.20106E+17", "320106 19900101 1234", "'320106199001011234",
    "320106-19900101-1234", "32010619900230123X", "110101190001010000", "11010519491231002X", "11010519491231002Ⅹ",
    "１２３", "١٢٣", "৪২",
    # days and times
    "1990-1-2", "1990/01/02", "1990.1.2", "1990年1月2日", "19900102", "1990-02-30", "1990-00-10", "1990-13-01",
    "2000-02-29", "1900-02-29", "0001-01-01", "0000-01-01", "9999-12-31", "1990-1-2 3:4", "1990-1-2 03:04:05",
    "1990-01-02T03:04:05.123", "1990-01-02 24:00:00", "1990-01-02 23:59:60", "1990-01-02 3", "32874", "1", "60",
    "99999", "2958466", "١٩٩٠-٠١-٠٢", "1986-05-04 00:30:00", "1986-05-04 02:30:00", "1986-09-14 01:30:00",
    "2025-03-09 02:30:00", "2025-11-02 01:30:00", "1900-12-31 23:59:59",
    # phones and numbers
    "13912345678", "+86 139 1234 5678", "0086-13912345678", "8613912345678", "025-84567890", "(025)84567890",
    "84567890", "1391234567", "１３９１２３４５６７８", "1,234", "-12", "+12", "007", "999999999999999999",
    "1000000000000000000", "12.0", "1e3",
    # addresses and long text
    "南京市 鼓楼区　中山路 1号", "第一行\n第二行", "line\r\nbreak", "emoji 👨‍👩‍👧 text", "ß", "ǅ", "ﬁ",
]  # fmt: skip
_TYPES = ("person_name", "resident_id", "date", "datetime", "phone", "integer", "text", "address")


def texts() -> DataFrame:
    return session().createDataFrame([(i, text) for i, text in enumerate(TEXTS)], "n int, text string")


def rows_of(frame: DataFrame) -> Rows:
    """Rows in an order that does not depend on the engine; days and times as numbers, which reach beyond Python's."""
    table = frame.toArrow()
    numbers = {pa.date32(): pa.int32(), pa.timestamp("us", "UTC"): pa.int64(), pa.timestamp("us"): pa.int64()}
    columns = [column.cast(numbers.get(column.type, column.type)).to_pylist() for column in table.columns]
    plain = [[str(v) if isinstance(v, Decimal) else v for v in row] for row in zip(*columns, strict=True)]
    return sorted(plain, key=repr)


# --- cases ---------------------------------------------------------------------------------------------------------------


def semantic_types() -> Rows:
    """Every cleaning rule over every text: regex classes, translate, lpad, try_cast of padded and impossible days."""
    frame = texts()
    fields = [ModelField(name, name, 1, "", "") for name in _TYPES]
    frame = frame.withColumns({f"{name}__text": F.col("text") for name in _TYPES}).withColumn(
        "timezone", F.lit("Asia/Shanghai")
    )
    cleaned = clean_fields(frame, fields)
    return rows_of(cleaned.select("n", *_TYPES, *[f"{name}__code" for name in _TYPES]))


def white_space_and_keys_of_code_lists() -> Rows:
    return rows_of(
        texts().select("n", strip_text(F.col("text")).alias("stripped"), code_key(F.col("text")).alias("key"))
    )


def local_times_of_several_zones() -> Rows:
    """to_utc_timestamp with the zone in a column, also in the hours that summer time leaves out or has twice."""
    times = texts().where(F.col("text").rlike("^[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}"))
    zones = session().createDataFrame([(zone,) for zone in ZONES], "timezone string")
    frame = times.crossJoin(zones).withColumn("datetime__text", F.col("text"))
    cleaned = clean_fields(frame, [ModelField("datetime", "datetime", 1, "", "")])
    back = F.from_utc_timestamp(F.col("datetime"), "Asia/Shanghai")
    return rows_of(cleaned.select("n", "timezone", "datetime", back.alias("back"), F.to_date(back).alias("day")))


def resident_id_rules() -> Rows:
    text = F.col("text")
    return rows_of(
        texts().select(
            "n", is_valid_resident_id(text).alias("valid"), id_birth_date(text).alias("birth"), id_sex_code(text).alias("sex"),
            check_character(F.substring(text, 1, 17)).alias("check"), F.length(text).alias("length"),
            F.date_format(id_birth_date(text), "yyyyMMdd").alias("formatted"),
        )
    )  # fmt: skip


def days_from_text() -> Rows:
    """try_cast of padded days, the only ones that are cast; impossible ones are null on both engines."""
    days = [f"{year}-{month:02d}-{day:02d}" for year in ("0000", "0001", "1582", "1900", "2000", "2023", "9999")
            for month in (0, 1, 2, 10, 13) for day in (0, 1, 5, 10, 15, 28, 29, 30, 31, 32)]  # fmt: skip
    frame = session().createDataFrame([(day,) for day in days], "day string")
    cast = F.col("day").try_cast("date")
    return rows_of(
        frame.select(
            "day", cast.alias("cast"), F.date_add(cast, 1).alias("next"), F.datediff(cast, F.lit(NIGHT)).alias("age")
        )
    )


_EVERY_TYPE = pa.schema([
    ("text", pa.string()), ("number", pa.int64()), ("day", pa.date32()), ("at", pa.timestamp("us", "UTC")), ("flag", pa.bool_()),
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
    found = []
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
            session().createDataFrame(actual, schema), session().createDataFrame(target, schema), ["key", "part"]
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


_THING = Table("ops.thing", "One row per thing.", ("key", "part"), (
    Column("key", "string", "key", 1, required=True), Column("part", "string", "part"), Column("number", "bigint", "number", 2),
    Column("day", "date", "day", 3), Column("at", "timestamp", "time"), Column("flag", "boolean", "flag"),
))  # fmt: skip


def merges_and_their_commits() -> Rows:
    """Inserts, updates and deletes in one commit; nothing to write is no commit; a part replaced beside them."""
    with tempfile.TemporaryDirectory() as folder:
        lake = Lake(init_workspace(Path(folder) / "workspace"), {_THING.name: _THING})
        found: Rows = []

        def note(label: str, written: int) -> None:
            rows = sorted(map(str, (list(row.values()) for row in lake.rows(_THING.name).to_pylist())))
            found.append([label, written, lake.version(_THING.name), *rows])

        def changes(*rows: tuple[Any, ...]) -> DataFrame:
            filled = [
                (key, part, number, NIGHT, datetime(2026, 1, 1, tzinfo=UTC), None, op) for key, part, number, op in rows
            ]
            return session().createDataFrame(
                filled, "key string, part string, number bigint, day date, at timestamp, flag boolean, _op string"
            )

        note("nothing into nothing", lake.merge(_THING.name, changes(), "2026-01-01.1"))
        first = changes(
            ("a", None, 1, "upsert"), ("a", "p", 2, "upsert"), ("b", "p", None, "upsert"), ("z", "p", 9, "delete")
        )
        note("first rows", lake.merge(_THING.name, first, "2026-01-01.1"))
        second = changes(
            ("a", None, 5, "upsert"), ("b", "p", None, "delete"), ("c", None, 3, "upsert"), ("y", "p", 9, "delete")
        )
        note("all three", lake.merge(_THING.name, second, "2026-01-01.1"))
        note("nothing", lake.merge(_THING.name, changes(), "2026-01-01.1"))
        part = lake.table_of(
            _THING.name, [{"key": "d", "part": "q", "number": 1, "day": None, "at": None, "flag": True}]
        )
        note("a part", lake.replace_part(_THING.name, part, {"part": "q"}))
        note("the part again", lake.replace_part(_THING.name, part, {"part": "q"}))
        found += [
            [f"version {version}", *lake.fingerprint(_THING.name, version)]
            for version in (1, lake.version(_THING.name))
        ]
        return found


CASES: list[Callable[[], Rows]] = [
    semantic_types, white_space_and_keys_of_code_lists, local_times_of_several_zones, resident_id_rules, days_from_text,
    row_hashes_of_every_type, fingerprints_of_every_type, ids_of_mentions, states_by_full_outer_join,
    difference_by_null_safe_keys, versions_of_a_night, first_rows_of_windows, order_of_texts, merges_and_their_commits,
]  # fmt: skip


def main() -> None:
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="JSON: rows of each case, or how it failed")
    parser.add_argument("--night", action="append", type=date.fromisoformat, default=[], help="night to run")
    parser.add_argument("--home", action="append", type=Path, default=[], help="workspace of that night")
    arguments = parser.parse_args()
    found: dict[str, Any] = {}
    for case in CASES:
        try:
            found[case.__name__] = case()
        except Exception:
            found[case.__name__] = traceback.format_exc()[-2000:]
    arguments.out.write_text(json.dumps(found, ensure_ascii=False), encoding="utf-8")
    from jobs.cli.nightly import run_night
    from jobs.common.workspace import open_workspace

    for night, home in zip(arguments.night, arguments.home, strict=True):
        began = time.monotonic()
        run_night(open_workspace(home), night)
        print(f"night {night} in {time.monotonic() - began:.1f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
