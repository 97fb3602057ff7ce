"""`jiceng replay`: the recorded nights once more, in their order, into a new workspace; are the tables the same?

Each run works with the configuration and the files that it had then, both from the archive. What is compared are the
fingerprints in the summaries of the last run of each night. Reads nothing of the recorded workspace's tables but `ops.*` and
`links.judgement`, which hold what people decided.
"""

import hashlib
import json
import os
import shutil
from collections import defaultdict
from collections.abc import Callable, Iterable
from contextlib import redirect_stderr
from dataclasses import dataclass
from datetime import date
from itertools import takewhile
from pathlib import Path
from typing import Any

from jobs import extract, maintain, start
from jobs.common.base.code import code_version
from jobs.common.base.errors import Refusal, UserError
from jobs.common.base.file_names import shown, spell_name
from jobs.common.base.workspace import Workspace, init_workspace
from jobs.common.intake.deliveries import Delivery, all_deliveries
from jobs.common.intake.file_decisions import FileDecision, accept, withdraw
from jobs.common.intake.inbox import give, match_object
from jobs.common.intake.judgements import copy_judgements
from jobs.common.intake.received_files import ReceivedFile, files_by_key
from jobs.common.run.conf import Conf, snapshot_conf
from jobs.common.run.runs import REFUSED, Run, all_runs, close_run, lock, next_run
from jobs.common.run.stage import Context, open_context, open_lake
from jobs.operate.decisions import let_through
from jobs.operate.nightly import list_steps, work_run

COLUMNS = ["table", "state", "since", "rows", "rows_replayed", "fingerprint", "fingerprint_replayed", "code"]
_FEW = 3  # versions of the code that are named
_CUT_SHORT = ("crashed", "abandoned")


@dataclass(frozen=True, order=True)
class Handed:
    """A file as it was handed over: its system, its path below the inbox folder of the system, its content."""

    system: str
    name: str
    file_id: str

    @property
    def place(self) -> tuple[str, str]:
        """Where it lay in the inbox: system and path."""
        return self.system, self.name


@dataclass(frozen=True)
class Recorded:
    """What a workspace tells of its runs, those still open left out.

    `taken_first` are files that a run took before others of the same name.
    """

    workspace: Workspace
    runs: tuple[Run, ...]
    files: dict[str, list[Handed]]
    taken_first: dict[str, list[Handed]]
    as_of: dict[tuple[str, Handed], date]  # by run and file


def replay(
    workspace: Workspace, into: Path, until: date | None = None, on_run: Callable[[str], None] = lambda told: None
) -> list[dict[str, Any]]:
    """One row per table: whether it is the same after every night, else since which night it is not.

    Args:
        workspace: whose nights to replay; nothing in it is changed.
        into: the new workspace.
        until: last night to replay (default: all).
        on_run: called with a line after each run.

    Raises:
        UserError: no runs, a target that holds something, an archive without what a run worked with.
    """
    into = into.absolute()
    if into.exists() and (not into.is_dir() or any(into.iterdir())):
        raise UserError(f"{into} is not an empty directory; choose a new one for --into")
    recorded = read_runs(workspace, until)
    for run in last_runs(recorded.runs).values():  # before hours of work are done in vain
        _tables(workspace, run)
    target = init_workspace(into)
    with lock(target, "run", "this workspace"):
        for number, run in enumerate(recorded.runs, start=1):
            if number > 1:
                decide_as_recorded(workspace, target, recorded.runs[number - 2].run_id)
            verdict = replay_run(recorded, run, target)
            difference = "" if verdict == run.verdict else f" (recorded: {run.verdict})"
            on_run(f"{run.run_id} {verdict}{difference}, {number} of {len(recorded.runs)} runs")
    return compare_tables(workspace, target, recorded.runs)


# --- what was recorded ------------------------------------------------------------------------------------------------


def read_runs(workspace: Workspace, until: date | None) -> Recorded:
    """The closed runs up to a night, and which files each of them took."""
    lake = open_lake(workspace)
    every = all_runs(lake)
    runs = tuple(run for run in _up_to(every, until) if not run.is_open)
    if not runs:
        span = f" up to {until}" if until else ""
        raise UserError(f"{workspace.home} has no finished run{span} to replay")
    known, deliveries = files_by_key(lake), all_deliveries(lake)
    files: dict[str, set[Handed]] = defaultdict(set)
    as_of = {}
    for each in deliveries:
        handed = Handed(each.system, each.name, each.file_id)
        taker = _first_taker(workspace, every, each, known[each.key].night)
        files[taker].add(handed)
        as_of[taker, handed] = each.as_of
    taken_first: dict[str, set[Handed]] = defaultdict(set)
    # Of these another file of the same name has taken the place.
    for key in known.keys() - {each.key for each in deliveries}:
        file = known[key]
        taken_first[_taker_of_lost(workspace, every, file)].add(Handed(file.system, file.name, file.file_id))
    return Recorded(workspace, runs, _in_order(files), _in_order(taken_first), as_of)


def _up_to(runs: Iterable[Run], until: date | None) -> list[Run]:
    """The runs of the nights up to one; all if none is named."""
    return [run for run in runs if until is None or run.night <= until]


