"""The sample town's organisations, and the files of its newer systems: credit codes, names, encodings, broken rows."""

import codecs
import re
import unicodedata
from collections import Counter, defaultdict
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from stdnum.cn import uscc

from jobs.common.model.codes import value_to_code
from jobs.sample import CANARIES
from jobs.sample.ids import draw_credit_codes, mistype_credit_code
from jobs.sample.organisations import COMPANY_TRADES, SHOP_TRADES
from tests.support.constants import REPOSITORY
from tests.support.sample_files import NIGHTS, is_whole, names_of, read_csv, read_list, told, whole_list

pytest_plugins = ["tests.support.sample_fixtures"]
CODES = REPOSITORY / "conf" / "codes"
SNAPSHOTS = ("户籍人口", "参保人员", "房屋登记", "物业住户", "企业名单")
KEYS = {
    "户籍人口": "人员编号", "健康档案": "档案编号", "参保人员": "个人编号", "房屋登记": "房屋编号", "物业住户": "登记编号",
    "企业名单": "登记编号",
}  # fmt: skip


def plain_code(text: object) -> str:
    return re.sub(r"\s", "", unicodedata.normalize("NFKC", str(text))).upper()


# --- organisations ------------------------------------------------------------------------------------------------------


def test_credit_codes_are_valid_and_different() -> None:
    taken: set[str] = set()
    codes = draw_credit_codes(np.random.default_rng(1), ["91320102"] * 500 + ["12320102"] * 20, taken)
    assert len(set(codes)) == len(taken) == 520
    assert all(uscc.is_valid(code) for code in codes)
    assert uscc.validate("91110000600037341L")  # the library knows the standard's own example
    assert not any(uscc.is_valid(mistype_credit_code(code)) for code in codes)


def test_one_organisation_has_one_credit_code_but_for_mistyped_ones(town: Path, truth: list[dict[str, str]]) -> None:
    columns = (
        ("企业名单", "organisation", "统一社会信用代码"), ("参保人员", "employer", "统一社会信用代码"),
        ("房屋登记", "owner", "产权单位信用代码"), ("物业住户", "property_manager", "物业公司信用代码"),
    )  # fmt: skip
    codes: dict[str, set[str]] = defaultdict(set)
    wrong: Counter[str] = Counter()
    shapes: set[str] = set()
    for prefix, role, column in columns:
        rows = whole_list(town, NIGHTS[0], prefix)
        for number, organisation in told(truth, NIGHTS[0], prefix, "organisation", role).items():
            if number in rows:
                text = str(rows[number][column])
                shapes |= {re.sub("[A-Z]", "A", re.sub("[0-9]", "0", text[:3]))} | (
                    {"a"} if text.upper() != text else set()
                )
                if uscc.is_valid(plain_code(text)):
                    codes[organisation].add(plain_code(text))
                else:
                    wrong[prefix] += 1
    assert all(len(own) == 1 for own in codes.values())
    assert len({code for own in codes.values() for code in own}) == len(codes) >= 55
    assert set(wrong) == {"企业名单", "参保人员"}
    assert wrong["企业名单"] == 1
    assert {"000", "00 ", "a"} <= shapes
    assert any("０" <= shape[0] <= "９" for shape in shapes)


def test_enterprises_are_renamed_and_closed_and_social_security_keeps_old_names(
    town: Path, truth: list[dict[str, str]]
) -> None:
    known = [set(told(truth, night, "企业名单", "organisation", "organisation").values()) for night in NIGHTS]
    assert [(len(after - before), len(before - after)) for before, after in pairwise(known)] == [
        (1, 0),
        (1, 0),
    ]  # founded
    nights = [{row["登记编号"]: row for row in whole_list(town, night, "企业名单").values()} for night in NIGHTS]
    for night, before, after in zip(NIGHTS, nights, nights[1:], strict=False):
        renamed = [key for key in before.keys() & after.keys() if before[key]["企业名称"] != after[key]["企业名称"]]
        assert len(renamed) == 1
        assert after[renamed[0]]["曾用名称"] == before[renamed[0]]["企业名称"]
        closed = [key for key in before.keys() & after.keys() if after[key]["注销日期"] and not before[key]["注销日期"]]
        assert [(after[key]["登记状态"], after[key]["注销日期"]) for key in closed] == [("注销", night)]
    former = {
        told(truth, NIGHTS[0], "企业名单", "organisation", "organisation")[number]: row["曾用名称"]
        for number, row in whole_list(town, NIGHTS[0], "企业名单").items()
        if row["曾用名称"]
    }
    employers = told(truth, NIGHTS[0], "参保人员", "organisation", "employer")
    insured = whole_list(town, NIGHTS[0], "参保人员")
    old = [row for row, one in employers.items() if row in insured and insured[row]["单位名称"] == former.get(one)]
    assert old


