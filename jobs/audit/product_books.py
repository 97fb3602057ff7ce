"""The books of products: each closes the equation that `conf/products/<product>.yml` declares.

Its terms are counted anew here, by queries over tables and as lines of files, never taken from what the stage says it wrote.
"""

import csv
import io
import re
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from pyspark.errors import PySparkException
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.audit.entries import entry
from jobs.common.base.errors import UserError
from jobs.common.lake.engine import session
from jobs.common.lake.versions import union_all
from jobs.common.model.products import ROWS, Count
from jobs.common.run.conf import Conf
from jobs.common.run.stage import Context

_TABLE = re.compile("[a-z]+[.][a-z_0-9]+")


def product_terms(context: Context) -> list[dict[str, Any]]:
    """`candidate` (its rows) and the declared terms of each product, each with the equation it stands in."""
    found = []
    queries: dict[tuple[str, str], str] = {}
    for name, product in context.conf.products.items():
        rows = context.lake.count_rows(f"candidate.{name}")
        found.append(entry(ROWS, rows, name, equation=product.equation))
        for term, count in product.terms.items():
            if count.sql is None:
                lines = count_lines(context.conf, count)
                found.append(entry(term, lines, name, equation=product.equation))
            else:
                queries[name, term] = count.sql
    for (name, term), rows in run_queries(context, queries).items():
        found.append(entry(term, rows, name, equation=context.conf.products[name].equation))
    return found


def count_lines(conf: Conf, count: Count) -> int:
    """Lines below the header of the files that the term names; files with another header, and blank lines, do not count."""
    lines = 0
    for name, path in conf.files.items():
        if fnmatchcase(name, str(count.lines_of)):
            header, *rows = _cells(path) or [[]]
            lines += len(rows) if ",".join(header) == count.header else 0
    return lines


def _cells(path: Path) -> list[list[str]]:
    """The lines of a file of values that are not blank."""
    text = path.read_bytes().decode("utf-8-sig")
    lines = [[cell.strip() for cell in cells] for cells in csv.reader(io.StringIO(text, newline=""))]
    return [cells for cells in lines if any(cells)]


def run_queries(context: Context, queries: dict[tuple[str, str], str]) -> dict[tuple[str, str], int]:
    """The number that each query gives, by product and term; all of them are one action of the engine.

    Raises:
        UserError: the engine does not accept a query, or one does not give one number.
    """
    if not queries:
        return {}
    try:
        frames = [_term(context, place, sql) for place, sql in queries.items()]
        rows = union_all(frames).toArrow().to_pylist()
    except PySparkException as error:
        files = ", ".join(f"conf/products/{name}.yml" for name in sorted({name for name, _ in queries}))
        raise UserError(f"{files}: a query of the books cannot be run ({type(error).__name__})") from error
    found = {place: [row["rows"] for row in rows if (row["record"], row["term"]) == place] for place in queries}
    for (name, term), numbers in found.items():
        if len(numbers) != 1 or numbers[0] is None:
            raise UserError(f"conf/products/{name}.yml: books: the query of {term} does not give one number")
    return {place: numbers[0] for place, numbers in found.items()}


def _term(context: Context, place: tuple[str, str], sql: str) -> DataFrame:
    """`record`, `term`, `rows` of one query, which names tables as `layer.table`."""
    known = [name for name in dict.fromkeys(_TABLE.findall(sql)) if name in context.lake.declared]
    for name in known:
        context.lake.read(name).createOrReplaceTempView(_view(name))
        sql = re.sub(rf"\b{re.escape(name)}\b", _view(name), sql)
    counted = session().sql(sql).toDF("rows")
    return counted.select(
        F.lit(place[0]).alias("record"), F.lit(place[1]).alias("term"), F.col("rows").cast("bigint").alias("rows")
    )


def _view(name: str) -> str:
    """The engine has no views with a layer in their names."""
    return f"books_{name.replace('.', '__')}"
