"""Which entities a night's merge has to work out: those of mentions whose record, entity or id number is not what it was.

All others are in their candidate as they should be, if a merge of an earlier night has left it so under the same rules.

Reads: `harmonised.*`, `links.*`. Writes: nothing. Refuses: nothing.
"""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.common.intake.keyed_rows import RECORD_KEY
from jobs.common.lake.engine import session
from jobs.common.lake.versions import touched, union_all
from jobs.common.model.links import COPIED_ID
from jobs.common.model.relations import SOURCE_ROW
from jobs.common.model.shapes import DWELLING, ENTITY
from jobs.common.run.incremental import IncrementalState
from jobs.common.run.stage import Context


def incremental_state(context: Context) -> IncrementalState:
    """What merges record: `copied`, the mentions that `copied_mentions` found."""
    return IncrementalState(context, "merge", [f"candidate.{name}" for name in context.conf.records])


def copied_mentions(context: Context) -> set[str]:
    """Mentions whose id number belongs to another."""
    found = [context.lake.rows("links.edge", {"reason": reason}, ["mention_id"]) for reason in COPIED_ID]
    return {mention for rows in found for mention in rows.column("mention_id").to_pylist()}


def touched_entities(context: Context, copied: set[str], households: DataFrame) -> DataFrame:
    """`kind`, `entity_id`, distinct: entities of tonight or before that may not be what they were.

    Args:
        context: whose tables are asked.
        copied: mentions whose id number was or is another's, and is so no longer or now.
        households: `entity_id` of households whose members are not who they were.
    """
    lake = context.lake
    tonight = touched(context.run.night)
    model = context.conf.records.values()
    kinds = [record.name for record in model if record.shape == ENTITY]
    with_dwelling = [record.name for record in model if record.derives(DWELLING)]
    mentions = lake.read("links.mention")
    changed = union_all(
        [
            lake.read(f"harmonised.{kind}").where(tonight).select(F.lit(kind).alias("kind"), *RECORD_KEY)
            for kind in kinds
        ]
    )
    changed = lake.scratch(context.run.run_id, "merge-changed", changed)
    moved = lake.read("links.assignment").where(tonight).select("mention_id", "kind", "entity_id")
    moved = lake.scratch(context.run.run_id, "merge-moved", moved)
    numbered = session().createDataFrame([(mention,) for mention in sorted(copied)], "mention_id string")
    other_home = mentions.join(moved.where(F.col("kind") == "dwelling").select("mention_id"), "mention_id", "left_semi")
    rows = changed.where(F.col("kind") == "dwelling").select(*SOURCE_ROW).unionByName(other_home.select(*SOURCE_ROW))
    dwellers = mentions.where(F.col("kind").isin(*with_dwelling)).join(rows.distinct(), SOURCE_ROW, "left_semi")
    found = [
        moved,
        mentions.join(changed, ["kind", *RECORD_KEY], "left_semi"),
        mentions.join(numbered, "mention_id", "left_semi"),
        dwellers,
        households.withColumn("kind", F.lit("household")),
    ]
    return union_all([frame.select("kind", "entity_id") for frame in found]).distinct()


def other_households(households: DataFrame, heads: DataFrame) -> DataFrame:
    """`entity_id` of households whose head or number of members is not what their candidate says; unique.

    Args:
        households: the candidate.
        heads: `to_id`, `head_id`, `member_count`, unique by household.
    """
    now = heads.select(
        F.col("to_id").alias("entity_id"), F.col("head_id").alias("_head"), F.col("member_count").alias("_n")
    )
    both = households.select("entity_id", "head_id", "member_count").join(now, "entity_id", "left")
    same = F.col("head_id").eqNullSafe(F.col("_head")) & (F.col("member_count") == F.coalesce(F.col("_n"), F.lit(0)))
    return both.where(~same).select("entity_id")
