"""Merge: one row per entity, each field from the system that has the say; relations between them; facts with the ids of
those they speak of.

Reads: `links.*`, `harmonised.*`, conf. Writes: `candidate.*`. Refuses nothing; the gate judges.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.common.lake.versions import current, make_equal, union_all
from jobs.common.model.records import Record
from jobs.common.model.relations import SOURCE_ROW, count_ends, list_pairs, list_statements
from jobs.common.model.shapes import FACT, RELATION
from jobs.common.run.authority import Authority, load_authority
from jobs.common.run.office import read_office
from jobs.common.run.stage import Context
from jobs.common.run.workload import spare_memory_if_large
from jobs.merge import scope
from jobs.merge.derived import derive_entity, derive_fact, entity_aggregates
from jobs.merge.derived.neighbours import Neighbours
from jobs.merge.facts import deduplicate, identify
from jobs.merge.relations import add_kin, choose_households, choose_relations, detail_pairs, find_heads
from jobs.merge.survivorship import choose_fields, mentioned_records

# While values are chosen the engine holds those of so many mentions at most: memory must not grow with the town.
_MENTIONS_AT_ONCE = 1_000_000


@dataclass(frozen=True)
class Work:
    """What a night's entities are made of: the mentions of those to be worked out, and whom their rows name beside them.

    `touched` (`kind`, `entity_id`) are those entities, None where it is all of them.
    """

    mentions: DataFrame
    neighbours: Neighbours
    touched: DataFrame | None


def run(context: Context) -> None:
    """Compute each candidate, as far as it may not be what it was, and write the rows that differ."""
    if context.plan["nothing_new"]:
        return
    spare_memory_if_large(context)
    state, copied = scope.incremental_state(context), scope.copied_mentions(context)
    known = state.last()
    state.begin()
    model = context.conf.records
    # Of all records, so that a mistake is told also where nobody is mentioned.
    authorities = {name: load_authority(context.conf, record) for name, record in model.items()}
    work = None
    if is_anybody_mentioned(context):
        heads = write_relations(context, authorities)
        # Of a new year everybody's age is another.
        is_same_year = known is not None and known["year"] == context.run.night.year
        work = find_work(context, heads, copied ^ set(known["copied"]) if known and is_same_year else None)
    # One after the other: each holds its records in memory, and keeps the processors busy by itself.
    for record in model.values():
        if record.shape != RELATION:
            merge_record(context, record, work, authorities[record.name])
    state.keep(copied=sorted(copied), year=context.run.night.year)


def is_anybody_mentioned(context: Context) -> bool:
    """Whether there are entities or relations, or were the night before."""
    about = [record.name for record in context.conf.records.values() if record.shape != FACT]
    return not all(context.lake.is_empty(name) for name in ("links.mention", *(f"candidate.{name}" for name in about)))


def merge_record(context: Context, record: Record, work: Work | None, authority: Authority) -> None:
    """Write one record's candidate; `work` is None where nobody is mentioned."""
    lake = context.lake
    if lake.is_empty(f"candidate.{record.name}") and lake.is_empty(f"harmonised.{record.name}"):
        count = 0
    elif record.shape == FACT:
        count = write_candidate(context, record, compute(context, record, pass_through(context, record, authority)))
    elif work is None:
        count = 0
    else:
        count = write_candidate(context, record, choose_in_parts(context, record, work, authority), work.touched)
    context.log("merge", record.name, rows_written=count)


def write_relations(context: Context, authorities: Mapping[str, Authority]) -> DataFrame:
    """Write who is related to whom; returns `to_id`, `head_id`, `member_count` of households."""
    records = [record for record in context.conf.records.values() if record.shape == RELATION]
    of_members = next((record for record in records if record.has_members), records[0])
    for record in records:
        if record is not of_members:
            stated = state_relations(context, record, authorities[record.name])
            write_stated(context, record, stated.drop("_best"))
    stated = state_relations(context, of_members, authorities[of_members.name])
    heads = context.lake.scratch(context.run.run_id, "heads", find_heads(stated))
    write_stated(context, of_members, add_kin(stated, heads, of_members))
    return heads


def write_stated(context: Context, record: Record, relations: DataFrame) -> None:
    count = write_candidate(context, record, compute(context, record, relations))
    context.log("merge", record.name, rows_written=count)


