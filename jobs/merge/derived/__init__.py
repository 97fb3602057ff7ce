"""Columns that code works out. A record that has such a column of its own has a module here, whose `derive` adds it.

`jobs.common.model.shapes` names the columns, so that a model can be judged without this code.
"""

from pyspark.sql import Column, DataFrame

from jobs.common.model.records import Record
from jobs.common.model.shapes import DWELLING
from jobs.common.run.authority import Authority
from jobs.merge.derived import appeal, household, resident
from jobs.merge.derived.neighbours import Neighbours, add_dwelling

FACTS = {"appeal": appeal.derive}
ENTITIES = {"household": household.derive, "resident": resident.derive}
AGGREGATES = {"resident": resident.aggregates}


def derive_fact(record: Record, rows: DataFrame) -> DataFrame:
    """Adds the derived columns of a fact, none if no module has its name; keeps every row."""
    return FACTS[record.name](rows) if record.name in FACTS else rows


def entity_aggregates(record: Record, neighbours: Neighbours, authority: Authority) -> list[Column]:
    """What the module of an entity makes of all of its records, beside the fields; nothing if it has none."""
    make = AGGREGATES.get(record.name)
    return make(record, neighbours, authority) if make else []


def derive_entity(record: Record, rows: DataFrame, neighbours: Neighbours) -> DataFrame:
    """Adds the dwelling of the address if the record declares it, and what its own module derives; keeps every row."""
    if record.derives(DWELLING):
        rows = add_dwelling(rows, neighbours.dwellings)
    return ENTITIES[record.name](rows, record, neighbours) if record.name in ENTITIES else rows
