"""Households of different systems, by register entry: by the number, then by a member and a dwelling in common.

Of two systems the same number counts for little: one may number on its own, so that a member or the dwelling must not speak
against it. No household may have two numbers of one system.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.common.model.links import Decision, EdgeReason
from jobs.match.clusters import Flags, Numbers, components
from jobs.match.households import BY_NUMBER, KIND, entries
from jobs.match.matcher import Known, Matcher
from jobs.match.pairs import CERTAIN

BY_MEMBER, OTHER_HOUSEHOLD = "same_member_and_dwelling", "number_of_another_household"
_NO_NUMBER = 0  # in the place of a system


class Finding(StrEnum):
    """How two entries of different systems compare: by their common number, or without one."""

    AGREES = "number agrees"
    OPEN = "number open"
    DIFFERS = "number differs"
    SHARES = "member and dwelling"


def compare(known: Known) -> DataFrame:
    """`compare_entries` of the current mentions."""
    return compare_entries(entries(known))


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
        .when(F.col("agrees"), F.lit(Finding.AGREES))
        .when((F.col("has_home") == 1) & (F.col("_has_home") == 1), F.lit(Finding.DIFFERS))
        .when(same_county, F.lit(Finding.OPEN))
    )
    return pairs.select("number", "other", finding.alias("finding")).where(F.col("finding").isNotNull())


def _share_member(placed: DataFrame) -> DataFrame:
    """Entries that share a member at a dwelling, each with the least of those that do."""
    both = placed.where("member is not null and home is not null").select("member", "home", "entry")
    least = both.groupBy("member", "home").agg(F.min("entry").alias("other"), F.max("entry").alias("greatest"))
    pairs = both.join(least.where("other < greatest").drop("greatest"), ["member", "home"])
    pairs = pairs.where("entry != other").select(F.col("entry").alias("number"), "other").distinct()
    return pairs.withColumn("finding", F.lit(Finding.SHARES))


def _pairs_by(rows: DataFrame, keys: list[str]) -> DataFrame:
    """All pairs of entries with the same keys, the greater first; what else the rows hold is kept, of the lesser as `_name`."""
    rest = [name for name in rows.columns if name not in (*keys, "entry")]
    lesser = rows.select(*keys, F.col("entry").alias("other"), *(F.col(name).alias(f"_{name}") for name in rest))
    greater = rows.withColumnRenamed("entry", "number")
    return greater.join(lesser, keys).where("number > other")


def decide(pairs: DataFrame) -> pa.Table:
    """`settle_entries` of all pairs."""
    return settle_entries(pairs.toArrow())


@dataclass(frozen=True)
class EntryPairs:
    """Pairs of entries by the position of each end among all entries, and the system of each entry (0 without a number)."""

    left: Numbers
    right: Numbers
    finding: np.ndarray
    systems: Numbers

    def together(self, labels: Numbers, chosen: Flags) -> Numbers:
        """Labels of the entries once the chosen pairs have brought clusters together; the least label names a cluster."""
        size = len(labels)
        component = components(size, labels[self.left[chosen]], labels[self.right[chosen]])
        _, least = np.unique(component, return_index=True)
        return least[component][labels]


def settle_entries(pairs: pa.Table) -> pa.Table:
    """Decide on pairs of entries so that no household has two numbers of one system.

    The same number is one household if members or dwelling agree. If nothing is known of them, it is one unless two of the
    entries that it brings together contradict each other. Then entries that share a member at a dwelling are one, if all
    that reach each other so have one number in each system; otherwise each pair is one for review.

    Example: police has H1 (entry 1) and H2 (2), the grid H1 (3) and W1 (4), health H1 (5) and K1 (6).
        pair   finding               decision
        3-1    number agrees         accept   same_household_number
        5-1    number open           accept   same_household_number        (no pair of 1, 3 and 5 differs)
        4-2    member and dwelling   review   names_several                (2, 4 and 1 would be H1 and H2 of police)
        4-1    member and dwelling   review   names_several
        6-4    member and dwelling   review   names_several                (it reaches them over 4)
    Without the pair 4-1, the pairs 4-2 and 6-4 are accepted: H2, W1 and K1 are of three systems.

    Args:
        pairs: from `compare_entries`.

    Returns:
        `number`, `other`, `decision`, `reason`, `weight`; pairs that share a member within one household by number are
        left out.
    """
    known = read_pairs(pairs)
    each_alone = np.arange(len(known.systems))
    by_number, refuted = settle_numbers(known, each_alone)
    households = known.together(each_alone, by_number)
    by_member, doubtful = settle_members(known, households)
    parts = [
        _decide(pairs, by_number, Decision.ACCEPT, BY_NUMBER),
        _decide(pairs, refuted | doubtful, Decision.REVIEW, EdgeReason.NAMES_SEVERAL),
        _decide(pairs, known.finding == Finding.DIFFERS, Decision.REJECT, OTHER_HOUSEHOLD),
        _decide(pairs, by_member, Decision.ACCEPT, BY_MEMBER),
    ]
    return pa.concat_tables(parts)


def read_pairs(pairs: pa.Table) -> EntryPairs:
    """The pairs of `compare_entries`, by position."""
    ends = np.stack([pairs.column(end).to_numpy() for end in ("number", "other")])
    systems = np.stack([pairs.column(f"{end}_system").to_numpy() for end in ("number", "other")])
    _, first, positions = np.unique(ends, return_index=True, return_inverse=True)
    left, right = positions.reshape(ends.shape)
    finding = np.array(pairs.column("finding").to_pylist(), dtype=object)
    return EntryPairs(left, right, finding, systems.ravel()[first])


def settle_numbers(pairs: EntryPairs, each_alone: Numbers) -> tuple[Flags, Flags]:
    """Pairs with the same number that are one household, and open ones that a contradiction beside them refutes."""
    agrees, is_open = pairs.finding == Finding.AGREES, pairs.finding == Finding.OPEN
    reached = pairs.together(each_alone, agrees | is_open)
    left, right = reached[pairs.left], reached[pairs.right]
    contradiction = (pairs.finding == Finding.DIFFERS) & (left == right)
    refuted = is_open & np.isin(left, left[contradiction])
    return agrees | (is_open & ~refuted), refuted


def settle_members(pairs: EntryPairs, households: Numbers) -> tuple[Flags, Flags]:
    """Pairs of different households that share a member at a dwelling: those that are one, and those left for review."""
    is_further = households[pairs.left] != households[pairs.right]
    shares = (pairs.finding == Finding.SHARES) & is_further
    reached = pairs.together(households, shares)
    numbered = pairs.systems != _NO_NUMBER
    numbers_of = np.stack([reached[numbered], pairs.systems[numbered]])
    places, count = np.unique(numbers_of, axis=1, return_counts=True)
    with_two_numbers = places[0][count > 1]
    doubtful = shares & np.isin(reached[pairs.left], with_two_numbers)
    return shares & ~doubtful, doubtful


def _decide(pairs: pa.Table, chosen: Flags, decision: Decision, reason: str) -> pa.Table:
    """The chosen pairs with one decision: certain if it accepts, otherwise of no weight."""
    ends = pairs.select(["number", "other"]).filter(pa.array(chosen))
    weight = CERTAIN if decision == Decision.ACCEPT else 0
    told = {"decision": pa.scalar(decision, pa.string()), "reason": pa.scalar(reason, pa.string())}
    for name, value in (told | {"weight": pa.scalar(weight, pa.int64())}).items():
        ends = ends.append_column(name, pa.repeat(value, len(ends)))
    return ends


MATCHER = Matcher(
    kind=KIND,
    name="household_entries",
    block_on=("register_key", "household_key"),
    compare=compare,
    decide=decide,
    reasons=(BY_NUMBER, BY_MEMBER, OTHER_HOUSEHOLD, EdgeReason.NAMES_SEVERAL),
    after=("household_register",),
)
