"""Match: decide which mentions are the same entity, and carry ids on from the night before.

Reads: `harmonised.*`, `links.*`, `conf/match.yml`. Writes: `links.edge`, `links.assignment`, `links.identity_event`,
`links.mention`. Refuses nothing: what the evidence leaves open is a pair with the decision review.

Matchers decide on pairs, and clusters are the components of accepted pairs and of what people have judged. Both are a
function of all current mentions and judgements, whatever the order in which they came. They are worked out for the
mentions that what changed tonight can reach, identities for the clusters that are not what they were, and only what
differs is written.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.common.contracts.sources import default_role
from jobs.common.intake.judgements import Pair, as_found, changed_mentions, read_judgements
from jobs.common.lake.engine import session
from jobs.common.lake.tables import Lake
from jobs.common.lake.versions import current, difference, stood_before, touched, union_all
from jobs.common.model.links import Judgement
from jobs.common.run.incremental import IncrementalState
from jobs.common.run.stage import Context
from jobs.common.run.workload import spare_memory_if_large
from jobs.match.given_keys import given_to_others
from jobs.match.identity import (
    assign_entities,
    follow_redirects,
    last_assignment,
    list_births,
    list_events,
    new_entity,
)
from jobs.match.link_changes import assignment_changes, edge_changes, mention_changes
from jobs.match.match_run import MatchRun
from jobs.match.mentions import (
    KINDS,
    NUMBERINGS,
    kinds_there,
    list_mentions,
    lists_of_people,
    numbered_by,
    read_listed,
    row_contacts,
    with_row_contacts,
)
from jobs.match.neighbourhood import find_neighbourhood, record_number
from jobs.match.pairs import as_edges
from jobs.match.run_matchers import decide_all
from jobs.match.scope import compare_clusters, list_scope

# Residents with an id number from which on a name and birth date may tell who somebody is.
WELL_KNOWN_FROM = 1_000
LINKS = ("links.edge", "links.assignment", "links.identity_event", "links.mention")


def run(context: Context) -> None:
    """Decisions, clusters, ids, events and mentions of the night."""
    if context.plan["nothing_new"]:
        return
    if all(context.lake.is_empty(name) for name in (*(f"harmonised.{kind}" for kind in KINDS), *LINKS)):
        context.log("match", "nobody is mentioned")
        return
    spare_memory_if_large(context)
    state = IncrementalState(context, "match", LINKS)
    is_well_known = are_well_known(context.lake)
    known = last_alike(state, is_well_known)
    state.begin()
    redirects, judgements = list_redirects(context), read_judgements(context.lake, context.run.night)
    run, mentions = read_near(context, redirects, known, judgements) if known else read_all(context, judgements)
    run = replace(run, is_well_known=is_well_known)
    decisions, roots = decide_all(run, mentions)
    written = write_edges(run, mentions, decisions)
    # Of two joined frames the embedded engine holds the first in memory: the one with fewer rows or columns.
    clusters = roots.join(mentions.select("number", "mention_id", "kind"), "number", "right")
    clusters = clusters.select("number", "mention_id", "kind", F.coalesce("root", "number").alias("root"))
    if context.lake.is_empty("links.assignment") and context.lake.is_empty("links.identity_event"):
        write_births(run, mentions, clusters)
    else:
        write_identities(run, mentions, clusters, redirects)
    state.keep(numbering=run.numbering, judgements=as_found(judgements), is_well_known=is_well_known)
    kinds = mentions.groupBy("kind").agg(F.count(F.lit(1)).alias("mentions")).toArrow().to_pylist()
    counts = {row["kind"]: row["mentions"] for row in kinds}
    told = "all mentions" if run.ids is None else "mentions that may have changed"
    context.log("match", told, **{kind: counts[kind] for kind in KINDS if kind in counts}, edges_changed=written)


def last_alike(state: IncrementalState, is_well_known: bool) -> dict[str, Any] | None:
    """What the last night recorded; None if it asked for more or less evidence than tonight."""
    known = state.last()
    return known if known and known["is_well_known"] == is_well_known else None


def are_well_known(lake: Lake) -> bool:
    """Whether so many residents are known by their id number that one who alone has a name and birth date is the one.

    In a small list every name looks unique.
    """
    if lake.is_empty("harmonised.resident"):
        return False
    known = current(lake.read("harmonised.resident")).where(F.col("id_number").isNotNull()).select("id_number")
    return known.distinct().limit(WELL_KNOWN_FROM).count() >= WELL_KNOWN_FROM


def read_all(context: Context, judgements: Mapping[Pair, Judgement]) -> tuple[MatchRun, DataFrame]:
    """The current mentions of all kinds, in the first numbering that tells them and those of before apart."""
    for run in (MatchRun(context, numbering, None, judgements) for numbering in NUMBERINGS):
        mentions = list_current(run)
        ever = run.numbered(run.links("assignment").select("mention_id"))
        if is_unambiguous(mentions.select("number", "mention_id").unionByName(ever)):
            return run, mentions
    raise RuntimeError("no numbering tells the mentions apart")


def read_near(
    context: Context, redirects: DataFrame, known: Mapping[str, Any], judgements: Mapping[Pair, Judgement]
) -> tuple[MatchRun, DataFrame]:
    """The mentions that what changed tonight can reach, in the numbering of the night before; all if that does not do."""
    rejudged = changed_mentions(known["judgements"], as_found(judgements))
    numbering: int = known["numbering"]
    if (near := find_neighbourhood(context, redirects, judgements, rejudged)) is None:
        return read_all(context, judgements)
    first = MatchRun(context, numbering)
    mentions = list_current(first, near.records)
    ids = mentions.select("mention_id").unionByName(near.changed).distinct()
    run = MatchRun(context, numbering, first.scratch("ids", ids), judgements)
    ever = context.lake.read("links.assignment").select("mention_id")
    new = ids.join(ever, "mention_id", "left_anti")
    # Compared as text: of all that ever were few are to be numbered.
    digits = numbered_by(F.col("mention_id"), numbering).alias("digits")
    taken = ever.withColumn("digits", digits).join(new.select(digits).distinct(), "digits", "left_semi").drop("digits")
    is_plain = is_unambiguous(run.numbered(new.unionByName(taken)))
    return (run, mentions) if is_plain else read_all(context, judgements)


def list_current(run: MatchRun, records: DataFrame | None = None) -> DataFrame:
    """The current mentions of all kinds, or those of `records` (see `record_number`)."""
    lake, frames = run.context.lake, []
    listed = read_listed(run.context.conf)
    for kind in kinds_there(lake):
        rows = lake.read(f"harmonised.{kind}")
        if records is not None:
            rows = rows.withColumn("record", record_number(kind)).join(records, "record", "left_semi")
        mentions = list_mentions(rows, kind, run.numbering, listed)
        frames.append(complete_residents(run.context, mentions) if kind == "resident" else mentions)
    return run.scratch("mentions", union_all(frames))


def complete_residents(context: Context, mentions: DataFrame) -> DataFrame:
    """Mentions of residents with what their row says of dwelling and household, and the key of their list."""
    places = lists_of_people(context.conf)
    is_listed = F.col("role") == default_role("resident")
    is_of = F.lit(False)
    for system, name in places:
        is_of = is_of | ((F.col("system") == system) & (F.col("object") == name))
    listed = F.when(is_listed & is_of, F.xxhash64("system", "object"))
    return with_row_contacts(mentions, row_contacts(context.lake, context.conf.road_names)).withColumn(
        "list_key", listed
    )


def is_unambiguous(ids: DataFrame) -> bool:
    """Whether no two of the mentions have one `number`; a `mention_id` may be there twice."""
    second = F.xxhash64("mention_id")
    numbers = ids.groupBy("number").agg(F.min(second).alias("least"), F.max(second).alias("greatest"))
    return numbers.where("least < greatest").limit(1).count() == 0


def write_edges(run: MatchRun, mentions: DataFrame, decisions: DataFrame) -> int:
    """Bring `links.edge` to tonight's decisions; returns the rows that differed."""
    lake, ids = run.context.lake, mentions.select("number", "mention_id")
    if lake.is_empty("links.edge"):
        names = lake.declared["links.edge"].names
        return run.write("edge", as_edges(decisions, ids).select(*names, F.lit("upsert").alias("_op")))
    edges = run.numbered(run.numbered(run.links("edge")), "other_id", "other")
    return run.write("edge", edge_changes(edges, decisions, ids))


