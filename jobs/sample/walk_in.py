"""The register of those who come to the counter: a workbook typed by hand, only the day's visits.

Reads: the world. Writes: `walk_in/来访登记_<YYYYMMDD>.xlsx`; on the first night the same bytes once more,
on the second a further workbook that is cut short. Refuses: nothing.
"""

from collections import Counter
from datetime import date

import numpy as np

from jobs.sample import corruption, names, places
from jobs.sample.canaries import CANARIES
from jobs.sample.deposit import Deposit, Value, open_sheet
from jobs.sample.hard.people import draw_changes, write_cells
from jobs.sample.people import birth_texts
from jobs.sample.world import World, pick

SYSTEM = "walk_in"
SHEET = "来访登记"
HEADERS = ("登记号", "来访日期", "姓名", "身份证号", "出生日期", "电话", "住址", "事由")
NUMBER, VISIT, NAME, ID, BIRTH, PHONE, ADDRESS, MATTER = range(len(HEADERS))
_MATTERS = (
    "咨询医保",
    "办理居住证",
    "社保认证",
    "申请低保",
    "反映噪音",
    "开具证明",
    "老年卡",
    "咨询入学",
    "公租房",
    "调解邻里纠纷",
)

# What the mistakes of a hard town befall.
_PARTS = {"name": NAME, "id_number": ID, "birth_date": BIRTH, "phone": PHONE, "address": ADDRESS}

_ID_SHARES = {
    "missing_id": 0.08, "mistyped_id_digit": 0.02, "mistyped_id_swap": 0.02, "id_15_digits": 0.02, "lower_case_x": 0.02,
    "full_width_id": 0.02, "spaced_id": 0.02, "scientific_id_number": 0.02, "relative_id": 0.02, "stranger_id": 0.02,
}  # fmt: skip
_DATE_SHARES = {
    "date_excel": 0.35, "date_unpadded": 0.2, "date_compact": 0.1, "date_chinese": 0.05, "date_serial": 0.05,
    "date_impossible": 0.02,
}  # fmt: skip
_ADDRESS_FORMS = places.ADDRESS_FORMS | {"address_district": 0.30, "address_street": 0.36}
_PHONE_SHARES = {
    "number_for_text": 0.4, "phone_prefix": 0.04, "phone_dashes": 0.04, "phone_spaces": 0.04, "phone_landline": 0.04,
}  # fmt: skip


