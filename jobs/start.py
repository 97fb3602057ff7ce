"""Start: open a night's run, or take up the open one again.

Reads: the inbox, `ops.*`. Writes: `ops.run`, the configuration snapshot, `runs/<run_id>/plan.json`; finishes a release
that an earlier run left half promoted. Refuses: a night behind the last one, a workspace where another run is open.
"""

import json
import sys
from argparse import ArgumentParser
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Any

from jobs.common.base.errors import Busy
from jobs.common.base.json_file import write_json
from jobs.common.base.workspace import Workspace, open_workspace
from jobs.common.intake.file_decisions import FileDecision, fresh_decisions
from jobs.common.intake.inbox import is_system, ready_files, systems_with_files
from jobs.common.intake.judgements import is_judged_since
from jobs.common.intake.readings import systems_read_otherwise
from jobs.common.intake.received_files import FileStatus, file_key
from jobs.common.lake.delta_log import check_log, table_paths
from jobs.common.lake.tables import Lake
from jobs.common.releases.releases import recover_release
from jobs.common.run.conf import Conf, current_conf, take_snapshot
from jobs.common.run.conf_check import check_conf
from jobs.common.run.runs import (
    AIRFLOW,
    CLI,
    RELEASED,
    Run,
    all_runs,
    check_clock,
    lock,
    next_run,
    open_run,
    parse_night,
    record_open,
    runs_before,
)
from jobs.common.run.stage import Context, guarded, open_context, open_lake


def run(workspace: Workspace, night: date, driver: str, conf: Conf | None = None, again: bool = False) -> Context:
    """Open the run of `night`, or return the open one of the same driver; the caller holds the run's lock.

    Args:
        workspace: where.
        night: of a new run.
        driver: who drives the stages.
        conf: what to work with (default: a snapshot of the layers in force).
        again: work through the night also where nothing is new.

    Raises:
        Fault: a table's last commit is torn; to go on from the state before it would lose what it held.
        Busy: a run is open under Airflow, or Airflow asks while a dead `jiceng run` waits to be taken up again.
        UserError: the night lies behind the last one.
    """
    conf = conf or take_snapshot(workspace)
    for name in table_paths(workspace):
        check_log(workspace, name)
    lake = open_lake(workspace, conf)
    current = open_run(lake)
    if current is not None:
        return _resume(workspace, current, night, driver)
    recover_release(lake)
    opened = next_run(lake, night, driver, conf)
    context = Context(workspace, conf, lake, opened)
    plan = plan_again(conf) if again else make_plan(workspace, lake, conf, opened)
    _write_plan(context, plan)  # before the row: a run that is recorded has its plan
    record_open(lake, opened)
    _adopt_deliveries(context)
    context.log("start", f"run {opened.run_id} opened by {driver}" + (", nothing new" if plan["nothing_new"] else ""))
    return context


def make_plan(workspace: Workspace, lake: Lake, conf: Conf, run: Run) -> dict[str, Any]:
    """Sources to work on, and whether there is anything new since the night's last run.

    A source has work where a file lies in its inbox, waits to be landed, was refused and may be readable now, or was read under
    another contract; where none has, all are named, so that there is always one.
    """
    open_states = {"status": [FileStatus.WAITING, FileStatus.REFUSED]}
    pending = lake.rows("ops.file", open_states, ["system"]).column("system").to_pylist()
    shaken = lake.rows("ops.decision", {"night": None}, ["system"]).column("system").to_pylist()
    shaken += systems_read_otherwise(workspace, lake, conf, run)
    known = {system for system in (*pending, *shaken) if is_system(system)}
    sources = {*systems_with_files(workspace), *known} or {*conf.sources, *conf.refused_contracts}
    return {"nothing_new": _nothing_new(workspace, lake, conf, run), "sources": sorted(sources)}


def plan_again(conf: Conf) -> dict[str, Any]:
    """All sources, as if all were new: each stage makes good what is missing of its tables."""
    return {"nothing_new": False, "sources": sorted({*conf.sources, *conf.refused_contracts}), "again": True}


def is_anything_new(workspace: Workspace, night: date) -> bool:
    """Whether a further run of `night` would find files or another configuration."""
    conf = current_conf(workspace)
    lake = open_lake(workspace, conf)
    return not make_plan(workspace, lake, conf, next_run(lake, night, CLI, conf))["nothing_new"]


