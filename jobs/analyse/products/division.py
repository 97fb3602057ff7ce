"""Divisions: each administrative division of the list in force, with the names above it.

One row per division. The path has every step of the list, also those that are no places (市辖区).
"""

from pyspark.sql import DataFrame

from jobs.analyse.inputs import Inputs
from jobs.common.lake.engine import session
from jobs.common.model.divisions import Division, load_divisions

READS = ("conf codes/divisions.csv",)


def build(inputs: Inputs) -> DataFrame:
    """`code`, `name`, `level`, `parent`, `path`, unique by code."""
    divisions = {division.code: division for division in load_divisions(inputs.conf.path("codes/divisions.csv"))}
    rows = []
    for division in divisions.values():
        path = "/".join(names_down_to(division, divisions))
        rows.append((division.code, division.name, division.level, division.parent or None, path))
    return session().createDataFrame(rows, "code string, name string, level bigint, parent string, path string")


def names_down_to(division: Division, divisions: dict[str, Division]) -> list[str]:
    """Names from the top of the list down to a division; a parent that is not listed ends the way up."""
    names = [division.name]
    above = divisions.get(division.parent)
    while above:
        names.insert(0, above.name)
        above = divisions.get(above.parent)
    return names
