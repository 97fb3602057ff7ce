"""Code lists: what a system writes becomes one code, and a list that contradicts itself is refused."""

import csv
from pathlib import Path

import pytest

from jobs.common.base.errors import UserError
from jobs.common.model.codes import load_codes, value_to_code
from jobs.common.model.divisions import list_names
from tests.support.constants import REPOSITORY

CODES = REPOSITORY / "conf" / "codes"
LISTS = list_names(path.name for path in CODES.glob("*.csv"))


def write_list(folder: Path, rows: str, header: str = "code,label,synonyms") -> Path:
    path = folder / "pet.csv"
    path.write_text(f"{header}\n{rows}", encoding="utf-8")
    return path


def test_list_is_read_in_order(tmp_path: Path) -> None:
    path = write_list(tmp_path, '02,猫,咪 | cat\n\n"01","狗, 犬",\n')

    assert load_codes(path) == [("02", "猫", ("咪", "cat")), ("01", "狗, 犬", ())]


def test_byte_order_mark_and_windows_line_ends_are_harmless(tmp_path: Path) -> None:
    path = tmp_path / "pet.csv"
    path.write_bytes("code,label,synonyms\r\n1,猫,\r\n".encode("utf-8-sig"))

    assert load_codes(path) == [("1", "猫", ())]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ("1,猫,咪|cat", {"1": "1", "猫": "1", "咪": "1", "cat": "1"}),
        ("01,猫,\n10,狗,", {"01": "01", "1": "01", "猫": "01", "10": "10", "狗": "10"}),
        ("00,猫,", {"00": "00", "0": "00", "猫": "00"}),
        ("01,猫,\n1,狗,", {"01": "01", "猫": "01", "1": "1", "狗": "1"}),  # 1 is a code of its own
        ("01,猫,\n001,狗,", {"01": "01", "猫": "01", "001": "001", "狗": "001"}),  # 1 could be either
        ("01,猫,\n02,狗,1", {"01": "01", "猫": "01", "02": "02", "狗": "02", "1": "02", "2": "02"}),  # 1 is a synonym
        ("0A,猫,", {"0A": "0A", "猫": "0A"}),  # not a number
    ],
    ids=["words", "leading zero", "all zeros", "other code", "two codes", "other synonym", "letters"],
)
def test_all_words_of_a_code_stand_for_it(tmp_path: Path, rows: str, expected: dict[str, str]) -> None:
    assert value_to_code(write_list(tmp_path, rows)) == expected


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("1,猫,\n1,狗,", "pet.csv:3: the code 1 is given twice, first on line 2. Keep one of them."),
        ("1,猫,咪\n2,狗,咪", "pet.csv:3: `咪` stands for two codes, 2 and 1 (line 2). Remove it from one of them."),
        ("1,猫,狗\n2,狗,", "pet.csv:3: `狗` stands for two codes, 2 and 1 (line 2). Remove it from one of them."),
        ("1,猫,2\n2,狗,", "pet.csv:3: `2` stands for two codes, 2 and 1 (line 2). Remove it from one of them."),
        (",猫,", "pet.csv:2: the code is empty. Fill it in or remove the row."),
        ("1,,", "pet.csv:2: the label is empty. Fill it in or remove the row."),
        ("1,猫,咪||喵", "pet.csv:2: a synonym is empty. Remove the | that separates nothing."),
        (
            "1,猫,咪,喵",
            (
                "pet.csv:2: the row has 4 cells instead of 3. "
                "Separate synonyms by |, and put a text that contains a comma in double quotes."
            ),
        ),
        ('1,"猫"x,', "pet.csv:2: the line is not valid CSV (',' expected after '\"'). Check its quotes."),
        ("", "pet.csv: the list has no codes. Add at least one row."),
    ],
    ids=[
        "code twice",
        "synonym of two",
        "synonym is a label",
        "synonym is a code",
        "no code",
        "no label",
        "empty synonym",
        "ragged",
        "quotes",
        "empty",
    ],
)
def test_faulty_list_is_refused(tmp_path: Path, rows: str, message: str) -> None:
    with pytest.raises(UserError) as caught:
        load_codes(write_list(tmp_path, rows))

    assert str(caught.value) == message


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        load_codes(write_list(tmp_path, "1,,\n2,猫,|\n2,狗,"))

    assert [line.partition(" ")[0] for line in str(caught.value).splitlines()] == [
        "pet.csv:2:",
        "pet.csv:3:",
        "pet.csv:4:",
    ]


def test_other_header_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"pet\.csv:1: the header is not `code,label,synonyms`"):
        load_codes(write_list(tmp_path, "1,猫", header="code,name"))