def export_walk_in(world: World, night: date, deposit: Deposit, seed: int, number: int) -> None:
    """Write the night's register, and what goes wrong with files on the first two nights."""
    rng = np.random.default_rng([seed, 7, number])
    name = f"来访登记_{night:%Y%m%d}.xlsx"
    visits = max(36, round(len(world) * 0.03))
    content, rows, visitors = _write_register(world, rng, night, "LF", visits, deposit.counts)
    deposit.put(night, SYSTEM, name, content)
    _tell(world, night, name, rows, visitors, deposit)
    if number == 0:
        copy = f"来访登记_{night:%Y%m%d} - 副本.xlsx"
        deposit.put(night, SYSTEM, copy, content)
        _tell(world, night, copy, rows, visitors, deposit)
        deposit.counts["file_twice"] += 1
    if number == 1:
        content, _, _ = _write_register(world, rng, night, "LG", 36, Counter())
        deposit.put(night, SYSTEM, f"来访登记_{night:%Y%m%d}_二楼.xlsx", content[: len(content) * 3 // 5])
        deposit.counts["corrupt_file"] += 1


def _tell(world: World, night: date, name: str, rows: list[int], visitors: list[int], deposit: Deposit) -> None:
    deposit.tell(night, SYSTEM, name, rows, world.truth_ids(visitors))
    deposit.tell(night, SYSTEM, name, rows, world.dwelling_truths(visitors, living=True, system=SYSTEM), "dwelling")


def _write_register(
    world: World, rng: np.random.Generator, night: date, desk: str, visits: int, counts: Counter[str]
) -> tuple[bytes, list[int], list[int]]:
    """The workbook, its rows with a visit (from 1) and who came; the canaries come every day."""
    age = (np.datetime64(night, "D") - world.birth).astype(np.int64) / 365.2425
    able = np.flatnonzero(np.isnat(world.death) & (age > 16))
    able = able[able >= len(CANARIES)]
    wanted = visits - len(CANARIES)
    others = rng.choice(able, wanted, replace=len(able) < wanted).tolist() if len(able) else []
    visitors = rng.permutation(np.array([*range(len(CANARIES)), *others])).tolist()
    columns = _draw_visits(world, rng, night, desk, visitors, counts)

    page = open_sheet(SHEET, night)
    page.sheet.set_column(ID, ID, 22)
    page.write_row(0, HEADERS)
    blank = len(visitors) // 2  # a row left empty by hand
    counts["blank_line"] += 1
    rows = [place + 2 + (place >= blank) for place in range(len(visitors))]
    for row, cells in zip(rows, zip(*columns, strict=True), strict=True):
        page.write_row(row - 1, cells)
    return page.content(), rows, visitors


def _draw_visits(
    world: World, rng: np.random.Generator, night: date, desk: str, visitors: list[int], counts: Counter[str]
) -> list[list[Value]]:
    """The cells of each visit, column by column, spoilt as typing by hand spoils them."""
    visits: list[list[Value]] = []
    forms = places.draw_forms(rng, _ADDRESS_FORMS, len(visitors))
    for place, (visitor, form) in enumerate(zip(visitors, forms, strict=True)):
        home = world.living_home(visitor)
        counts[form] += home.shows(form)
        visits.append([
            f"{desk}{night:%Y%m%d}-{place + 1:03d}", night, _typed_name(world, rng, visitor, counts),
            world.id_number[visitor], world.birth_text(visitor), world.phone[visitor], home.address(form),
            _MATTERS[int(rng.integers(len(_MATTERS)))],
        ])  # fmt: skip
    columns = [list(column) for column in zip(*visits, strict=True)]
    _spoil_visits(world, rng, visitors, columns, counts)
    return columns


def _spoil_visits(
    world: World, rng: np.random.Generator, visitors: list[int], columns: list[list[Value]], counts: Counter[str]
) -> None:
    count = len(visitors)
    allowed = np.array(visitors) >= len(CANARIES)
    relatives = world.relatives()[visitors]
    fits = corruption.fitting_ids(pick(world.id_number, visitors)) | {"relative_id": relatives >= 0}
    drawn = corruption.draw_cases(rng, count, _ID_SHARES, allowed, fits)
    of_relatives = drawn.pop("relative_id")
    counts["relative_id"] += len(of_relatives)
    for row in of_relatives:
        columns[ID][row] = world.id_number[relatives[row]]
    corruption.spoil(columns[ID], drawn, lambda case, own: corruption.corrupt_id(rng, case, str(own)), counts)

    fits = corruption.fitting_dates(birth_texts(world, visitors))
    drawn = corruption.draw_cases(rng, count, _DATE_SHARES, allowed, fits)
    corruption.spoil(
        columns[BIRTH], drawn, lambda case, birth: corruption.corrupt_date(case, date.fromisoformat(str(birth))), counts
    )
    drawn = corruption.draw_cases(rng, count, _PHONE_SHARES, allowed & corruption.filled(columns[PHONE]))
    corruption.spoil(columns[PHONE], drawn, lambda case, phone: corruption.typed_phone(rng, case, str(phone)), counts)
    drawn = corruption.draw_cases(rng, count, {"missing_key": 0.01}, allowed)
    corruption.spoil(columns[NUMBER], drawn, lambda case, number: None, counts)
    cells = {part: columns[column] for part, column in _PARTS.items()}
    write_cells(cells, draw_changes(world, rng, SYSTEM, visitors, _PARTS, living=True), counts)


def _typed_name(world: World, rng: np.random.Generator, visitor: int, counts: Counter[str]) -> str:
    """The name as said at the counter: at times the former one, or with odd dots, or stretched by spaces."""
    name, former, draw = world.name[visitor], world.former_name[visitor], rng.random()
    if visitor < len(CANARIES):
        return name
    if former and draw < 0.5:
        counts["former_name_used"] += 1
        return former
    if names.DOT in name:
        turn = int(draw * len(names.DOT_VARIANTS))
        counts["dot_variant"] += turn > 0
        return corruption.vary_dot(name, turn)
    if draw > 0.96:
        counts["spaced_name"] += 1
        return corruption.spaced_name(name)
    return name
