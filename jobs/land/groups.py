"""Rows that stand in groups: the name of the group above a row, in a column that the contract names (`group_into`).

Reads: the batches of a parser. Writes: nothing. Refuses: nothing.
"""

from bisect import bisect
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pyarrow as pa

from jobs.common.contracts.sources import SourceObject
from jobs.land.batches import Batch, rows_schema
from jobs.land.footers import group_name


def without_group(obj: SourceObject) -> SourceObject:
    """The object as its files have it: the column that the groups fill stands in none."""
    return replace(obj, columns=tuple(column for column in obj.columns if column.name != obj.group_into))


def carry_groups(batches: Iterator[Batch], obj: SourceObject) -> Iterator[Batch]:
    """The batches of `without_group(obj)` as those of `obj`: each row with the name of the nearest heading above it."""
    numbers: list[int] = []
    names: list[str | None] = [None]  # one more: that of the rows above all headings
    for batch in batches:
        for row in batch.skipped:
            if row.reason == "group" and (name := group_name(row.raw.strip(f'{obj.delimiter}" \t'))):
                at = bisect(numbers, row.row_number)
                numbers.insert(at, row.row_number)
                names.insert(at + 1, name)
        own = np.searchsorted(numbers, batch.rows.column("row_number").to_numpy())
        groups = pa.array(names, pa.string()).take(pa.array(own))
        schema = rows_schema(obj)
        columns = [groups if name == obj.group_into else batch.rows.column(name) for name in schema.names]
        yield replace(batch, rows=pa.RecordBatch.from_arrays(columns, schema=schema))
