"""`appeal`: `days_to_reply` (local days) and `is_repeated_text` (an earlier appeal of the system has the same text)."""

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

LOCAL_ZONE = "Asia/Shanghai"


def derive(appeals: DataFrame) -> DataFrame:
    """Adds both columns; keeps every row."""
    local = [F.to_date(F.from_utc_timestamp(F.col(name), LOCAL_ZONE)) for name in ("replied_at", "asked_at")]
    same_text = Window.partitionBy("system", F.md5("text")).orderBy(
        F.col("asked_at").asc_nulls_last(), F.col("number"), F.col("source_key")
    )
    repeated = F.col("text").isNotNull() & (F.row_number().over(same_text) > 1)
    return appeals.withColumns({"days_to_reply": F.datediff(*local).cast("bigint"), "is_repeated_text": repeated})
