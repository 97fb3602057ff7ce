"""Merge: one row per entity, each field from the system that has the say; other records with the ids they speak of.

Reads: `links.*`, `harmonised.*`, conf. Writes: `candidate.*`. Refuses nothing; the gate judges.
"""

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from jobs.common.authority import choose_fields, load_authority, mentioned_records
from jobs.common.contracts import DEFAULT_ROLE
from jobs.common.model import Record
from jobs.common.stage import Context
from jobs.common.versions import current, difference

LOCAL_ZONE = "Asia/Shanghai"


def run(context: Context) -> None:
    """Compute each candidate and write the rows that differ."""
    if context.plan["nothing_new"]:
        return
    for record in context.conf.model.values():
        name = f"candidate.{record.name}"
        # Computed once: a plan that is read twice is planned twice, and this one is deep.
        target = context.lake.scratch(context.run.run_id, f"target-{record.name}", candidate(context, record))
        known = context.lake.read(name)
        changes = difference(known, target, context.lake.declared[name].key)
        context.log("merge", record.name, rows_written=context.lake.merge(name, changes, context.run.run_id))


def candidate(context: Context, record: Record) -> DataFrame:
    """The candidate of one record, as a function of links and harmonised rows."""
    lake = context.lake
    records = current(lake.read(f"harmonised.{record.name}"))
    if record.kind:
        entities = lake.read("links.mention").where(F.col("kind") == record.kind).select("mention_id", "entity_id")
        mentioned = mentioned_records(records, entities, lake.read("links.edge"), record.kind)
        mentioned = lake.scratch(context.run.run_id, f"mentioned-{record.name}", mentioned)
        return choose_fields(mentioned, record, load_authority(context.conf, record))
    for column, kind in record.speaks_of.items():
        records = add_entity(records, lake.read("links.mention").where(F.col("kind") == kind), column)
    derive = {"appeal": derive_appeal}.get(record.name)
    frame = derive(records) if derive else records
    return frame.select(*lake.declared[f"candidate.{record.name}"].names)


def add_entity(records: DataFrame, mentions: DataFrame, column: str) -> DataFrame:
    """The entity that the same row of the source names as its person; null where it names none. Keeps every row."""
    person = mentions.where(F.col("role") == DEFAULT_ROLE)
    person = person.select("system", "object", "source_key", F.col("entity_id").alias(column))
    return records.join(person, ["system", "object", "source_key"], "left")


def derive_appeal(appeals: DataFrame) -> DataFrame:
    """Adds `days_to_reply` (local days) and `is_repeated_text` (an earlier appeal of the system has the same text)."""
    local = [F.to_date(F.from_utc_timestamp(F.col(name), LOCAL_ZONE)) for name in ("replied_at", "asked_at")]
    same_text = Window.partitionBy("system", F.md5("text")).orderBy(
        F.col("asked_at").asc_nulls_last(), F.col("number"), F.col("source_key")
    )
    repeated = F.col("text").isNotNull() & (F.row_number().over(same_text) > 1)
    return appeals.withColumns({"days_to_reply": F.datediff(*local).cast("bigint"), "is_repeated_text": repeated})
