"""Which rows of a table are meant, by column: equal to a value, null where that is None, one of a list.

Said to Arrow, which reads, and to delta-rs, which replaces.
"""

import json
from collections.abc import Mapping
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds

Where = Mapping[str, Any]


def as_filter(where: Where, schema: pa.Schema) -> ds.Expression | None:
    """For a dataset of this schema; None where all rows are meant."""
    condition = None
    for column, value in where.items():
        field = ds.field(column)
        if isinstance(value, list):
            test = field.isin(pa.array(value, schema.field(column).type))  # typed, as it may be empty
        else:
            test = field.is_null() if value is None else field == value
        condition = test if condition is None else condition & test
    return condition


def as_predicate(where: Where) -> str:
    """For a commit that replaces the rows."""
    tests = []
    for column, value in where.items():
        if value is None:
            tests.append(f"{column} is null")
        elif isinstance(value, list):
            tests.append(f"{column} in ({', '.join(map(_literal, value))})")
        else:
            tests.append(f"{column} = {_literal(value)}")
    return " and ".join(tests)


def _literal(value: Any) -> str:
    if isinstance(value, date):
        return f"date '{value.isoformat()}'"
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return json.dumps(value)
