"""Words that stand for nothing: which they are, where one is a value all the same, and what becomes of a record."""

from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from jobs.common.base.errors import UserError
from jobs.common.contracts.null_words import load_null_words, with_null_words, word_key
from jobs.common.contracts.sources import Source, SourceObject, check_contract
from jobs.common.intake.keyed_rows import is_null_word
from jobs.common.run.conf import Conf
from jobs.harmonise.records import list_issues
from tests.support.cleaning import clean, export
from tests.support.written_contracts import people_contract

TEXTS = [
    (None, None),
    ("", False),
    *[(text, True) for text in ("NULL", "null", "Null", " NULL\t", "ＮＵＬＬ", "N U L L", "nan", "NaN", "\\N", "None", "N/A")],
    *[(text, True) for text in ("#NA", "(null)", "undefined", "/", "／", "-", "--", "－", "—", "无", "　无　")],
    *[(text, True) for text in ("不详", "待补充", "待 补 充", "空", "未填", "暂无")],
    *[(text, False) for text in ("NULLA", "Christopher Null", "Nan Li", "\\", "无锡", "空军", "A/B", "-5", "N", "0", "#1")],
]  # fmt: skip


def test_word_is_known_in_any_case_and_width_and_with_blanks(spark: SparkSession, conf: Conf) -> None:
    words = set(conf.null_words) - {"\\"}
    frame = spark.createDataFrame(TEXTS, "text string, is_word boolean")

    found = frame.select("text", is_null_word(F.col("text"), words).alias("is_word")).collect()

    assert [tuple(row) for row in found] == TEXTS
    assert [word_key(text) in words for text, _ in TEXTS if text] == [is_word for text, is_word in TEXTS if text]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("word\nNULL\n", "null_words.csv:1: the header is not `word,kind`"),
        ("word,kind\nNULL\n", "null_words.csv:2: a row is a word and its kind, empty or word"),
        ("word,kind\n ,empty\n", "null_words.csv:2: a row is a word"),
        ("word,kind\nNULL,nothing\n", "null_words.csv:2: a row is a word"),
        ("word,kind\nNULL,empty\nｎｕ ll,word\n", "null_words.csv:3: `ｎｕ ll` is given twice"),
    ],
)
def test_list_with_a_fault_is_refused(tmp_path: Path, content: str, told: str) -> None:
    path = tmp_path / "null_words.csv"
    path.write_text(content, encoding="utf-8")

    with pytest.raises(UserError, match=told.replace("(", r"\(")):
        load_null_words(path)


def test_configuration_without_the_list_has_no_such_words(conf: Conf) -> None:
    older = Conf({name: path for name, path in conf.files.items() if name != "null_words.csv"})

    columns = [column for source in older.sources.values() for obj in source.objects for column in obj.columns]

    assert older.null_words == {}
    assert {column.null_words for column in columns} == {()}


def resolved(conf: Conf, record: str, role: str, *columns: tuple[str, dict[str, Any]]) -> SourceObject:
    """An object whose columns have the names of the fields they feed, with all words that stand for nothing."""
    source = Source("market", "", "occasional", (export(record, role, *columns),))
    return with_null_words(source, conf.null_words, conf.records, conf.below("codes", ".csv")).objects[0]


@pytest.mark.parametrize(
    ("record", "field", "settings", "nothing", "values"),
    [
        ("resident", "name", {}, {"NULL", "无", "-"}, set()),
        ("resident", "marital_code", {}, {"NULL", "无", "/"}, {"不详"}),
        ("resident", "sex_code", {}, {"NAN", "无"}, {"不详", "未知"}),
        ("resident", "has_family_doctor", {}, {"NULL", "不详", "/"}, {"无"}),
        ("appeal", "text", {}, {"NULL", "/", "-"}, {"无", "不详"}),
        ("appeal", "label", {}, {"NULL", "无"}, set()),
        ("resident", "name", {"null_words": ("某某", "0")}, {"某某", "0", "NULL"}, set()),
        ("resident", "name", {"keep_words": ("无",)}, {"NULL", "不详"}, {"无"}),
        ("resident", "name", {"keep_words": ("ｎｏｎｅ",)}, {"NULL"}, {"NONE"}),
        ("resident", "marital_code", {"null_words": ("不详",)}, {"不详"}, set()),
    ],
)
def test_word_that_means_something_in_a_field_is_a_value_there(
    conf: Conf, record: str, field: str, settings: dict[str, Any], nothing: set[str], values: set[str]
) -> None:
    obj = resolved(conf, record, "person", (field, settings))

    words = set(obj.columns[0].feeds[0].null_words)

    assert words >= nothing
    assert not words & values


def test_word_is_null_and_an_issue_if_somebody_is_recognised_by_it(spark: SparkSession, conf: Conf) -> None:
    names = ("name", "id_number", "birth_date", "phone", "address", "marital_code", "former_name")
    obj = resolved(conf, "resident", "person", *[(name, {}) for name in names], ("sex_code", {"required": True}))
    rows = [
        ("NULL", "无", "-", "/", "待补充", "不详", "无", "N/A"),
        ("王芳", None, "", None, "#REF!", "#N/A", "无", "不详"),
    ]

    cleaned = clean(spark, conf, "resident", obj, rows)
    issues = list_issues(cleaned, conf.records["resident"]).collect()

    assert [tuple(row[name] for name in names) for row in cleaned.orderBy("row_number").collect()] == [
        (None, None, None, None, None, "90", None),
        ("王芳", None, None, None, None, None, None),
    ]
    assert {(row["row_number"], row["field"], row["code"], row["raw"]) for row in issues} == {
        (1, "name", "null_word", "NULL"),
        (1, "id_number", "null_word", "无"),
        (1, "birth_date", "null_word", "-"),
        (1, "phone", "null_word", "/"),
        (1, "sex_code", "null_word", "N/A"),
        (2, "address", "cell_error", "#REF!"),  # an error value, whatever the field
        (2, "marital_code", "cell_error", "#N/A"),
    }


def test_households_of_the_same_word_have_no_number(spark: SparkSession, conf: Conf) -> None:
    obj = resolved(conf, "household", "household", ("number", {}), ("address", {}))

    found = clean(spark, conf, "household", obj, [("无", "板仓街1号"), ("无", "板仓街2号"), ("1001.0", "板仓街3号")])

    assert [row["number"] for row in found.orderBy("row_number").collect()] == [None, None, "1001"]


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ("null_words, value: [NULL, 无]", "`null_words` must be a list of words"),  # YAML's own null
        ("null_words, value: [0]", "`null_words` must be a list of words"),
        ("keep_words, value: [' ']", "`keep_words` must be a list of words"),
        ("keep_words, value: ['\u200b']", "`keep_words` must be a list of words"),  # no width
        ("null_words, value: [NULL_, '\ufeff']", "`null_words` must be a list of words"),
        ("null_words, value: {add: 无}", "`null_words` must be a list of words"),
        ("keep_words, value: 无}, {property: null_words, value: [无]", "`无` is among `null_words` and `keep_words`"),
        ("null_word, value: [无]", "Did you mean `null_words`?"),
    ],
)
def test_contract_with_words_that_are_none_is_refused(tmp_path: Path, conf: Conf, settings: str, told: str) -> None:
    path = tmp_path / "list.odcs.yaml"
    path.write_text(people_contract(f"{{property: {settings}}}"), encoding="utf-8")
    findings = check_contract(path, conf.records)

    assert told in " ".join(str(finding) for finding in findings)
