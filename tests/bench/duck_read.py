"""Exports as DuckDB tables of text, with the readers that are at hand: pyarrow for CSV, DuckDB for JSON, calamine for sheets.

Reads: the files of a plan. Writes: nothing. Takes no pains: a file or row that cannot be read is left out without a word.
"""

import csv
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.csv
import python_calamine

Object = dict[str, Any]  # as `plan.py` describes it


def read_object(db: duckdb.DuckDBPyConnection, obj: Object, table: str) -> bool:
    """Create `table` with the object's columns, `_as_of`, `_file` and `_row`; False where it has no readable file."""
    parts = []
    for place, (path, as_of) in enumerate(obj["files"]):
        name = f"{table}_{place}"
        try:
            if obj["format"] == "jsonl":
                _read_json(db, obj, path, name)
            else:
                db.register(name, _read_csv(obj, path) if obj["format"] == "csv" else _read_sheet(obj, path))
        except (OSError, ValueError, pa.ArrowInvalid, python_calamine.CalamineError, duckdb.Error):
            continue
        columns = ", ".join(f'"{column}"' for column in obj["headers"])
        parts.append(f"select {columns}, '{as_of}' as _as_of, {place} as _file, _row from {name}")
    if parts:
        db.execute(f"create table {table} as {' union all '.join(parts)}")
    return bool(parts)


def _read_csv(obj: Object, path: str) -> pa.Table:
    with open(path, encoding=obj["encoding"], newline="") as handle:
        headers = [header.strip() for header in handle.readline().strip().split(obj["delimiter"])]
    odd: list[str] = []
    table = pyarrow.csv.read_csv(
        path,
        read_options=pyarrow.csv.ReadOptions(encoding=obj["encoding"], column_names=headers, skip_rows=1),
        parse_options=pyarrow.csv.ParseOptions(
            delimiter=obj["delimiter"],
            newlines_in_values=True,
            invalid_row_handler=lambda row: odd.append(row.text) or "skip",  # type: ignore[func-returns-value]
        ),
        convert_options=pyarrow.csv.ConvertOptions(
            column_types=dict.fromkeys(headers, pa.string()), strings_can_be_null=True, null_values=[""]
        ),
    )
    table = pa.concat_tables([table, _short_rows(odd, headers, obj)])
    table = table.select(list(obj["headers"].values())).rename_columns(list(obj["headers"]))
    return table.append_column("_row", pa.array(range(table.num_rows), pa.int64()))


def _short_rows(texts: list[str], headers: list[str], obj: Object) -> pa.Table:
    """Rows whose last cells were left out; not those cut before a cell that must be there."""
    needed = 1 + max([-1, *(headers.index(obj["headers"][name]) for name in obj["required"])])
    rows = csv.reader(texts, delimiter=obj["delimiter"])
    whole = [[*row, *[""] * (len(headers) - len(row))] for row in rows if needed <= len(row) < len(headers)]
    columns = zip(*whole, strict=True) if whole else [()] * len(headers)
    return pa.table([pa.array([cell or None for cell in column], pa.string()) for column in columns], headers)


def _read_json(db: duckdb.DuckDBPyConnection, obj: Object, path: str, name: str) -> None:
    columns = ", ".join(f"'{header}': 'VARCHAR'" for header in obj["headers"].values())
    listed = ", ".join(f'"{header}" as "{column}"' for column, header in obj["headers"].items())
    db.execute(
        f"create view {name} as select {listed}, row_number() over () as _row from read_json('{path}',"
        f" format = 'newline_delimited', ignore_errors = true, columns = {{{columns}}})"
    )


def _read_sheet(obj: Object, path: str) -> pa.Table:
    sheet = python_calamine.CalamineWorkbook.from_path(path).get_sheet_by_name(obj["sheet"])
    rows = sheet.to_python(skip_empty_area=False)
    above = obj["skip_rows"] + obj["header_rows"]
    headers = list(_joined_headers(rows[obj["skip_rows"] : above]))
    places = [headers.index(header) for header in obj["headers"].values()]
    columns = [pa.array([_text(row[place]) for row in rows[above:]], pa.string()) for place in places]
    return pa.table([*columns, pa.array(range(len(rows) - above), pa.int64())], [*obj["headers"], "_row"])


def _joined_headers(above: list[list[Any]]) -> Iterator[str]:
    """Names of one or two header rows, joined with /; a merged cell stands in its first column only."""
    last = ""
    for column in range(len(above[0])):
        first = str(above[0][column]).strip()
        second = str(above[-1][column]).strip() if len(above) > 1 else ""
        last = first or last
        yield f"{last}/{second}" if second else first


def _text(value: Any) -> str | None:
    match value:
        case None | "":
            return None
        case datetime() if value.hour == value.minute == value.second == 0:
            return value.date().isoformat()
        case date():
            return value.isoformat()
        case float() if value == int(value) and abs(value) < 1e15:  # a longer one has lost its last digits
            return str(int(value))
    return str(value)
