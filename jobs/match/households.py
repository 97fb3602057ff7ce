"""Where households stand: the register entry of each mention, and who lives where by the same row.

Within a system a number is one household, and two numbers are two. A *register entry* is a household under its number in
one system; it is named by its least mention, and a mention without a number is an entry of its own.
"""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.match.matcher import Known

KIND = "household"
BY_NUMBER = "same_household_number"


def entries(known: Known) -> DataFrame:
    """`place_households` of the current mentions, computed once."""

    def place() -> DataFrame:
        linked = known.roots("resident").unionByName(known.roots("dwelling"))
        return place_households(known.mentions(), known.mentions("dwelling"), linked)

    return known.once("entries", place)


def place_households(households: DataFrame, dwellings: DataFrame, linked: DataFrame) -> DataFrame:
    """One row per mention of a household: its `entry`, and of the same row `member` and `home`, as the roots of clusters.

    Args:
        households: current mentions.
        dwellings: current mentions; one of whose address nothing is known is no home.
        linked: `number` and `root` of mentions of residents and dwellings that have another root, unique by number.
    """
    numbered = households.where(F.col("register_key").isNotNull())
    entries = numbered.groupBy("register_key").agg(F.min("number").alias("entry"))
    known = dwellings.where("road_place is not null or compound_place is not null or house_key is not null")
    homes = known.select("number").join(linked, "number", "left")
    homes = homes.select(F.col("number").alias("place"), F.coalesce("root", "number").alias("home"))
    members = linked.select(F.col("number").alias("person"), F.col("root").alias("member"))
    columns = ["number", "register_key", "household_key", "system_key", "county_key", "person", "place"]
    placed = households.select(*columns).join(entries, "register_key", "left")
    placed = placed.join(members, "person", "left").join(homes, "place", "left")
    return placed.withColumns({"entry": F.coalesce("entry", "number"), "member": F.coalesce("member", "person")}).drop(
        "person", "place"
    )
