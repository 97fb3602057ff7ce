"""From raw text to the fields of a record, by the rules of their semantic types: plain text, value, doubt about it.

A step of all fields is one flat projection: planning takes the longer the deeper a plan is, and far longer if a part that
a rule asks for several times is not a column.
"""

from collections import defaultdict
from collections.abc import Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from jobs.common.intake.keyed_rows import without_error
from jobs.common.model.records import ModelField
from jobs.common.model.types.semantic_type import SemanticType, Step

_NO_DOUBT = Step("code", lambda: F.lit(None).cast("string"), ())


def clean_fields(rows: DataFrame, fields: Sequence[ModelField]) -> DataFrame:
    """Adds `<field>` and `<field>__code`, of all fields at once; keeps every row.

    A field that is looked up has `<field>__plain` alone.

    Args:
        rows: with `<field>__text`, `<field>__<parameter>` of types with parameters, and `timezone` in which the source
            writes its times.
        fields: of types that are read from text.
    """
    layers: dict[int, dict[str, Column]] = defaultdict(dict)
    for field in fields:
        for depth, step in _steps_by_depth(field.semantic):
            given = [F.col(column_name(field.name, part)) for part in step.given]
            layers[depth][column_name(field.name, step.part)] = step.rule(*given)
    for depth in sorted(layers):
        rows = rows.withColumns(layers[depth])
    return rows.drop(*[name for field in fields for name in _working_columns(field)])


def column_name(field: str, part: str) -> str:
    return field if part == "value" else f"{field}__{part}"


def _steps_of(type: SemanticType) -> list[Step]:
    """All steps of a type, each behind those that it needs."""
    first, *more = type.plain
    steps = [Step("plain", lambda text: first(without_error(text)), ("text",))]
    steps += [Step("plain", rule) for rule in more]
    if type.lookup is not None:
        return steps
    return [*steps, *type.clean, type.doubt or _NO_DOUBT]


def _steps_by_depth(type: SemanticType) -> list[tuple[int, Step]]:
    """Each step with the first projection that has what it needs, counted from 1."""
    depths: dict[str, int] = {}
    found = []
    for step in _steps_of(type):
        depths[step.part] = 1 + max((depths.get(part, 0) for part in step.given), default=0)
        found.append((depths[step.part], step))
    return found


def _working_columns(field: ModelField) -> list[str]:
    """Columns that only the steps themselves need."""
    if field.semantic.lookup is not None:
        return []
    parts = dict.fromkeys(step.part for step in _steps_of(field.semantic))
    return [column_name(field.name, part) for part in parts if part not in ("value", "code")]
