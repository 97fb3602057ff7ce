"""Records that are about no entity of their own: they pass through with the ids of those they speak of."""

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from jobs.common.intake.keyed_rows import RECORD_KEY, mention_id
from jobs.common.run.authority import Authority
from jobs.merge.survivorship import place_text

LOCAL_ZONE = "Asia/Shanghai"
_SAME_STATUS = ["resident_id", "status_code", "start_date"]


def add_entity(records: DataFrame, mentions: DataFrame, column: str) -> DataFrame:
    """The entity that the same row of the source names in the same role; null where it names none. Keeps every row.

    Args:
        records: harmonised records.
        mentions: of `links.mention`, of one kind.
        column: column of the entity.
    """
    return records.join(mentions.select(*RECORD_KEY, F.col("entity_id").alias(column)), RECORD_KEY, "left")


def choose_statuses(statuses: DataFrame, authority: Authority) -> DataFrame:
    """Of records of one resident, status and first day the one of the strongest system, with `system_count`.

    What lacks one of the three is told by nobody else, and stays.

    Args:
        statuses: harmonised records with `resident_id`; unique by record.
        authority: order of systems.
    """
    placed = statuses.withColumn("mention_id", mention_id("resident_status"))
    placed = placed.withColumn("_place", place_text(authority.default))
    complete = F.lit(True)
    for name in _SAME_STATUS:
        complete = complete & F.col(name).isNotNull()
    groups = placed.where(complete).groupBy(*_SAME_STATUS)
    first = groups.agg(F.min("_place").alias("_place"), F.countDistinct("system").alias("system_count"))
    chosen = placed.where(complete).join(first, [*_SAME_STATUS, "_place"])
    rest = placed.where(~complete).withColumn("system_count", F.lit(1).cast("bigint"))
    return chosen.unionByName(rest)


def derive_appeal(appeals: DataFrame) -> DataFrame:
    """Adds `days_to_reply` (local days) and `is_repeated_text` (an earlier appeal of the system has the same text)."""
    local = [F.to_date(F.from_utc_timestamp(F.col(name), LOCAL_ZONE)) for name in ("replied_at", "asked_at")]
    same_text = Window.partitionBy("system", F.md5("text")).orderBy(
        F.col("asked_at").asc_nulls_last(), F.col("number"), F.col("source_key")
    )
    repeated = F.col("text").isNotNull() & (F.row_number().over(same_text) > 1)
    return appeals.withColumns({"days_to_reply": F.datediff(*local).cast("bigint"), "is_repeated_text": repeated})
