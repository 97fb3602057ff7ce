"""Failures of the machine below the pipeline, told in one sentence: a disk that is full, a table that lost a file.

Whoever writes to a workspace works within `telling_faults`. It looks for a reason only after something has failed.
Refuses nothing by itself.
"""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from jobs.common.errors import Fault, UserError
from jobs.common.table_files import forget_missing, missing_files
from jobs.common.table_log import describe_torn, set_aside, table_paths, torn_tables
from jobs.common.tables import Lake
from jobs.common.workspace import Workspace

# Tables that the stages compare, row by row, with what the others give.
_COMPUTED = ("candidate.", "refined.")
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_FULL_TEXTS = tuple(f"(os error {number})" for number in _FULL) + tuple(os.strerror(number) for number in _FULL)


@contextmanager
def telling_faults(workspace: Workspace) -> Iterator[None]:
    """Turn what fails within into a Fault where the machine is the reason; what a user can mend passes as it is.

    Raises:
        Fault: the disk is full, or a table of the lake is damaged.
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        if told := explain(workspace, error):
            raise Fault(told) from error
        raise


def explain(workspace: Workspace, error: BaseException) -> str | None:
    """What the machine has to do with a failure, and what to do about it; None where it seems to have nothing."""
    if any(_is_full(each) for each in _chain(error)):
        free = shutil.disk_usage(workspace.home).free
        return (
            f"no space left on the disk of {workspace.home} (at {_mount_point(workspace.home)}, {free / 1e6:,.1f} MB free); "
            "readers see the last release; make space, then `jiceng run` goes on"
        )
    return next(iter(damages(workspace)), None)


def damages(workspace: Workspace) -> list[str]:
    """What is wrong with the tables of the lake, as far as their newest version goes: one sentence each."""
    torn = torn_tables(workspace)
    found = [describe_torn(workspace, name, file) for name, file in torn.items()]
    for name, path in table_paths(workspace).items():
        try:
            if name not in torn and (lost := missing_files(path)):
                found.append(describe_lost(workspace, name, lost))
        except Fault as unreadable:
            found.append(str(unreadable))
    return found


def describe_lost(workspace: Workspace, name: str, lost: list[Path]) -> str:
    """One sentence: table, file, remedy."""
    remedy = "`jiceng run --again` makes its rows anew"
    if not name.startswith(_COMPUTED):
        remedy = "restore it from a backup, or have `jiceng replay --into DIR` make all tables anew from the archive"
    return f"{name} has lost {len(lost)} of its files, {lost[0].relative_to(workspace.home)} first; {remedy}"


def heal(workspace: Workspace, lake: Lake) -> list[str]:
    """Bring damaged tables to a state from which the stages of the last night make good what is missing; tells what was done.

    Raises:
        Fault: what was lost cannot be computed again.
    """
    done = [f"{name}: the torn commit is set aside" for name in set_aside(workspace)]
    for name, path in table_paths(workspace).items():
        if lost := missing_files(path):
            if not name.startswith(_COMPUTED):
                raise Fault(describe_lost(workspace, name, lost))
            forget_missing(lake, name)
            done.append(f"{name}: files that it lost are taken off its list ({len(lost)})")
    return done


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An exception and those it came of, also where they are not shown."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _is_full(error: BaseException) -> bool:
    # The engine and delta-rs hand on the sentence of the system.
    return getattr(error, "errno", None) in _FULL or any(text in str(error) for text in _FULL_TEXTS)


def _mount_point(path: Path) -> Path:
    return next(place for place in (path.resolve(), *path.resolve().parents) if place.is_mount())
