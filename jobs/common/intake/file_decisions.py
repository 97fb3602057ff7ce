"""What a person decides about files: one is taken back out, one that was held back is let through, or a contract is mended and
the files that were read under it are read anew.

A withdrawn file stays in the archive, and the rows that it gave leave the records in the first night that works after the
decision: each key is then as the remaining files left it, as if the file had never come. A file that is let through is taken
by that night. The decision is a row of `ops.decision`.

Reads and writes: `ops.decision`, `ops.file`. Refuses: a file that nobody knows, or of which there is nothing to decide.
"""

import getpass
from collections import defaultdict
from collections.abc import Collection
from datetime import date
from typing import Any

import pyarrow.compute as pc
import pyarrow.dataset as ds

from jobs.common.base.errors import UserError
from jobs.common.base.file_names import read_name, shown
from jobs.common.contracts.sources import SourceObject
from jobs.common.intake.deliveries import ObjectNight, deliveries_with_status, file_key, known_files, object_night
from jobs.common.intake.whole import is_whole
from jobs.common.lake.tables import Lake
from jobs.common.run.runs import Run, all_runs

WITHDRAWN, HELD = "withdrawn", "held"  # of `ops.file`
WITHDRAW, ACCEPT, READ = "withdraw", "accept", "read"  # of `ops.decision`
_STATES = ("waiting", "accepted", "refused", "late", HELD, WITHDRAWN)
_SHORTEST, _ID_SHOWN = 8, 12  # characters of an id by which a file may be named, and that tell it from others
_LISTED = 20  # of several files of one name


def withdraw(lake: Lake, named: str, because: str | None, who: str | None = None) -> list[dict[str, Any]]:
    """Take a file back out; returns its rows of `ops.file`, one for each object that it was taken for.

    Args:
        lake: of the workspace.
        named: the file, as `find_file` knows it.
        because: why.
        who: who decides (default: the user of this process).

    Raises:
        UserError: no file or several are named so, or it has been withdrawn already.
    """
    rows = find_file(lake, named, [status for status in _STATES if status != WITHDRAWN])
    if all(row["status"] == WITHDRAWN for row in rows):
        raise UserError(f"{_place(rows[0])} has been withdrawn already")
    return _decide(lake, WITHDRAW, rows, {"status": WITHDRAWN, "reason": WITHDRAWN, "detail": None}, because, who)


def accept(lake: Lake, named: str, because: str | None, who: str | None = None) -> list[dict[str, Any]]:
    """Let a file through that was held back; arguments and answer as of `withdraw`.

    Raises:
        UserError: no file or several are named so, or it is not held back.
    """
    state = {"status": "waiting", "reason": None, "detail": None}
    return _decide(lake, ACCEPT, find_held(lake, named), state, because, who)


def find_held(lake: Lake, named: str) -> list[dict[str, Any]]:
    """Rows of `ops.file` of the one file named so that is held back; raises UserError."""
    rows = find_file(lake, named, [HELD])
    held = [row for row in rows if row["status"] == HELD]
    if not held:
        raise UserError(f"{_place(rows[0])} is {rows[0]['status']}; only a file that is held can be let through")
    return held


