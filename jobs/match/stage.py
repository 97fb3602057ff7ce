"""Match: decide which mentions are the same entity, and carry ids on from the night before.

Reads: `harmonised.*`, `links.*`, `conf/match.yml`. Writes: `links.edge`, `links.assignment`, `links.identity_event`,
`links.mention`. Refuses nothing: what the evidence leaves open is a pair with the decision review.

Decisions and clusters are those of all current mentions, whatever the order in which they came. They are worked out for the
mentions that what changed tonight can reach, identities for the clusters that are not what they were, and only what differs
is written.
"""

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.common.lake.engine import run_concurrently, session
from jobs.common.lake.versions import difference, stood_before, touched, union_all
from jobs.common.run.incremental import IncrementalState
from jobs.common.run.stage import Context
from jobs.common.run.workload import spare_memory_if_large
from jobs.match import dwellings, households, organisations, residents
from jobs.match.edges import assignment_changes, edge_changes, mention_changes
from jobs.match.identity import (
    assign_entities,
    follow_redirects,
    last_assignment,
    list_births,
    list_events,
    new_entity,
)
from jobs.match.mentions import (
    KINDS,
    NUMBERINGS,
    kinds_there,
    list_mentions,
    mention_number,
    nameless_words,
    numbered_by,
)
from jobs.match.neighbourhood import find_neighbourhood, record_number
from jobs.match.pairs import DECISION, accepted, as_edges
from jobs.match.scope import compare_clusters, list_scope

LINKS = ("links.edge", "links.assignment", "links.identity_event", "links.mention")


@dataclass(frozen=True)
class Night:
    """What a night works with: the context and the numbering in which mentions and stored ids are compared.

    `ids` (`mention_id`, unique) are the mentions that are or were to be looked at, None where it is all of them.
    """

    context: Context
    numbering: int
    ids: DataFrame | None = None

    def scratch(self, label: str, frame: DataFrame) -> DataFrame:
        return self.context.lake.scratch(self.context.run.run_id, f"match-{label}", frame)

    def numbered(self, frame: DataFrame, column: str = "mention_id", name: str = "number") -> DataFrame:
        """Adds the number of the mention in `column`."""
        return frame.withColumn(name, mention_number(F.col(column), self.numbering))

    def links(self, table: str) -> DataFrame:
        """The table's rows of the mentions that are looked at."""
        rows = self.context.lake.read(f"links.{table}")
        return rows if self.ids is None else rows.join(self.ids, "mention_id", "left_semi")

    def events(self) -> DataFrame:
        return self.context.lake.read("links.identity_event")

    def births(self) -> DataFrame:
        """Rows of `links.identity_event` up to tonight that say which mention gave birth to an entity."""
        is_past = F.col("night") <= F.lit(self.context.run.night)
        return self.events().where((F.col("event") == "birth") & is_past)

    def write(self, table: str, changes: DataFrame, are_new: bool = False) -> int:
        lake, name = self.context.lake, f"links.{table}"
        # Into an empty table all goes, so that there is nothing small to be computed first.
        return lake.merge(name, changes, self.context.run.run_id, is_computed=lake.is_empty(name), are_new=are_new)


def run(context: Context) -> None:
    """Decisions, clusters, ids, events and mentions of the night."""
    if context.plan["nothing_new"]:
        return
    if all(context.lake.is_empty(name) for name in (*(f"harmonised.{kind}" for kind in KINDS), *LINKS)):
        context.log("match", "nobody is mentioned")
        return
    spare_memory_if_large(context)
    state = IncrementalState(context, "match", LINKS)
    known = state.last()
    state.begin()
    redirects = list_redirects(context)
    night, mentions = read_near(context, redirects, known["numbering"]) if known else read_all(context)
    decisions, linked = decide_all(night, mentions)
    written = write_edges(night, mentions, decisions)
    # Of two joined frames the embedded engine holds the first in memory: the one with fewer rows or columns.
    clusters = linked.join(mentions.select("number", "mention_id", "kind"), "number", "right")
    clusters = clusters.select("number", "mention_id", "kind", F.coalesce("label", "number").alias("root"))
    if context.lake.is_empty("links.assignment") and context.lake.is_empty("links.identity_event"):
        write_births(night, mentions, clusters)
    else:
        write_identities(night, mentions, clusters, redirects)
    state.keep(numbering=night.numbering)
    kinds = mentions.groupBy("kind").agg(F.count(F.lit(1)).alias("mentions")).toArrow().to_pylist()
    counts = {row["kind"]: row["mentions"] for row in kinds}
    told = "all mentions" if night.ids is None else "mentions that may have changed"
    context.log("match", told, **{kind: counts[kind] for kind in KINDS if kind in counts}, edges_changed=written)


