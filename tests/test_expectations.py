"""Every rule of every suite stops one bad row and lets a clean table pass; what cannot be loaded is refused by name.

`BAD` holds the bad row of each rule. The tests walk over the rules in `expectations/`: a rule without a bad row here fails.
"""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import great_expectations as gx
import pytest
import yaml
from pyspark.sql import DataFrame
from town import Town, jiceng

from jobs import audit, release
from jobs.audit import stage
from jobs.audit.stage import add_validity, check_rules
from jobs.audit.suites import EXPECTATIONS, Rule, build_suite, load_suite
from jobs.common.conf import Conf, current_conf
from jobs.common.errors import Refusal, UserError
from jobs.common.schemas import declared_tables
from jobs.common.stage import open_context
from jobs.common.workspace import REPOSITORY_CONF, Workspace

pytest_plugins = ["town_fixtures"]
CONF = current_conf(Workspace(REPOSITORY_CONF.parent / "no-workspace"))
NOON, LATER = datetime(2026, 1, 1, 4, tzinfo=UTC), datetime(2026, 1, 2, 4, tzinfo=UTC)

CLEAN: dict[str, dict[str, Any]] = {
    "resident": {
        "entity_id": "R" + "0" * 24, "name": "张三", "id_number": "11010519491231002X", "sex_code": "2",
        "birth_date": date(1949, 12, 31), "phone": "13900000001", "address": "路1号", "division_code": "320102000000",
        "former_name": None, "ethnic_code": "01", "marital_code": "20", "education_code": "61", "death_date": None,
        "mention_count": 1,
    },
    "resident_status": {
        "system": "civil_affairs", "number": "1", "status_code": "01", "start_date": date(2026, 1, 1),
        "end_date": date(2026, 12, 31), "resident_id": "R" + "0" * 24,
    },
    "appeal": {
        "system": "forum", "number": "1", "user": "A1", "subject": "灯", "text": "灯坏了", "asked_at": NOON, "likes": 0,
        "dislikes": 0, "replied_at": LATER, "reply": "已修", "label": "城建", "days_to_reply": 1, "is_repeated_text": False,
    },
}  # fmt: skip
# What a second row has in the place of a clean value that is its own; nothing else may repeat the first.
SECOND: dict[str, dict[str, Any]] = {
    "resident": {"entity_id": "R" + "1" * 24, "id_number": None, "division_code": None, "death_date": date(2026, 1, 1)},
    "resident_status": {"number": "2", "end_date": None},
    "appeal": {"number": "2", "replied_at": None, "days_to_reply": None, "likes": None, "label": None},
}
# Rule -> how the third row differs from a clean one, or (a table with keys) nothing, so that it repeats the first.
BAD: dict[str, dict[str, dict[str, Any]]] = {
    "resident": {
        "expect_column_values_to_be_unique(entity_id)": {"entity_id": "R" + "0" * 24},
        "expect_column_values_to_not_be_null(entity_id)": {"entity_id": None},
        "expect_column_values_to_match_regex(entity_id)": {"entity_id": "E" + "2" * 24},
        "expect_column_values_to_be_in_set(id_number_is_valid)": {"id_number": "110105194912310021"},
        "expect_column_values_to_be_unique(id_number)": {"id_number": "11010519491231002X"},
        "expect_column_values_to_be_in_set(sex_code)": {"sex_code": "3"},
        "expect_column_values_to_be_in_set(ethnic_code)": {"ethnic_code": "99"},
        "expect_column_values_to_be_in_set(marital_code)": {"marital_code": "已婚"},
        "expect_column_values_to_be_in_set(education_code)": {"education_code": "0"},
        "expect_column_values_to_be_in_set(division_code)": {"division_code": "320102"},
        "expect_column_pair_values_a_to_be_greater_than_b(death_date, birth_date)": {"death_date": date(1949, 12, 30)},
        "expect_column_values_to_not_be_null(name)": {"name": None},
    },
    "resident_status": {
        "expect_compound_columns_to_be_unique(system, number)": {"number": "1"},
        "expect_column_values_to_not_be_null(number)": {"number": None},
        "expect_column_values_to_be_in_set(status_code)": {"status_code": "低保"},
        "expect_column_pair_values_a_to_be_greater_than_b(end_date, start_date)": {"end_date": date(2025, 12, 31)},
        "expect_column_values_to_not_be_null(resident_id)": {"resident_id": None},
    },
    "appeal": {
        "expect_compound_columns_to_be_unique(system, number)": {"number": "1"},
        "expect_column_values_to_not_be_null(system)": {"system": None},
        "expect_column_values_to_not_be_null(number)": {"number": None},
        "expect_column_values_to_not_be_null(text)": {"text": None},
        "expect_column_values_to_not_be_null(asked_at)": {"asked_at": None},
        "expect_column_pair_values_a_to_be_greater_than_b(replied_at, asked_at)": {
            "replied_at": datetime(2025, 1, 1, tzinfo=UTC)
        },
        "expect_column_values_to_be_between(likes)": {"likes": -1},
        "expect_column_values_to_be_between(dislikes)": {"dislikes": -1},
    },
}  # fmt: skip


