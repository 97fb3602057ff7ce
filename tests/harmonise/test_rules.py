"""Rules that change: what stands from earlier nights is cleaned anew, and only what comes out otherwise gets a version."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from jobs.common.run.stage import open_lake
from tests.support.office import Office, copy_office, open_office

pytestmark = pytest.mark.nights

NIGHTS = tuple(date(2026, 1, day) for day in range(1, 5))


def contract(mode: str = "snapshot", sex: str = "resident.sex_code", status: str = "") -> str:
    """A list of residents: number, name, sex, and a status that feeds nothing unless it is told what."""
    fed = f", customProperties: [{{property: feeds, value: {status}}}]" if status else ""
    number = ", customProperties: [{property: feeds, value: resident_status.number}]" if status else ""
    return f"""apiVersion: v3.2.0
kind: DataContract
id: club
version: 1.0.0
status: active
customProperties:
  - {{property: expected, value: occasional}}
servers:
  - server: list
    type: custom
    format: csv
    customProperties:
      - {{property: path, value: "*.csv"}}
      - {{property: mode, value: {mode}}}
      - {{property: max_loss, value: 1}}
      - {{property: as_of, value: '_(\\d{{8}})'}}
schema:
  - name: list
    properties:
      - {{name: number, physicalName: 编号, classification: "2", required: true, primaryKey: true{number}}}
      - {{name: name, physicalName: 姓名, classification: "3", customProperties: [{{property: feeds, value: resident.name}}]}}
      - {{name: sex, physicalName: 性别, classification: "2", customProperties: [{{property: feeds, value: {sex}}}]}}
      - {{name: state, physicalName: 类别, classification: "4"{fed}}}
"""


def members(*lines: str) -> str:
    return "\n".join(["编号,姓名,性别,类别", *lines, ""])


FIRST = members("1,甲一,男,低保", "2,乙二,女士,", "3,丙三,女,特困")


@pytest.fixture(scope="module")
def worked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    office = open_office(tmp_path_factory.mktemp("worked") / "workspace")
    office.declare("club", contract())
    office.hand_in("club/名单_20260101.csv", FIRST)
    assert office.run("2026-01-01").code == 0
    return office.workspace.home


@pytest.fixture
def office(worked: Path, tmp_path: Path) -> Office:
    """After a first night, on which nobody knew what 女士 means."""
    return copy_office(worked, tmp_path / "office")


def versions(office: Office, record: str = "resident") -> set[tuple[Any, ...]]:
    """Source key, sex or status, first night and the night it ended, of every version."""
    field = {"resident": "sex_code", "resident_status": "status_code"}[record]
    rows = open_lake(office.workspace).rows(f"harmonised.{record}").to_pylist()
    return {(row["source_key"], row[field], row["valid_from"], row["valid_to"]) for row in rows}


def issues(office: Office) -> set[tuple[Any, ...]]:
    rows = open_lake(office.workspace).rows("ops.issue").to_pylist()
    return {(row["row_number"], row["field"], row["code"], row["opened"], row["closed"]) for row in rows}


def teach(office: Office) -> None:
    """The office's own list of sexes, which knows 女士."""
    (office.workspace.conf / "codes").mkdir(exist_ok=True)
    text = "code,label,synonyms\n1,男,\n2,女,女士\n"
    (office.workspace.conf / "codes/sex.csv").write_text(text, encoding="utf-8")


def test_a_code_list_that_learns_a_word_mends_the_rows_that_stand(office: Office) -> None:
    one, two = NIGHTS[:2]
    assert versions(office) == {("1", "1", one, None), ("2", None, one, None), ("3", "2", one, None)}
    assert issues(office) == {(3, "sex_code", "unknown_code", one, None)}
    teach(office)
    answer = office.run("2026-01-02")  # nothing was handed in
    assert answer.code == 0
    assert "rules or files changed, standing rows cleaned anew  (rows 3)" in answer.err
    assert versions(office) == {
        ("1", "1", one, None), ("2", None, one, two), ("2", "2", two, None), ("3", "2", one, None),
    }  # fmt: skip
    assert issues(office) == {(3, "sex_code", "unknown_code", one, two)}


