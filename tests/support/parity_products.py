"""Parity cases over products: a night on the other engine computes none that has not changed, so they are computed here.

A product whose inputs are tables has its case beside those of the shipped ones.
"""

import importlib
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

from pyspark.sql import functions as F

from jobs.analyse.catalogue import in_order, read_module
from jobs.analyse.inputs import Inputs
from jobs.analyse.products import conflict
from jobs.audit.product_books import run_queries
from jobs.common.base.workspace import REPOSITORY_CONF, init_workspace
from jobs.common.lake.engine import session
from jobs.common.lake.tables import row_hash
from jobs.common.run.conf import Conf
from jobs.common.run.conf_files import list_files
from jobs.common.run.runs import Run
from jobs.common.run.stage import Context, open_lake
from tests.support.conflicts import inputs_of
from tests.support.parity_base import Rows, rows_of


def products_of_the_configuration() -> Rows:
    """Of each product that is made of `conf/` alone: its rows, and the sum of their hashes."""
    conf = Conf(list_files(REPOSITORY_CONF).files)
    found: Rows = []
    for name in filter(_reads_no_table, in_order(conf)):
        frame = importlib.import_module(f"jobs.analyse.products.{name}").build(Inputs(name, conf, {}, None))
        total = F.sum(row_hash(frame.columns).cast("decimal(38,0)")).alias("total")
        counted = frame.agg(F.count(F.lit(1)).alias("rows"), total)
        found += [[name, *row] for row in rows_of(counted)]
        found += [[name, *row] for row in rows_of(frame.where("code in ('320102000000', 'A01')"))]
    return found


def _reads_no_table(product: str) -> bool:
    return not read_module(product).tables


def conflicts_of_a_few_residents() -> Rows:
    """Each rule by which a value wins, and the night since which records disagree."""
    frame = conflict.build(inputs_of(session(), Conf(list_files(REPOSITORY_CONF).files)))
    return rows_of(frame.orderBy("kind", "entity_id", "field"))


def terms_of_books() -> Rows:
    """Queries of the books over tables of the lake, named with their layer."""
    with TemporaryDirectory() as folder:
        workspace = init_workspace(Path(folder) / "workspace")
        conf = Conf(list_files(REPOSITORY_CONF).files)
        lake = open_lake(workspace, conf)
        row = {"list": "sex", "code": "1", "zh": "男", "en": None}
        lake.upsert("candidate.code", lake.table_of("candidate.code", [row, row | {"code": "2", "zh": "女"}]))
        context = Context(workspace, conf, lake, Run("2026-01-01.1", date(2026, 1, 1), "", "", None))
        queries = {
            ("code", "coded"): "select count(*) from candidate.code",
            ("code", "labelled"): "select sum(case when c.en is null then 0 else 1 end) from candidate.code c",
            ("code", "lists"): "select count(distinct list) from candidate.code",
        }
        return [[*place, rows] for place, rows in run_queries(context, queries).items()]


CASES = [products_of_the_configuration, conflicts_of_a_few_residents, terms_of_books]
