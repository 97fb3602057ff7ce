"""Which entity each cluster is: ids go on from the night before, and every change is an event.

A cluster takes an id from the entities its mentions belonged to. An entity that fell apart goes on with the part that has
more of its mentions, at a tie with the part that has its birth mention; of several entities in one cluster the oldest
goes on and the others redirect to it. A cluster without a past gets a new id: the hash of its root and the night.
A mention whose key was given to another person has no past: its entity ends unless others go on with it.
What an earlier run of the same night has given out counts as past too, as it may have been released: such an id goes on
with its birth mention.

Clusters of all kinds are worked on together: each keeps to its kind, as its mentions do.
"""

from datetime import date

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from jobs.common.lake.versions import stood_before, union_all


def last_assignment(assignments: DataFrame, night: date) -> DataFrame:
    """The entity each mention belonged to last before `night`, also of ended ones; one row per mention.

    `was_current` tells whether it was still so when the night began.

    Args:
        assignments: rows of `links.assignment` with the mention's `number`.
        night: tonight.
    """
    before = assignments.where(F.col("valid_from") < F.lit(night))
    newest = Window.partitionBy("number").orderBy(F.col("valid_from").desc())
    ranked = before.withColumn("_rank", F.row_number().over(newest)).where(F.col("_rank") == 1)
    return ranked.select("number", "kind", "entity_id", stood_before(night).alias("was_current"))


def follow_redirects(last: DataFrame, redirects: DataFrame) -> DataFrame:
    """Entities that were merged away while a mention was ended are replaced by the one that went on.

    `redirects`: `entity_id`, `survivor`, unique by entity_id.
    """
    joined = last.join(redirects, "entity_id", "left")
    return joined.withColumn("entity_id", F.coalesce("survivor", "entity_id")).drop("survivor")


def assign_entities(clusters: DataFrame, ids: DataFrame, last: DataFrame, births: DataFrame, night: date) -> DataFrame:
    """The entity of each cluster tonight: `root`, `kind`, `entity_id`, `mention_id` of the root; one row per cluster.

    Args:
        clusters: `number`, `kind`, `root`, the mention of the cluster that names it.
        ids: `number`, `mention_id` of the roots at least, unique by number.
        last: from `last_assignment`.
        births: `entity_id`, `kind`, `born`, `birth`, the mention's number, `mention_id`; unique by entity_id, up to tonight.
        night: tonight.
    """
    # An id of tonight follows its birth mention alone, so that no new id can be the same hash.
    tonight = births.where(F.col("born") == F.lit(night)).select(F.col("birth").alias("number"), "entity_id")
    past = last.select("number", "entity_id").unionByName(tonight)
    known = clusters.join(past, "number").join(births.select("entity_id", "born", "birth"), "entity_id")
    votes = known.groupBy("entity_id", "root", "born").agg(
        F.count(F.lit(1)).alias("mentions"),
        F.max(F.when(F.col("number") == F.col("birth"), 1).otherwise(0)).alias("has_birth"),
    )
    by_entity = Window.partitionBy("entity_id").orderBy(
        F.col("mentions").desc(), F.col("has_birth").desc(), F.col("root")
    )
    goes_on = votes.withColumn("_rank", F.row_number().over(by_entity)).where(F.col("_rank") == 1)
    oldest = Window.partitionBy("root").orderBy(F.col("born"), F.col("entity_id"))
    survivors = goes_on.withColumn("_rank", F.row_number().over(oldest)).where(F.col("_rank") == 1)
    roots = clusters.where("number = root").select("root", "kind")
    roots = roots.join(ids.select(F.col("number").alias("root"), "mention_id"), "root")
    roots = roots.join(survivors.select("root", "entity_id"), "root", "left")
    fresh = new_entity(F.col("kind"), F.col("mention_id"), night)
    return roots.select("root", "kind", F.coalesce(F.col("entity_id"), fresh).alias("entity_id"), "mention_id")


def new_entity(kind: Column, root: Column, night: date) -> Column:
    """Id of an entity born tonight: the first letter of its kind, and a hash of the mention that gives birth to it."""
    text = F.concat_ws("|", root, F.lit(night.isoformat()))
    return F.concat(F.upper(F.substring(kind, 1, 1)), F.substring(F.md5(text), 1, 24))


