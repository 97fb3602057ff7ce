"""Conflicts: what the current records of a resident, household, dwelling or organisation disagree about.

One row per entity and field under which its records have different values. No value stands in it: who may see them asks
`jiceng explain`. Addresses and names of roads are left out, because every office writes them in its own way.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import reduce

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F
from pyspark.sql.window import WindowSpec

from jobs.analyse.inputs import Inputs
from jobs.common.intake.keyed_rows import RECORD_KEY
from jobs.common.lake.versions import current, union_all
from jobs.common.model.links import COPIED_ID
from jobs.common.run.authority import AGE, RANK, load_authority, place_text

READS = (
    "harmonised.resident",
    "harmonised.household",
    "harmonised.dwelling",
    "harmonised.organisation",
    "links.mention",
    "links.edge",
    "conf authority.yml",
    "conf model/*.yml",
    "conf sources/*.odcs.yaml",
    "conf null_words.csv",
    "conf codes/*.csv",
)
# The queries of the books in conf/products/conflict.yml count the same fields.
FIELDS = {
    "resident": (
        *("name", "id_number", "sex_code", "birth_date", "ethnic_code", "marital_code", "education_code", "death_date"),
    ),
    "household": ("division_code",),
    "dwelling": ("division_code", "usage_code", "is_rented"),
    "organisation": ("name", "credit_code", "status_code", "established_date", "closed_date", "industry_code"),
}
_PLACE = ["entity_id", "field"]
_MUTE = "9"  # before a place: greater than any rank begins


def build(inputs: Inputs) -> DataFrame:
    """`kind`, `entity_id`, `field`, `systems`, `system`, `rule`, `since`; unique by the first three."""
    return union_all([conflicts_of(inputs, kind) for kind in FIELDS])


def conflicts_of(inputs: Inputs, kind: str) -> DataFrame:
    """The conflicts of the entities of one kind."""
    authority = load_authority(inputs.conf, inputs.conf.records[kind])
    records = records_of(inputs, kind)
    torn = disagreeing(records, FIELDS[kind])
    few = records.join(torn.select("entity_id").distinct(), "entity_id", "left_semi")
    orders = {field: authority.order(field) for field in FIELDS[kind]}
    values = union_all(list(_values(few, orders))).where(F.col("value").isNotNull())
    described = describe(values.join(torn, _PLACE, "left_semi"))
    return described.select(F.lit(kind).alias("kind"), *_PLACE, "systems", "system", "rule", "since")


def records_of(inputs: Inputs, kind: str) -> DataFrame:
    """Current records with `entity_id` and `mention_id`; `is_copied` if the id number belongs to another resident."""
    mentions = inputs.frame("links.mention").where(F.col("kind") == kind)
    edges = inputs.frame("links.edge")
    is_copy = F.col("reason").isin(*COPIED_ID)
    copies = edges.where(is_copy).select("mention_id", F.lit(True).alias("is_copied")).distinct()
    records = current(inputs.frame(f"harmonised.{kind}")).select(*RECORD_KEY, "valid_from", *FIELDS[kind])
    named = mentions.select(*RECORD_KEY, "entity_id", "mention_id").join(records, RECORD_KEY)
    return named.join(copies, "mention_id", "left")


def disagreeing(records: DataFrame, fields: Sequence[str]) -> DataFrame:
    """`entity_id` and `field` of which there are two values; unique."""
    differs = [(F.min(field).cast("string") != F.max(field).cast("string")).alias(field) for field in fields]
    torn = records.groupBy("entity_id").agg(*differs)
    names = F.array(*(F.when(F.col(field), F.lit(field)) for field in fields))
    return torn.select("entity_id", F.explode(names).alias("field")).where(F.col("field").isNotNull())


def _values(records: DataFrame, orders: Mapping[str, Sequence[str]]) -> Iterator[DataFrame]:
    """Rows of one field each, with `value` and `place`, the least of which has the say; a copied id number stands behind all."""
    for field, order in orders.items():
        is_mute = F.col("is_copied").isNotNull() & F.lit(field == "id_number")
        yield records.select(
            "entity_id",
            F.lit(field).alias("field"),
            "system",
            "valid_from",
            F.col(field).cast("string").alias("value"),
            F.when(is_mute, F.concat(F.lit(_MUTE), place_text(order))).otherwise(place_text(order)).alias("place"),
        )


def describe(values: DataFrame) -> DataFrame:
    """One row per entity and field: who says something, who has the say, by which rule, and since when they disagree."""
    ranked = values.withColumn("best", F.first("place").over(_by_place()))
    ranked = ranked.withColumn("winner", F.first("value").over(_by_place()))
    ranked = ranked.withColumn("winning", F.first("system").over(_by_place()))
    first_of_value = F.min("valid_from").over(Window.partitionBy(*_PLACE, "value"))
    ranked = ranked.withColumn("first_said", first_of_value)
    is_winner = F.col("value") == F.col("winner")
    told = ranked.groupBy(*_PLACE).agg(
        F.concat_ws(", ", F.array_sort(F.collect_set("system"))).alias("systems"),
        F.min("winning").alias("system"),
        F.min("best").alias("best"),
        F.min(F.when(~is_winner, F.col("place"))).alias("next"),
        F.min(F.when(is_winner, F.col("first_said"))).alias("winner_since"),
        F.min(F.when(~is_winner, F.col("first_said"))).alias("other_since"),
    )
    return told.withColumn("rule", _rule()).withColumn("since", F.greatest("winner_since", "other_since"))


def _by_place() -> WindowSpec:
    return Window.partitionBy(*_PLACE).orderBy("place")


def _rule() -> Column:
    """By what the value won: see `choice_order`."""
    parts = {"authority": (1, RANK), "newest": (RANK + 1, AGE)}

    def differs(start: int, length: int) -> Column:
        return F.substring("best", start, length) != F.substring("next", start, length)

    tests = [(differs(*part), name) for name, part in parts.items()]
    tests.insert(0, (F.col("next").startswith(_MUTE), "copied_id"))
    otherwise = F.lit("least_mention")
    return reduce(lambda rule, test: F.when(test[0], F.lit(test[1])).otherwise(rule), reversed(tests), otherwise)
