"""Take a file out of the inbox so that no byte of it is lost, whoever writes beside it and wherever the run is killed.

    its bytes are hashed, then copied and hashed once more from the same open file
    it moves to `.taken/` beside it, under its own name: who writes to the name from then on makes another file
    it is what it was before: the same inode, size, time and hash, and nobody has it open for writing
    the copy, read back, enters the archive in place of a damaged one
    (the caller records it)
    it is still what it was, and goes

What has changed meanwhile goes back to its name, or waits in `.taken/` where another file stands there by then. What a kill
leaves in `.taken/` the next run takes under the name that it had.
"""

import errno
import fcntl
import hashlib
import os
import signal
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import BinaryIO

from jobs.common.base.errors import Fault
from jobs.common.base.workspace import Workspace
from jobs.common.intake.inbox import MARKER, TAKEN, Identity, InboxFile, identity, taken_folders

_BLOCK = 1 << 20
_TRIES = 3
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK  # a pipe in its place blocks nobody
_REASONS = {
    errno.ENOENT: None,
    errno.ELOOP: "link",
    errno.ENOTDIR: "link",
    errno.EACCES: "closed",
    errno.EPERM: "closed",
    errno.ENXIO: "special",  # a socket
}
# Of others, those over a network among them, nobody can say whether a file is open for writing.
_TELLING = ("ext2", "ext3", "ext4", "xfs", "f2fs", "tmpfs")


class NotTaken(Exception):
    """A file stays in the inbox; `reason` is a code of `inbox` in conf/reasons.yml, or None where it is gone."""

    def __init__(self, reason: str | None) -> None:
        self.reason = reason
        super().__init__(reason)


class _Replaced(Exception):
    """Another file stood under the name by the time that it was moved."""


@dataclass(frozen=True)
class Taken:
    """A file in `.taken/` whose bytes are in the archive; `is_mended` tells that the archive's own were damaged."""

    file: InboxFile
    file_id: str
    seen: Identity
    is_mended: bool


def take(workspace: Workspace, file: InboxFile) -> Taken:
    """Bring a file's bytes into the archive and the file into `.taken/`.

    Raises:
        NotTaken: it is gone, or stays: it cannot be read, is no plain file, or changes meanwhile.
        Fault: the archive's disk does not give back what was written.
    """
    for _ in range(_TRIES):
        try:
            with _open_folder(workspace, file.path.parent) as folder, _open_file(folder, file.path.name) as handle:
                return _take(workspace, file, folder, handle)
        except _Replaced:
            continue
        finally:
            _copy_of(workspace, file.system).unlink(missing_ok=True)
    raise NotTaken("being_written")


def _take(workspace: Workspace, file: InboxFile, folder: int, handle: BinaryIO) -> Taken:
    before = identity(os.fstat(handle.fileno()))
    if file.by_marker and before != file.seen:
        raise NotTaken("being_written")  # its `.done` speaks of the file that was there before
    file_id = hash_bytes(handle)
    kept = workspace.archive_path(file_id)
    is_whole = holds(kept, file_id)
    copy = _copy_of(workspace, file.system)
    if not is_whole:
        _copy_whole(workspace, handle, copy, file_id)
    if identity(os.fstat(handle.fileno())) != before or is_open_for_writing(handle):
        raise NotTaken("being_written")
    if not file.is_claimed:
        _claim(file, folder, handle, before)
    is_mended = not is_whole and kept.exists()
    if not is_whole:
        _enter(copy, kept)
    return Taken(file, file_id, before, is_mended)


def _copy_whole(workspace: Workspace, handle: BinaryIO, copy: Path, file_id: str) -> None:
    """Copy a file whose bytes have this hash, and read the copy back; raises NotTaken if they have changed, and Fault."""
    if copy_bytes(handle, copy) != file_id:
        raise NotTaken("being_written")
    if not holds(copy, file_id):
        raise Fault(f"the disk of {workspace.archive} gives back other bytes than were written; replace it")


def _copy_of(workspace: Workspace, system: str) -> Path:
    """Where a copy is made; one for each system, as a run takes its files one by one."""
    return workspace.archive / f".{system}.partial"


