"""Which rows of a table are meant, by column: equal to a value, null where that is None, one of a list.

Said to Arrow, which reads, and to delta-rs, which replaces.
"""

import json
from collections.abc import Mapping
from datetime import date
from functools import reduce
from operator import and_
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds

Where = Mapping[str, Any]


def as_filter(where: Where, schema: pa.Schema) -> ds.Expression | None:
    """For a dataset of this schema; None where all rows are meant."""
    tests = []
    for column, value in where.items():
        field = ds.field(column)
        if value is None:
            tests.append(field.is_null())
        elif isinstance(value, list):
            tests.append(field.isin(pa.array(value, schema.field(column).type)))  # typed, as it may be empty
        else:
            tests.append(field == value)
    return reduce(and_, tests) if tests else None


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
