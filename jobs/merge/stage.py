"""Merge: one row per entity, each field from the system that has the say; relations between them; other records with the
ids they speak of.

Reads: `links.*`, `harmonised.*`, conf. Writes: `candidate.*`. Refuses nothing; the gate judges.
"""

from dataclasses import dataclass, replace

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.common.lake.versions import current, difference, union_all
from jobs.common.model.records import Record
from jobs.common.model.relations import SOURCE_ROW, count_ends, list_pairs, list_statements
from jobs.common.run.authority import Authority, load_authority
from jobs.common.run.stage import Context
from jobs.common.run.workload import spare_memory_if_large
from jobs.merge import scope
from jobs.merge.events import add_entity, choose_statuses, derive_appeal
from jobs.merge.relations import add_kin, choose_households, choose_relations, detail_pairs, find_heads
from jobs.merge.survivorship import choose_fields, mentioned_records

# While values are chosen the engine holds those of so many mentions at most: memory must not grow with the town.
_MENTIONS_AT_ONCE = 1_000_000


@dataclass(frozen=True)
class Work:
    """What a night's entities are made of: the mentions of those to be worked out and the dwellings their rows name.

    `touched` (`kind`, `entity_id`) are those entities, None where it is all of them.
    """

    mentions: DataFrame
    dwellings: DataFrame
    heads: DataFrame
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
        heads = write_relations(context, model["relation"], authorities["relation"])
        work = find_work(context, heads, None if known is None else copied ^ set(known["copied"]))
    # One after the other: each holds its records in memory, and keeps the processors busy by itself.
    for record in model.values():
        if not record.pairs:
            merge_record(context, record, work, authorities[record.name])
    state.keep(copied=sorted(copied))


def is_anybody_mentioned(context: Context) -> bool:
    """Whether there are entities or relations, or were the night before."""
    about = [record.name for record in context.conf.records.values() if record.kind or record.pairs]
    return not all(context.lake.is_empty(name) for name in ("links.mention", *(f"candidate.{name}" for name in about)))


def merge_record(context: Context, record: Record, work: Work | None, authority: Authority) -> None:
    """Write one record's candidate; `work` is None where nobody is mentioned."""
    lake = context.lake
    if lake.is_empty(f"candidate.{record.name}") and lake.is_empty(f"harmonised.{record.name}"):
        count = 0
    elif not record.kind:
        count = write_candidate(context, record, compute(context, record, pass_through(context, record, authority)))
    elif work is None:
        count = 0
    else:
        count = write_candidate(context, record, choose_in_parts(context, record, work, authority), work.touched)
    context.log("merge", record.name, rows_written=count)


def write_relations(context: Context, record: Record, authority: Authority) -> DataFrame:
    """Write who is related to whom; returns `to_id`, `head_id`, `member_count` of households."""
    lake, run_id = context.lake, context.run.run_id
    stated = state_relations(context, record, authority)
    heads = lake.scratch(run_id, "heads", find_heads(stated))
    count = write_candidate(context, record, compute(context, record, add_kin(stated, heads, record)))
    context.log("merge", record.name, rows_written=count)
    return heads


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
    if copied is None:
        context.log("merge", "working out all entities")
        return Work(mentions, dwellings, heads, None)
    households = scope.other_households(lake.read("candidate.household"), heads)
    touched = lake.scratch(run_id, "merge-touched", scope.touched_entities(context, copied, households))
    own = lake.scratch(run_id, "merge-mentions", mentions.join(touched, ["kind", "entity_id"], "left_semi"))
    context.log("merge", "working out entities that may have changed", entities=touched.count())
    beside = dwellings.join(own.select(*SOURCE_ROW).distinct(), SOURCE_ROW, "left_semi")
    return Work(own, lake.scratch(run_id, "merge-dwellings", beside), heads, touched)


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
    chosen = choose_fields(mentioned, record, authority)
    names = [field.name for field in record.derived]
    if "dwelling_id" in names:
        chosen = add_dwelling(chosen, work.dwellings)
    if "member_count" in names:
        chosen = add_members(chosen, work.heads)
    return chosen


def add_dwelling(chosen: DataFrame, dwellings: DataFrame) -> DataFrame:
    """Adds `dwelling_id`, the dwelling that the row names whose address was chosen; keeps every row.

    `dwellings`: mentions of dwellings.
    """
    named = dwellings.select(F.col("mention_id").alias("_mention"), F.col("entity_id").alias("dwelling_id"))
    mention = F.md5(F.concat(F.lit("dwelling|"), F.col("row_of_address"), F.lit("|dwelling")))
    return chosen.withColumn("_mention", mention).join(named, "_mention", "left")


def add_members(households: DataFrame, heads: DataFrame) -> DataFrame:
    """Adds `head_id` and `member_count` (0 where nobody is known to be a member); keeps every row."""
    joined = households.join(heads.withColumnRenamed("to_id", "entity_id"), "entity_id", "left")
    return joined.withColumn("member_count", F.coalesce(F.col("member_count"), F.lit(0)).cast("bigint"))


def pass_through(context: Context, record: Record, authority: Authority) -> DataFrame:
    """The candidate of records that are about no entity of their own; a row without a number has its key for one."""
    lake = context.lake
    records = current(lake.read(f"harmonised.{record.name}"))
    records = records.withColumn("number", F.coalesce("number", "source_key"))
    for column, kind in record.speaks_of.items():
        mentions = lake.read("links.mention").where(F.col("kind") == kind)
        records = add_entity(records, mentions, column)
    if record.name == "appeal":
        return derive_appeal(records)
    return choose_statuses(records, authority)


def write_candidate(context: Context, record: Record, target: DataFrame, touched: DataFrame | None = None) -> int:
    """Bring the candidate to `target`, which is computed, in one commit; returns the rows that differed.

    `touched` (`kind`, `entity_id`) are the entities that `target` is about, None where it is all of them.
    """
    lake, run_id, name = context.lake, context.run.run_id, f"candidate.{record.name}"
    if lake.is_empty(name):
        return lake.merge(name, target.withColumn("_op", F.lit("upsert")), run_id, is_computed=True)
    declared, known = lake.declared[name], lake.read(name)
    if touched is not None:
        own = touched.where(F.col("kind") == record.name).select("entity_id")
        known = known.join(own, "entity_id", "left_semi")
    return lake.merge(name, difference(known, target, declared.key, declared.names), run_id)
