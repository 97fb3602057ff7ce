"""The hard town: the same bytes each time, every mistake at the rate that was drawn for it, and a truth that still fits."""

import os
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from stdnum.cn import ric

from jobs.sample import CANARIES, HARD_CASES, generate
from jobs.sample.hard.addresses import CASUAL_FORMS, draw_casual
from jobs.sample.hard.births import MISTAKEN_BIRTHS, lunar_text
from jobs.sample.hard.characters import HOMOPHONES, LOOK_ALIKES, TRADITIONAL
from jobs.sample.hard.misspelling import MISSPELLINGS
from jobs.sample.hard.organisations import ABBREVIATIONS, harden_organisations
from jobs.sample.hard.people import Change, draw_changes
from jobs.sample.hard.rates import BARE_SHARE, OF_FITTING, RECORD_RANGES, TOWN_RANGES, Rates, draw_rates
from jobs.sample.hard.town import harden_world
from jobs.sample.organisations import PUBLIC_BODIES, Organisation, build_organisations
from jobs.sample.places import ROADS, Home, draw_homes
from jobs.sample.world import World, build_world
from tests.sample.test_sample import digest
from tests.support.sample_files import NIGHTS, Row, is_whole, read_rows, read_truth, told, whole_list
from tests.support.town import Town, jiceng, work_until_audit

SEED = 101
FIRST = date(2026, 1, 1)
PARTS = ("name", "former_name", "id_number", "birth_date", "phone", "address", "division", "household")


def hard_world(residents: int, seed: int) -> World:
    world = build_world(residents, seed, FIRST)
    harden_world(world, seed)
    return world


@pytest.fixture(scope="module")
def world() -> World:
    return hard_world(3000, SEED)


@pytest.fixture(scope="module")
def changes(world: World) -> dict[str, Change]:
    """What the grid makes of everybody, by mistake."""
    drawn = draw_changes(world, np.random.default_rng(5), "grid", range(len(world)), PARTS, living=True)
    return {change.case: change for change in drawn}


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("hard") / "town"
    generate(1500, SEED, 3, out, hard=True)
    return out


# --- the town as a whole ------------------------------------------------------------------------------------------------


def test_same_arguments_give_same_bytes_in_other_processes(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from jobs.sample import generate;"
        " generate(200, 103, 3, Path(sys.argv[1]), hard=True)"
    )
    for name, hash_seed, zone in (("one", "0", "Asia/Shanghai"), ("two", "4711", "America/New_York")):
        environment = os.environ | {"PYTHONHASHSEED": hash_seed, "TZ": zone}
        subprocess.run([sys.executable, "-c", code, str(tmp_path / name)], env=environment, check=True)
    assert digest(tmp_path / "one") == digest(tmp_path / "two")


def test_a_longer_sample_begins_like_a_shorter_one(tmp_path: Path, town: Path) -> None:
    generate(1500, SEED, 1, tmp_path / "short", hard=True)
    longer, shorter = digest(town), digest(tmp_path / "short")
    del shorter["truth.csv"]
    assert shorter == {name: longer[name] for name in shorter}


def test_an_easy_town_has_no_rates(tmp_path: Path) -> None:
    told = generate(60, SEED, 1, tmp_path / "town")
    assert not (tmp_path / "town" / "rates.csv").exists()
    assert [case for case, _ in told if case in HARD_CASES] == []


@pytest.mark.parametrize("seed", [101, 102, 103])
def test_every_mistake_occurs_from_2000_residents_on(tmp_path: Path, seed: int) -> None:
    told = dict(generate(2000, seed, 1, tmp_path / "town", hard=True))
    few = {"organisation_half_brackets", "organisation_city_in_front"}  # one name in six has brackets
    assert [case for case in HARD_CASES if told[case] < 1 and case not in few] == []
    assert max(told[case] for case in few) >= 1
    assert not set(RECORD_RANGES) - told.keys() - {"casual_address", "abbreviated_organisation"}


