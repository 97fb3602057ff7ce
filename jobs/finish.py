"""Finish: judge the run, write its summary and close it.

Reads: every table. Writes: `runs/<run_id>/summary.json`, `ops.run`. Removes the run's scratch tables.
Exit code: 0 released or nothing new, 3 refused, 1 where a stage has crashed.
"""

import json
import shutil
import sys
from argparse import ArgumentParser
from collections import defaultdict
from dataclasses import asdict
from pathlib import Path
from typing import Any

from jobs.common.books import balances
from jobs.common.code import code_version
from jobs.common.decisions import ACCEPT, READ, fresh_decisions
from jobs.common.deliveries import deliveries_with_status, file_key, known_files, still_refused
from jobs.common.errors import Refusal
from jobs.common.file_names import shown
from jobs.common.inbox import explain_waiting, left_behind, waiting_files
from jobs.common.losses import count_ended
from jobs.common.readings import LANDED, judged_in
from jobs.common.releases import PUBLISHED, all_releases, visible_release
from jobs.common.runs import REFUSED, RELEASED, all_runs, close_run, lock, run_night
from jobs.common.stage import STAGES, Context, guarded, open_context, peak_memory_mb, read_refusal
from jobs.common.whole import count_files, shortcomings
from jobs.common.workspace import open_workspace

_WITHOUT_FINGERPRINT = ("ops.run", "ops.release")


def run(context: Context) -> dict[str, Any]:
    """Summary of the run, which is closed with its verdict when this returns."""
    sources = judge_sources(context)
    verdict = judge_run(context, sources)
    stages = describe_stages(context)
    visible = visible_release(context.lake)
    left = left_behind(context.workspace, context.run.run_id)
    waiting = explain_waiting(waiting_files(context.workspace, context.conf.sources, left), context.conf)
    summary = {
        "run_id": context.run.run_id,
        "night": context.run.night.isoformat(),
        "verdict": verdict,
        "release_id": visible.release_id if visible else None,
        "refusal": read_refusal(context.workspace, context.run.run_id),
        "nothing_new": context.plan["nothing_new"],
        "sources": sources,
        "waiting": [f"{name}: {why}" for name, why in waiting.items()],
        "tables": describe_tables(context),
        "stages": stages,
        "books": describe_books(context),
        "peak_memory_mb": max([peak_memory_mb(), *(used["peak_memory_mb"] for used in stages.values())]),
    }
    path = context.workspace.run_dir(context.run.run_id) / "summary.json"
    partial = path.with_suffix(".tmp")
    partial.write_text(json.dumps(summary, ensure_ascii=False, indent=1), encoding="utf-8")
    partial.rename(path)
    close_run(context.lake, context.run, verdict)
    shutil.rmtree(context.workspace.scratch_dir(context.run.run_id), ignore_errors=True)
    context.log("finish", f"run {context.run.run_id} is {verdict}")
    return summary


def judge_run(context: Context, sources: dict[str, Any]) -> str:
    """complete, incomplete (a source is missing, refused or partial), refused by the gate, or crashed before it."""
    lake, run_id = context.lake, context.run.run_id
    whole = all(source["state"] in ("delivered", "not expected") for source in sources.values())
    if context.plan["nothing_new"] or any(r.run_id == run_id and r.state == PUBLISHED for r in all_releases(lake)):
        return "complete" if whole else "incomplete"
    return REFUSED if read_refusal(context.workspace, run_id) else "crashed"


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
            state = "partial" if lacking.get(system) else "delivered"
        else:
            state = "missing" if expected == "nightly" else "not expected"
        described = [
            {
                **_describe_delivery(row, files),
                "made_good": row["status"] in ("refused", "held") and _delivery_key(row) not in left_keys,
                "ended": ended.get(file_key(row)),
            }
            for row in own
        ]
        found[system] = {"state": state, "files": described, "shortcomings": lacking.get(system, [])}
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