def columns_of(table: str) -> list[str]:
    """Columns that the rules may speak of: the candidate's, and those that the audit adds."""
    record = CONF.model[table]
    names = declared_tables(CONF.sources, CONF.model)[f"candidate.{table}"].names
    return names + [f"{field.name}_is_valid" for field in record.fields if field.type == "resident_id"]


def rules_of(table: str) -> list[Rule]:
    return load_suite(EXPECTATIONS / f"{table}.yml", columns_of(table), CONF)


def table_of(spark: Any, table: str, *changes: dict[str, Any]) -> DataFrame:
    """A clean table of two rows, and one more for each given change."""
    declared = declared_tables(CONF.sources, CONF.model)[f"candidate.{table}"]
    third = {"resident": {"entity_id": "R" + "2" * 24, "id_number": None}}.get(table, {"number": "3"})
    rows = [CLEAN[table], CLEAN[table] | SECOND[table], *(CLEAN[table] | third | change for change in changes)]
    schema = ", ".join(f"{column.name} {column.type}" for column in declared.columns)
    frame = spark.createDataFrame([tuple(row[name] for name in declared.names) for row in rows], schema)
    return add_validity(frame, CONF.model[table])


ALL_RULES = [(table, rule) for table in sorted(CONF.model) for rule in rules_of(table)]


@pytest.mark.parametrize("table", sorted(CONF.model))
def test_every_rule_has_its_bad_row_and_no_bad_row_is_left_over(table: str) -> None:
    assert {rule.name for rule in rules_of(table)} == set(BAD[table])


def test_every_table_that_is_released_has_a_suite() -> None:
    assert {path.stem for path in EXPECTATIONS.glob("*.yml")} == set(CONF.model)


@pytest.mark.parametrize("table", sorted(CONF.model))
def test_a_clean_table_passes_all_rules(spark: Any, table: str) -> None:
    rules = rules_of(table)
    results = check_rules(table_of(spark, table), table, rules)
    assert results.keys() == {rule.name for rule in rules}
    for name, result in results.items():
        assert (name, result["success"], result["unexpected_rows"]) == (name, True, 0)


@pytest.mark.parametrize("table", sorted(CONF.model))
def test_an_empty_table_passes_all_rules(spark: Any, table: str) -> None:
    results = check_rules(table_of(spark, table).where("false"), table, rules_of(table))
    assert {name for name, result in results.items() if not result["success"]} == set()


@pytest.mark.parametrize(("table", "rule"), ALL_RULES, ids=[f"{table}-{rule.name}" for table, rule in ALL_RULES])
def test_a_bad_row_is_stopped(spark: Any, table: str, rule: Rule) -> None:
    bad = table_of(spark, table, BAD[table][rule.name])
    result = check_rules(bad, table, [rule])[rule.name]
    assert result["success"] is False
    both = "unique" in rule.name  # a value that occurs twice is two unexpected rows
    assert result["unexpected_rows"] == (2 if both else 1)
    assert str(result["observed"]).startswith(str(result["unexpected_rows"]))


def test_a_wide_rule_lets_few_rows_pass(spark: Any) -> None:
    """`mostly` counts rows: of 100 residents five may be without a name, six may not."""
    [rule] = [rule for rule in rules_of("resident") if rule.name.endswith("not_be_null(name)")]
    assert rule.arguments["mostly"] == 0.95
    for nameless, passes in ((5, True), (6, False)):
        frame = spark.range(100).selectExpr(f"if(id < {nameless}, null, 'x') as name")
        result = check_rules(frame, "resident", [rule])[rule.name]
        assert (result["success"], result["unexpected_rows"]) == (passes, nameless)