@pytest.mark.parametrize("residents", [10, 29, 60])
def test_small_towns_can_be_written(tmp_path: Path, residents: int) -> None:
    generate(residents, SEED, 4, tmp_path / "town", hard=True)
    assert len(list((tmp_path / "town").iterdir())) == 6


# --- rates --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(101, 110))
def test_rates_lie_in_their_ranges(seed: int) -> None:
    ranges = TOWN_RANGES | RECORD_RANGES
    rows = list(draw_rates(seed).rows())
    assert len(rows) == len(TOWN_RANGES) + 8 * len(RECORD_RANGES)
    assert [row for row in rows if not ranges[row[1]][0] <= row[2] <= ranges[row[1]][1]] == []


def missing_ids(rates: Rates) -> set[float]:
    return {own["missing_id"] for own in rates.systems.values()}


def test_rates_differ_between_systems_and_seeds() -> None:
    one, other = draw_rates(101), draw_rates(102)
    assert len(missing_ids(one)) == 8
    assert missing_ids(one) != missing_ids(other)
    assert [name for name in one.town if one.town[name] == other.town[name]] == []


def test_the_rates_are_written_beside_the_truth(town: Path) -> None:
    written = pl.read_csv(town / "rates.csv").rows()
    assert written == list(draw_rates(SEED).rows())


def could_befall(world: World, case: str) -> int:
    """How many residents a mistake can befall of whose rows its rate is a share."""
    residents = range(len(CANARIES), len(world))
    assert world.hard is not None
    match case:
        case "former_name_used" | "missing_former_name":
            return sum(bool(world.former_name[one]) for one in residents)
        case "alias_used":
            return sum(bool(world.hard.alias[one]) for one in residents)
        case "old_phone":
            return sum(bool(world.hard.former_phone[one]) for one in residents)
        case "old_address":
            return sum(int(world.living[one]) in world.hard.former_home for one in residents)
        case "parts_swapped":
            parts = (world.name[one].split("·") for one in residents)
            return sum(own != own[::-1] for own in parts)
        case _ if case in OF_FITTING:
            return sum("·" in world.name[one] for one in residents)
    return len(residents)


@pytest.mark.parametrize("case", sorted(RECORD_RANGES.keys() - {"abbreviated_organisation", "missing_credit_code"}))
def test_a_mistake_occurs_at_its_rate(world: World, changes: dict[str, Change], case: str) -> None:
    assert world.hard is not None
    rate = world.hard.rates.systems["grid"][case]
    count = (
        sum(len(changes[form].places) for form in CASUAL_FORMS if form in changes)
        if case == "casual_address"
        else len(changes[case].places)
    )
    assert count >= 1
    assert abs(count - rate * could_befall(world, case)) <= 1


def test_a_row_with_one_thing_beside_the_name_rarely_loses_it(world: World) -> None:
    assert world.hard is not None
    drawn = draw_changes(world, np.random.default_rng(5), "housing", range(len(world)), ("name", "id_number"))
    missing = next(change for change in drawn if change.case == "missing_id")
    rate = world.hard.rates.systems["housing"]["missing_id"] * BARE_SHARE
    assert abs(len(missing.places) - rate * (len(world) - len(CANARIES))) <= 1


def test_an_easy_town_has_no_such_mistake() -> None:
    easy = build_world(100, SEED, FIRST)
    assert list(draw_changes(easy, np.random.default_rng(5), "grid", range(100), PARTS)) == []


# --- people ---------------------------------------------------------------------------------------------------------------


def rows_of(world: World, change: Change) -> Iterator[tuple[int, str]]:
    """The resident and the new cell of each row."""
    yield from zip(change.places, change.cells, strict=True)


def test_masked_ids_show_beginning_and_end(world: World, changes: dict[str, Change]) -> None:
    forms = set()
    for resident, cell in rows_of(world, changes["masked_id"]):
        own = world.id_number[resident]
        assert cell.startswith(own[:3])
        assert cell.endswith(own[-4:])
        forms.add((len(cell), cell.count("*")))
    assert forms <= {(18, 8), (14, 4), (18, 11)}
    assert len(forms) > 1


