"""Decisions of a person about releases and files, each taken while no run works on the workspace.

Reads and writes: `ops.release`, `ops.file`, `ops.decision`; of a rollback and an approval `refined.*`.
Refuses: while a run is live or open (exit code 4).
"""

import getpass
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import date

from jobs import finish, release
from jobs.common.base.errors import UserError
from jobs.common.base.workspace import Workspace
from jobs.common.contracts.sources import SourceObject
from jobs.common.intake import file_decisions
from jobs.common.intake.deliveries import Delivery, deliveries_of, object_night
from jobs.common.intake.losses import count_missing
from jobs.common.intake.received_files import FileStatus, ReceivedFile
from jobs.common.intake.whole import count_files, why_not_whole
from jobs.common.lake.tables import Lake
from jobs.common.releases import rollback
from jobs.common.releases.releases import find_release, finish_release, recover_release, write_release
from jobs.common.run.conf import Conf, current_conf, snapshot_conf
from jobs.common.run.runs import REFUSED, Run, all_runs
from jobs.common.run.stage import Context, open_lake, quiet_lake
from jobs.read.status import explain_shortcoming


@contextmanager
def deciding(workspace: Workspace) -> Iterator[Lake]:
    """The lake while no run works on it, with whatever was left half published completed; raises Busy."""
    with quiet_lake(workspace, "finish it first, or close it with `jiceng run --abandon`") as lake:
        recover_release(lake)
        yield lake


def last_run(lake: Lake, otherwise: str) -> Run:
    runs = all_runs(lake)
    if not runs:
        raise UserError(f"no night has been worked on yet, so {otherwise}")
    return runs[-1]


def roll_back(
    workspace: Workspace, release_id: str | None, because: str | None, who: str | None = None, seen: str | None = None
) -> str:
    """Show readers an earlier release; killed at any instant, the next run or decision completes it. Returns what was done.

    Args:
        workspace: where.
        release_id: the release to show (default: the one before what readers see).
        because: why.
        who: who decides (default: the user of this process).
        seen: what readers saw when it was decided; where they see another by now, nothing is done.
    """
    with deciding(workspace) as lake:
        left = find_release(lake)
        if seen is not None and seen != left.release_id:
            raise UserError(f"readers see {left.release_id} by now, and no longer {seen}; look again before you decide")
        intent = rollback.plan_rollback(lake, release_id, because, who)
        write_release(lake, intent)
        finish_release(lake, intent)
    return (
        f"readers see {intent.release_id} instead of {left.release_id}; the next run publishes as usual, unless "
        "`jiceng release hold` keeps it from that"
    )


def approve(workspace: Workspace, because: str | None, who: str | None = None) -> str:
    """Publish the night that only rules have kept back which may be overridden; returns what was done.

    Raises:
        Refusal: something stands against it that nobody may override.
    """
    with deciding(workspace) as lake:
        run = last_run(lake, "there is nothing to let through")
        if run.verdict != REFUSED:
            raise UserError(f"run {run.run_id}, the last one, is {run.verdict}; only a refused one can be let through")
        verdict = let_through(workspace, run, who or getpass.getuser(), because)
    return f"run {run.run_id} is released, {verdict}"


def let_through(workspace: Workspace, run: Run, who: str, because: str | None) -> str:
    """Release what a refused run has left as candidates, under somebody's name; returns the verdict. Raises Refusal."""
    conf = snapshot_conf(workspace, run.config_hash)
    context = Context(workspace, conf, open_lake(workspace, conf), run)
    release.run(context, who, because)
    return str(finish.run(context)["verdict"])


def withdraw(workspace: Workspace, named: str, because: str | None) -> str:
    """Take a file back out; returns what was done."""
    with deciding(workspace) as lake:
        last_run(lake, "there is no file to withdraw")
        files = file_decisions.withdraw(lake, named, because)
    return f"{_names(files)} is withdrawn; the next run takes out what it brought, `jiceng run` at once"


def accept(workspace: Workspace, named: str, because: str | None) -> str:
    """Let a file through that was held back; returns what was done, and what it will end.

    Raises:
        UserError: it is not held back, or has been superseded, so that it would change nothing or undo a correction.
    """
    with deciding(workspace) as lake:
        last_run(lake, "no file is held back")
        conf = current_conf(workspace)
        held = [(conf.object_at(file.place), file) for file in file_decisions.find_held(lake, named)]
        told = [foretell(lake, conf, obj, file) for obj, file in held if obj is not None]
        files = file_decisions.accept(lake, named, because)
    return ". ".join([f"{_names(files)} is let through; the next run takes it, `jiceng run` at once", *told])


def foretell(lake: Lake, conf: Conf, obj: SourceObject, file: ReceivedFile) -> str:
    """How many records a held file ends if nothing else comes; raises UserError if it has been superseded.

    Args:
        lake: of the workspace.
        conf: with the sentences of shortcomings.
        obj: the object of the file.
        file: that is held back.
    """
    deliveries = deliveries_of(lake, obj)
    last = [each for each in deliveries if each.file_id == file.file_id][-1]
    refuse_superseded(last, deliveries[deliveries.index(last) + 1 :])
    known = object_night(obj, as_let_through(deliveries, last), date.max)
    if why := why_not_whole(known, count_files(lake, obj)):
        return f"It will end nothing. {explain_shortcoming({'object': obj.name, **asdict(why[0])}, conf)}"
    ends = count_missing(lake, obj, known.counting, date.max)
    if not ends:
        return f"It will end no record of {obj.name}"
    has_key = any(column.primary_key for column in obj.columns)
    least = "" if has_key else "at least "
    return f"It will end {least}{ends:,} records of {obj.name} as they stand now"


def refuse_superseded(held: Delivery, since: Sequence[Delivery]) -> None:
    """Raise UserError if a later delivery of the object, which was taken, speaks in place of the held one."""
    for other in since:
        is_newer = other.as_of > held.as_of or other.export == held.export
        if other.status.is_taken and is_newer:
            raise UserError(
                f"{held.system}/{held.shown_name} of {held.as_of} has been superseded: {other.shown_name} of {other.as_of} "
                f"was taken in the night {other.night}; there is nothing to let through"
            )


def as_let_through(deliveries: Sequence[Delivery], held: Delivery) -> list[Delivery]:
    """The deliveries as they are once a file is let through: it counts as handed over to the next run, and the other parts of
    its snapshot are let through with it.
    """
    found = []
    for each in deliveries:
        is_part = each.status is FileStatus.HELD and each.as_of == held.as_of
        found.append(replace(each, status=FileStatus.ACCEPTED) if is_part else each)
    return [*found, replace(held, status=FileStatus.ACCEPTED, night=date.max)]


def _names(files: Sequence[ReceivedFile]) -> str:
    names = [f"{file.system}/{file.shown_name}" + (f" ({file.object})" if file.object else "") for file in files]
    return ", ".join(names)


def hold(workspace: Workspace, because: str | None) -> str:
    """Keep runs from publishing; returns what was done."""
    with deciding(workspace) as lake:
        rollback.hold(lake, last_run(lake, "there is nothing to hold back").night, because)
    return "runs no longer publish; they exit with 3 until `jiceng release resume`"


def resume(workspace: Workspace) -> str:
    """Lift the hold; returns what was done."""
    with deciding(workspace) as lake:
        standing = rollback.resume(lake)
    by, why = standing.approved_by, f": {standing.because}" if standing.because else ""
    return f"the hold by {by}{why} is lifted; run the night that was held back once more"