def _taker_of_lost(workspace: Workspace, runs: list[Run], file: ReceivedFile) -> str:
    """The run that took a file of which no delivery is left: one that was cut short, else the first of its night."""
    own = [run for run in runs if run.night == file.night]
    cut_short = [run for run in filter(_was_cut_short, own) if _took(workspace, run, file.system)]
    return (cut_short or own)[0].run_id


def _in_order(files: dict[str, set[Handed]]) -> dict[str, list[Handed]]:
    return {run_id: sorted(taken) for run_id, taken in files.items()}


def _first_taker(workspace: Workspace, runs: list[Run], delivery: Delivery, first_night: date) -> str:
    """The run that took a file out of the inbox: one that was cut short has left its deliveries to the next."""
    place = [run.run_id for run in runs].index(delivery.run_id)
    nights = (first_night, delivery.night)
    taker = runs[place]
    for run in takewhile(_was_cut_short, reversed(runs[:place])):
        if run.night in nights and _took(workspace, run, delivery.system):
            taker = run
    return taker.run_id


def _was_cut_short(run: Run) -> bool:
    return run.verdict in _CUT_SHORT


def _took(workspace: Workspace, run: Run, system: str) -> bool:
    """Whether a run has finished taking the files of a system."""
    return (workspace.run_dir(run.run_id) / "stages" / f"extract.{system}.json").exists()


# --- one run ----------------------------------------------------------------------------------------------------------


def replay_run(recorded: Recorded, run: Run, target: Workspace) -> str:
    """Replay one run into `target`, also the maintenance after it; returns the verdict."""
    conf = copy_conf(recorded.workspace, target, run.config_hash)
    at_once, later = _split_files(recorded, run, taken_up(recorded, target, conf, run))
    hand_in(recorded.workspace, target, conf, at_once)
    with open(os.devnull, "w") as quiet, redirect_stderr(quiet):  # what the stages tell is in the log of the run
        opened = start.run(target, run.night, run.driver, conf, _was_again(recorded.workspace, run))
        if opened.run.run_id != run.run_id:
            raise RuntimeError(f"the replay of {run.run_id} was numbered {opened.run.run_id}")
        context = open_context(target, run.run_id)
        for system in sorted({file.system for file in later}):
            extract.run(context, system)
        hand_in(recorded.workspace, target, conf, later)
        verdict = _finish_as_recorded(recorded, run, context)
    nights = maintain.recorded_nights(recorded.workspace, run.run_id)
    if nights is not None:
        maintain.thin_raw(target, all_runs(open_lake(target)), nights)
    return verdict


def _split_files(recorded: Recorded, run: Run, again: set[Handed]) -> tuple[list[Handed], list[Handed]]:
    """The files of a run that lay in the inbox at once, and those whose place another file had first; without those `again`."""
    first = recorded.taken_first.get(run.run_id, [])
    places = {file.place for file in first}
    files = [file for file in recorded.files.get(run.run_id, []) if file not in again]
    at_once = [file for file in files if file.place not in places]
    later = [file for file in files if file.place in places]
    return [*first, *at_once], later


def _was_again(workspace: Workspace, run: Run) -> bool:
    """Whether the run worked through its night once more though nothing was new."""
    path = workspace.run_dir(run.run_id) / "plan.json"
    return path.exists() and bool(json.loads(path.read_text(encoding="utf-8")).get("again"))


def decide_as_recorded(workspace: Workspace, target: Workspace, after_run: str) -> None:
    """Decide in `target` about the files and pairs about which somebody decided after a run."""
    copy_judgements(open_lake(workspace), open_lake(target), after_run)
    by_people = [FileDecision.WITHDRAW, FileDecision.ACCEPT]  # the others are made by the runs themselves
    where = {"after_run": after_run, "decision": by_people}
    decided = open_lake(workspace).rows("ops.decision", where).to_pylist()
    told = {(row["decision"], row["system"], row["file_id"]): (row["because"], row["approved_by"]) for row in decided}
    for (decision, system, file_id), (because, who) in sorted(told.items()):
        decide = accept if decision == FileDecision.ACCEPT else withdraw
        decide(open_lake(target), f"{system}/{file_id}", because, who)


def _finish_as_recorded(recorded: Recorded, run: Run, context: Context) -> str:
    """All stages and the summary; of a run that was cut short only the stages that it had finished."""
    if not _was_cut_short(run):
        try:
            verdict: str = work_run(context)["verdict"]
        except Refusal:
            approved = _approved_release(recorded, run)
            verdict = let_through(context.workspace, run, *approved) if approved else REFUSED
        return verdict
    finished = recorded.workspace.run_dir(run.run_id) / "stages"
    for label, work in list_steps(context):
        if (finished / f"{label}.json").exists():
            work()
    close_run(context.lake, run, str(run.verdict))
    shutil.rmtree(context.workspace.scratch_dir(run.run_id), ignore_errors=True)
    return str(run.verdict)


