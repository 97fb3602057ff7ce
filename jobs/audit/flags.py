"""Columns that the audit adds to a candidate, for rules that Great Expectations cannot say, or only at a cost.

`<field>_is_valid` of semantic types that can tell (id numbers, credit codes); `<field>_is_known` of divisions and of lists
of many codes, whose values would be most of what Great Expectations handles; `<field>_exists` of ids: the entity is in its
kind's candidate, and of what refers to a column of another table: it is there.
All are null where the field is. Of relations `has_two_ends` (they are not one entity) and `member_id` (the first end of
`member`).
"""

from collections.abc import Mapping

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from jobs.common.lake.engine import session
from jobs.common.model.model_table import ModelTable
from jobs.common.model.shapes import MEMBER
from jobs.common.run.conf import Conf
from jobs.common.run.flag_columns import long_lists, references, table_references


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
    for name, kind in references(table).items():
        known = entities.select(F.col("entity_id").alias(name), F.col("kind").alias("_known"))
        wanted = F.lit(kind) if kind else F.col(name.replace("_id", "_kind"))
        frame = _join_flag(frame, name, f"{name}_exists", known, F.col("_known") == wanted)
    for name, target in table_references(table).items():
        known = targets[target].toDF(name).withColumn("_known", F.lit(True))
        frame = _join_flag(frame, name, f"{name}_exists", known, F.col("_known"))
    for name, codes in long_lists(table, conf).items():
        # Joined: of so many literals the plan alone would take longer than a small table.
        known = session().createDataFrame([(code, True) for code in codes], f"{name} string, _known boolean")
        frame = _join_flag(frame, name, f"{name}_is_known", F.broadcast(known), F.col("_known"))
    flags = _flags_of_row(table)
    return frame.withColumns(flags) if flags else frame


def _join_flag(frame: DataFrame, name: str, flag: str, known: DataFrame, test: Column) -> DataFrame:
    """Adds `flag`: whether `test` holds of the row of `known` (`name`, `_known`, unique by `name`); null if `name` is null."""
    found = F.coalesce(test, F.lit(False))
    joined = frame.join(known, name, "left")
    return joined.withColumn(flag, F.when(F.col(name).isNotNull(), found)).drop("_known")


def _flags_of_row(table: ModelTable) -> dict[str, Column]:
    """Flags that a row tells by itself."""
    flags: dict[str, Column] = {}
    for field in table.columns:
        if is_valid := field.semantic.is_valid:
            value = F.col(field.name)
            flags[f"{field.name}_is_valid"] = F.when(value.isNotNull(), is_valid(value))
    if table.has_pairs:
        flags["has_two_ends"] = F.col("from_id") != F.col("to_id")
        flags["member_id"] = F.when(F.col("relation_code") == MEMBER, F.col("from_id"))
    return flags
