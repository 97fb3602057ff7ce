"""Which entity each cluster is: ids go on from the night before, and every change is an event.

A cluster takes an id from the entities its mentions belonged to. An entity that fell apart goes on with the part that has
more of its mentions, at a tie with the part that has its birth mention; of several entities in one cluster the oldest
goes on and the others redirect to it. A cluster without a past gets a new id: the hash of its least mention and the night.
What an earlier run of the same night has given out counts as past too, as it may have been released: such an id goes on
with its birth mention.
"""

from datetime import date

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F


def last_assignment(assignments: DataFrame, night: date) -> DataFrame:
    """The entity each mention belonged to last before `night`, also of ended ones; one row per mention.

    `was_current` tells whether it was still so when the night began.
    """
    before = assignments.where(F.col("valid_from") < F.lit(night))
    newest = Window.partitionBy("mention_id").orderBy(F.col("valid_from").desc())
    current = F.col("valid_to").isNull() | (F.col("valid_to") >= F.lit(night))
    ranked = before.withColumn("_rank", F.row_number().over(newest)).where(F.col("_rank") == 1)
    return ranked.select("mention_id", "kind", "entity_id", current.alias("was_current"))


def follow_redirects(last: DataFrame, redirects: DataFrame) -> DataFrame:
    """Entities that were merged away while a mention was ended are replaced by the one that went on.

    `redirects`: `entity_id`, `survivor`, unique by entity_id.
    """
    joined = last.join(redirects, "entity_id", "left")
    return joined.withColumn("entity_id", F.coalesce("survivor", "entity_id")).drop("survivor")


def assign_entities(clusters: DataFrame, last: DataFrame, births: DataFrame, night: date, kind: str) -> DataFrame:
    """The entity of each mention tonight; one row per mention of `clusters`.

    Args:
        clusters: `mention_id`, `label`.
        last: from `last_assignment`.
        births: `entity_id`, `kind`, `born`, `birth_mention`, unique by entity_id, up to tonight.
        night: tonight.
        kind: kind of entity; its first letter starts a new id.
    """
    # An id of tonight follows its birth mention alone, so that no new id can be the same hash.
    tonight = births.where(F.col("born") == F.lit(night)).select(
        F.col("birth_mention").alias("mention_id"), "entity_id"
    )
    past = last.select("mention_id", "entity_id").unionByName(tonight)
    known = clusters.join(past, "mention_id").join(births.drop("kind"), "entity_id")
    votes = known.groupBy("entity_id", "label", "born").agg(
        F.count(F.lit(1)).alias("mentions"),
        F.max(F.when(F.col("mention_id") == F.col("birth_mention"), 1).otherwise(0)).alias("has_birth"),
    )
    by_entity = Window.partitionBy("entity_id").orderBy(
        F.col("mentions").desc(), F.col("has_birth").desc(), F.col("label")
    )
    goes_on = votes.withColumn("_rank", F.row_number().over(by_entity)).where(F.col("_rank") == 1)
    oldest = Window.partitionBy("label").orderBy(F.col("born"), F.col("entity_id"))
    survivors = goes_on.withColumn("_rank", F.row_number().over(oldest)).where(F.col("_rank") == 1)
    fresh = F.concat(
        F.lit(kind[0].upper()), F.substring(F.md5(F.concat_ws("|", F.col("label"), F.lit(night.isoformat()))), 1, 24)
    )
    assigned = clusters.join(survivors.select("label", "entity_id"), "label", "left")
    return assigned.select("mention_id", F.lit(kind).alias("kind"), F.coalesce("entity_id", fresh).alias("entity_id"))


