"""Divisions: which words stand for one, which for several, and what is said of those that no longer hold."""

from pathlib import Path

import pytest
from pyspark.sql import SparkSession
from pyspark.testing import assertDataFrameEqual

from jobs.common.base.errors import UserError
from jobs.common.model.divisions import LISTS, Meaning, division_words, load_divisions
from jobs.common.model.records import ModelField
from jobs.common.run.conf import Conf
from jobs.harmonise.clean import clean_fields
from jobs.harmonise.records import code_values, decode_field
from tests.support.constants import REPOSITORY

CODES = REPOSITORY / "conf" / "codes"
SHIPPED = division_words(*(CODES / f"{name}.csv" for name in LISTS))
XUANWU, MEIYUAN, MEIYUAN_STREET = "320102000000", "320102002001", "320102002000"

# A land of two provinces; the office's own county is 甲区 (110101), the only one whose townships are listed.
DIVISIONS = """code,name,level,parent_code
110000000000,东省,1,
110100000000,山城市,2,110000000000
110101000000,甲乡区,3,110100000000
110102000000,河西区,3,110100000000
110101001000,水门街道,4,110101000000
110101001001,水门社区居委会,5,110101001000
110101001002,柳园村委会,5,110101001000
120000000000,西部自治区,1,
120100000000,市辖区,2,120000000000
120101000000,河西区,3,120100000000
120102000000,水门县,3,120100000000
"""
ENDINGS = """level,endings
1,省|
2,市|
3,区|
3,县|
4,街道|街道办事处
5,社区居委会|社区|
5,村委会|
"""
NAMES = """value,code,kind,until
西部,120000000000,short,
晓,110000000000,alias,
旧城县,110102000000,former_name,2001
110109,110102000000,former_code,2001
120101,110102000000,former_code,1990
古县,110102000000,former_name,1999
古县,120102000000,former_name,2010
新区,999999000000,former_name,2010
"""


def words_of(
    folder: Path, divisions: str = DIVISIONS, endings: str = ENDINGS, names: str = NAMES
) -> dict[str, Meaning]:
    texts = dict(zip(LISTS, (divisions, endings, names), strict=True))
    for name, text in texts.items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    return division_words(*(folder / f"{name}.csv" for name in LISTS))


@pytest.mark.parametrize(
    ("word", "code", "issue"),
    [
        ("110102000000", "110102000000", None),
        ("110102", "110102000000", None),
        ("110101001", "110101001000", None),
        ("110101001001", "110101001001", None),
        ("东省", "110000000000", None),
        ("东", None, None),  # one character is not enough
        ("晓", "110000000000", None),  # but for those the list says so of
        ("西部", "120000000000", None),
        ("山城", "110100000000", None),
        ("东省山城市", "110100000000", None),
        ("东省山城市河西区", "110102000000", None),
        ("山城河西", "110102000000", None),
        ("东省河西区", "110102000000", None),
        ("西部自治区河西区", "120101000000", None),  # 市辖区 is a step of the tree, no place
        ("市辖区", None, None),
        ("120100", "120100000000", None),
        ("河西区", None, "ambiguous_division"),  # of two provinces, and neither is the office's own
        ("河西", None, "ambiguous_division"),
        ("水门", "110101001001", None),  # a county of another province too, but this one is the office's own
        ("水门县", "120102000000", None),
        ("水门社区", "110101001001", None),
        ("水门街道办事处", "110101001000", None),
        ("甲乡区水门街道水门社区居委会", "110101001001", None),
        ("甲乡区水门社区", "110101001001", None),
        ("柳园", "110101001002", None),
        ("旧城县", "110102000000", "division_former"),
        ("旧城", "110102000000", "division_former"),
        ("山城市旧城县", "110102000000", "division_former"),
        ("110109", "110102000000", "division_former"),
        ("110109000000", "110102000000", "division_former"),
        ("120101", "120101000000", None),  # given anew: it means what it means now
        ("古县", None, "ambiguous_division"),
        ("东省山城市古县", "110102000000", "division_former"),
        ("新区", None, None),  # of a division that this office does not list
    ],
)
def test_word_means_one_division_or_none(tmp_path: Path, word: str, code: str | None, issue: str | None) -> None:
    found = words_of(tmp_path).get(word)

    assert (found.code, found.issue) == (code, issue) if found else (code, issue) == (None, None)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("divisions", DIVISIONS + "110000000000,又一省,1,\n", "code 110000000000 is given twice; keep one of the rows"),
        ("divisions", "code,name\n", "the header is not `code,name,level,parent_code`"),
        (
            "names",
            NAMES + "山,110100000000,nickname,\n",
            "nickname is no kind of a name; known: short, alias, former_name",
        ),
        ("endings", "endings\n", "the header is not `level,endings`"),
    ],
)
def test_faulty_list_is_refused(tmp_path: Path, name: str, text: str, message: str) -> None:
    with pytest.raises(UserError, match=message.replace("|", "[|]")):
        words_of(tmp_path, **{name: text})


