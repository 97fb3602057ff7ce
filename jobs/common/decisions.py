"""What a person decides about files: one is taken back out, or one that was held back is let through.

A withdrawn file stays in the archive, and the rows that it gave leave the records in the first night that works after the
decision: each key is then as the remaining files left it, as if the file had never come. A file that is let through is taken
by that night. The decision is a row of `ops.decision`.

Reads and writes: `ops.decision`, `ops.file`. Refuses: a file that nobody knows, or of which there is nothing to decide.
"""

import getpass
from collections import defaultdict
from datetime import date
from typing import Any

import pyarrow.dataset as ds

from jobs.common.contracts import SourceObject
from jobs.common.deliveries import ObjectNight, deliveries_with_status, object_night
from jobs.common.errors import UserError
from jobs.common.file_names import shown
from jobs.common.runs import all_runs
from jobs.common.tables import Lake

WITHDRAWN, HELD = "withdrawn", "held"  # of `ops.file`
WITHDRAW, ACCEPT = "withdraw", "accept"  # of `ops.decision`
_SHORTEST = 8  # characters by which a file may be named


def withdraw(lake: Lake, file_id: str, because: str | None, who: str | None = None) -> list[dict[str, Any]]:
    """Take a file back out; returns its rows of `ops.file`, one for each object that it was taken for.

    Args:
        lake: of the workspace.
        file_id: sha256 of the bytes, or its first characters.
        because: why.
        who: who decides (default: the user of this process).

    Raises:
        UserError: no file or several begin so, or it has been withdrawn already.
    """
    rows = find_file(lake, file_id)
    if all(row["status"] == WITHDRAWN for row in rows):
        raise UserError(f"{_place(rows[0])} has been withdrawn already")
    return _decide(lake, WITHDRAW, rows, {"status": WITHDRAWN, "reason": WITHDRAWN, "detail": None}, because, who)


def accept(lake: Lake, file_id: str, because: str | None, who: str | None = None) -> list[dict[str, Any]]:
    """Let a file through that was held back; arguments and answer as of `withdraw`.

    Raises:
        UserError: no file or several begin so, or it is not held back.
    """
    rows = find_file(lake, file_id)
    held = [row for row in rows if row["status"] == HELD]
    if not held:
        raise UserError(f"{_place(rows[0])} is {rows[0]['status']}; only a file that is held can be let through")
    return _decide(lake, ACCEPT, held, {"status": "waiting", "reason": None, "detail": None}, because, who)


def find_file(lake: Lake, file_id: str) -> list[dict[str, Any]]:
    """Rows of `ops.file` of the one file whose id begins so; raises UserError."""
    every = lake.rows("ops.file").to_pylist()
    rows = [row for row in every if len(file_id) >= _SHORTEST and row["file_id"].startswith(file_id)]
    if len({row["file_id"] for row in rows}) != 1:
        found = "several files begin" if rows else "no file begins"
        raise UserError(
            f"{found} with {file_id}; `jiceng books` names each by its id, of which {_SHORTEST} characters do"
        )
    return rows


def _place(row: dict[str, Any]) -> str:
    return f"{row['system']}/{shown(row['name'], row['file_id'])}"


def _decide(
    lake: Lake, what: str, rows: list[dict[str, Any]], state: dict[str, Any], because: str | None, who: str | None
) -> list[dict[str, Any]]:
    after = all_runs(lake)[-1].run_id
    common = {
        "decision": what,
        "after_run": after,
        "night": None,
        "approved_by": who or getpass.getuser(),
        "because": because,
    }
    decided = [{**{name: row[name] for name in ("system", "object", "sheet", "file_id")}, **common} for row in rows]
    # First why, then that: what is left by a kill in between is made good by trying again.
    lake.upsert("ops.decision", lake.table_of("ops.decision", decided))
    changed = [{**row, **state} for row in rows]
    lake.upsert("ops.file", lake.table_of("ops.file", changed))
    return changed


def withdrawn_files(lake: Lake) -> dict[tuple[str, str], set[str]]:
    """Ids of all withdrawn files by system and object; an object without any has an empty set."""
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    for row in lake.rows("ops.file", {"status": WITHDRAWN}, ["system", "object", "file_id"]).to_pylist():
        found[row["system"], row["object"]].add(row["file_id"])
    return found


def fresh_decisions(lake: Lake, night: date, *what: str) -> list[dict[str, Any]]:
    """Rows of `ops.decision` that take effect in `night`: those that no earlier night has worked out."""
    rows = lake.rows("ops.decision", {"decision": list(what)}).to_pylist()
    return [row for row in rows if row["night"] is None or row["night"] >= night]


def is_shaken(lake: Lake, obj: SourceObject, night: date) -> bool:
    """Whether a file of the object leaves its records in `night`."""
    return any(
        (row["system"], row["object"]) == (obj.system, obj.name) for row in fresh_decisions(lake, night, WITHDRAW)
    )


def mark_worked_out(lake: Lake, night: date) -> None:
    """Note that the decisions have taken effect."""
    rows = [{**row, "night": night} for row in fresh_decisions(lake, night, WITHDRAW, ACCEPT)]
    if rows:
        lake.upsert("ops.decision", lake.table_of("ops.decision", rows))


def remaining_nights(lake: Lake, obj: SourceObject, night: date) -> list[ObjectNight]:
    """Nights before `night` whose files make up the object's records without the withdrawn ones, the latest first.

    Of snapshots those back to the last one that was whole, as the others end nothing; else all nights.
    """
    rows = [row for row in deliveries_with_status(lake) if (row["system"], row["object"]) == (obj.system, obj.name)]
    rows = [row for row in rows if row["night"] < night]
    found = []
    for earlier in sorted({row["night"] for row in rows if row["status"] in ("accepted", "late")}, reverse=True):
        known = object_night(obj, [row for row in rows if row["night"] <= earlier], earlier)
        found.append(known)
        if obj.mode == "snapshot" and _was_whole(lake, known):
            break
    return found


def _was_whole(lake: Lake, known: ObjectNight) -> bool:
    """Whether the snapshot of a night ended what it lacked."""
    files = [file.file_id for file in known.counting]
    part = {"system": known.obj.system, "object": known.obj.name, "file_id": files}
    reasons = lake.rows("ops.quarantine", part, ["reason"]).column("reason").to_pylist()
    has_rows = bool(files) and lake.dataset(known.obj.raw_table).count_rows(filter=ds.field("file_id").isin(files)) > 0
    return has_rows and not known.refused and all(reason == "key_conflict" for reason in reasons)
