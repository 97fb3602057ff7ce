"""A table that is released, as the model describes it: of a record that sources feed, or a product that is computed."""

from dataclasses import dataclass

from jobs.common.model.records import ModelField, Record, table_fields


@dataclass(frozen=True)
class ModelTable:
    """Name, key and columns of a released table, and what a row of it is; `record` is None of a product."""

    name: str
    key: tuple[str, ...]
    columns: tuple[ModelField, ...]
    title: str
    title_zh: str
    grain: str
    grain_zh: str
    record: Record | None = None

    @property
    def kind(self) -> str | None:
        """The kind of entity that has a row each; None of any other table."""
        return self.record.kind if self.record else None

    @property
    def has_pairs(self) -> bool:
        """Whether a row is a relation of two entities."""
        return bool(self.record and self.record.pairs)


def table_of(record: Record) -> ModelTable:
    """The released table of a record."""
    return ModelTable(
        name=record.name,
        key=record.key,
        columns=table_fields(record),
        title=record.title,
        title_zh=record.title_zh,
        grain=record.grain,
        grain_zh=record.grain_zh,
        record=record,
    )
