"""A record type and its table from YAML alone: a workspace brings model, contract and suite, and edits nothing else.

`service_visit` is a fact that speaks of a resident and is deduplicated: of two systems that record one visit, one row stays.
"""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from jobs.common.base.workspace import REPOSITORY_CONF
from tests.support.office import Office, open_office, rows_of

pytestmark = pytest.mark.nights

ONE, TWO = "2026-01-01", "2026-01-02"
HEADER = "编号,姓名,身份证,日期,事项"
LI, WANG = "李明,11010519491231002X", "王芳,110105199003078004"

MODEL: dict[str, Any] = {
    "record": "service_visit", "shape": "fact", "title": {"zh": "走访服务", "en": "service visits"},
    "grain": {"zh": "每次走访一行", "en": "one row per visit"}, "key": ["system", "number"],
    "speaks_of": {"resident_id": "resident"}, "deduplicate_by": ["resident_id", "visit_date"],
    "fields": [
        {"name": "number", "type": "number", "level": 1, "zh": "编号", "en": "number of the visit"},
        {"name": "visit_date", "type": "date", "level": 2, "zh": "日期", "en": "day of the visit"},
        {"name": "matter", "type": "text", "level": 2, "zh": "事项", "en": "what it was about"},
    ],
    "derived": [{"name": "system_count", "type": "integer", "level": 1, "zh": "系统数", "en": "systems that record it"}],
}  # fmt: skip
NOT_NULL = "expect_column_values_to_not_be_null"
SUITE: dict[str, Any] = {
    "table": "service_visit",
    "rules": [
        {"expectation": NOT_NULL, "arguments": {"column": "number"}, "severity": "critical", "because": "the key"},
        {"expectation": "expect_column_values_to_be_in_set",
         "arguments": {"column": "resident_id_exists", "value_set": [True]}, "severity": "critical", "because": "who"},
    ],
}  # fmt: skip
COLUMNS = (
    ("number", "编号", "1", ["service_visit.number"]),
    ("name", "姓名", "3", ["resident.name"]),
    ("id_number", "身份证", "4", ["resident.id_number"]),
    ("visit_date", "日期", "2", ["service_visit.visit_date"]),
    ("matter", "事项", "2", ["service_visit.matter"]),
)


def contract(system: str, columns: Any = COLUMNS) -> str:
    properties = [
        {"name": name, "physicalName": header, "classification": level,
         **({"required": True, "primaryKey": True} if name == "number" else {}),
         **({"customProperties": [{"property": "feeds", "value": feeds}]} if feeds else {})}
        for name, header, level, feeds in columns
    ]  # fmt: skip
    settings = [("path", "*.csv"), ("mode", "snapshot"), ("as_of", r"_(\d{8})")]
    told = [{"property": name, "value": value} for name, value in settings]
    return json.dumps({
        "apiVersion": "v3.2.0", "kind": "DataContract", "id": system, "version": "1.0.0", "status": "active",
        "customProperties": [{"property": "expected", "value": "occasional"}],
        "servers": [{"server": "visit", "type": "custom", "format": "csv", "customProperties": told}],
        "schema": [{"name": "visit", "properties": properties}],
    }, ensure_ascii=False)  # fmt: skip


def write(office: Office, model: Any = MODEL, suite: Any = SUITE) -> None:
    """Model and suite of the record, as a steward writes them into the workspace; None leaves one out."""
    for folder, document in ((office.workspace.conf / "model", model), (office.workspace.expectations, suite)):
        folder.mkdir(exist_ok=True)
        if document is not None:
            text = yaml.safe_dump(document, allow_unicode=True, sort_keys=False)
            (folder / "service_visit.yml").write_text(text, encoding="utf-8")


def exported(*rows: str) -> str:
    return "\n".join([HEADER, *rows, ""])


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Office:
    """Two nights of an office with the record; on the second one visit is new."""
    office = open_office(tmp_path_factory.mktemp("record") / "home")
    write(office)
    first = [f"V1,{LI},2025-12-30,送药", f"V2,{WANG},2025-12-31,修灯"]
    for system in ("hall", "team"):
        office.declare(system, contract(system))
    office.hand_in("hall/v_20260101.csv", exported(*first))
    office.hand_in("team/v_20260101.csv", exported(f"T9,{LI},2025-12-30,送药上门"))
    assert not [
        row for row in rows_of(office.jiceng("sources", "check", "--format", "json")) if row["state"] == "error"
    ]
    answers = [office.run(ONE)]
    office.hand_in("hall/v_20260102.csv", exported(*first, f"V3,{LI},2026-01-01,送药"))
    answers.append(office.run(TWO))
    assert [answer.code for answer in answers] == [0, 0], answers[-1].err[-3000:]
    return office