def differing(one: str, other: str) -> list[int]:
    return [place for place, (left, right) in enumerate(zip(one, other, strict=True)) if left != right]


def test_mistyped_ids_differ_a_little(world: World, changes: dict[str, Change]) -> None:
    for resident, cell in rows_of(world, changes["mistyped_id_digit"]):
        assert len(differing(cell, world.id_number[resident])) == 1
    for resident, cell in rows_of(world, changes["mistyped_id_swap"]):
        own = world.id_number[resident]
        first, second = differing(cell, own)
        assert (second, cell[first], cell[second]) == (first + 1, own[second], own[first])
    for resident, cell in rows_of(world, changes["plausible_id"]):
        assert ric.calc_check_digit(cell) == cell[-1]
        assert differing(cell[:17], world.id_number[resident][:17])[0] >= 14


def test_copied_ids_are_somebody_elses(world: World, changes: dict[str, Change]) -> None:
    for resident, cell in rows_of(world, changes["copied_id"]):
        assert cell == world.id_number[resident - 1]
    for resident, cell in rows_of(world, changes["relative_id"]):
        assert world.household[world.id_number.index(cell)] == world.household[resident]
        assert cell != world.id_number[resident]


@pytest.mark.parametrize(
    ("case", "name", "written"),
    [
        ("homophone", "王伟", {"王玮", "王纬", "王炜"}),
        ("look_alike", "郑一诺", {"邓一诺"}),
        ("traditional", "张建国", {"張建國"}),
        ("swapped_name", "张建国", {"张国建"}),
        ("swapped_name", "欧阳建国", {"欧阳国建"}),
        ("dropped_character", "欧阳建国", {"欧阳建", "欧阳国"}),
        ("dots_left_out", "艾力·亚森", {"艾力亚森", "艾力 亚森", "艾力.亚森"}),
        ("parts_swapped", "艾力·亚森", {"亚森·艾力"}),
        ("first_part_only", "艾力·亚森", {"艾力"}),
    ],
)
def test_names_are_misspelt(case: str, name: str, written: set[str]) -> None:
    rng = np.random.default_rng(1)
    assert {MISSPELLINGS[case](rng, name) for _ in range(60)} == written


def test_gbk_has_every_character_of_the_tables() -> None:
    for table in (HOMOPHONES, LOOK_ALIKES, TRADITIONAL):
        assert "".join([*table, *table.values()]).encode("gbk")
        assert [character for character, others in table.items() if character in others] == []


def test_former_names_and_aliases_are_ones_own(world: World, changes: dict[str, Change]) -> None:
    assert world.hard is not None
    for resident, cell in rows_of(world, changes["former_name_used"]):
        assert cell == world.former_name[resident] != world.name[resident]
    for resident, cell in rows_of(world, changes["alias_used"]):
        assert cell == world.hard.alias[resident]


@pytest.mark.parametrize(
    ("day", "lunar"),
    [
        ("2012-02-01", "2012-01-10"),
        ("1966-05-16", "1966-03-26"),
        ("2000-02-05", "2000-01-01"),
        ("1990-01-26", "1989-12-30"),
        ("2024-02-10", "2024-01-01"),
        ("1976-09-09", "1976-08-16"),
    ],
)
def test_lunar_days_are_near_the_almanac(day: str, lunar: str) -> None:
    """Mean moons are a day off at most."""
    year, month, number = map(int, lunar_text(date.fromisoformat(day)).split("-"))
    right = list(map(int, lunar.split("-")))
    assert abs((year * 12 + month) * 30 + number - (right[0] * 12 + right[1]) * 30 - right[2]) <= 1


