"""Ids of mentions: one formula, whoever knows the row."""

import hashlib

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from jobs.common.intake.keyed_rows import mention_id, mention_id_of, source_row


def md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()


def test_the_mention_of_a_row_has_one_id_whoever_asks(spark: SparkSession) -> None:
    """From the harmonised record in its role, from another record of the row, and from the text of the row alone."""
    rows = [("grid", "homes", "K1", "spouse")]
    frame = spark.createDataFrame(rows, "system string, object string, source_key string, role string")
    found = frame.select(
        mention_id("resident").alias("own"),
        mention_id("dwelling", "dwelling").alias("beside"),
        mention_id_of(source_row(), "dwelling").alias("of_row"),
        mention_id_of(F.lit(None).cast("string"), "dwelling").alias("of_none"),
    )
    assert found.toArrow().to_pylist() == [
        {
            "own": md5("resident|grid|homes|K1|spouse"),
            "beside": md5("dwelling|grid|homes|K1|dwelling"),
            "of_row": md5("dwelling|grid|homes|K1|dwelling"),
            "of_none": None,
        }
    ]
