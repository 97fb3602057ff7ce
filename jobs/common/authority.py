"""Which value wins a field: shared by merge, which chooses, and by `explain`, which tells why.

Reads: `conf/authority.yml`. Refuses: a record or field that the model does not know.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from jobs.common.conf import Conf
from jobs.common.contracts import DEFAULT_ROLE
from jobs.common.errors import UserError
from jobs.common.model import Record
from jobs.common.resident_id import id_birth_date, id_sex_code
from jobs.common.rows import mention_id


@dataclass(frozen=True)
class Authority:
    """Order of systems for each field of a record, the strongest first."""

    default: tuple[str, ...]
    fields: dict[str, tuple[str, ...]]

    def order(self, field: str) -> tuple[str, ...]:
        return self.fields.get(field, self.default)


def load_authority(conf: Conf, record: Record) -> Authority:
    """The order of systems for `record`; systems without a place come last, in the order of their names."""
    document = conf.yaml("authority.yml") or {}
    if unknown := set(document) - set(conf.model):
        known = ", ".join(conf.model)
        raise UserError(f"conf/authority.yml: the model has no record {', '.join(sorted(unknown))}; it has {known}")
    entry = document.get(record.name) or {}
    if unknown := set(entry.get("fields", {})) - {field.name for field in record.fields}:
        raise UserError(f"conf/authority.yml: {record.name} has no field {', '.join(sorted(unknown))}")
    rest = sorted(conf.sources)
    named = {*entry.get("default", []), *(system for order in entry.get("fields", {}).values() for system in order)}
    if unknown := named - {*conf.sources, *conf.refused_contracts}:
        raise UserError(
            f"conf/authority.yml: no contract declares {', '.join(sorted(unknown))}; there are {', '.join(rest)}"
        )

    def complete(order: Sequence[str]) -> tuple[str, ...]:
        return tuple(order) + tuple(system for system in rest if system not in order)

    default = complete(entry.get("default", []))
    return Authority(default, {field: complete(order) for field, order in entry.get("fields", {}).items()})


def rank_mention(order: Sequence[str]) -> Column:
    """Place of a mention for one field; smaller wins. A mention in another role than the person comes after all others."""
    place = F.lit(len(order))
    for index, system in reversed(list(enumerate(order))):
        place = F.when(F.col("system") == system, F.lit(index)).otherwise(place)
    return place + F.when(F.col("role") == DEFAULT_ROLE, F.lit(0)).otherwise(F.lit(1000))


def choice_order(order: Sequence[str]) -> list[Column]:
    """The total order by which one value of a field is chosen: authority, newest version, least mention."""
    age = F.datediff(F.lit("9999-12-31").cast("date"), F.col("valid_from"))
    return [rank_mention(order), age, F.col("mention_id")]


def choose_fields(mentioned: DataFrame, record: Record, authority: Authority) -> DataFrame:
    """One row per entity: each field from the mention that wins it, `mention_count`.

    A birth date or sex that no system records is read from the id number.

    Args:
        mentioned: from `mentioned_records`.
        record: the record of the kind.
        authority: its order of systems.
    """
    orders = sorted({authority.order(field.name) for field in record.fields})
    places = {order: f"_place_{index}" for index, order in enumerate(orders)}
    # One place per order of systems and mention: comparing it is far cheaper than comparing what it stands for.
    for order, place in places.items():
        by_order = Window.partitionBy("entity_id").orderBy(*choice_order(order))
        mentioned = mentioned.withColumn(place, F.row_number().over(by_order))
    chosen = []
    for field in record.fields:
        speaks = F.when(F.col(field.name).isNotNull(), F.col(places[authority.order(field.name)]))
        chosen.append(F.min_by(field.name, speaks).alias(field.name))
    values = mentioned.groupBy("entity_id").agg(*chosen, F.count(F.lit(1)).alias("mention_count"))
    return values.withColumns(
        {
            "birth_date": F.coalesce(F.col("birth_date"), id_birth_date(F.col("id_number"))),
            "sex_code": F.coalesce(
                F.col("sex_code"), F.when(F.col("id_number").isNotNull(), id_sex_code(F.col("id_number")))
            ),
        }
    )


def mentioned_records(records: DataFrame, entities: DataFrame, edges: DataFrame, kind: str) -> DataFrame:
    """Records with the entity they speak of; an id number that belongs to another is moved to `copied_id`.

    One row per mention: each mention has one record.

    Args:
        records: one version of each harmonised record.
        entities: `mention_id`, `entity_id`, unique by mention.
        edges: `links.edge`.
        kind: kind of entity.
    """
    rejected = edges.where((F.col("decision") == "reject") & (F.col("reason") == "id_held_by_another"))
    rejected = rejected.select("mention_id").distinct().withColumn("_copied", F.lit(True))
    joined = records.withColumn("mention_id", mention_id(kind)).join(entities, "mention_id")
    joined = joined.join(rejected, "mention_id", "left")
    own, copied = F.col("_copied").isNull(), F.col("_copied").isNotNull()
    return joined.withColumns(
        {"id_number": F.when(own, F.col("id_number")), "copied_id": F.when(copied, F.col("id_number"))}
    ).drop("_copied")
