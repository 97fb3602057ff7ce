"""`jiceng sql --output`: the result of a query as a Parquet, XLSX or CSV file, written row by row in bounded memory.

A file appears under its name when it is whole, and only its owner may read it: values are in clear.
Refuses: another ending, a file that is there already, what a sheet cannot hold.
"""

import csv
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any, cast

import pyarrow as pa
import pyarrow.parquet as pq
import xlsxwriter
from pyspark.sql import DataFrame
from xlsxwriter.exceptions import XlsxWriterException

from jobs.common.base.errors import UserError
from jobs.read.output import csv_cell, plain_value

ENDINGS = (".parquet", ".xlsx", ".csv")
# What a sheet can hold, its header row aside.
SHEET_ROWS, SHEET_COLUMNS, CELL_CHARACTERS = 1_048_575, 16_384, 32_767
# A spreadsheet counts in doubles, which are exact up to 15 digits, and its days begin with 1900.
_EXACT, _FIRST_DAY = 10**15, date(1900, 1, 1)
_GROUP_ROWS = 100_000
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def check_target(path: Path, force: bool, excel: bool) -> None:
    """Raise UserError where nothing can be written there, before the query is run."""
    ending, folder = path.suffix.lower(), path.absolute().parent
    if ending not in ENDINGS:
        raise UserError(f"--output {path.name} must end in {', '.join(ENDINGS)}, which tells the format")
    if excel and ending != ".csv":
        raise UserError("--excel is for CSV; an .xlsx file needs nothing to be read by Excel")
    if path.is_dir():
        raise UserError(f"{path} is a directory; name a file")
    if not folder.is_dir():
        raise UserError(f"there is no directory {folder}; make it, or name another for --output")
    if path.exists() and not force:
        raise UserError(f"{path} is there already; --force replaces it")


def write_frame(frame: DataFrame, path: Path, excel: bool = False) -> int:
    """Write what the frame computes to the file; returns the number of rows.

    Args:
        frame: the query.
        path: checked by `check_target`; its ending tells the format.
        excel: of CSV: for the eyes of Excel, with a byte order mark, and no text that it would take for a formula.

    Raises:
        UserError: the result does not fit into a sheet, or the file cannot be written.
    """
    write = {".parquet": write_parquet, ".xlsx": write_xlsx, ".csv": write_excel_csv if excel else write_csv}
    schema, tables = read_stream(frame)
    with appearing_whole(path) as partial:
        return write[path.suffix.lower()](partial, schema, tables)


@contextmanager
def appearing_whole(path: Path) -> Iterator[Path]:
    """A file beside `path` to write to, which takes its name once it is whole; only its owner may read it.

    Raises:
        UserError: it cannot be written.
    """
    partial = None
    try:
        with NamedTemporaryFile(dir=path.absolute().parent, prefix=f".{path.name}.", delete=False) as handle:
            partial = Path(handle.name)
        yield partial
        with open(partial, "rb+") as handle:
            os.fsync(handle.fileno())
        partial.replace(path)
    except (OSError, XlsxWriterException) as error:
        raise UserError(f"{path} cannot be written: {getattr(error, 'strerror', None) or error}") from error
    finally:
        if partial is not None:
            partial.unlink(missing_ok=True)


def read_stream(frame: DataFrame) -> tuple[pa.Schema, Iterator[pa.Table]]:
    """Schema of a frame's rows, and the rows in their order, some thousand at a time, as they come from the engine."""
    connect = cast(Any, frame)  # the frame's own `toArrow` reads this stream to its end before it gives anything
    stream = connect._session.client.to_table_as_iterator(
        connect._plan.to_proto(connect._session.client), connect._plan.observations
    )
    tables = (part for part in stream if isinstance(part, pa.Table))
    first = next(tables)
    schema = pa.schema([(field.name, _portable(field.type)) for field in first.schema])

    def in_order() -> Iterator[pa.Table]:
        yield first.cast(schema)
        for table in tables:
            yield table.cast(schema)

    return schema, in_order()


def _portable(type: pa.DataType) -> pa.DataType:
    """A type that every reader of Parquet knows, for the engines' own ways to hold text."""
    if pa.types.is_large_string(type) or pa.types.is_string_view(type):
        return pa.string()
    if pa.types.is_large_binary(type) or pa.types.is_binary_view(type):
        return pa.binary()
    return type


def write_parquet(path: Path, schema: pa.Schema, tables: Iterable[pa.Table]) -> int:
    """Types as the tables have them; row groups of a size that readers like."""
    count, waiting = 0, list[pa.Table]()
    with pq.ParquetWriter(path, schema) as writer:
        for table in tables:
            waiting.append(table)
            count += table.num_rows
            if sum(part.num_rows for part in waiting) >= _GROUP_ROWS:
                writer.write_table(pa.concat_tables(waiting))
                waiting = []
        if waiting:
            writer.write_table(pa.concat_tables(waiting))
    return count


def write_csv(path: Path, schema: pa.Schema, tables: Iterable[pa.Table]) -> int:
    """As `--format csv` prints it: UTF-8, nothing as an empty cell."""
    return _write_csv(path, schema, tables, "utf-8", "\n", csv_cell)


