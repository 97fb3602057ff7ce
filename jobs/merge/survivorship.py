"""Survivorship: which value wins a field. Merge chooses by it, and `explain` tells why by the same functions."""

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from jobs.common.intake.keyed_rows import RECORD_KEY, source_row
from jobs.common.model.links import COPIED_ID
from jobs.common.model.records import ModelField, Record
from jobs.common.model.shapes import DWELLING
from jobs.common.run.authority import PLACE_LENGTH, Authority, place_text


def choose_values(
    rows: DataFrame,
    key: Sequence[str],
    fields: Sequence[ModelField],
    authority: Authority,
    *more: Column,
    row_of: str | None = None,
) -> DataFrame:
    """One row per key: each field from the row that wins it, then `more`, then `row_of_<field>`.

    A value travels behind the place of its row, so that the least of the texts holds the value that wins: on both engines
    a minimum of texts costs a fraction of a window, or of `min_by`, over as many rows.

    Args:
        rows: `key`, `fields`, and what `choice_order` asks for; a `mention_id` has 32 characters.
        key: columns of the key.
        fields: those to choose.
        authority: order of systems.
        more: further aggregates.
        row_of: a field of which the row of the source is wanted as well, as `source_row` writes it.
    """
    orders = sorted({authority.order(field.name) for field in fields})
    places = {order: f"_place_{index}" for index, order in enumerate(orders)}
    placed = rows.withColumns({name: place_text(order) for order, name in places.items()})

    def least(value: Column, field: str) -> Column:
        return F.min(F.concat(F.col(places[authority.order(field)]), value))

    chosen = [least(F.col(field.name).cast("string"), field.name).alias(field.name) for field in fields]
    types = {field.name: field.sql_type for field in fields}
    if row_of is not None:
        row = F.when(F.col(row_of).isNotNull(), source_row())
        chosen.append(least(row, row_of).alias(f"row_of_{row_of}"))
        types[f"row_of_{row_of}"] = "string"
    values = {name: F.substr(F.col(name), F.lit(PLACE_LENGTH + 1)).cast(type) for name, type in types.items()}
    return placed.groupBy(*key).agg(*chosen, *more).withColumns(values)


def choose_fields(mentioned: DataFrame, record: Record, authority: Authority, *more: Column) -> DataFrame:
    """One row per entity: each field from the mention that wins it, `mention_count`, `more`, and where the model derives
    the dwelling of the address `row_of_address`.

    A field that no system records is read from one that implies it: birth date and sex from the id number.

    Args:
        mentioned: from `mentioned_records`.
        record: the record of the kind.
        authority: its order of systems.
        more: further aggregates of an entity's records.
    """
    count = F.count(F.lit(1)).alias("mention_count")
    row_of = "address" if record.derives(DWELLING) else None
    values = choose_values(mentioned, ["entity_id"], record.fields, authority, count, *more, row_of=row_of)
    implied = {
        other.field: F.coalesce(F.col(other.field), other.read(F.col(name))) for name, other in record.implied_fields()
    }
    return values.withColumns(implied) if implied else values


def mentioned_records(records: DataFrame, mentions: DataFrame, edges: DataFrame, kind: str) -> DataFrame:
    """Records with the entity they speak of; an id number that belongs to another resident is moved to `copied_id`.

    One row per mention: each mention has one record.

    Args:
        records: one version of each harmonised record.
        mentions: of `links.mention`, any kinds.
        edges: `links.edge`.
        kind: kind of entity.
    """
    own = mentions.where(F.col("kind") == kind).select(*RECORD_KEY, "mention_id", "entity_id")
    joined = records.join(own, RECORD_KEY)
    if kind != "resident":
        return joined
    copied = edges.where(F.col("reason").isin(*COPIED_ID))
    copied = copied.select("mention_id").distinct().withColumn("_copied", F.lit(True))
    joined = joined.join(copied, "mention_id", "left")
    is_copied = F.col("_copied").isNotNull()
    return joined.withColumns(
        {"id_number": F.when(~is_copied, F.col("id_number")), "copied_id": F.when(is_copied, F.col("id_number"))}
    ).drop("_copied")
