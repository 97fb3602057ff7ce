"""What spoke for the cells of released rows: for `jiceng explain`, by the functions that merge uses.

Reads: `links.*` and `harmonised.*` as the release found them. Refuses: released rows that these rows do not give.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from jobs.common.base.errors import UserError
from jobs.common.contracts.sources import OWN_ROLES
from jobs.common.intake.keyed_rows import mention_id
from jobs.common.lake.tables import Lake
from jobs.common.lake.versions import as_of
from jobs.common.model.links import Decision
from jobs.common.model.records import ModelField, Record
from jobs.common.model.relations import SOURCE_ROW, count_ends, list_pairs, list_statements
from jobs.common.model.shapes import MEMBER
from jobs.common.releases.releases import Release
from jobs.common.run.authority import load_authority
from jobs.common.run.conf import Conf
from jobs.merge.facts import identify
from jobs.merge.relations import LONG_AGO, detail_pairs
from jobs.merge.survivorship import choice_order, mentioned_records

_POSITION = ("system", "object", "role", "file_id", "sheet", "row_number", "valid_from")
# Fields that follow from the row that another field was taken from.
_BESIDE = {"dwelling_id": "address"}


def explain_entities(
    lake: Lake, conf: Conf, release: Release, record: Record, fields: list[ModelField], released: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """The values of each field, of every mention of the entities."""
    authority = load_authority(conf, record)
    entities = [row["entity_id"] for row in released]
    mentions = _version_of(lake, release, record, "links.mention").where(F.col("entity_id").isin(entities))
    edges = _version_of(lake, release, record, "links.edge")
    records = _as_released(lake, release, record)
    mentioned = mentioned_records(records, mentions, edges, record.name)
    accepted = (
        edges.where(F.col("decision") == Decision.ACCEPT).groupBy("mention_id").agg(F.min("reason").alias("linked_by"))
    )
    mentioned = mentioned.join(accepted, "mention_id", "left")
    spoken = [field for field in (*record.fields, *record.derived) if field.name not in _names(record.derived)]
    orders = [_place(authority.order(field.name)).alias(f"{field.name} order") for field in spoken]
    values = sorted({"linked_by", *_names(spoken), *(("copied_id",) if record.name == "resident" else ())})
    said: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in mentioned.select("entity_id", *_POSITION, *values, *orders).toArrow().to_pylist():
        said[row["entity_id"]].append(row)
    found = []
    for row in released:
        for field in fields:
            told = _spoken(said[row["entity_id"]], field, authority.order(field.name), row, record)
            found += [{"id": row["entity_id"], "field": field.name, **entry} for entry in told]
    return found


def _spoken(
    rows: list[dict[str, Any]], field: ModelField, order: tuple[str, ...], released: dict[str, Any], record: Record
) -> list[dict[str, Any]]:
    """The values of one field of one released row, the one that won first."""
    if field.name in _names(record.derived):
        return [_derived(rows, field, released)]
    ranked = sorted(rows, key=lambda row: tuple(row[f"{field.name} order"].values()))
    found = [{"value": row[field.name], **_where(row)} for row in ranked if row[field.name] is not None]
    if not found:
        value = released[field.name]
        rule = "no row says anything" if value is None else "read from the id number"
        found = [{"value": value, "state": "empty" if value is None else "derived", "rule": rule}]
    elif found[0]["value"] != released[field.name]:
        raise UserError(
            f"{field.name}: the rows of the release say otherwise than the released row; please report this"
        )
    for place, row in enumerate(found):
        row.setdefault("rule", _rule(order, found) if place == 0 else None)
        row.setdefault("state", "chosen" if place == 0 else "agrees" if row["value"] == found[0]["value"] else "lost")
    if field.type == "resident_id":
        copied = [row for row in ranked if row["copied_id"] is not None]
        why = {"state": "left out", "rule": "the number belongs to another"}
        found += [{"value": row["copied_id"], **_where(row), **why} for row in copied]
    return found


def _derived(rows: list[dict[str, Any]], field: ModelField, released: dict[str, Any]) -> dict[str, Any]:
    """A field that follows from others; with the row that the one beside it was taken from."""
    value = released[field.name]
    state, rule = ("empty", "nothing to derive it from") if value is None else ("derived", field.en)
    beside = _BESIDE.get(field.name)
    ranked = sorted(
        (row for row in rows if beside and row[beside] is not None),
        key=lambda row: tuple(row[f"{beside} order"].values()),
    )
    place = _where(ranked[0]) if ranked and value is not None else {}
    return {"value": value, "state": state, "rule": rule, **place}


def explain_relations(
    lake: Lake, conf: Conf, release: Release, record: Record, fields: list[ModelField], released: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """The rows that name both ends; of a member also those that name another household."""
    authority = load_authority(conf, record)
    orders = [_place(authority.order(field.name)).alias(f"{field.name} order") for field in fields]
    statements = _rows_of_relations(lake, conf, release, record, orders, released)
    found = []
    for row in released:
        from_this_end = statements[row["relation_code"], row["from_id"]]
        key = "/".join((row["relation_code"], row["from_id"], row["to_id"]))
        for field in fields:
            entries = _explain_end(from_this_end, field, authority.order(field.name), row, record)
            found += [{"id": key, "field": field.name, **entry} for entry in entries]
    return found


def _explain_end(
    statements: list[dict[str, Any]],
    field: ModelField,
    order: tuple[str, ...],
    released: dict[str, Any],
    record: Record,
) -> list[dict[str, Any]]:
    """What rows that name the first end say of one field; `statements` are those of the same relation."""
    own = [row for row in statements if row["to_id"] == released["to_id"]]
    is_end = field.name == "to_id"
    if is_end and not own:
        rule = "follows from who heads the household"
        return [{"value": released["to_id"], "state": "derived", "rule": rule}]
    # A member is in one household: rows that name another one were heard as well.
    is_chosen = is_end and released["relation_code"] == MEMBER
    return _spoken(statements if is_chosen else own, field, order, released, record)


def _rows_of_relations(
    lake: Lake, conf: Conf, release: Release, record: Record, orders: list[Column], released: list[dict[str, Any]]
) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """Rows of the sources that name both ends of a relation, by its code and first end."""
    pairs = _pairs_of_rows(lake, release, record, released)
    position = [name for name in _POSITION if name != "sheet"]
    names = ["relation_code", "from_id", "to_id", "linked_by", *position, *_names(record.fields)]
    sheets = {obj.place: obj.sheet for obj in conf.objects}
    found: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for row in pairs.select(*names, *orders).toArrow().to_pylist():
        row["sheet"] = sheets.get((row["system"], row["object"]), "")
        row["valid_from"] = None if str(row["valid_from"]) == LONG_AGO else row["valid_from"]
        found[row["relation_code"], row["from_id"]].append(row)
    return found


def _pairs_of_rows(lake: Lake, release: Release, record: Record, released: list[dict[str, Any]]) -> DataFrame:
    """Mentions of one row that stand in a relation with one of the released ends, the place of the row, and why its mention was
    linked; one row per pair.
    """
    mentions = _version_of(lake, release, record, "links.mention")
    ends = sorted({row[end] for row in released for end in ("from_id", "to_id")})
    rows = mentions.where(F.col("entity_id").isin(ends)).select(*SOURCE_ROW).distinct()
    mentions = mentions.join(rows, SOURCE_ROW, "left_semi")
    counted = count_ends(mentions).toArrow().to_pylist()
    roles = [(row["system"], row["object"], row["kind"], row["role"]) for row in counted]
    stated = list_pairs(mentions, list_statements(record.pairs, roles))
    pairs = detail_pairs(stated, _as_released(lake, release, record), record, ["file_id", "row_number"])
    accepted = _version_of(lake, release, record, "links.edge").where(F.col("decision") == Decision.ACCEPT)
    accepted = accepted.groupBy("mention_id").agg(F.min("reason").alias("linked_by"))
    named = mentions.select("mention_id", F.col("file_id").alias("named_file"), F.col("row_number").alias("named_row"))
    joined = pairs.join(named, "mention_id").join(accepted, "mention_id", "left")
    # If no row says more of the relation, the row that names its first end tells the place.
    place = {"file_id": F.coalesce("file_id", "named_file"), "row_number": F.coalesce("row_number", "named_row")}
    return joined.withColumns(place)


def explain_facts(
    lake: Lake, conf: Conf, release: Release, record: Record, fields: list[ModelField], released: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """The row of the source that passed through, and of a deduplicated fact those of other rows that record the same."""
    order = load_authority(conf, record).default
    rows = _rows_of_facts(lake, release, record, order, released)
    by_key = {_values(row, record.key): row for row in reversed(rows)}
    same: dict[tuple[Any, ...], list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        same[_values(row, record.deduplicate_by)].append(row)
    found = []
    for row in released:
        key, period = _values(row, record.key), _values(row, record.deduplicate_by)
        is_shared = bool(period) and None not in period
        told = same[period] if is_shared else [by_key[key]]
        for field in fields:
            entries = _passed(told, field, order, row, record)
            found += [{"id": "/".join(key), "field": field.name, **entry} for entry in entries]
    return found


def _rows_of_facts(
    lake: Lake, release: Release, record: Record, order: tuple[str, ...], released: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Rows of the sources that released facts may come from, or that may record the same; the strongest first."""
    mentions = _version_of(lake, release, record, "links.mention")
    records = identify(_as_released(lake, release, record), mentions, record)
    wanted = F.col("number").isin(sorted({row["number"] for row in released}))
    for column in record.deduplicate_by[:1]:  # enough to leave few
        shared = sorted({row[column] for row in released if row[column] is not None})
        wanted = wanted | F.col(column).isin(shared) if shared else wanted
    records = records.where(wanted).withColumn("mention_id", mention_id(record.name))
    names = dict.fromkeys([*record.key, *_POSITION, *_names(record.fields), *record.speaks_of])
    rows: list[dict[str, Any]] = records.select(*names, _place(order).alias("order")).toArrow().to_pylist()
    return sorted(rows, key=lambda row: tuple(row["order"].values()))


