"""The model of our records, read from `conf/model/<record>.yml`.

Refuses: a file that is no YAML or lacks what a record needs, a field with an unknown semantic type.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from jobs.common.errors import UserError

SQL_TYPES = {
    "person_name": "string",
    "resident_id": "string",
    "code": "string",
    "division": "string",
    "phone": "string",
    "address": "string",
    "text": "string",
    "date": "date",
    "datetime": "timestamp",
    "integer": "bigint",
    "boolean": "boolean",
}


@dataclass(frozen=True)
class ModelField:
    """One field of a record: semantic type, classification level 1-4, meaning in two languages."""

    name: str
    type: str
    level: int
    zh: str
    en: str
    codes: str | None = None

    @property
    def sql_type(self) -> str:
        return SQL_TYPES[self.type]


@dataclass(frozen=True)
class Record:
    """One record type; `kind` names the entity it describes (None: it passes through, as in `speaks_of`)."""

    name: str
    kind: str | None
    key: tuple[str, ...]
    grain: str
    fields: tuple[ModelField, ...]
    derived: tuple[ModelField, ...]
    speaks_of: dict[str, str]

    def field(self, name: str) -> ModelField:
        return next(field for field in self.fields + self.derived if field.name == name)


def load_model(files: dict[str, Path]) -> dict[str, Record]:
    """Records by name, from file name -> path."""
    return {record.name: record for record in (_load_record(path) for _, path in sorted(files.items()))}


def _load_record(path: Path) -> Record:
    try:
        return _read_record(path, yaml.safe_load(path.read_text(encoding="utf-8")))
    except yaml.YAMLError as error:
        raise UserError(f"{path} is no valid YAML: {error}") from error
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        remedy = "compare it with the repository's conf/model/"
        raise UserError(f"{path} does not describe a record ({type(error).__name__}: {error}); {remedy}") from error


def _read_record(path: Path, document: dict[str, Any]) -> Record:
    def read(entries: list[dict[str, Any]]) -> tuple[ModelField, ...]:
        for entry in entries:
            if entry["type"] not in SQL_TYPES:
                known = ", ".join(SQL_TYPES)
                raise UserError(f"{path}: field {entry['name']} has the unknown type {entry['type']}; known: {known}")
        return tuple(ModelField(**entry) for entry in entries)

    return Record(
        name=document["record"],
        kind=document["kind"],
        key=tuple(document["key"]),
        grain=document["grain"]["en"],
        fields=read(document["fields"]),
        derived=read(document.get("derived", [])),
        speaks_of=document.get("speaks_of", {}),
    )
