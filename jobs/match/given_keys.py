"""Keys of a source that were given to another person: identity follows people, whatever a system calls them.

A record whose name, birth date and id number are all other ones at once speaks of somebody else. Of one who was renamed, or whose
number was corrected, the others stay.
"""

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from jobs.common.intake.keyed_rows import RECORD_KEY, mention_id
from jobs.common.run.stage import Context

KIND = "resident"
_PERSON = ("name", "birth_date", "id_number")


def given_to_others(context: Context) -> DataFrame:
    """`mention_id` of the residents' records that speak of another person tonight than in the version before; unique."""
    night = F.lit(context.run.night)
    rows = context.lake.read(f"harmonised.{KIND}").select(*RECORD_KEY, "valid_from", "valid_to", *_PERSON)
    is_whole = F.lit(True)
    for field in _PERSON:
        is_whole = is_whole & F.col(field).isNotNull()
    begun = rows.where((F.col("valid_from") == night) & is_whole)
    begun = begun.select(*RECORD_KEY, *(F.col(field).alias(f"new_{field}") for field in _PERSON))
    former = rows.where(F.col("valid_from") < night).join(begun.select(*RECORD_KEY), RECORD_KEY, "left_semi")
    newest = Window.partitionBy(*RECORD_KEY).orderBy(F.col("valid_from").desc())
    former = former.withColumn("_rank", F.row_number().over(newest)).where(F.col("_rank") == 1)
    given = former.join(begun, RECORD_KEY).where(_is_another_person())
    return given.select(mention_id(KIND).alias("mention_id"))


def _is_another_person() -> Column:
    test = F.lit(True)
    for field in _PERSON:
        test = test & (F.col(field) != F.col(f"new_{field}"))
    return test
