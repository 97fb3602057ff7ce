"""What every stage shares: its context, its command line, its log and its exit code."""

import atexit
import gc
import json
import logging
import resource
import sys
import time
import traceback
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property, partial
from itertools import starmap
from pathlib import Path
from typing import Any

from jobs.common.base.errors import CRASHED, Busy, UserError
from jobs.common.base.json_file import read_json
from jobs.common.base.masks import mask_numbers
from jobs.common.base.workspace import Workspace, last_opened, open_workspace
from jobs.common.lake.faults import explain
from jobs.common.lake.schemas import declared_tables
from jobs.common.lake.tables import Lake
from jobs.common.run.conf import Conf, current_conf, snapshot_conf
from jobs.common.run.runs import Run, find_run, lock, open_run

# The work of a night in its order: `jiceng run`, the summary, the pages and the tests read it, and the DAG has the same.
STAGES = ("extract", "land", "harmonise", "match", "merge", "analyse", "audit", "release")
PER_SOURCE = STAGES[:2]  # the others work on all sources at once

_LINES = 20  # about things of one kind on stderr


@dataclass(frozen=True)
class Context:
    """A run's view of its workspace: the configuration it started with, the lake, the log."""

    workspace: Workspace
    conf: Conf
    lake: Lake
    run: Run
    _logged: Counter[tuple[str, str]] = field(default_factory=Counter, compare=False, repr=False)

    def log(self, stage: str, message: str, **counts: Any) -> None:
        """One line to `runs/<run_id>/log.jsonl` and to stderr; keys and counts only."""
        write_log(self.workspace, self.run.run_id, stage, message, **counts)

    def log_each(self, stage: str, of: str, message: str, **counts: Any) -> None:
        """As `log`, of one of many things; `of` names what they belong to. The log has all of them, stderr the first ones."""
        self._logged[stage, of] += 1
        number, place = self._logged[stage, of], f"runs/{self.run.run_id}/log.jsonl"
        write_log(self.workspace, self.run.run_id, stage, f"{of} {message}", is_shown=number <= _LINES, **counts)
        if number == _LINES + 1:
            print(f"{stage:<10} {of}: and more; {place} has all lines", file=sys.stderr, flush=True)

    @cached_property
    def plan(self) -> dict[str, Any]:
        """What `start` found: `nothing_new`, `sources`."""
        path = self.workspace.run_dir(self.run.run_id) / "plan.json"
        plan: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return plan