def write_excel_csv(path: Path, schema: pa.Schema, tables: Iterable[pa.Table]) -> int:
    """With a byte order mark, and an apostrophe before text that Excel would run as a formula."""

    def guard(value: Any) -> str:
        text = csv_cell(value)
        return f"'{text}" if isinstance(value, str) and text.startswith(_FORMULA) else text

    return _write_csv(path, schema, tables, "utf-8-sig", "\r\n", guard)


def _write_csv(
    path: Path, schema: pa.Schema, tables: Iterable[pa.Table], encoding: str, line_end: str, cell: Callable[[Any], str]
) -> int:
    count = 0
    with open(path, "w", encoding=encoding, newline="") as handle:
        writer = csv.writer(handle, lineterminator=line_end)
        writer.writerow(schema.names)
        for values in _rows(tables):
            writer.writerow(map(cell, values))
            count += 1
    return count


def write_xlsx(path: Path, schema: pa.Schema, tables: Iterable[pa.Table]) -> int:
    """One sheet with its header row frozen. Text stays text, whatever it looks like; days and times (UTC) are such.

    Raises:
        UserError: more rows, columns or characters of a cell than a sheet holds.
    """
    if len(schema) > SHEET_COLUMNS:
        raise UserError(f"the query gives {len(schema):,} columns, and a sheet holds {SHEET_COLUMNS:,}; name fewer")
    settings = {
        "constant_memory": True,
        "tmpdir": str(path.parent),
        "strings_to_numbers": False,
        "strings_to_formulas": False,
        "strings_to_urls": False,
    }
    with closing(xlsxwriter.Workbook(str(path), settings)) as book:
        sheet = book.add_worksheet("result")
        formats = _write_head(book, sheet, schema)
        count = 0
        for count, values in enumerate(_rows(tables), start=1):
            if count > SHEET_ROWS:
                raise UserError(
                    f"the query gives more than {SHEET_ROWS:,} rows, the most that a sheet holds; "
                    "write .parquet or .csv, or narrow the query"
                )
            for at, value in enumerate(values):
                _write_cell(sheet, count, at, value, formats[at], schema.names[at])
    return count


def _write_head(book: Any, sheet: Any, schema: pa.Schema) -> list[Any]:
    """Set up the sheet and write its header row; returns the format of each column."""
    sheet.freeze_panes(1, 0)
    sheet.ignore_errors({"number_stored_as_text": f"A1:XFD{SHEET_ROWS + 1}"})
    formats = [book.add_format({"num_format": _number_format(field.type)}) for field in schema]
    for at, field in enumerate(schema):
        sheet.set_column(at, at, _width(field), formats[at])
    bold = book.add_format({"bold": True, "num_format": "@"})
    for at, name in enumerate(schema.names):
        sheet.write_string(0, at, name, bold)
    return formats


def _write_cell(sheet: Any, row: int, column: int, value: Any, format: Any, name: str) -> None:
    """Write one value as what it is; what a spreadsheet would change (many digits, early days) goes as text."""
    value = plain_cell(value)
    if value is None:
        return
    if isinstance(value, bool):
        sheet.write_boolean(row, column, value, format)
    elif isinstance(value, int | float | Decimal):
        sheet.write_number(row, column, value, format)
    elif isinstance(value, date):
        sheet.write_datetime(row, column, value, format)
    elif len(value) > CELL_CHARACTERS:
        raise UserError(
            f"row {row:,} of the result has {len(value):,} characters in {name}, and a cell of a sheet holds "
            f"{CELL_CHARACTERS:,}; write .parquet or .csv"
        )
    else:
        sheet.write_string(row, column, value, format)


def plain_cell(value: Any) -> Any:
    """A value as a cell of a sheet can hold it: boolean, number, day, time without a zone (UTC), text, or nothing."""
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, float):
        return plain_value(value)
    if isinstance(value, datetime):
        value = value.replace(tzinfo=None)
    return value if _is_exact(value) else csv_cell(value)


def _is_exact(value: Any) -> bool:
    """Whether a spreadsheet knows the kind of value, and holds this one as it is."""
    if isinstance(value, datetime):
        return value.date() >= _FIRST_DAY
    if isinstance(value, date):
        return value >= _FIRST_DAY
    if isinstance(value, Decimal):
        digits = value.normalize().as_tuple().digits
        return value.is_finite() and len(digits) <= 15
    return isinstance(value, int) and abs(value) < _EXACT


def _number_format(type: pa.DataType) -> str:
    if pa.types.is_timestamp(type):
        return "yyyy-mm-dd hh:mm:ss"
    if pa.types.is_date(type):
        return "yyyy-mm-dd"
    if pa.types.is_decimal(type) and type.scale > 0:
        return f"0.{'0' * type.scale}"
    is_general = (pa.types.is_integer(type), pa.types.is_floating(type), pa.types.is_boolean(type))
    # Text: a number that somebody types over one of these cells later stays text as well.
    return "General" if any(is_general) else "@"


def _width(field: pa.Field) -> int:
    """Columns that a cell takes, Chinese characters for two."""
    is_long = pa.types.is_timestamp(field.type) or pa.types.is_string(field.type)
    wide = sum(not character.isascii() for character in field.name)
    return max(20 if is_long else 11, 2 + len(field.name) + wide)


def _rows(tables: Iterable[pa.Table]) -> Iterator[tuple[Any, ...]]:
    for table in tables:
        yield from zip(*(column.to_pylist() for column in table.columns), strict=True)