def test_rows_handed_in_with_the_new_rules_are_worked_on_once(office: Office) -> None:
    one, two = NIGHTS[:2]
    teach(office)
    office.hand_in("club/名单_20260102.csv", members("1,甲一,男,低保", "2,乙二,女士,", "4,丁四,女士,"))
    assert office.run("2026-01-02").code == 0
    assert versions(office) == {
        ("1", "1", one, None), ("2", None, one, two), ("2", "2", two, None), ("3", "2", one, two), ("4", "2", two, None),
    }  # fmt: skip


def test_the_same_rules_touch_nothing(office: Office) -> None:
    before = open_lake(office.workspace).version("harmonised.resident"), versions(office)
    (office.workspace.conf / "codes").mkdir(exist_ok=True)
    text = "code,label,synonyms\n1,无关,\n"  # a list that no field of the club is looked up in
    (office.workspace.conf / "codes/organisation_status.csv").write_text(text, encoding="utf-8")
    answer = office.run("2026-01-02")
    assert "cleaned anew" not in answer.err
    assert (open_lake(office.workspace).version("harmonised.resident"), versions(office)) == before


def test_a_new_feed_gives_the_rows_that_stand_a_record(office: Office) -> None:
    two = NIGHTS[1]
    residents = versions(office)
    office.declare("club", contract(status="resident_status.status_code"))
    assert office.run("2026-01-02").code == 0
    assert versions(office, "resident_status") == {("1", "01", two, None), ("3", "03", two, None)}
    assert versions(office) == residents


def test_a_feed_taken_back_ends_its_records(office: Office) -> None:
    two, three = NIGHTS[1:3]
    office.declare("club", contract(status="resident_status.status_code"))
    office.run("2026-01-02")
    office.declare("club", contract())
    assert office.run("2026-01-03").code == 0
    assert {row[2:] for row in versions(office, "resident_status")} == {(two, three)}
    assert {row[3] for row in versions(office)} == {None}


def test_rules_taken_back_on_the_same_night_leave_no_trace(office: Office) -> None:
    before = versions(office), issues(office)
    teach(office)
    office.run("2026-01-02")
    assert versions(office) != before[0]
    (office.workspace.conf / "codes/sex.csv").unlink()
    assert office.run("2026-01-02").code == 0
    assert (versions(office), issues(office)) == before
    assert open_lake(office.workspace).rows("ops.rules", {"night": NIGHTS[1]}).num_rows == 0


def test_an_increment_is_cleaned_anew_with_what_stands_from_earlier_files(tmp_path: Path) -> None:
    one, two, three = NIGHTS[:3]
    office = open_office(tmp_path / "office")
    office.declare("club", contract("incremental"))
    office.hand_in("club/名单_20260101.csv", FIRST)
    office.run("2026-01-01")
    office.hand_in("club/名单_20260102.csv", members("2,乙二,女,", "4,丁四,女士,"))
    office.run("2026-01-02")
    teach(office)
    office.hand_in("club/名单_20260103.csv", members("3,丙三,男,"))
    assert office.run("2026-01-03").code == 0
    assert versions(office) == {
        ("1", "1", one, None),
        ("2", None, one, two), ("2", "2", two, None),
        ("3", "2", one, three), ("3", "1", three, None),
        ("4", None, two, three), ("4", "2", three, None),
    }  # fmt: skip


def test_an_increment_that_falls_silent_ends_the_record(tmp_path: Path) -> None:
    two = NIGHTS[1]
    office = open_office(tmp_path / "office")
    office.declare("club", contract("incremental", sex="resident@spouse.sex_code"))
    office.hand_in("club/名单_20260101.csv", FIRST)
    office.run("2026-01-01")
    office.hand_in("club/名单_20260102.csv", members("1,甲一,,低保"))
    assert office.run("2026-01-02").code == 0
    rows = open_lake(office.workspace).rows("harmonised.resident", {"role": "spouse"}).to_pylist()
    assert {(row["source_key"], row["valid_to"]) for row in rows} == {("1", two), ("2", None), ("3", None)}
