"""The sample town: the same bytes each time, every nasty case, and a truth that fits the files."""

import csv
import hashlib
import os
import re
import subprocess
import sys
import zipfile
from collections import Counter
from datetime import date
from itertools import pairwise
from pathlib import Path

import openpyxl
import pytest
from stdnum.cn import ric

from jobs.common.contracts.sources import load_sources
from jobs.common.model.records import load_model
from jobs.sample import CANARIES, NASTY_CASES, generate
from jobs.sample.civil_affairs import FIRST_ROW
from jobs.sample.names import DOT_VARIANTS, RARE_GIVEN_NAMES
from jobs.sample.places import COMMUNITIES, REGIONS
from jobs.sample.world import World, build_world
from tests.support.constants import REPOSITORY
from tests.support.sample_files import NIGHTS, Row, is_whole, read_csv, read_lines, read_rows, read_sheet

pytest_plugins = ["tests.support.sample_fixtures"]
FIRST = date(2026, 1, 1)
CONF = REPOSITORY / "conf"


def digest(root: Path) -> dict[str, str]:
    """Every file of the tree with the hash of its bytes."""
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def world() -> World:
    """The people of `town` on the first night."""
    return build_world(1000, 7, FIRST)


def test_same_arguments_give_same_bytes_in_other_processes(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from jobs.sample import generate; generate(200, 3, 3, Path(sys.argv[1]))"
    )
    for name, hash_seed, zone in (("one", "0", "Asia/Shanghai"), ("two", "4711", "America/New_York")):
        environment = os.environ | {"PYTHONHASHSEED": hash_seed, "TZ": zone}
        subprocess.run([sys.executable, "-c", code, str(tmp_path / name)], env=environment, check=True)
    assert digest(tmp_path / "one") == digest(tmp_path / "two")


def test_another_seed_gives_another_town(tmp_path: Path) -> None:
    generate(100, 1, 1, tmp_path / "one")
    generate(100, 2, 1, tmp_path / "two")
    one, two = digest(tmp_path / "one"), digest(tmp_path / "two")
    assert one.keys() == two.keys()
    assert [name for name in one if one[name] == two[name]] == []


def test_a_longer_sample_begins_like_a_shorter_one(tmp_path: Path, town: Path) -> None:
    generate(1000, 7, 1, tmp_path / "short")
    longer = digest(town)
    shorter = digest(tmp_path / "short")
    del shorter["truth.csv"]
    assert shorter == {name: longer[name] for name in shorter}


@pytest.mark.parametrize("seed", [0, 1, 2, 3, 2026])
def test_every_nasty_case_occurs_from_1000_residents_on(tmp_path: Path, seed: int) -> None:
    told = generate(1000, seed, 3, tmp_path / "town")
    assert [case for case, _ in told] == list(NASTY_CASES)
    assert [case for case, count in told if count < 1] == []


@pytest.mark.parametrize("nights", [1, 2])
def test_few_nights_have_the_cases_that_fit(tmp_path: Path, nights: int) -> None:
    told = dict(generate(1000, 5, nights, tmp_path / "town"))
    between_nights = {"birth", "marriage", "move", "withdrawn_row", "corrected_row", "corrupt_file"}
    between_nights |= {"head_changed", "tenant_left", "dwelling_split", "dwelling_merged"}
    absent = {"late_file"} | (between_nights if nights == 1 else set())
    assert {case for case, count in told.items() if not count} == absent


@pytest.mark.parametrize("residents", [10, 29, 60])
def test_small_towns_can_be_written(tmp_path: Path, residents: int) -> None:
    generate(residents, 1, 4, tmp_path / "town")
    assert len(list((tmp_path / "town").iterdir())) == 5


def test_wrong_arguments_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="needs 10 residents"):
        generate(9, 1, 1, tmp_path / "town")
    with pytest.raises(ValueError, match="one night"):
        generate(100, 1, 0, tmp_path / "town")
    (tmp_path / "kept.txt").write_text("mine")
    with pytest.raises(FileExistsError):
        generate(100, 1, 1, tmp_path)
    assert not (tmp_path / "town").exists()


