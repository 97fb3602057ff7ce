"""`jiceng explain`: where each field of a released row came from, by which rule, and which values lost.

`linked_by` is the evidence that joined a row's mention to the entity; the mention that all others were compared with
has none.

Facts are told likewise; of relations the rows that name both ends, and of a member those of other households as well.

Nothing is recorded for it but the versions of the tables that the release was made from: the choice is the same function
that merge uses, with the configuration of the release. The result is compared with the released value, and a difference
is said.
"""

from operator import itemgetter
from typing import Any

from jobs.analyse.catalogue import read_module
from jobs.common.base.errors import UserError
from jobs.common.base.file_names import shown
from jobs.common.base.masks import mask_value
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
    conf = _conf_of(workspace, lake, release)
    lake = open_lake(workspace, conf)
    if kind not in conf.tables:
        raise UserError(f"{kind!r} is no table; there are {', '.join(conf.tables)}")
    table = conf.tables[kind]
    fields = _chosen_fields(table, field)
    released = _released_row(lake, release, table, identifier)
    if table.record:
        found = explain_rows(lake, conf, release, table.record, fields, [released])
    else:
        found = explain_product(table, fields, released)
    _name_files(lake, found)
    if not show_personal:
        _mask_values(fields, found)
    return [{name: row.get(name) for name in COLUMNS} for row in found]


def _conf_of(workspace: Workspace, lake: Lake, release: Release) -> Conf:
    """The configuration of the run that made the release."""
    run = next(run for run in all_runs(lake) if run.run_id == release.run_id)
    return snapshot_conf(workspace, run.config_hash)


def _chosen_fields(table: ModelTable, field: str | None) -> list[ModelField]:
    """The field named, or all that are explained; raises UserError if the table has none of that name."""
    known = explained_fields(table.record) if table.record else table.columns
    chosen = [each for each in known if field in (None, each.name)]
    if not chosen:
        names = ", ".join(each.name for each in known)
        raise UserError(f"{table.name} has no field {field}; it has {names}")
    return chosen


def _name_files(lake: Lake, found: list[dict[str, Any]]) -> None:
    """Add `file`, the name; by place, as the same bytes may have come under another name elsewhere."""
    files = lake.rows("ops.file").to_pylist()
    names = {file_place(file): shown(file["name"], file["file_id"]) for file in files}
    for row in found:
        row["file"] = names.get(file_place(row))


def _mask_values(fields: list[ModelField], found: list[dict[str, Any]]) -> None:
    """Replace values of level 3 and 4."""
    levels = {field.name: field.level for field in fields}
    for row in found:
        row["value"] = mask_value(row["value"], levels[row["field"]])


def file_place(row: dict[str, Any]) -> tuple[str | None, ...]:
    return tuple(row.get(name) for name in ("system", "object", "file_id"))


def explained_fields(record: Record) -> tuple[ModelField, ...]:
    """Fields of the released table but those that merely name the row."""
    fields = table_fields(record)
    if record.shape == RELATION:
        ends = tuple(field for field in fields if field.name == "to_id")
        return ends + record.fields
    told = {"entity_id", "mention_count", "system"}
    return tuple(field for field in fields if field.name not in told)


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
    """The row of that key; raises UserError if the key has other parts, or the release has no such row."""
    where = _key_of(table, identifier)
    rows = lake.arrow(f"refined.{table.name}", release.tables[table.name]["version"], where).to_pylist()
    if not rows:
        fate = _redirect(lake, table, identifier)
        raise UserError(f"release {release.release_id} has no {table.name} {identifier}{fate}")
    row: dict[str, Any] = rows[0]
    return row


def _key_of(table: ModelTable, identifier: str) -> dict[str, str]:
    """The parts of an identifier by column of the key; raises UserError if there are fewer."""
    key = RELATION_KEY if table.has_pairs else table.key
    values = identifier.split("/", len(key) - 1)
    if len(values) != len(key):
        example = "member/R1/H1" if table.has_pairs else "police/123"
        told = f", for example {example}" if table.record else ""
        raise UserError(f"name a {table.name} as {'/'.join(key)}{told}")
    return dict(zip(key, values, strict=True))


def _redirect(lake: Lake, table: ModelTable, identifier: str) -> str:
    """What became of an id that is no longer there: where it goes on, over any number of merges, or when it ended."""
    if not table.kind:
        return ""
    events = lake.rows("links.identity_event", {"kind": table.kind, "event": ["merge", "end"]}).to_pylist()
    fates = {event["entity_id"]: event for event in sorted(events, key=itemgetter("night"))}
    fate = fates.get(identifier)
    if fate is None:
        return ""
    if fate["event"] != "merge":
        return f": on {fate['night']} it ended"
    entity = fate["other_id"]
    while entity in fates and fates[entity]["event"] == "merge":
        entity = fates[entity]["other_id"]
    return f": on {fate['night']} it merged into {entity}"