def _values(row: dict[str, Any], names: Iterable[str]) -> tuple[Any, ...]:
    return tuple(row[name] for name in names)


def _passed(
    rows: list[dict[str, Any]], field: ModelField, order: tuple[str, ...], released: dict[str, Any], record: Record
) -> list[dict[str, Any]]:
    """The value of one field of a row that passed through, then what the rows say that record the same."""
    value, winner = released[field.name], {**_where(rows[0]), "linked_by": None}
    if field.name not in _names(record.fields):
        return [{"value": value, "state": "derived", "rule": field.en, **winner}]
    state = "empty" if value is None else "chosen"
    said = [{"value": row[field.name], **_where(row)} for row in rows]
    rule = "no value in the row" if value is None else "only row of its key"
    if value is not None and len(rows) > 1:
        rule = _rule(order, [{**row, "value": place} for place, row in enumerate(said)])
    others = [{**row, "rule": None} for row in said[1:] if row["value"] is not None]
    for row in others:
        row["state"] = "agrees" if row["value"] == value else "lost"
    return [{**said[0], "value": value, "state": state, "rule": rule}, *others]


def _as_released(lake: Lake, release: Release, record: Record) -> DataFrame:
    """Harmonised rows as the release found them: a later run may have rewritten the same night."""
    return as_of(_version_of(lake, release, record, f"harmonised.{record.name}"), release.night)


