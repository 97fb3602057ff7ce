"""Columns that the audit adds to a candidate, for rules that Great Expectations cannot say, or only at a cost.

`<field>_is_valid` of semantic types that can tell (id numbers, credit codes); `<field>_is_known` of divisions and of lists
of many codes, whose values would be most of what Great Expectations handles; `<field>_exists` of ids: the entity is in its
kind's candidate, and of what refers to a column of another table: it is there.
All are null where the field is. Of relations `has_two_ends` (they are not one entity) and `member_id` (the first end of
`member`).
"""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from jobs.common.lake.engine import session
from jobs.common.model.codes import load_codes
from jobs.common.model.divisions import LISTS, load_divisions
from jobs.common.model.model_table import ModelTable
from jobs.common.model.shapes import MEMBER
from jobs.common.run.conf import Conf

MANY = 200  # codes from which on a list is no set of values to Great Expectations, and shares of its codes say little


def code_lists(conf: Conf) -> list[str]:
    """Names of the lists of conf/codes that hold codes."""
    names = {file.removesuffix(".csv") for file in conf.below("codes", ".csv")}
    return sorted(names - (set(LISTS) - {"divisions"}))


def code_set(conf: Conf, name: str) -> tuple[str, ...]:
    """The codes of a list of conf/codes, unique."""
    return _code_set(conf.path(f"codes/{name}.csv"), conf.hash)


@lru_cache(maxsize=256)
def _code_set(path: Path, config_hash: str) -> tuple[str, ...]:
    """`code_set` of a file; an audit asks for each list many times, and the hash tells whether it is still the same."""
    if path.stem == "divisions":
        return tuple(sorted({division.code for division in load_divisions(path)}))
    return tuple(code for code, _, _ in load_codes(path))


def flag_names(table: ModelTable, conf: Conf) -> list[str]:
    """The columns that `add_flags` adds."""
    names = [f"{name}_exists" for name in (*_references(table), *table_references(table))]
    names += [f"{field.name}_is_valid" for field in table.columns if field.semantic.is_valid]
    names += [f"{name}_is_known" for name in _long_lists(table, conf)]
    return names + (["has_two_ends", "member_id"] if table.has_pairs else [])


def add_flags(
    frame: DataFrame, table: ModelTable, entities: DataFrame, conf: Conf, targets: Mapping[str, DataFrame]
) -> DataFrame:
    """Adds the flags of a candidate; keeps every row.

    Args:
        frame: the candidate.
        table: its description.
        entities: `kind`, `entity_id`, unique: the rows of all candidates of kinds.
        conf: whose code lists count.
        targets: by `table.column` the values of what `table_references` names, in one column, unique.
    """
    for name, kind in _references(table).items():
        known = entities.select(F.col("entity_id").alias(name), F.col("kind").alias("_kind"))
        frame = frame.join(known, name, "left")
        wanted = F.lit(kind) if kind else F.col(name.replace("_id", "_kind"))
        found = F.coalesce(F.col("_kind") == wanted, F.lit(False))
        frame = frame.withColumn(f"{name}_exists", F.when(F.col(name).isNotNull(), found)).drop("_kind")
    for name, target in table_references(table).items():
        there = targets[target].toDF(name).withColumn("_known", F.lit(True))
        found = F.coalesce(F.col("_known"), F.lit(False))
        frame = frame.join(there, name, "left")
        frame = frame.withColumn(f"{name}_exists", F.when(F.col(name).isNotNull(), found)).drop("_known")
    for name, codes in _long_lists(table, conf).items():
        # Joined: of so many literals the plan alone would take longer than a small table.
        known = session().createDataFrame([(code, True) for code in codes], f"{name} string, _known boolean")
        found = F.coalesce(F.col("_known"), F.lit(False))
        frame = frame.join(F.broadcast(known), name, "left")
        frame = frame.withColumn(f"{name}_is_known", F.when(F.col(name).isNotNull(), found)).drop("_known")
    flags: dict[str, Column] = {}
    for field in table.columns:
        if is_valid := field.semantic.is_valid:
            value = F.col(field.name)
            flags[f"{field.name}_is_valid"] = F.when(value.isNotNull(), is_valid(value))
    if table.has_pairs:
        flags["has_two_ends"] = F.col("from_id") != F.col("to_id")
        flags["member_id"] = F.when(F.col("relation_code") == MEMBER, F.col("from_id"))
    return frame.withColumns(flags) if flags else frame


def _references(table: ModelTable) -> dict[str, str | None]:
    """Columns that hold the id of an entity, with its kind; null where the column `<end>_kind` tells it."""
    of_kinds = [field for field in table.columns if field.refers and "." not in field.refers]
    named: dict[str, str | None] = {field.name: field.refers for field in of_kinds}
    return named | (dict.fromkeys(("from_id", "to_id")) if table.has_pairs else {})


def table_references(table: ModelTable) -> dict[str, str]:
    """Columns of a product whose values are those of a column of another table, or of its own, as `table.column`."""
    return {field.name: field.refers for field in table.columns if field.refers and "." in field.refers}


def _long_lists(table: ModelTable, conf: Conf) -> dict[str, tuple[str, ...]]:
    """Fields of divisions, and of lists of many codes, with their codes."""
    found = {}
    for field in table.columns:
        for name in field.code_lists[:1]:
            codes = code_set(conf, name)
            if name == "divisions" or len(codes) > MANY:
                found[field.name] = codes
    return found
