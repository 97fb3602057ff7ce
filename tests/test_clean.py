"""Every cleaner on null, empty, clean, messy and wrong text; the expected table is the test."""

import random
from datetime import date, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyspark.sql import functions as F
from pyspark.testing import assertDataFrameEqual
from stdnum.cn import ric

from jobs.common.model import SQL_TYPES, ModelField
from jobs.common.resident_id import check_character, is_valid_resident_id
from jobs.harmonise import clean

PERSON_NAMES = [
    (None, None, None),
    ("", None, None),
    ("  　", None, None),
    ("张三", "张三", None),
    (" 张 三　", "张三", None),
    ("欧阳娜娜", "欧阳娜娜", None),
    ("阿依古丽·买买提", "阿依古丽·买买提", None),
    ("阿依古丽•买买提", "阿依古丽·买买提", None),
    ("阿依古丽．买买提", "阿依古丽·买买提", None),
    ("阿依古丽・买买提", "阿依古丽·买买提", None),
    ("㛃", "㛃", None),
    ("王𬭎", "王𬭎", None),
    ("John  O'Neil", "John O'Neil", None),
    ("张三2", None, "name_unreadable"),
    ("?", None, "name_unreadable"),
    ("·张", None, "name_unreadable"),
]
RESIDENT_IDS = [
    (None, None, None),
    ("", None, None),
    ("11010519491231002X", "11010519491231002X", None),
    ("11010519491231002x", "11010519491231002X", None),
    ("１１０１０５１９４９１２３１００２Ｘ", "11010519491231002X", None),
    (" 110105 19491231 002X ", "11010519491231002X", None),
    ("'11010519491231002X", "11010519491231002X", None),
    ("110105491231002", "11010519491231002X", "id_15_upgraded"),
    ("110105194912310021", None, "id_checksum"),
    ("110105194913310021", None, "id_birth_date"),
    ("110105490230002", None, "id_birth_date"),  # 30 February
    ("110105000001010024", None, "id_birth_date"),  # year 0000
    ("1101051949123100", None, "id_length"),
    ("1101051949X231002X", None, "id_characters"),
    ("无", None, "id_characters"),
    ("1.10105E+17", None, "id_scientific"),
    ("1.10105194912310E+17", None, "id_scientific"),
]
DATES = [
    (None, None, None),
    ("", None, None),
    ("2019-04-25", date(2019, 4, 25), None),
    ("2019/4/5", date(2019, 4, 5), None),
    ("2019.4.5", date(2019, 4, 5), None),
    ("2019年4月5日", date(2019, 4, 5), None),
    ("20190405", date(2019, 4, 5), None),
    ("２０１９－０４－０５", date(2019, 4, 5), None),
    ("2019/4/25 9:32:09", date(2019, 4, 25), None),
    ("43560", date(2019, 4, 5), None),  # serial number of a spreadsheet
    ("2020-02-29", date(2020, 2, 29), None),
    ("2019-02-29", None, "date_unreadable"),
    ("0000-01-01", None, "date_unreadable"),  # a year for the engines, none for Python
    ("00000101", None, "date_unreadable"),
    ("1990-13-01", None, "date_unreadable"),
    ("昨天", None, "date_unreadable"),
    ("0", None, "date_unreadable"),
]
DATETIMES = [
    (None, None, None),
    ("2019/4/25 9:32:09", datetime(2019, 4, 25, 1, 32, 9), None),
    ("2019-04-25 07:59", datetime(2019, 4, 24, 23, 59), None),
    ("2019-04-25", datetime(2019, 4, 24, 16), None),
    ("2020-01-06T12:09:38", datetime(2020, 1, 6, 4, 9, 38), None),
    ("2019/4/25 25:00:00", None, "datetime_unreadable"),
    ("2019/4/25 上午", None, "datetime_unreadable"),
    ("x", None, "datetime_unreadable"),
]
PHONES = [
    (None, None, None),
    ("13912345678", "13912345678", None),
    ("139 1234 5678", "13912345678", None),
    ("139-1234-5678", "13912345678", None),
    ("+8613912345678", "13912345678", None),
    ("86 13912345678", "13912345678", None),
    ("００８６１３９１２３４５６７８", "13912345678", None),
    ("025-83456789", "02583456789", None),
    ("(025)83456789", "02583456789", None),
    ("83456789", "83456789", None),
    ("1391234567", None, "phone_unreadable"),
    ("139123456789", None, "phone_unreadable"),
    ("无", None, "phone_unreadable"),
]
INTEGERS = [
    (None, None, None),
    ("0", 0, None),
    ("1,234", 1234, None),
    ("１２", 12, None),
    ("-3", -3, None),
    ("1.5", None, "integer_unreadable"),
    ("1234567890123456789", None, "integer_unreadable"),
]
TEXTS = [
    (None, None, None),
    ("\n\t\t\n\t　你好 世界\n", "你好 世界", None),
    (" \t", None, None),
    ("a\n\nb", "a\n\nb", None),
]
ADDRESSES = [(None, None, None), ("玄武区　中山路１２号 ３－２０１", "玄武区中山路12号3-201", None), ("　", None, None)]
TABLES = {
    "person_name": PERSON_NAMES,
    "resident_id": RESIDENT_IDS,
    "date": DATES,
    "datetime": DATETIMES,
    "phone": PHONES,
    "integer": INTEGERS,
    "text": TEXTS,
    "address": ADDRESSES,
}