def test_other_encoding_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "pet.csv"
    path.write_bytes("code,label,synonyms\n1,公安,\n".encode("gb18030"))

    with pytest.raises(UserError, match=r"pet\.csv: the file is not UTF-8\. Save it as CSV in UTF-8\."):
        load_codes(path)


def test_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"pet\.csv: the file cannot be read"):
        load_codes(tmp_path / "pet.csv")


def test_source_of_every_shipped_file_is_named() -> None:
    told = (CODES / "SOURCES.md").read_text("utf-8")
    assert [path.name for path in CODES.glob("*.csv") if f"`{path.name}`" not in told] == []


@pytest.mark.parametrize("name", LISTS)
def test_shipped_list_is_valid_and_its_source_named(name: str) -> None:
    assert load_codes(CODES / f"{name}.csv")
    assert f"`{name}.csv`" in (CODES / "SOURCES.md").read_text("utf-8")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("sex", {"男": "1", "女性": "2", "F": "2", "0": "0", "未说明": "9"}),
        ("marital", {"未婚": "10", "离异": "40", "有配偶": "20"}),
        ("ethnic", {"汉": "01", "汉族": "01", "1": "01", "土": "30", "土家": "15", "毛难族": "36"}),
        ("education", {"初中": "70", "初中毕业": "71", "大专": "30", "本科": "20", "文盲": "90"}),
        ("political", {"党员": "01", "群众": "13", "团员": "03"}),
        ("family", {"户主": "02", "妻子": "12", "2": "02"}),
        ("status", {"低保": "01", "农村低保": "01", "低保边缘": "02", "特困人员": "03", "临时救助": "04"}),
        (
            "status",
            {
                "独居老人": "11",
                "空巢": "12",
                "留守儿童": "13",
                "失独": "14",
                "孤儿": "15",
                "残疾人": "20",
                "肢体": "24",
            },
        ),
        ("status", {"高血压": "31", "中风": "34", "严重精神障碍": "36", "失业金领取": "41", "工伤": "42"}),
        (
            "relation",
            {"member": "member", "监护人": "guardian", "法定代表人": "legal_representative", "租户": "tenant"},
        ),
        ("health", {"健康": "10", "1": "10", "3": "30", "糖尿病": "37", "6": "60"}),
        ("job", {"公务员": "11", "退休": "80", "个体户": "54"}),
        ("industry", {"0111": "A0111", "A0111": "A0111", "稻谷种植": "A0111", "01": "A01"}),
    ],
)
def test_shipped_lists_know_what_systems_write(name: str, words: dict[str, str]) -> None:
    mapping = value_to_code(CODES / f"{name}.csv")

    assert {word: mapping[word] for word in words} == words


def test_lists_hold_every_code_of_their_standard(real_data: Path) -> None:
    standards = {
        "sex": "gbt2261.1_sex", "marital": "gbt2261.2_marital", "health": "gbt2261.3_health_full", "job": "gbt2261.4_job",
        "ethnic": "gbt3304_ethnic", "education": "gbt4658_education", "family": "gbt4761_family",
        "political": "gbt4762_political", "industry": "gbt4754_2017_candidate",
    }  # fmt: skip
    for name, standard in standards.items():
        with (real_data / "codes" / f"{standard}.csv").open(encoding="utf-8-sig", newline="") as file:
            expected = [row[0] for row in csv.reader(file)][1:]
        assert [code for code, _, _ in load_codes(CODES / f"{name}.csv")] == expected, name
    words = value_to_code(CODES / "health.csv")
    with (real_data / "codes" / "gbt2261.3_health_1digit.csv").open(encoding="utf-8-sig", newline="") as file:
        for short, label in list(csv.reader(file))[1:]:
            assert words[short] == words[label] == f"{short}0"


def test_divisions_form_a_tree_down_to_one_district() -> None:
    with (CODES / "divisions.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    level_of = {row["code"]: int(row["level"]) for row in rows}

    assert len(level_of) == len(rows) == 3417, "each code stands once"
    assert all(len(code) == 12 and code.isdigit() for code in level_of)
    assert {row["name"] for row in rows if row["code"] in ("320100000000", "320102000000")} == {"南京市", "玄武区"}
    assert {row["code"] for row in rows if row["parent_code"] == ""} == {c for c, lvl in level_of.items() if lvl == 1}
    assert all(level_of[row["parent_code"]] == int(row["level"]) - 1 for row in rows if row["parent_code"])
    below = [row["level"] for row in rows if row["code"].startswith("320102")]
    assert [below.count(level) for level in "345"] == [1, 8, 61]
    assert {code[:6] for code, lvl in level_of.items() if lvl > 3} == {"320102"}