def _approved_release(recorded: Recorded, run: Run) -> tuple[str, str | None] | None:
    """Who let the run through, and why; None where nobody had to."""
    rows = open_lake(recorded.workspace).rows("ops.release", {"release_id": run.run_id}).to_pylist()
    return next(((row["approved_by"], row["because"]) for row in rows if row["approved_by"]), None)


def copy_conf(workspace: Workspace, target: Workspace, config_hash: str) -> Conf:
    """The configuration a run worked with, from one archive to the other."""
    conf = snapshot_conf(workspace, config_hash)
    for name, path in conf.files.items():
        copy = target.archive / "conf" / config_hash / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
    copied = snapshot_conf(target, config_hash)
    if copied.hash != config_hash:
        raise UserError(f"{workspace.archive}/conf/{config_hash} was changed; restore it from a backup")
    return copied


def hand_in(workspace: Workspace, target: Workspace, conf: Conf, files: Iterable[Handed]) -> None:
    """Put files into the inbox under the names that they had, with their `.done` where the contract asks for one."""
    for file in files:
        archived = workspace.archive_path(file.file_id)
        told = f"{file.system}/{shown(file.name, file.file_id)}"
        if not archived.exists():
            raise UserError(f"the archive lacks {archived.name} ({told}); restore it from a backup")
        with open(archived, "rb") as handle:
            if hashlib.file_digest(handle, "sha256").hexdigest() != file.file_id:
                raise UserError(f"{archived} is not what was received as {told}; restore it from a backup")
        path = target.inbox / file.system / spell_name(file.name)
        path.parent.mkdir(parents=True, exist_ok=True)
        give(archived, path)
        obj = match_object(conf.sources.get(file.system), file.name)
        if obj is not None and obj.ready == "done":
            path.with_name(path.name + ".done").touch()


def taken_up(recorded: Recorded, target: Workspace, conf: Conf, run: Run) -> set[Handed]:
    """Files of a run that extract takes up by itself, as they were refused under another contract."""
    lake = open_lake(target, conf)
    context = Context(target, conf, lake, next_run(lake, run.night, run.driver, conf))
    files = recorded.files.get(run.run_id, [])
    found = set()
    for system in sorted({file.system for file in files}):
        refused = extract.refused_before(context, conf.sources.get(system), system, set())
        again = {(Handed(system, row.name, row.file_id), row.as_of) for row in refused}
        found |= {file for file in files if (file, recorded.as_of[run.run_id, file]) in again}
    return found


# --- the comparison ---------------------------------------------------------------------------------------------------


def compare_tables(workspace: Workspace, target: Workspace, runs: Iterable[Run]) -> list[dict[str, Any]]:
    """One row per table of either workspace, over the last run of each night; rows and fingerprints where they differ first.

    `code` is the code that recorded a difference, where that is other code than today's, which may explain it.
    """
    found: dict[str, dict[str, Any]] = {}
    for run in last_runs(runs).values():
        before, now = _tables(workspace, run), _tables(target, run)
        for name in dict.fromkeys([*before, *now]):
            if found.get(name, {}).get("since") is None:
                found[name] = _compare(name, run, before.get(name), now.get(name))
    return list(found.values())


def last_runs(runs: Iterable[Run]) -> dict[date, Run]:
    """The last run of each night that was not cut short, whose summary tells the tables of the night."""
    return {run.night: run for run in runs if not _was_cut_short(run)}


def _tables(workspace: Workspace, run: Run) -> dict[str, Any]:
    path = workspace.run_dir(run.run_id) / "summary.json"
    if not path.exists():
        raise UserError(f"{path} is missing, so nobody can tell what the tables were; restore it from a backup")
    tables: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))["tables"]
    return tables


def _compare(name: str, run: Run, before: dict[str, Any] | None, now: dict[str, Any] | None) -> dict[str, Any]:
    state = _state(before, now)
    row: dict[str, Any] = {"table": name, "state": state, "since": None, "code": None}
    if state != "same":
        row["since"] = run.night.isoformat()
        row["code"] = run.code_version if run.code_version != code_version() else None
    for ending, entry in (("", before), ("_replayed", now)):
        told = entry or {}
        row |= {f"rows{ending}": told.get("rows"), f"fingerprint{ending}": told.get("fingerprint")}
    return row


def _state(before: dict[str, Any] | None, now: dict[str, Any] | None) -> str:
    if now is None:
        return "missing"
    if before is None:
        return "extra"
    return "same" if before["fingerprint"] == now["fingerprint"] else "differs"


def other_code(workspace: Workspace, until: date | None = None) -> str | None:
    """Which nights other code than today's has worked on, which may have worked otherwise; None where there are none."""
    runs = _up_to(all_runs(open_lake(workspace)), until)
    others = [run for run in runs if run.code_version != code_version()]
    if not others:
        return None
    versions = sorted({str(run.code_version) for run in others})
    named = ", ".join(versions[:_FEW])
    if len(versions) > _FEW:
        named += f" and {len(versions) - _FEW} more"
    first, last = others[0].night, others[-1].night
    nights = f"{first}" if first == last else f"{first} to {last}"
    return (
        f"{len(others)} of {len(runs)} runs (nights {nights}) were made by the code {named}, and this is {code_version()}: "
        "what differs may come of that"
    )