def test_its_rows_are_released_once_each(office: Office) -> None:
    """The hall's row stays of the visit that the team records as well: systems come by name."""
    query = (
        "select system, number, cast(visit_date as string) day, matter, system_count from service_visit order by number"
    )
    assert rows_of(office.jiceng("sql", query, "--format", "json")) == [
        {"system": "hall", "number": "V1", "day": "2025-12-30", "matter": "送药", "system_count": 2},
        {"system": "hall", "number": "V2", "day": "2025-12-31", "matter": "修灯", "system_count": 1},
        {"system": "hall", "number": "V3", "day": "2026-01-01", "matter": "送药", "system_count": 1},
    ]
    joined = "select count(*) n from service_visit v join resident r on v.resident_id = r.entity_id"
    assert rows_of(office.jiceng("sql", joined, "--format", "json")) == [{"n": 3}]


def test_its_books_close(office: Office) -> None:
    answer = office.jiceng("books", "--format", "json")
    assert answer.code == 0
    equations = {row["equation"] for row in rows_of(answer) if row["record"] == "service_visit" and not row["system"]}
    assert "records = candidate + repeated" in equations
    assert "candidate = refined" in equations


def test_a_cell_of_it_is_explained(office: Office) -> None:
    rows = rows_of(office.jiceng("explain", "service_visit", "hall/V1", "--format", "json"))
    told = [(row["state"], row["system"], row["row_number"]) for row in rows if row["field"] == "matter"]
    assert told == [("chosen", "hall", 2), ("lost", "team", 2)]


def test_the_dictionary_has_it(office: Office) -> None:
    rows = rows_of(office.jiceng("dictionary", "service_visit", "--format", "json"))
    assert [row["column"] for row in rows] == [
        "system", "number", "visit_date", "matter", "system_count", "resident_id",
    ]  # fmt: skip


def test_two_releases_of_it_are_compared(office: Office) -> None:
    answer = office.jiceng("release", "diff", f"{ONE}.1", f"{TWO}.1", "--format", "json")
    assert answer.code == 0, answer.err
    changes = [(row["change"], row["rows"]) for row in rows_of(answer) if row["table"] == "service_visit"]
    assert changes == [("added", 1)]


def test_the_run_kept_the_suite_it_was_judged_by(office: Office) -> None:
    kept = list(office.workspace.archive.glob("conf/*/expectations/service_visit.yml"))
    assert len(kept) == 1
    assert yaml.safe_load(kept[0].read_text(encoding="utf-8")) == SUITE


# --- mistakes ---------------------------------------------------------------------------------------------------------


def rule(**keys: Any) -> dict[str, Any]:
    return {**SUITE, "rules": [{**SUITE["rules"][0], **keys}]}