@pytest.mark.parametrize("type", TABLES)
def test_type_gives_expected_table(spark, type):
    field = ModelField("value", type, 1, "", "")
    expected = spark.createDataFrame(TABLES[type], f"value__text string, value {field.sql_type}, value__code string")
    found = clean.clean_fields(
        expected.withColumn("timezone", F.lit("Asia/Shanghai")).drop("value", "value__code"), [field]
    )
    assertDataFrameEqual(found.drop("timezone"), expected)


def test_every_type_is_tested_or_looked_up():
    assert set(TABLES) | {"code", "division", "boolean"} == set(SQL_TYPES)


def _oracle(number: str) -> bool:
    """python-stdnum also demands a known province and a county; the national standard's own list changes by year."""
    try:
        ric.get_birth_date(number)
    except Exception:
        return False
    return (
        number[0] != "0" and len(number) == 18 and number[:17].isdigit() and ric.calc_check_digit(number) == number[-1]
    )


def test_ids_agree_with_python_stdnum(spark):
    """20,000 random and mutated numbers: the same verdict as an independent implementation."""
    draw = random.Random(7)
    numbers = []
    for _ in range(10_000):
        region, year, month, day, order = (
            draw.randint(*bounds) for bounds in ((110000, 659999), (1900, 2025), (0, 13), (0, 32), (0, 999))
        )
        first17 = f"{region}{year}{month:02}{day:02}{order:03}"
        valid = first17 + ric.calc_check_digit(first17 + "0")
        place = draw.randrange(18)
        numbers += [valid, valid[:place] + draw.choice("0123456789X") + valid[place + 1 :]]
    frame = spark.createDataFrame([(n, _oracle(n)) for n in numbers], "id string, expected boolean")
    differing = frame.where(is_valid_resident_id(F.col("id")) != F.col("expected"))
    assert differing.count() == 0
    assert 3_000 < frame.where("expected").count() < 17_000


@settings(max_examples=20, deadline=None)
@given(st.lists(st.from_regex(r"[1-9][0-9]{16}", fullmatch=True), min_size=1, max_size=50))
def test_check_character_is_that_of_stdnum(spark, numbers):
    frame = spark.createDataFrame([(n,) for n in numbers], "first17 string")
    found = frame.select("first17", check_character(F.col("first17")).alias("check")).collect()
    assert all(row["check"] == ric.calc_check_digit(row["first17"] + "0") for row in found)
