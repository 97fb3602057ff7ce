"""Two nights of an office that hands in what programs and people make of workbooks: what lands, what is told, what ends."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter

from jobs.common.lake.tables import Lake
from jobs.common.run.stage import open_lake
from tests.support.office import Office, open_office
from tests.support.workbooks import HTML

pytestmark = pytest.mark.nights

CONTRACT = """apiVersion: v3.2.0
kind: DataContract
id: market
version: 1.0.0
status: active
customProperties:
  - {property: expected, value: occasional}
servers:
  - server: list
    type: custom
    format: xlsx
    customProperties:
      - {property: path, value: "list_*.xlsx"}
      - {property: mode, value: snapshot}
      - {property: max_loss, value: 1}
      - {property: as_of, value: 'list_(\\d{8})'}
      - {property: sheet, value: Sheet1}
      - {property: group_into, value: kind}
  - server: web
    type: custom
    format: xlsx
    customProperties:
      - {property: path, value: "web_*.xls"}
      - {property: mode, value: incremental}
      - {property: sheet, value: Sheet1}
schema:
  - name: list
    properties:
      - {name: seq, physicalName: 序号, classification: "1"}
      - {name: number, physicalName: 登记号, classification: "1", required: true, primaryKey: true}
      - {name: title, physicalName: 名称, classification: "1", customProperties: [{property: feeds, value: organisation.name}]}
      - name: address
        physicalName: 地址
        classification: "2"
        customProperties: [{property: feeds, value: organisation.address}]
      - {name: kind, physicalName: 类别, classification: "1"}
  - name: web
    properties:
      - {name: number, physicalName: 登记号, classification: "1", primaryKey: true}
      - {name: title, physicalName: 名称, classification: "1", customProperties: [{property: feeds, value: organisation.name}]}
"""
HEADER = ["序号", "登记号", "名称", "地址"]
FIRST = [
    ["一、机关（2家）"],
    [1, "A1", "街道办", "汉府街1号"],
    [2, "A2", "=A1&B1", "#REF!"],
    ["二、企业（3家）"],
    [3, "A3", "甲店", "汉府街3号"],
    [4, "A4", "乙店", "汉府街4号"],
]


def register(rows: Sequence[Sequence[Any]]) -> bytes:
    """A workbook; a row of one cell is merged, `=` is a formula never computed, `#` an error."""
    data = io.BytesIO()
    with xlsxwriter.Workbook(data, {"in_memory": True}) as book:
        page = book.add_worksheet("Sheet1")
        for number, row in enumerate([HEADER, *rows]):
            if len(row) == 1:
                page.merge_range(number, 0, number, 3, row[0])
                continue
            for column, cell in enumerate(row):
                if str(cell).startswith(("=", "#")):
                    page.write_formula(number, column, str(cell), None, "" if str(cell).startswith("=") else cell)
                else:
                    page.write(number, column, cell)
    return data.getvalue()


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Office:
    office = open_office(tmp_path_factory.mktemp("odd") / "workspace")
    office.declare("market", CONTRACT)
    office.hand_in("market/list_20260101.xlsx", register(FIRST))
    office.hand_in("market/web_1.xls", HTML.encode())
    assert office.run("2026-01-01").code == 0
    office.hand_in("market/list_20260102.xlsx", register([*FIRST[:2], [2, "A2", "区署", "汉府街2号"], *FIRST[3:5]]))
    assert office.run("2026-01-02").code == 0
    return office


@pytest.fixture(scope="module")
def lake(office: Office) -> Lake:
    return open_lake(office.workspace)


def test_an_error_and_a_formula_never_computed_are_issues_until_they_are_mended(lake: Lake) -> None:
    issues = lake.rows("ops.issue", {"system": "market"}).to_pylist()
    assert sorted((row["row_number"], row["field"], row["code"], row["raw"], str(row["closed"])) for row in issues) == [
        (4, "address", "cell_error", "#REF!", "2026-01-02"),
        (4, "name", "formula_without_value", "#NO_VALUE!", "2026-01-02"),
    ]


def test_headings_are_skipped_and_what_is_missing_has_ended(lake: Lake, office: Office) -> None:
    skipped = lake.rows("ops.skipped", {"reason": "group"}).to_pylist()
    assert sorted(row["row_number"] for row in skipped) == [2, 2, 5, 5]
    assert lake.rows("ops.quarantine").num_rows == 0
    raw = lake.rows("raw.market__list").to_pylist()
    assert {row["number"]: row["kind"] for row in raw} == {"A1": "机关", "A2": "机关", "A3": "企业", "A4": "企业"}
    assert office.summary("2026-01-02.1")["tables"]["refined.organisation"]["rows"] == 3


def test_a_web_page_called_a_workbook_is_told_as_one(office: Office) -> None:
    [file] = [
        file for file in office.summary("2026-01-01.1")["sources"]["market"]["files"] if file["name"] == "web_1.xls"
    ]
    assert (file["status"], file["reason"]) == ("refused", "wrong_format")
    assert file["detail"].startswith("an HTML page under the name of a workbook; open it in Excel")


def test_books_close_and_a_key_that_is_an_error_counts_as_missing(office: Office) -> None:
    assert office.jiceng("books", "--run", "2026-01-02.1").code == 0
    office.hand_in("market/list_20260103.xlsx", register([*FIRST[:2], [2, "#N/A", "区署", "汉府街2号"]]))
    assert office.run("2026-01-03").code == 0
    lake = open_lake(office.workspace)
    assert [(row["row_number"], row["reason"]) for row in lake.rows("ops.quarantine").to_pylist()] == [
        (4, "key_missing")
    ]
    assert office.summary("2026-01-03.1")["tables"]["refined.organisation"]["rows"] == 3


def test_what_no_reader_bears_is_refused_before_it_is_handed_in(office: Office, tmp_path: Path) -> None:
    path = tmp_path / "list_20260104.xlsx"
    data = io.BytesIO()
    with xlsxwriter.Workbook(data, {"in_memory": True}) as book:
        page = book.add_worksheet("Sheet1")
        page.write_row(0, 0, HEADER)
        page.write(1_048_575, 16_383, "x")
    path.write_bytes(data.getvalue())
    answer = office.jiceng("sources", "try", path, "--system", "market", "--night", "2026-01-04")
    assert "unreadable" in answer.out
    assert "row 1048576 and column 16384" in answer.out + answer.err
