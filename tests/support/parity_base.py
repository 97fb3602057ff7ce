"""What the parity cases share: rows in an order that does not depend on the engine."""

from datetime import date
from decimal import Decimal
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame

Rows = list[list[Any]]
NIGHT = date(2026, 1, 2)


def rows_of(frame: DataFrame) -> Rows:
    """Rows in an order that does not depend on the engine; days and times as numbers, which reach beyond Python's."""
    table = frame.toArrow()
    numbers = {pa.date32(): pa.int32(), pa.timestamp("us", "UTC"): pa.int64(), pa.timestamp("us"): pa.int64()}
    columns = [column.cast(numbers.get(column.type, column.type)).to_pylist() for column in table.columns]
    plain = [[str(v) if isinstance(v, Decimal) else v for v in row] for row in zip(*columns, strict=True)]
    return sorted(plain, key=repr)