def read_all(context: Context) -> tuple[Night, DataFrame]:
    """The current mentions of all kinds, in the first numbering that tells them and those of before apart."""
    for night in (Night(context, numbering) for numbering in NUMBERINGS):
        mentions = list_current(night)
        ever = night.numbered(night.links("assignment").select("mention_id"))
        if is_unambiguous(mentions.select("number", "mention_id").unionByName(ever)):
            return night, mentions
    raise RuntimeError("no numbering tells the mentions apart")


def read_near(context: Context, redirects: DataFrame, numbering: int) -> tuple[Night, DataFrame]:
    """The mentions that what changed tonight can reach, in the numbering of the night before; all where that does not do."""
    if (near := find_neighbourhood(context, redirects)) is None:
        return read_all(context)
    mentions = list_current(Night(context, numbering), near.records)
    ids = mentions.select("mention_id").unionByName(near.changed).distinct()
    night = Night(context, numbering, Night(context, numbering).scratch("ids", ids))
    ever = context.lake.read("links.assignment").select("mention_id")
    new = ids.join(ever, "mention_id", "left_anti")
    # Compared as text: of all that ever were few are to be numbered.
    digits = numbered_by(F.col("mention_id"), numbering).alias("digits")
    taken = ever.withColumn("digits", digits).join(new.select(digits).distinct(), "digits", "left_semi").drop("digits")
    return (night, mentions) if is_unambiguous(night.numbered(new.unionByName(taken))) else read_all(context)


def list_current(night: Night, records: DataFrame | None = None) -> DataFrame:
    """The current mentions of all kinds, or those of `records` (see `record_number`)."""
    lake, frames = night.context.lake, []
    no_names = nameless_words(night.context.conf)
    for kind in kinds_there(lake):
        rows = lake.read(f"harmonised.{kind}")
        if records is not None:
            rows = rows.withColumn("record", record_number(kind)).join(records, "record", "left_semi")
        frames.append(list_mentions(rows, kind, night.numbering, no_names))
    return night.scratch("mentions", union_all(frames))


def is_unambiguous(ids: DataFrame) -> bool:
    """Whether no two of the mentions have one `number`; a `mention_id` may be there twice."""
    second = F.xxhash64("mention_id")
    numbers = ids.groupBy("number").agg(F.min(second).alias("least"), F.max(second).alias("greatest"))
    return numbers.where("least < greatest").limit(1).count() == 0


def decide_all(night: Night, mentions: DataFrame) -> tuple[DataFrame, DataFrame]:
    """All decisions on pairs, unique by number, other and reason; and `number`, `label` of mentions with another root."""
    of = {kind: mentions.where(F.col("kind") == kind) for kind in KINDS}
    apart = {"resident": decide_residents, "dwelling": decide_dwellings, "organisation": decide_organisations}
    parts = run_concurrently(lambda kind: apart[kind](night, of[kind]), apart)
    decisions = union_all([part for found in parts for part in found])
    linked = accepted(decisions).withColumnRenamed("other", "label")
    further, labels = decide_households(night, of["household"], of["dwelling"], linked)
    return decisions.unionByName(further), linked.unionByName(labels)