def write_log(
    workspace: Workspace, run_id: str, stage: str, message: str, is_shown: bool = True, **counts: Any
) -> None:
    """One line to the log, and unless there are too many of its kind to stderr."""
    directory = workspace.run_dir(run_id)
    directory.mkdir(parents=True, exist_ok=True)
    entry = {"at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "stage": stage, "message": message, **counts}
    with open(directory / "log.jsonl", "a", encoding="utf-8") as handle:
        handle.write(json.dumps(entry, ensure_ascii=False, default=str) + "\n")
    if not is_shown:
        return
    figures = "  ".join(starmap(_figure, counts.items()))
    told = f"  ({figures})" if figures else ""
    print(f"{stage:<10} {message}{told}", file=sys.stderr, flush=True)


def _figure(name: str, value: Any) -> str:
    return f"{name} {value:,}" if isinstance(value, int) else f"{name} {value}"


def write_refusal(workspace: Workspace, run_id: str, reasons: list[str]) -> None:
    """Keep for the summary why nothing was released; no reasons take back what an earlier try kept."""
    path = workspace.run_dir(run_id) / "refusal.json"
    if reasons:
        path.write_text(json.dumps(reasons, ensure_ascii=False), encoding="utf-8")
    else:
        path.unlink(missing_ok=True)


def read_refusal(workspace: Workspace, run_id: str) -> list[str]:
    """Why the run was refused; empty where it was not."""
    return read_json(workspace.run_dir(run_id) / "refusal.json") or []


def open_lake(workspace: Workspace, conf: Conf | None = None) -> Lake:
    conf = conf or current_conf(workspace)
    return Lake(workspace, declared_tables(conf.sources, conf.tables))


@contextmanager
def quiet_lake(workspace: Workspace, remedy: str) -> Iterator[Lake]:
    """The lake while no run works on it; `remedy` says what to do where one is open.

    Raises:
        Busy: a run is live or open.
    """
    with lock(workspace, "run", "this workspace"):
        lake = open_lake(workspace)
        current = open_run(lake)
        if current is not None:
            raise Busy(f"run {current.run_id} is open under {current.driver}; {remedy}")
        yield lake


def open_context(workspace: Workspace, run_id: str) -> Context:
    """The context of an open run, with the configuration it started with."""
    run = find_run(open_lake(workspace), run_id)
    conf = snapshot_conf(workspace, run.config_hash)
    return Context(workspace, conf, open_lake(workspace, conf), run)


def timed(context: Context, stage: str, work: Callable[[], None]) -> None:
    """Run a stage and keep its seconds and peak memory in `runs/<run_id>/stages/` for the summary."""
    began = time.monotonic()
    work()
    directory = context.workspace.run_dir(context.run.run_id) / "stages"
    directory.mkdir(parents=True, exist_ok=True)
    used = {"seconds": round(time.monotonic() - began, 3), "peak_memory_mb": peak_memory_mb()}
    (directory / f"{stage}.json").write_text(json.dumps(used))


_largest_child = {"peak_memory_mb": 0}


def note_child_memory(peak_mb: int) -> None:
    """Count the peak resident memory of a process that works for this one."""
    _largest_child["peak_memory_mb"] = max(_largest_child["peak_memory_mb"], peak_mb)


def peak_memory_mb() -> int:
    """Peak resident memory of this process so far, and of the largest that worked for it: at most so much at once."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024 + _largest_child["peak_memory_mb"]


def stage_main(
    stage: str, work: Callable[..., None], per_source: bool = False, options: Mapping[str, str] | None = None
) -> None:
    """Command line of one stage: `python -m jobs.<stage> --run-id R [--source S] [--home DIR]`; never returns.

    A stage that works source by source takes the one named, else all that the run has work for. `options` are further
    ones, each with its help, which `work` takes by their names.
    """
    parser = ArgumentParser(prog=f"python -m jobs.{stage}", description=f"Stage {stage} of an open run, alone.")
    parser.add_argument("--run-id", required=True, help="id of the open run, e.g. 2026-01-01.1")
    parser.add_argument("--home", type=Path, help="workspace (default JICENG_HOME, else ./.jiceng)")
    if per_source:
        parser.add_argument("--source", help="system whose files to take (default: all that the run has work for)")
    for name, explained in (options or {}).items():
        parser.add_argument(f"--{name}", help=explained)
    arguments = parser.parse_args()
    names = [option.replace("-", "_") for option in options or {}]
    told = {name: getattr(arguments, name) for name in names}

    def body() -> None:
        workspace = open_workspace(arguments.home)
        context = open_context(workspace, arguments.run_id)
        parts: list[tuple[str, tuple[str, ...]]] = [(stage, ())]
        if per_source:
            sources = [arguments.source] if arguments.source else context.plan["sources"]
            parts = [(f"{stage}.{source}", (source,)) for source in sources]
        with lock(workspace, "run", f"run {arguments.run_id}", shared=True):
            for label, place in parts:
                with lock(workspace, label, f"stage {label}"):
                    timed(context, label, partial(work, context, *place, **told))

    sys.exit(guarded(body))


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


def guarded(body: Callable[[], None]) -> int:
    """Exit code of `body`: a user's mistake is one line on stderr, so is what the machine fails with (1); a defect shows its
    stack trace and is 1.
    """
    logging.getLogger("pyspark").setLevel(logging.CRITICAL)
    atexit.register(gc.freeze)  # a process that ends looks through all that it has loaded else, for a second
    try:
        body()
    except UserError as error:
        print(f"jiceng: {error}", file=sys.stderr)
        return error.exit_code
    except Exception as error:
        told = _reason(error)
        # A path in a stack trace may hold somebody's number.
        print(f"jiceng: {told}" if told else mask_numbers(traceback.format_exc()).rstrip(), file=sys.stderr)
        return CRASHED
    return 0


def _reason(error: Exception) -> str | None:
    """What a damaged table, or the disk, of the workspace has to do with a failure."""
    workspace = last_opened()
    try:
        return explain(workspace, error) if workspace else None
    except Exception:  # the failure itself is the one to tell
        return None
