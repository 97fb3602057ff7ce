"""Failures of the machine below the pipeline, told in one sentence: a disk that is full, a table that lost a file.

The libraries report such in words of their own, and seldom with the table; so the files are looked at once something has
failed, and what is found is told. Whoever writes to a workspace works within `telling_faults`; what other commands fail
with is looked at where they end (`stage.guarded`).
Refuses nothing by itself.
"""

import errno
import os
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from jobs.common.base.errors import Fault, UserError
from jobs.common.base.file_names import shown
from jobs.common.base.workspace import Workspace
from jobs.common.lake.delta_files import Damage, damaged_files, forget_missing, read_footer, read_whole
from jobs.common.lake.delta_log import RESTORE, check_log, put_aside, set_aside, table_paths
from jobs.common.lake.schemas import LAYERS
from jobs.common.lake.tables import Lake

# Tables that the stages compare, row by row, with what the others give.
_COMPUTED = ("candidate.", "refined.")
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_REFUSED = {
    errno.EROFS: "mount the disk for writing",
    errno.EACCES: "let the user of the pipeline own the workspace, or work as that user",
    errno.EPERM: "let the user of the pipeline own the workspace, or work as that user",
    errno.EIO: "the disk itself fails: replace it and restore the workspace from a backup",
}
# Words by which pyarrow, delta-rs and the embedded engine speak of files.
_OF_FILES = re.compile(
    r"parquet|\bzstd\b|decompress|snappy|lz4|corrupt|object ?store|os error|filesystem|deltaerror|kernel error|table features|"
    r"no such file|thrift|magic bytes|end of (file|stream)|\bEOF\b",
    re.IGNORECASE,
)
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
    causes = list(_chain(error))
    if any(map(_is_full, causes)):
        return _describe_full(workspace)
    for cause in causes:
        if told := _refused_by_disk(workspace, cause):
            return told
    words = " ".join(map(str, causes))
    found = damages(workspace, read_footer)
    if not found and _OF_FILES.search(words):
        found = damages(workspace, read_whole)
    spoken_of = set(re.findall(r"[\w.-]+", words))
    # Of several the one that the failure speaks of.
    first = [told for told in found if _names_of(told) & spoken_of]
    return next(iter(first + found), None)


def _describe_full(workspace: Workspace) -> str:
    free = shutil.disk_usage(workspace.home).free
    return (
        f"no space left on the disk of {workspace.home} (at {_mount_point(workspace.home)}, {free / 1e6:,.1f} MB free); "
        "readers see the last release; make space, then `jiceng run` goes on"
    )


def is_of_files(error: BaseException) -> bool:
    """Whether a failure of the engine seems to be about files, not about what it was asked."""
    return any(_OF_FILES.search(str(each)) for each in _chain(error))


def damages(workspace: Workspace, look: Callable[[Path], object] | None = None) -> list[str]:
    """What is wrong with the tables of the lake, as far as their newest version goes: one sentence each.

    Args:
        workspace: whose lake.
        look: what to do with each data file, as of `damaged_files`; default: its size alone is compared.
    """
    found = []
    for name, path in table_paths(workspace).items():
        try:
            check_log(workspace, name)
            if damaged := damaged_files(path, look=look):
                found.append(describe_damage(workspace, name, damaged))
        except Fault as told:
            found.append(str(told))
        except OSError as error:
            found.append(f"{name} cannot be read ({error.strerror or 'unknown reason'}); {RESTORE}")
    return found


def describe_damage(workspace: Workspace, name: str, damaged: Sequence[Damage]) -> str:
    """One sentence: table, file, remedy."""
    remedy = "`jiceng run --again` makes its rows anew"
    if not name.startswith(_COMPUTED):
        remedy = "restore it from a backup, or have `jiceng replay --into DIR` make all tables anew from the archive"
    first = damaged[0].file.relative_to(workspace.home)
    if all(damage.is_lost for damage in damaged):
        return f"{name} has lost {len(damaged)} of its files, {first} first; {remedy}"
    return f"{name} has {len(damaged)} damaged file{'s' * (len(damaged) > 1)}, {first} {damaged[0].why}; {remedy}"


def heal(workspace: Workspace, lake: Lake) -> list[str]:
    """Bring damaged tables to a state from which the stages of the last night make good what is missing; tells what was done.

    Raises:
        Fault: what was lost cannot be computed again.
    """
    done = [f"{name}: the torn commit is set aside" for name in set_aside(workspace)]
    for name, path in table_paths(workspace).items():
        check_log(workspace, name)
        if damaged := damaged_files(path, look=read_footer):
            _forget(workspace, lake, name, damaged)
            done.append(f"{name}: files that it lost are taken off its list ({len(damaged)})")
    return done


def _forget(workspace: Workspace, lake: Lake, name: str, damaged: Sequence[Damage]) -> None:
    """Have a table go on without its damaged files; raises Fault if they cannot be computed again."""
    if not name.startswith(_COMPUTED):
        raise Fault(describe_damage(workspace, name, damaged))
    for damage in damaged:
        if not damage.is_lost:
            put_aside(workspace, name, damage.file)
    forget_missing(lake, name)


def _refused_by_disk(workspace: Workspace, error: BaseException) -> str | None:
    """What to do about a disk that lets nobody write or read; None where a failure is of another kind."""
    number = getattr(error, "errno", None)
    if number not in _REFUSED:
        number = next((known for known in _REFUSED if f"(os error {known})" in str(error)), None)
    if number is None:
        return None
    place = getattr(error, "filename", None) or workspace.home
    return f"{shown_path(place)}: {os.strerror(number)}; {_REFUSED[number]}, then `jiceng run` goes on"


def shown_path(path: object) -> str:
    """A path with the name of its file as people see it."""
    folder, slash, name = str(path).rpartition("/")
    return f"{folder}{slash}{shown(name)}"


def _names_of(told: str) -> set[str]:
    """The table and the file that a sentence is about, as failures name them."""
    words = re.findall(r"[\w.-]+", told)
    return {word for word in words if word.endswith(".parquet") or word.partition(".")[0] in LAYERS}


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