def test_no_value_of_a_bad_row_is_kept(spark: Any) -> None:
    """A verdict has counts; the values that broke the rule stay where they are."""
    bad = table_of(
        spark, "resident", {"sex_code": "欧阳金丝雀", "ethnic_code": "19900010001", "division_code": "320102"}
    )
    results = check_rules(bad, "resident", rules_of("resident"))
    assert sum(not result["success"] for result in results.values()) == 3
    for result in results.values():
        assert set(result) == {"success", "observed", "unexpected_rows"}
        assert result["observed"].replace(" of ", "").isdigit()


# --- a check that cannot run has failed -----------------------------------------------------------------------------------


def test_a_check_that_crashes_has_failed(spark: Any) -> None:
    rule = Rule("gone", "expect_column_values_to_not_be_null", {"column": "gone"}, "critical", "")
    fine = Rule("fine", "expect_column_values_to_not_be_null", {"column": "system"}, "critical", "")
    results = check_rules(table_of(spark, "appeal"), "appeal", [rule, fine])
    assert results["gone"] == {"success": False, "observed": "the check crashed", "unexpected_rows": None}
    assert results["fine"]["success"] is True


def test_a_check_without_a_result_has_failed(spark: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    rules = rules_of("resident_status")
    monkeypatch.setattr(stage, "build_suite", lambda name, rules: build_suite(name, rules[1:]))
    results = check_rules(table_of(spark, "resident_status"), "resident_status", rules)
    assert results[rules[0].name] == {"success": False, "observed": "the check did not run", "unexpected_rows": None}


def test_a_suite_that_swallows_a_rule_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = gx.ExpectationSuite.add_expectation

    def swallow(self: Any, expectation: Any) -> Any:
        return None if "between" in type(expectation).__name__.lower() else kept(self, expectation)

    monkeypatch.setattr(gx.ExpectationSuite, "add_expectation", swallow)
    with pytest.raises(UserError, match="suite appeal loaded 6 of 8 rules"):
        build_suite("appeal", rules_of("appeal"))


# --- loading --------------------------------------------------------------------------------------------------------------

GOOD_RULE = {
    "expectation": "expect_column_values_to_not_be_null", "arguments": {"column": "system"}, "severity": "critical",
    "because": "numbers are only unique within a system",
}  # fmt: skip


def without(key: str) -> dict[str, Any]:
    return {name: value for name, value in GOOD_RULE.items() if name != key}


def with_arguments(**arguments: Any) -> dict[str, Any]:
    return {**GOOD_RULE, "arguments": arguments}


IN_SET = {**GOOD_RULE, "expectation": "expect_column_values_to_be_in_set"}
BAD_RULES: dict[str, tuple[Any, str]] = {
    "an unknown expectation": (
        {**GOOD_RULE, "expectation": "expect_column_values_to_be_nice"},
        "rule 2 (expect_column_values_to_be_nice): Great Expectations has no expect_column_values_to_be_nice",
    ),
    "an unknown argument": (with_arguments(column="system", mostyl=0.9), "takes no mostyl"),
    "an unknown column": (with_arguments(column="sytem"), "the table has no column sytem; it has system, number"),
    "an unknown column in a list": (
        {**GOOD_RULE, "expectation": "expect_compound_columns_to_be_unique", "arguments": {"column_list": ["system", "id"]}},
        "the table has no column id",
    ),
    "an unknown second column": (
        {**GOOD_RULE, "expectation": "expect_column_pair_values_a_to_be_greater_than_b",
         "arguments": {"column_A": "replied_at", "column_B": "asked"}},
        "the table has no column asked",
    ),
    "an unknown code list": (
        {**IN_SET, "arguments": {"column": "label", "codes": "lables"}}, "there is no code list lables; there are divisions",
    ),
    "codes and values": (
        {**IN_SET, "arguments": {"column": "label", "codes": "sex", "value_set": ["1"]}}, "give one of them",
    ),
    "no column": (with_arguments(mostly=0.9), "the arguments are not accepted: column"),
    "a share above one": (with_arguments(column="system", mostly=9.5), "the arguments are not accepted: mostly"),
    "arguments that are a list": ({**GOOD_RULE, "arguments": ["system"]}, "arguments is no mapping"),
    "an unknown severity": ({**GOOD_RULE, "severity": "fatal"}, "severity 'fatal' is none of critical, warning, info"),
    "no severity": (without("severity"), "needs exactly expectation, arguments, severity and because"),
    "no reason": (without("because"), "needs exactly expectation, arguments, severity and because"),
    "an empty reason": ({**GOOD_RULE, "because": " "}, "because is empty"),
    "a misspelt key": ({**without("arguments"), "argument": {}}, "it has argument, because, expectation, severity"),
    "a word instead of a rule": ("unique", "it has none of them"),
    "the same rule twice": (GOOD_RULE, "rule expect_column_values_to_not_be_null(system) is given twice"),
}  # fmt: skip


def write_suite(folder: Path, document: Any) -> Path:
    path = folder / "appeal.yml"
    path.write_text(document if isinstance(document, str) else yaml.safe_dump(document), encoding="utf-8")
    return path


@pytest.mark.parametrize("case", BAD_RULES)
def test_a_bad_rule_is_refused_with_file_and_rule(tmp_path: Path, case: str) -> None:
    rule, sentence = BAD_RULES[case]
    path = write_suite(tmp_path, {"table": "appeal", "rules": [GOOD_RULE, rule]})
    with pytest.raises(UserError) as refused:
        load_suite(path, columns_of("appeal"), CONF)
    assert sentence in str(refused.value)
    assert str(refused.value).startswith(f"{path}: rule ")
    assert "\n" not in str(refused.value)


SUITES: dict[str, tuple[Any, str]] = {
    "nothing": ("", "needs `table: appeal` and `rules:`"),
    "a list": ([GOOD_RULE], "needs `table: appeal` and `rules:`"),
    "no rules": ({"table": "appeal", "rules": []}, "at least one rule"),
    "rules that are no list": ({"table": "appeal", "rules": {"one": GOOD_RULE}}, "at least one rule"),
    "rules of another table": ({"table": "resident", "rules": [GOOD_RULE]}, "needs `table: appeal`"),
    "a key too many": ({"table": "appeal", "rules": [GOOD_RULE], "more_rules": []}, "and nothing else"),
    "no YAML": ("table: [", "is no valid YAML"),
}


@pytest.mark.parametrize("case", SUITES)
def test_a_bad_suite_is_refused_with_its_file(tmp_path: Path, case: str) -> None:
    document, sentence = SUITES[case]
    path = write_suite(tmp_path, document)
    with pytest.raises(UserError) as refused:
        load_suite(path, columns_of("appeal"), CONF)
    assert sentence in str(refused.value)
    assert str(path) in str(refused.value)


def test_a_table_without_a_suite_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"harbour\.yml is missing: a table without a suite is not released"):
        load_suite(tmp_path / "harbour.yml", ["name"], CONF)