def test_residents_have_valid_and_different_ids(world: World) -> None:
    assert len(set(world.id_number)) == len(world) == 1000
    for resident, id_number in enumerate(world.id_number):
        assert ric.calc_check_digit(id_number) == id_number[-1]
        assert ric.get_birth_date(id_number).isoformat() == world.birth_text(resident)
        assert (int(id_number[16]) % 2 == 1) == (world.sex[resident] == 1)
        assert int(id_number[:6]) in REGIONS
        if (
            id_number[6:10] >= "1990"
        ):  # the library wants districts to be as old as people; numbers were given since 1984
            assert ric.is_valid(id_number)


def test_families_are_families(world: World) -> None:
    """Children are at least 15 years younger than their household's head; spouses point at each other."""
    for resident in range(len(world)):
        spouse = int(world.spouse[resident])
        assert spouse == -1 or (world.spouse[spouse] == resident and world.sex[spouse] != world.sex[resident])
        head = next(other for other in [resident, *world.members(resident)] if world.relation[other] == 0)
        if world.relation[resident] in (2, 3):
            assert (world.birth[resident] - world.birth[head]).astype(int) > 15 * 365
        assert world.birth_text(resident) < FIRST.isoformat()


def test_twins_and_namesakes_can_be_told_apart_by_their_ids_only(world: World) -> None:
    by_birth = Counter((world.household[place], world.birth_text(place)) for place in range(len(world)))
    twin_homes = [home for (home, _), count in by_birth.items() if count > 1]
    assert len(twin_homes) == world.cases["twins"] >= 1
    for home in twin_homes:
        one, other = (
            place for place in range(len(world)) if world.household[place] == home and world.relation[place] > 1
        )
        assert 0 < abs(int(world.id_number[one][:17]) - int(world.id_number[other][:17])) <= 2
        assert world.phone[one] == world.phone[other]
    namesakes = Counter((world.name[place], world.birth_text(place)) for place in range(len(world)))
    assert sum(count > 1 for count in namesakes.values()) >= world.cases["namesakes"] >= 1


def mentions(town: Path) -> dict[tuple[str, str, str, str, str], list[int]]:
    """Rows by (night, system, file, kind, role) in which a column holds something that feeds the kind in that role.

    Read from the contracts and the files: the truth must tell of the same rows. Ragged lines and lines that are no JSON
    are left out.
    """
    model = load_model({path.name: path for path in (CONF / "model").glob("*.yml")})
    sources, refused = load_sources({path.name: path for path in (CONF / "sources").glob("*.yaml")}, model)
    assert not refused
    found: dict[tuple[str, str, str, str, str], list[int]] = {}
    for obj in (obj for source in sources for obj in source.objects):
        feeds = [
            (feed.record, feed.role, column.header)
            for column in obj.columns
            for feed in column.feeds
            if model[feed.record].kind and not column.primary_key
        ]
        for path in sorted(town.glob(f"*/{obj.system}/{obj.path}")):
            if path.name in UNREADABLE:
                continue
            night = path.parent.parent.name
            for number, row in read_rows(town, night, obj.system, path.name).items():
                if row and is_whole(row):
                    for record, role in {(record, role) for record, role, header in feeds if row.get(short(header))}:
                        found.setdefault((night, obj.system, path.name, record, role), []).append(number)
    return found


UNREADABLE = {"来访登记_20260102_二楼.xlsx"}


def short(header: str) -> str:
    """The header as the reader of sheets names it, which knows the second header row only."""
    group, _, name = header.rpartition("/")
    return {"配偶/姓名": "姓名7", "配偶/身份证号": "身份证号8"}.get(f"{group}/{name}", name)


