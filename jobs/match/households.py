"""Decisions on pairs of mentions of households: by the register's number, then by a member and a dwelling in common.

Within a system a number is one household, and two numbers are two. Of two systems the same number counts for little: one
may number on its own, so that a member or the dwelling must not speak against it. A *register entry* is a household under
its number in one system; it is named by its least mention, and a mention without a number is an entry of its own.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.match.clusters import Numbers, cluster_pairs
from jobs.match.pairs import ACCEPT, REJECT, REVIEW, SEVERAL, decide

KIND = "household"
BY_NUMBER, BY_MEMBER = "same_household_number", "same_member_and_dwelling"
# How two entries of different systems compare: what they have in common, or what speaks against their common number.
AGREES, OPEN, DIFFERS, SHARES = "number agrees", "number open", "number differs", "member and dwelling"
_NO_NUMBER = 0  # in the place of a system


def place_households(households: DataFrame, dwellings: DataFrame, linked: DataFrame) -> DataFrame:
    """One row per mention of a household: its `entry`, and of the same row `member` and `home`, as the roots of clusters.

    Args:
        households: from `list_mentions`.
        dwellings: from `list_mentions`; where nothing of the address is known, it is no home.
        linked: `number` and `label` of mentions of residents and dwellings that have another root, unique by number.
    """
    numbered = households.where(F.col("register_key").isNotNull())
    entries = numbered.groupBy("register_key").agg(F.min("number").alias("entry"))
    known = dwellings.where("road_place is not null or compound_place is not null or house_key is not null")
    homes = known.select("number").join(linked, "number", "left")
    homes = homes.select(F.col("number").alias("place"), F.coalesce("label", "number").alias("home"))
    members = linked.select(F.col("number").alias("person"), F.col("label").alias("member"))
    columns = ["number", "register_key", "household_key", "system_key", "county_key", "person", "place"]
    placed = households.select(*columns).join(entries, "register_key", "left")
    placed = placed.join(members, "person", "left").join(homes, "place", "left")
    return placed.withColumns({"entry": F.coalesce("entry", "number"), "member": F.coalesce("member", "person")}).drop(
        "person", "place"
    )


def match_by_register(placed: DataFrame) -> DataFrame:
    """Decisions within the systems: from each mention to its entry."""
    return decide(placed.withColumn("other", F.col("entry")), KIND, ACCEPT, BY_NUMBER)


def compare_entries(placed: DataFrame) -> DataFrame:
    """Pairs of entries of different systems with the same number, and pairs that share a member at a dwelling.

    Args:
        placed: from `place_households`.

    Returns:
        `number` and `other`, the entries, `number_system` and `other_system` (0 without a number), and `finding`.
    """
    numbered = placed.where(F.col("register_key").isNotNull())
    entries = numbered.groupBy("entry").agg(
        F.min("household_key").alias("household_key"),
        F.min("system_key").alias("system_key"),
        F.when(F.min("county_key") == F.max("county_key"), F.min("county_key")).alias("county_key"),
        F.max(F.when(F.col("home").isNotNull(), 1).otherwise(0)).alias("has_home"),
    )
    pairs = _compare_numbers(numbered, entries).unionByName(_share_member(placed))
    for end in ("number", "other"):
        systems = entries.select(F.col("entry").alias(end), F.col("system_key").alias(f"{end}_system"))
        pairs = pairs.join(systems, end, "left")
    of_none = {f"{end}_system": F.coalesce(f"{end}_system", F.lit(_NO_NUMBER)) for end in ("number", "other")}
    return pairs.withColumns(of_none)


def _compare_numbers(numbered: DataFrame, entries: DataFrame) -> DataFrame:
    """Entries of different systems with the same number, unless they lie in different counties."""
    shared = entries.groupBy("household_key").agg(F.count(F.lit(1)).alias("entries")).where("entries > 1")
    entries = entries.join(shared, "household_key", "left_semi")
    columns = ["household_key", "entry", "county_key", "has_home"]
    pairs = _pairs_by(entries.select(*columns), ["household_key"])
    rows = numbered.join(shared, "household_key", "left_semi")
    agreeing = [
        _pairs_by(rows.where(F.col(name).isNotNull()).select("household_key", name, "entry").distinct(), keys)
        for name, keys in (("member", ["household_key", "member"]), ("home", ["household_key", "home"]))
    ]
    agreed = agreeing[0].select("number", "other").unionByName(agreeing[1].select("number", "other")).distinct()
    pairs = pairs.join(agreed.withColumn("agrees", F.lit(True)), ["number", "other"], "left")
    same_county = F.col("county_key") == F.col("_county_key")
    finding = (
        F.when(F.coalesce(~same_county, F.lit(False)), F.lit(None).cast("string"))
        .when(F.col("agrees"), F.lit(AGREES))
        .when((F.col("has_home") == 1) & (F.col("_has_home") == 1), F.lit(DIFFERS))
        .when(same_county, F.lit(OPEN))
    )
    return pairs.select("number", "other", finding.alias("finding")).where(F.col("finding").isNotNull())


def _share_member(placed: DataFrame) -> DataFrame:
    """Entries that share a member at a dwelling, each with the least of those that do."""
    both = placed.where("member is not null and home is not null").select("member", "home", "entry")
    least = both.groupBy("member", "home").agg(F.min("entry").alias("other"), F.max("entry").alias("greatest"))
    pairs = both.join(least.where("other < greatest").drop("greatest"), ["member", "home"])
    pairs = pairs.where("entry != other").select(F.col("entry").alias("number"), "other").distinct()
    return pairs.withColumn("finding", F.lit(SHARES))


def _pairs_by(rows: DataFrame, keys: list[str]) -> DataFrame:
    """All pairs of entries with the same keys, the greater first; what else the rows hold is kept, of the lesser as `_name`."""
    rest = [name for name in rows.columns if name not in (*keys, "entry")]
    lesser = rows.select(*keys, F.col("entry").alias("other"), *(F.col(name).alias(f"_{name}") for name in rest))
    greater = rows.withColumnRenamed("entry", "number")
    return greater.join(lesser, keys).where("number > other")


@dataclass(frozen=True)
class Settled:
    """Decisions between entries (`number`, `other`, `decision`, `reason`), and entries with another root (`number`, `label`)."""

    decisions: pa.Table
    labels: pa.Table


def settle_entries(pairs: pa.Table) -> Settled:
    """Decide on pairs of entries so that no household has two numbers of one system.

    The same number is one household where members or dwelling agree; where nothing is known of them, if none of the
    entries that it brings together speaks against another. Then entries that share a member at a dwelling are one, if all
    that reach each other so have one number in each system; else each pair is one for review.

    Args:
        pairs: from `compare_entries`.
    """
    left, right = (pairs.column(end).to_numpy() for end in ("number", "other"))
    systems = np.concatenate([pairs.column(f"{end}_system").to_numpy() for end in ("number", "other")])
    finding = np.array(pairs.column("finding").to_pylist(), dtype=object)
    agrees, is_open, differs, shares = (finding == word for word in (AGREES, OPEN, DIFFERS, SHARES))
    entries, first = np.unique(np.concatenate([left, right]), return_index=True)
    systems = systems[first]

    def ends(labels: Numbers, chosen: np.ndarray) -> tuple[Numbers, Numbers]:
        """Labels of both ends of the chosen pairs."""
        return labels[np.searchsorted(entries, left[chosen])], labels[np.searchsorted(entries, right[chosen])]

    together = _join(entries, *ends(entries, agrees | is_open))
    one, other = ends(together, differs)
    contradicted = np.isin(ends(together, is_open)[0], one[one == other])
    settled_open = is_open.copy()
    settled_open[is_open] = ~contradicted
    labels = _join(entries, *ends(entries, agrees | settled_open))
    one, other = ends(labels, shares)
    further = shares.copy()
    further[shares] = one != other
    reached = _join(labels, *ends(labels, further))
    numbered = systems != _NO_NUMBER
    places, count = np.unique(np.stack([reached[numbered], systems[numbered]]), axis=1, return_counts=True)
    doubtful = np.isin(ends(reached, further)[0], places[0][count > 1])
    settled = further.copy()
    settled[further] = ~doubtful
    labels = _join(labels, *ends(labels, settled))

    told = [
        (agrees | settled_open, ACCEPT, BY_NUMBER),
        (is_open & ~settled_open | further & ~settled, REVIEW, SEVERAL),
        (differs, REJECT, "number_of_another_household"),
        (settled, ACCEPT, BY_MEMBER),
    ]
    decisions = pa.concat_tables([_told(left[chosen], right[chosen], *why) for chosen, *why in told])
    moved = labels != entries
    return Settled(decisions, pa.table({"number": entries[moved], "label": labels[moved]}))


def _join(labels: Numbers, left: Numbers, right: Numbers) -> Numbers:
    """The labels, where those that pairs bring together have become the least of them."""
    numbers, least = cluster_pairs(left, right)
    if not len(numbers):
        return labels
    places = np.minimum(np.searchsorted(numbers, labels), len(numbers) - 1)
    return np.where(numbers[places] == labels, least[places], labels)


def _told(left: Numbers, right: Numbers, decision: str, reason: str) -> pa.Table:
    texts = {
        name: pa.array([value] * len(left), pa.string()) for name, value in (("decision", decision), ("reason", reason))
    }
    return pa.table({"number": left, "other": right, **texts})
