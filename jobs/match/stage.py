"""Match: decide which mentions are the same resident, and carry ids on from the night before.

Reads: `harmonised.*`, `links.*`. Writes: `links.edge`, `links.assignment`, `links.identity_event`, `links.mention`.
Refuses nothing: what the evidence leaves open is a pair with the decision review.
"""

from datetime import date

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.common.engine import session
from jobs.common.rows import mention_id
from jobs.common.stage import Context
from jobs.common.versions import compare_states, current, difference, state_before, version_changes
from jobs.match.clusters import cluster_mentions
from jobs.match.edges import choose_holders, group_by_id, match_by_id, match_by_phone
from jobs.match.identity import assign_entities, follow_redirects, last_assignment, list_events

KIND = "resident"


def run(context: Context) -> None:
    """Edges, clusters, ids, events and mentions of the night."""
    if context.plan["nothing_new"]:
        return
    lake, run_id, night = context.lake, context.run.run_id, context.run.night
    mentions = lake.scratch(run_id, "mentions", list_mentions(lake.read(f"harmonised.{KIND}")))
    edges = match_mentions(context, mentions)
    clusters = find_clusters(context, mentions, edges)
    births = lake.scratch(run_id, "births", entities_born(lake.read("links.identity_event"), night))
    last = lake.scratch(run_id, "last", known_entities(context))
    now = lake.scratch(run_id, "assigned", assign_entities(clusters, last, births, night, KIND))

    written = lake.merge(
        "links.edge", difference(lake.read("links.edge"), edges, lake.declared["links.edge"].key), run_id
    )
    assignments = lake.read("links.assignment").where(F.col("kind") == KIND)
    lake.merge("links.assignment", assignment_changes(assignments, now, night), run_id)
    ended = (
        last.groupBy("entity_id").agg(F.max("was_current").alias("lives")).where(~F.col("lives")).select("entity_id")
    )
    write_events(context, list_events(last, now, births, ended, night))
    write_mentions(context, mentions, now)
    context.log("match", KIND, mentions=mentions.count(), edges_changed=written)


def list_mentions(records: DataFrame) -> DataFrame:
    """One row per current record that names a resident, with what it is recognised by."""
    return current(records).select(
        mention_id(KIND).alias("mention_id"),
        F.lit(KIND).alias("kind"),
        "system",
        "object",
        "source_key",
        "role",
        "file_id",
        "row_number",
        "name",
        "birth_date",
        "id_number",
        "phone",
    )


def match_mentions(context: Context, mentions: DataFrame) -> DataFrame:
    """All decisions on pairs; unique by mention, other and reason."""
    lake, run_id = context.lake, context.run.run_id
    grouped = lake.scratch(run_id, "grouped", group_by_id(mentions))
    holders = lake.scratch(run_id, "holders", choose_holders(grouped))
    by_id, by_phone = match_by_id(grouped, holders), match_by_phone(mentions, grouped, holders)
    return lake.scratch(run_id, "edges", by_id.unionByName(by_phone))


def find_clusters(context: Context, mentions: DataFrame, edges: DataFrame) -> DataFrame:
    """`mention_id`, `label`, one row per mention; components are found outside the engine, which has no recursion."""
    accepted = edges.where(F.col("decision") == "accept").select("mention_id", "other_id").toArrow()
    table = cluster_mentions(mentions.select("mention_id").toArrow(), accepted)
    path = context.workspace.scratch_dir(context.run.run_id) / "clusters.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)  # where no file has landed nothing has made it yet
    pq.write_table(table.cast(pa.schema([("mention_id", pa.string()), ("label", pa.string())])), path)
    return session().read.parquet(str(path))


def entities_born(events: DataFrame, night: date) -> DataFrame:
    """Entities born up to tonight: `entity_id`, `kind`, `born`, `birth_mention`."""
    born = events.where((F.col("event") == "birth") & (F.col("kind") == KIND) & (F.col("night") <= F.lit(night)))
    return born.select("entity_id", "kind", F.col("night").alias("born"), F.col("mention_id").alias("birth_mention"))


def known_entities(context: Context) -> DataFrame:
    """The last entity of each mention before tonight, merges followed to the id that goes on."""
    lake, night = context.lake, context.run.night
    events = lake.read("links.identity_event").where((F.col("event") == "merge") & (F.col("night") < F.lit(night)))
    into = {row["entity_id"]: row["other_id"] for row in events.toArrow().to_pylist()}
    for old in into:
        while into[old] in into:
            into[old] = into[into[old]]
    redirects = session().createDataFrame(sorted(into.items()), "entity_id string, survivor string")
    assignments = lake.read("links.assignment").where(F.col("kind") == KIND)
    return follow_redirects(last_assignment(assignments, night), redirects)


def assignment_changes(assignments: DataFrame, now: DataFrame, night: date) -> DataFrame:
    """Rows that bring the identity ledger to tonight's state."""
    states = compare_states(state_before(assignments, night), now, ["mention_id"], "entity_id")
    opened = now.join(states.where(F.col("state").isin("new", "changed")), "mention_id", "left_semi")
    opened = opened.withColumn("valid_from", F.lit(night)).withColumn("valid_to", F.lit(None).cast("date"))
    closed = states.where(F.col("state").isin("changed", "absent"))
    return version_changes(assignments, opened, closed, ["mention_id"], night)


def write_events(context: Context, events: DataFrame) -> None:
    """Events are those of the night's two states: an earlier try's events of the same night are replaced."""
    name = "links.identity_event"
    known = context.lake.read(name).where((F.col("night") == F.lit(context.run.night)) & (F.col("kind") == KIND))
    context.lake.merge(name, difference(known, events, context.lake.declared[name].key), context.run.run_id)


def write_mentions(context: Context, mentions: DataFrame, now: DataFrame) -> None:
    name = "links.mention"
    names = context.lake.declared[name].names
    target = mentions.join(now.select("mention_id", "entity_id"), "mention_id").select(*names)
    known = context.lake.read(name).where(F.col("kind") == KIND)
    context.lake.merge(name, difference(known, target, ["mention_id"]), context.run.run_id)