@pytest.mark.parametrize(
    ("case", "written"),
    [
        ("swapped_birth", {"1985-05-12"}),
        ("missing_birth", {""}),
        ("off_by_a_day", {"1985-12-04", "1985-12-06"}),
        ("off_by_ten_days", {"1985-11-25", "1985-12-15"}),
        ("off_by_a_year", {"1984-12-05", "1986-12-05"}),
        ("lunar_birth", {"1985-10-23"}),
        ("january_first", {"1985-01-01"}),
        ("year_only", {"1985", "1985年"}),
        ("placeholder_birth", {"1900-01-01"}),
    ],
)
def test_birthdays_are_mistaken(case: str, written: set[str]) -> None:
    rng = np.random.default_rng(1)
    assert {MISTAKEN_BIRTHS[case](rng, date(1985, 12, 5), FIRST) for _ in range(60)} == written


def test_nobody_is_born_after_the_first_night() -> None:
    rng = np.random.default_rng(1)
    assert {MISTAKEN_BIRTHS["off_by_a_day"](rng, FIRST, FIRST) for _ in range(60)} == {"2025-12-31"}


def test_phones_are_old_or_somebody_elses(world: World, changes: dict[str, Change]) -> None:
    assert world.hard is not None
    for resident, cell in rows_of(world, changes["old_phone"]):
        assert cell == world.hard.former_phone[resident] != world.phone[resident]
    for resident, cell in rows_of(world, changes["relative_phone"]):
        assert cell in {world.phone[other] for other in world.members(resident)} - {world.phone[resident]}
    agents = changes["agent_phone"].cells
    assert set(agents) <= set(world.hard.agents)
    assert max(map(agents.count, agents)) > 1


def test_people_of_a_hard_town(world: World) -> None:
    """Twins, namesakes, families at one address and dormitories, as many as the rates say."""
    easy = build_world(3000, SEED, FIRST)
    rates = draw_rates(SEED).town
    assert abs(world.cases["twins"] - easy.cases["twins"] - rates["twins"] * 3000) <= 1
    assert abs(world.cases["namesakes"] - easy.cases["namesakes"] - rates["namesakes"] * 3000) <= 1
    by_home: dict[Home, set[int]] = defaultdict(set)
    for resident in range(len(world)):
        by_home[world.living_home(resident)].add(int(world.living[resident]))
    assert abs(world.cases["dormitory"] - rates["dormitory"] * 3000) <= 1
    assert max(map(len, by_home.values())) >= 12
    assert sum(len(households) == 2 for households in by_home.values()) >= rates["shared_address"] * 500
    assert len(set(world.id_number)) == 3000
    for resident, id_number in enumerate(world.id_number):
        assert ric.get_birth_date(id_number).isoformat() == world.birth_text(resident)
        assert (int(id_number[16]) % 2 == 1) == (world.sex[resident] == 1)


# --- addresses and organisations ------------------------------------------------------------------------------------------


def written_forms(home: Home) -> dict[str, str]:
    rng = np.random.default_rng(1)
    return dict(draw_casual(rng, home) for _ in range(200))


def test_addresses_of_flats_are_written_casually() -> None:
    compound = Home(0, 12, 3, 2, "502").compound
    assert written_forms(Home(0, 12, 3, 2, "502")) == {
        "address_no_city_words": "南京玄武汉府街12号3幢2单元502室",
        "address_no_district": "南京市汉府街12号3幢2单元502室",
        "address_short_start": "玄武梅园新村汉府街12号3幢2单元502室",
        "address_no_hao": "汉府街12-3-2-502",
        "address_no_unit": "汉府街12-3-502",
        "address_no_room_word": "玄武区梅园新村街道汉府街12号3栋2单元502",
        "address_compound_alone": f"{compound}3幢2单元502室",
        "address_compound_dashes": f"{compound}3-2-502",
        "address_compound_short": f"{compound}3栋502",
    }


def test_addresses_of_houses_are_written_casually() -> None:
    assert written_forms(Home(0, 13, 0, 0, "")) == {
        "address_no_city_words": "南京玄武汉府街13号",
        "address_no_district": "南京市汉府街13号",
        "address_short_start": "玄武梅园新村汉府街13号",
        "address_no_hao": "汉府街13",
    }
    assert written_forms(Home(len(ROADS), 2, 1, 1, "101")) == {"address_no_district": "瑞金路2号1幢1单元101室"}