def find_file(lake: Lake, named: str, states: Collection[str]) -> list[dict[str, Any]]:
    """Rows of `ops.file` of the one file that is meant; of several those in one of the states are.

    Args:
        lake: of the workspace.
        named: its id (sha256 of the bytes) or the first characters of it, also after `system/`; or `system/name`, or its name.
        states: of `ops.file`, in which there is something to decide about a file.

    Raises:
        UserError: there is none, or there are several, which are listed.
    """
    files, deliveries = known_files(lake), deliveries_with_status(lake)
    names: dict[tuple[str, ...], set[str]] = defaultdict(set)
    last: dict[tuple[str, ...], tuple[int, date]] = {}
    for at, row in enumerate(deliveries):
        names[file_key(row)].add(row["name"])
        last[file_key(row)] = at, row["night"]
    system, _, rest = named.partition("/")

    def has_id(row: dict[str, Any]) -> bool:
        begins = named if "/" not in named else rest if row["system"] == system else ""
        return len(begins) >= _SHORTEST and str(row["file_id"]).startswith(begins)

    def has_name(key: tuple[str, ...]) -> bool:
        forms = {form for name in names[key] for form in (name, shown(name), shown(name, key[-1]))}
        return bool({named, read_name(named)} & (forms | {f"{key[0]}/{form}" for form in forms}))

    by_id = [row for row in files.values() if has_id(row)]
    found = by_id or [row for key, row in files.items() if has_name(key)]
    found = [row for row in found if row["status"] in states] or found
    # An id means these bytes wherever they lie; a name means what one system handed over.
    if len({row["file_id"] if by_id and "/" not in named else (row["system"], row["file_id"]) for row in found}) == 1:
        return found
    if not found:
        raise UserError(
            f"no file begins with {shown(named)} ({_SHORTEST} characters of its id do), and none is called so; all of them: "
            '`jiceng sql --all-layers "select night, system, name, status, file_id from ops.file order by night desc"`'
        )
    found.sort(key=lambda row: last.get(file_key(row), (-1, row["night"])), reverse=True)
    lines = [
        f"  {row['system']}/{row['file_id'][:_ID_SHOWN]}  {shown(row['name'])}, night {last[file_key(row)][1]}, {row['status']}"
        for row in found[:_LISTED]
    ]
    more = [f"  … and {len(found) - _LISTED:,} more"] if len(found) > _LISTED else []
    raise UserError(
        "\n".join([f"several files are meant by {shown(named)}; name one as it stands here:", *lines, *more])
    )


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
    """Whether a file of the object leaves its records in `night`, or is read anew."""
    fresh = fresh_decisions(lake, night, WITHDRAW, READ)
    return any((row["system"], row["object"]) == (obj.system, obj.name) for row in fresh)


def record_read(lake: Lake, run: Run, file: dict[str, Any]) -> None:
    """Note that raw rows of a file have become others, so that the records that stand on them are worked out anew.

    Args:
        lake: of the workspace.
        run: that has read it.
        file: row of `ops.file`.
    """
    place = {name: file[name] for name in ("system", "object", "sheet", "file_id")}
    told = {"decision": READ, "after_run": run.run_id, "night": None, "approved_by": None, "because": None}
    lake.upsert("ops.decision", lake.table_of("ops.decision", [{**place, **told}]))


def files_read_anew(lake: Lake, night: date) -> dict[tuple[str, str], set[str]]:
    """Ids of the files that were read anew for `night`, by system and object; an object without any has an empty set."""
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    for row in fresh_decisions(lake, night, READ):
        found[row["system"], row["object"]].add(row["file_id"])
    return found


def mark_worked_out(lake: Lake, night: date, systems: Collection[str]) -> None:
    """Note that the decisions about these systems' files have taken effect."""
    fresh = fresh_decisions(lake, night, WITHDRAW, ACCEPT, READ)
    rows = [{**row, "night": night} for row in fresh if row["system"] in systems]
    if rows:
        lake.upsert("ops.decision", lake.table_of("ops.decision", rows))


def remaining_nights(lake: Lake, obj: SourceObject, night: date, is_wary: bool = False) -> list[ObjectNight]:
    """Nights before `night` whose files make up the object's records without the withdrawn ones, the latest first.

    Of snapshots those back to the last one that was whole, as the others end nothing; else all nights. `is_wary` asks for more
    where harmonise has yet to find out whether each key can be read.
    """
    rows = [row for row in deliveries_with_status(lake) if (row["system"], row["object"]) == (obj.system, obj.name)]
    rows = [row for row in rows if row["night"] < night]
    found = []
    for earlier in sorted({row["night"] for row in rows if row["status"] in ("accepted", "late")}, reverse=True):
        known = object_night(obj, [row for row in rows if row["night"] <= earlier], earlier)
        found.append(known)
        if is_whole(lake, known) and not (is_wary and _may_lack_keys(lake, known)):
            break
    return found


def _may_lack_keys(lake: Lake, known: ObjectNight) -> bool:
    """Whether a raw row of the night looks as if harmonise found no key in it."""
    names = [column.name for column in known.obj.columns if column.primary_key]
    condition = ds.field("file_id").isin([file.file_id for file in known.counting])
    cells = lake.dataset(known.obj.raw_table).to_table(columns=names, filter=condition).columns if names else []
    return any(
        pc.any(pc.fill_null(pc.match_substring_regex(column, r"^[\pZ\pC]*$|^\s*#"), True)).as_py() for column in cells
    )