def list_events(last: DataFrame, now: DataFrame, births: DataFrame, ended: DataFrame, night: date) -> DataFrame:
    """What happened to entities between the state before the night and now; one row per event.

    Args:
        last: from `last_assignment`.
        now: `mention_id`, `kind`, `entity_id`.
        births: as for `assign_entities`.
        ended: `entity_id` of entities that had no current mention when the night began.
        night: tonight.
    """
    entities_now = now.select("kind", "entity_id").distinct()
    was = last.where("was_current").select("mention_id", F.col("entity_id").alias("old"))
    moved = was.join(now, "mention_id").groupBy("kind", "old", "entity_id").agg(F.count(F.lit(1)).alias("mentions"))
    least = now.groupBy("kind", "entity_id").agg(F.min("mention_id").alias("mention_id"))
    tonight = births.where(F.col("born") == F.lit(night))
    first = least.join(births.where(F.col("born") < F.lit(night)), "entity_id", "left_anti")
    first = first.join(tonight.select("entity_id", "birth_mention"), "entity_id", "left")
    born = first.withColumn("mention_id", F.coalesce("birth_mention", "mention_id")).select(
        "kind",
        "entity_id",
        F.lit("birth").alias("event"),
        _nothing("other_id"),
        F.lit("new mentions").alias("cause"),
        "mention_id",
    )
    reopened = entities_now.join(ended, "entity_id").select(
        "kind",
        "entity_id",
        F.lit("reopen").alias("event"),
        _nothing("other_id"),
        F.lit("a mention came back").alias("cause"),
        _nothing("mention_id"),
    )
    gone = (
        last.where("was_current")
        .select("kind", "entity_id")
        .distinct()
        .join(entities_now, ["kind", "entity_id"], "left_anti")
    )
    order = Window.partitionBy("kind", "old").orderBy(F.col("mentions").desc(), F.col("entity_id"))
    into = moved.withColumn("_rank", F.row_number().over(order)).where(F.col("_rank") == 1)
    into = into.select("kind", F.col("old").alias("entity_id"), F.col("entity_id").alias("other_id"))
    left = gone.join(into, ["kind", "entity_id"], "left")
    merged_or_ended = left.select(
        "kind",
        "entity_id",
        F.when(F.col("other_id").isNull(), F.lit("end")).otherwise(F.lit("merge")).alias("event"),
        "other_id",
        F.when(F.col("other_id").isNull(), F.lit("no current mention"))
        .otherwise(F.lit("same evidence"))
        .alias("cause"),
        _nothing("mention_id"),
    )
    survived = moved.join(gone.withColumnRenamed("entity_id", "old"), ["kind", "old"], "left_anti")
    split = survived.where(F.col("old") != F.col("entity_id")).select(
        "kind",
        F.col("old").alias("entity_id"),
        F.lit("split").alias("event"),
        F.col("entity_id").alias("other_id"),
        F.lit("evidence changed").alias("cause"),
        _nothing("mention_id"),
    )
    events = born.unionByName(reopened).unionByName(merged_or_ended).unionByName(split)
    events = events.unionByName(_list_withdrawn(tonight.join(entities_now, "entity_id", "left_anti"), now))
    return events.withColumn("night", F.lit(night))


def _list_withdrawn(withdrawn: DataFrame, now: DataFrame) -> DataFrame:
    """Ids that an earlier run of the night gave out and that do not go on: their birth, and what became of them."""
    birth = withdrawn.select(
        "kind",
        "entity_id",
        F.lit("birth").alias("event"),
        _nothing("other_id"),
        F.lit("new mentions").alias("cause"),
        F.col("birth_mention").alias("mention_id"),
    )
    into = now.select(F.col("mention_id").alias("birth_mention"), F.col("entity_id").alias("other_id"))
    merges = F.col("other_id").isNotNull()
    fate = withdrawn.join(into, "birth_mention", "left").select(
        "kind",
        "entity_id",
        F.when(merges, F.lit("merge")).otherwise(F.lit("end")).alias("event"),
        "other_id",
        F.when(merges, F.lit("same evidence")).otherwise(F.lit("no current mention")).alias("cause"),
        _nothing("mention_id"),
    )
    return birth.unionByName(fate)


def _nothing(name: str) -> Column:
    return F.lit(None).cast("string").alias(name)
