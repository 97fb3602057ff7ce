"""Extract: take the finished files of one system from the inbox into the archive, bytes as received.

Reads: `inbox/<system>/`. Writes: `archive/`, `ops.delivery`, `ops.file` (status waiting, or refused), and of files that it
leaves in the inbox the reason, `runs/<run_id>/left/`.
Refuses: nothing by content; a file that no contract declares is archived and recorded as refused.
"""

import json
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import date
from itertools import chain

from jobs.common.contracts.sources import Source, SourceObject
from jobs.common.intake.deliveries import Delivery, all_deliveries, still_refused
from jobs.common.intake.inbox import InboxFile, as_of_day, match_object, match_objects, ready_files
from jobs.common.intake.readings import PastReadings, contract_text
from jobs.common.intake.received_files import FileKey, FileStatus, ReceivedFile, files_by_key, write_files
from jobs.common.releases.releases import release_of_run
from jobs.common.run.conf import snapshot_conf
from jobs.common.run.runs import all_runs
from jobs.common.run.stage import Context
from jobs.extract.take import NotTaken, Taken, remove, take, tidy


def run(context: Context, system: str) -> None:
    """Archive, record, and only then remove each file; a kill in between is made good by the next try.

    Files refused before are tried again where the contract has been mended since.

    A run that has begun to publish takes nothing more: what it publishes is audited. The next run takes it. Nor does one
    that works through a night once more: what lies in the inbox by then belongs to a later night.
    """
    if context.plan.get("again") or release_of_run(context.lake, context.run.run_id) is not None:
        return
    source = context.conf.sources.get(system)
    tidy(context.workspace, system)
    ready, waiting = ready_files(context.workspace, system, source)
    left: dict[int, str] = {}
    # What an earlier run had begun to take comes first: another file may stand under its name by now.
    claimed = [file for file in ready if file.is_claimed]
    others = [file for file in ready if not file.is_claimed]
    for files in (claimed, others):
        taken = take_files(context, files, left)
        record_taken(context, source, taken)
        remove_files(context, taken)
    again = refused_before(context, source, system, {file.name for file in ready})
    if again:
        record_files(context, again)
        context.log("extract", f"{system}: refused files tried again", files=len(again))
    note_left(context, system, left)
    if ready or waiting:
        counts = {"taken": len(ready) - len(left), "waiting": len(waiting)}
        if left:
            counts["left"] = len(left)
        context.log("extract", f"{system}: files taken", **counts)


def take_files(context: Context, files: Iterable[InboxFile], left: dict[int, str]) -> list[Taken]:
    """Those of the files that could be taken; why the others could not is noted in `left`, by inode."""
    taken = []
    for file in files:
        try:
            taken.append(take(context.workspace, file))
        except NotTaken as refused:
            if refused.reason:
                with suppress(OSError):  # gone meanwhile
                    left[file.path.lstat().st_ino] = refused.reason
    mended = sum(each.is_mended for each in taken)
    if mended:
        context.log("extract", "damaged copies in the archive were replaced by what was handed in again", files=mended)
    return taken


def record_taken(context: Context, source: Source | None, taken: Iterable[Taken]) -> None:
    """Record what was taken, once for each object that a file belongs to."""
    described = [describe_file(context, source, each.file, each.file_id) for each in taken]
    if described:
        record_files(context, list(chain.from_iterable(described)))


def remove_files(context: Context, taken: Iterable[Taken]) -> None:
    """Remove recorded files; one that somebody has changed since stays, and the next run takes it as a correction."""
    changed = [each.file_id for each in taken if not remove(context.workspace, each)]
    if changed:
        context.log("extract", "files have changed since they were recorded and stay in the inbox", files=len(changed))


def note_left(context: Context, system: str, left: dict[int, str]) -> None:
    """Keep for the summary why files were left in the inbox that look ready; an earlier try's note goes."""
    path = context.workspace.run_dir(context.run.run_id) / "left" / f"{system}.json"
    if left:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(left))
    else:
        path.unlink(missing_ok=True)


def refused_before(context: Context, source: Source | None, system: str, handed_in: set[str]) -> list[ReceivedFile]:
    """Archived files that were refused under another contract of the system than today's, as today's describes them.

    Files that no object took are tried whenever one does; others only in the night that they were handed over, and
    unless a file of their name has just been handed in.
    """
    lake = context.lake
    if not lake.rows("ops.file", {"system": system, "status": FileStatus.REFUSED}, ["file_id"]).num_rows:
        return []
    deliveries = [each for each in all_deliveries(lake) if each.system == system]
    hashes = {run.run_id: run.config_hash for run in all_runs(lake)}
    found = {}
    for delivery in still_refused(deliveries):
        may_be_read = delivery.name not in handed_in and _may_be_read(context, source, delivery)
        if not may_be_read or _has_same_contract(context, system, hashes[delivery.run_id]):
            continue
        file = InboxFile(system, delivery.name, context.workspace.archive_path(delivery.file_id))
        for described in describe_file(context, source, file, delivery.file_id, delivery.night):
            if delivery.object in ("", described.object):
                found[described.name, described.file_id, described.object] = described
    return list(found.values())


