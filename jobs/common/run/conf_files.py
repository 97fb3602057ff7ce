"""What lies in a folder of configuration: the files that are read, what stands in the place of one, and what nobody reads.

Reads: the folder, not what is in its files. Writes: nothing. Refuses nothing by itself.
"""

import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from jobs.common.base.document import Finding
from jobs.common.base.file_names import shown
from jobs.common.base.passwords import is_secret_file
from jobs.common.base.secrets import FILE as SECRETS
from jobs.common.base.suggestions import nearest_word
from jobs.common.base.workspace import SUITES
from jobs.common.contracts.null_words import FILE as NULL_WORDS
from jobs.common.run.conf_schemas import SCHEMAS

ENDINGS = {"model": ".yml", "products": ".yml", "sources": ".odcs.yaml", "codes": ".csv", SUITES: ".yml"}
_ODD = re.compile(
    "[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]"
)  # what a terminal acts on, and bytes that are not UTF-8
_MOST_BYTES = 64_000_000  # every village of the country is a list of 40 MB
# What lies in conf/ is copied to the archive, and whoever may read a backup could read it.
_MOVE = f"It is not read here and not archived. Move it out of conf/; secrets stand in {SECRETS} of the workspace."


@dataclass(frozen=True)
class ConfFiles:
    """Files by their name relative to the folder."""

    files: dict[str, Path]
    faults: tuple[Finding, ...] = ()
    unread: tuple[Finding, ...] = ()


def is_read(name: str) -> bool:
    """Whether a file of this name, relative to the folder, is one that the pipeline reads."""
    folder, _, base = name.rpartition("/")
    if not folder:
        return name in (*SCHEMAS, NULL_WORDS)
    return folder in ENDINGS and base.endswith(ENDINGS[folder])


def is_document(name: str) -> bool:
    """Whether a file is for people: it tells about the files beside it, and no run depends on it."""
    return name.endswith(".md")


def list_files(folder: Path, under: str = "") -> ConfFiles:
    """All files below a folder, hidden ones left out; none where it does not exist.

    `under`: the folder of the configuration that it is, if it is not all of it.
    """
    files: dict[str, Path] = {}
    faults, unread = [], []
    for path, relative, kind in sorted(_walk(folder, under)):
        name = _join(under, relative)
        fault = kind or _fault_of(path)
        is_wanted = is_read(name) or name in ("", *ENDINGS)
        if is_secret_file(path.name):
            unread.append(_finding(path, "A file of keys or passwords", _MOVE))
        elif fault and is_wanted:
            faults.append(_finding(path, fault, "Put the file in its place, or remove this."))
        elif fault:
            unread.append(_finding(path, fault, "Remove it, as it is not read."))
        elif _ODD.search(name):
            unread.append(_finding(path, "No file of such a name is read", _remedy(name)))
        else:
            files[name] = path
            if not is_read(name) and not is_document(name):
                unread.append(_finding(path, "No file of this name is read", _remedy(name)))
    return ConfFiles(files, tuple(faults), tuple(unread))


def _walk(folder: Path, under: str) -> Iterator[tuple[Path, str, str]]:
    """Path and name of each entry that is no plain folder, and what is wrong with it, as far as its kind tells."""
    if folder.is_dir():
        yield from _walk_folder(folder, under)
    elif folder.exists() or folder.is_symlink():
        yield folder, "", "A folder of configuration is wanted here"


def _walk_folder(folder: Path, under: str) -> Iterator[tuple[Path, str, str]]:
    """As `_walk`, of a folder that is there."""
    unreadable: list[OSError] = []
    for place, folders, files in os.walk(folder, onerror=unreadable.append):
        inside = Path(place)
        for path in map(inside.joinpath, folders):
            name = path.relative_to(folder).as_posix()
            fault = _fault_of_folder(path, _join(under, name))
            if fault:
                yield path, name, fault
        for path in map(inside.joinpath, files):
            if not path.name.startswith(".") or is_secret_file(path.name):
                yield path, path.relative_to(folder).as_posix(), ""
    for error in unreadable:
        path = Path(error.filename)
        name = "" if path == folder else path.relative_to(folder).as_posix()
        yield path, name, f"The folder cannot be read ({error.strerror})"


def _fault_of_folder(path: Path, name: str) -> str | None:
    """What is wrong with a folder below the configuration, if it is a link or has the name of a file."""
    if path.is_symlink():
        return "Links to folders are not followed"
    return "This is a folder, where a file is wanted" if is_read(name) else None


def _join(under: str, name: str) -> str:
    """A name below a folder of the configuration, of which each may be empty."""
    return "/".join(filter(None, (under, name)))


def _fault_of(path: Path) -> str | None:
    """What is wrong with something that should be a file."""
    try:
        found = path.stat()
    except OSError as error:
        what = "The link leads nowhere" if path.is_symlink() else "The file cannot be read"
        return f"{what} ({error.strerror})"
    if not stat.S_ISREG(found.st_mode):
        return "This is no file"
    if not os.access(path, os.R_OK):
        return "The file cannot be read (Permission denied)"
    if found.st_size > _MOST_BYTES:
        return f"The file has {found.st_size:,} bytes, and {_MOST_BYTES:,} are the most"
    return None


def _remedy(name: str) -> str:
    folder, _, base = name.rpartition("/")
    if folder in ENDINGS:
        place = folder if folder == SUITES else f"conf/{folder}"
        return f"Those of {place} end in {ENDINGS[folder]}."
    near = nearest_word(base, (*SCHEMAS, NULL_WORDS))
    return f"Did you mean {near}?" if near else "Remove it, or see conf/README.md for the names."


def _finding(path: Path, message: str, remedy: str) -> Finding:
    return Finding(f"{path.parent}/{shown(path.name)}", "", f"{message}.", remedy)
