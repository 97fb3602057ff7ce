"""The books of products: each closes the equation that `conf/products/<product>.yml` declares.

Its terms are counted anew here, by queries over tables and as lines of files, never taken from what the stage says it wrote.
"""

import csv
import fnmatch
import io
import re
from pathlib import Path
from typing import Any

from pyspark.errors import PySparkException
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.audit.entries import entry
from jobs.common.base.errors import UserError
from jobs.common.base.suggestions import list_words
from jobs.common.lake.engine import session
from jobs.common.lake.versions import union_all
from jobs.common.model.products import ROWS, Count
from jobs.common.run.conf import Conf
from jobs.common.run.stage import Context

_TABLE = re.compile("[a-z]+[.][a-z_0-9]+")
Place = tuple[str, str]  # product and term


def product_terms(context: Context) -> list[dict[str, Any]]:
    """`candidate` (its rows) and the declared terms of each product, each with the equation it stands in."""
    products = context.conf.products
    counts: dict[Place, int] = {}
    queries: dict[Place, str] = {}
    for name, product in products.items():
        counts[name, ROWS] = context.lake.count_rows(f"candidate.{name}")
        for term, count in product.terms.items():
            if count.sql is None:
                counts[name, term] = count_lines(context.conf, count)
            else:
                queries[name, term] = count.sql
    counts |= run_queries(context, queries)
    return [entry(term, rows, name, equation=products[name].equation) for (name, term), rows in counts.items()]


def count_lines(conf: Conf, count: Count) -> int:
    """Lines below the header of the files that the term names; files with another header, and blank lines, do not count."""
    lines = 0
    for name in fnmatch.filter(conf.files, str(count.lines_of)):
        header, *rows = _cells(conf.files[name]) or [[]]
        if ",".join(header) == count.header:
            lines += len(rows)
    return lines


def _cells(path: Path) -> list[list[str]]:
    """The lines of a file of values that are not blank."""
    text = path.read_bytes().decode("utf-8-sig")
    lines = [list(map(str.strip, cells)) for cells in csv.reader(io.StringIO(text, newline=""))]
    return list(filter(any, lines))


def run_queries(context: Context, queries: dict[Place, str]) -> dict[Place, int]:
    """The number that each query gives, by product and term; all of them are one action of the engine.

    Raises:
        UserError: the engine does not accept a query, or one does not give one number.
    """
    if not queries:
        return {}
    try:
        counted = union_all([_term(context, place, sql) for place, sql in queries.items()])
        rows = counted.toArrow().to_pylist()
    except PySparkException as error:
        files = list_words({f"conf/products/{name}.yml" for name, _ in queries})
        raise UserError(f"{files}: a query of the books cannot be run ({type(error).__name__})") from error
    numbers: dict[Place, list[int | None]] = {place: [] for place in queries}
    for row in rows:
        numbers[row["record"], row["term"]].append(row["rows"])
    return {place: _one_number(place, told) for place, told in numbers.items()}


def _one_number(place: Place, numbers: list[int | None]) -> int:
    """What a query gives; raises UserError if that is not one number."""
    match numbers:
        case [int(number)]:
            return number
    raise UserError(f"conf/products/{place[0]}.yml: books: the query of {place[1]} does not give one number")


def _term(context: Context, place: Place, sql: str) -> DataFrame:
    """`record`, `term`, `rows` of one query, which names tables as `layer.table`."""
    for name in dict.fromkeys(_TABLE.findall(sql)):
        if name in context.lake.declared:
            context.lake.read(name).createOrReplaceTempView(_view(name))
            sql = re.sub(rf"\b{re.escape(name)}\b", _view(name), sql)
    counted = session().sql(sql).toDF("rows")
    return counted.select(
        F.lit(place[0]).alias("record"), F.lit(place[1]).alias("term"), F.col("rows").cast("bigint").alias("rows")
    )


def _view(name: str) -> str:
    """The engine has no views with a layer in their names."""
    return f"books_{name.replace('.', '__')}"