def _nothing_new(workspace: Workspace, lake: Lake, conf: Conf, run: Run) -> bool:
    last = next(iter(runs_before(lake, run)), None)
    if last is None or last.verdict not in RELEASED:
        return False
    if last.night != run.night or last.config_hash != conf.hash:
        return False
    is_waiting = lake.rows("ops.file", {"status": FileStatus.WAITING}).num_rows > 0
    is_decided = lake.rows("ops.decision", {"night": None}).num_rows > 0 or is_judged_since(lake, last)
    if is_waiting or is_decided:
        return False
    listed = (ready_files(workspace, system, conf.sources.get(system)) for system in systems_with_files(workspace))
    return not any(ready for ready, _ in listed)


def _resume(workspace: Workspace, current: Run, night: date, driver: str) -> Context:
    remedy = "`jiceng run --abandon` closes it"
    if current.driver != driver:
        raise Busy(f"run {current.run_id} is open under {current.driver}; {remedy}")
    if driver == AIRFLOW and current.night != night:
        raise Busy(f"run {current.run_id} is open under Airflow, so night {night} must wait; {remedy}")
    context = open_context(workspace, current.run_id)
    if context.plan["nothing_new"]:  # files may have come since it stopped
        _write_plan(context, make_plan(workspace, context.lake, context.conf, current))
        context = open_context(workspace, current.run_id)
    _adopt_deliveries(context)
    context.log("start", f"run {current.run_id} taken up again")
    return context


def _write_plan(context: Context, plan: dict[str, Any]) -> None:
    write_json(context.workspace.run_dir(context.run.run_id) / "plan.json", plan)


def _adopt_deliveries(context: Context) -> None:
    """Files of runs that crashed or were abandoned become this run's: nobody has finished with them; and so do files that were
    let through.
    """
    lake = context.lake
    dropped = [run for run in all_runs(lake) if run.verdict in ("crashed", "abandoned")]
    for run in dropped:
        rows = lake.rows("ops.delivery", {"run_id": run.run_id}).to_pylist()
        if rows:
            _adopt(context, rows)
            lake.replace_part("ops.delivery", lake.empty("ops.delivery"), {"run_id": run.run_id})
    # What was held back and let through since counts as handed over to this run.
    decided = fresh_decisions(lake, context.run.night, FileDecision.ACCEPT)
    let_through = {file_key(row) for row in decided if row["night"] is None}
    if let_through:
        _adopt(context, [row for row in lake.rows("ops.delivery").to_pylist() if file_key(row) in let_through])


def _adopt(context: Context, rows: Iterable[dict[str, Any]]) -> None:
    """Record rows of `ops.delivery` once more, as handed over to this run."""
    moved = [{**row, "run_id": context.run.run_id, "night": context.run.night} for row in rows]
    context.lake.upsert("ops.delivery", context.lake.table_of("ops.delivery", moved))


def main() -> None:
    parser = ArgumentParser(prog="python -m jobs.start", description="Open the run of a night.")
    parser.add_argument("--night", help="night as YYYY-MM-DD (default: today in Shanghai)")
    parser.add_argument(
        "--by-clock", metavar="NIGHT", help="the night where nobody named one, by the scheduler's clock"
    )
    parser.add_argument("--driver", choices=[AIRFLOW], default=AIRFLOW, help="who drives the stages")
    parser.add_argument("--home", type=Path, help="workspace (default JICENG_HOME, else ./.jiceng)")
    arguments = parser.parse_args()

    def body() -> None:
        workspace = open_workspace(arguments.home)
        night = parse_night(arguments.night or arguments.by_clock)
        with lock(workspace, "run", "this workspace"):
            check_conf(current_conf(workspace))
            if not arguments.night:
                check_clock(open_lake(workspace), night)
            context = run(workspace, night, arguments.driver)
        answer = {
            "run_id": context.run.run_id,
            "sources": context.plan["sources"],
            "nothing_new": context.plan["nothing_new"],
        }
        print(json.dumps(answer, ensure_ascii=False), flush=True)

    sys.exit(guarded(body))


if __name__ == "__main__":
    main()
