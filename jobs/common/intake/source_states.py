"""How each source did on a night: what it delivered, what became of each file, and what it lacks.

Reads: `ops.file`, `ops.decision`, harmonised versions. Writes: nothing. Finish puts it into the summary; status and the
pages ask it about an open run.
"""

from collections import defaultdict
from dataclasses import asdict
from typing import Any

from jobs.common.base.file_names import shown
from jobs.common.intake.deliveries import deliveries_with_status, file_key, known_files, still_refused
from jobs.common.intake.fetched import failures_of
from jobs.common.intake.file_decisions import ACCEPT, READ, fresh_decisions
from jobs.common.intake.losses import count_ended
from jobs.common.intake.readings import LANDED, judged_in
from jobs.common.intake.whole import count_files, shortcomings
from jobs.common.run.runs import run_night
from jobs.common.run.stage import Context


def judge_sources(context: Context) -> dict[str, Any]:
    """Per system: its state this night (delivered, partial, missing, refused, not expected), its files with their fate, and
    what it lacks though its files were taken (then it is partial).
    """
    lake, conf = context.lake, context.conf
    files = known_files(lake)
    every = deliveries_with_status(lake)
    tonight = [row for row in every if row["night"] == context.run.night]
    lacking = describe_shortcomings(context, every)
    ended = count_let_through(context)
    failed = failures_of(context.workspace, context.run.night)
    left = still_refused(tonight)
    left_keys = {_delivery_key(row) for row in left}
    # The same file may have come twice tonight: as it was before its contract was mended, or once more.
    tonight = list({_delivery_key(row): row for row in tonight}.values())
    found = {}
    for system in sorted({*conf.sources, *conf.refused_contracts, *(row["system"] for row in tonight)}):
        own = [row for row in tonight if row["system"] == system]
        taken = {row["name"] for row in own if row["status"] in ("accepted", "late")}
        refused = [row for row in left if row["system"] == system]
        expected = conf.sources[system].expected if system in conf.sources else "occasional"
        if refused or system in conf.refused_contracts:
            state = "refused"
        elif taken:
            state = "partial" if lacking.get(system) or system in failed else "delivered"
        else:
            state = "missing" if expected == "nightly" or system in failed else "not expected"
        described = [
            {
                **_describe_delivery(row, files),
                "made_good": row["status"] in ("refused", "held") and _delivery_key(row) not in left_keys,
                "ended": ended.get(file_key(row)),
            }
            for row in own
        ]
        found[system] = {"state": state, "files": described, "shortcomings": lacking.get(system, [])}
        if system in failed:
            found[system]["not_fetched"] = [asdict(failure) for failure in failed[system]]
        if system in conf.refused_contracts:
            found[system]["contract"] = str(conf.refused_contracts[system]).splitlines()
    for system, told in judge_readings(context).items():
        if system in found:
            found[system]["readings"] = told
    return found


def judge_readings(context: Context) -> dict[str, list[dict[str, Any]]]:
    """Per system: how many files of an object were read anew this night under a changed contract (`read`), and how many stand
    as they were read before because today's contract refuses them (`kept`), with the first one's name and why.
    """
    night, lake = context.run.night, context.lake
    files = known_files(lake)
    told = [
        ("read", files[file_key(row)])
        for row in lake.rows("ops.decision", {"decision": READ, "night": night}).to_pylist()
    ]
    landed = [row for row in files.values() if row["status"] in LANDED and row["refused_in"]]
    told += [
        ("kept", row) for row in landed if run_night(row["refused_in"]) == night and judged_in(row) != row["read_in"]
    ]
    found: dict[str, dict[tuple[Any, ...], dict[str, Any]]] = defaultdict(dict)
    for state, row in sorted(told, key=lambda one: (one[0], *file_key(one[1]))):
        is_kept = state == "kept"
        why = {name: row[name] if is_kept else None for name in ("reason", "detail")}
        first = {name: row[name] for name in ("object", "file_id")} | {"state": state, **why, "files": 0}
        first["name"] = shown(row["name"], row["file_id"])
        found[row["system"]].setdefault((state, row["object"], *why.values()), first)["files"] += 1
    return {system: list(groups.values()) for system, groups in found.items()}


def _delivery_key(row: dict[str, Any]) -> tuple[str, ...]:
    """What tells a file of a night from its twins: the same bytes or name under another object or system."""
    return row["system"], row["object"], row["name"], row["file_id"]


def describe_shortcomings(context: Context, deliveries: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """By system what its objects lack that received files this night; counts only."""
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for obj in (obj for source in context.conf.sources.values() for obj in source.objects):
        own = [row for row in deliveries if (row["system"], row["object"]) == (obj.system, obj.name)]
        if any(row["night"] == context.run.night for row in own):
            names = {row["file_id"]: shown(row["name"], row["file_id"]) for row in own}
            for lack in shortcomings(obj, own, context.run.night, count_files(context.lake, obj)):
                found[obj.system].append({"object": obj.name, "name": names[lack.file_id], **asdict(lack)})
    return found


def count_let_through(context: Context) -> dict[tuple[str, ...], int]:
    """How many records of its object the night has ended, for each file that a person let through for this night."""
    objects = {(obj.system, obj.name): obj for source in context.conf.sources.values() for obj in source.objects}
    decided = fresh_decisions(context.lake, context.run.night, ACCEPT)
    return {
        file_key(row): count_ended(context.lake, objects[row["system"], row["object"]], context.run.night)
        for row in decided
        if row["night"] == context.run.night and (row["system"], row["object"]) in objects
    }


def _describe_delivery(row: dict[str, Any], files: dict[tuple[str, ...], dict[str, Any]]) -> dict[str, Any]:
    file = files[file_key(row)]
    return {
        "name": shown(row["name"], row["file_id"]),
        "object": row["object"],
        "sheet": row["sheet"],
        "file_id": row["file_id"],
        "as_of": row["as_of"].isoformat(),
        "status": file["status"],
        "reason": file["reason"],
        "detail": file["detail"],
        "rows_read": file["rows_read"],
    }
