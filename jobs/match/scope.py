"""Which mentions a night's identities depend on: those of clusters that are not, mention for mention, an entity of before.

All other clusters go on as they were, without an event. What this finds is a function of the states before the night and
now, so that it does not matter what earlier runs of the night have written.
"""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.common.lake.versions import union_all


def compare_clusters(clusters: DataFrame, before: DataFrame) -> DataFrame:
    """One row per mention that is or was current: `number`, `kind`, `root` (null: ended), `entity_id` (null: it is new).

    Args:
        clusters: `number`, `kind`, `root`, unique by number.
        before: `number`, `kind`, `entity_id` when the night began, unique by number.
    """
    was = before.select(
        "number", F.col("kind").alias("_kind"), "entity_id", F.xxhash64("entity_id").alias("entity_key")
    )
    both = clusters.select("number", "kind", "root").join(was, "number", "full_outer")
    return both.select("number", F.coalesce("kind", "_kind").alias("kind"), "root", "entity_id", "entity_key")


def list_scope(compared: DataFrame, tried: DataFrame, reopened: DataFrame) -> DataFrame:
    """`number` of each mention whose entity of tonight must be found out; distinct.

    With a mention all of its cluster is there, and all that were current in its entity.

    Args:
        compared: from `compare_clusters`.
        tried: `number` of mentions to which an earlier run of the night did something.
        reopened: `entity_key` of the entities to which mentions that are new tonight once belonged.
    """
    of_entity = F.col("entity_key")
    current = compared.where(F.col("root").isNotNull())
    clusters = current.groupBy("root").agg(
        F.count(F.lit(1)).alias("mentions"),
        F.count(of_entity).alias("known"),
        F.min(of_entity).alias("entity_key"),
        F.max(of_entity).alias("greatest"),
    )
    sizes = compared.where(of_entity.isNotNull()).groupBy("entity_key").agg(F.count(F.lit(1)).alias("size"))
    same = (F.col("mentions") == F.col("known")) & (F.col("mentions") == F.col("size"))
    same = same & (F.col("entity_key") == F.col("greatest"))
    changed = clusters.join(sizes, "entity_key", "left").where(~F.coalesce(same, F.lit(False))).select("root")
    again = current.join(tried, "number", "left_semi").select("root")
    joined = current.join(reopened, "entity_key", "left_semi").select("root")
    roots = union_all([changed, again, joined]).distinct()
    ended = compared.where(F.col("root").isNull()).select("number")
    return union_all([current.join(roots, "root", "left_semi").select("number"), ended, tried]).distinct()
