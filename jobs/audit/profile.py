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
    name = f"candidate.{table.name}"
    frame = context.lake.read(name)
    filled = [F.count(F.col(field.name)).alias(f"_{field.name}") for field in fields if field.name not in coded]
    counts = frame.groupBy(*coded).agg(F.count(F.lit(1)).alias("_rows"), *filled)
    groups = [] if context.lake.is_empty(name) else counts.toArrow().to_pylist()
    counted: Counter[tuple[str | None, str | None]] = Counter()
    for group in groups:
        counted[None, None] += group["_rows"]
        for field in fields:
            if field.name not in coded:
                counted[field.name, None] += group[f"_{field.name}"]
            elif (value := group[field.name]) is not None:
                counted[field.name, None] += group["_rows"]
                counted[field.name, str(value).lower()] += group["_rows"]
    places = {(None, None), *((field.name, None) for field in fields), *counted}
    return [
        {"table_name": table.name, "field": field, "code": code, "rows": counted[field, code]}
        for field, code in sorted(places, key=lambda place: tuple(part or "" for part in place))
    ]


def is_coded(field: ModelField, conf: Conf) -> bool:
    """Whether the field has few different values, each of which is a code or yes or no."""
    if field.codes in code_lists(conf):
        return len(code_set(conf, str(field.codes))) <= MANY
    return field.sql_type == "boolean"
