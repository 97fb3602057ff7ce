"""An export to hand on: the file, what it is, and the dictionary, for its owner's eyes."""

import json
from pathlib import Path

import openpyxl
import pytest

import jobs
from tests.support.office import Office, open_office, simple_contract

pytestmark = pytest.mark.nights

QUERY = "select number, subject from appeal order by number"


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Office:
    office = open_office(tmp_path_factory.mktemp("handover") / "workspace")
    office.declare("desk", simple_contract("desk"))
    for night, lines in (("2026-01-01", ["1 甲", "2 乙"]), ("2026-01-02", ["1 甲", "3 丙", "4 丁"])):
        office.hand_in(f"desk/messages_{night.replace('-', '')}.csv", lines)
        assert office.run(night).code == 0
    return office


def test_the_release_and_the_dictionary_lie_beside_it(office: Office, tmp_path: Path) -> None:
    target = tmp_path / "messages.xlsx"
    answer = office.jiceng("export", QUERY, "--output", target, "--release", "2026-01-01.1")
    assert (answer.code, answer.out) == (0, "")
    assert "2 rows of release 2026-01-01.1" in answer.err
    sheet = openpyxl.load_workbook(target).active
    assert [[cell.value for cell in row] for row in sheet.iter_rows()] == [
        ["number", "subject"],
        ["1", "甲"],
        ["2", "乙"],
    ]
    about = json.loads((tmp_path / "messages.xlsx.about.json").read_text(encoding="utf-8"))
    assert (about["query"], about["release_id"], about["night"], about["rows"]) == (
        QUERY,
        "2026-01-01.1",
        "2026-01-01",
        2,
    )
    assert about["columns"] == {"number": "string", "subject": "string"}
    tables = office.summary("2026-01-01.1")["tables"]
    assert about["tables"]["appeal"] == {name: tables["refined.appeal"][name] for name in ("rows", "fingerprint")}
    page = (tmp_path / "messages.xlsx.dictionary.html").read_text(encoding="utf-8")
    assert "is_repeated_text" in page
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}


def test_nothing_is_replaced_unasked(office: Office, tmp_path: Path) -> None:
    target = tmp_path / "messages.csv"
    (tmp_path / "messages.csv.about.json").write_text("mine")
    refused = office.jiceng("export", QUERY, "--output", target)
    assert (refused.code, "is there already; --force replaces it" in refused.err) == (2, True)
    assert [path.name for path in tmp_path.iterdir()] == ["messages.csv.about.json"]
    assert office.jiceng("export", QUERY, "--output", target, "--force", "--excel").code == 0
    assert target.read_bytes().startswith(b"\xef\xbb\xbfnumber,subject")
    assert json.loads((tmp_path / "messages.csv.about.json").read_text())["rows"] == 3


def test_every_reader_sees_the_same_rows(office: Office) -> None:
    table = jobs.open_table("appeal", "2026-01-01.1", home=office.workspace.home)
    expected = {("1", "甲"), ("2", "乙")}
    seen = {
        "arrow": {(row["number"], row["subject"]) for row in table.arrow().to_pylist()},
        "polars": set(table.polars().select("number", "subject").iter_rows()),
        "duckdb": set(table.duckdb().project("number, subject").fetchall()),
        "pandas": set(table.pandas()[["number", "subject"]].itertuples(index=False, name=None)),
        "spark": {tuple(row) for row in table.spark().select("number", "subject").collect()},
    }
    assert seen == dict.fromkeys(seen, expected)
