"""`household`: `head_id` and `member_count`, who heads it and how many belong to it."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.common.model.records import Record
from jobs.merge.derived.neighbours import Neighbours


def derive(households: DataFrame, record: Record, neighbours: Neighbours) -> DataFrame:
    """Adds both columns; `member_count` is 0 if nobody is known to be a member. Keeps every row."""
    heads = neighbours.heads.withColumnRenamed("to_id", "entity_id")
    joined = households.join(heads, "entity_id", "left")
    return joined.withColumn("member_count", F.coalesce(F.col("member_count"), F.lit(0)).cast("bigint"))
