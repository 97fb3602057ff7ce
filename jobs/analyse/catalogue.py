"""Which products there are, what each of them reads, and in which order they are computed.

Reads: the text of `jobs/analyse/products/*.py`, which is not imported for it; the configuration. Writes: nothing.
Refuses: a product without a module, or a module that does not say what it reads, an unknown table, files of `conf/` that
are not there, and products that read each other in a circle.
"""

import ast
import fnmatch
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from graphlib import CycleError, TopologicalSorter
from itertools import chain
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
        found = [fnmatch.filter(conf.files, pattern) for pattern in self.patterns]
        return sorted(set(chain.from_iterable(found)))


def place_of(product: str) -> str:
    """What messages call the module of a product."""
    return f"jobs/analyse/products/{product}.py"


def read_module(product: str) -> Reads:
    """What the module of a product says in READS; raises UserError if it does not say it."""
    path, place = MODULES / f"{product}.py", place_of(product)
    if not path.is_file():
        raise UserError(f"conf/products/{product}.yml: there is no {place}; write it, or remove the file")
    tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
    functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    if "build" not in functions:
        raise UserError(f"{place}: there is no function `build`; it takes the inputs and returns the rows")
    reads = _literal(tree, "READS")
    if not isinstance(reads, tuple) or set(map(type, reads)) - {str}:
        raise UserError(f'{place}: READS is no tuple of texts, such as ("candidate.resident", "conf codes/*.csv")')
    return _sort_reads(reads)


def _literal(tree: ast.Module, name: str) -> object:
    """What the module assigns to a name, if it is written out; None otherwise."""
    assigned = {}
    for node in tree.body:
        if isinstance(node, ast.Assign):
            assigned[ast.unparse(node.targets[0])] = node.value
    with suppress(KeyError, ValueError):
        found: object = ast.literal_eval(assigned[name])
        return found
    return None


def _sort_reads(reads: tuple[str, ...]) -> Reads:
    tables, patterns = [], []
    for name in reads:
        if name.startswith(_CONF):
            patterns.append(name.removeprefix(_CONF))
        elif name != NIGHT:
            tables.append(name)
    return Reads(tuple(tables), tuple(patterns), NIGHT in reads)


def product_faults(conf: Conf) -> list[str]:
    """What is wrong with the products of a configuration, a sentence each."""
    faults = [fault for product in conf.products for fault in _told(partial(_faults_of, product, conf))]
    return faults or _told(partial(_circles, conf))


def _told(check: Callable[[], list[str]]) -> list[str]:
    """The faults that a check finds; one that it raises ends it."""
    try:
        return check()
    except UserError as error:
        return [str(error)]


def _circles(conf: Conf) -> list[str]:
    in_order(conf)
    return []


def _faults_of(product: str, conf: Conf) -> list[str]:
    reads = read_module(product)
    return [
        *_unknown_tables(product, reads, conf),
        *_missing_files(product, reads, conf),
        *_lost_targets(product, conf),
    ]


def _unknown_tables(product: str, reads: Reads, conf: Conf) -> Iterator[str]:
    known = readable_tables(conf)
    for table in sorted(set(reads.tables) - set(known)):
        named = f"READS names {cut_short(table)}, which is no table to read"
        yield f"{place_of(product)}: {named}. {suggest(table, known)}"


def _missing_files(product: str, reads: Reads, conf: Conf) -> Iterator[str]:
    for pattern in reads.patterns:
        if not fnmatch.filter(conf.files, pattern):
            yield f"{place_of(product)}: READS names conf {cut_short(pattern)}, and conf/ has no such file"


def _lost_targets(product: str, conf: Conf) -> Iterator[str]:
    """Columns that refer to one that there is not."""
    there: set[str | None] = {None}
    for table in conf.tables.values():
        there.update(f"{table.name}.{column.name}" for column in table.columns)
    for column in conf.products[product].table.columns:
        if column.target not in there:
            named = f"column {column.name} refers to {cut_short(str(column.target))}, which no released table has"
            yield f"conf/products/{product}.yml: {named}"


def readable_tables(conf: Conf) -> list[str]:
    """Tables that a product may read: those that are as they will stay when the stage begins, and other products."""
    names = declared_tables(conf.sources, conf.tables)
    return sorted(name for name in names if name.startswith(_LAYERS) or name in _OPS)


def in_order(conf: Conf) -> list[str]:
    """The products, each after those that it reads; raises UserError if they read each other in a circle."""
    graph = {product: _products_read(product, conf) for product in sorted(conf.products)}
    try:
        return list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        circle = " -> ".join(reversed(error.args[1]))
        raise UserError(f"jobs/analyse/products/: products read each other in a circle: {circle}") from error


def _products_read(product: str, conf: Conf) -> list[str]:
    """The other products whose candidates a product reads."""
    known = {f"candidate.{name}": name for name in conf.products}
    return sorted(known[table] for table in read_module(product).tables if table in known)
