"""`jiceng explain`: where each field of a released row came from, by which rule, and which values lost.

`linked_by` is the evidence that joined a row's mention to the entity; the mention that all others were compared with
has none.

Nothing is recorded for it but the versions of the tables that the release was made from: the choice is the same function
that merge uses, with the configuration of the release. The result is compared with the released value, and a difference
is said.
"""

from collections import defaultdict
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from jobs.common.authority import choice_order, load_authority, mentioned_records
from jobs.common.conf import Conf, snapshot_conf
from jobs.common.contracts import DEFAULT_ROLE
from jobs.common.errors import UserError
from jobs.common.model import ModelField, Record
from jobs.common.releases import Release, find_release
from jobs.common.runs import all_runs
from jobs.common.stage import open_lake
from jobs.common.tables import Lake
from jobs.common.versions import as_of
from jobs.common.workspace import Workspace

MASK = "•••"
_POSITION = ("system", "object", "role", "file_id", "sheet", "row_number", "valid_from")
COLUMNS = [
    "field",
    "value",
    "state",
    "system",
    "object",
    "role",
    "file",
    "sheet",
    "row_number",
    "since",
    "rule",
    "linked_by",
]


def explain(
    workspace: Workspace, kind: str, identifier: str, field: str | None = None, show_personal: bool = False
) -> list[dict[str, Any]]:
    """One row per field and value that spoke for it: the one that won, those that agree, those that lost.

    Args:
        workspace: where to look.
        kind: resident, or a table that passes through (resident_status, appeal).
        identifier: entity_id; `system/number` for what passes through.
        field: only this field.
        show_personal: values of level 3 and 4 in clear.

    Raises:
        UserError: no such kind, id or field.
    """
    lake = open_lake(workspace)
    release = find_release(lake)
    run = next(run for run in all_runs(lake) if run.run_id == release.run_id)
    conf = snapshot_conf(workspace, run.config_hash)
    lake = open_lake(workspace, conf)
    if kind not in conf.model:
        raise UserError(f"{kind!r} is no table; there are {', '.join(conf.model)}")
    record = conf.model[kind]
    known = explained_fields(record)
    fields = [f for f in known if field in (None, f.name)]
    if not fields:
        raise UserError(f"{kind} has no field {field}; it has {', '.join(f.name for f in known)}")
    released = _released_row(lake, release, record, identifier)
    found = explain_rows(lake, conf, release, record, fields, [released])
    names = {row["file_id"]: row["name"] for row in lake.rows("ops.file").to_pylist()}
    levels = {f.name: f.level for f in fields}
    for row in found:
        row["file"] = names.get(row.pop("file_id", None))
        if not show_personal and levels[row["field"]] >= 3 and row["value"] is not None:
            row["value"] = MASK
    return [{name: row.get(name) for name in COLUMNS} for row in found]


def explained_fields(record: Record) -> tuple[ModelField, ...]:
    """Fields of the released table: of the record, derived from them, and the entities it speaks of."""
    spoken_of = (
        ModelField(name, "text", 1, f"同一行所指的{kind}", f"the {kind} that the same row of the source names")
        for name, kind in record.speaks_of.items()
    )
    return record.fields + record.derived + tuple(spoken_of)


