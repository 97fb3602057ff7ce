"""The sample town's households, people and dwellings: what the systems say of them fits together, and the truth
fits what they say."""

import re
from collections import Counter, defaultdict
from itertools import pairwise
from pathlib import Path

from stdnum.cn import ric

from jobs.common.model.divisions import division_words
from jobs.sample.places import (
    ADDRESS_FORMS,
    DIVISION_FORMS,
    MOST_COMPOUNDS,
    OUTSIDE,
    ROADS,
    Home,
    compound_name,
    outside,
)  # fmt: skip
from tests.support.constants import REPOSITORY
from tests.support.sample_files import NIGHTS, is_whole, read_list, read_rows, told, whole_list

pytest_plugins = ["tests.support.sample_fixtures"]
CODES = REPOSITORY / "conf" / "codes"
HOME = Home(0, 12, 3, 2, "502")


# --- addresses ----------------------------------------------------------------------------------------------------------


def test_an_address_in_all_its_forms() -> None:
    assert {form: HOME.address(form) for form in ADDRESS_FORMS} == {
        "address_district": "玄武区梅园新村街道汉府街12号3幢2单元502室",
        "address_full": "江苏省南京市玄武区梅园新村街道汉府街12号3幢2单元502室",
        "address_no_province": "南京市玄武区梅园新村街道汉府街12号3幢2单元502室",
        "address_street": "汉府街12号3幢2单元502室",
        "address_dong": "玄武区梅园新村街道汉府街12号3栋2单元502室",
        "address_hao_lou": "玄武区梅园新村街道汉府街12号3号楼2单元502室",
        "address_numeral": "玄武区梅园新村街道汉府街12号三幢二单元502室",
        "address_dashes": "玄武区梅园新村街道汉府街12号3-2-502",
        "address_compound": f"玄武区梅园新村街道{compound_name(0, 12)}3幢2单元502室",
    }
    house = Home(0, 13, 0, 0, "")
    assert {house.address(form) for form in ("address_dong", "address_dashes", "address_compound")} == {
        "玄武区梅园新村街道汉府街13号"
    }
    assert outside(HOME, 0).address("address_full") == "江苏省南京市秦淮区瑞金路12号3幢2单元502室"


def test_a_division_in_all_its_forms_is_one_of_the_shipped_lists() -> None:
    forms = {form: Home(1, 2, 1, 1, "101").division(form) for form in DIVISION_FORMS}
    assert forms == {
        "division_code": "320102002001",
        "division_full_name": "江苏省南京市玄武区梅园新村街道梅园新村社区居委会",
        "division_short_name": "梅园新村社区",
        "division_county_name": "玄武区梅园新村街道梅园新村社区",
        "division_9_digits": "320102002",
    }
    words = division_words(*(CODES / f"{name}.csv" for name in ("divisions", "division_endings", "division_names")))
    for road in range(len(ROADS)):
        home = Home(road, 2, 1, 1, "101")
        for form in DIVISION_FORMS:
            code = home.division_code if form != "division_9_digits" else f"{home.division_code[:9]}000"
            assert words[home.division(form)].code == code, form
    for road in range(len(ROADS), len(ROADS) + len(OUTSIDE)):
        home = Home(road, 2, 1, 1, "101")
        assert words[home.division("division_former_name")].code == home.division_code


def test_a_compound_stands_in_one_place_and_a_road_in_one_community() -> None:
    names = [compound_name(road, number * 2) for road in range(len(ROADS)) for number in range(1, MOST_COMPOUNDS + 1)]
    assert len(set(names)) == len(names) == 52 * 199
    assert len({road for _, road in (*ROADS, *OUTSIDE)}) == 56
    assert not {name for name in names if re.search("[0-9路街巷号幢栋]", name)}


