"""Every cleaner on null, empty, clean, messy and wrong text; the expected table is the test."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from pyspark.testing import assertDataFrameEqual

from jobs.common.model.records import SQL_TYPES, ModelField
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
    ("110105491231002.0", "11010519491231002X", "id_15_upgraded"),  # through a column of floats, which holds 15 digits
    ("110105194912310020.0", None, "id_characters"),  # and not 18
    ("1.10105491231002E14", "11010519491231002X", "id_15_upgraded"),
    ("1.10105E+17", None, "id_scientific"),
    ("1.1010519491231002e17", None, "id_scientific"),
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
    ("2026 年 1 月 5 日", date(2026, 1, 5), None),
    ("2026年1月5号", date(2026, 1, 5), None),
    ("2026. 1. 5", date(2026, 1, 5), None),
    ("2026年1月5日8时5分", date(2026, 1, 5), None),
    ("20260105080500", date(2026, 1, 5), None),
    ("1990-05-04T16:00:00.000Z", date(1990, 5, 5), None),  # midnight in Shanghai, as a program elsewhere writes it
    ("1990-05-05T00:00:00+08:00", date(1990, 5, 5), None),
    ("2026-01", None, "date_unreadable"),
    ("2026年1月", None, "date_unreadable"),
    ("2019-02-29", None, "date_unreadable"),
    ("0000-01-01", None, "date_unreadable"),  # a year for the engines, none for Python
    ("00000101", None, "date_unreadable"),
    ("1990-13-01", None, "date_unreadable"),
    ("昨天", None, "date_unreadable"),
    ("0", None, "date_unreadable"),
    ("20190405.0", date(2019, 4, 5), None),
    ("43560.0", date(2019, 4, 5), None),
    ("2.0190405E7", date(2019, 4, 5), None),
    ("2019-04-25 00:00:00.0", date(2019, 4, 25), None),
    ("2019.10.0", None, "date_unreadable"),
    ("43560.5", None, "date_unreadable"),
    ("2.019E7", None, "date_unreadable"),  # digits are missing
    ("8999-12-31", date(8999, 12, 31), None),
    ("9000-01-01", None, "date_endless"),
    ("9999-12-31", None, "date_endless"),
    ("9999/12/31 23:59:59", None, "date_endless"),
    ("99991231", None, "date_endless"),
    ("９９９９年１２月３１日", None, "date_endless"),
    ("9999-13-31", None, "date_unreadable"),
    ("长期", None, "date_unreadable"),
]
DATETIMES = [
    (None, None, None),
    ("2019/4/25 9:32:09", datetime(2019, 4, 25, 1, 32, 9), None),
    ("2019-04-25 07:59", datetime(2019, 4, 24, 23, 59), None),
    ("2019-04-25", datetime(2019, 4, 24, 16), None),
    ("2020-01-06T12:09:38", datetime(2020, 1, 6, 4, 9, 38), None),
    ("2026-01-01 8:05", datetime(2026, 1, 1, 0, 5), None),
    ("2026/1/1 08:05:00", datetime(2026, 1, 1, 0, 5), None),
    ("２０２６－０１－０１　８：０５", datetime(2026, 1, 1, 0, 5), None),
    ("20260101080500", datetime(2026, 1, 1, 0, 5), None),
    ("202601010805", datetime(2026, 1, 1, 0, 5), None),
    ("20260101T080530", datetime(2026, 1, 1, 0, 5, 30), None),
    ("20260101 08:05", datetime(2026, 1, 1, 0, 5), None),
    ("20260101", datetime(2025, 12, 31, 16), None),
    ("2026年1月1日8时5分", datetime(2026, 1, 1, 0, 5), None),
    ("2026 年 1 月 1 日 8时5分30秒", datetime(2026, 1, 1, 0, 5, 30), None),
    ("2026年1月1日8点", datetime(2026, 1, 1), None),
    ("2026/1/1 下午 3:05", datetime(2026, 1, 1, 7, 5), None),
    ("2026/1/1 下午12:30", datetime(2026, 1, 1, 4, 30), None),
    ("2026/1/1 上午12:30:00", datetime(2025, 12, 31, 16, 30), None),
    ("2026-01-01T08:05:00+08:00", datetime(2026, 1, 1, 0, 5), None),
    ("2026-01-01T08:05:00.250Z", datetime(2026, 1, 1, 8, 5), None),
    ("2026-01-01 08:05:00 +0530", datetime(2026, 1, 1, 2, 35), None),
    ("43466", datetime(2018, 12, 31, 16), None),
    ("2019/4/25 25:00:00", None, "datetime_unreadable"),
    ("2019/4/25 24:00", None, "datetime_unreadable"),
    ("2019/4/25 23:59:60", None, "datetime_unreadable"),
    ("2019/2/30 08:00", None, "datetime_unreadable"),
    ("2019/4/25 上午", None, "datetime_unreadable"),
    ("2019/4/25 下午25:05", None, "datetime_unreadable"),
    ("2026年1月1日8", None, "datetime_unreadable"),  # of what?
    ("2026年1月1日8时30秒", None, "datetime_unreadable"),
    ("2026-01-01T08:05:00+99:00", None, "datetime_unreadable"),
    ("x", None, "datetime_unreadable"),
    ("43466.0", datetime(2018, 12, 31, 16), None),
    ("20260101080500.0", datetime(2026, 1, 1, 0, 5), None),
    ("2026-01-01 08:05:00.0", datetime(2026, 1, 1, 0, 5), None),
    ("9999-12-31 23:59:59", None, "date_endless"),
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
    ("025—83456789", "02583456789", None),
    ("139.1234.5678", "13912345678", None),
    ("139 123 456 78", "13912345678", None),
    ("0086-025-83456789", "02583456789", None),
    ("86-025-83456789", "02583456789", None),
    ("+86 25 83456789", "02583456789", None),
    ("+86 391 8345678", "03918345678", None),
    ("(+86)13912345678", "13912345678", None),
    ("400-123-4567", "4001234567", None),
    ("4001-234-567", "4001234567", None),
    ("８００ １２３ ４５６７", "8001234567", None),
    # through a column of floats: never another number, never a digit gained
    ("8300001.0", "8300001", None),
    ("13912345678.0", "13912345678", None),
    ("13912345678.00", "13912345678", None),
    ("1.3912345678E10", "13912345678", None),
    ("1.3912345678e+10", "13912345678", None),
    ("８３００００１．０", "8300001", None),
    ("1.39E+10", None, "phone_unreadable"),
    ("8300001.5", "8300001", "phone_remark"),
    ("1391234567.8", None, "phone_unreadable"),
    ("83000.01", None, "phone_unreadable"),
    # several numbers
    ("13912345678/025-83456789", "13912345678", "phone_several"),
    ("025-83456789/13912345678", "02583456789", "phone_several"),
    ("83456789、83456780", "83456789", "phone_several"),
    ("13912345678、13912345679", "13912345678", "phone_several"),
    ("13912345678；13912345679", "13912345678", "phone_several"),
    ("13912345678 13912345679", "13912345678", "phone_several"),
    ("139 1234 5678 025 83456789", "13912345678", "phone_several"),
    ("13912345678\n13912345679", "13912345678", "phone_several"),
    ("+8613912345678,4001234567", "13912345678", "phone_several"),
    ("13912345678/13912345678", "13912345678", None),  # once more the same
    ("13912345678/", "13912345678", None),
    # extensions
    ("025-83456789转8012", "02583456789", "phone_remark"),
    ("025-83456789-8012", "02583456789", "phone_remark"),
    ("025-8345678-12", "0258345678", "phone_remark"),
    ("0391-8345678-1", "03918345678", "phone_remark"),
    ("(025)83456789*8012", "02583456789", "phone_remark"),
    ("83456789 ext 12", "83456789", "phone_remark"),
    ("8345678-1", "8345678", "phone_remark"),
    ("8345678(2)", "8345678", "phone_remark"),
    ("400-123-4567转1", "4001234567", "phone_remark"),
    # remarks
    ("13912345678(儿子)", "13912345678", "phone_remark"),
    ("王某13912345678", "13912345678", "phone_remark"),
    ("家：025-83456789", "02583456789", "phone_remark"),
    ("110/13912345678", "13912345678", "phone_remark"),
    # nothing of these is a phone
    ("1391234567-8", None, "phone_unreadable"),
    ("110105194912310021", None, "phone_unreadable"),
    ("王某83456789", None, "phone_unreadable"),
    ("登记于20200101", None, "phone_unreadable"),
    ("110", None, "phone_unreadable"),
    ("12345", None, "phone_unreadable"),
    ("1391234567813912345679", None, "phone_unreadable"),
]
INTEGERS = [
    (None, None, None),
    ("0", 0, None),
    ("1,234", 1234, None),
    ("１２", 12, None),
    ("-3", -3, None),
    ("1.5", None, "integer_unreadable"),
    ("1234567890123456789", None, "integer_unreadable"),
    ("12.0", 12, None),
    ("1,234.00", 1234, None),
    ("-3.0", -3, None),
    ("1.2345678E7", 12345678, None),
    ("1.2E7", None, "integer_unreadable"),
    ("1.20E1.0", None, "integer_unreadable"),
    ("1234567890123456.0", None, "integer_unreadable"),  # more digits than a float holds
]
NUMBERS = [
    (None, None, None),
    (" 　", None, None),
    ("3201-88 ", "3201-88", None),
    ("1001.0", "1001", None),
    ("007.0", "007", None),
    ("1.00000001E8", "100000001", None),
    ("1.5", "1.5", None),
    ("甲1.0", "甲1.0", None),
    ("3201000000000001.0", "3201000000000001.0", None),  # its digits are not known
]
TEXTS = [
    (None, None, None),
    ("\n\t\t\n\t　你好 世界\n", "你好 世界", None),
    (" \t", None, None),
    ("a\n\nb", "a\n\nb", None),
]
ADDRESSES = [(None, None, None), ("玄武区　中山路１２号 ３－２０１", "玄武区中山路12号3-201", None), ("　", None, None)]
CREDIT_CODES = [
    (None, None, None),
    ("", None, None),
    ("91110000600037341L", "91110000600037341L", None),
    ("91110000600037341l", "91110000600037341L", None),
    ("９１１１００００６０００３７３４１Ｌ", "91110000600037341L", None),
    (" 9111 0000-600037341L ", "91110000600037341L", None),
    ("'91110000600037341L", "91110000600037341L", None),
    ("91110000600037341M", None, "credit_code_checksum"),
    ("91110000600037314L", None, "credit_code_checksum"),  # two digits swapped
    ("91110000600037342P", "91110000600037342P", "credit_code_organisation"),  # 60003734 asks for the check 1
    ("9111000060003734IL", None, "credit_code_characters"),  # I for 1
    ("9111A000600037341L", None, "credit_code_characters"),  # a letter in the division
    ("9111000060003734AL", None, "credit_code_characters"),  # a letter as check of the organisation code
    ("无", None, "credit_code_characters"),
    ("9111000060003734", None, "credit_code_length"),
    ("600037341", None, "credit_code_length"),  # the organisation code alone
    ("9.11100006000373E+17", None, "credit_code_scientific"),
    ("110000012345678", None, "registration_number"),
    ("1100000123456789", None, "credit_code_length"),
]
YES_NO = [
    (None, None, None),
    ("", None, None),
    *[(text, True, None) for text in ("是", "有", "√", "Y", "y", "yes", "1", "１", "true", "T", "对", " 是 ")],
    *[(text, False, None) for text in ("否", "无", "没有", "×", "N", "No", "0", "０", "FALSE", "f", "错")],
    ("是否", None, "yes_no_unreadable"),
    ("不详", None, "yes_no_unreadable"),
    ("2", None, "yes_no_unreadable"),
    ("1.0", True, None),
    ("0.0", False, None),
    ("0.5", None, "yes_no_unreadable"),
]
MONEY = [
    (None, None, None),
    ("", None, None),
    ("985", Decimal("985.00"), None),
    ("3,500.00", Decimal("3500.00"), None),
    ("￥985", Decimal("985.00"), None),
    ("¥ 985.5", Decimal("985.50"), None),
    ("985元整", Decimal("985.00"), None),
    ("1,000,000元", Decimal("1000000.00"), None),
    ("１２，３４５．６０元", Decimal("12345.60"), None),
    ("3千元", Decimal("3000.00"), None),
    ("50万", Decimal("500000.00"), None),
    ("100万元", Decimal("1000000.00"), None),
    ("3百万元", Decimal("3000000.00"), None),
    ("1.2亿元", Decimal("120000000.00"), None),
    ("500.000000万人民币", Decimal("5000000.00"), None),
    ("人民币500万元整", Decimal("5000000.00"), None),
    ("RMB 100", Decimal("100.00"), None),
    ("0.000001万元", Decimal("0.01"), None),
    ("-20", Decimal("-20.00"), None),
    ("007.50", Decimal("7.50"), None),
    ("9999999999999999.99", Decimal("9999999999999999.99"), None),
    ("0.1", Decimal("0.10"), None),
    ("人民币壹佰万元", None, "money_unreadable"),
    ("1,00", None, "money_unreadable"),
    ("12,345,67", None, "money_unreadable"),
    ("100元/月", None, "money_unreadable"),
    ("1亿2000万", None, "money_unreadable"),
    ("1.5E+7", None, "money_unreadable"),
    ("100万美元", None, "money_currency"),
    ("$100", None, "money_currency"),
    ("HKD100", None, "money_currency"),
    ("1.234", None, "money_places"),
    ("0.0000001万元", None, "money_places"),
    ("10000000000000000", None, "money_range"),
    ("100000000亿", None, "money_range"),
    ("28.830000000000002", Decimal("28.83"), None),
    ("703.3399999999999", Decimal("703.34"), None),
    ("0.30000000000000004", Decimal("0.30"), None),
    ("-28.830000000000002", Decimal("-28.83"), None),
    ("999.9999999999999", Decimal("1000.00"), None),
    ("1,028.8300000000001", Decimal("1028.83"), None),
    ("28.829999999999998", Decimal("28.83"), None),
    ("28.82999999999999829470", Decimal("28.83"), None),
    ("9999999999.990001", Decimal("9999999999.99"), None),
    ("99999999999.99001", None, "money_places"),  # two zeros can be an accident
    ("0.28830000000000006万元", Decimal("2883.00"), None),
    ("2.883E1", Decimal("28.83"), None),
    ("-2.883e1", Decimal("-28.83"), None),
    ("1.23456789E7", Decimal("12345678.90"), None),
    ("2.0E7", Decimal("20000000.00"), None),
    ("2.8830000000000002E1", Decimal("28.83"), None),
    ("2.00E-01", Decimal("0.20"), None),
    ("5E0", Decimal("5.00"), None),
    ("1e-05", None, "money_places"),
    ("28.834", None, "money_places"),
    ("28.8300000001", None, "money_places"),  # fewer digits than a float has noise behind
    ("12345678901234.561", None, "money_places"),  # a float holds no more of it
    ("9.9E29", None, "money_range"),
    ("1E99", None, "money_unreadable"),
]
DECIMALS = [
    (None, None, None),
    ("", None, None),
    ("89.5", Decimal("89.50"), None),
    ("89.50㎡", Decimal("89.50"), None),
    ("120 平方米", Decimal("120.00"), None),
    ("1,200.5m2", Decimal("1200.50"), None),
    ("８９．２５", Decimal("89.25"), None),
    ("-3", Decimal("-3.00"), None),
    ("89.2500", Decimal("89.25"), None),
    ("89.255", None, "decimal_places"),
    ("12345678901234567", None, "decimal_range"),
    ("3亩", None, "decimal_unreadable"),
    ("约90", None, "decimal_unreadable"),
    ("90-100", None, "decimal_unreadable"),
    ("28.830000000000002", Decimal("28.83"), None),
    ("703.3399999999999", Decimal("703.34"), None),
    ("703.3399999999999㎡", Decimal("703.34"), None),
    ("0.009999999999999998", Decimal("0.01"), None),
    ("8.85E1", Decimal("88.50"), None),
    ("88.456", None, "decimal_places"),
    ("88.45600000000000002", None, "decimal_places"),
    ("1e-05", None, "decimal_places"),
]
TABLES = {
    "person_name": PERSON_NAMES,
    "resident_id": RESIDENT_IDS,
    "date": DATES,
    "datetime": DATETIMES,
    "phone": PHONES,
    "integer": INTEGERS,
    "text": TEXTS,
    "number": NUMBERS,
    "address": ADDRESSES,
    "credit_code": CREDIT_CODES,
    "yes_no": YES_NO,
    "money": MONEY,
    "decimal": DECIMALS,
}
IN_TEN_THOUSANDS = [
    ("100", Decimal("1000000.00"), None),
    ("￥12.5", Decimal("125000.00"), None),  # a sign tells the currency, not the unit
    ("100元", Decimal("100.00"), None),
    ("100万元", Decimal("1000000.00"), None),
    ("1亿", Decimal("100000000.00"), None),
    ("0.0000001", None, "money_places"),
    ("1000000000000", None, "money_range"),
    ("0.28830000000000006", Decimal("2883.00"), None),
    ("2882.9999999999995", Decimal("28830000.00"), None),
    ("1e-05", Decimal("0.10"), None),
    ("28.830000000000002", Decimal("288300.00"), None),
    ("28.830000000000002元", Decimal("28.83"), None),
]


def check_cleaned(spark: SparkSession, type: str, rows: list[Any], unit: str = "元") -> None:
    """Cleans the first column of rows and compares with the whole table."""
    field = ModelField("value", type, 1, "", "")
    expected = spark.createDataFrame(rows, f"value__text string, value {field.sql_type}, value__code string")
    texts = expected.select("value__text", F.lit("Asia/Shanghai").alias("timezone"), F.lit(unit).alias("value__unit"))
    found = clean.clean_fields(texts, [field])
    assertDataFrameEqual(found.select("value__text", "value", "value__code"), expected)


@pytest.mark.parametrize("type", TABLES)
def test_type_gives_expected_table(spark: SparkSession, type: str) -> None:
    check_cleaned(spark, type, TABLES[type])


@pytest.mark.parametrize("type", TABLES)
def test_rules_are_not_written_into_one_another(spark: SparkSession, type: str) -> None:
    """What a rule asks for several times is a column: engines plan it as often as it stands there, before any row."""
    texts = spark.createDataFrame([], "value__text string, value__unit string, timezone string")

    plan = clean.clean_fields(texts, [ModelField("value", type, 1, "", "")])._plan.to_proto(spark.client)

    assert plan.ByteSize() < 12_000  # 210,000 where the number of an amount is no column


def test_number_without_a_unit_counts_in_that_of_its_column(spark: SparkSession) -> None:
    check_cleaned(spark, "money", IN_TEN_THOUSANDS, unit="万元")


def test_every_type_is_tested_or_looked_up() -> None:
    assert set(TABLES) | {"code", "division", "boolean"} == set(SQL_TYPES)
