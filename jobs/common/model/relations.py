"""Who is related to whom by the rows of the sources: shared by merge, which writes it, and the books, which count it.

Two mentions of one row, by their roles, are a pair that states a relation (`pairs` of `conf/model/relation.yml`). Who heads
a household makes spouses and parents of its members by their family codes.

Source: GB/T 4761-2008, codes of the relation to the head of a household.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from jobs.common.model.records import ENDS, Pair

End = tuple[str, str, str, str]  # system, object, kind, role
SPOUSE, PARENT = "spouse", "parent"
SOURCE_ROW = ["system", "object", "source_key"]
HEAD = "02"
_SPOUSES = ("10", "11", "12")
# Sons and daughters; not those in law (28, 38), by adoption or of the spouse (27, 37), nor others (29, 39).
_CHILDREN = (*(str(code) for code in range(20, 27)), *(str(code) for code in range(30, 37)))
_PARENTS = ("50", "51", "52")


@dataclass(frozen=True)
class Statement:
    """A pair of the model that the rows of one object state."""

    pair: Pair
    system: str
    object: str


def list_statements(pairs: Sequence[Pair], ends: Iterable[End]) -> list[Statement]:
    """Which objects state which pairs: those whose mentions have both ends.

    Args:
        pairs: of the model.
        ends: those that mentions have.
    """
    known = set(ends)
    places = sorted({end[:2] for end in known})
    return [
        Statement(pair, *place)
        for pair in pairs
        for place in places
        if {(*place, *pair.from_end), (*place, *pair.to_end)} <= known
    ]


def count_ends(mentions: DataFrame) -> DataFrame:
    """`system`, `object`, `kind`, `role`, unique, with the `mentions` that have them."""
    return mentions.groupBy("system", "object", "kind", "role").agg(F.count(F.lit(1)).alias("mentions"))


def list_pairs(mentions: DataFrame, statements: Sequence[Statement]) -> DataFrame:
    """One row per row of a source and pair that it states: the ends, `SOURCE_ROW`, and the `mention_id` of the first end.

    Both ends may be one entity. Spouses are told the lesser id first: the relation is the same both ways.

    Args:
        mentions: of `links.mention`.
        statements: those to list.
    """
    if not statements:
        nothing = [F.lit(None).cast("string").alias(name) for name in ENDS]
        return mentions.where(F.lit(False)).select(*nothing, *SOURCE_ROW, "mention_id")
    pairs = sorted({s.pair for s in statements}, key=lambda pair: (pair.relation, pair.from_end, pair.to_end))
    first = _ends_of(mentions, statements, pairs, "from").withColumnRenamed("entity_id", "_first")
    second = _ends_of(mentions, statements, pairs, "to").withColumnRenamed("entity_id", "_second").drop("mention_id")
    both = first.join(second, ["pair", *SOURCE_ROW])
    relation = _by_pair([pair.relation for pair in pairs])
    told = {
        "relation_code": relation,
        "from_kind": _by_pair([pair.from_end[0] for pair in pairs]),
        "to_kind": _by_pair([pair.to_end[0] for pair in pairs]),
    }
    is_turned = (relation == SPOUSE) & (F.col("_first") > F.col("_second"))
    told["from_id"] = F.when(is_turned, F.col("_second")).otherwise(F.col("_first"))
    told["to_id"] = F.when(is_turned, F.col("_first")).otherwise(F.col("_second"))
    return both.withColumns(told).select(*ENDS, *SOURCE_ROW, "mention_id")


def _ends_of(mentions: DataFrame, statements: Sequence[Statement], pairs: Sequence[Pair], side: str) -> DataFrame:
    """One row per mention and pair of which it is this end: `pair` (its number), `SOURCE_ROW`, mention and entity."""
    tests, any_test = [], F.lit(False)
    for number, pair in enumerate(pairs):
        kind, role = pair.from_end if side == "from" else pair.to_end
        is_there = F.lit(False)
        for s in statements:
            if s.pair == pair:
                is_there = is_there | ((F.col("system") == s.system) & (F.col("object") == s.object))
        test = (F.col("kind") == kind) & (F.col("role") == role) & is_there
        tests.append(F.when(test, F.lit(number)))
        any_test = any_test | test
    ends = mentions.where(any_test).select(*SOURCE_ROW, "mention_id", "entity_id", F.array(*tests).alias("_pairs"))
    exploded = ends.select(F.explode("_pairs").alias("pair"), *SOURCE_ROW, "mention_id", "entity_id")
    return exploded.where(F.col("pair").isNotNull())


def _by_pair(values: Sequence[str]) -> Column:
    found = F.lit(None).cast("string")
    for number, value in enumerate(values):
        found = F.when(F.col("pair") == number, F.lit(value)).otherwise(found)
    return found


def derive_kin(members: DataFrame, heads: DataFrame) -> DataFrame:
    """Spouses and parents within households: the ends of a relation, unique.

    Args:
        members: relations `member`, one per resident: `from_id`, `to_id` (the household), `family_code`.
        heads: `to_id`, `head_id`, unique by household.
    """
    code = F.col("family_code")
    is_spouse, is_child, is_parent = code.isin(*_SPOUSES), code.isin(*_CHILDREN), code.isin(*_PARENTS)
    kin = members.where(is_spouse | is_child | is_parent).join(heads, "to_id").where("head_id != from_id")
    member, head = F.col("from_id"), F.col("head_id")
    lesser, greater = F.least(member, head), F.greatest(member, head)
    return kin.select(
        F.when(is_spouse, F.lit(SPOUSE)).otherwise(F.lit(PARENT)).alias("relation_code"),
        F.lit("resident").alias("from_kind"),
        F.when(is_spouse, lesser).when(is_child, head).otherwise(member).alias("from_id"),
        F.lit("resident").alias("to_kind"),
        F.when(is_spouse, greater).when(is_child, member).otherwise(head).alias("to_id"),
    )
