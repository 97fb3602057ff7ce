"""Words that stand for nothing: which they are, where one is a value all the same, and what becomes of a record."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from office import Office, open_office, rows_of
from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from test_records import clean, export

from jobs.common.conf import Conf
from jobs.common.contracts import Source, SourceObject, check_contract
from jobs.common.errors import UserError
from jobs.common.null_words import load_null_words, with_null_words, word_key
from jobs.common.rows import is_null_word
from jobs.common.stage import open_lake
from jobs.harmonise.records import list_issues

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
    return with_null_words(source, conf.null_words, conf.model, conf.below("codes", ".csv")).objects[0]


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
    issues = list_issues(cleaned, conf.model["resident"]).collect()

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
        ("null_words, value: {add: 无}", "`null_words` must be a list of words"),
        ("keep_words, value: 无}, {property: null_words, value: [无]", "`无` is among `null_words` and `keep_words`"),
        ("null_word, value: [无]", "Did you mean `null_words`?"),
    ],
)
def test_contract_with_words_that_are_none_is_refused(tmp_path: Path, conf: Conf, settings: str, told: str) -> None:
    path = tmp_path / "list.odcs.yaml"
    path.write_text(contract(f"{{property: {settings}}}"), encoding="utf-8")
    records = {r.name: {field.name: field for field in r.fields} for r in conf.model.values()}

    findings = check_contract(path, records)

    assert told in " ".join(str(finding) for finding in findings)


def contract(settings: str = "") -> str:
    """People with an employer; `settings` are properties of the employer's column."""
    columns = ['{name: num, physicalName: 编号, classification: "1", required: true, primaryKey: true}']
    for name, header, level, feeds, more in (
        ("person", "姓名", 3, "resident.name", ""),
        ("phone", "电话", 3, "resident.phone", ""),
        ("emp", "单位", 1, "organisation@employer.name", f", {settings}" if settings else ""),
        ("ea", "单位地址", 2, "organisation@employer.address", ""),
    ):
        fed = f"customProperties: [{{property: feeds, value: {feeds}}}{more}]"
        columns.append(f'{{name: {name}, physicalName: {header}, classification: "{level}", {fed}}}')
    listed = "\n".join(f"      - {column}" for column in columns)
    return f"""apiVersion: v3.2.0
kind: DataContract
id: list
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
      - {{property: mode, value: snapshot}}
      - {{property: as_of, value: '_(\\d{{8}})'}}
schema:
  - name: list
    properties:
{listed}
"""


LIST = """编号,姓名,电话,单位,单位地址
1,甲某一,13900000001,NULL,板仓街1号
2,甲某二,13900000002,NULL,板仓街2号
3,NULL,NULL,\\N,\\N
4,nan,,nan,nan
5,甲某五,13900000005,乙公司,待补充
6,甲某六,13900000006,丙公司,/
7,甲某七,13900000007,某单位,
8,甲某八,13900000008,某单位,
NULL,甲某九,13900000009,丁公司,
"""


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Office:
    """After two nights: on the second one the contract says that 某单位 stands for nothing; nothing is handed in."""
    office = open_office(tmp_path_factory.mktemp("null_words") / "workspace")
    office.declare("list", contract())
    office.hand_in("list/名单_20260101.csv", LIST)
    assert office.run("2026-01-01").code == 0
    office.declare("list", contract("{property: null_words, value: [某单位]}"))
    assert office.run("2026-01-02").code == 0
    return office


def names(office: Office, table: str, release: str) -> list[Any]:
    answer = office.jiceng("sql", f"select name from {table}", "--release", release, "--format", "json")
    assert answer.code == 0, answer.err
    return sorted((row["name"] for row in rows_of(answer)), key=str)


def test_nobody_and_nothing_is_named_by_such_a_word(office: Office) -> None:
    assert names(office, "resident", "2026-01-01.1") == [f"甲某{number}" for number in sorted("一二五六七八")]
    # Two employers of which only the address is known.
    assert names(office, "organisation", "2026-01-01.1") == [None, None, "丙公司", "乙公司", "某单位"]


def test_word_that_the_contract_adds_ends_what_was_named_by_it(office: Office) -> None:
    assert names(office, "organisation", "2026-01-02.1") == [None, None, "丙公司", "乙公司"]


def test_key_that_is_such_a_word_is_none(office: Office) -> None:
    [row] = open_lake(office.workspace).rows("ops.quarantine").to_pylist()

    assert (row["row_number"], row["stage"], row["reason"]) == (10, "harmonise", "key_missing")


def test_books_close_over_rows_that_no_longer_apply(office: Office) -> None:
    lake = open_lake(office.workspace)
    ended = [row for row in lake.rows("harmonised.organisation").to_pylist() if row["valid_to"]]

    assert {row["source_key"] for row in ended} == {"7", "8"}
    assert {row["valid_to"] for row in ended} == {date(2026, 1, 2)}
