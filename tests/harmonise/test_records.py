"""From the rows of an export to a record: what the contract says of a column, and one issue for each doubtful value."""

from datetime import date
from decimal import Decimal

import pytest
from pyspark.sql import SparkSession
from pyspark.testing import assertDataFrameEqual

from jobs.common.run.conf import Conf
from jobs.harmonise.records import list_issues
from tests.support.cleaning import clean, export
from tests.support.constants import REPOSITORY

JOBS = REPOSITORY / "jobs"


@pytest.mark.parametrize(
    ("settings", "yuan"), [({}, Decimal("500.00")), ({"parameters": (("unit", "万元"),)}, Decimal("5000000.00"))]
)
def test_bare_number_counts_in_the_unit_of_the_contract(
    spark: SparkSession, conf: Conf, settings: dict[str, object], yuan: Decimal
) -> None:
    obj = export("organisation", "organisation", ("name", {}), ("registered_capital_yuan", settings))

    found = clean(spark, conf, "organisation", obj, [("甲店", "500"), ("乙店", "500元"), ("丙店", None)])

    assert {row["name"]: row["registered_capital_yuan"] for row in found.collect()} == {
        "甲店": yuan,
        "乙店": Decimal("500.00"),
        "丙店": None,
    }
    assert not {"registered_capital_yuan__unit", "timezone", "required"} & set(found.columns)


def test_each_doubtful_value_is_an_issue_and_nothing_else(spark: SparkSession, conf: Conf) -> None:
    obj = export(
        "resident",
        "person",
        *[(name, {}) for name in ("id_number", "birth_date", "sex_code", "division_code", "has_family_doctor")],
        ("name", {"required": True}),
    )
    rows = [
        ("11010519491231002X", "1949-12-31", "女", "玄武区", "是", "王芳"),  # all well
        ("11010519491231002X", "1949-12-30", "男", "白下区", "也许", ""),
        ("110105491231002", "昨天", "9", "鼓楼区", None, "王芳"),
        (None, None, None, None, None, "王芳"),
    ]
    expected = [
        (2, "id_number", "id_birth_date_differs", "11010519491231002X"),
        (2, "id_number", "id_sex_differs", "11010519491231002X"),
        (2, "division_code", "division_former", "白下区"),
        (2, "has_family_doctor", "yes_no_unreadable", "也许"),
        (2, "name", "required_empty", ""),
        (3, "id_number", "id_15_upgraded", "110105491231002"),
        (3, "birth_date", "date_unreadable", "昨天"),
        (3, "division_code", "ambiguous_division", "鼓楼区"),
    ]

    cleaned = clean(spark, conf, "resident", obj, rows)
    issues = list_issues(cleaned, conf.records["resident"])

    assert issues.columns == [
        "system",
        "object",
        "sheet",
        "file_id",
        "row_number",
        "record",
        "role",
        "field",
        "code",
        "raw",
    ]
    assertDataFrameEqual(
        issues.select("row_number", "field", "code", "raw"),
        spark.createDataFrame(expected, "row_number bigint, field string, code string, raw string"),
    )
    assert {row["birth_date"] for row in cleaned.collect()} == {date(1949, 12, 31), date(1949, 12, 30), None}


ERRORS = {
    # word -> issue
    "#N/A": "cell_error",
    "#REF!": "cell_error",
    " #DIV/0! ": "cell_error",
    "#NUM!": "cell_error",
    "#NO_VALUE!": "formula_without_value",
}


@pytest.mark.parametrize("word", ERRORS)
def test_an_error_of_a_spreadsheet_is_no_value_of_any_type(spark: SparkSession, conf: Conf, word: str) -> None:
    names = ["name", "id_number", "birth_date", "sex_code", "phone", "address", "division_code", "has_family_doctor"]
    obj = export("resident", "person", *[(name, {"required": name == "name"}) for name in names])

    cleaned = clean(spark, conf, "resident", obj, [(word,) * len(names)])
    issues = list_issues(cleaned, conf.records["resident"]).select("field", "code", "raw")

    assert [cleaned.collect()[0][name] for name in names] == [None] * len(names)
    assert sorted(tuple(row) for row in issues.collect()) == sorted((name, ERRORS[word], word) for name in names)


def test_a_text_with_a_hash_is_a_text(spark: SparkSession, conf: Conf) -> None:
    obj = export("organisation", "organisation", ("name", {}), ("address", {}))
    cleaned = clean(spark, conf, "organisation", obj, [("#1 Bar", "12#3室")])
    assert [(row["name"], row["address"]) for row in cleaned.collect()] == [("#1 Bar", "12#3室")]
    assert list_issues(cleaned, conf.records["organisation"]).collect() == []


def test_record_of_no_person_has_issues_of_its_fields(spark: SparkSession, conf: Conf) -> None:
    obj = export(
        "organisation",
        "organisation",
        ("credit_code", {}),
        ("registered_capital_yuan", {"parameters": (("unit", "万元"),)}),
    )
    rows = [("91110000600037341L", "100"), ("110000012345678", "50万美元")]
    expected = [
        (2, "credit_code", "registration_number", "110000012345678"),
        (2, "registered_capital_yuan", "money_currency", "50万美元"),
    ]

    issues = list_issues(clean(spark, conf, "organisation", obj, rows), conf.records["organisation"])

    assertDataFrameEqual(
        issues.select("row_number", "field", "code", "raw"),
        spark.createDataFrame(expected, "row_number bigint, field string, code string, raw string"),
    )


def test_list_of_issues_holds_none_that_nothing_gives(conf: Conf) -> None:
    modules = [
        *sorted((JOBS / "harmonise").glob("*.py")),
        *sorted((JOBS / "common/model/types").glob("*.py")),
        *(JOBS / name for name in ("common/model/divisions.py", "common/intake/keyed_rows.py", "land/unnamed.py")),
    ]
    source = "".join(path.read_text("utf-8") for path in modules)

    assert {code for code in conf.reasons["issue"] if f'"{code}"' not in source} == set()
