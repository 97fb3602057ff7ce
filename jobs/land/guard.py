"""A snapshot that lacks many of the keys that stand is held back until a person lets it through: half an export would end
what it lacks, and nobody would notice.

Reads: `raw.*`, `harmonised.*`, `ops.*`. Writes: `ops.file` (held, or accepted again once further parts of the same snapshot
have come). Refuses: nothing.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

from jobs.common.contracts.sources import SourceObject
from jobs.common.intake.deliveries import ActiveFile, Delivery, deliveries_of, object_night
from jobs.common.intake.file_decisions import FileDecision, fresh_decisions
from jobs.common.intake.losses import count_loss
from jobs.common.intake.received_files import FileStatus, ReceivedFile, received_files, write_files
from jobs.common.run.stage import Context

_REASON = "lost_too_much"


def hold_back(context: Context, obj: SourceObject) -> None:
    """Judge the newest snapshot if a part of it came tonight; its parts are all held, or all accepted.

    If it is held, the next older one speaks for the object and is judged in the same way.
    """
    if obj.mode != "snapshot":
        return
    judged = judge_snapshots(context, obj)
    before = received_files(context.lake, {"system": obj.system, "object": obj.name, "file_id": sorted(judged)})
    after = [as_judged(file, judged[file.file_id]) for file in before]
    changed = [now for then, now in zip(before, after, strict=True) if now.status != then.status]
    if changed:
        write_files(context.lake, changed)
    for file in changed:
        is_held = file.status is FileStatus.HELD
        told = f"held back, {file.detail}" if is_held else "taken, no longer held back or late"
        context.log_each("land", f"{obj.system} {obj.name}", f"{file.file_id[:12]}: {told}")


def judge_snapshots(context: Context, obj: SourceObject) -> dict[str, str | None]:
    """By part of the snapshots that came tonight what its snapshot has lost, None if it may be taken; the newest first, until
    one may.
    """
    night = context.run.night
    every = deliveries_of(context.lake, obj)
    deliveries = free_held(every, _of_night(every, night))
    judged: dict[str, str | None] = {}
    while came := {each.file_id for each in _of_night(deliveries, night)}:
        known = object_night(obj, deliveries, night)
        parts = {part.file_id for part in known.counting}
        if parts.isdisjoint(came):
            break
        lost = None if known.refused else judge(context, obj, known.counting)
        judged |= dict.fromkeys(parts, lost)
        if lost is None:
            break
        deliveries = [each for each in deliveries if each.file_id not in parts]
    return judged


def _of_night(deliveries: Sequence[Delivery], night: date) -> list[Delivery]:
    return [each for each in deliveries if each.night == night]


def free_held(deliveries: Sequence[Delivery], tonight: Sequence[Delivery]) -> list[Delivery]:
    """Deliveries of which those count as accepted that were held back and whose day has received a part tonight."""
    days = {each.as_of for each in tonight}
    freed = []
    for each in deliveries:
        is_freed = each.status is FileStatus.HELD and each.as_of in days
        freed.append(replace(each, status=FileStatus.ACCEPTED) if is_freed else each)
    return freed


def as_judged(file: ReceivedFile, lost: str | None) -> ReceivedFile:
    """The file as it is by the judgement of its snapshot."""
    if lost is None:
        return replace(file, status=FileStatus.ACCEPTED, reason=None, detail=None)
    return replace(file, status=FileStatus.HELD, reason=_REASON, detail=lost)


def judge(context: Context, obj: SourceObject, parts: tuple[ActiveFile, ...]) -> str | None:
    """What a snapshot has lost if that is too much and nobody has let it through; else None."""
    loss = count_loss(context.lake, obj, parts, context.run.night)
    if not loss.exceeds(obj) or _is_let_through(context, obj, parts):
        return None
    return f"{loss.gone:,} of {loss.standing:,} keys are gone, declared at most {obj.max_loss:.0%}"


def _is_let_through(context: Context, obj: SourceObject, parts: tuple[ActiveFile, ...]) -> bool:
    """Whether somebody has decided so for this night: the same bytes on a later night are judged anew."""
    decided = fresh_decisions(context.lake, context.run.night, FileDecision.ACCEPT)
    files = {row["file_id"] for row in decided if (row["system"], row["object"]) == obj.place}
    return bool(files & {part.file_id for part in parts})