def test_a_good_suite_loads_with_its_codes(tmp_path: Path) -> None:
    rule = {**IN_SET, "arguments": {"column": "label", "codes": "sex"}}
    loaded = load_suite(
        write_suite(tmp_path, {"table": "appeal", "rules": [GOOD_RULE, rule]}), columns_of("appeal"), CONF
    )
    assert loaded[1].arguments == {"column": "label", "value_set": ["0", "1", "2", "9"]}
    assert [rule.name for rule in loaded] == [
        "expect_column_values_to_not_be_null(system)", "expect_column_values_to_be_in_set(label)",
    ]  # fmt: skip


def test_the_codes_of_a_rule_are_those_of_the_workspace(tmp_path: Path) -> None:
    """A steward's code list replaces the repository's, also for the gate."""
    (tmp_path / "sex.csv").write_text("code,label,synonyms\n1,男,\n", encoding="utf-8")
    conf = Conf({**CONF.files, "codes/sex.csv": tmp_path / "sex.csv"})
    rules = load_suite(EXPECTATIONS / "resident.yml", columns_of("resident"), conf)
    [rule] = [rule for rule in rules if rule.name.endswith("in_set(sex_code)")]
    assert rule.arguments["value_set"] == ["1"]


def test_a_critical_rule_that_fails_refuses_the_release(stopped: Town, tmp_path: Path) -> None:
    """One resident with a code that nobody knows: exit 3, nothing released, the verdict on record with counts only."""
    town = stopped.copy_to(tmp_path / "workspace")
    rows = [{**row, "sex_code": "3"} for row in town.rows("candidate.resident")[:1]]
    town.lake.upsert("candidate.resident", town.lake.table_of("candidate.resident", rows))
    context = open_context(town.workspace, "2026-01-01.1")
    audit.run(context)
    with pytest.raises(Refusal, match=r"resident fails expect_column_values_to_be_in_set\(sex_code\) \(1 of "):
        release.run(context)
    assert town.rows("ops.release") == []
    [verdict] = town.rows("ops.audit", rule="expect_column_values_to_be_in_set(sex_code)")
    assert (verdict["success"], verdict["unexpected_rows"], verdict["severity"]) == (False, 1, "critical")
    assert verdict["version"] == town.lake.version("candidate.resident")
    assert jiceng("release", "show", "--home", town.home).code == 2
