"""The code that runs: which files a stage's work is made of, and whether they are what they were.

What a module imports below `jobs` is a part of it, and what that imports, so that nobody keeps a list by hand. Imports are
found in the text of the files, also those inside of functions; a test compares this with what Python itself makes of them.

Reads: the files of `jobs/`. Writes: nothing. Refuses: a module that does not exist.
"""

import hashlib
import re
from collections.abc import Iterator
from functools import cache
from importlib import metadata
from pathlib import Path

JOBS = Path(__file__).parents[2]
_OWN = re.compile(
    r"^[ \t]*(?:from|import)[ \t]+(jobs(?:\.\w+)*)(?:[ \t]+import[ \t]+(\([^)]*\)|[^\n]*))?", re.MULTILINE
)
_OTHERS = re.compile(r"^[ \t]*(?:from|import)[ \t]+(\w+)", re.MULTILINE)
_COMMENT = re.compile("#[^\n]*")
# A package that asks for its modules is made of all of them.
_DISCOVERS = "pkgutil.iter_modules(__path__)"
_SHOWN = 8  # digits of the hash behind the version


@cache
def code_version() -> str:
    """The version, and a hash of all files of the package: of two nights it tells whether they ran the same code."""
    return f"{metadata.version('jiceng')}+{_hash_files(sorted(JOBS.rglob('*.py')), JOBS)[:_SHOWN]}"


@cache
def code_hash(root: str, jobs: Path = JOBS) -> str:
    """Hash of a module, of all of `jobs` that it imports, and of the versions of the libraries that these import."""
    files = imported_files(root, jobs)
    return hashlib.sha256(f"{_hash_files(files, jobs)} {library_versions(files)}".encode()).hexdigest()


@cache
def imported_files(root: str, jobs: Path = JOBS) -> tuple[Path, ...]:
    """The file of a module such as `jobs.match.stage`, and those of all modules that it imports, sorted.

    `jobs/__init__.py` is left out: it opens the door to readers, and no stage uses it.
    """
    first = _file_of(root, jobs)
    if first is None:
        raise ModuleNotFoundError(f"there is no module {root}")
    found: set[Path] = set()
    waiting = [first]
    while waiting:
        file = waiting.pop()
        if file not in found:
            found.add(file)
            waiting += _files_needed(file, jobs)
    return tuple(sorted(found))


def _files_needed(file: Path, jobs: Path) -> Iterator[Path]:
    """The files without which a module is not whole: what it imports, its package, and all of a package that asks for them."""
    text = file.read_text(encoding="utf-8")
    imported = (_file_of(name, jobs) for name in imported_modules(text))
    yield from filter(None, imported)
    if _DISCOVERS in text:
        yield from file.parent.glob("*.py")
    if file.parent != jobs:
        yield file.parent / "__init__.py"


def imported_modules(text: str) -> Iterator[str]:
    """Modules of `jobs` that a text of Python imports; also names that it takes from one, which may be modules."""
    for module, names in _OWN.findall(text):
        yield module
        for name in re.findall(r"\w+", _COMMENT.sub("", names)):
            yield f"{module}.{name}"


def library_versions(files: tuple[Path, ...]) -> list[str]:
    """Versions of the libraries that files import, as far as they are installed under the name by which they are imported."""
    names = {name for file in files for name in _OTHERS.findall(file.read_text(encoding="utf-8"))}
    versions = {name: _version_of(name) for name in sorted(names)}
    return [f"{name} {version}" for name, version in versions.items() if version]


@cache
def _version_of(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _file_of(module: str, jobs: Path) -> Path | None:
    """The file of a module, or of a package; None for what is neither."""
    path = jobs.joinpath(*module.split(".")[1:])
    if path == jobs:
        return None
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()), None)


def _hash_files(files: list[Path] | tuple[Path, ...], jobs: Path) -> str:
    digest = hashlib.sha256()
    for file in files:
        content = hashlib.sha256(file.read_bytes()).digest()
        digest.update(file.relative_to(jobs).as_posix().encode() + b"\0" + content)
    return digest.hexdigest()
