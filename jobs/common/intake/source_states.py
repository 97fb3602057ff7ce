"""How each source did on a night: what it delivered, what became of each file, and what it lacks.

Reads: `ops.file`, `ops.decision`, harmonised versions. Writes: nothing. Finish puts it into the summary; status and the
pages ask it about an open run.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import date
from operator import attrgetter
from typing import Any

from jobs.common.intake.deliveries import Delivery, all_deliveries, of_object, still_refused
from jobs.common.intake.fetched import failures_of
from jobs.common.intake.file_decisions import FileDecision, fresh_decisions
from jobs.common.intake.losses import count_ended
from jobs.common.intake.received_files import FileKey, ReceivedFile, file_key, files_by_key
from jobs.common.intake.whole import count_files, shortcomings
from jobs.common.run.conf import Conf
from jobs.common.run.runs import run_night
from jobs.common.run.stage import Context


def judge_sources(context: Context) -> dict[str, Any]:
    """Per system: its state this night (delivered, partial, missing, refused, not expected), its files with their fate, and
    what it lacks though its files were taken (then it is partial).
    """
    conf, every = context.conf, all_deliveries(context.lake)
    tonight = [each for each in every if each.night == context.run.night]
    failed = failures_of(context.workspace, context.run.night)
    left = still_refused(tonight)
    # The same file may have come twice tonight: as it was before its contract was mended, or once more.
    tonight = list({_twin_key(each): each for each in tonight}.values())
    lacking = describe_shortcomings(context, every)
    described = describe_deliveries(context, tonight, left)
    readings = judge_readings(context)
    refused, delivered = _by_system(left), _by_system(tonight)
    found: dict[str, Any] = {}
    for system in sorted({*conf.sources, *conf.refused_contracts, *delivered}):
        has_failed, lacks = system in failed, system in lacking
        state = source_state(conf, system, delivered.get(system, []), system in refused, lacks, has_failed)
        found[system] = {"state": state, "files": described[system], "shortcomings": lacking.get(system, [])}
        if has_failed:
            found[system]["not_fetched"] = [asdict(failure) for failure in failed[system]]
        if system in conf.refused_contracts:
            found[system]["contract"] = str(conf.refused_contracts[system]).splitlines()
        if system in readings:
            found[system]["readings"] = readings[system]
    return found


def _by_system(deliveries: Iterable[Delivery]) -> dict[str, list[Delivery]]:
    """Deliveries by their system, in the order in which they come."""
    found: dict[str, list[Delivery]] = defaultdict(list)
    for each in deliveries:
        found[each.system].append(each)
    return found


def source_state(
    conf: Conf, system: str, own: Sequence[Delivery], is_refused: bool, lacks: bool, has_failed: bool
) -> str:
    """The state of a source by its deliveries of the night.

    Args:
        conf: with the contracts.
        system: the source.
        own: its deliveries of the night.
        is_refused: whether one of them was refused or held back, and nothing has made it good.
        lacks: whether one of its objects lacks something.
        has_failed: whether an export of it could not be fetched.
    """
    if is_refused or system in conf.refused_contracts:
        return "refused"
    if any(each.status.is_taken for each in own):
        return "partial" if lacks or has_failed else "delivered"
    is_nightly = system in conf.sources and conf.sources[system].expected == "nightly"
    return "missing" if is_nightly or has_failed else "not expected"


def describe_deliveries(
    context: Context, tonight: Sequence[Delivery], left: Sequence[Delivery]
) -> dict[str, list[dict[str, Any]]]:
    """By system the files of the night and what became of them; `left` are those that nothing has made good."""
    files, ended = files_by_key(context.lake), count_let_through(context)
    left_keys = {_twin_key(each) for each in left}
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for each in tonight:
        is_made_good = each.status.is_left_out and _twin_key(each) not in left_keys
        told = _describe_delivery(each, files[each.key])
        found[each.system].append({**told, "made_good": is_made_good, "ended": ended.get(each.key)})
    return found


def judge_readings(context: Context) -> dict[str, list[dict[str, Any]]]:
    """Per system: how many files of an object were read anew this night under a changed contract (`read`), and how many stand
    as they were read before because today's contract refuses them (`kept`), with the first one's name and why.
    """
    night, lake = context.run.night, context.lake
    files = files_by_key(lake)
    decided = lake.rows("ops.decision", {"decision": FileDecision.READ, "night": night}).to_pylist()
    read = [files[file_key(row)] for row in decided]
    kept = [file for file in files.values() if _is_kept_since(file, night)]
    found: dict[str, dict[tuple[Any, ...], dict[str, Any]]] = defaultdict(dict)
    for file in sorted(kept, key=attrgetter("key")):
        _count_reading(found[file.system], file, "kept", file.reason, file.detail)
    for file in sorted(read, key=attrgetter("key")):
        _count_reading(found[file.system], file, "read", None, None)
    return {system: list(groups.values()) for system, groups in found.items()}


def _count_reading(
    groups: dict[tuple[Any, ...], dict[str, Any]],
    file: ReceivedFile,
    state: str,
    reason: str | None,
    detail: str | None,
) -> None:
    """Count a file in its group, which its first file tells: the files of one object with one state, reason and detail."""
    first = {
        "object": file.object,
        "file_id": file.file_id,
        "state": state,
        "reason": reason,
        "detail": detail,
        "files": 0,
        "name": file.shown_name,
    }
    groups.setdefault((state, file.object, reason, detail), first)["files"] += 1


def _is_kept_since(file: ReceivedFile, night: date) -> bool:
    """Whether a file stands as it was read before because the contract of this night refuses it."""
    if not file.status.is_landed or file.refused_in is None:
        return False
    return run_night(file.refused_in) == night and file.judged_in != file.read_in


def _twin_key(each: Delivery) -> tuple[str, ...]:
    """What tells a file of a night from its twins: the same bytes or name under another object or system."""
    return each.system, each.object, each.name, each.file_id


def describe_shortcomings(context: Context, deliveries: Sequence[Delivery]) -> dict[str, list[dict[str, Any]]]:
    """By system what its objects lack that received files this night; counts only."""
    night = context.run.night
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for obj in context.conf.objects:
        own = of_object(deliveries, obj)
        nights = {each.night for each in own}
        if night not in nights:
            continue
        names = {each.file_id: each.shown_name for each in own}
        for lack in shortcomings(obj, own, night, count_files(context.lake, obj)):
            found[obj.system].append({"object": obj.name, "name": names[lack.file_id], **asdict(lack)})
    return found


def count_let_through(context: Context) -> dict[FileKey, int]:
    """How many records of its object the night has ended, for each file that a person let through for this night."""
    lake, night = context.lake, context.run.night
    found = {}
    for row in fresh_decisions(lake, night, FileDecision.ACCEPT):
        obj = context.conf.object_at((row["system"], row["object"]))
        if obj is not None and row["night"] == night:
            found[file_key(row)] = count_ended(lake, obj, night)
    return found


def _describe_delivery(delivery: Delivery, file: ReceivedFile) -> dict[str, Any]:
    return {
        "name": delivery.shown_name,
        "object": delivery.object,
        "sheet": delivery.sheet,
        "file_id": delivery.file_id,
        "as_of": delivery.as_of.isoformat(),
        "status": file.status,
        "reason": file.reason,
        "detail": file.detail,
        "rows_read": file.rows_read,
    }
