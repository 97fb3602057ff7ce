"""`jiceng dictionary`: what the released tables hold, for reading, as a page, and as data contracts of our own.

Reads: `conf/model/`, `conf/products/`, `conf/codes/`. Writes: the files asked for. Refuses: a table that the model does not know.
"""

from collections.abc import Iterable, Sequence
from importlib import metadata
from itertools import chain
from pathlib import Path
from typing import Any

import yaml

from jobs.common.base.errors import UserError
from jobs.common.base.suggestions import suggest
from jobs.common.contracts.house_rules import SUFFIX
from jobs.common.contracts.odcs import check_standard, read_contract
from jobs.common.model.codes import Code, load_codes
from jobs.common.model.divisions import load_divisions
from jobs.common.model.model_table import ModelTable
from jobs.common.model.records import ModelField
from jobs.common.model.types.semantic_type import SQL_TYPES
from jobs.common.run.conf import Conf
from jobs.read.dictionary_page import list_of, write_page

COLUMNS = ["table", "column", "key", "type", "level", "codes", "refers", "required", "zh", "en"]
# Codes of a list that a contract names one by one; longer lists are files of their own.
_FEW = 200


def chosen_tables(conf: Conf, table: str | None) -> list[ModelTable]:
    """The one named, or all; raises UserError for a table that is not released."""
    if table is None:
        return list(conf.tables.values())
    name = table.removeprefix("refined.")
    if name not in conf.tables:
        raise UserError(f"there is no table {table}. {suggest(name, conf.tables)}")
    return [conf.tables[name]]


def dictionary_rows(conf: Conf, table: str | None = None) -> list[dict[str, Any]]:
    """One row per column of the released tables, in the order of their columns."""
    tables = chosen_tables(conf, table)
    lists = code_lists(conf, tables)
    return [_row(described, field, lists) for described in tables for field in described.columns]


def _row(table: ModelTable, field: ModelField, lists: dict[str, list[Code]]) -> dict[str, Any]:
    name = list_of(field)
    return {
        "table": table.name,
        "column": field.name,
        "key": field.name in table.key,
        "type": field.sql_type,
        "level": field.level,
        "codes": f"{name} ({len(lists[name])})" if name else None,
        "refers": field.target,
        "required": field.required,
        "zh": field.zh,
        "en": field.en,
    }


def code_lists(conf: Conf, tables: Iterable[ModelTable]) -> dict[str, list[Code]]:
    """The lists that columns of these tables use, by name, the longest last."""
    fields = chain.from_iterable(table.columns for table in tables)
    names = set(filter(None, map(list_of, fields)))
    lists = {name: _codes(conf, name) for name in sorted(names)}
    return dict(sorted(lists.items(), key=lambda entry: (len(entry[1]) > _FEW, entry[0])))


def _codes(conf: Conf, name: str) -> list[Code]:
    path = conf.path(f"codes/{name}.csv")
    if name == "divisions":
        return [(division.code, division.name, ()) for division in load_divisions(path)]
    return load_codes(path)


def write_html(conf: Conf, tables: Sequence[ModelTable], path: Path) -> None:
    """One page that needs no other file: an overview, a table for each released table, and the code lists they use."""
    version = f"jiceng {metadata.version('jiceng')} · 配置 configuration {conf.hash}"
    path.write_text(write_page(tables, code_lists(conf, tables), version), encoding="utf-8")


def write_contracts(conf: Conf, tables: Sequence[ModelTable], folder: Path) -> list[Path]:
    """One ODCS contract per table, each checked against the standard's own schema; returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    return [_write_contract(conf, table, folder / f"{table.name}{SUFFIX}") for table in tables]


def _write_contract(conf: Conf, table: ModelTable, path: Path) -> Path:
    described = describe_output(table, code_lists(conf, [table]))
    path.write_text(yaml.safe_dump(described, allow_unicode=True, sort_keys=False, width=120), encoding="utf-8")
    document, findings = read_contract(path)
    if document:
        findings += check_standard(document)
    if findings:
        raise RuntimeError(f"{path} is not what the standard asks for: {findings[0]}")
    return path


def describe_output(table: ModelTable, lists: dict[str, list[Code]]) -> dict[str, Any]:
    """The contract of one released table.

    Args:
        table: its description.
        lists: the code lists of its columns; short ones are spelled out.
    """
    return {
        "apiVersion": "v3.2.0",
        "kind": "DataContract",
        "id": f"jiceng.refined.{table.name}",
        "name": f"{table.title_zh} / {table.title}",
        "version": metadata.version("jiceng"),
        "status": "active",
        "description": {
            "purpose": f"refined {table.title}, audited and released as a whole with the other tables",
            "usage": f'jobs.open_table("{table.name}"), or `jiceng sql "select * from {table.name}"`',
        },
        "servers": [{"server": "workspace", "type": "local", "path": f"lake/refined/{table.name}", "format": "delta"}],
        "schema": [
            {
                "name": table.name,
                "physicalName": f"refined/{table.name}",
                "physicalType": "delta table",
                "businessName": table.title_zh,
                "dataGranularityDescription": f"{table.grain_zh} / {table.grain}",
                "properties": [_property(table, field, lists) for field in table.columns],
            }
        ],
    }


def _property(table: ModelTable, field: ModelField, lists: dict[str, list[Code]]) -> dict[str, Any]:
    name = list_of(field)
    described: dict[str, Any] = {
        "name": field.name,
        "businessName": field.zh,
        "description": field.en + (f"; codes of the list {name}" if name else ""),
        "logicalType": SQL_TYPES[field.sql_type][0],
        "physicalType": field.sql_type,
        "required": field.required,
        "classification": str(field.level),
    }
    if field.name in table.key:
        described |= {"primaryKey": True, "primaryKeyPosition": table.key.index(field.name) + 1}
    if name and len(lists[name]) <= _FEW:
        described["enum"] = [{"value": code, "label": label} for code, label, _ in lists[name]]
    if field.target:
        described["relationships"] = [{"type": "foreignKey", "to": field.target}]
    return described