def _version_of(lake: Lake, release: Release, record: Record, name: str) -> DataFrame:
    versions: dict[str, int] = release.tables[record.name].get("sources", {})
    return lake.read(name, versions.get(name))


def _place(order: tuple[str, ...]) -> Column:
    """Where a row stands in the choice of a field, to be sorted by outside the engine."""
    return F.struct(*[part.alias(f"part_{index}") for index, part in enumerate(choice_order(order))])


def _where(row: dict[str, Any]) -> dict[str, Any]:
    place = {name: row[name] for name in _POSITION if name != "valid_from"}
    return {**place, "linked_by": row.get("linked_by"), "since": row["valid_from"]}


def _names(fields: Iterable[ModelField]) -> list[str]:
    return [field.name for field in fields]


def _rule(order: tuple[str, ...], found: Sequence[dict[str, Any]]) -> str:
    """What made the first of the rows win."""
    winner = found[0]
    other = next((row for row in found[1:] if row["value"] != winner["value"]), None)
    if other is None:
        return "only value" if len(found) == 1 else "all agree"
    if (other["role"] in OWN_ROLES) != (winner["role"] in OWN_ROLES):
        return "the row's own"
    if other["system"] != winner["system"]:
        speaking = [system for system in order if any(row["system"] == system for row in found)]
        return f"authority: {' > '.join(speaking)}"
    return "newest version" if other["since"] != winner["since"] else "least mention"