def test_truth_has_a_line_for_every_mention(town: Path, truth: list[dict[str, str]]) -> None:
    """Every kind and role that the contracts read from the files, and no other; ragged and broken lines besides."""
    told: dict[tuple[str, str, str, str, str], list[int]] = {}
    whole = {
        (night, system, name): {
            number for number, row in read_rows(town, night, system, name).items() if row and is_whole(row)
        }
        for night, system, name in {(line["night"], line["system"], line["path"]) for line in truth}
    }
    for line in truth:
        key = line["night"], line["system"], line["path"]
        number = int(line["row_number"])
        if number in whole[key]:
            told.setdefault((*key, line["kind"], line["role"]), []).append(number)
    expected = mentions(town)
    assert told.keys() == expected.keys()
    for key, rows in expected.items():
        assert sorted(told[key]) == rows, key
    assert {(kind, role) for *_, kind, role in expected} == {
        ("resident", "person"), ("resident", "spouse"), ("resident", "guardian"), ("resident", "legal_representative"),
        ("resident", "owner"), ("resident", "tenant"), ("household", "household"), ("dwelling", "dwelling"),
        ("organisation", "organisation"), ("organisation", "employer"), ("organisation", "owner"),
        ("organisation", "property_manager"),
    }  # fmt: skip


def test_broken_lines_have_a_truth_too(town: Path, truth: list[dict[str, str]]) -> None:
    told = {(line["night"], line["system"], line["path"], int(line["row_number"])) for line in truth}
    broken = [
        (*path.relative_to(town).parts, number)
        for path in town.glob("*/*/*")
        if path.suffix in (".csv", ".txt", ".jsonl")
        for number, row in read_rows(town, *path.relative_to(town).parts).items()
        if not row or not is_whole(row)
    ]
    assert len(broken) >= 12
    assert [place for place in broken if place not in told] == []


def test_truth_ids_tell_the_kind(truth: list[dict[str, str]]) -> None:
    letters = {"resident": "T", "household": "H", "dwelling": "D", "organisation": "O"}
    assert [line for line in truth if not re.fullmatch(letters[line["kind"]] + "[0-9]+[AB]?", line["truth_id"])] == []


NAME_COLUMNS = {
    ("police", "person"): "姓名", ("walk_in", "person"): "姓名", ("grid", "person"): "name",
    ("civil_affairs", "person"): "姓名", ("civil_affairs", "spouse"): "姓名7", ("health", "person"): "姓名",
    ("health", "guardian"): "监护人姓名", ("social_security", "person"): "姓名",
    ("market", "legal_representative"): "法定代表人", ("housing", "owner"): "产权人", ("housing", "tenant"): "租户姓名",
}  # fmt: skip


def test_truth_names_the_right_people(town: Path, truth: list[dict[str, str]], world: World) -> None:
    """On the first night, in every system and role: names are the true ones but for those that are nasty."""
    files: dict[tuple[str, str], dict[int, Row]] = {}
    right: Counter[tuple[str, str]] = Counter()
    wrong: Counter[tuple[str, str]] = Counter()
    for line in (line for line in truth if line["night"] == NIGHTS[0] and line["kind"] == "resident"):
        file, key = (line["system"], line["path"]), (line["system"], line["role"])
        rows = files[file] if file in files else files.setdefault(file, read_rows(town, line["night"], *file))
        row = rows[int(line["row_number"])]
        if not is_whole(row):
            continue
        resident = int(line["truth_id"].removeprefix("T"))
        name = str(row.get(NAME_COLUMNS[key], row.get("业主姓名")))
        name = re.sub(r"[ \u3000]", "", name)
        name = re.sub(f"[{''.join(DOT_VARIANTS)}]", DOT_VARIANTS[0], name)
        (right if name in (world.name[resident], world.former_name[resident]) else wrong)[key] += 1
    assert set(right) == set(NAME_COLUMNS)
    assert set(wrong) == {("grid", "person"), ("social_security", "person")}  # broken lines, and characters beyond GBK
    assert wrong["grid", "person"] < 5
    assert wrong["social_security", "person"] == 3


