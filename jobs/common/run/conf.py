"""The configuration in force: three layers overlaid file by file, or the snapshot that a run has taken of them.

`expectations/` of the repository and of the workspace is a folder of it, so that a night is judged by the suites that it
started with; the suites of `JICENG_CONF` lie in its own `expectations/`.

A run works with the snapshot in `archive/conf/<hash>/`, so that an edit in the middle of a night changes nothing, and
`explain` and a later replay read what that night read. Refuses nothing by itself: `conf_check` judges, before a run begins.
"""

import hashlib
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cache, cached_property
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

from jobs.common.base.document import ConfError, Document, Finding, load_document
from jobs.common.base.document_schema import check_schema
from jobs.common.base.errors import UserError
from jobs.common.base.passwords import without_passwords
from jobs.common.base.workspace import REPOSITORY_CONF, REPOSITORY_EXPECTATIONS, SUITES, Workspace
from jobs.common.contracts.null_words import FILE as NULL_WORDS
from jobs.common.contracts.null_words import load_null_words, with_null_words
from jobs.common.contracts.sources import ContractError, Source, SourceObject, load_sources
from jobs.common.model.model_table import ModelTable, table_of
from jobs.common.model.products import Product, load_products
from jobs.common.model.records import Record, load_model
from jobs.common.model.road_names import LIST as ROAD_NAMES
from jobs.common.model.road_names import RenamedRoad, load_road_names
from jobs.common.run.conf_files import ConfFiles, is_document, list_files
from jobs.common.run.conf_schemas import SCHEMAS

Loaded = TypeVar("Loaded")
# By the hash of the whole configuration: a command opens it several times, and reading it is much of what a small night costs.
# A process that meets many configurations keeps the last ones only.
_KEPT = 8
_RECORDS: dict[str, dict[str, Record]] = {}
_PRODUCTS: dict[str, dict[str, Product]] = {}
_SOURCES: dict[str, tuple[list[Source], dict[str, ContractError]]] = {}


@dataclass(frozen=True)
class Conf:
    """Configuration files by their name relative to `conf/`; those of suites begin with `expectations/`.

    `told_as`: where people find a file that is read from a copy. `faults`: what lies in the place of a file and is none.
    `unread`: what lies there under a name that nothing reads.
    """

    files: dict[str, Path]
    told_as: dict[str, Path] = field(default_factory=dict)
    faults: tuple[Finding, ...] = ()
    unread: tuple[Finding, ...] = ()

    @cached_property
    def hash(self) -> str:
        digest = hashlib.sha256()
        for name, path in sorted(self.files.items()):
            digest.update(name.encode() + b"\0" + hashlib.sha256(self.content(name, path)).digest())
        return digest.hexdigest()[:16]

    def content(self, name: str, path: Path) -> bytes:
        """What the archive keeps of a file."""
        try:
            return without_passwords(path, path.read_bytes())
        except OSError as error:
            message = f"The file cannot be read ({error.strerror})."
            raise ConfError([Finding(self.shown(name), "", message, "Make it readable, or remove it.")]) from error

    def shown(self, name: str) -> str:
        """What messages call a file: the path at which people mend it."""
        return str(self.told_as.get(name) or self.files.get(name) or f"conf/{name}")

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

    def document(self, name: str) -> Document:
        """A file that has a schema, as a document that it accepts; raises ConfError."""
        document = load_document(self.path(name), self.shown(name))
        if findings := check_schema(document, SCHEMAS[name]):
            raise ConfError(findings)
        return document

    def yaml(self, name: str) -> Any:
        """What is in a file that has a schema; raises ConfError."""
        return self.document(name).content

    @property
    def records(self) -> dict[str, Record]:
        """What sources feed: each makes `harmonised.<record>`."""
        files = self.below("model", ".yml")
        shown = {path: self.shown(f"model/{name}") for name, path in files.items()}
        return self._once(_RECORDS, lambda: load_model(files, shown))

    @property
    def tables(self) -> dict[str, ModelTable]:
        """What is audited and released: each is `candidate.<table>` and `refined.<table>`."""
        of_records = {name: table_of(record) for name, record in self.records.items()}
        of_products = {name: product.table for name, product in self.products.items()}
        return dict(sorted({**of_records, **of_products}.items()))

    @property
    def products(self) -> dict[str, Product]:
        """Tables that are computed; none in a configuration from before there were any."""
        files = self.below("products", ".yml")
        shown = {path: self.shown(f"products/{name}") for name, path in files.items()}
        return self._once(_PRODUCTS, lambda: load_products(files, shown, self.records))

    @property
    def suites(self) -> dict[str, Path]:
        """Expectation suites by table; the repository's in a configuration from before there were suites in it."""
        own = self.below(SUITES, ".yml")
        return {file.removesuffix(".yml"): path for file, path in (own or _shipped_suites()).items()}

    @property
    def null_words(self) -> dict[str, str]:
        """Words that stand for nothing, with their kinds; none in a configuration from before there was a list."""
        return load_null_words(self.path(NULL_WORDS)) if NULL_WORDS in self.files else {}

    @property
    def road_names(self) -> list[RenamedRoad]:
        """Streets that were renamed; none in a configuration from before there was a list."""
        name = f"codes/{ROAD_NAMES}.csv"
        return load_road_names(self.path(name)) if name in self.files else []

    @property
    def _sources(self) -> tuple[list[Source], dict[str, ContractError]]:
        def load() -> tuple[list[Source], dict[str, ContractError]]:
            sources, refused = load_sources(self.below("sources", ".odcs.yaml"), self.records)
            lists = self.below("codes", ".csv")
            return [with_null_words(source, self.null_words, self.records, lists) for source in sources], refused

        return self._once(_SOURCES, load)

    def _once(self, kept: dict[str, Loaded], load: Callable[[], Loaded]) -> Loaded:
        """What `load` reads of these files, read once a process; not kept where one of them was edited meanwhile."""
        if self.hash in kept:
            return kept[self.hash]
        found = load()
        if Conf(self.files, self.told_as).hash == self.hash:
            _keep(kept, self.hash, found)
        return found

    @property
    def sources(self) -> dict[str, Source]:
        """Sources with a valid contract, by system."""
        return {source.system: source for source in self._sources[0]}

    @property
    def objects(self) -> list[SourceObject]:
        """The exports of all valid contracts."""
        return [obj for source in self.sources.values() for obj in source.objects]

    def object_at(self, place: tuple[str, str]) -> SourceObject | None:
        """The export at a place, which is system and object; None if no valid contract declares it."""
        return next((obj for obj in self.objects if obj.place == place), None)

    @property
    def refused_contracts(self) -> dict[str, ContractError]:
        """Systems whose contract is invalid, with what is wrong."""
        return self._sources[1]

    @cached_property
    def reasons(self) -> dict[str, dict[str, dict[str, str]]]:
        """Sentences by where a code is used; codes that a workspace's own file does not know have the repository's."""
        own = self.yaml("reasons.yml") or {}
        shipped = _reasons_of(REPOSITORY_CONF)
        return {part: {**codes, **(own.get(part) or {})} for part, codes in shipped.items()}