# Many small frames, each computed once: what a frame is made of is planned again wherever it is used.
def decide_residents(night: Night, mentions: DataFrame) -> list[DataFrame]:
    """All decisions on residents, in parts."""
    by_id = night.scratch("by-id", residents.group_by_id(mentions))
    parted = night.scratch("parted", residents.part_names(by_id))
    unheld = night.scratch("unheld", residents.list_unheld(mentions, parted))
    held = residents.list_held(by_id, parted)
    by_three = night.scratch("by-three", residents.match_by_three(unheld, held))
    by_two = night.scratch("by-two", residents.match_by_two(unheld, held, by_three))
    return [night.scratch("residents", residents.match_by_id(by_id, parted)), by_three, by_two]


def decide_dwellings(night: Night, mentions: DataFrame) -> list[DataFrame]:
    """All decisions on dwellings, in parts."""
    placed = night.scratch("placed", dwellings.place_mentions(mentions))
    roads = night.scratch("roads", dwellings.list_roads(placed))
    by_compound = night.scratch("compounds", dwellings.match_by_compound(placed, roads))
    unplaced = night.scratch("unplaced", dwellings.match_unplaced(mentions, placed, roads, by_compound))
    return [night.scratch("dwellings", dwellings.match_by_road(placed, roads)), by_compound, unplaced]


def decide_organisations(night: Night, mentions: DataFrame) -> list[DataFrame]:
    """All decisions on organisations, in parts."""
    coded = night.scratch("coded", organisations.group_by_code(mentions))
    names = night.scratch("names", organisations.list_names(coded))
    loose = night.scratch("loose", organisations.name_loose(mentions, names))
    return [night.scratch("organisations", organisations.match_organisations(coded, names, loose))]


def decide_households(
    night: Night, mentions: DataFrame, homes: DataFrame, linked: DataFrame
) -> tuple[DataFrame, DataFrame]:
    """As `decide_all`, of households alone; pairs of register entries form chains, which the engine cannot follow."""
    placed = night.scratch("households", households.place_households(mentions, homes, linked))
    settled = households.settle_entries(households.compare_entries(placed).toArrow())
    between = write_arrow(night, "entry-decisions", settled.decisions)
    between = between.withColumn("kind", F.lit(households.KIND)).select(*DECISION)
    moved = write_arrow(night, "entry-labels", settled.labels).withColumnRenamed("number", "entry")
    labels = placed.select("number", "entry").join(moved, "entry", "left")
    labels = labels.select("number", F.coalesce("label", "entry").alias("label")).where("number != label")
    return households.match_by_register(placed).unionByName(between), labels


def write_arrow(night: Night, label: str, table: pa.Table) -> DataFrame:
    """A table that was found outside the engine, as a frame."""
    path = night.context.workspace.scratch_dir(night.context.run.run_id) / f"match-{label}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)  # where no file has landed nothing has made it yet
    pq.write_table(table, path)
    return session().read.parquet(str(path))


def write_edges(night: Night, mentions: DataFrame, decisions: DataFrame) -> int:
    """Bring `links.edge` to tonight's decisions; returns the rows that differed."""
    lake, ids = night.context.lake, mentions.select("number", "mention_id")
    if lake.is_empty("links.edge"):
        names = lake.declared["links.edge"].names
        return night.write("edge", as_edges(decisions, ids).select(*names, F.lit("upsert").alias("_op")))
    edges = night.numbered(night.numbered(night.links("edge")), "other_id", "other")
    return night.write("edge", edge_changes(edges, decisions, ids))


def write_births(night: Night, mentions: DataFrame, clusters: DataFrame) -> None:
    """The same as `write_identities` where no id has been given out yet: every cluster is born tonight."""
    tonight = F.lit(night.context.run.night)
    entity = new_entity(F.col("kind"), F.col("mention_id"), night.context.run.night)
    born = clusters.where("number = root").select("root", "kind", "mention_id", entity.alias("entity_id"))
    born = night.scratch("born", born)
    assigned = born.select("root", "entity_id").join(clusters, "root")
    assigned = night.scratch("assigned", assigned.select("number", "mention_id", "kind", "entity_id"))
    dates = {"valid_from": tonight, "valid_to": F.lit(None).cast("date")}
    # The narrow frame first, as it is held in memory.
    now = assigned.select("number", "entity_id").join(mentions, "number")
    lake = night.context.lake
    for table, rows in (
        ("assignment", assigned.withColumns(dates)),
        ("identity_event", list_births(born).withColumn("night", tonight)),
        ("mention", now),
    ):
        names = lake.declared[f"links.{table}"].names
        night.write(table, rows.select(*names, F.lit("upsert").alias("_op")))


