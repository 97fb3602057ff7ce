"""How the columns of the candidates are filled: rows with a value, and rows with each code; counts only.

Reads: `candidate.*`. Writes: nothing. Refuses: nothing.
"""

from collections import Counter
from typing import Any

from pyspark.sql import functions as F

from jobs.common.lake.engine import run_concurrently
from jobs.common.model.model_table import ModelTable
from jobs.common.model.records import ModelField
from jobs.common.run.conf import Conf
from jobs.common.run.flag_columns import MANY, code_lists, code_set
from jobs.common.run.stage import Context

_Place = tuple[str | None, str | None]  # field and code


def profile_candidates(context: Context) -> list[dict[str, Any]]:
    """Rows for `ops.profile` of tonight."""
    found = run_concurrently(lambda table: profile_table(context, table), context.conf.tables.values())
    run = {"run_id": context.run.run_id, "night": context.run.night}
    return [{**run, **row} for rows in found for row in rows]


def profile_table(context: Context, table: ModelTable) -> list[dict[str, Any]]:
    """`table_name`, `field`, `code`, `rows` of one candidate, in one scan of it.

    One row for the table (no field), one per field that may be empty (no code: its rows with a value), and one per code found.
    """
    fields = [field for field in table.columns if not field.required]
    coded = [field.name for field in fields if is_coded(field, context.conf)]
    others = [field.name for field in fields if field.name not in coded]
    counted = _count_values(_count_groups(context, f"candidate.{table.name}", coded, others), coded, others)
    return [
        {"table_name": table.name, "field": field, "code": code, "rows": counted[field, code]}
        for field, code in sorted(counted, key=lambda place: (place[0] or "", place[1] or ""))
    ]


def _count_values(groups: list[dict[str, Any]], coded: list[str], others: list[str]) -> Counter[_Place]:
    """Rows of all groups, rows with a value of each column, also if there are none, and rows with each code."""
    counted: Counter[_Place] = Counter({(None, None): 0})
    counted.update({(name, None): 0 for name in (*coded, *others)})
    for group in groups:
        rows = group["_rows"]
        counted[None, None] += rows
        for name in others:
            counted[name, None] += group[f"_{name}"]
        for name in coded:
            if (value := group[name]) is not None:
                counted[name, None] += rows
                counted[name, str(value).lower()] += rows
    return counted


def _count_groups(context: Context, name: str, coded: list[str], others: list[str]) -> list[dict[str, Any]]:
    """`_rows` of a candidate by the `coded` columns, and `_<column>`, the rows with a value, of each of the `others`."""
    if context.lake.is_empty(name):
        return []
    filled = [F.count(F.col(column)).alias(f"_{column}") for column in others]
    counts = context.lake.read(name).groupBy(*coded).agg(F.count(F.lit(1)).alias("_rows"), *filled)
    groups: list[dict[str, Any]] = counts.toArrow().to_pylist()
    return groups


def is_coded(field: ModelField, conf: Conf) -> bool:
    """Whether the field has few different values, each of which is a code or yes or no."""
    if field.codes in code_lists(conf):
        return len(code_set(conf, str(field.codes))) <= MANY
    return field.sql_type == "boolean"
