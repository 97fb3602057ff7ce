"""Decisions on pairs of mentions of dwellings: by road and number, by compound, by the house number of a system.

Each kind of evidence attaches a mention to what the stronger one has settled, and never two settled dwellings to each
other: so no chain of weak evidence joins two addresses. An accepted pair leads to the least mention of the road's address
(of the compound's, where none of its mentions has a road).
"""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.common.lake.versions import union_all
from jobs.match.pairs import ACCEPT, REVIEW, SEVERAL, attach, decide

KIND = "dwelling"
_PLACES = ["road", "compound"]


def place_mentions(dwellings: DataFrame) -> DataFrame:
    """One row per mention: `number`, `road_key`, `compound_key` (the place with its county), `house_key`, `is_several`.

    A mention without a county is where the one county lies that has its road's address, else its compound's; where several
    counties have one (`is_several`) it has no key, where none has one it is in a county of its own.
    """
    columns = ["number", "county_key", "road_place", "compound_place", "house_key"]
    placed = dwellings.select(*columns)
    lone = placed.where(F.col("county_key").isNull())
    for name in _PLACES:
        lone = lone.join(_counties(placed, lone, name), f"{name}_place", "left")
    one = [F.when(F.col(f"{name}_least") == F.col(f"{name}_greatest"), F.col(f"{name}_least")) for name in _PLACES]
    many = [F.coalesce(F.col(f"{name}_least") < F.col(f"{name}_greatest"), F.lit(False)) for name in _PLACES]
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
        for name in _PLACES
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


def list_roads(placed: DataFrame) -> DataFrame:
    """Each road's address, `road_key`, with `other`, its least mention.

    Args:
        placed: from `place_mentions`.
    """
    return placed.where(F.col("road_key").isNotNull()).groupBy("road_key").agg(F.min("number").alias("other"))


def match_by_road(placed: DataFrame, roads: DataFrame) -> DataFrame:
    """Decisions on mentions with a road's address.

    Args:
        placed: from `place_mentions`.
        roads: from `list_roads`.
    """
    return decide(placed.select("number", "road_key").join(roads, "road_key"), KIND, ACCEPT, "same_address")


def match_by_compound(placed: DataFrame, roads: DataFrame) -> DataFrame:
    """Decisions on mentions with a compound and no road.

    A compound's address names the dwellings of those of its mentions that have a road.

    Args:
        placed: from `place_mentions`.
        roads: from `list_roads`.
    """
    loose = placed.where(F.col("road_key").isNull() & F.col("compound_key").isNotNull()).select(
        "number", "compound_key"
    )
    named = placed.where(F.col("road_key").isNotNull()).select("compound_key", "road_key")
    # Most compounds are asked for by nobody: without them the join is a small one.
    named = named.join(loose.select("compound_key").distinct(), "compound_key", "left_semi").distinct()
    named = named.join(roads, "road_key").select("compound_key", "other")
    return attach(loose, named, "compound_key", KIND, "same_compound_address")


def match_by_house(placed: DataFrame, roads: DataFrame, by_compound: DataFrame) -> DataFrame:
    """Decisions on mentions without an address by the dwelling that their system has under the same house number.

    Args:
        placed: from `place_mentions`.
        roads: from `list_roads`.
        by_compound: from `match_by_compound`.
    """
    addressed = F.col("road_key").isNotNull() | F.col("compound_key").isNotNull()
    housed = placed.where(F.col("house_key").isNotNull()).withColumn("is_addressed", addressed)
    loose = housed.where(~F.col("is_addressed")).select("number", "house_key")
    named = housed.where("is_addressed").join(loose.select("house_key").distinct(), "house_key", "left_semi")
    on_road = roads.withColumnRenamed("other", "by_road")
    in_compound = by_compound.where(F.col("decision") == ACCEPT).select("number", F.col("other").alias("in_compound"))
    named = named.join(on_road, "road_key", "left").join(in_compound, "number", "left")
    named = named.select("house_key", F.coalesce("by_road", "in_compound", "number").alias("other"))
    return attach(loose, named, "house_key", KIND, "same_house_number")


def match_unplaced(dwellings: DataFrame, placed: DataFrame, roads: DataFrame, by_compound: DataFrame) -> DataFrame:
    """Decisions on mentions whose address is not known, or lies in one of several counties.

    Args:
        dwellings: from `list_mentions`.
        placed: from `place_mentions`.
        roads: from `list_roads`.
        by_compound: from `match_by_compound`.
    """
    by_house = match_by_house(placed, roads, by_compound)
    # The house number and the place may name the same dwelling.
    return by_house.unionByName(match_counties(dwellings, placed)).distinct()


def match_counties(dwellings: DataFrame, placed: DataFrame) -> DataFrame:
    """Pairs for review of mentions without a county, to the least mention of each county that has their place."""
    lone = dwellings.join(placed.where("is_several").select("number"), "number", "left_semi")
    known = dwellings.where(F.col("county_key").isNotNull())
    pairs = []
    for place in (f"{name}_place" for name in _PLACES):
        wanted = lone.where(F.col(place).isNotNull()).select("number", place)
        counties = known.join(wanted.select(place).distinct(), place, "left_semi")
        counties = counties.groupBy(place, "county_key").agg(F.min("number").alias("other"))
        pairs.append(decide(wanted.join(counties, place), KIND, REVIEW, SEVERAL))
    return union_all(pairs)
