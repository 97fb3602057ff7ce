"""What spoke for the cells of released rows: for `jiceng explain`, by the functions that merge uses.

Reads: `links.*` and `harmonised.*` as the release found them. Refuses: released rows that these rows do not give.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from itertools import product
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from jobs.common.base.errors import UserError
from jobs.common.contracts.sources import OWN_ROLES
from jobs.common.intake.judgements import TABLE, Pair, judgements_of
from jobs.common.intake.keyed_rows import mention_id
from jobs.common.lake.engine import session
from jobs.common.lake.tables import Lake
from jobs.common.lake.versions import as_of
from jobs.common.model.links import JUDGED_SAME, Decision, Judgement
from jobs.common.model.records import ModelField, Record
from jobs.common.model.relations import SOURCE_ROW, count_ends, list_pairs, list_statements
from jobs.common.model.shapes import MEMBER
from jobs.common.releases.releases import Release
from jobs.common.run.authority import Authority, choice_order, load_authority
from jobs.common.run.conf import Conf
from jobs.merge.facts import identify
from jobs.merge.relations import LONG_AGO, detail_pairs
from jobs.merge.survivorship import mentioned_records

_POSITION = ("system", "object", "role", "file_id", "sheet", "row_number", "valid_from")
# Fields that follow from the row that another field was taken from.
_BESIDE = {"dwelling_id": "address"}


def explain_entities(
    lake: Lake, conf: Conf, release: Release, record: Record, fields: list[ModelField], released: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """The values of each field, of every mention of the entities."""
    authority = load_authority(conf, record)
    said = _rows_of_entities(lake, release, record, authority, released)
    found = []
    for row, field in product(released, fields):
        told = _spoken(said[row["entity_id"]], field, authority.order(field.name), row, record)
        found += [{"id": row["entity_id"], "field": field.name, **entry} for entry in told]
    return found


def _rows_of_entities(
    lake: Lake, release: Release, record: Record, authority: Authority, released: list[dict[str, Any]]
) -> dict[str, list[dict[str, Any]]]:
    """Rows of the sources that speak of released entities, by entity, with the place of each in the choice of each field."""
    entities = [row["entity_id"] for row in released]
    mentions = _version_of(lake, release, record, "links.mention").where(F.col("entity_id").isin(entities))
    edges = _version_of(lake, release, record, "links.edge")
    mentioned = mentioned_records(_as_released(lake, release, record), mentions, edges, record.name)
    mentioned = mentioned.join(
        _reasons_of_links(mentions, edges, judged_in(lake, release, record)), "mention_id", "left"
    )
    derived = _names(record.derived)
    spoken = [name for name in _names(record.fields) if name not in derived]
    orders = [_place(authority.order(name)).alias(f"{name} order") for name in spoken]
    values = {"linked_by", *spoken}
    if record.name == "resident":
        values.add("copied_id")
    said: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in mentioned.select("entity_id", *_POSITION, *sorted(values), *orders).toArrow().to_pylist():
        said[row["entity_id"]].append(row)
    return said


def _reasons_of_links(mentions: DataFrame, edges: DataFrame, judged: Mapping[Pair, Judgement]) -> DataFrame:
    """`mention_id`, `linked_by`: why a mention was linked; unique by mention.

    A pair that was accepted and that a judgement has cut links nothing: its mentions are of two entities. If no pair of matchers
    links a mention, a judgement may.

    Args:
        mentions: of `links.mention`, all of the entities that are asked about.
        edges: `links.edge`.
        judged: what people had decided.
    """
    accepted = edges.where(F.col("decision") == Decision.ACCEPT)
    # What comes first in the alphabet counts: a matcher's reason, then people's.
    by_matchers = accepted.select("mention_id", "other_id", F.concat(F.lit("1"), "reason").alias("why"))
    same = [pair for pair, decision in judged.items() if decision == Judgement.SAME]
    both_ways = [*same, *((other, one) for one, other in same)]
    by_people = session().createDataFrame(both_ways, "mention_id string, other_id string")
    pairs = by_matchers.unionByName(by_people.withColumn("why", F.lit(f"2{JUDGED_SAME}")))
    own = mentions.select("mention_id", "entity_id")
    other = mentions.select(F.col("mention_id").alias("other_id"), "entity_id")
    linked = pairs.join(own, "mention_id").join(other, ["other_id", "entity_id"])
    least = linked.groupBy("mention_id").agg(F.min("why").alias("why"))
    return least.select("mention_id", F.substring("why", 2, 100).alias("linked_by"))


def judged_in(lake: Lake, release: Release, record: Record) -> dict[Pair, Judgement]:
    """What people had decided on pairs when the release was made."""
    rows = lake.arrow(TABLE, pinned_versions(release, record).get(TABLE))
    return judgements_of(rows.to_pylist(), release.night)


def _spoken(
    rows: list[dict[str, Any]], field: ModelField, order: tuple[str, ...], released: dict[str, Any], record: Record
) -> list[dict[str, Any]]:
    """The values of one field of one released row, the one that won first."""
    if field.name in _names(record.derived):
        return [_derived(rows, field, released)]
    ranked = _ranked(rows, field.name)
    found = [{"value": row[field.name], **_where(row)} for row in ranked]
    if found:
        _judge(found, field, order, released)
    else:
        found = [_unspoken(released[field.name])]
    if field.type == "resident_id":
        found += _left_out(rows, field)
    return found


def _ranked(rows: Iterable[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    """The rows with a value of a field, the one that wins first."""
    filled = [row for row in rows if row[name] is not None]
    return sorted(filled, key=partial(_place_of, name))


def _place_of(name: str, row: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(row[f"{name} order"].values())


def _judge(found: list[dict[str, Any]], field: ModelField, order: tuple[str, ...], released: dict[str, Any]) -> None:
    """Add `rule` and `state` to the values of a field, the one that won first; raises UserError if another was released."""
    winner, *others = found
    if winner["value"] != released[field.name]:
        raise UserError(
            f"{field.name}: the rows of the release say otherwise than the released row; please report this"
        )
    winner |= {"rule": _rule(order, found), "state": "chosen"}
    for other in others:
        state = "agrees" if other["value"] == winner["value"] else "lost"
        other |= {"rule": None, "state": state}


def _unspoken(value: object) -> dict[str, Any]:
    """A field of which no row says anything."""
    if value is None:
        return {"value": None, "state": "empty", "rule": "no row says anything"}
    return {"value": value, "state": "derived", "rule": "read from the id number"}


def _left_out(rows: list[dict[str, Any]], field: ModelField) -> list[dict[str, Any]]:
    """Id numbers that rows give and that belong to others."""
    copied = [row for row in rows if row["copied_id"] is not None]
    why = {"state": "left out", "rule": "the number belongs to another"}
    ranked = sorted(copied, key=partial(_place_of, field.name))
    return [{"value": row["copied_id"], **_where(row), **why} for row in ranked]


def _derived(rows: list[dict[str, Any]], field: ModelField, released: dict[str, Any]) -> dict[str, Any]:
    """A field that follows from others; with the row that the one beside it was taken from."""
    value = released[field.name]
    if value is None:
        return {"value": None, "state": "empty", "rule": "nothing to derive it from"}
    told = {"value": value, "state": "derived", "rule": field.en}
    beside = _BESIDE.get(field.name)
    ranked = _ranked(rows, beside) if beside else []
    return told | _where(ranked[0]) if ranked else told


def explain_relations(
    lake: Lake, conf: Conf, release: Release, record: Record, fields: list[ModelField], released: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """The rows that name both ends; of a member also those that name another household."""
    authority = load_authority(conf, record)
    orders = [_place(authority.order(field.name)).alias(f"{field.name} order") for field in fields]
    statements = _rows_of_relations(lake, conf, release, record, orders, released)
    found = []
    for row, field in product(released, fields):
        from_this_end = statements[row["relation_code"], row["from_id"]]
        key = "/".join((row["relation_code"], row["from_id"], row["to_id"]))
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
    if field.name != "to_id":
        return _spoken(own, field, order, released, record)
    if not own:
        rule = "follows from who heads the household"
        return [{"value": released["to_id"], "state": "derived", "rule": rule}]
    # A member is in one household: rows that name another one were heard as well.
    heard = statements if released["relation_code"] == MEMBER else own
    return _spoken(heard, field, order, released, record)


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
    edges = _version_of(lake, release, record, "links.edge").join(
        mentions.select("mention_id"), "mention_id", "left_semi"
    )
    every = _version_of(lake, release, record, "links.mention")
    linked = _reasons_of_links(every, edges, judged_in(lake, release, record))
    named = mentions.select("mention_id", F.col("file_id").alias("named_file"), F.col("row_number").alias("named_row"))
    joined = pairs.join(named, "mention_id").join(linked, "mention_id", "left")
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
    for row, field in product(released, fields):
        key, period = _values(row, record.key), _values(row, record.deduplicate_by)
        is_shared = bool(period) and None not in period
        told = same[period] if is_shared else [by_key[key]]
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
    value = released[field.name]
    if field.name not in _names(record.fields):
        return [{"value": value, "state": "derived", "rule": field.en, **_where(rows[0]), "linked_by": None}]
    said = [{"value": row[field.name], **_where(row)} for row in rows]
    winner, *others = said
    if value is None:
        told = {"state": "empty", "rule": "no value in the row"}
    elif others:
        told = {"state": "chosen", "rule": _what_decided(order, said, others[0])}
    else:
        told = {"state": "chosen", "rule": "only row of its key"}
    return [winner | {"value": value} | told, *_beside(others, value)]


def _beside(others: list[dict[str, Any]], value: object) -> list[dict[str, Any]]:
    """What other rows say than the one that passed through, if they say anything."""
    found = []
    for row in others:
        if row["value"] is not None:
            state = "agrees" if row["value"] == value else "lost"
            found.append({**row, "rule": None, "state": state})
    return found


def _as_released(lake: Lake, release: Release, record: Record) -> DataFrame:
    """Harmonised rows as the release found them: a later run may have rewritten the same night."""
    return as_of(_version_of(lake, release, record, f"harmonised.{record.name}"), release.night)


def _version_of(lake: Lake, release: Release, record: Record, name: str) -> DataFrame:
    return lake.read(name, pinned_versions(release, record).get(name))


def pinned_versions(release: Release, record: Record) -> dict[str, int]:
    """Versions of the tables that a record's released rows were made from."""
    versions: dict[str, int] = release.tables[record.name].get("sources", {})
    return versions


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
    other = next((row for row in found if row["value"] != found[0]["value"]), None)
    if other is None:
        return "only value" if len(found) == 1 else "all agree"
    return _what_decided(order, found, other)


def _what_decided(order: tuple[str, ...], found: Sequence[dict[str, Any]], other: dict[str, Any]) -> str:
    """By what the first of the rows won over another of them."""
    winner = found[0]
    if (other["role"] in OWN_ROLES) != (winner["role"] in OWN_ROLES):
        return "the row's own"
    if other["system"] != winner["system"]:
        heard = {row["system"] for row in found}
        speaking = [system for system in order if system in heard]
        return f"authority: {' > '.join(speaking)}"
    return "newest version" if other["since"] != winner["since"] else "least mention"
