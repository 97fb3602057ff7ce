"""Columns that code works out. A record that has such a column of its own has a module here, whose `derive` adds it.

`jobs.common.model.shapes` names the columns, so that a model can be judged without this code.
"""

from pyspark.sql import DataFrame

from jobs.common.model.records import Record
from jobs.common.model.shapes import DWELLING
from jobs.merge.derived import appeal, household
from jobs.merge.derived.neighbours import Neighbours, add_dwelling

FACTS = {"appeal": appeal.derive}
ENTITIES = {"household": household.derive}


def derive_fact(record: Record, rows: DataFrame) -> DataFrame:
    """Adds the derived columns of a fact, none if no module has its name; keeps every row."""
    return FACTS[record.name](rows) if record.name in FACTS else rows


def derive_entity(record: Record, rows: DataFrame, neighbours: Neighbours) -> DataFrame:
    """Adds the dwelling of the address if the record declares it, and what its own module derives; keeps every row."""
    if record.derives(DWELLING):
        rows = add_dwelling(rows, neighbours.dwellings)
    return ENTITIES[record.name](rows, neighbours) if record.name in ENTITIES else rows