def test_lists_cover_the_town(truth: list[dict[str, str]]) -> None:
    first = {
        (line["path"][:4], line["truth_id"], line["kind"], line["role"]) for line in truth if line["night"] == NIGHTS[0]
    }
    share = Counter((path, kind, role) for path, _, kind, role in first)
    assert share["户籍人口", "resident", "person"] >= 970
    assert 830 <= share["grid", "resident", "person"] <= 900
    assert share["社会救助", "resident", "person"] == 60
    assert share["来访登记", "resident", "person"] == 36
    assert share["社会救助", "resident", "spouse"] >= 10
    assert 450 <= share["健康档案", "resident", "person"] <= 600
    assert 600 <= share["参保人员", "resident", "person"] <= 720
    assert 380 <= share["房屋登记", "dwelling", "dwelling"] <= 480
    assert 200 <= share["物业住户", "dwelling", "dwelling"] <= 280
    assert share["企业名单", "organisation", "organisation"] == 50
    persons = [line for line in truth if line["night"] == NIGHTS[1] and line["role"] == "person"]
    later = Counter(line["system"] for line in persons)
    assert 15 <= later["grid"] <= 45
    assert 5 <= later["health"] <= 30  # changes only


def test_no_night_loses_or_changes_many_police_rows(town: Path) -> None:
    nights = [
        {
            str(row["人员编号"]): row
            for row in read_csv(town / night / "police" / f"户籍人口_{night.replace('-', '')}.csv").values()
        }
        for night in NIGHTS
    ]
    for before, after in pairwise(nights):
        gone = before.keys() - after.keys() - {""}
        assert 1 <= len(gone) <= 30
        assert len(after.keys() - before.keys()) >= 1
        assert sum(before[key] != after[key] for key in before.keys() & after.keys()) <= 60
    assert "" in nights[0]
    assert "" not in nights[1]


def test_nasty_values_are_really_in_the_files(town: Path) -> None:
    register = (town / NIGHTS[0] / "police" / "户籍人口_20260101.csv").read_bytes().decode("gb18030")
    patterns = [
        "汗族", "己婚", "320199999999", r",[0-9]{15},", r",[0-9]{17}x,", r",[０-９]{17}[０-９Ｘ],",
        r",[0-9]{6} [0-9]{8} [0-9X]{4},",
        r",[1-9]\.[0-9]{5}E\+17,", r",[0-9]{4}/[0-9]{1,2}/[0-9]{1,2},", r",(19|20)[0-9]{6},",
        r",[0-9]{4}年[0-9]{1,2}月[0-9]{1,2}日,",
        r",[0-9]{5},", "-02-30", r",\+86 ", r",1[0-9]{2}-[0-9]{4}-", r",1[0-9]{2} [0-9]{4} ", ",025-8",
        "[一-龥][ \u3000][一-龥]", "\n（近北门）\"", "\r\n\r\n",
        *DOT_VARIANTS, *RARE_GIVEN_NAMES,
    ]  # fmt: skip
    assert [pattern for pattern in patterns if not re.search(pattern, register)] == []
    records = read_csv(town / NIGHTS[0] / "police" / "户籍人口_20260101.csv")
    assert {row["cells"] for row in records.values()} - {15} != set()
    repeated = [key for key, count in Counter(str(row["人员编号"]) for row in records.values()).items() if count > 1]
    assert len(repeated) >= 3  # duplicates and conflicts

    typed = read_sheet(town / NIGHTS[0] / "walk_in" / "来访登记_20260101.xlsx", header=1).values()
    assert any(isinstance(row["身份证号"], (int, float)) and row["身份证号"] > 1e17 for row in typed)
    assert {"datetime", "str", "int"} == {type(row["出生日期"]).__name__ for row in typed}
    assert {"str", "int"} <= {type(row["电话"]).__name__ for row in typed}
    assert any(row["登记号"] is None for row in typed)