def list_events(
    last: DataFrame,
    clusters: DataFrame,
    entities: DataFrame,
    births: DataFrame,
    night: date,
    same: DataFrame | None = None,
) -> DataFrame:
    """What happened to entities between the state before the night and now; one row per event.

    Args:
        last: from `last_assignment`; with a mention, all that were current in its entity.
        clusters: as for `assign_entities`.
        entities: from `assign_entities`.
        births: as for `assign_entities`.
        night: tonight.
        same: those of `last` that speak of the same person still; None if it is all of them.
    """
    tonight = births.where(F.col("born") == F.lit(night))
    first = entities.join(births.where(F.col("born") < F.lit(night)), "entity_id", "left_anti")
    given = tonight.select("entity_id", F.col("mention_id").alias("_given"))
    first = first.join(given, "entity_id", "left").withColumn("mention_id", F.coalesce("_given", "mention_id"))
    lives = last.groupBy("entity_id").agg(F.max("was_current").alias("lives"))
    reopened = _event(entities.join(lives.where("not lives"), "entity_id"), "reopen", "a mention came back")
    stayed = last if same is None else same
    was = stayed.where("was_current").select("number", F.col("entity_id").alias("old"))
    now = clusters.select("number", "root").join(entities, "root")
    moved = was.join(now, "number").groupBy("kind", "old", "entity_id").agg(F.count(F.lit(1)).alias("mentions"))
    gone = last.where("was_current").select("kind", "entity_id").distinct()
    gone = gone.join(entities, ["kind", "entity_id"], "left_anti")
    order = Window.partitionBy("kind", "old").orderBy(F.col("mentions").desc(), F.col("entity_id"))
    into = moved.withColumn("_rank", F.row_number().over(order)).where(F.col("_rank") == 1)
    into = into.select("kind", F.col("old").alias("entity_id"), F.col("entity_id").alias("other_id"))
    given = last.join(stayed.select("number"), "number", "left_anti").select("entity_id").distinct()
    merged_or_ended = _tell_given(_fates(gone.join(into, ["kind", "entity_id"], "left")), given)
    survived = moved.join(gone.withColumnRenamed("entity_id", "old"), ["kind", "old"], "left_anti")
    parts = survived.where("old != entity_id")
    parts = parts.select("kind", F.col("entity_id").alias("other_id"), F.col("old").alias("entity_id"))
    split = _event(parts, "split", "evidence changed", other=F.col("other_id"))
    withdrawn = _list_withdrawn(tonight.join(entities, "entity_id", "left_anti"), now)
    return union_all([list_births(first), reopened, merged_or_ended, split, withdrawn]).withColumn(
        "night", F.lit(night)
    )


def list_births(entities: DataFrame) -> DataFrame:
    """The events of entities that are new tonight, without the night: of `kind`, `entity_id`, and `mention_id`, their first."""
    return _event(entities, "birth", "new mentions", mention=F.col("mention_id"))


def _list_withdrawn(withdrawn: DataFrame, now: DataFrame) -> DataFrame:
    """Ids that an earlier run of the night gave out and that do not go on: their birth, and what became of them."""
    into = now.select(F.col("number").alias("birth"), F.col("entity_id").alias("other_id"))
    return list_births(withdrawn).unionByName(_fates(withdrawn.join(into, "birth", "left")))


def _tell_given(events: DataFrame, given: DataFrame) -> DataFrame:
    """Events that name the cause of an end, if a key of the entity was given to another person."""
    marked = events.join(given.withColumn("_given", F.lit(True)), "entity_id", "left")
    is_given = (F.col("event") == "end") & F.col("_given").isNotNull()
    told = F.when(is_given, F.lit("key given to another")).otherwise(F.col("cause"))
    return marked.withColumn("cause", told).select(*events.columns)


def _fates(gone: DataFrame) -> DataFrame:
    """A merge into `other_id`, or an end where there is none."""
    ends = F.col("other_id").isNull()
    merge = _event(gone.where(~ends), "merge", "same evidence", other=F.col("other_id"))
    return merge.unionByName(_event(gone.where(ends), "end", "no current mention"))


def _event(
    entities: DataFrame, event: str, cause: str, other: Column | None = None, mention: Column | None = None
) -> DataFrame:
    nothing = F.lit(None).cast("string")
    return entities.select(
        "kind",
        "entity_id",
        F.lit(event).alias("event"),
        (nothing if other is None else other).alias("other_id"),
        F.lit(cause).alias("cause"),
        (nothing if mention is None else mention).alias("mention_id"),
    )
