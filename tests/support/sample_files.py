"""Readers of the sample town's exports that share nothing with the pipeline's: rows by the line or sheet row where they
start, values by header."""

import csv
import io
import json
from pathlib import Path

import openpyxl

from jobs.sample.civil_affairs import FIRST_ROW

FIRST_NIGHT = "2026-01-01"
NIGHTS = (FIRST_NIGHT, "2026-01-02", "2026-01-03")
Row = dict[str, object]

# By the beginning of a file's name: encoding and delimiter.
DELIMITED = {
    "户籍人口": ("gb18030", ","), "健康档案": ("utf-8-sig", ","), "参保人员": ("gbk", "|"), "房屋登记": ("gb18030", ","),
    "物业住户": ("utf-8", ","), "企业名单": ("gb18030", ","),
}  # fmt: skip
SYSTEM_OF = {
    "户籍人口": "police", "健康档案": "health", "参保人员": "social_security", "房屋登记": "housing", "物业住户": "housing",
    "企业名单": "market",
}  # fmt: skip


def read_csv(path: Path) -> dict[int, Row]:
    """Records by the physical line on which they start; `cells` counts the cells of each."""
    encoding, delimiter = DELIMITED[path.name[:4]]
    reader = csv.reader(io.StringIO(path.read_bytes().decode(encoding), newline=""), delimiter=delimiter)
    header = next(reader)
    rows: dict[int, Row] = {}
    start = reader.line_num + 1
    for cells in reader:
        if cells:
            rows[start] = dict(zip(header, cells, strict=False)) | {"cells": len(cells)}
        start = reader.line_num + 1
    return rows


def is_whole(row: Row) -> bool:
    """Whether a record of a delimited file has a cell for each header, or is one of another file."""
    return "cells" not in row or row["cells"] == len(row) - 1


def read_sheet(path: Path, header: int) -> dict[int, Row]:
    """Rows below the header by sheet row; a header that occurs again gets its column number."""
    sheet = openpyxl.load_workbook(path).active
    assert sheet is not None
    names = [cell.value for cell in sheet[header]]
    keys = [str(name) if names.index(name) == place else f"{name}{place}" for place, name in enumerate(names)]
    rows = {
        row[0].row: dict(zip(keys, (cell.value for cell in row), strict=True)) for row in sheet.iter_rows(header + 1)
    }
    return {number: row for number, row in rows.items() if any(cell is not None for cell in row.values())}


def read_lines(path: Path) -> dict[int, Row]:
    """JSON objects by line; a line that is none as {}."""
    rows: dict[int, Row] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), start=1):
        try:
            rows[number] = json.loads(line)
        except json.JSONDecodeError:
            if line:
                rows[number] = {}
    return rows


def read_rows(town: Path, night: str, system: str, name: str) -> dict[int, Row]:
    """The rows of any export that speak of somebody or something."""
    path = town / night / system / name
    match system:
        case "walk_in":
            return read_sheet(path, header=1)
        case "grid":
            return read_lines(path)
        case "civil_affairs":
            rows = read_sheet(path, header=FIRST_ROW - 1)
            return dict(list(rows.items())[:-2])  # without total and signature
    return read_csv(path)


def read_list(town: Path, night: str, prefix: str) -> dict[int, Row]:
    """The delimited file of a night whose name begins like that."""
    return read_csv(town / night / SYSTEM_OF[prefix] / next(iter(names_of(town, night, prefix))))


def whole_list(town: Path, night: str, prefix: str) -> dict[int, Row]:
    """As `read_list`, without the records that lack a cell or have one too many."""
    return {number: row for number, row in read_list(town, night, prefix).items() if is_whole(row)}


def names_of(town: Path, night: str, prefix: str) -> list[str]:
    folder = town / night / SYSTEM_OF[prefix]
    return sorted(path.name for path in folder.iterdir() if path.name.startswith(prefix) and path.suffix != ".part")


def read_truth(town: Path) -> list[dict[str, str]]:
    with (town / "truth.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def told(truth: list[dict[str, str]], night: str, prefix: str, kind: str, role: str) -> dict[int, str]:
    """Row number -> true id, for one night's files whose name begins like that."""
    return {
        int(line["row_number"]): line["truth_id"]
        for line in truth
        if (line["night"], line["kind"], line["role"]) == (night, kind, role) and line["path"].startswith(prefix)
    }
