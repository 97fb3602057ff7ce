"""A snapshot that lacks many of the keys that stand is held back until a person lets it through: half an export would end
what it lacks, and nobody would notice.

Reads: `raw.*`, `harmonised.*`, `ops.*`. Writes: `ops.file` (held, or accepted again once further parts of the same snapshot
have come). Refuses: nothing.
"""

from typing import Any

from jobs.common.contracts.sources import SourceObject
from jobs.common.intake.deliveries import ActiveFile, deliveries_with_status, known_files, object_night
from jobs.common.intake.file_decisions import ACCEPT, HELD, fresh_decisions
from jobs.common.intake.losses import count_loss
from jobs.common.run.stage import Context

_REASON = "lost_too_much"


def hold_back(context: Context, obj: SourceObject) -> None:
    """Judge the newest snapshot if a part of it came tonight; its parts are all held, or all accepted.

    If it is held, the next older one speaks for the object and is judged in the same way.
    """
    if obj.mode != "snapshot":
        return
    lake, night = context.lake, context.run.night
    place = (obj.system, obj.name)
    rows = [row for row in deliveries_with_status(lake) if (row["system"], row["object"]) == place]
    days = {row["as_of"] for row in rows if row["night"] == night}  # a part that came may free those held before
    rows = [{**row, "status": "accepted"} if row["status"] == HELD and row["as_of"] in days else row for row in rows]
    states: dict[str, dict[str, Any]] = {}
    while came := {row["file_id"] for row in rows if row["night"] == night}:
        known = object_night(obj, rows, night)
        parts = {part.file_id for part in known.counting}
        if not parts & came:
            break
        told = None if known.refused else judge(context, obj, known.counting)
        state = {"status": "accepted", "reason": None, "detail": None}
        if told:
            state = {"status": HELD, "reason": _REASON, "detail": told}
        states |= dict.fromkeys(parts, state)
        if not told:
            break
        rows = [row for row in rows if row["file_id"] not in parts]
    files = [row for key, row in known_files(lake).items() if key[:2] == place and key[3] in states]
    changed = [{**row, **states[row["file_id"]]} for row in files if row["status"] != states[row["file_id"]]["status"]]
    if changed:
        lake.upsert("ops.file", lake.table_of("ops.file", changed))
    for row in changed:
        told = f"held back, {row['detail']}" if row["status"] == HELD else "taken, no longer held back or late"
        context.log_each("land", f"{obj.system} {obj.name}", f"{row['file_id'][:12]}: {told}")


def judge(context: Context, obj: SourceObject, parts: tuple[ActiveFile, ...]) -> str | None:
    """What a snapshot has lost if that is too much and nobody has let it through; else None."""
    loss = count_loss(context.lake, obj, parts, context.run.night)
    if not loss.exceeds(obj) or _is_let_through(context, obj, parts):
        return None
    return f"{loss.gone:,} of {loss.standing:,} keys are gone, declared at most {obj.max_loss:.0%}"


def _is_let_through(context: Context, obj: SourceObject, parts: tuple[ActiveFile, ...]) -> bool:
    """Whether somebody has decided so for this night: the same bytes on a later night are judged anew."""
    decided = fresh_decisions(context.lake, context.run.night, ACCEPT)
    files = {row["file_id"] for row in decided if (row["system"], row["object"]) == (obj.system, obj.name)}
    return bool(files & {part.file_id for part in parts})