def _keep(kept: dict[str, Loaded], key: str, found: Loaded) -> None:
    """Put a value among those that are kept, and let go of the oldest if there are too many."""
    kept[key] = found
    while len(kept) > _KEPT:
        del kept[next(iter(kept))]


def current_conf(workspace: Workspace) -> Conf:
    """The layers as they lie on disk now, without documents: a word changed in one of them changes no night."""
    layers = [list_files(*layer) for layer in workspace.conf_layers()]
    files = {name: path for name, path in _overlay(layers).items() if not is_document(name)}
    faults = chain.from_iterable(layer.faults for layer in layers)
    unread = chain.from_iterable(layer.unread for layer in layers)
    return Conf(files, faults=tuple(faults), unread=tuple(unread))


def _overlay(layers: Iterable[ConfFiles]) -> dict[str, Path]:
    """The files in force: of several of one name that of the last layer."""
    found: dict[str, Path] = {}
    for layer in layers:
        found |= layer.files
    return found


def take_snapshot(workspace: Workspace) -> Conf:
    """Copy the layers in force to the archive once per content; returns the snapshot."""
    conf = current_conf(workspace)
    target = _snapshot_dir(workspace, conf.hash)
    if not target.exists():
        partial = target.with_name(f"{conf.hash}.{os.getpid()}.tmp")
        for name, path in conf.files.items():
            copy = partial / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(conf.content(name, path))
        partial.rename(target)
    return snapshot_conf(workspace, conf.hash)


def snapshot_conf(workspace: Workspace, config_hash: str) -> Conf:
    """The snapshot with this hash; raises UserError where the archive has lost it.

    It has all files of its folder: snapshots of earlier versions hold documents, and their hash counts these.
    """
    target = _snapshot_dir(workspace, config_hash)
    if not target.exists():
        raise UserError(f"the archive lacks the configuration {config_hash}; restore {target} from a backup")
    told_as = _overlay(list_files(*layer) for layer in workspace.conf_layers())
    return Conf(list_files(target).files, told_as)


def _snapshot_dir(workspace: Workspace, config_hash: str) -> Path:
    return workspace.archive / "conf" / config_hash


@cache
def _shipped_suites() -> dict[str, Path]:
    return Conf(list_files(REPOSITORY_EXPECTATIONS, SUITES).files).below(SUITES, ".yml")


@cache
def _reasons_of(folder: Path) -> dict[str, dict[str, dict[str, str]]]:
    reasons: dict[str, dict[str, dict[str, str]]] = Conf(list_files(folder).files).yaml("reasons.yml")
    return reasons
