"""Values as programs write them, through whole nights: words that stand for nothing, floats, phones with a point."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from jobs.common.run.stage import open_lake
from tests.support.office import Office, open_office, rows_of
from tests.support.written_contracts import NUMBER, column, contract, people_contract

pytestmark = pytest.mark.nights


def shop_contract() -> str:
    columns = [
        NUMBER,
        column("title", "名称", "organisation.name"),
        column("capital", "注册资本", "organisation.registered_capital_yuan"),
        column("phone", "电话", "organisation.phone"),
        column("division", "区划", "organisation.division_code"),
        column("day", "成立日期", "organisation.established_date"),
        column("house", "房屋编号", "dwelling.house_number"),
        column("area", "面积", "dwelling.area_m2"),
    ]
    return contract("shop", "*.csv", columns)


SHOPS = """编号,名称,注册资本,电话,区划,成立日期,房屋编号,面积
1,甲店,28.830000000000002,8300001.0,320102.0,20200101.0,1001.0,28.830000000000002
2,乙店,1000.50,13900000001.0,320102,2020-01-01,1002,703.3399999999999
3,丙店,100.0,1.3900000002E10,320102.0,43831.0,1003.0,88.5
4,丁店,1.5E+7,1.39E+10,3.2E5,9999-12-31,1004,88.456
5,戊店,0.1,13900000003/025-83000001,玄武区,,1005,0.30000000000000004
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
    office = open_office(tmp_path_factory.mktemp("odd_values") / "workspace")
    office.declare("list", people_contract())
    office.hand_in("list/名单_20260101.csv", LIST)
    office.declare("shop", shop_contract())
    office.hand_in("shop/名单_20260101.csv", SHOPS)
    assert office.run("2026-01-01").code == 0
    office.declare("list", people_contract("{property: null_words, value: [某单位]}"))
    assert office.run("2026-01-02").code == 0
    return office


def names(office: Office, table: str, release: str) -> list[Any]:
    query = f"select name from {table} where name is null or name not like '_店'"
    answer = office.jiceng("sql", query, "--release", release, "--format", "json")
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


def test_floats_are_the_numbers_that_were_meant(office: Office) -> None:
    columns = "name, registered_capital_yuan, phone, division_code, established_date"
    answer = office.jiceng("sql", f"select {columns} from organisation where name like '_店'", "--format", "json")
    found = {row["name"]: tuple(row.values())[1:] for row in rows_of(answer)}
    county = "320102000000"

    assert found == {
        "甲店": (28.83, "8300001", county, "2020-01-01"),
        "乙店": (1000.5, "13900000001", county, "2020-01-01"),
        "丙店": (100, "13900000002", county, "2020-01-01"),
        "丁店": (None, None, None, None),
        "戊店": (0.1, "13900000003", county, None),
    }


def test_dwellings_have_their_areas_and_numbers(office: Office) -> None:
    rows = open_lake(office.workspace).rows("harmonised.dwelling").to_pylist()

    assert {row["house_number"]: row["area_m2"] for row in rows} == {
        "1001": Decimal("28.83"),
        "1002": Decimal("703.34"),
        "1003": Decimal("88.50"),
        "1004": None,
        "1005": Decimal("0.30"),
    }


def test_what_was_not_read_is_an_issue_with_its_text(office: Office) -> None:
    rows = open_lake(office.workspace).rows("ops.issue", {"system": "shop"}).to_pylist()

    assert {(row["row_number"], row["field"], row["code"], row["raw"]) for row in rows} == {
        (5, "registered_capital_yuan", "money_unreadable", "1.5E+7"),
        (5, "phone", "phone_unreadable", "1.39E+10"),
        (5, "division_code", "unknown_division", "3.2E5"),
        (5, "established_date", "date_endless", "9999-12-31"),
        (5, "area_m2", "decimal_places", "88.456"),
        (6, "phone", "phone_several", "13900000003/025-83000001"),
    }