def describe_tables(context: Context) -> dict[str, Any]:
    """Rows, version and fingerprint of every table of the lake; what is known of a version is not worked out again."""
    lake = context.lake
    versions = {name: lake.version(name) for name in lake.existing() if name not in _WITHOUT_FINGERPRINT}
    known = known_fingerprints(context)
    found = {place: known[place] for place in versions.items() if place in known}
    missing = {name: version for name, version in versions.items() if (name, version) not in known}
    earlier = {name: (version, known[name, version]) for name, version in sorted(known)}  # of each the last known
    anew = lake.fingerprints(missing, earlier)
    found |= {(name, missing[name]): fingerprint for name, (_, fingerprint) in anew.items()}
    return {
        name: {"rows": int(found[name, version].split("-")[0]), "version": version, "fingerprint": found[name, version]}
        for name, version in versions.items()
    }


def known_fingerprints(context: Context) -> dict[tuple[str, int], str]:
    """Fingerprints of versions of tables, as the last summary, this run's audit and the last release have found them.

    Of earlier runs none count if the last one was of other code, which may have counted otherwise.
    """
    known: dict[tuple[str, int], str] = {}
    before = [run for run in all_runs(context.lake) if run.run_id != context.run.run_id]
    is_same_code = not before or before[-1].code_version == code_version()
    for run in before[-1:] if is_same_code else []:
        path = context.workspace.run_dir(run.run_id) / "summary.json"
        tables = json.loads(path.read_text(encoding="utf-8"))["tables"] if path.exists() else {}
        known |= {(name, entry["version"]): entry["fingerprint"] for name, entry in tables.items()}
    for row in context.lake.rows("ops.audit", {"run_id": context.run.run_id}).to_pylist():
        if row["fingerprint"] is not None:
            known[f"candidate.{row['table_name']}", row["version"]] = row["fingerprint"]
    visible = visible_release(context.lake)
    for name, entry in (visible.tables if visible and is_same_code else {}).items():
        known[f"refined.{name}", entry["version"]] = entry["fingerprint"]
    return known


def describe_books(context: Context) -> dict[str, Any]:
    """The equations of the books: of this run, or where nothing was new of the last run that wrote them."""
    for run in reversed(all_runs(context.lake)):
        rows = context.lake.rows("ops.ledger", {"run_id": run.run_id}).to_pylist()
        if rows:
            found = balances(rows)
            left = [str(balance) for balance in found if not balance.closes]
            return {"run_id": run.run_id, "equations": len(found), "open": left, "closes": not left}
    return {"run_id": None, "equations": 0, "open": [], "closes": True}


def describe_stages(context: Context) -> dict[str, Any]:
    """Seconds and peak memory of each stage; of extract and land, which run per source, the sum and the greatest."""
    directory = context.workspace.run_dir(context.run.run_id) / "stages"
    found: dict[str, dict[str, Any]] = {}
    for path in sorted(directory.glob("*.json")):
        used = json.loads(path.read_text())
        stage = found.setdefault(path.name.split(".")[0], {"seconds": 0.0, "peak_memory_mb": 0})
        stage["seconds"] = round(stage["seconds"] + used["seconds"], 3)
        stage["peak_memory_mb"] = max(stage["peak_memory_mb"], used["peak_memory_mb"])
    return {stage: found[stage] for stage in STAGES if stage in found}


def main() -> None:
    parser = ArgumentParser(prog="python -m jobs.finish", description="Close an open run and write its summary.")
    parser.add_argument("--run-id", required=True, help="id of the open run")
    parser.add_argument("--home", type=Path, help="workspace (default JICENG_HOME, else ./.jiceng)")
    arguments = parser.parse_args()

    def body() -> None:
        workspace = open_workspace(arguments.home)
        with lock(workspace, "run", f"run {arguments.run_id}"):
            verdict = run(open_context(workspace, arguments.run_id))["verdict"]
        if verdict == REFUSED:
            raise Refusal(f"run {arguments.run_id} was refused; its log and `jiceng status` tell why")
        if verdict not in RELEASED:
            raise RuntimeError(f"run {arguments.run_id} crashed; the log of the stage that failed tells where")

    sys.exit(guarded(body))


if __name__ == "__main__":
    main()