def test_roll_is_a_workbook_for_printing(town: Path) -> None:
    sheet = openpyxl.load_workbook(town / NIGHTS[0] / "civil_affairs" / "社会救助对象名册_20260101.xlsx")["救助名册"]
    merged = {str(area) for area in sheet.merged_cells.ranges}
    last = sheet.max_row
    assert merged == {"A1:O1", "A2:A3", "B2:B3", "C2:G2", "H2:I2", "J2:M2", "N2:N3", "O2:O3", f"A{last}:O{last}"}
    assert [cell.value for cell in sheet[3]][2:7] == ["姓名", "身份证号", "性别", "出生日期", "联系电话"]
    assert sheet[f"A{last - 1}"].value == "合计"
    assert sheet[f"M{last - 1}"].value == sum(sheet.cell(row, 13).value for row in range(FIRST_ROW, last - 1))
    assert str(sheet[f"A{last}"].value).startswith("制表人：")
    assert sheet["K4"].is_date


def test_files_are_handed_in_as_they_are_in_life(town: Path) -> None:
    first, second, third = (town / night for night in NIGHTS)
    twice = [
        (first / "walk_in" / name).read_bytes() for name in ("来访登记_20260101.xlsx", "来访登记_20260101 - 副本.xlsx")
    ]
    assert twice[0] == twice[1]
    half = (first / "police" / "户籍人口_20260101.csv.part").read_bytes()
    assert (first / "police" / "户籍人口_20260101.csv").read_bytes().startswith(half)
    with pytest.raises(zipfile.BadZipFile):
        openpyxl.load_workbook(second / "walk_in" / "来访登记_20260102_二楼.xlsx")
    late = read_lines(third / "grid" / "grid_20260101_补报.jsonl")
    taken = {row.get("record_id"): row for row in read_lines(first / "grid" / "grid_20260101.jsonl").values()}
    assert late
    assert all(taken[row["record_id"]]["phone"] != row["phone"] for row in late.values())


def test_canaries_live_in_every_export_and_where_rows_are_refused(town: Path) -> None:
    night = town / NIGHTS[0]
    register = (night / "police" / "户籍人口_20260101.csv").read_text(encoding="gb18030")
    ledger = (night / "grid" / "grid_20260101.jsonl").read_text(encoding="utf-8")
    sheets = [
        str(list(read_rows(town, NIGHTS[0], system, name).values()))
        for system, name in (("walk_in", "来访登记_20260101.xlsx"), ("civil_affairs", "社会救助对象名册_20260101.xlsx"))
    ]
    for canary in CANARIES:
        assert ric.get_birth_date(canary.id_number) == canary.birth_date
        assert ric.calc_check_digit(canary.id_number) == canary.id_number[-1]
        for text in (register, ledger, *sheets):
            assert all(value in text for value in (canary.name, canary.id_number, canary.phone))
    assert register.count(CANARIES[1].name) == 2  # the other row of a key conflict
    assert ledger.count(CANARIES[2].phone) == 2  # the broken copy of the line
    assert not any(phone.startswith("199") for phone in build_world(1000, 7, FIRST).phone[len(CANARIES) :])


def test_communities_are_those_of_the_shipped_divisions() -> None:
    with (REPOSITORY / "conf" / "codes" / "divisions.csv").open(encoding="utf-8", newline="") as file:
        names = {row["code"]: row["name"] for row in csv.DictReader(file)}
    assert len({community.code for community in COMMUNITIES}) == len(COMMUNITIES) == 26
    for community in COMMUNITIES:
        assert names[community.code] == community.name
        assert names[f"{community.code[:9]}000"] == community.subdistrict


def test_progress_names_systems_and_sizes_only(tmp_path: Path) -> None:
    messages: list[str] = []
    generate(50, 1, 1, tmp_path / "town", on_progress=messages.append)
    assert messages
    assert all(re.fullmatch(r"2026-01-01 [a-z_]+: [0-9,]+ bytes", message) for message in messages)