# --- the file ---------------------------------------------------------------------------------------------------------


@contextmanager
def _open_folder(workspace: Workspace, path: Path) -> Iterator[int]:
    """A folder of the inbox, opened step by step: none above it may be a link by now."""
    folder = os.open(workspace.inbox, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for part in path.relative_to(workspace.inbox).parts:
            try:
                inner = os.open(part, _FOLDER, dir_fd=folder)
            except OSError as error:
                raise NotTaken(_reason_of(error)) from error
            os.close(folder)
            folder = inner
        yield folder
    finally:
        os.close(folder)


@contextmanager
def _open_file(folder: int, name: str) -> Iterator[BinaryIO]:
    try:
        number = os.open(name, _FILE, dir_fd=folder)
    except OSError as error:
        raise NotTaken(_reason_of(error)) from error
    if not stat.S_ISREG(os.fstat(number).st_mode):
        os.close(number)
        raise NotTaken("special")
    with open(number, "rb", buffering=0) as handle:
        if is_open_for_writing(handle):
            raise NotTaken("being_written")
        yield handle


def _reason_of(error: OSError) -> str | None:
    """Why a file cannot be opened; None where it is gone."""
    return _REASONS.get(error.errno or 0, "read_error")


def _blocks(handle: BinaryIO) -> Iterator[bytes]:
    """The file from its beginning; what its disk cannot read is this file's fault alone."""
    try:
        handle.seek(0)
        while block := handle.read(_BLOCK):
            yield block
    except OSError as error:
        raise NotTaken("read_error") from error


def hash_bytes(handle: BinaryIO) -> str:
    digest = hashlib.sha256()
    for block in _blocks(handle):
        digest.update(block)
    return digest.hexdigest()


def copy_bytes(handle: BinaryIO, copy: Path) -> str:
    """Copy a file to the disk itself; returns the hash of what was copied."""
    digest = hashlib.sha256()
    copy.parent.mkdir(parents=True, exist_ok=True)
    with open(copy, "wb") as target:
        for block in _blocks(handle):
            digest.update(block)
            target.write(block)
        target.flush()
        os.fsync(target.fileno())
    return digest.hexdigest()


def is_open_for_writing(handle: BinaryIO) -> bool:
    """Whether anybody has the file open for writing; False also where its file system cannot tell.

    The kernel gives a lease on a file to its reader only while nobody writes to it; it is given back at once.
    """
    if file_system(os.fstat(handle.fileno()).st_dev) not in _TELLING:
        return False
    try:
        fcntl.fcntl(handle, fcntl.F_SETSIG, signal.SIGURG)  # sent to us if a writer comes just then; it does nothing
        fcntl.fcntl(handle, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except OSError as error:  # another owner's files give no lease either
        return error.errno == errno.EAGAIN
    fcntl.fcntl(handle, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    return False


@cache
def file_system(device: int) -> str | None:
    """Type of the file system of a device, as mounted."""
    number = f"{os.major(device)}:{os.minor(device)}"
    with open("/proc/self/mountinfo", encoding="utf-8", errors="replace") as mounts:
        for line in mounts:
            head, _, tail = line.partition(" - ")
            if head.split(" ")[2] == number:
                return tail.split(" ")[0]
    return None


# --- its place --------------------------------------------------------------------------------------------------------


def _claim(file: InboxFile, folder: int, handle: BinaryIO, before: Identity) -> None:
    """Move the file to `.taken/`, and before it the `.done` that speaks of it; both go back where it has changed."""
    name = file.path.name
    try:
        with suppress(FileExistsError):
            os.mkdir(TAKEN, 0o700, dir_fd=folder)
        taken = os.open(TAKEN, _FOLDER, dir_fd=folder)
    except OSError as error:
        raise NotTaken("locked" if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS) else "blocked") from error
    try:
        if _exists(name, taken):
            raise NotTaken("blocked")
        # Not the other way about: a `.done` left behind would make a file ready that is still to come.
        if _has_marker(name, folder):
            os.rename(name + MARKER, name + MARKER, src_dir_fd=folder, dst_dir_fd=taken)
        try:
            os.rename(name, name, src_dir_fd=folder, dst_dir_fd=taken)
        except OSError as error:
            _put_back(name + MARKER, taken, folder)
            raise NotTaken(None if error.errno == errno.ENOENT else "locked") from error
        moved = identity(os.stat(name, dir_fd=taken, follow_symlinks=False))
        if moved != before or is_open_for_writing(handle):
            _put_both_back(name, taken, folder)
            raise NotTaken("being_written") if moved == before else _Replaced
    finally:
        os.close(taken)
        _remove_folder(folder)


def _put_both_back(name: str, taken: int, folder: int) -> None:
    """Give a file back its name, and then its `.done`: with another file under the name that would speak of the other."""
    if _put_back(name, taken, folder):
        _put_back(name + MARKER, taken, folder)


def _put_back(name: str, taken: int, folder: int) -> bool:
    """Give a file back its name; False where there is none, or another file has the name by now."""
    if not _exists(name, taken) or _exists(name, folder):
        return False
    try:
        os.link(name, name, src_dir_fd=taken, dst_dir_fd=folder, follow_symlinks=False)  # never over another file
    except FileExistsError:
        return False
    except OSError:  # a file system without links, or a folder in the file's place
        os.rename(name, name, src_dir_fd=taken, dst_dir_fd=folder)
        return True
    os.unlink(name, dir_fd=taken)
    return True


def remove(workspace: Workspace, taken: Taken) -> bool:
    """Remove a recorded file from `.taken/`; False where it has changed since and stays."""
    name, lies_in = taken.file.path.name, taken.file.path.parent
    place = lies_in if taken.file.is_claimed else lies_in / TAKEN
    try:
        with _open_folder(workspace, place) as folder, _open_folder(workspace, place.parent) as parent:
            if identity(os.stat(name, dir_fd=folder, follow_symlinks=False)) != taken.seen:
                _put_both_back(name, folder, parent)
                return False
            if _has_marker(name, folder):  # before the file: alone in `.taken/` it would be put back
                os.unlink(name + MARKER, dir_fd=folder)
            os.unlink(name, dir_fd=folder)
            _remove_folder(parent)
    except FileNotFoundError:  # somebody else has removed it
        return True
    except NotTaken as refused:
        return refused.reason is None
    return True


def tidy(workspace: Workspace, system: str) -> None:
    """Make good what a kill left: a `.done` whose file was not moved after it goes back, an empty `.taken/` goes."""
    _copy_of(workspace, system).unlink(missing_ok=True)
    for place in taken_folders(workspace.inbox / system):
        with (
            suppress(NotTaken),
            _open_folder(workspace, place) as folder,
            _open_folder(workspace, place.parent) as parent,
        ):
            for name in os.listdir(folder):
                if name.endswith(MARKER) and not _exists(name.removesuffix(MARKER), folder):
                    _put_back(name, folder, parent)
            _remove_folder(parent)


def _exists(name: str, folder: int) -> bool:
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except OSError:  # a name with `.done` may be too long to be there
        return False
    return True


def _has_marker(name: str, folder: int) -> bool:
    """Whether a file has its `.done` beside it; a folder of that name is none, and files may lie in it."""
    try:
        marker = os.stat(name + MARKER, dir_fd=folder, follow_symlinks=False)
    except OSError:
        return False
    return not stat.S_ISDIR(marker.st_mode)


def _remove_folder(parent: int) -> None:
    with suppress(OSError):  # something lies in it
        os.rmdir(TAKEN, dir_fd=parent)


# --- the archive ------------------------------------------------------------------------------------------------------


def holds(path: Path, file_id: str) -> bool:
    """Whether a file of the archive has the bytes that its name promises."""
    try:
        with open(path, "rb") as handle:
            return hashlib.file_digest(handle, "sha256").hexdigest() == file_id
    except OSError:
        return False


def _enter(copy: Path, kept: Path) -> None:
    """Give a copy its place in the archive, in place of a damaged one; on the disk when this returns."""
    is_first = not kept.parent.exists()
    kept.parent.mkdir(parents=True, exist_ok=True)
    copy.rename(kept)
    for folder in (kept.parent, kept.parent.parent) if is_first else (kept.parent,):
        number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(number)
        finally:
            os.close(number)
