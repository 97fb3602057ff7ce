"""Rows cleaned as harmonise cleans them, without a lake."""

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from jobs.common.contracts.sources import Column, Feed, SourceObject
from jobs.common.run.conf import Conf
from jobs.harmonise.records import clean_records, record_texts


def export(record: str, role: str, *columns: tuple[str, dict[str, object]]) -> SourceObject:
    """An object whose columns have the names of the fields that they feed."""
    fed = tuple(
        Column(**{"name": name, "header": name, "required": False, "primary_key": False, "level": 4,
                  "feeds": (Feed(record, role, name),), **settings})
        for name, settings in columns
    )  # fmt: skip
    return SourceObject(
        "market",
        "enterprise",
        "csv",
        "*.csv",
        "utf-8",
        ",",
        "",
        1,
        0,
        "snapshot",
        None,
        "Asia/Shanghai",
        "name",
        0.5,
        fed,
    )


def clean(
    spark: SparkSession, conf: Conf, record: str, obj: SourceObject, rows: list[tuple[str | None, ...]]
) -> DataFrame:
    names = [column.name for column in obj.columns]
    role = obj.columns[0].feeds[0].role
    frame = spark.createDataFrame(
        [(f"K{number}", number, *row) for number, row in enumerate(rows, 1)],
        ", ".join(["source_key string", "row_number bigint", *(f"{name} string" for name in names)]),
    )
    position = {"system": "market", "object": "enterprise", "sheet": "", "role": role, "file_id": "f", "row_hash": ""}
    frame = frame.withColumns({name: F.lit(value) for name, value in position.items()})
    return clean_records(record_texts(frame, conf.records[record], obj, role), conf.records[record], conf)
