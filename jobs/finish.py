"""Finish: judge the run, write its summary and close it.

Reads: every table. Writes: `runs/<run_id>/summary.json`, `ops.run`. Removes the run's scratch tables.
Exit code: 0 released or nothing new, 3 refused, 1 where a stage has crashed.
"""

import shutil
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from jobs.common.base.code import code_version
from jobs.common.base.errors import Refusal
from jobs.common.base.json_file import read_json, write_json
from jobs.common.base.workspace import open_workspace
from jobs.common.intake.inbox import explain_waiting, left_behind, waiting_files
from jobs.common.intake.source_states import judge_sources
from jobs.common.releases.books import balances
from jobs.common.releases.releases import PUBLISHED, all_releases, visible_release
from jobs.common.run.runs import REFUSED, RELEASED, Run, all_runs, close_run, lock, runs_before
from jobs.common.run.stage import Context, describe_stages, guarded, open_context, peak_memory_mb, read_refusal

_WITHOUT_FINGERPRINT = ("ops.run", "ops.release", "ops.access")  # they hold the time of the wall clock


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
    write_json(context.workspace.run_dir(context.run.run_id) / "summary.json", summary, indent=1)
    close_run(context.lake, context.run, verdict)
    shutil.rmtree(context.workspace.scratch_dir(context.run.run_id), ignore_errors=True)
    context.log("finish", f"run {context.run.run_id} is {verdict}")
    return summary


def judge_run(context: Context, sources: dict[str, Any]) -> str:
    """complete, incomplete (a source is missing, refused or partial), refused by the gate, or crashed before it."""
    lake, run_id = context.lake, context.run.run_id
    published = {release.run_id for release in all_releases(lake) if release.state == PUBLISHED}
    if context.plan["nothing_new"] or run_id in published:
        states = {source["state"] for source in sources.values()}
        return "complete" if states <= {"delivered", "not expected"} else "incomplete"
    return REFUSED if read_refusal(context.workspace, run_id) else "crashed"


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
    return {name: _describe_table(version, found[name, version]) for name, version in versions.items()}


def _describe_table(version: int, fingerprint: str) -> dict[str, Any]:
    rows, *_ = fingerprint.split("-")
    return {"rows": int(rows), "version": version, "fingerprint": fingerprint}


def known_fingerprints(context: Context) -> dict[tuple[str, int], str]:
    """Fingerprints of versions of tables, as the last summary, this run's audit and the last release have found them.

    Of earlier runs none count if the last one was of other code, which may have counted otherwise.
    """
    last = next(iter(runs_before(context.lake, context.run)), None)
    is_same_code = last is None or last.code_version == code_version()
    known = _told_in_summary(context, last) if last and is_same_code else {}
    for row in context.lake.rows("ops.audit", {"run_id": context.run.run_id}).to_pylist():
        if row["fingerprint"] is not None:
            known[f"candidate.{row['table_name']}", row["version"]] = row["fingerprint"]
    visible = visible_release(context.lake) if is_same_code else None
    released = visible.tables if visible else {}
    for name, entry in released.items():
        known[f"refined.{name}", entry["version"]] = entry["fingerprint"]
    return known


def _told_in_summary(context: Context, run: Run) -> dict[tuple[str, int], str]:
    """Fingerprints by table and version as a run's summary tells them; none if it wrote no summary."""
    summary = read_json(context.workspace.run_dir(run.run_id) / "summary.json")
    tables = summary["tables"] if summary else {}
    return {(name, entry["version"]): entry["fingerprint"] for name, entry in tables.items()}


def describe_books(context: Context) -> dict[str, Any]:
    """The equations of the books: of this run, or where nothing was new of the last run that wrote them."""
    for run in reversed(all_runs(context.lake)):
        rows = context.lake.rows("ops.ledger", {"run_id": run.run_id}).to_pylist()
        if rows:
            found = balances(rows)
            left = [str(balance) for balance in found if not balance.closes]
            return {"run_id": run.run_id, "equations": len(found), "open": left, "closes": not left}
    return {"run_id": None, "equations": 0, "open": [], "closes": True}


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