def state_relations(context: Context, record: Record, authority: Authority) -> DataFrame:
    """Relations that rows of the sources state, each resident a member of one household."""
    lake = context.lake
    mentions = lake.read("links.mention")
    counted = count_ends(mentions).toArrow().to_pylist()
    ends = [(row["system"], row["object"], row["kind"], row["role"]) for row in counted]
    pairs = list_pairs(mentions, list_statements(record.pairs, ends))
    pairs = detail_pairs(pairs, current(lake.read(f"harmonised.{record.name}")), record)
    relations = choose_households(choose_relations(pairs, record, authority))
    # Computed once: a plan that is read twice is planned twice, and this one is deep.
    return lake.scratch(context.run.run_id, f"stated-{record.name}", relations)


def find_work(context: Context, heads: DataFrame, copied: set[str] | None) -> Work:
    """The entities to be worked out; all of them where `copied`, the mentions whose id number has changed hands, is None."""
    lake, run_id = context.lake, context.run.run_id
    mentions = lake.read("links.mention")
    dwellings = mentions.where(F.col("kind") == "dwelling")
    beside = partial(Neighbours, office=read_office(context.conf), year=context.run.night.year)
    if copied is None:
        context.log("merge", "working out all entities")
        return Work(mentions, beside(dwellings, heads), None)
    households = scope.other_households(lake.read("candidate.household"), heads)
    touched = lake.scratch(run_id, "merge-touched", scope.touched_entities(context, copied, households))
    own = lake.scratch(run_id, "merge-mentions", mentions.join(touched, ["kind", "entity_id"], "left_semi"))
    context.log("merge", "working out entities that may have changed", entities=touched.count())
    near = dwellings.join(own.select(*SOURCE_ROW).distinct(), SOURCE_ROW, "left_semi")
    return Work(own, beside(lake.scratch(run_id, "merge-dwellings", near), heads), touched)


def choose_in_parts(context: Context, record: Record, work: Work, authority: Authority) -> DataFrame:
    """`choose_entities`, computed, as many entities at a time as the engine may hold."""
    mentions = work.mentions.where(F.col("kind") == record.name)
    parts = 1 + mentions.count() // _MENTIONS_AT_ONCE
    part = F.pmod(F.xxhash64("entity_id"), F.lit(parts))
    shares = [mentions.where(part == number) for number in range(parts)] if parts > 1 else [mentions]
    chosen = [
        compute(
            context, record, choose_entities(context, record, replace(work, mentions=share), authority), f"-{number}"
        )
        for number, share in enumerate(shares)
    ]
    return union_all(chosen)


def compute(context: Context, record: Record, target: DataFrame, label: str = "") -> DataFrame:
    """Rows of a candidate, computed once."""
    names = context.lake.declared[f"candidate.{record.name}"].names
    return context.lake.scratch(context.run.run_id, f"target-{record.name}{label}", target.select(*names))


def choose_entities(context: Context, record: Record, work: Work, authority: Authority) -> DataFrame:
    """The rows of a kind's candidate that are to be worked out, as a function of links and harmonised rows."""
    lake = context.lake
    records = current(lake.read(f"harmonised.{record.name}"))
    mentioned = mentioned_records(records, work.mentions, lake.read("links.edge"), record.name)
    more = entity_aggregates(record, work.neighbours, authority)
    return derive_entity(record, choose_fields(mentioned, record, authority, *more), work.neighbours)


def pass_through(context: Context, record: Record, authority: Authority) -> DataFrame:
    """The candidate of a fact."""
    lake = context.lake
    records = identify(current(lake.read(f"harmonised.{record.name}")), lake.read("links.mention"), record)
    kept = deduplicate(records, record, authority) if record.deduplicate_by else records
    return derive_fact(record, kept)


def write_candidate(context: Context, record: Record, target: DataFrame, touched: DataFrame | None = None) -> int:
    """Bring the candidate to `target`, which is computed, in one commit; returns the rows that differed.

    `touched` (`kind`, `entity_id`) are the entities that `target` is about, None where it is all of them.
    """
    lake, run_id, name = context.lake, context.run.run_id, f"candidate.{record.name}"
    known = None
    if touched is not None:
        own = touched.where(F.col("kind") == record.name).select("entity_id")
        known = lake.read(name).join(own, "entity_id", "left_semi")
    return make_equal(lake, name, target, run_id, known)
