"""Extract: take the finished files of one system from the inbox into the archive, bytes as received.

Reads: `inbox/<system>/`. Writes: `archive/`, `ops.delivery`, `ops.file` (status waiting, or refused), and of files that it
leaves in the inbox the reason, `runs/<run_id>/left/`.
Refuses: nothing by content; a file that no contract declares is archived and recorded as refused.
"""

import json
from collections.abc import Iterable
from contextlib import suppress
from datetime import date
from typing import Any

from jobs.common.contracts.sources import Source
from jobs.common.intake.deliveries import deliveries_with_status, file_key, known_files, still_refused
from jobs.common.intake.file_decisions import WITHDRAWN
from jobs.common.intake.inbox import InboxFile, as_of_day, match_objects, ready_files
from jobs.common.intake.readings import PastReadings, contract_text
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
    for files in ([file for file in ready if file.is_claimed], [file for file in ready if not file.is_claimed]):
        taken = take_files(context, files, left)
        rows = [row for each in taken for row in describe_file(context, source, each.file, each.file_id)]
        if rows:
            record_files(context, rows)
        remove_files(context, taken)
    again = refused_before(context, source, system, {file.name for file in ready})
    if again:
        record_files(context, again)
        context.log("extract", f"{system}: refused files tried again", files=len(again))
    note_left(context, system, left)
    if ready or waiting:
        counts = {"taken": len(ready) - len(left), "waiting": len(waiting)}
        context.log("extract", f"{system}: files taken", **counts, **({"left": len(left)} if left else {}))


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


def refused_before(context: Context, source: Source | None, system: str, handed_in: set[str]) -> list[dict[str, Any]]:
    """Rows for `ops.file` of archived files that were refused under another contract of the system than today's.

    Files that no object took are tried whenever one does; others only in the night that they were handed over, and
    unless a file of their name has just been handed in.
    """
    if not context.lake.rows("ops.file", {"system": system, "status": "refused"}, ["file_id"]).num_rows:
        return []
    rows = [row for row in deliveries_with_status(context.lake) if row["system"] == system]
    hashes = {run.run_id: run.config_hash for run in all_runs(context.lake)}
    found = {}
    for row in still_refused(rows):
        if row["name"] in handed_in or (row["object"] and row["night"] != context.run.night):
            continue
        then = snapshot_conf(context.workspace, hashes[row["run_id"]])
        if not match_objects(source, row["name"]) or contract_text(then, system) == contract_text(context.conf, system):
            continue
        file = InboxFile(system, row["name"], context.workspace.archive_path(row["file_id"]))
        for described in describe_file(context, source, file, row["file_id"], row["night"]):
            if row["object"] in ("", described["object"]):
                found[described["name"], described["file_id"], described["object"]] = described
    return list(found.values())


def describe_file(
    context: Context, source: Source | None, file: InboxFile, file_id: str, handed_over: date | None = None
) -> list[dict[str, Any]]:
    """Rows for `ops.file`, one for each object whose path fits; one refused row where none does.

    `handed_over` is the night that the file came, where it is not tonight.
    """
    night = context.run.night
    common = {"file_id": file_id, "system": file.system, "name": file.name, "night": night, "rows_read": None}
    objects = match_objects(source, file.name)
    if objects:
        days = [(obj, as_of_day(obj, file.name, handed_over or night)) for obj in objects]
        # A day that lies ahead is not kept: the same bytes may come again under their true day.
        return [
            {
                **common,
                "object": obj.name,
                "sheet": obj.sheet,
                "as_of": min(day or night, night),
                **judge_day(day, night),
            }
            for obj, day in days
        ]
    reason, detail = "unknown_system", f"no conf/sources/{file.system}.odcs.yaml"
    if source is not None:
        reason, detail = "unknown_file", f"declared paths: {', '.join(obj.path for obj in source.objects)}"
    elif file.system in context.conf.refused_contracts:
        reason, detail = "invalid_contract", f"jiceng sources check names the errors of {file.system}"
    refused = {"object": "", "sheet": "", "as_of": night, "status": "refused", "reason": reason, "detail": detail}
    return [{**common, **refused}]


def judge_day(day: date | None, night: date) -> dict[str, Any]:
    """Status of a file by the day in its name: one that lies ahead would make every true export late until then."""
    if day is not None and day <= night:
        return {"status": "waiting", "reason": None, "detail": None}
    detail = f"{day} lies after the night {night}" if day else "no such day in the calendar"
    return {"status": "refused", "reason": "date_in_name", "detail": detail}


def record_files(context: Context, files: list[dict[str, Any]]) -> None:
    """One row a delivery; one row a content, which stays as it is when the same bytes come again.

    A content that was refused before is tried again: the contract may have been mended since. So is one that was withdrawn, if
    the contract reads it otherwise than it did then.
    """
    lake = context.lake
    known = known_files(lake)
    fresh: dict[tuple[str, ...], dict[str, Any]] = {}
    for row in files:
        key = file_key(row)
        before = known.get(key)
        if before is None or before["status"] == "refused" or is_mended(context, before):
            fresh.setdefault(key, row | _still_read(before))
    names = lake.declared["ops.delivery"].names
    rows = [{name: ({**row, "run_id": context.run.run_id})[name] for name in names} for row in files]
    # Files first: a delivery without its file would be counted, a file without its delivery is only taken again.
    lake.upsert("ops.file", lake.table_of("ops.file", list(fresh.values())))
    lake.upsert("ops.delivery", lake.table_of("ops.delivery", rows))


def is_mended(context: Context, file: dict[str, Any]) -> bool:
    """Whether a withdrawn file is read otherwise under today's contract."""
    if file["status"] != WITHDRAWN:
        return False
    source = context.conf.sources.get(file["system"])
    obj = next((obj for obj in source.objects if obj.name == file["object"]), None) if source else None
    return obj is not None and PastReadings(context, obj).differs(file)


def _still_read(before: dict[str, Any] | None) -> dict[str, Any]:
    """What stays of a file's row where it is tried again: of one that was read before it was refused, what it was read as."""
    if before is None or before["status"] == WITHDRAWN or before["read_in"] is None:
        return {"read_in": None, "refused_in": None}
    return {name: before[name] for name in ("night", "rows_read", "read_in", "refused_in")}