def test_one_dwelling_has_one_true_id(town: Path, truth: list[dict[str, str]]) -> None:
    """Read from the texts: register and managers mean the same flat by compound, block, unit and room."""
    register: dict[tuple[str, ...], set[str]] = defaultdict(set)
    roads: dict[str, set[str]] = defaultdict(set)
    registered = told(truth, NIGHTS[0], "房屋登记", "dwelling", "dwelling")
    for number, row in whole_list(town, NIGHTS[0], "房屋登记").items():
        text, compound = str(row["坐落"]).partition("\n")[0], str(row["小区名称"])
        flat = re.search(r"([0-9一二三四五六七八九十]+)(?:幢|栋|号楼|-)([0-9一二三四])(?:单元|-)([0-9]+)", text)
        if flat:
            register[compound, *(digits(part) for part in flat.groups())].add(registered[number])
            if road := re.search(r"(?:街道|^|区)([^区道]+?[0-9]+号)", text):
                roads[compound].add(road[1])
    assert len(register) >= 380
    assert [flat for flat, ids in register.items() if len(ids) > 1] == []
    assert len({next(iter(ids)) for ids in register.values()}) == len(register)
    assert [compound for compound, own in roads.items() if len(own) > 1] == []
    managed = told(truth, NIGHTS[0], "物业住户", "dwelling", "dwelling")
    forms: Counter[str] = Counter()
    unknown = 0  # their line in the register is ragged
    for number, row in whole_list(town, NIGHTS[0], "物业住户").items():
        block, unit, room = (re.sub("幢|栋|号楼|单元|室", "", str(row[name])) for name in ("楼栋", "单元", "房号"))
        known = register.get((str(row["小区"]), digits(block), digits(unit), room))
        assert known in (None, {managed[number]})
        unknown += known is None
        forms[re.sub("[0-9一二三四五六七八九十]", "", str(row["楼栋"]))] += 1
    assert unknown <= 2
    assert {"幢", "栋", "号楼", ""} == set(forms)


def digits(text: str) -> str:
    numerals = ("", "一", "二", "三", "四", "五", "六", "七", "八", "九", "十", "十一", "十二")
    return str(numerals.index(text)) if text in numerals else text


def test_dwellings_are_split_and_merged(town: Path, truth: list[dict[str, str]]) -> None:
    """The old numbers leave when the new ones come; a split has two new dwellings, a merged one stands where the first did."""
    lists = [
        {str(row["房屋编号"]): (number, row) for number, row in whole_list(town, night, "房屋登记").items()}
        for night in NIGHTS
    ]
    truths = [told(truth, night, "房屋登记", "dwelling", "dwelling") for night in NIGHTS]
    split, merged = 0, 0
    for place, (before, after) in enumerate(pairwise(lists)):
        fresh = {key: row for key, (_, row) in after.items() if key not in before and row["原房屋编号"]}
        for former in {str(row["原房屋编号"]) for row in fresh.values()}:
            old, new = former.split("、"), [key for key, row in fresh.items() if row["原房屋编号"] == former]
            assert all(key in before and key not in after for key in old)
            old_ids = {truths[place][before[key][0]] for key in old}
            new_ids = {truths[place + 1][after[key][0]] for key in new}
            if len(old) == 1:
                split += 1
                (old_id,) = old_ids
                assert new_ids == {f"{old_id[:-5]}{old_id[-4:]}{letter}" for letter in "AB"}
            else:
                merged += 1
                assert new_ids == {min(old_ids)}
    assert (split, merged) == (2, 2)


# --- households and people ----------------------------------------------------------------------------------------------


def test_those_who_live_elsewhere_are_a_household_of_their_own(town: Path, truth: list[dict[str, str]]) -> None:
    at: dict[str, dict[str, tuple[str, str]]] = {}
    for prefix in ("户籍人口", "grid"):
        person, household, dwelling = (
            told(truth, NIGHTS[0], prefix, kind, role)
            for kind, role in (("resident", "person"), ("household", "household"), ("dwelling", "dwelling"))
        )
        at[prefix] = {person[row]: (household[row], dwelling[row]) for row in person}
    both = at["户籍人口"].keys() & at["grid"].keys()
    elsewhere = {one for one in both if at["户籍人口"][one] != at["grid"][one]}
    assert 20 <= len(elsewhere) <= 100
    registered = {household for household, _ in at["户籍人口"].values()}
    assert [one for one in elsewhere if at["户籍人口"][one][1] == at["grid"][one][1]] == []  # another dwelling
    assert [one for one in elsewhere if at["grid"][one][0] in registered] == []  # another household
    companies = Counter(at["grid"][one][0] for one in elsewhere)
    assert max(companies.values()) >= 3  # families
    assert min(companies.values()) == 1  # grown children


def test_the_grid_has_its_own_household_numbers(town: Path, truth: list[dict[str, str]]) -> None:
    households = told(truth, NIGHTS[0], "grid", "household", "household")
    rows = {
        number: row
        for number, row in read_rows(town, NIGHTS[0], "grid", "grid_20260101.jsonl").items()
        if row.get("household")
    }
    by_number: dict[object, set[str]] = defaultdict(set)
    for number, row in rows.items():
        by_number[row["household"]].add(households[number])
    assert all(len(ids) == 1 for ids in by_number.values())
    kinds = Counter(str(number)[0] for number in by_number)
    assert kinds["W"] > 3 * kinds["H"] > 30
    assert all(
        ids == {number} for number, ids in by_number.items() if str(number)[0] == "H"
    )  # the police number is true
    heads = Counter(row["household"] for row in rows.values() if row["relation"] == "户主")
    assert max(heads.values()) == 1


