"""Which products there are, what each of them reads, and in which order they are computed.

Reads: the text of `jobs/analyse/products/*.py`, which is not imported for it; the configuration. Writes: nothing.
Refuses: a product without a module, or a module that does not say what it reads, an unknown table, files of `conf/` that
are not there, and products that read each other in a circle.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from jobs.common.base.errors import UserError
from jobs.common.base.suggestions import cut_short, suggest
from jobs.common.lake.schemas import declared_tables
from jobs.common.run.conf import Conf

MODULES = Path(__file__).parent / "products"
NIGHT = "night"
_CONF = "conf "
_LAYERS = ("harmonised.", "links.", "candidate.")
# Of ops those that are whole before this stage, and do not hold the time of day.
_OPS = ("ops.delivery", "ops.issue", "ops.quarantine", "ops.skipped")


@dataclass(frozen=True)
class Reads:
    """What a product reads: tables of the lake, files of `conf/` (patterns of their names), and whether the night."""

    tables: tuple[str, ...]
    patterns: tuple[str, ...]
    night: bool

    def files(self, conf: Conf) -> list[str]:
        """Names of the files of `conf/`, sorted."""
        return sorted(name for name in conf.files if any(fnmatchcase(name, pattern) for pattern in self.patterns))


def read_module(product: str) -> Reads:
    """What the module of a product says in READS; raises UserError if it does not say it."""
    path = MODULES / f"{product}.py"
    place = f"jobs/analyse/products/{product}.py"
    if not path.is_file():
        raise UserError(f"conf/products/{product}.yml: there is no {place}; write it, or remove the file")
    tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
    if not any(isinstance(node, ast.FunctionDef) and node.name == "build" for node in tree.body):
        raise UserError(f"{place}: there is no function `build`; it takes the inputs and returns the rows")
    reads = _literal(tree, "READS")
    if not isinstance(reads, tuple) or not all(isinstance(name, str) for name in reads):
        raise UserError(f'{place}: READS is no tuple of texts, such as ("candidate.resident", "conf codes/*.csv")')
    patterns = tuple(name.removeprefix(_CONF) for name in reads if name.startswith(_CONF))
    tables = tuple(name for name in reads if not name.startswith(_CONF) and name != NIGHT)
    return Reads(tables, patterns, NIGHT in reads)


def _literal(tree: ast.Module, name: str) -> object:
    """What the module assigns to a name, if it is written out; None otherwise."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == [name]:
            try:
                found: object = ast.literal_eval(node.value)
            except ValueError:
                return None
            return found
    return None


def product_faults(conf: Conf) -> list[str]:
    """What is wrong with the products of a configuration, a sentence each."""
    faults: list[str] = []
    known = readable_tables(conf)
    for product in conf.products:
        try:
            faults += _faults_of(product, read_module(product), conf, known)
        except UserError as error:
            faults.append(str(error))
    if not faults:
        try:
            in_order(conf)
        except UserError as error:
            faults.append(str(error))
    return faults


def readable_tables(conf: Conf) -> list[str]:
    """Tables that a product may read: those that are as they will stay when the stage begins, and other products."""
    names = declared_tables(conf.sources, conf.tables)
    return sorted(name for name in names if name.startswith(_LAYERS) or name in _OPS)


def _faults_of(product: str, reads: Reads, conf: Conf, known: list[str]) -> Iterator[str]:
    place = f"jobs/analyse/products/{product}.py"
    for table in reads.tables:
        if table not in known:
            yield f"{place}: READS names {cut_short(table)}, which is no table to read. {suggest(table, known)}"
    for pattern in reads.patterns:
        if not any(fnmatchcase(name, pattern) for name in conf.files):
            yield f"{place}: READS names conf {cut_short(pattern)}, and conf/ has no such file"
    for column in conf.products[product].table.columns:
        if column.target and not _is_column(conf, column.target):
            told = f"column {column.name} refers to {cut_short(column.target)}, which no released table has"
            yield f"conf/products/{product}.yml: {told}"


def _is_column(conf: Conf, target: str) -> bool:
    table, _, column = target.partition(".")
    return table in conf.tables and column in {known.name for known in conf.tables[table].columns}


def in_order(conf: Conf) -> list[str]:
    """The products, each after those that it reads; raises UserError if they read each other in a circle."""
    graph: dict[str, list[str]] = {}
    for product in sorted(conf.products):
        tables = read_module(product).tables
        names = [table.partition(".")[2] for table in tables if table.startswith("candidate.")]
        graph[product] = sorted(name for name in names if name in conf.products)
    try:
        return list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        circle = " -> ".join(reversed(error.args[1]))
        raise UserError(f"jobs/analyse/products/: products read each other in a circle: {circle}") from error
