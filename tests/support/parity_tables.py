"""Parity cases over Delta tables: what is written, how often, and what is refused before.

Engines differ without an error in whether an empty write commits, whether an extra column or another type is refused,
whether a persisted frame is computed once, and in what a first write makes of nullable columns.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import deltalake
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.common.base.errors import UserError
from jobs.common.base.workspace import init_workspace
from jobs.common.lake.engine import session
from jobs.common.lake.schemas import Column, Table
from jobs.common.lake.tables import Lake
from tests.support.parity_base import NIGHT, Rows, rows_of

_THING = Table("ops.thing", "One row per thing.", ("key", "part"), (
    Column("key", "string", "key", 1, required=True), Column("part", "string", "part"), Column("number", "bigint", "number", 2),
    Column("day", "date", "day", 3), Column("at", "timestamp", "time"), Column("flag", "boolean", "flag"),
))  # fmt: skip
_COLUMNS = "key string, part string, number bigint, day date, at timestamp, flag boolean"


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
            return session().createDataFrame(filled, f"{_COLUMNS}, _op string")

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


@contextmanager
def lake_of_things() -> Iterator[Lake]:
    with tempfile.TemporaryDirectory() as folder:
        yield Lake(init_workspace(Path(folder) / "workspace"), {_THING.name: _THING})


def refused_before_writing() -> Rows:
    """A column too many, one too few and another type: an error before any commit, where an engine would drop or cast."""
    changes = session().createDataFrame([("a", "p", 1, NIGHT, None, True, "upsert")], f"{_COLUMNS}, _op string")
    wrong = {
        "as declared": changes,
        "a column too many": changes.withColumn("extra", F.lit(1)),
        "a column too few": changes.drop("flag"),
        "a number as text": changes.withColumn("number", F.col("number").cast("string")),
        "a shorter number": changes.withColumn("number", F.col("number").cast("int")),
        "another decimal": changes.withColumn("flag", F.lit(Decimal("1.5"))),
    }
    found: Rows = []
    with lake_of_things() as lake:
        for what, frame in wrong.items():
            try:
                lake.merge(_THING.name, frame, "2026-01-01.1")
                found.append([what, "written", lake.version(_THING.name)])
            except UserError as error:
                found.append([what, str(error), lake.version(_THING.name)])
    return found


def columns_stay_nullable() -> Rows:
    """Rows of literals, which are never null, make no column NOT NULL; a null written later is taken."""
    literals = {
        "key": F.lit("a"), "part": F.lit("p"), "number": F.lit(1).cast("bigint"), "day": F.lit(NIGHT), "flag": F.lit(True),
        "at": F.lit(datetime(2026, 1, 1, tzinfo=UTC)), "_op": F.lit("upsert"),
    }  # fmt: skip
    first = session().createDataFrame([(1,)], "n int").select(*[value.alias(name) for name, value in literals.items()])
    second = session().createDataFrame([("b", None, None, None, None, None, "upsert")], f"{_COLUMNS}, _op string")
    with lake_of_things() as lake:
        found: Rows = [[lake.merge(_THING.name, frame, "2026-01-01.1")] for frame in (first, second)]
        fields = deltalake.DeltaTable(str(lake.path(_THING.name))).schema().fields
        read = lake.read(_THING.name)
        return [*found, *[[field.name, str(field.type), field.nullable] for field in fields], *rows_of(read.drop("at"))]


def scratch_is_computed_once() -> Rows:
    """What is not the same twice is the same when it is read twice."""
    frame = session().range(1000).withColumn("draw", F.rand())
    with lake_of_things() as lake:
        kept = lake.scratch("2026-01-01.1", "draws", frame)
        apart = kept.alias("x").join(kept.alias("y"), "id").where(F.col("x.draw") != F.col("y.draw"))
        again = kept.select(F.sum(F.xxhash64("draw").cast("decimal(38,0)")).alias("sum"))
        return [["rows", kept.count()], ["differ", apart.count()], ["same sum", rows_of(again) == rows_of(again)]]


CASES = [merges_and_their_commits, refused_before_writing, columns_stay_nullable, scratch_is_computed_once]
