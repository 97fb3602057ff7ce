"""Every rule of every suite stops one bad row and lets a clean table pass; what cannot be loaded is refused by name.

`BAD` holds the bad row of each rule. The tests walk over the rules in `expectations/`: a rule without a bad row here fails.
"""

import re
import sys
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import great_expectations as gx
import pytest
import yaml
from pyspark.sql import DataFrame

from jobs import audit, release
from jobs.audit import checks
from jobs.audit.checks import check_rules
from jobs.audit.flags import add_flags
from jobs.audit.loading import put_off
from jobs.audit.suites import Rule, build_suite, load_suite
from jobs.common.base.errors import Refusal, UserError
from jobs.common.base.workspace import REPOSITORY_CONF, Workspace
from jobs.common.base.workspace import REPOSITORY_EXPECTATIONS as EXPECTATIONS
from jobs.common.lake.schemas import declared_tables
from jobs.common.run.conf import Conf, current_conf
from jobs.common.run.flag_columns import flag_names, table_references
from jobs.common.run.stage import open_context
from tests.support.town import Town, jiceng

pytestmark = [pytest.mark.xdist_group("town"), pytest.mark.nights]

pytest_plugins = ["tests.support.town_fixtures"]
CONF = current_conf(Workspace(REPOSITORY_CONF.parent / "no-workspace"))
NOON, LATER = datetime(2026, 1, 1, 4, tzinfo=UTC), datetime(2026, 1, 2, 4, tzinfo=UTC)

R0, R1, R2 = ("R" + digit * 24 for digit in "012")
H0, H1, H2 = ("H" + digit * 24 for digit in "012")
D0, D1, D2 = ("D" + digit * 24 for digit in "012")
O0, O1, O2 = ("O" + digit * 24 for digit in "012")
# Who is there to be spoken of.
ENTITIES = [
    *(("resident", id) for id in (R0, R1, R2)), *(("household", id) for id in (H0, H1, H2)),
    *(("dwelling", id) for id in (D0, D1, D2)), *(("organisation", id) for id in (O0, O1, O2)),
]  # fmt: skip

