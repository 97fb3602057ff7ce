"""`jiceng explain`: where each field of a released row came from, by which rule, and which values lost.

`linked_by` is the evidence that joined a row's mention to the entity; the mention that all others were compared with
has none.

Facts are told likewise; of relations the rows that name both ends, and of a member those of other households as well.

Nothing is recorded for it but the versions of the tables that the release was made from: the choice is the same function
that merge uses, with the configuration of the release. The result is compared with the released value, and a difference
is said.
"""

from typing import Any

from jobs.analyse.catalogue import read_module
from jobs.common.base.errors import UserError
from jobs.common.base.file_names import MASK, shown
from jobs.common.base.workspace import Workspace
from jobs.common.lake.tables import Lake
from jobs.common.model.model_table import ModelTable
from jobs.common.model.records import ModelField, Record, table_fields
from jobs.common.model.shapes import ENTITY, FACT, RELATION, RELATION_KEY
from jobs.common.releases.releases import Release, find_release
from jobs.common.run.conf import Conf, snapshot_conf
from jobs.common.run.runs import all_runs
from jobs.common.run.stage import open_lake
from jobs.read.evidence import explain_entities, explain_facts, explain_relations

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
        kind: a table of the model.
        identifier: the row's key: entity_id, or its parts with `/` between them, such as `system/number`.
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
    if kind not in conf.tables:
        raise UserError(f"{kind!r} is no table; there are {', '.join(conf.tables)}")
    table = conf.tables[kind]
    known = explained_fields(table.record) if table.record else table.columns
    fields = [f for f in known if field in (None, f.name)]
    if not fields:
        raise UserError(f"{kind} has no field {field}; it has {', '.join(f.name for f in known)}")
    released = _released_row(lake, release, table, identifier)
    if table.record:
        found = explain_rows(lake, conf, release, table.record, fields, [released])
    else:
        found = explain_product(table, fields, released)
    # By place: the same bytes may have come under another name elsewhere.
    names = {file_place(row): shown(row["name"], row["file_id"]) for row in lake.rows("ops.file").to_pylist()}
    levels = {f.name: f.level for f in fields}
    for row in found:
        row["file"] = names.get(file_place(row))
        if not show_personal and levels[row["field"]] >= 3 and row["value"] is not None:
            row["value"] = MASK
    return [{name: row.get(name) for name in COLUMNS} for row in found]


def file_place(row: dict[str, Any]) -> tuple[str | None, ...]:
    return tuple(row.get(name) for name in ("system", "object", "file_id"))


def explained_fields(record: Record) -> tuple[ModelField, ...]:
    """Fields of the released table but those that merely name the row."""
    if record.shape == RELATION:
        return tuple(field for field in table_fields(record) if field.name == "to_id") + record.fields
    told = {"entity_id", "mention_count", "system"}
    return tuple(field for field in table_fields(record) if field.name not in told)


def explain_rows(
    lake: Lake, conf: Conf, release: Release, record: Record, fields: list[ModelField], released: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Explanations of any number of released rows of one table, in their order, unmasked; `id` is the row's key."""
    explain_them = {ENTITY: explain_entities, RELATION: explain_relations, FACT: explain_facts}[record.shape]
    return explain_them(lake, conf, release, record, fields, released)


def explain_product(table: ModelTable, fields: list[ModelField], released: dict[str, Any]) -> list[dict[str, Any]]:
    """The fields of a row that is computed: from which tables and files of `conf/`."""
    reads = read_module(table.name)
    files = [f"conf/{pattern}" for pattern in reads.patterns]
    rule = f"computed from {', '.join([*reads.tables, *files])}"
    found = []
    for field in fields:
        value = released[field.name]
        state = "empty" if value is None else "derived"
        found.append({"field": field.name, "value": value, "state": state, "rule": rule})
    return found


def _released_row(lake: Lake, release: Release, table: ModelTable, identifier: str) -> dict[str, Any]:
    key = RELATION_KEY if table.has_pairs else table.key
    values = tuple(identifier.split("/", len(key) - 1))
    if len(values) != len(key):
        example = "member/R1/H1" if table.has_pairs else "police/123"
        told = f", for example {example}" if table.record else ""
        raise UserError(f"name a {table.name} as {'/'.join(key)}{told}")
    where = dict(zip(key, values, strict=True))
    rows = lake.arrow(f"refined.{table.name}", release.tables[table.name]["version"], where).to_pylist()
    if not rows:
        raise UserError(
            f"release {release.release_id} has no {table.name} {identifier}{_redirect(lake, table, identifier)}"
        )
    row: dict[str, Any] = rows[0]
    return row


def _redirect(lake: Lake, table: ModelTable, identifier: str) -> str:
    """What became of an id that is no longer there: where it goes on, over any number of merges, or when it ended."""
    if not table.kind:
        return ""
    events = lake.rows("links.identity_event", {"kind": table.kind, "event": ["merge", "end"]}).to_pylist()
    fates = {event["entity_id"]: event for event in sorted(events, key=lambda event: event["night"])}
    if identifier not in fates:
        return ""
    fate, entity = fates[identifier], identifier
    while entity in fates and fates[entity]["event"] == "merge":
        entity = fates[entity]["other_id"]
    return f": on {fate['night']} it " + (f"merged into {entity}" if fate["event"] == "merge" else "ended")