def organisation(name: str, signboard: str = "") -> Organisation:
    (home,) = draw_homes(np.random.default_rng(1), 1, 100)
    return Organisation(name, "", home, "", "", "", signboard=signboard)


def abbreviations(name: str, signboard: str = "") -> dict[str, str]:
    """What each form but the dropped character makes of a name, if it changes it."""
    one, rng = organisation(name, signboard), np.random.default_rng(1)
    written = {case.removeprefix("organisation_"): shorten(rng, one) for case, shorten in ABBREVIATIONS.items()}
    del written["dropped_character"]
    return {case: text for case, text in written.items() if text != name}


def test_names_of_companies_are_abbreviated() -> None:
    assert abbreviations("南京金华科技有限责任公司", "金华科技") == {
        "no_region": "金华科技有限责任公司",
        "with_shi": "南京市金华科技有限责任公司",
        "with_province": "江苏省南京市金华科技有限责任公司",
        "short_form": "南京金华科技有限公司",
        "no_form": "南京金华科技",
        "core_only": "金华科技",
        "signboard": "金华科技",
    }
    assert abbreviations("金华（南京）科技有限公司") == {
        "no_region": "金华科技有限公司",
        "with_shi": "金华（南京市）科技有限公司",
        "no_form": "金华（南京）科技",
        "core_only": "金华科技",
        "half_brackets": "金华(南京)科技有限公司",
        "city_in_front": "南京金华科技有限公司",
    }


def test_names_of_shops_and_bodies_are_abbreviated() -> None:
    assert abbreviations("玄武区金华面馆") == {
        "no_region": "金华面馆",
        "with_province": "南京市玄武区金华面馆",
        "core_only": "金华面馆",
    }
    assert abbreviations("南京市玄武区兰园小学") == {
        "no_region": "兰园小学",
        "no_city": "玄武区兰园小学",
        "with_province": "江苏省南京市玄武区兰园小学",
        "core_only": "兰园小学",
    }


def test_a_branch_is_named_as_a_branch_however_it_is_abbreviated() -> None:
    written = abbreviations("南京金华科技有限公司玄武分公司")
    assert len(written) == 5
    assert [text for text in written.values() if not text.endswith("玄武分公司")] == []


def test_a_character_is_dropped_from_the_core() -> None:
    rng, one = np.random.default_rng(1), organisation("南京金华科技有限公司")
    written = {ABBREVIATIONS["organisation_dropped_character"](rng, one) for _ in range(60)}
    assert written == {f"南京{core}有限公司" for core in ("华科技", "金科技", "金华技", "金华科")}


def test_branches_are_organisations_of_their_own(world: World) -> None:
    found = build_organisations(world, SEED)
    before = len(found)
    harden_organisations(world, found, SEED)
    assert world.hard is not None
    first = len(PUBLIC_BODIES) + len(CANARIES)  # those of the canaries stay as they are
    companies = [one for one in found.all[first:before] if "公司" in one.name]
    branches = found.all[before:]
    assert abs(len(branches) - world.hard.rates.town["branch"] * len(companies)) <= 1
    assert all(one.name.endswith("分公司") for one in branches)
    assert len({one.credit_code for one in found.all}) == len(found)
    long = sum("有限责任公司" in one.name for one in companies)
    assert abs(long - world.hard.rates.town["long_form"] * len(companies)) <= 1


# --- the truth ------------------------------------------------------------------------------------------------------------

# The key tells who a row is about, whatever else stands in it.
KEYS = {
    "户籍人口": lambda row: (int(row["人员编号"]) - 3) // 7,
    "健康档案": lambda row: (int(row["档案编号"][2:]) - 11) // 13,
    "参保人员": lambda row: (int(row["个人编号"][4:]) - 7) // 11,
}


@pytest.mark.parametrize("prefix", KEYS)
@pytest.mark.parametrize("night", NIGHTS)
def test_the_truth_says_who_a_row_is_about(town: Path, prefix: str, night: str) -> None:
    key = {"户籍人口": "人员编号", "健康档案": "档案编号", "参保人员": "个人编号"}[prefix]
    persons = told(read_truth(town), night, prefix, "resident", "person")
    rows = {number: row for number, row in whole_list(town, night, prefix).items() if row[key]}
    assert len(rows) >= 10
    wrong = [number for number, row in rows.items() if persons[number] != f"T{KEYS[prefix](row):06d}"]
    assert wrong == []


