"""Every semantic type has cases, and its rules give what they say; a type without cases fails here."""

from collections import Counter
from typing import Any

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from pyspark.testing import assertDataFrameEqual

from jobs.common.model.records import ModelField, Record
from jobs.common.model.types import PARAMETERS, TYPES
from jobs.common.model.types.semantic_type import SQL_TYPES, SemanticType
from jobs.common.run.conf import Conf
from jobs.harmonise.clean import clean_fields
from jobs.harmonise.records import clean_records
from tests.support.parity_texts import PARITY_TYPES
from tests.support.type_cases import PARAMETER_CASES, TYPE_CASES

READ = [type for type in TYPES if type.is_read]
# Columns of harmonise beside a field, whose names no parameter may have.
OWN_PARTS = {"text", "word", "plain", "value", "code"}


def named(type: SemanticType) -> str:
    return type.name


def field_of(type: SemanticType) -> ModelField:
    takes_list = type.lookup is not None and not type.lookup.lists
    return ModelField("value", type.name, 1, "", "", codes="sex" if takes_list else None)


def check_cases(
    spark: SparkSession, conf: Conf, type: SemanticType, cases: list[tuple[Any, ...]], given: dict[str, str]
) -> None:
    """Cleans the first column of the cases as harmonise does, and compares with the whole table."""
    field = field_of(type)
    record = Record("thing", None, ("system",), "", (field,), (), {})
    expected = spark.createDataFrame(cases, f"value__text string, value {type.sql}, value__code string")
    beside = {"timezone": "Asia/Shanghai", "required": "||", **given}
    texts = expected.select("value__text", *[F.lit(value).alias(name) for name, value in beside.items()])
    texts = texts.withColumn("value__word", F.lit(None).cast("string"))
    found = clean_records(texts, record, conf)
    assertDataFrameEqual(found.select("value__text", "value", "value__code"), expected)


def parameters(type: SemanticType, given: dict[str, str]) -> dict[str, str]:
    return {f"value__{p.name}": given.get(p.name, p.values[0]) for p in type.parameters}


@pytest.mark.parametrize("type", READ, ids=named)
def test_cases_give_the_expected_table(spark: SparkSession, conf: Conf, type: SemanticType) -> None:
    assert type.name in TYPE_CASES, f"add cases of {type.name} to tests/support/type_cases.py"
    nothing = [(None, None, None), ("", None, None), (" \u3000\t", None, None)]
    check_cases(spark, conf, type, nothing + TYPE_CASES[type.name], parameters(type, {}))


@pytest.mark.parametrize(("name", "given", "cases"), PARAMETER_CASES, ids=lambda part: str(part)[:20])
def test_parameters_of_a_contract_decide_how_a_value_is_read(
    spark: SparkSession, conf: Conf, name: str, given: dict[str, str], cases: list[tuple[Any, ...]]
) -> None:
    type = next(type for type in TYPES if type.name == name)
    check_cases(spark, conf, type, cases, parameters(type, given))


@pytest.mark.parametrize("type", READ, ids=named)
def test_cases_are_clean_messy_and_wrong_and_show_each_doubt(type: SemanticType) -> None:
    cases = TYPE_CASES[type.name]
    texts_of = Counter(value for _, value, code in cases if value is not None and code is None)
    assert texts_of, "no case is clean"
    assert max(texts_of.values()) >= 2, "no case is messy: two texts for one value"
    assert {code for _, _, code in cases if code} == set(type.doubts), "each doubt is a case, and no other code is"
    assert not type.doubts or any(value is None and code for _, value, code in cases), "no case is wrong"


@pytest.mark.parametrize("type", TYPES, ids=named)
def test_doubts_have_a_sentence_in_both_languages(conf: Conf, type: SemanticType) -> None:
    doubts = [*type.doubts, *(implied.doubt for implied in type.implies)]
    for code in doubts:
        assert conf.reasons["issue"][code]["zh"]
        assert conf.reasons["issue"][code]["en"]


@pytest.mark.parametrize("type", TYPES, ids=named)
def test_type_says_what_it_is(type: SemanticType) -> None:
    assert type.sql in SQL_TYPES
    if type.is_read:
        assert (type.lookup is None) == any(step.part == "value" for step in type.clean), "it is cleaned or looked up"
        assert bool(type.doubts) == (type.doubt is not None or type.lookup is not None)
    else:
        assert type == SemanticType(type.name, type.sql), "it stands in `derived` only"


@pytest.mark.parametrize("type", [type for type in TYPES if type.is_valid], ids=named)
def test_values_of_cases_are_valid_and_wrong_texts_are_not(spark: SparkSession, type: SemanticType) -> None:
    assert type.is_valid is not None
    cases = TYPE_CASES[type.name]
    values = [(value, True) for _, value, _ in cases if value is not None]
    wrong = [(text, False) for text, value, code in cases if text and value is None and code]
    expected = spark.createDataFrame(values + wrong, "text string, valid boolean")
    assertDataFrameEqual(expected.select("text", type.is_valid(F.col("text")).alias("valid")), expected)


def test_names_and_parameters_are_unique() -> None:
    names = [type.name for type in TYPES]
    assert len(names) == len(set(names))
    assert set(TYPE_CASES) == {type.name for type in READ}
    for type in TYPES:
        for parameter in type.parameters:
            assert PARAMETERS[parameter.name] is parameter, f"{parameter.name} means something else to another type"
            assert parameter.name not in OWN_PARTS
            assert any(name == type.name and parameter.name in given for name, given, _ in PARAMETER_CASES)


def test_every_type_that_is_cleaned_has_a_parity_case() -> None:
    assert set(PARITY_TYPES) == {type.name for type in READ if type.lookup is None}


@pytest.mark.parametrize("type", READ, ids=named)
def test_rules_are_not_written_into_one_another(spark: SparkSession, type: SemanticType) -> None:
    """What a rule asks for several times is a column: engines plan it as often as it stands there, before any row."""
    names = ["value__text", "timezone", *parameters(type, {})]
    texts = spark.createDataFrame([], ", ".join(f"{name} string" for name in names))

    plan = clean_fields(texts, [field_of(type)])._plan.to_proto(spark.client)

    assert plan.ByteSize() < 12_000  # 210,000 if the number of an amount is no column