def test_changed_list_is_read_anew(tmp_path: Path) -> None:
    assert words_of(tmp_path)["山城"].code == "110100000000"
    assert words_of(tmp_path, DIVISIONS.replace("山城市", "海城市")).get("山城") is None


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (XUANWU, "玄武 玄武区 南京市玄武区 江苏省南京市玄武区 江苏南京玄武 320102 320102000000"),
        (
            MEIYUAN,
            "梅园新村 梅园新村社区 梅园新村社区居委会 梅园新村社区居民委员会 玄武区梅园新村街道梅园新村社区 320102002001",
        ),
        (MEIYUAN_STREET, "梅园新村街道 梅园新村街道办事处 320102002"),
        ("320102005009", "公教一村 公教一村社区居委会"),
        ("320000000000", "江苏 江苏省 苏 320000"),
        ("640000000000", "宁夏 宁夏回族自治区"),
        ("222400000000", "延边 延边朝鲜族自治州 吉林省延边朝鲜族自治州"),
        ("110101000000", "北京市东城区 北京东城 东城区"),
        ("320106000000", "南京市鼓楼区 江苏省南京市鼓楼区"),
    ],
)
def test_shipped_lists_know_a_division_by_all_its_words(code: str, words: str) -> None:
    assert {word: SHIPPED[word] for word in words.split()} == {word: Meaning(code, None) for word in words.split()}


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("320104000000", "白下区 南京市白下区 江苏省南京市白下区 白下 320103 320103000000"),
        ("320115000000", "江宁县 320121"),
        ("420600000000", "襄樊市 襄樊 湖北省襄樊市"),
        ("510117000000", "郫县 成都市郫县"),
    ],
)
def test_shipped_lists_know_what_was_renamed(code: str, words: str) -> None:
    former = Meaning(code, "division_former")
    assert {word: SHIPPED[word] for word in words.split()} == dict.fromkeys(words.split(), former)


def test_words_of_several_divisions_are_not_guessed() -> None:
    ambiguous = Meaning(None, "ambiguous_division")
    words = ("鼓楼区", "朝阳", "吉林", "清河区", "桥东区")  # the last two: a district of today and one renamed lately
    assert {word: SHIPPED[word] for word in words} == dict.fromkeys(words, ambiguous)
    assert not {"市辖区", "郊", "南京市市辖区", "中国"} & set(SHIPPED)


def test_other_names_speak_of_divisions_of_the_list_and_no_code_of_today_is_a_former_one() -> None:
    divisions = {division.code: division for division in load_divisions(CODES / "divisions.csv")}
    rows = [line.split(",") for line in (CODES / "division_names.csv").read_text("utf-8").splitlines()[1:]]

    assert {code for _, code, _, _ in rows} <= set(divisions)
    former = [value for value, _, kind, _ in rows if kind == "former_code"]
    assert len(set(former)) == len(former) > 1_000
    assert all(len(value) == 6 and f"{value}000000" not in divisions for value in former)
    assert {kind for _, _, kind, until in rows if until} == {"former_name", "former_code"}
    assert all(1995 <= int(until) <= 2026 for *_, until in rows if until)


def test_sources_name_every_list() -> None:
    sources = (CODES / "SOURCES.md").read_text("utf-8")
    assert all(f"`{name}.csv`" in sources for name in LISTS)


def test_field_is_looked_up_in_one_join(spark: SparkSession, conf: Conf) -> None:
    rows = [
        ("320102", "320102000000", None),
        (" 玄武 区", "320102000000", None),
        ("梅园新村社区", "320102002001", None),
        ("白下区", "320104000000", "division_former"),
        ("鼓楼区", None, "ambiguous_division"),
        ("月球", None, "unknown_division"),
        ("", None, None),
        (None, None, None),
    ]
    expected = spark.createDataFrame(rows, "division__text string, division string, division__code string")
    field = ModelField("division", "division", 2, "", "")

    found = decode_field(clean_fields(expected.select("division__text"), [field]), field, code_values(conf, field))

    assertDataFrameEqual(found.select(expected.columns), expected)