def explain_rows(
    lake: Lake, conf: Conf, release: Release, record: Record, fields: list[ModelField], released: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Explanations of any number of released rows of one table, in their order, unmasked; `id` is the row's key."""
    explain_them = _chosen if record.kind else _passed_through
    return explain_them(lake, conf, release, record, fields, released)


def _released_row(lake: Lake, release: Release, record: Record, identifier: str) -> dict[str, Any]:
    values = (identifier,) if len(record.key) == 1 else tuple(identifier.split("/", 1))
    if len(values) != len(record.key):
        raise UserError(f"name a {record.name} as {'/'.join(record.key)}, for example police/123")
    where = dict(zip(record.key, values, strict=True))
    rows = lake.arrow(f"refined.{record.name}", release.tables[record.name]["version"], where).to_pylist()
    if not rows:
        raise UserError(
            f"release {release.release_id} has no {record.name} {identifier}{_redirect(lake, record, identifier)}"
        )
    row: dict[str, Any] = rows[0]
    return row


def _redirect(lake: Lake, record: Record, identifier: str) -> str:
    """What became of an id that is no longer there: where it goes on, over any number of merges, or when it ended."""
    if not record.kind:
        return ""
    events = lake.rows("links.identity_event", {"kind": record.kind, "event": ["merge", "end"]}).to_pylist()
    fates = {event["entity_id"]: event for event in sorted(events, key=lambda event: event["night"])}
    if identifier not in fates:
        return ""
    fate, entity = fates[identifier], identifier
    while entity in fates and fates[entity]["event"] == "merge":
        entity = fates[entity]["other_id"]
    return f": on {fate['night']} it " + (f"merged into {entity}" if fate["event"] == "merge" else "ended")


def _chosen(
    lake: Lake, conf: Conf, release: Release, record: Record, fields: list[ModelField], released: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    authority = load_authority(conf, record)
    entities = _of_release(lake, release, record, "links.assignment")
    entities = entities.where(F.col("entity_id").isin([row["entity_id"] for row in released]))
    edges = lake.read("links.edge", _version(release, record, "links.edge"))
    records = _of_release(lake, release, record, f"harmonised.{record.name}")
    mentioned = mentioned_records(records, entities.select("mention_id", "entity_id"), edges, str(record.kind))
    accepted = edges.where(F.col("decision") == "accept").groupBy("mention_id").agg(F.min("reason").alias("linked_by"))
    mentioned = mentioned.join(accepted, "mention_id", "left")
    orders = [_place(authority.order(f.name)).alias(f"{f.name} order") for f in fields]
    values = sorted({"copied_id", "linked_by", *(f.name for f in fields)})
    said: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in mentioned.select("entity_id", *_position(), *values, *orders).toArrow().to_pylist():
        said[row["entity_id"]].append(row)
    return [
        {"id": row["entity_id"], "field": field.name, **entry}
        for row in released
        for field in fields
        for entry in _spoken(said[row["entity_id"]], field, authority.order(field.name), row)
    ]


def _spoken(
    mentions: list[dict[str, Any]], field: ModelField, order: tuple[str, ...], released: dict[str, Any]
) -> list[dict[str, Any]]:
    """The values of one field of one entity, the one that won first."""
    ranked = sorted(mentions, key=lambda row: tuple(row[f"{field.name} order"].values()))
    places = [*(name for name in _POSITION if name != "valid_from"), "linked_by"]
    found = [
        {"value": row[field.name], **{name: row[name] for name in places}, "since": row["valid_from"]}
        for row in ranked
        if row[field.name] is not None
    ]
    if not found:
        found = [_derived(field, released)]
    elif found[0]["value"] != released[field.name]:
        raise UserError(
            f"{field.name}: the rows of the release say otherwise than the released row; please report this"
        )
    for place, row in enumerate(found):
        row.setdefault("rule", _rule(order, found) if place == 0 else None)
        row.setdefault("state", "chosen" if place == 0 else "agrees" if row["value"] == found[0]["value"] else "lost")
    if field.type == "resident_id":
        found += [
            {
                "value": row["copied_id"],
                **{name: row[name] for name in places},
                "since": row["valid_from"],
                "state": "left out",
                "rule": "the number belongs to another",
            }
            for row in ranked
            if row["copied_id"] is not None
        ]
    return found


def _passed_through(
    lake: Lake, conf: Conf, release: Release, record: Record, fields: list[ModelField], released: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    versions = _of_release(lake, release, record, f"harmonised.{record.name}")
    for name in record.key:
        versions = versions.where(F.col(name).isin(sorted({row[name] for row in released})))
    keys = [F.col(name).alias(f"key {name}") for name in record.key]
    rows = versions.select(*keys, *_position()).toArrow().to_pylist()
    places = {tuple(row[f"key {name}"] for name in record.key): row for row in rows}
    found = []
    for row in released:
        key = tuple(row[name] for name in record.key)
        place = {name: places[key][name] for name in _POSITION}
        place["since"] = place.pop("valid_from")
        for field in fields:
            value = row[field.name]
            derived = field not in record.fields
            state = "derived" if derived else "empty" if value is None else "chosen"
            rule = field.en if derived else "no value in the row" if value is None else "only row of its key"
            found.append(
                {"id": "/".join(key), "field": field.name, "value": value, "state": state, "rule": rule, **place}
            )
    return found


def _of_release(lake: Lake, release: Release, record: Record, name: str) -> DataFrame:
    """Rows of a table of versions as the release found them: a later run may have rewritten the same night."""
    return as_of(lake.read(name, _version(release, record, name)), release.night)


def _version(release: Release, record: Record, name: str) -> int | None:
    versions: dict[str, int] = release.tables[record.name].get("sources", {})
    return versions.get(name)


def _place(order: tuple[str, ...]) -> Column:
    """Where a mention stands in the choice of a field, to be sorted by outside the engine."""
    return F.struct(*[part.alias(f"part_{index}") for index, part in enumerate(choice_order(order))])


def _position() -> list[Column]:
    return [F.col(name) for name in _POSITION]


def _rule(order: tuple[str, ...], found: list[dict[str, Any]]) -> str:
    """What made the first of the rows win."""
    winner = found[0]
    other = next((row for row in found[1:] if row["value"] != winner["value"]), None)
    if other is None:
        return "only value" if len(found) == 1 else "all agree"
    if (other["role"] == DEFAULT_ROLE) != (winner["role"] == DEFAULT_ROLE):
        return "the person's own row"
    if other["system"] != winner["system"]:
        speaking = [system for system in order if any(row["system"] == system for row in found)]
        return f"authority: {' > '.join(speaking)}"
    return "newest version" if other["since"] != winner["since"] else "least mention"


def _derived(field: ModelField, released: dict[str, Any]) -> dict[str, Any]:
    value = released[field.name]
    if value is None:
        return {"value": None, "state": "empty", "rule": "no row says anything"}
    return {"value": value, "state": "derived", "rule": "read from the id number"}
