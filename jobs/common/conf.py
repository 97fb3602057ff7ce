"""The configuration in force: three layers overlaid file by file, or the snapshot that a run has taken of them.

A run works with the snapshot in `archive/conf/<hash>/`, so that an edit in the middle of a night changes nothing, and
`explain` and a later replay read what that night read.
"""

import hashlib
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import yaml

from jobs.common.contracts import ContractError, Source, load_sources
from jobs.common.errors import UserError
from jobs.common.model import Record, load_model
from jobs.common.workspace import Workspace

Loaded = TypeVar("Loaded")
# By the hash of the whole configuration: a command opens it several times, and reading it is much of what a small night costs.
_MODELS: dict[str, dict[str, Record]] = {}
_SOURCES: dict[str, tuple[list[Source], dict[str, ContractError]]] = {}


@dataclass(frozen=True)
class Conf:
    """Configuration files by their name relative to `conf/`."""

    files: dict[str, Path]

    @cached_property
    def hash(self) -> str:
        digest = hashlib.sha256()
        for name, path in sorted(self.files.items()):
            digest.update(name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
        return digest.hexdigest()[:16]

    def below(self, folder: str, ending: str) -> dict[str, Path]:
        """File name -> path of the files directly in `folder`."""
        found = {}
        for name, path in self.files.items():
            parent, _, base = name.rpartition("/")
            if parent == folder and base.endswith(ending):
                found[base] = path
        return found

    def path(self, name: str) -> Path:
        if name not in self.files:
            raise UserError(f"conf/{name} is missing; restore it from the repository's conf/")
        return self.files[name]

    def yaml(self, name: str) -> Any:
        try:
            return yaml.load(self.path(name).read_text(encoding="utf-8"), yaml.CSafeLoader)
        except yaml.YAMLError as error:
            raise UserError(f"{self.path(name)} is no valid YAML: {error}") from error

    @property
    def model(self) -> dict[str, Record]:
        return self._once(_MODELS, lambda: load_model(self.below("model", ".yml")))

    @property
    def _sources(self) -> tuple[list[Source], dict[str, ContractError]]:
        def load() -> tuple[list[Source], dict[str, ContractError]]:
            fields = {r.name: {field.name: field for field in r.fields} for r in self.model.values()}
            return load_sources(self.below("sources", ".odcs.yaml"), fields)

        return self._once(_SOURCES, load)

    def _once(self, kept: dict[str, Loaded], load: Callable[[], Loaded]) -> Loaded:
        """What `load` reads of these files, read once a process; not kept where one of them was edited meanwhile."""
        if self.hash in kept:
            return kept[self.hash]
        found = load()
        if Conf(self.files).hash == self.hash:
            kept[self.hash] = found
        return found

    @property
    def sources(self) -> dict[str, Source]:
        """Sources with a valid contract, by system."""
        return {source.system: source for source in self._sources[0]}

    @property
    def refused_contracts(self) -> dict[str, ContractError]:
        """Systems whose contract is invalid, with what is wrong."""
        return self._sources[1]

    @cached_property
    def reasons(self) -> dict[str, dict[str, dict[str, str]]]:
        reasons: dict[str, dict[str, dict[str, str]]] = self.yaml("reasons.yml")
        return reasons


def current_conf(workspace: Workspace) -> Conf:
    """The layers as they lie on disk now."""
    files: dict[str, Path] = {}
    for layer in workspace.conf_layers():
        files.update(_files_below(layer))
    return Conf(files)


def take_snapshot(workspace: Workspace) -> Conf:
    """Copy the layers in force to the archive once per content; returns the snapshot."""
    conf = current_conf(workspace)
    target = _snapshot_dir(workspace, conf.hash)
    if not target.exists():
        partial = target.with_name(f"{conf.hash}.{os.getpid()}.tmp")
        for name, path in conf.files.items():
            copy = partial / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
        partial.rename(target)
    return snapshot_conf(workspace, conf.hash)


def snapshot_conf(workspace: Workspace, config_hash: str) -> Conf:
    """The snapshot with this hash; raises UserError where the archive has lost it."""
    target = _snapshot_dir(workspace, config_hash)
    if not target.exists():
        raise UserError(f"the archive lacks the configuration {config_hash}; restore {target} from a backup")
    return Conf(_files_below(target))


def _snapshot_dir(workspace: Workspace, config_hash: str) -> Path:
    return workspace.archive / "conf" / config_hash


def _files_below(folder: Path) -> dict[str, Path]:
    files = (p for p in sorted(folder.rglob("*")) if p.is_file() and not p.name.startswith("."))
    return {p.relative_to(folder).as_posix(): p for p in files}