def write_births(run: MatchRun, mentions: DataFrame, clusters: DataFrame) -> None:
    """The same as `write_identities` where no id has been given out yet: every cluster is born tonight."""
    tonight = F.lit(run.context.run.night)
    entity = new_entity(F.col("kind"), F.col("mention_id"), run.context.run.night)
    born = clusters.where("number = root").select("root", "kind", "mention_id", entity.alias("entity_id"))
    born = run.scratch("born", born)
    assigned = born.select("root", "entity_id").join(clusters, "root")
    assigned = run.scratch("assigned", assigned.select("number", "mention_id", "kind", "entity_id"))
    dates = {"valid_from": tonight, "valid_to": F.lit(None).cast("date")}
    # The narrow frame first, as it is held in memory.
    now = assigned.select("number", "entity_id").join(mentions, "number")
    lake = run.context.lake
    for table, rows in (
        ("assignment", assigned.withColumns(dates)),
        ("identity_event", list_births(born).withColumn("night", tonight)),
        ("mention", now),
    ):
        names = lake.declared[f"links.{table}"].names
        run.write(table, rows.select(*names, F.lit("upsert").alias("_op")))


def write_identities(run: MatchRun, mentions: DataFrame, clusters: DataFrame, redirects: DataFrame) -> None:
    """Carry ids on for the clusters that are not what they were, and bring the three tables of identity to the night."""
    tonight, ids = run.context.run.night, mentions.select("number", "mention_id")
    assignments = run.numbered(run.links("assignment"))
    before = assignments.where(stood_before(tonight)).select("number", "kind", "entity_id")
    compared = run.scratch("compared", compare_clusters(clusters, before))
    given = run.scratch("given", run.numbered(given_to_others(run.context)).select("number"))
    if count := given.count():
        run.context.log("match", "keys were given to other people", residents=count)
    scope = run.scratch("scope", find_scope(run, compared, assignments, redirects, given))
    versions = run.scratch("versions", assignments.join(scope, "number", "left_semi"))
    last = run.scratch("last", follow_redirects(last_assignment(versions, tonight), redirects))
    births = run.scratch("births", entities_born(run, last))
    current = compared.where(F.col("root").isNotNull())
    inside = current.join(scope, "number", "left_semi").select("number", "kind", "root")
    same = last.join(given, "number", "left_anti")
    entities = run.scratch("entities", assign_entities(inside, ids, same, births, tonight))
    anew = (
        inside.select("number", "root").join(entities.select("root", "kind", "entity_id"), "root").join(ids, "number")
    )
    anew = run.scratch("assigned", anew.select("number", "mention_id", "kind", "entity_id"))

    run.write("assignment", assignment_changes(versions.drop("number"), anew.drop("number"), tonight))
    events = run.events().where(F.col("night") == F.lit(tonight))
    declared = run.context.lake.declared["links.identity_event"]
    changes = difference(
        events, list_events(last, inside, entities, births, tonight, same), declared.key, declared.names
    )
    run.write("identity_event", changes, are_new=events.limit(1).count() == 0)
    assigned = current.select("number", F.col("entity_id").alias("_before"))
    assigned = assigned.join(anew.select("number", "entity_id"), "number", "left")
    assigned = assigned.select("number", F.coalesce("entity_id", "_before").alias("entity_id"))
    names = run.context.lake.declared["links.mention"].names
    run.write("mention", mention_changes(run.numbered(run.links("mention")), mentions, assigned, names))


def find_scope(
    run: MatchRun, compared: DataFrame, assignments: DataFrame, redirects: DataFrame, given: DataFrame
) -> DataFrame:
    """`number` of the mentions whose entity must be found out, as `list_scope` has it; `given`: to another person."""
    tried = assignments.where(touched(run.context.run.night)).select("number").unionByName(given).distinct()
    new = compared.where(F.col("root").isNotNull() & F.col("entity_id").isNull()).select("number")
    past = last_assignment(assignments.join(new, "number", "left_semi"), run.context.run.night)
    reopened = follow_redirects(past, redirects).select(F.xxhash64("entity_id").alias("entity_key")).distinct()
    return list_scope(compared, tried, reopened)


def entities_born(run: MatchRun, last: DataFrame) -> DataFrame:
    """Entities of `last` and those born tonight: `entity_id`, `kind`, `born`, `birth`, `mention_id`."""
    tonight = F.lit(run.context.run.night)
    births = run.births()
    known = births.where(F.col("night") < tonight).join(last.select("entity_id").distinct(), "entity_id", "left_semi")
    born = run.numbered(known.unionByName(births.where(F.col("night") == tonight)), name="birth")
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
