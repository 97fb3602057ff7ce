"""A snapshot that lacks many keys of the one before is held back until a person lets it through: half an export would end
what it lacks, and nobody would notice.

Reads: `raw.*`, `ops.file`, `ops.delivery`, `ops.decision`. Writes: `ops.file` (held, or accepted again once further parts of
the same snapshot have come). Refuses: nothing.
"""

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from jobs.common.contracts import SourceObject
from jobs.common.decisions import ACCEPT, HELD
from jobs.common.deliveries import ActiveFile, deliveries_with_status, known_files, object_night
from jobs.common.stage import Context
from jobs.common.tables import Lake

_REASON = "lost_too_much"
_FEW = 50  # keys; a snapshot of fewer may jump


def hold_back(context: Context, obj: SourceObject) -> None:
    """Judge the newest snapshot, where a part of it came tonight; its parts are all held, or all accepted."""
    if obj.mode != "snapshot":
        return
    lake, night = context.lake, context.run.night
    place = (obj.system, obj.name)
    rows = [row for row in deliveries_with_status(lake) if (row["system"], row["object"]) == place]
    held = {row["file_id"] for row in rows if row["status"] == HELD}
    rows = [{**row, "status": "accepted" if row["file_id"] in held else row["status"]} for row in rows]
    came = any(row["night"] == night for row in rows)
    parts = object_night(obj, rows, night).counting if came else ()
    if not parts:
        return
    landed = [row for row in rows if row["status"] in ("accepted", "late") and row["file_id"] not in held]
    earlier = [row for row in landed if row["as_of"] < parts[0].as_of]
    before = object_night(obj, earlier, max(row["night"] for row in earlier)).counting if earlier else ()
    known, gone = count_lost(lake, obj, before, parts) if before else (0, 0)  # the first snapshot lacks nothing
    is_held = known >= _FEW and gone > obj.max_loss * known and not _is_let_through(lake, obj, parts)
    ids = {part.file_id for part in parts if (part.file_id in held) != is_held}
    if not ids:
        return
    told = f"{gone:,} of {known:,} keys are gone, declared at most {obj.max_loss:.0%}"
    state: dict[str, Any] = {"status": "accepted", "reason": None, "detail": None}
    if is_held:
        state = {"status": HELD, "reason": _REASON, "detail": told}
    files = [row for key, row in known_files(lake).items() if key[:2] == place and key[3] in ids]
    changed = [{**row, **state} for row in files if row["status"] == ("accepted" if is_held else HELD)]
    if changed:
        lake.upsert("ops.file", lake.table_of("ops.file", changed))
        context.log("land", f"{obj.system} {obj.name}: " + (f"held back, {told}" if is_held else "no longer held back"))


def count_lost(
    lake: Lake, obj: SourceObject, before: tuple[ActiveFile, ...], parts: tuple[ActiveFile, ...]
) -> tuple[int, int]:
    """Keys of the snapshot before, and how many of them the new one lacks; without a primary key rows are counted."""
    if not any(column.primary_key for column in obj.columns):
        old, new = (_scan(lake, obj, files, ["row_number"]).num_rows for files in (before, parts))
        return old, max(0, old - new)
    old, new = (_keys(lake, obj, files) for files in (before, parts))
    return len(old), len(old) - (pc.sum(pc.is_in(old, value_set=new)).as_py() or 0)


def _keys(lake: Lake, obj: SourceObject, files: tuple[ActiveFile, ...]) -> pa.Array:
    """Distinct keys of files, without white space at the ends of their parts."""
    names = [column.name for column in obj.columns if column.primary_key]
    found = _scan(lake, obj, files, names)
    parts = [pc.utf8_trim_whitespace(found.column(name)) for name in names]
    joined = pc.binary_join_element_wise(*parts, "|", null_handling="emit_null")
    return pc.unique(joined.combine_chunks()).drop_null()


def _scan(lake: Lake, obj: SourceObject, files: tuple[ActiveFile, ...], names: list[str]) -> pa.Table:
    ids = pa.array([file.file_id for file in files], pa.string())
    return lake.dataset(obj.raw_table).to_table(columns=names, filter=ds.field("file_id").isin(ids))


def _is_let_through(lake: Lake, obj: SourceObject, parts: tuple[ActiveFile, ...]) -> bool:
    place = {"system": obj.system, "object": obj.name, "decision": ACCEPT}
    decided = set(lake.rows("ops.decision", place, ["file_id"]).column("file_id").to_pylist())
    return bool(decided & {part.file_id for part in parts})