def test_each_registered_household_has_one_head_and_heads_change(town: Path) -> None:
    nights = [whole_list(town, night, "户籍人口").values() for night in NIGHTS]
    heads = []
    for rows in nights:
        people = {str(row["人员编号"]): row for row in rows if row["户号"]}
        count = Counter(str(row["户号"]) for row in people.values() if row["与户主关系"] == "户主")
        assert max(count.values()) == 1
        heads.append({str(row["户号"]): key for key, row in people.items() if row["与户主关系"] == "户主"})
    for before, after in pairwise(heads):
        assert [number for number in before.keys() & after.keys() if before[number] != after[number]]


def test_some_deaths_are_known_to_one_system_only(town: Path, truth: list[dict[str, str]]) -> None:
    """Each of the three knows some dead of whom the others say nothing, though they list them."""
    dead: dict[str, set[str]] = {}
    listed: dict[str, set[str]] = {}
    for prefix in ("户籍人口", "健康档案", "参保人员"):
        person = told(truth, NIGHTS[0], prefix, "resident", "person")
        rows = whole_list(town, NIGHTS[0], prefix)
        dead[prefix] = {person[number] for number, row in rows.items() if row["死亡日期"]}
        listed[prefix] = set(person.values())
    for prefix, own in dead.items():
        others = [other for other in dead if other != prefix]
        alone = own - dead[others[0]] - dead[others[1]]
        assert alone, prefix
        assert alone <= listed[others[0]] & listed[others[1]]
    assert set.intersection(*dead.values())


def test_tenants_leave(town: Path, truth: list[dict[str, str]]) -> None:
    """The last day stands in the list of the night, the night after nobody is named; the grid has them at home again."""
    nights = [
        {row["登记编号"]: (number, row) for number, row in whole_list(town, night, "物业住户").items()}
        for night in NIGHTS
    ]
    tenants = [told(truth, night, "物业住户", "resident", "tenant") for night in NIGHTS]
    left = [
        (place, key, number)
        for place, rows in enumerate(nights)
        for key, (number, row) in rows.items()
        if row["退租日期"]
    ]
    assert [place for place, _, _ in left] == [1, 2]
    _, key, number = left[0]
    assert nights[1][key][1]["退租日期"] == NIGHTS[0]
    assert nights[0][key][1]["租户姓名"] == nights[1][key][1]["租户姓名"] != ""
    assert nights[2][key][1]["租户姓名"] == nights[2][key][1]["起租日期"] == ""
    tenant = tenants[1][number]
    registered, seen = (
        {person[row]: told(truth, NIGHTS[1], prefix, "dwelling", "dwelling")[row] for row in person}
        for prefix in ("户籍人口", "grid")
        for person in [told(truth, NIGHTS[1], prefix, "resident", "person")]
    )
    assert tenant not in seen or seen[tenant] == registered[tenant]


def test_a_status_stands_in_two_systems(town: Path, truth: list[dict[str, str]]) -> None:
    def starts(system: str, name: str, status: str, start: str, wanted: set[str]) -> dict[str, str]:
        person = told(truth, NIGHTS[0], name, "resident", "person")
        rows = read_rows(town, NIGHTS[0], system, name)
        return {person[number]: str(row[start])[:10] for number, row in rows.items() if row.get(status) in wanted}

    grid = starts("grid", "grid_20260101.jsonl", "category", "category_since", {"低保对象"})
    roll = starts("civil_affairs", "社会救助对象名册_20260101.xlsx", "类别", "开始日期", {"低保", "最低生活保障"})
    assert len(grid) >= 3
    assert all(roll[resident] == day for resident, day in grid.items())


def test_guardians_are_grown_up_and_not_oneself(town: Path, truth: list[dict[str, str]]) -> None:
    person = told(truth, NIGHTS[0], "健康档案", "resident", "person")
    guardian = told(truth, NIGHTS[0], "健康档案", "resident", "guardian")
    assert len(guardian) >= 50
    assert all(person[row] != other for row, other in guardian.items())
    rows = read_list(town, NIGHTS[0], "健康档案")
    assert all(
        ric.get_birth_date(str(rows[row]["监护人身份证号"])).year < 2011 for row in guardian if is_whole(rows[row])
    )
