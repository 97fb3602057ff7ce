"""`jiceng run`: all stages of a night in one process, resumed where an earlier one was killed."""

import os
import shutil
import time
from collections.abc import Callable
from datetime import date
from types import ModuleType
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from jobs import analyse, audit, extract, fetch, finish, harmonise, land, match, merge, release, start
from jobs.analyse.catalogue import product_faults
from jobs.common.base.errors import UserError
from jobs.common.base.workspace import Workspace
from jobs.common.lake.faults import heal
from jobs.common.run.conf import current_conf
from jobs.common.run.conf_check import check_conf
from jobs.common.run.runs import CLI, all_runs, check_clock, close_run, lock, open_run, tonight
from jobs.common.run.stage import PER_SOURCE, STAGES, Context, open_context, open_lake, timed
from jobs.read.output import messages

_ROOMS: dict[str, ModuleType] = {
    "extract": extract,
    "land": land,
    "harmonise": harmonise,
    "match": match,
    "merge": merge,
    "analyse": analyse,
    "audit": audit,
    "release": release,
}


def run_night(workspace: Workspace, named: date | None = None) -> dict[str, Any]:
    """Take up a run that was killed, then work on the night named (default: tonight by the clock); returns the summary.

    Raises:
        UserError: no night, one behind the last one, one by a clock that has jumped, or a configuration with faults.
        Refusal: gate or books refused; the run is closed and nothing was released.
        Busy: another run is live, or one is open under Airflow.
    """
    night = named or tonight()
    with lock(workspace, "run", "this workspace"):
        _check_conf(workspace)
        if not named:
            check_clock(open_lake(workspace), night)
        summary = _finish_open_run(workspace)
        fetch.run(workspace, night)
        if summary is not None and summary["night"] == str(night) and not start.is_anything_new(workspace, night):
            return summary
        return work_run(start.run(workspace, night, CLI))


def _finish_open_run(workspace: Workspace) -> dict[str, Any] | None:
    """Work through a run that was stopped in the middle; returns its summary.

    Raises:
        Busy: the open run is Airflow's.
    """
    left = open_run(open_lake(workspace))
    if left is None:
        return None
    if left.driver == CLI:
        messages.print(f"run {left.run_id} was stopped in the middle; finishing it first")
    return work_run(start.run(workspace, left.night, CLI))


def run_again(workspace: Workspace) -> dict[str, Any]:
    """Work through the last night once more, though nothing is new, from what the whole commits of its tables left.

    Raises:
        UserError: no night has been worked on, or a torn commit held what cannot be computed again.
        Busy: another run is live, or one is open under Airflow.
    """
    with lock(workspace, "run", "this workspace"):
        _check_conf(workspace)
        lake = open_lake(workspace)
        for done in heal(workspace, lake):
            messages.print(done)
        runs = all_runs(lake)
        if not runs:
            raise UserError("no night has been worked on yet, so none can be worked through again")
        return work_run(start.run(workspace, runs[-1].night, CLI, again=True))


def _check_conf(workspace: Workspace) -> None:
    """Raise UserError before anything is written if a file of the configuration or a suite would be refused later."""
    conf = current_conf(workspace)
    check_conf(conf)
    for fault in product_faults(conf):
        raise UserError(fault)


def abandon(workspace: Workspace) -> str:
    """Close the open run without its stages; its files are taken up by the next one. Returns what was done."""
    with lock(workspace, "run", "this workspace"):
        lake = open_lake(workspace)
        current = open_run(lake)
        if current is None:
            return "no run is open"
        close_run(lake, current, "abandoned")
        shutil.rmtree(workspace.scratch_dir(current.run_id), ignore_errors=True)  # it holds personal data
        return f"run {current.run_id} closed as abandoned; the next run takes up its files"


def work_run(context: Context) -> dict[str, Any]:
    """The stages of a run, then its summary; a run that fails is closed as crashed, and its files stay to be taken up."""
    context = open_context(context.workspace, context.run.run_id)
    began = time.monotonic()
    steps = list_steps(context)
    # Extract and land do not use the engine, so that the rules' libraries can be loaded beside them.
    loading = None if context.plan["nothing_new"] else audit.warm_up()
    failure: Exception | None = None
    with _progress() as bar:
        task = bar.add_task("", total=len(steps))
        for label, work in steps:
            bar.update(task, description=label)
            if loading is not None and label == "harmonise":
                loading.join()
            try:
                timed(context, label, work)
            except Exception as error:
                failure = error
                break
            bar.advance(task)
    try:
        summary = finish.run(context)
    except Exception:
        # What broke the stage may break this as well; the first failure is the one to tell.
        if failure is None:
            raise
    else:
        messages.print(f"run {summary['run_id']} {summary['verdict']} in {time.monotonic() - began:.1f} s")
    if failure is not None:
        raise failure
    return summary


def list_steps(context: Context) -> list[tuple[str, Callable[[], None]]]:
    """Stages of a run in their order, each with the label under which its seconds are kept."""
    sources = [] if context.plan["nothing_new"] else context.plan["sources"]
    steps: list[tuple[str, Callable[[], None]]] = []
    for stage in STAGES:
        work = _ROOMS[stage].run
        if stage in PER_SOURCE:
            steps += [(f"{stage}.{source}", _bind(work, context, source)) for source in sources]
        else:
            steps.append((stage, _bind(work, context)))
    return steps


def _bind(work: Callable[..., None], *arguments: object) -> Callable[[], None]:
    return lambda: work(*arguments)


def _progress() -> Progress:
    columns = (TextColumn("{task.description:<22}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(
        *columns, console=messages, transient=True, disable=not messages.is_terminal or "NO_PROGRESS" in os.environ
    )
