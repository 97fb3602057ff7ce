"""Where dwellings are: the address of each mention, with the county that it has or that others give it.

Each matcher of dwellings attaches a mention to what stronger evidence has settled, and never two settled dwellings to each
other: so no chain of weak evidence joins two addresses.
"""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.match.matcher import Known

KIND = "dwelling"
PLACES = ["road", "compound"]


def places(known: Known) -> DataFrame:
    """`place_mentions` of the current mentions, computed once."""
    return known.once("places", lambda: place_mentions(known.mentions()))


def place_mentions(dwellings: DataFrame) -> DataFrame:
    """One row per mention: `number`, `road_key`, `compound_key` (the place with its county), `house_key`, `is_several`.

    A mention without a county is where the one county lies that has its road's address, else its compound's; where several
    counties have one (`is_several`) it has no key, where none has one it is in a county of its own.
    """
    columns = ["number", "county_key", "road_place", "compound_place", "house_key"]
    placed = dwellings.select(*columns)
    lone = placed.where(F.col("county_key").isNull())
    for name in PLACES:
        lone = lone.join(_counties(placed, lone, name), f"{name}_place", "left")
    one = [F.when(F.col(f"{name}_least") == F.col(f"{name}_greatest"), F.col(f"{name}_least")) for name in PLACES]
    many = [F.coalesce(F.col(f"{name}_least") < F.col(f"{name}_greatest"), F.lit(False)) for name in PLACES]
    lone = lone.withColumn("county_key", F.coalesce(*one))
    lone = lone.withColumn("is_several", F.col("county_key").isNull() & (many[0] | many[1]))
    known = placed.where(F.col("county_key").isNotNull()).withColumn("is_several", F.lit(False))
    whole = known.unionByName(lone.select(*columns, "is_several"))
    nowhere = F.lit(0).cast("bigint")
    keys = {
        f"{name}_key": F.when(
            F.col(f"{name}_place").isNotNull() & ~F.col("is_several"),
            F.xxhash64(F.coalesce("county_key", nowhere), f"{name}_place"),
        )
        for name in PLACES
    }
    return whole.withColumns(keys).select("number", "road_key", "compound_key", "house_key", "is_several")


def _counties(placed: DataFrame, lone: DataFrame, name: str) -> DataFrame:
    """Least and greatest county of each place of a mention without one."""
    place = f"{name}_place"
    wanted = lone.where(F.col(place).isNotNull()).select(place).distinct()
    known = placed.where(F.col("county_key").isNotNull()).select(place, "county_key").join(wanted, place, "left_semi")
    return known.groupBy(place).agg(
        F.min("county_key").alias(f"{name}_least"), F.max("county_key").alias(f"{name}_greatest")
    )