CLEAN: dict[str, dict[str, Any]] = {
    "resident": {
        "entity_id": R0, "name": "张三", "id_number": "11010519491231002X", "sex_code": "2",
        "birth_date": date(1949, 12, 31), "phone": "13900000001", "address": "路1号", "division_code": "320102000000",
        "former_name": None, "ethnic_code": "01", "marital_code": "20", "education_code": "61", "death_date": None,
        "has_family_doctor": True, "dwelling_id": D0, "is_registered": True, "lives_here": True,
        "registered_address": "路1号", "is_deceased": False, "birth_year": 1949, "age_band": "60-79", "system_count": 1,
        "last_seen": date(2026, 1, 1), "mention_count": 1,
    },
    "household": {
        "entity_id": H0, "number": "7", "address": "路1号", "division_code": "320102000000", "dwelling_id": D0,
        "head_id": R0, "member_count": 2, "mention_count": 2,
    },
    "dwelling": {
        "entity_id": D0, "house_number": "X1", "former_house_number": None, "address": "路1号",
        "division_code": "320102000000", "road": "路", "road_number": "1", "compound": None, "building": None, "unit": None,
        "room": None, "area_m2": Decimal("88.50"), "usage_code": "10", "is_rented": False, "mention_count": 1,
    },
    "organisation": {
        "entity_id": O0, "name": "兴隆公司", "former_name": None, "signboard_name": None,
        "credit_code": "91350100M000100Y43", "status_code": "1", "established_date": date(2020, 1, 1),
        "closed_date": date(2020, 1, 1), "registered_capital_yuan": Decimal("0.00"), "industry_code": "A0111",
        "phone": None, "address": None, "division_code": "320102000000", "mention_count": 1,
    },
    "relation": {
        "relation_code": "member", "from_kind": "resident", "from_id": R0, "to_kind": "household", "to_id": H0,
        "family_code": "02", "start_date": date(2026, 1, 1), "end_date": date(2026, 1, 1), "mention_count": 0,
    },
    "resident_status": {
        "system": "civil_affairs", "number": "1", "status_code": "01", "start_date": date(2026, 1, 1),
        "end_date": date(2026, 12, 31), "amount_yuan": Decimal("0.00"), "system_count": 1, "resident_id": R0,
    },
    "appeal": {
        "system": "forum", "number": "1", "user": "A1", "subject": "灯", "text": "灯坏了", "asked_at": NOON, "likes": 0,
        "dislikes": 0, "replied_at": LATER, "reply": "已修", "label": "城建", "days_to_reply": 1, "is_repeated_text": False,
    },
    "code": {"list": "sex", "code": "1", "zh": "男", "en": None},
    "division": {"code": "320000000000", "name": "江苏省", "level": 1, "parent": None, "path": "江苏省"},
    "conflict": {
        "kind": "resident", "entity_id": R0, "field": "name", "systems": "grid, police", "system": "police",
        "rule": "authority", "since": date(2026, 1, 1),
    },
}  # fmt: skip
# What a second row has in the place of a clean value that is its own; nothing else may repeat the first.
SECOND: dict[str, dict[str, Any]] = {
    "resident": {
        "entity_id": R1, "id_number": None, "division_code": None, "death_date": date(2026, 1, 1), "dwelling_id": None,
    },
    "household": {"entity_id": H1, "head_id": None, "dwelling_id": None, "division_code": None, "member_count": 0},
    "dwelling": {"entity_id": D1, "house_number": None, "usage_code": None, "area_m2": None},
    "organisation": {"entity_id": O1, "credit_code": None, "industry_code": None, "closed_date": None},
    "relation": {"relation_code": "owner", "to_kind": "dwelling", "to_id": D1, "family_code": None, "end_date": None},
    "resident_status": {"number": "2", "start_date": None, "end_date": None, "amount_yuan": None},
    "appeal": {"number": "2", "replied_at": None, "days_to_reply": None, "likes": None, "label": None},
    "code": {"code": "2"},
    "division": {"code": "320100000000", "name": "南京市", "level": 2, "parent": "320000000000", "path": "江苏省/南京市"},
    "conflict": {"field": "sex_code", "rule": "newest"},
}  # fmt: skip
# What a third one has, before it is spoilt.
THIRD: dict[str, dict[str, Any]] = {
    "resident": {"entity_id": R2, "id_number": None},
    "household": {"entity_id": H2},
    "dwelling": {"entity_id": D2, "house_number": "X3"},
    "organisation": {"entity_id": O2, "credit_code": None},
    "relation": {"relation_code": "spouse", "to_kind": "resident", "to_id": R2},
    "resident_status": {"number": "3", "status_code": "31"},
    "appeal": {"number": "3"},
    "code": {"list": "marital"},
    "division": {"code": "320102000000", "parent": "320100000000"},
    "conflict": {"field": "birth_date"},
}
# Rule -> how the third row differs from a clean one of its own.
UNIQUE, SET, REGEX = (
    "expect_column_values_to_be_unique",
    "expect_column_values_to_be_in_set",
    "expect_column_values_to_match_regex",
)
FILLED, BETWEEN = "expect_column_values_to_not_be_null", "expect_column_values_to_be_between"
TOGETHER, ORDERED = "expect_compound_columns_to_be_unique", "expect_column_pair_values_a_to_be_greater_than_b"
BAD: dict[str, dict[str, dict[str, Any]]] = {
    "resident": {
        f"{UNIQUE}(entity_id)": {"entity_id": R0},
        f"{FILLED}(entity_id)": {"entity_id": None},
        f"{REGEX}(entity_id)": {"entity_id": "E" + "2" * 24},
        f"{SET}(id_number_is_valid)": {"id_number": "110105194912310021"},
        f"{UNIQUE}(id_number)": {"id_number": "11010519491231002X"},
        f"{SET}(sex_code)": {"sex_code": "3"},
        f"{SET}(ethnic_code)": {"ethnic_code": "99"},
        f"{SET}(marital_code)": {"marital_code": "已婚"},
        f"{SET}(education_code)": {"education_code": "0"},
        f"{SET}(division_code_is_known)": {"division_code": "320102"},
        f"{SET}(dwelling_id_exists)": {"dwelling_id": "D" + "9" * 24},
        f"{ORDERED}(death_date, birth_date)": {"death_date": date(1949, 12, 30)},
        f"{FILLED}(name)": {"name": None},
    },
    "household": {
        f"{UNIQUE}(entity_id)": {"entity_id": H0},
        f"{FILLED}(entity_id)": {"entity_id": None},
        f"{REGEX}(entity_id)": {"entity_id": R2},
        f"{SET}(division_code_is_known)": {"division_code": "玄武区"},
        f"{SET}(dwelling_id_exists)": {"dwelling_id": R0},  # is there, and no dwelling
        f"{SET}(head_id_exists)": {"head_id": "R" + "9" * 24},
        f"{BETWEEN}(member_count)": {"member_count": 31},
        f"{FILLED}(number)": {"number": None},
        f"{FILLED}(address)": {"address": None},
    },
    "dwelling": {
        f"{UNIQUE}(entity_id)": {"entity_id": D0},
        f"{FILLED}(entity_id)": {"entity_id": None},
        f"{REGEX}(entity_id)": {"entity_id": "D" + "2" * 23},
        f"{SET}(division_code_is_known)": {"division_code": "320102"},
        f"{SET}(usage_code)": {"usage_code": "99"},
        f"{UNIQUE}(house_number)": {"house_number": "X1"},
        f"{BETWEEN}(area_m2)": {"area_m2": Decimal("4.99")},
        f"{FILLED}(address)": {"address": None},
    },
    "organisation": {
        f"{UNIQUE}(entity_id)": {"entity_id": O0},
        f"{FILLED}(entity_id)": {"entity_id": None},
        f"{REGEX}(entity_id)": {"entity_id": "o" + "2" * 24},
        f"{SET}(credit_code_is_valid)": {"credit_code": "91350100M000100Y44"},
        f"{UNIQUE}(credit_code)": {"credit_code": "91350100M000100Y43"},
        f"{SET}(status_code)": {"status_code": "0"},
        f"{SET}(industry_code_is_known)": {"industry_code": "0111"},
        f"{SET}(division_code_is_known)": {"division_code": "320102"},
        f"{ORDERED}(closed_date, established_date)": {"closed_date": date(2019, 12, 31)},
        f"{BETWEEN}(registered_capital_yuan)": {"registered_capital_yuan": Decimal("-0.01")},
        f"{FILLED}(name)": {"name": None},
    },
    "relation": {
        f"{TOGETHER}(relation_code, from_id, to_id)": {"relation_code": "owner", "to_kind": "dwelling", "to_id": D1},
        f"{SET}(relation_code)": {"relation_code": "friend"},
        f"{FILLED}(relation_code)": {"relation_code": None},
        f"{SET}(from_id_exists)": {"from_id": "R" + "9" * 24},
        f"{SET}(to_id_exists)": {"to_kind": "dwelling", "to_id": H1},  # is there, and no dwelling
        f"{SET}(has_two_ends)": {"to_kind": "resident", "to_id": R0},
        f"{UNIQUE}(member_id)": {"relation_code": "member", "to_kind": "household", "to_id": H1},
        f"{SET}(family_code)": {"family_code": "00"},
        f"{BETWEEN}(mention_count)": {"mention_count": -1},
        f"{ORDERED}(end_date, start_date)": {"end_date": date(2025, 12, 31)},
    },
    "resident_status": {
        f"{TOGETHER}(system, number)": {"number": "1"},
        f"{FILLED}(number)": {"number": None},
        f"{TOGETHER}(resident_id, status_code, start_date)": {"status_code": "01"},
        f"{SET}(status_code)": {"status_code": "低保"},
        f"{SET}(resident_id_exists)": {"resident_id": "R" + "9" * 24},
        f"{BETWEEN}(system_count)": {"system_count": 0},
        f"{ORDERED}(end_date, start_date)": {"end_date": date(2025, 12, 31)},
        f"{BETWEEN}(amount_yuan)": {"amount_yuan": Decimal("-0.01")},
        f"{FILLED}(resident_id)": {"resident_id": None},
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
    "code": {
        f"{TOGETHER}(list, code)": {"list": "sex"},
        f"{FILLED}(list)": {"list": None},
        f"{FILLED}(code)": {"code": None},
        f"{FILLED}(zh)": {"zh": None},
    },
    "division": {
        f"{UNIQUE}(code)": {"code": "320000000000"},
        f"{FILLED}(code)": {"code": None},
        f"{FILLED}(name)": {"name": None},
        f"{BETWEEN}(level)": {"level": 0},
        f"{FILLED}(path)": {"path": None},
        f"{SET}(parent_exists)": {"parent": "320199000000"},
    },
    "conflict": {
        f"{TOGETHER}(kind, entity_id, field)": {"field": "name"},
        f"{SET}(rule)": {"rule": "guessed"},
        f"{FILLED}(since)": {"since": None},
    },
}  # fmt: skip


def columns_of(table: str) -> list[str]:
    """Columns that the rules may speak of: the candidate's, and those that the audit adds."""
    names = declared_tables(CONF.sources, CONF.tables)[f"candidate.{table}"].names
    return names + flag_names(CONF.tables[table], CONF)


def rules_of(table: str) -> list[Rule]:
    return load_suite(EXPECTATIONS / f"{table}.yml", columns_of(table), CONF)


def table_of(spark: Any, table: str, *changes: dict[str, Any]) -> DataFrame:
    """A clean table of two rows, and one more for each given change."""
    declared = declared_tables(CONF.sources, CONF.tables)[f"candidate.{table}"]
    rows = [CLEAN[table], CLEAN[table] | SECOND[table], *(CLEAN[table] | THIRD[table] | change for change in changes)]
    schema = ", ".join(f"{column.name} {column.type}" for column in declared.columns)
    frame = spark.createDataFrame([tuple(row[name] for name in declared.names) for row in rows], schema)
    entities = spark.createDataFrame(ENTITIES, "kind string, entity_id string")
    own = {f"{table}.{column.name}": frame.select(column.name).distinct() for column in declared.columns}
    targets = {target: own[target] for target in table_references(CONF.tables[table]).values()}
    flagged = add_flags(frame, CONF.tables[table], entities, CONF, targets)
    assert sorted(flagged.columns) == sorted(columns_of(table))
    return flagged


TOTAL = "expect_table_row_count_to_be_between()"
ALL_RULES = [(table, rule) for table in sorted(CONF.tables) for rule in rules_of(table) if rule.name != TOTAL]


@pytest.mark.parametrize("table", sorted(CONF.tables))
def test_every_rule_has_its_bad_row_and_no_bad_row_is_left_over(table: str) -> None:
    assert {rule.name for rule in rules_of(table)} == {*BAD[table], TOTAL}


def test_every_table_that_is_released_has_a_suite() -> None:
    assert {path.stem for path in EXPECTATIONS.glob("*.yml")} == set(CONF.tables)


@pytest.mark.parametrize("table", sorted(CONF.tables))
def test_a_clean_table_passes_all_rules(spark: Any, table: str) -> None:
    rules = rules_of(table)
    results = check_rules(table_of(spark, table), table, rules)
    assert results.keys() == {rule.name for rule in rules}
    for name, result in results.items():
        unexpected = None if name == TOTAL else 0
        assert (name, result["success"], result["unexpected_rows"]) == (name, True, unexpected)


@pytest.mark.parametrize("table", sorted(CONF.tables))
def test_an_empty_table_passes_all_rules(spark: Any, table: str) -> None:
    results = check_rules(table_of(spark, table).where("false"), table, rules_of(table))
    assert {name for name, result in results.items() if not result["success"]} == set()


@pytest.mark.parametrize("rows", ["true", "false"], ids=["clean", "empty"])
@pytest.mark.parametrize("table", sorted(CONF.tables))
def test_what_is_not_asked_for_its_count_has_the_one_it_would_tell(
    spark: Any, monkeypatch: pytest.MonkeyPatch, table: str, rows: str
) -> None:
    """Great Expectations says the same of every rule where it is asked for all counts, also where there are no rows."""
    frame, rules = table_of(spark, table).where(rows), rules_of(table)
    found = check_rules(frame, table, rules)
    monkeypatch.setattr(checks, "lets_nothing_through", lambda rule: False)
    assert check_rules(frame, table, rules) == found


@pytest.mark.parametrize(("table", "rule"), ALL_RULES, ids=[f"{table}-{rule.name}" for table, rule in ALL_RULES])
def test_a_bad_row_is_stopped(spark: Any, table: str, rule: Rule) -> None:
    bad = table_of(spark, table, BAD[table][rule.name])
    result = check_rules(bad, table, [rule])[rule.name]
    assert result["success"] is False
    both = "unique" in rule.name  # a value that occurs twice is two unexpected rows
    assert result["unexpected_rows"] == (2 if both else 1)
    assert str(result["observed"]).startswith(str(result["unexpected_rows"]))


@pytest.mark.parametrize("table", sorted(CONF.tables))
def test_a_total_far_from_the_last_release_is_stopped(spark: Any, table: str) -> None:
    """Of 10,000 rows a few may come or go, and no third; entities do not double in a night, what is said of them may."""
    rules = load_suite(EXPECTATIONS / f"{table}.yml", columns_of(table), CONF, 10_000)
    [rule] = [rule for rule in rules if rule.name == TOTAL]
    passed = {rows: check_rules(spark.range(rows), table, [rule])[TOTAL]["success"] for rows in (6_600, 10_100, 20_500)}
    assert passed == {6_600: False, 10_100: True, 20_500: CONF.tables[table].kind is None}
    assert (rule.severity, rule.overridable) == ("critical", True)


TOTALS: dict[str, tuple[int | None, dict[str, Any]]] = {
    "before the first release all goes": (None, {"min_value": 0, "max_value": None}),
    "of few rows chance takes more": (10, {"min_value": 0, "max_value": 30}),
    "of many rows a share counts": (1_000_000, {"min_value": 797_000, "max_value": 2_003_000}),
    "to none as many may come as want": (0, {"min_value": 0, "max_value": None}),
}


@pytest.mark.parametrize("case", TOTALS)
def test_totals_are_a_share_of_the_last_release_and_what_chance_does(tmp_path: Path, case: str) -> None:
    last_rows, expected = TOTALS[case]
    arguments = {"min_of_last_release": 0.8, "max_of_last_release": 2}
    rule = {**GOOD_RULE, "expectation": "expect_table_row_count_to_be_between", "arguments": arguments}
    path = write_suite(tmp_path, {"table": "appeal", "rules": [rule]})
    [loaded] = load_suite(path, columns_of("appeal"), CONF, last_rows)
    assert loaded.arguments == expected


# --- mutations: no rule can be turned round without a proof that fails -----------------------------------------------------

OPPOSITE = {
    SET: "expect_column_values_to_not_be_in_set", REGEX: "expect_column_values_to_not_match_regex",
    FILLED: "expect_column_values_to_be_null",
}  # fmt: skip
SWAPPED = {"column_A": "column_B", "min_value": "max_value"}


def invert(rule: Rule) -> Rule | None:
    """The rule turned round; None for uniqueness, of which there is no opposite: left out, its bad row passes."""
    if rule.expectation in OPPOSITE:
        arguments = {name: value for name, value in rule.arguments.items() if name != "mostly"}
        return replace(rule, expectation=OPPOSITE[rule.expectation], arguments=arguments)
    if rule.expectation in (BETWEEN, ORDERED):
        names = SWAPPED | {second: first for first, second in SWAPPED.items()}
        swapped = {names.get(name, name): value for name, value in rule.arguments.items()}
        if {"min_value", "max_value"} <= swapped.keys():  # the one cannot be above the other
            del swapped["max_value"]
        return replace(rule, arguments=swapped | ({"or_equal": False} if rule.expectation == ORDERED else {}))
    assert rule.expectation in (UNIQUE, TOGETHER), f"{rule.expectation}: say what its opposite is"
    return None


TURNED = [(table, turned) for table, rule in ALL_RULES if (turned := invert(rule)) is not None]


@pytest.mark.parametrize(("table", "rule"), TURNED, ids=[f"{table}-{rule.name}" for table, rule in TURNED])
def test_a_rule_turned_round_fails_its_proofs(spark: Any, table: str, rule: Rule) -> None:
    """It stops the clean table, or lets its bad row pass."""
    passes_clean = check_rules(table_of(spark, table), table, [rule])[rule.name]["success"]
    if passes_clean:
        bad = table_of(spark, table, BAD[table][rule.name])
        assert check_rules(bad, table, [rule])[rule.name]["success"] is True


def test_what_contradicts_itself_is_let_through_by_nobody() -> None:
    """Keys, ids of entities, numbers that belong to one alone, and ends that do not exist."""
    overridable = {(table, rule.name) for table in CONF.tables for rule in rules_of(table) if rule.overridable}
    firm = (
        "unique",
        "entity_id",
        "_exists",
        "id_number",
        "credit_code",
        "has_two_ends",
        "date",
        "(number)",
        "(system)",
    )
    assert [found for found in overridable if any(word in found[1] for word in firm)] == []
    assert ("resident", f"{SET}(sex_code)") in overridable


def test_a_wide_rule_lets_few_rows_pass(spark: Any) -> None:
    """`mostly` counts rows: of 100 residents five may be without a name, six may not."""
    [rule] = [rule for rule in rules_of("resident") if rule.name.endswith("not_be_null(name)")]
    assert rule.arguments["mostly"] == 0.95
    for nameless, passes in ((5, True), (6, False)):
        frame = spark.range(100).selectExpr(f"if(id < {nameless}, null, 'x') as name")
        result = check_rules(frame, "resident", [rule])[rule.name]
        assert (result["success"], result["unexpected_rows"]) == (passes, nameless)


def test_who_is_no_entity_of_the_kind_does_not_exist(spark: Any) -> None:
    """Flags are null where there is nothing to flag, and keep every row."""
    bad = [{"head_id": None, "dwelling_id": D1, "division_code": None}, {"head_id": H0, "division_code": "x"}]
    rows = table_of(spark, "household", *bad).toArrow().to_pylist()
    found = [[row[name] for name in flag_names(CONF.tables["household"], CONF)] for row in rows]
    assert flag_names(CONF.tables["household"], CONF) == [
        "dwelling_id_exists",
        "head_id_exists",
        "division_code_is_known",
    ]
    assert sorted(found, key=str) == sorted(
        [[True, True, True], [None, None, None], [True, None, None], [True, False, False]], key=str
    )


def test_no_value_of_a_bad_row_is_kept(spark: Any) -> None:
    """A verdict has counts; the values that broke the rule stay where they are."""
    bad = table_of(
        spark, "resident", {"sex_code": "欧阳金丝雀", "ethnic_code": "19900010001", "division_code": "320102"}
    )
    results = check_rules(bad, "resident", rules_of("resident"))
    assert sum(not result["success"] for result in results.values()) == 3
    for result in results.values():
        assert set(result) == {"success", "observed", "unexpected_rows"}
        assert re.fullmatch(r"\d+ of 3|3 rows; at least 0", result["observed"])


# --- a check that cannot run has failed -----------------------------------------------------------------------------------


def test_a_check_that_crashes_has_failed(spark: Any) -> None:
    rule = Rule("gone", "expect_column_values_to_not_be_null", {"column": "gone"}, "critical", "")
    fine = Rule("fine", "expect_column_values_to_not_be_null", {"column": "system"}, "critical", "")
    results = check_rules(table_of(spark, "appeal"), "appeal", [rule, fine])
    assert results["gone"] == {"success": False, "observed": "the check crashed", "unexpected_rows": None}
    assert results["fine"]["success"] is True


def test_a_check_without_a_result_has_failed(spark: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    rules = rules_of("resident_status")
    monkeypatch.setattr(checks, "build_suite", lambda name, rules: build_suite(name, rules[1:]))
    results = check_rules(table_of(spark, "resident_status"), "resident_status", rules)
    assert results[rules[0].name] == {"success": False, "observed": "the check did not run", "unexpected_rows": None}


def test_a_suite_that_swallows_a_rule_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = gx.ExpectationSuite.add_expectation

    def swallow(self: Any, expectation: Any) -> Any:
        return None if "between" in type(expectation).__name__.lower() else kept(self, expectation)

    gx.get_context(mode="ephemeral")  # a suite asks for one, and this test may be the first
    monkeypatch.setattr(gx.ExpectationSuite, "add_expectation", swallow)
    with pytest.raises(UserError, match="suite appeal loaded 6 of 9 rules"):
        build_suite("appeal", rules_of("appeal"))


# --- loading --------------------------------------------------------------------------------------------------------------


def test_a_module_that_is_put_off_is_loaded_at_its_first_use_and_not_by_putting_it_off_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delitem(sys.modules, "json.tool", raising=False)
    for _ in range(2):
        put_off("json", "tool")
        assert "main" not in object.__getattribute__(sys.modules["json.tool"], "__dict__")
    assert sys.modules["json.tool"].main  # type: ignore[attr-defined]


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
    "a warning to override": ({**GOOD_RULE, "severity": "warning", "overridable": True}, "only a critical rule"),
    "a word for overridable": ({**GOOD_RULE, "overridable": "yes"}, "overridable is true or false"),
    "a share that is none": (
        {**GOOD_RULE, "expectation": "expect_table_row_count_to_be_between", "arguments": {"min_of_last_release": "80%"}},
        "min_of_last_release is '80%'; give it as a share of the rows",
    ),
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
def test_a_bad_rule_is_refused_with_file_line_and_rule(tmp_path: Path, case: str) -> None:
    rule, sentence = BAD_RULES[case]
    path = write_suite(tmp_path, {"table": "appeal", "rules": [GOOD_RULE, rule]})
    with pytest.raises(UserError) as refused:
        load_suite(path, columns_of("appeal"), CONF)
    assert sentence in str(refused.value)
    starts = [number for number, line in enumerate(path.read_text("utf-8").splitlines(), 1) if line.startswith("- ")]
    place = "" if case == "the same rule twice" else f", line {starts[1]}"
    assert str(refused.value).startswith(f"{path}{place}: rule ")
    assert "\n" not in str(refused.value)


SUITES: dict[str, tuple[Any, str]] = {
    "nothing": ("", "needs `table: appeal` and `rules:`"),
    "a list": ([GOOD_RULE], "needs `table: appeal` and `rules:`"),
    "no rules": ({"table": "appeal", "rules": []}, "at least one rule"),
    "rules that are no list": ({"table": "appeal", "rules": {"one": GOOD_RULE}}, "at least one rule"),
    "rules of another table": ({"table": "resident", "rules": [GOOD_RULE]}, "needs `table: appeal`"),
    "a key too many": ({"table": "appeal", "rules": [GOOD_RULE], "more_rules": []}, "and nothing else"),
    "no YAML": ("table: [", ":1: YAML syntax error at line 1, column 9"),
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
    """A steward's code list replaces the repository's, also for the gate; a long one is asked by a flag."""
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
