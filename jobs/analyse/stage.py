"""Analyse: the products, each after those that it reads, and only those of which an input has changed.

Reads: `candidate.*`, `harmonised.*`, `links.*`, parts of `ops.*` and conf, as far as a product names them in READS.
Writes: `candidate.<product>`. Refuses: products that read each other in a circle or read what there is not, and rows that
are not as `conf/products/` declares them; the gate judges the rest.
"""

import hashlib
import importlib
from collections.abc import Callable

from pyspark.sql import DataFrame

from jobs.analyse.catalogue import Reads, in_order, product_faults, read_module
from jobs.analyse.inputs import Inputs
from jobs.common.base.code import code_hash
from jobs.common.base.errors import UserError
from jobs.common.base.suggestions import list_words
from jobs.common.lake.versions import make_equal
from jobs.common.run.conf import Conf
from jobs.common.run.incremental import IncrementalState
from jobs.common.run.stage import Context
from jobs.common.run.workload import spare_memory_if_large


def run(context: Context) -> None:
    """Bring each product up to date, one commit each at most."""
    if context.plan["nothing_new"]:
        return
    for fault in product_faults(context.conf):
        raise UserError(fault)
    spare_memory_if_large(context)
    for product in in_order(context.conf):
        work_out(context, product)


def work_out(context: Context, product: str) -> None:
    """Compute a product if an input, its description or its code is not what it was, and write the rows that differ."""
    reads = read_module(product)
    conf = restrict(context.conf, reads)
    state = incremental_state(context, product, reads, conf)
    if state.last() is not None:
        context.log("analyse", f"{product} is as it was")
    else:
        state.begin()
        tables = {name: context.lake.read(name) for name in reads.tables}
        night = context.run.night if reads.night else None
        count = write_product(context, product, Inputs(product, conf, tables, night))
        context.log("analyse", product, rows_written=count)
    state.keep()


def restrict(conf: Conf, reads: Reads) -> Conf:
    """The configuration with the files that a product reads, and no others."""
    return Conf({name: conf.files[name] for name in reads.files(conf)}, conf.told_as)


def incremental_state(context: Context, product: str, reads: Reads, conf: Conf) -> IncrementalState:
    """The record of a product: it is good as long as its inputs have the rows that they had, and its rules are the same."""
    described = Conf({f"products/{product}.yml": context.conf.path(f"products/{product}.yml")})
    code = [code_hash(f"jobs.analyse.products.{product}"), code_hash("jobs.analyse.stage")]
    night = [str(context.run.night)] if reads.night else []
    rules = hashlib.sha256(" ".join([conf.hash, described.hash, *code, *night]).encode()).hexdigest()[:16]
    return IncrementalState(context, f"analyse.{product}", [f"candidate.{product}", *reads.tables], rules)


def write_product(context: Context, product: str, inputs: Inputs) -> int:
    """Bring the candidate to what the product's module makes of the inputs; returns the rows that differed."""
    lake, run_id, name = context.lake, context.run.run_id, f"candidate.{product}"
    build: Callable[[Inputs], DataFrame] = importlib.import_module(f"jobs.analyse.products.{product}").build
    frame = build(inputs)
    declared = lake.declared[name].names
    if set(frame.columns) != set(declared):
        raise UserError(
            f"jobs/analyse/products/{product}.py gives {list_words(frame.columns)}, "
            f"and conf/products/{product}.yml declares {list_words(declared)}"
        )
    target = lake.scratch(run_id, f"product-{product}", frame.select(*declared))
    return make_equal(lake, name, target, run_id)