MISTAKES: dict[str, tuple[Any, Any, str]] = {
    "no suite": (MODEL, None, "service_visit.yml:1 record: The table `service_visit` has no suite"),
    "an unknown column": (
        MODEL, rule(arguments={"column": "visit_day"}),
        "rules[0].arguments: The table `service_visit` has no column `visit_day`. Did you mean `visit_date`?",
    ),
    "an unknown expectation": (
        MODEL, rule(expectation="expect_column_values_to_be_nul"),
        "rules[0].expectation: Great Expectations has no `expect_column_values_to_be_nul`. Did you mean",
    ),
    "an unknown code list": (
        MODEL, rule(arguments={"column": "matter", "codes": "sxe"}), "There is no code list `sxe`. Did you mean `sex`?",
    ),
    "a suite of another table": (MODEL, {**SUITE, "table": "visit"}, "needs `table: service_visit`"),
    "an unknown shape": ({**MODEL, "shape": "event"}, SUITE, "shape: event is no shape"),
    "a new kind": (
        {**MODEL, "shape": "entity"}, SUITE, "kind: match has no rules for the kind service_visit",
    ),
    "an unknown column to deduplicate by": (
        {**MODEL, "deduplicate_by": ["visit_day"]}, SUITE, "deduplicate_by: visit_day is no column of the record",
    ),
    "a column that no code derives": (
        {**MODEL, "derived": [{**MODEL["derived"][0], "name": "days"}]}, SUITE, "derived[0].name: No code derives days.",
    ),
    "a type that no field has": (
        {**MODEL, "fields": [MODEL["fields"][0], {**MODEL["fields"][1], "type": "boolean"}]}, SUITE, "boolean",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_is_one_line_before_the_night_begins(tmp_path: Path, case: str) -> None:
    model, suite, sentence = MISTAKES[case]
    office = open_office(tmp_path / "home")
    write(office, model, suite)
    checked = office.jiceng("sources", "check", "--format", "json")
    assert checked.code == 2
    errors = [row["detail"] for row in rows_of(checked) if row["state"] == "error"]
    found = [error for error in errors if sentence in error]
    assert len(found) == 1, errors
    assert "\n" not in found[0]
    refused = office.run(ONE)
    assert refused.code == 2
    assert len(refused.err.strip().splitlines()) == 1
    assert "Traceback" not in refused.err
    assert not list(office.workspace.run_dir("x").parent.glob("2026*"))


def test_a_suite_without_a_table_is_told(tmp_path: Path) -> None:
    office = open_office(tmp_path / "home")
    write(office, None, SUITE)
    checked = office.jiceng("sources", "check", "--format", "json")
    [error] = [row["detail"] for row in rows_of(checked) if row["state"] == "error"]
    assert "service_visit.yml:1 table: No record or product makes a table `service_visit`." in error


def test_a_contract_that_feeds_a_field_that_is_not_there_is_told(tmp_path: Path) -> None:
    office = open_office(tmp_path / "home")
    write(office)
    office.declare("hall", contract("hall", [*COLUMNS[:4], ("matter", "事项", "2", ["service_visit.mater"])]))
    checked = office.jiceng("sources", "check", "--format", "json")
    assert checked.code == 2
    [error] = [row["detail"] for row in rows_of(checked) if row["state"] == "error"]
    assert "The record `service_visit` has no field `mater`. Did you mean `matter`?" in error


# --- a neighbour: a relation ------------------------------------------------------------------------------------------

CARE: dict[str, Any] = {
    "record": "care", "shape": "relation", "title": {"zh": "照护", "en": "care"},
    "grain": {"zh": "每对一行", "en": "one row per pair"}, "key": ["relation_code", "from_id", "to_id"],
    "fields": [{"name": "start_date", "type": "date", "level": 2, "zh": "开始", "en": "first day"}],
    "pairs": [{"relation": "carer", "from": "resident@carer", "to": "resident@person"}],
}  # fmt: skip
CARE_COLUMNS = (
    ("number", "编号", "1", []),
    ("name", "姓名", "3", ["resident.name"]),
    ("id_number", "身份证", "4", ["resident.id_number"]),
    ("carer_name", "照护人", "3", ["resident@carer.name"]),
    ("carer_id", "照护人身份证", "4", ["resident@carer.id_number"]),
    ("start", "开始", "2", ["care@carer.start_date"]),
)


def write_care(office: Office) -> None:
    suite = {"table": "care", "rules": [{**SUITE["rules"][0], "arguments": {"column": "from_id"}}]}
    for folder, document in ((office.workspace.conf / "model", CARE), (office.workspace.expectations, suite)):
        folder.mkdir(exist_ok=True)
        (folder / "care.yml").write_text(yaml.safe_dump(document, allow_unicode=True), encoding="utf-8")
    office.declare("home", contract("home", CARE_COLUMNS))


def test_a_second_table_of_relations_is_released(tmp_path: Path) -> None:
    office = open_office(tmp_path / "home")
    write_care(office)
    [error] = [
        row["detail"]
        for row in rows_of(office.jiceng("sources", "check", "--format", "json"))
        if row["state"] == "error"
    ]
    assert "care.yml" in error
    assert "pairs[0].relation: The relation `carer` has no code." in error
    known = (REPOSITORY_CONF / "codes/relation.csv").read_text(encoding="utf-8")
    (office.workspace.conf / "codes").mkdir()
    (office.workspace.conf / "codes/relation.csv").write_text(f"{known.rstrip()}\ncarer,照护人,\n", encoding="utf-8")
    office.hand_in("home/c_20260101.csv", f"编号,姓名,身份证,照护人,照护人身份证,开始\n1,{LI},{WANG},2025-12-01\n")
    answer = office.run(ONE)
    assert answer.code == 0, answer.err[-3000:]
    query = "select relation_code, cast(start_date as string) day, mention_count from care"
    assert rows_of(office.jiceng("sql", query, "--format", "json")) == [
        {"relation_code": "carer", "day": "2025-12-01", "mention_count": 1}
    ]
    books = office.jiceng("books", "--format", "json")
    assert books.code == 0
    assert {row["equation"] for row in rows_of(books) if row["record"] == "care"} >= {"candidate = stated + derived"}