def _may_be_read(context: Context, source: Source | None, delivery: Delivery) -> bool:
    """Whether an object may take a refused file tonight: any that fits if none took it, its own in its own night only."""
    is_past = delivery.object != "" and delivery.night != context.run.night
    return not is_past and match_object(source, delivery.name) is not None


def _has_same_contract(context: Context, system: str, config_hash: str) -> bool:
    """Whether the contract of a system was in a snapshot what it is today."""
    then = snapshot_conf(context.workspace, config_hash)
    return contract_text(then, system) == contract_text(context.conf, system)


def describe_file(
    context: Context, source: Source | None, file: InboxFile, file_id: str, handed_over: date | None = None
) -> list[ReceivedFile]:
    """The file for each object whose path fits; refused, and of no object, if none does.

    `handed_over` is the night that the file came, where it is not tonight.
    """
    night = context.run.night

    def as_taken_by(obj: SourceObject) -> ReceivedFile:
        day = as_of_day(obj, file.name, handed_over or night)
        status, reason, detail = judge_day(day, night)
        # A day that lies ahead is not kept: the same bytes may come again under their true day.
        as_of = min(day or night, night)
        return ReceivedFile(file_id, file.system, obj.name, obj.sheet, file.name, night, as_of, status, reason, detail)

    if objects := match_objects(source, file.name):
        return [as_taken_by(obj) for obj in objects]
    reason, detail = _why_of_no_object(context, source, file.system)
    refused = FileStatus.REFUSED
    return [ReceivedFile(file_id, file.system, "", "", file.name, night, night, refused, reason, detail)]


def _why_of_no_object(context: Context, source: Source | None, system: str) -> tuple[str, str]:
    """Reason and detail of a file whose path fits no object."""
    if source is not None:
        return "unknown_file", f"declared paths: {', '.join(obj.path for obj in source.objects)}"
    if system in context.conf.refused_contracts:
        return "invalid_contract", f"jiceng sources check names the errors of {system}"
    return "unknown_system", f"no conf/sources/{system}.odcs.yaml"


def judge_day(day: date | None, night: date) -> tuple[FileStatus, str | None, str | None]:
    """Status, reason and detail of a file by the day in its name: one that lies ahead would make every true export late until
    then.
    """
    if day is not None and day <= night:
        return FileStatus.WAITING, None, None
    detail = f"{day} lies after the night {night}" if day else "no such day in the calendar"
    return FileStatus.REFUSED, "date_in_name", detail


def record_files(context: Context, files: Sequence[ReceivedFile]) -> None:
    """One row a delivery; one row a content, which stays as it is when the same bytes come again.

    A content that was refused before is tried again: the contract may have been mended since. So is one that was withdrawn, if
    the contract reads it otherwise than it did then.
    """
    lake, run_id = context.lake, context.run.run_id
    known = files_by_key(lake)
    fresh: dict[FileKey, ReceivedFile] = {}
    for file in files:
        before = known.get(file.key)
        if _is_taken_up(context, before):
            fresh.setdefault(file.key, _still_read(file, before))
    names = [name for name in lake.declared["ops.delivery"].names if name != "run_id"]
    rows = [{"run_id": run_id, **{name: getattr(file, name) for name in names}} for file in files]
    # Files first: a delivery without its file would be counted, a file without its delivery is only taken again.
    write_files(lake, fresh.values())
    lake.upsert("ops.delivery", lake.table_of("ops.delivery", rows))


def _is_taken_up(context: Context, before: ReceivedFile | None) -> bool:
    """Whether a content is to be read that is new, or of which this was known before."""
    return before is None or before.status is FileStatus.REFUSED or is_mended(context, before)


def is_mended(context: Context, file: ReceivedFile) -> bool:
    """Whether a withdrawn file is read otherwise under today's contract."""
    if file.status is not FileStatus.WITHDRAWN:
        return False
    obj = context.conf.object_at(file.place)
    return obj is not None and PastReadings(context, obj).differs(file)


def _still_read(file: ReceivedFile, before: ReceivedFile | None) -> ReceivedFile:
    """A file that is tried again: of one that was read before it was refused, what it was read as stays."""
    if before is None or before.status is FileStatus.WITHDRAWN or before.read_in is None:
        return file
    read = replace(file, night=before.night, rows_read=before.rows_read)
    return replace(read, read_in=before.read_in, refused_in=before.refused_in)