def test_a_row_with_a_copied_id_is_its_own_person(town: Path) -> None:
    persons = told(read_truth(town), NIGHTS[0], "户籍人口", "resident", "person")
    rows = whole_list(town, NIGHTS[0], "户籍人口")
    world = hard_world(1500, SEED)
    holder = {number: resident for resident, number in enumerate(world.id_number)}
    copied = [
        (number, holder[str(row["公民身份号码"])])
        for number, row in rows.items()
        if holder.get(str(row["公民身份号码"])) not in (None, (int(str(row["人员编号"]) or "3") - 3) // 7)
        and row["人员编号"]
    ]
    assert len(copied) >= 2
    assert [number for number, other in copied if persons[number] == f"T{other:06d}"] == []


@pytest.mark.parametrize(("prefix", "header"), [("户籍人口", "户籍地址"), ("健康档案", "现住址"), ("grid", "address")])
@pytest.mark.parametrize("night", NIGHTS)
def test_a_row_names_the_dwelling_of_its_address(town: Path, prefix: str, header: str, night: str) -> None:
    """One whole address is one dwelling, an old one too; without an address there is none."""
    dwellings = told(read_truth(town), night, prefix, "dwelling", "dwelling")
    rows = (
        read_rows(town, night, "grid", f"grid_{night.replace('-', '')}.jsonl")
        if prefix == "grid"
        else whole_list(town, night, prefix)
    )
    by_address: dict[str, set[str | None]] = defaultdict(set)
    for number, row in rows.items():
        if is_whole(row) and row:
            by_address[str(row.get(header, "cut off"))].add(dwellings.get(number))
    assert by_address.pop("", {None}) == {None}
    by_address.pop("cut off", None)
    plain = {
        address: found
        for address, found in by_address.items()
        if re.search("玄武区.+街道.+号[0-9]+幢[0-9]单元.+室$", address)
    }
    assert plain
    assert [address for address, found in plain.items() if len(found) > 1 or None in found] == []
    ids = [next(iter(found)) for address, found in plain.items() if address.startswith("玄武区")]
    assert len(set(ids)) == len(ids)


def canary_cells(row: Row) -> list[object]:
    return [row[header] for header in ("姓名", "公民身份号码", "出生日期", "联系电话", "户号")]


def test_canaries_are_never_spoiled(town: Path) -> None:
    rows = {str(row["人员编号"]): row for row in reversed(whole_list(town, NIGHTS[2], "户籍人口").values())}
    for place, canary in enumerate(CANARIES):
        expected = [canary.name, canary.id_number, canary.birth_date.isoformat(), canary.phone, f"H{place:06d}"]
        assert canary_cells(rows[f"{place * 7 + 3:010d}"]) == expected


# --- a night ----------------------------------------------------------------------------------------------------------------


def test_a_night_of_a_hard_town(tmp_path: Path) -> None:
    """Masked and mistyped ids become null with an issue each, and all kinds of entities come of it."""
    town = Town(tmp_path / "workspace", tmp_path / "samples")
    sizes = ("--residents", "300", "--seed", "104", "--nights", "1")
    assert jiceng("sample", "--hard", *sizes, "--out", town.samples).code == 0
    assert jiceng("init", "--home", town.home).code == 0
    work_until_audit(town, FIRST)
    issues = town.frame("ops.issue").filter(field="id_number")["code"].unique()
    assert {"id_characters", "id_checksum"} <= set(issues)
    police = town.frame("harmonised.resident").filter(system="police")
    assert police["id_number"].is_null().mean() > draw_rates(104).systems["police"]["missing_id"]
    for kind in ("resident", "household", "dwelling", "organisation"):
        assert town.frame(f"candidate.{kind}").height > 20
