"""A lake whose harmonised rows and mentions are written by hand, for tests of what comes after match."""

import hashlib
from collections.abc import Iterable
from datetime import date
from typing import Any

from deltalake import write_deltalake

from jobs.common.base.workspace import Workspace
from jobs.common.contracts.sources import default_role
from jobs.common.lake.tables import Lake
from jobs.common.run.conf import Conf
from jobs.common.run.runs import CLI, Run
from jobs.common.run.stage import Context
from tests.support.constants import NIGHT

RUN = Run(f"{NIGHT}.1", NIGHT, CLI, "", None)


def mention_of(kind: str, system: str, object: str, key: str, role: str) -> str:
    return hashlib.md5("|".join((kind, system, object, key, role)).encode()).hexdigest()


def context_of(workspace: Workspace, conf: Conf, lake: Lake, run: Run = RUN) -> Context:
    workspace.run_dir(run.run_id).mkdir(parents=True, exist_ok=True)
    context = Context(workspace, conf, lake, run)
    context.__dict__["plan"] = {"nothing_new": False, "sources": []}
    return context


def write_rows(lake: Lake, name: str, rows: Iterable[dict[str, Any]]) -> None:
    """Replace a table by these rows; columns that a row leaves out are null."""
    names = lake.declared[name].names
    whole = []
    for row in rows:
        assert set(row) <= set(names), f"{name}: {set(row) - set(names)}"
        whole.append({column: row.get(column) for column in names})
    lake.version(name)  # creates it
    write_deltalake(str(lake.path(name)), lake.table_of(name, whole), mode="overwrite")


def write_records(lake: Lake, record: str, rows: Iterable[tuple[str, str, str, dict[str, Any]]]) -> None:
    """Current harmonised rows: (`system/object`, key, role or "" for the record's own, fields); one file per object."""
    written = []
    for number, (place, key, role, fields) in enumerate(rows, start=2):
        system, object = place.split("/")
        head = {
            "system": system,
            "object": object,
            "sheet": "",
            "source_key": key,
            "role": role or default_role(record),
        }
        tail = {"row_hash": number, "file_id": f"file of {place}", "row_number": number, "valid_from": NIGHT}
        written.append({**head, **tail, "valid_to": None, **fields})
    write_rows(lake, f"harmonised.{record}", written)


def write_mentions(lake: Lake, mentions: Iterable[tuple[str, str, str, str, str]]) -> None:
    """Mentions: (`system/object`, key, kind, role or "" for the kind's own, entity)."""
    written = []
    for number, (place, key, kind, role, entity) in enumerate(mentions, start=2):
        system, object = place.split("/")
        role = role or default_role(kind)
        head = {"mention_id": mention_of(kind, system, object, key, role), "kind": kind, "entity_id": entity}
        whole = {"system": system, "object": object, "source_key": key, "role": role}
        written.append({**head, **whole, "file_id": f"file of {place}", "row_number": number})
    write_rows(lake, "links.mention", written)


def day(text: str) -> date:
    return date.fromisoformat(text)