def test_industries_and_other_words_are_those_of_the_shipped_lists(town: Path) -> None:
    industries = value_to_code(CODES / "industry.csv")
    assert {*COMPANY_TRADES.values(), *SHOP_TRADES.values(), "7010", "7020"} <= industries.keys()
    for prefix, column, listed in (
        ("企业名单", "登记状态", "organisation_status"), ("企业名单", "行业代码", "industry"),
        ("房屋登记", "房屋用途", "dwelling_usage"), ("健康档案", "慢病类型", "status"), ("参保人员", "待遇类别", "status"),
        ("户籍人口", "与户主关系", "family"),
    ):  # fmt: skip
        values = {str(row[column]) for row in whole_list(town, NIGHTS[0], prefix).values()} - {""}
        assert values <= value_to_code(CODES / f"{listed}.csv").keys(), column
        assert len(values) >= 2


# --- files --------------------------------------------------------------------------------------------------------------


def test_files_are_in_the_encodings_of_their_programs(town: Path) -> None:
    night = town / NIGHTS[0]
    assert (night / "health" / "健康档案_20260101.csv").read_bytes().startswith(codecs.BOM_UTF8)
    assert not (night / "housing" / "物业住户_20260101.csv").read_bytes().startswith(codecs.BOM_UTF8)
    for prefix in ("房屋登记", "企业名单", "参保人员"):
        for path in night.glob(f"*/{prefix}*"):
            with pytest.raises(UnicodeDecodeError):
                path.read_bytes().decode("utf-8")
    names = {str(row["姓名"]) for row in whole_list(town, NIGHTS[0], "参保人员").values()}
    assert {name[-1] == "?" for name in names} == {True, False}
    assert {name for name in names if re.search("[A-Z]", name)}  # pinyin for what GBK does not have


def test_rows_are_broken_as_they_are_in_life(town: Path) -> None:
    """Every delimited file: a blank line, a repeated row, a key conflict; keys are missing on the first night only and
    lines ragged on every second, so that absent rows can end."""
    for night, prefix in ((night, prefix) for night in NIGHTS for prefix in (*SNAPSHOTS, "健康档案")):
        if prefix == "健康档案" and night != NIGHTS[0]:
            continue  # few rows, changes only
        for name in names_of(town, night, prefix):
            path = next(town.glob(f"{night}/*/{name}"))
            rows = read_csv(path)
            encoded = path.read_bytes()
            keys = [str(row[KEYS[prefix]]) for row in rows.values() if is_whole(row)]
            assert b"\r\n\r\n" in encoded
            repeated = [key for key, count in Counter(keys).items() if count > 1]
            contents = Counter(tuple(map(str, row.values())) for row in rows.values())
            assert max(contents.values()) == 2, name  # a duplicate
            assert len(repeated) > sum(count == 2 for count in contents.values()), name  # and a conflict
            assert ("" in keys) == (night == NIGHTS[0]), name
            assert any(not is_whole(row) for row in rows.values()) == (night != NIGHTS[1]), name
            assert any("\n" in str(cell) for row in rows.values() for cell in row.values()), name


def test_snapshots_change_little_from_night_to_night(town: Path) -> None:
    for prefix in SNAPSHOTS:
        nights = [
            {str(row[KEYS[prefix]]): row for row in whole_list(town, night, prefix).values() if row[KEYS[prefix]]}
            for night in NIGHTS
        ]
        for before, after in pairwise(nights):
            assert len(before.keys() - after.keys()) <= 0.03 * len(before), prefix
            assert sum(before[key] != after[key] for key in before.keys() & after.keys()) <= 0.06 * len(before) + 3


def test_money_and_yes_and_no_are_written_in_every_way(town: Path) -> None:
    capitals = {re.sub("[0-9]+", "0", str(row["注册资本"])) for row in whole_list(town, NIGHTS[0], "企业名单").values()}
    assert {"0", "0万元", "0,0元", "0万", "0万美元"} <= capitals | {
        re.sub("(0,)+0", "0,0", capital) for capital in capitals
    }
    assert any("０" <= capital[0] <= "９" for capital in capitals)
    for prefix, column in (("健康档案", "是否签约家庭医生"), ("房屋登记", "是否出租")):
        values = {str(row[column]) for row in whole_list(town, NIGHTS[0], prefix).values()}
        assert {"是", "否", "×", "N", "0"} <= values <= {"是", "否", "√", "×", "Y", "N", "1", "0"}


def test_canaries_stand_unspoilt_in_every_new_list(town: Path, truth: list[dict[str, str]]) -> None:
    columns = {
        ("健康档案", "person"): ("姓名", "身份证号", "联系电话"), ("参保人员", "person"): ("姓名", "证件号码", "手机号码"),
        ("企业名单", "legal_representative"): ("法定代表人", "法定代表人证件号", "法定代表人电话"),
        ("房屋登记", "owner"): ("产权人", "产权人证件号", None), ("物业住户", "tenant"): ("租户姓名", "租户身份证号", "租户电话"),
    }  # fmt: skip
    for (prefix, role), (name, id_number, phone) in columns.items():
        who = told(truth, NIGHTS[0], prefix, "resident", role)
        rows = read_list(town, NIGHTS[0], prefix)
        for place, canary in enumerate(CANARIES):
            own = [rows[number] for number, one in who.items() if one == f"T{place:06d}"]
            expected = (canary.name, canary.id_number, canary.phone)[: 3 if phone else 2]
            assert own, prefix
            assert {tuple(row[column] for column in (name, id_number, phone) if column) for row in own} == {expected}
