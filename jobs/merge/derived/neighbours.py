"""What entities are derived from beside their own records."""

from dataclasses import dataclass

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.common.intake.keyed_rows import mention_id_of
from jobs.common.run.office import Office


@dataclass(frozen=True)
class Neighbours:
    """`dwellings`: mentions of dwellings. `heads`: `to_id`, `head_id`, `member_count`, unique by household.

    `office` names exports, and `year` is the one of the night.
    """

    dwellings: DataFrame
    heads: DataFrame
    office: Office
    year: int


def add_dwelling(chosen: DataFrame, dwellings: DataFrame) -> DataFrame:
    """Adds `dwelling_id`, the dwelling that the row names whose address was chosen; keeps every row.

    `dwellings`: mentions of dwellings.
    """
    named = dwellings.select(F.col("mention_id").alias("_mention"), F.col("entity_id").alias("dwelling_id"))
    mention = mention_id_of(F.col("row_of_address"), "dwelling")
    return chosen.withColumn("_mention", mention).join(named, "_mention", "left")
