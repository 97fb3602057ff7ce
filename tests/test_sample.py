"""The sample town: the same bytes each time, every nasty case, and a truth that fits the files."""

import csv
import hashlib
import io
import json
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

from jobs.sample import CANARIES, NASTY_CASES, generate
from jobs.sample.civil_affairs import FIRST_ROW
from jobs.sample.names import DOT_VARIANTS, RARE_GIVEN_NAMES
from jobs.sample.places import COMMUNITIES, REGIONS
from jobs.sample.world import World, build_world

FIRST = date(2026, 1, 1)
NIGHTS = ("2026-01-01", "2026-01-02", "2026-01-03")
Row = dict[str, object]


def digest(root: Path) -> dict[str, str]:
    """Every file of the tree with the hash of its bytes."""
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def read_csv(path: Path) -> dict[int, Row]:
    """Records by the physical line on which they start."""
    reader = csv.reader(io.StringIO(path.read_bytes().decode("gb18030"), newline=""))
    header = next(reader)
    rows: dict[int, Row] = {}
    start = reader.line_num + 1
    for cells in reader:
        if cells:
            rows[start] = dict(zip(header, cells, strict=False)) | {"cells": len(cells)}
        start = reader.line_num + 1
    return rows


def read_sheet(path: Path, header: int) -> dict[int, Row]:
    """Rows below the header by sheet row; a header that occurs again gets its column number."""
    sheet = openpyxl.load_workbook(path).active
    assert sheet is not None
    names = [cell.value for cell in sheet[header]]
    keys = [str(name) if names.index(name) == place else f"{name}{place}" for place, name in enumerate(names)]
    rows = {
        row[0].row: dict(zip(keys, (cell.value for cell in row), strict=True)) for row in sheet.iter_rows(header + 1)
    }
    return {number: row for number, row in rows.items() if any(cell is not None for cell in row.values())}


def read_lines(path: Path) -> dict[int, Row]:
    """JSON objects by line; a line that is none as {}."""
    rows: dict[int, Row] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), start=1):
        try:
            rows[number] = json.loads(line)
        except json.JSONDecodeError:
            if line:
                rows[number] = {}
    return rows


def read_rows(town: Path, night: str, system: str, name: str) -> dict[int, Row]:
    """The rows of any export that speak of people."""
    path = town / night / system / name
    match system:
        case "police":
            return read_csv(path)
        case "walk_in":
            return read_sheet(path, header=1)
        case "grid":
            return read_lines(path)
    rows = read_sheet(path, header=FIRST_ROW - 1)
    return dict(list(rows.items())[:-2])  # without total and signature


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("sample") / "town"
    generate(1000, 7, 3, out)
    return out


@pytest.fixture(scope="module")
def world() -> World:
    """The people of `town` on the first night."""
    return build_world(1000, 7, FIRST)


@pytest.fixture(scope="module")
def truth(town: Path) -> list[dict[str, str]]:
    with (town / "truth.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


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


def test_truth_has_a_line_for_every_row_that_names_a_person(town: Path, truth: list[dict[str, str]]) -> None:
    unreadable = {"户籍人口_20260101.csv.part", "来访登记_20260102_二楼.xlsx"}
    told: dict[tuple[str, str, str], list[int]] = {}
    for line in truth:
        assert line["kind"] == "resident"
        if line["role"] == "person":
            told.setdefault((line["night"], line["system"], line["path"]), []).append(int(line["row_number"]))
    files = {tuple(path.relative_to(town).parts) for path in town.glob("*/*/*") if path.name not in unreadable}
    assert set(told) == files
    for (night, system, name), rows in told.items():
        assert rows == list(read_rows(town, night, system, name)), name


def test_truth_names_the_right_people(town: Path, truth: list[dict[str, str]], world: World) -> None:
    """On the first night, in every system, also the spouses: names are the true ones but for those that are nasty."""
    columns = {("police", "person"): "姓名", ("walk_in", "person"): "姓名", ("grid", "person"): "name"}
    columns |= {("civil_affairs", "person"): "姓名", ("civil_affairs", "spouse"): "姓名7"}
    files: dict[tuple[str, str], dict[int, Row]] = {}
    right: Counter[tuple[str, str]] = Counter()
    wrong: Counter[tuple[str, str]] = Counter()
    for line in (line for line in truth if line["night"] == NIGHTS[0]):
        file = (line["system"], line["path"])
        rows = files.setdefault(file, read_rows(town, line["night"], *file)) if file not in files else files[file]
        resident = int(line["truth_id"].removeprefix("T"))
        name = re.sub(r"[ \u3000]", "", str(rows[int(line["row_number"])].get(columns[file[0], line["role"]])))
        name = re.sub(f"[{''.join(DOT_VARIANTS)}]", DOT_VARIANTS[0], name)
        known = {world.name[resident], world.former_name[resident]}
        (right if name in known else wrong)[file[0], line["role"]] += 1
    assert set(right) == set(columns)
    assert set(wrong) == {("grid", "person")}  # the broken lines
    assert wrong["grid", "person"] < 5


def test_registers_and_ledgers_cover_the_town(truth: list[dict[str, str]]) -> None:
    first = {(line["system"], line["truth_id"], line["role"]) for line in truth if line["night"] == NIGHTS[0]}
    share = Counter(system for system, _, role in first if role == "person")
    assert share["police"] >= 970
    assert 830 <= share["grid"] <= 900
    assert share["civil_affairs"] == 60
    assert share["walk_in"] == 36
    assert Counter(role for *_, role in first)["spouse"] >= 10
    later = Counter(line["system"] for line in truth if line["night"] == NIGHTS[1])
    assert 15 <= later["grid"] <= 45


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
        "[一-龥][ \u3000][一-龥]", "\n（附房）\"", "\r\n\r\n",
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
    with (Path(__file__).parents[1] / "conf" / "codes" / "divisions.csv").open(encoding="utf-8", newline="") as file:
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
