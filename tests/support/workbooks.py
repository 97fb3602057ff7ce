"""Workbooks that tests write, sound ones and others."""

import zipfile
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import xlsxwriter

from tests.support.land_objects import make_object

HEADER = ["登记号", "姓名", "事由"]
REGISTER = make_object("xlsx", HEADER, ("登记号",))
HTML = (
    '<html xmlns:x="urn:schemas-microsoft-com:office:excel"><body><table><tr><td>张三</td></tr></table></body></html>'
)


def write_book(folder: Path) -> Path:
    path = folder / "register.xlsx"
    with xlsxwriter.Workbook(path) as book:
        page = book.add_worksheet("Sheet1")
        page.write_row(0, 0, HEADER)
        page.write_row(1, 0, ["1", "甲", "a"])
    return path


def with_part(path: Path, name: str, *texts: bytes) -> Path:
    """The workbook with another content of one of its parts."""
    changed = path.with_name(f"changed-{path.name}")
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(changed, "w", zipfile.ZIP_DEFLATED) as target:
        for part in source.namelist():
            if part != name:
                target.writestr(part, source.read(part))
        with target.open(name, "w") as written:
            for text in texts:
                written.write(text)
    return changed


def write(
    path: Path,
    rows: Sequence[Any],
    sheet: str = "Sheet1",
    merged: Sequence[tuple[Any, ...]] = (),
    at: tuple[int, int] = (0, 0),
) -> Path:
    """A workbook with these rows, the first cell at `at`; None leaves a cell empty; `merged` as xlsxwriter takes it."""
    path = path / "file"
    with xlsxwriter.Workbook(path) as book:
        page = book.add_worksheet(sheet)
        formats = {
            date: book.add_format({"num_format": "yyyy-mm-dd"}),
            datetime: book.add_format({"num_format": "yyyy/m/d h:mm:ss"}),
            time: book.add_format({"num_format": "h:mm"}),
            timedelta: book.add_format({"num_format": "[h]:mm"}),
        }
        for number, row in enumerate(rows, start=at[0]):
            for column, value in enumerate(row, start=at[1]):
                if isinstance(value, (date, time, timedelta)):
                    page.write_datetime(number, column, value, formats[type(value)])
                elif isinstance(value, str) and value.startswith("#"):
                    page.write_formula(number, column, "=NA()", None, value)
                elif isinstance(value, str):
                    page.write_string(number, column, value)
                elif value is not None:
                    page.write(number, column, value)
        for area in merged:
            page.merge_range(*area)
    return path
