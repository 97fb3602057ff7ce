"""`jiceng explain`: where each field of a released row came from, by which rule, and which values lost.

Nothing is recorded for it: links and harmonised rows keep every version, and the choice is the same function that merge
uses, with the configuration of the release. The result is compared with the released value, and a difference is said.
"""

from datetime import date
from typing import Any

from pyspark.sql import Column
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
COLUMNS = ["field", "value", "state", "system", "object", "role", "file", "sheet", "row_number", "since", "rule"]


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
    fields = [f for f in record.fields + record.derived if field in (None, f.name)]
    if not fields:
        known = ", ".join(f.name for f in record.fields + record.derived)
        raise UserError(f"{kind} has no field {field}; it has {known}")
    released = _released_row(lake, release, record, identifier)
    names = {row["file_id"]: row["name"] for row in lake.rows("ops.file").to_pylist()}
    found = []
    for entry in fields:
        if record.kind:
            found += _chosen(lake, conf, record, entry, release.night, released)
        else:
            found += _passed_through(lake, record, entry, release.night, released)
    for row in found:
        row["file"] = names.get(row.pop("file_id", None))
        if not show_personal and record.field(row["field"]).level >= 3 and row["value"] is not None:
            row["value"] = MASK
    return [{name: row.get(name) for name in COLUMNS} for row in found]


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
    """What became of an id that is no longer there."""
    events = lake.rows("links.identity_event", {"entity_id": identifier}).to_pylist() if record.kind else []
    fates = [event for event in events if event["event"] in ("merge", "end")]
    if not fates:
        return ""
    last = max(fates, key=lambda event: event["night"])
    return f": on {last['night']} it {'merged into ' + last['other_id'] if last['event'] == 'merge' else 'ended'}"


def _chosen(
    lake: Lake, conf: Conf, record: Record, field: ModelField, night: date, released: dict[str, Any]
) -> list[dict[str, Any]]:
    entities = as_of(lake.read("links.assignment"), night).where(F.col("entity_id") == released["entity_id"])
    records = as_of(lake.read(f"harmonised.{record.name}"), night)
    entities = entities.select("mention_id", "entity_id")
    mentioned = mentioned_records(records, entities, lake.read("links.edge"), str(record.kind))
    order = load_authority(conf, record).order(field.name)
    said = mentioned.where(F.col(field.name).isNotNull()).orderBy(*choice_order(order))
    found = said.select(F.col(field.name).alias("value"), *_position()).toArrow().to_pylist()
    if not found:
        found = [_derived(field, released)]
    elif found[0]["value"] != released[field.name]:
        raise UserError(f"{field.name}: the rows of {night} say otherwise than the released row; please report this")
    for place, row in enumerate(found):
        row.setdefault("rule", _rule(order, found) if place == 0 else None)
        row.setdefault("state", "chosen" if place == 0 else "agrees" if row["value"] == found[0]["value"] else "lost")
    return [{"field": field.name, **row} for row in found]


def _passed_through(
    lake: Lake, record: Record, field: ModelField, night: date, released: dict[str, Any]
) -> list[dict[str, Any]]:
    versions = as_of(lake.read(f"harmonised.{record.name}"), night)
    for name in record.key:
        versions = versions.where(F.col(name) == released[name])
    row = versions.select(*_position()).toArrow().to_pylist()[0]
    value = released[field.name]
    derived = field in record.derived
    state = "derived" if derived else "empty" if value is None else "chosen"
    rule = field.en if derived else "no value in the row" if value is None else "only row of its key"
    return [{"field": field.name, "value": value, "state": state, "rule": rule, **row}]


def _position() -> list[Column | str]:
    return ["system", "object", "role", "file_id", "sheet", "row_number", F.col("valid_from").alias("since")]


def _rule(order: tuple[str, ...], found: list[dict[str, Any]]) -> str:
    """What made the first of the rows win."""
    winner = found[0]
    other = next((row for row in found[1:] if row["value"] != winner["value"]), None)
    if other is None:
        return "only value" if len(found) == 1 else "all agree"
    if (other["role"] == DEFAULT_ROLE) != (winner["role"] == DEFAULT_ROLE):
        return "the person's own row"
    if other["system"] != winner["system"]:
        return f"authority: {' > '.join(order)}"
    return "newest version" if other["since"] != winner["since"] else "least mention"


def _derived(field: ModelField, released: dict[str, Any]) -> dict[str, Any]:
    value = released[field.name]
    if value is None:
        return {"value": None, "state": "empty", "rule": "no row says anything"}
    return {"value": value, "state": "derived", "rule": "read from the id number"}
