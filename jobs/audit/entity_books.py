"""The books of entities: what became of current records, mentions and pairs in the candidates."""

from collections import Counter
from collections.abc import Collection
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.audit.entries import entry
from jobs.common.intake.keyed_rows import RECORD_KEY
from jobs.common.lake.versions import current, union_all
from jobs.common.model.records import ENDS, Record
from jobs.common.model.relations import End, count_ends, derive_kin, list_pairs, list_statements
from jobs.common.model.shapes import ENTITY, FACT, MEMBER, RELATION
from jobs.common.releases.books import PAIR_TERMS, RELATION_TERMS
from jobs.common.run.stage import Context


def entity_terms(context: Context, records: dict[str, int]) -> list[dict[str, Any]]:
    """What becomes of each record in its candidate.

    Of a kind: mentions (current records), links (mentions in `links.mention`), entities (that have one), candidate.
    Of relations: pairs (two mentions of one row), of these supporting (they are counted by a relation), self (both ends are
    one entity), other_household (of a resident who is a member of another one); and candidate, of these stated (by a
    pair) and derived (from who heads a household).
    Of facts: records, candidate, and if they are deduplicated repeated (another row of the candidate says the same).

    Args:
        context: whose tables are counted.
        records: current rows of each record.
    """
    ends, entities = count_links(context.lake.read("links.mention"))
    links: Counter[str] = Counter()
    for (_, _, kind, _), rows in ends.items():
        links[kind] += rows
    found, frames = [], []
    for record in context.conf.records.values():
        name = record.name
        counts = {"candidate": context.lake.count_rows(f"candidate.{name}")}
        if record.shape == ENTITY:
            counts |= {"mentions": records[name], "links": links[name], "entities": entities.get(name, 0)}
        elif record.shape == FACT:
            counts["records"] = records[name]
        if has_rows(context, record, records[name], ends):
            frames += asked_terms(context, record, list(ends))
        else:
            counts |= dict.fromkeys(_asked(record), 0)
        found += [entry(term, rows, name) for term, rows in counts.items()]
    counted = union_all(frames).toArrow().to_pylist() if frames else []
    return found + [entry(row["term"], row["rows"] or 0, row["record"]) for row in counted]


def _asked(record: Record) -> tuple[str, ...]:
    """Terms of a record that take a query."""
    if record.shape == RELATION:
        return ("pairs", *PAIR_TERMS, *RELATION_TERMS)
    return ("repeated",) if record.deduplicate_by else ()


def has_rows(context: Context, record: Record, records: int, ends: Collection[End]) -> bool:
    """Whether the terms that take a query may be other than 0; `records`: current rows of the record."""
    if record.shape == RELATION:
        return bool(ends) or not context.lake.is_empty(f"candidate.{record.name}")
    return records > 0


def asked_terms(context: Context, record: Record, ends: list[End]) -> list[DataFrame]:
    """`record`, `term`, `rows` of the terms that take a query."""
    if record.shape == RELATION:
        return relation_terms(context, record, ends)
    return [repeated_records(context, record)] if record.deduplicate_by else []


def count_links(mentions: DataFrame) -> tuple[dict[End, int], dict[str, int]]:
    """Mentions by (system, object, kind, role), and entities by kind."""
    nothing = F.lit(None).cast("string")
    of_kinds = mentions.groupBy("kind", "entity_id").agg(F.count(F.lit(1)).alias("mentions"))
    of_kinds = of_kinds.groupBy("kind").agg(F.count(F.lit(1)).alias("mentions"))
    of_kinds = of_kinds.select(
        nothing.alias("system"), nothing.alias("object"), "kind", nothing.alias("role"), "mentions"
    )
    ends: dict[End, int] = {}
    entities: dict[str, int] = {}
    for row in count_ends(mentions).unionByName(of_kinds).toArrow().to_pylist():
        if row["system"] is None:
            entities[row["kind"]] = row["mentions"]
        else:
            ends[row["system"], row["object"], row["kind"], row["role"]] = row["mentions"]
    return ends, entities


def relation_terms(context: Context, record: Record, ends: list[End]) -> list[DataFrame]:
    """`record`, `term`, `rows` of pairs and of the relations that they and households make."""
    lake = context.lake
    relations = lake.read(f"candidate.{record.name}")
    members = relations.where(F.col("relation_code") == MEMBER)
    homes = members.select("relation_code", "from_id", F.col("to_id").alias("home"))
    pairs = list_pairs(lake.read("links.mention"), list_statements(record.pairs, ends))
    pairs = pairs.join(homes, ["relation_code", "from_id"], "left")
    is_self = F.col("from_id") == F.col("to_id")
    of_pairs = {"pairs": F.lit(True), "self": is_self, "other_household": ~is_self & (F.col("home") != F.col("to_id"))}
    is_stated = F.col("mention_count") > 0
    stated = F.sum(F.when(is_stated, 1).otherwise(0)).alias("stated")
    counted = [
        pairs.agg(*[F.sum(F.when(test, 1).otherwise(0)).alias(term) for term, test in of_pairs.items()]),
        relations.agg(F.sum("mention_count").alias("supporting"), stated),
        derived_kin(context, record, relations, members).agg(F.count(F.lit(1)).alias("derived")),
    ]
    return [_terms(frame, record) for frame in counted]


def derived_kin(context: Context, record: Record, relations: DataFrame, members: DataFrame) -> DataFrame:
    """Relations that follow from who heads a household and that no row states; none if the record has no members."""
    if not record.has_members:
        return relations.where(F.lit(False))
    heads = context.lake.read("candidate.household").where(F.col("head_id").isNotNull())
    kin = derive_kin(members, heads.select(F.col("entity_id").alias("to_id"), "head_id"))
    return kin.join(relations.where(F.col("mention_count") > 0), list(ENDS), "left_anti")


def repeated_records(context: Context, record: Record) -> DataFrame:
    """`record`, `term`, `rows` of records that are no row of the candidate because another row of it says the same."""
    lake, same = context.lake, list(record.deduplicate_by)
    records = current(lake.read(f"harmonised.{record.name}")).withColumn("number", F.coalesce("number", "source_key"))
    for column, kind in record.speaks_of.items():
        mentions = lake.read("links.mention").where(F.col("kind") == kind)
        records = records.join(mentions.select(*RECORD_KEY, F.col("entity_id").alias(column)), RECORD_KEY, "left")
    groups = records.groupBy(*same).agg((F.count(F.lit(1)) - 1).alias("repeated"))
    # What lacks one of the columns equals nothing, and repeats nothing.
    kept = groups.join(lake.read(f"candidate.{record.name}").select(*same), same, "left_semi")
    return _terms(kept.agg(F.sum("repeated").alias("repeated")), record)


def _terms(counted: DataFrame, record: Record) -> DataFrame:
    """A row for each column of the one row; a frame for each of them would work out what is counted as often."""
    said = [F.struct(F.lit(term).alias("term"), F.col(term).cast("bigint").alias("rows")) for term in counted.columns]
    return counted.select(F.explode(F.array(*said)).alias("said")).select(
        F.lit(record.name).alias("record"), "said.term", "said.rows"
    )