def write_identities(night: Night, mentions: DataFrame, clusters: DataFrame, redirects: DataFrame) -> None:
    """Carry ids on for the clusters that are not what they were, and bring the three tables of identity to the night."""
    tonight, ids = night.context.run.night, mentions.select("number", "mention_id")
    assignments = night.numbered(night.links("assignment"))
    before = assignments.where(stood_before(tonight)).select("number", "kind", "entity_id")
    compared = night.scratch("compared", compare_clusters(clusters, before))
    scope = night.scratch("scope", find_scope(night, compared, assignments, redirects))
    versions = night.scratch("versions", assignments.join(scope, "number", "left_semi"))
    last = night.scratch("last", follow_redirects(last_assignment(versions, tonight), redirects))
    births = night.scratch("births", entities_born(night, last))
    current = compared.where(F.col("root").isNotNull())
    inside = current.join(scope, "number", "left_semi").select("number", "kind", "root")
    entities = night.scratch("entities", assign_entities(inside, ids, last, births, tonight))
    anew = (
        inside.select("number", "root").join(entities.select("root", "kind", "entity_id"), "root").join(ids, "number")
    )
    anew = night.scratch("assigned", anew.select("number", "mention_id", "kind", "entity_id"))

    night.write("assignment", assignment_changes(versions.drop("number"), anew.drop("number"), tonight))
    events = night.events().where(F.col("night") == F.lit(tonight))
    declared = night.context.lake.declared["links.identity_event"]
    changes = difference(events, list_events(last, inside, entities, births, tonight), declared.key, declared.names)
    night.write("identity_event", changes, are_new=events.limit(1).count() == 0)
    assigned = current.select("number", F.col("entity_id").alias("_before"))
    assigned = assigned.join(anew.select("number", "entity_id"), "number", "left")
    assigned = assigned.select("number", F.coalesce("entity_id", "_before").alias("entity_id"))
    names = night.context.lake.declared["links.mention"].names
    night.write("mention", mention_changes(night.numbered(night.links("mention")), mentions, assigned, names))


def find_scope(night: Night, compared: DataFrame, assignments: DataFrame, redirects: DataFrame) -> DataFrame:
    """`number` of the mentions whose entity must be found out, as `list_scope` has it."""
    tried = assignments.where(touched(night.context.run.night)).select("number")
    new = compared.where(F.col("root").isNotNull() & F.col("entity_id").isNull()).select("number")
    past = last_assignment(assignments.join(new, "number", "left_semi"), night.context.run.night)
    reopened = follow_redirects(past, redirects).select(F.xxhash64("entity_id").alias("entity_key")).distinct()
    return list_scope(compared, tried, reopened)


def entities_born(night: Night, last: DataFrame) -> DataFrame:
    """Entities of `last` and those born tonight: `entity_id`, `kind`, `born`, `birth`, `mention_id`."""
    tonight = F.lit(night.context.run.night)
    births = night.births()
    known = births.where(F.col("night") < tonight).join(last.select("entity_id").distinct(), "entity_id", "left_semi")
    born = night.numbered(known.unionByName(births.where(F.col("night") == tonight)), name="birth")
    return born.select("entity_id", "kind", F.col("night").alias("born"), "birth", "mention_id")


def list_redirects(context: Context) -> DataFrame:
    """`entity_id`, `survivor` of entities that were merged away before tonight, followed to the id that goes on."""
    events = context.lake.read("links.identity_event")
    merges = events.where((F.col("event") == "merge") & (F.col("night") < context.run.night))
    into = {row["entity_id"]: row["other_id"] for row in merges.toArrow().to_pylist()}
    for old in into:
        while into[old] in into:
            into[old] = into[into[old]]
    return session().createDataFrame(sorted(into.items()), "entity_id string, survivor string")
