"""The roll of those on social assistance: a full snapshot every night, as a workbook made for printing.

Reads: the world. Writes: `civil_affairs/社会救助对象名册_<YYYYMMDD>.xlsx`. Refuses: nothing.
A title row, two header rows with merged cells, a total and a signature at the end; about six of a hundred residents.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial

import numpy as np

from jobs.sample import corruption, names
from jobs.sample.canaries import CANARIES
from jobs.sample.deposit import Deposit, Sheet, Value, open_sheet
from jobs.sample.events import Events
from jobs.sample.hard.people import Change, draw_changes
from jobs.sample.people import birth_texts
from jobs.sample.world import EVERYBODY, World, floored, pick

SYSTEM = "civil_affairs"
SHEET = "救助名册"
FIRST_ROW = 4  # after the title and two header rows
(
    SEQUENCE, NUMBER, NAME, ID, SEX, BIRTH, PHONE, SPOUSE_NAME, SPOUSE_ID, STATUS, START, END, AMOUNT, ADDRESS, REMARK,
) = range(15)  # fmt: skip
# First and last column of each group, its name and its headers; a group of one column is merged downwards.
_GROUPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("序号", ()),
    ("证件编号", ()),
    ("申请人", ("姓名", "身份证号", "性别", "出生日期", "联系电话")),
    ("配偶", ("姓名", "身份证号")),
    ("救助信息", ("类别", "开始日期", "结束日期", "月保障金额")),
    ("住址", ()),
    ("备注", ()),
)
# What the clerks write, with the monthly amount in yuan; the first two mean the same.
STATUSES = {"低保": 985, "最低生活保障": 985, "特困人员": 1380, "低保边缘家庭": 0, "临时救助": 600}
MINIMUM_LIVING = ("低保", "最低生活保障")
_REMARKS = ("", "", "", "", "", "分户", "复核中", "材料待补", "行动不便，需上门")

# What the mistakes of a hard town befall.
_PARTS = {"name": NAME, "id_number": ID, "birth_date": BIRTH, "phone": PHONE, "address": ADDRESS}
_SPOUSE_PARTS = {"name": SPOUSE_NAME, "id_number": SPOUSE_ID}

_ID_SHARES = {
    "relative_id": 0.02, "stranger_id": 0.01, "missing_id": 0.01, "mistyped_id_digit": 0.01, "mistyped_id_swap": 0.005,
    "lower_case_x": 0.005, "spaced_id": 0.01, "scientific_id_number": 0.01,
}  # fmt: skip
_DATE_SHARES = {
    "date_excel": 0.3, "date_unpadded": 0.1, "date_compact": 0.05, "date_chinese": 0.03, "date_serial": 0.03,
    "date_impossible": 0.005,
}  # fmt: skip


@dataclass
class Entry:
    """One line of the roll, kept from night to night with its mistakes; `cases` are the nasty ones in it."""

    resident: int
    spouse: int
    cells: list[Value]
    cases: dict[int, str]  # column -> case


class Roll:
    """The roll as the office keeps it."""

    def __init__(self, world: World, seed: int) -> None:
        self.entries: list[Entry] = []
        self._issued = 0
        rng = np.random.default_rng([seed, 5])
        wanted = max(round(len(world) * 0.06), len(CANARIES))
        adults = self._candidates(world)
        others = rng.permutation(adults[adults >= len(CANARIES)])[: wanted - len(CANARIES)]
        self._grant(world, rng, world.first_night, [*range(len(CANARIES)), *np.sort(others).tolist()])

    def welfare(self) -> dict[int, date]:
        """Since when whom the office supports with the minimum living allowance, as it stands in the roll."""
        since: dict[int, date] = {}
        for entry in self.entries:
            status, start = entry.cells[STATUS], entry.cells[START]
            if status in MINIMUM_LIVING and isinstance(start, date):
                since[entry.resident] = start
        return since

    def _residents(self) -> list[int]:
        """Who stands in the lines, in their order."""
        return [entry.resident for entry in self.entries]

    def _candidates(self, world: World) -> np.ndarray:
        today = np.datetime64(world.first_night, "D")
        adult = (today - world.birth).astype(np.int64) > 18 * 366
        free = np.ones(len(world), dtype=bool)
        free[self._residents()] = False
        return np.flatnonzero(adult & np.isnat(world.death) & free & world.registered)

    def _grant(self, world: World, rng: np.random.Generator, night: date, residents: list[int]) -> None:
        """Append lines for new recipients, and spoil some cells."""
        new = []
        kinds = list(STATUSES.items())
        for resident in residents:
            status, amount = kinds[int(rng.integers(len(kinds)))]
            start = night - timedelta(days=int(rng.integers(1, 1500)))
            end = start + timedelta(days=1826) if rng.random() < 0.3 else None
            self._issued += 1
            cells: list[Value] = [
                None, f"JZ320102{self._issued:06d}", world.name[resident], world.id_number[resident],
                "男" if world.sex[resident] == 1 else "女", world.birth_text(resident), world.phone[resident], None,
                None, status, start, end, amount, world.home(resident).full_address,
                _REMARKS[int(rng.integers(len(_REMARKS)))],
            ]  # fmt: skip
            entry = Entry(resident, -1, cells, {})
            _set_spouse(world, entry)
            new.append(entry)
        self._corrupt(world, rng, new)
        self.entries += new

    def _corrupt(self, world: World, rng: np.random.Generator, new: list[Entry]) -> None:
        residents = [entry.resident for entry in new]
        allowed = np.array(residents, dtype=np.int64) >= len(CANARIES)
        spouses = np.array([entry.spouse for entry in new], dtype=np.int64)
        relatives = np.where(spouses >= 0, spouses, world.relatives()[residents])
        fits = corruption.fitting_ids(pick(world.id_number, residents)) | {"relative_id": relatives >= 0}
        drawn = corruption.draw_cases(rng, len(new), _ID_SHARES, allowed, fits)
        for row in drawn.pop("relative_id"):
            _mark(new[row], "relative_id", ID, world.id_number[relatives[row]])
        _spoil(new, ID, drawn, partial(corruption.corrupt_id, rng))
        fits = corruption.fitting_dates(birth_texts(world, residents))
        drawn = corruption.draw_cases(rng, len(new), _DATE_SHARES, allowed, fits)
        _spoil(new, BIRTH, drawn, lambda case, birth: corruption.corrupt_date(case, date.fromisoformat(birth)))
        for entry in new:
            former, name = world.former_name[entry.resident], world.name[entry.resident]
            if former and rng.random() < 0.5:
                _mark(entry, "former_name_used", NAME, former)
            elif names.DOT in name and (entry.resident + 2) % len(names.DOT_VARIANTS):
                _mark(entry, "dot_variant", NAME, corruption.vary_dot(name, entry.resident + 2))
        _harden(new, _PARTS, draw_changes(world, rng, SYSTEM, residents, _PARTS))
        _harden(new, _SPOUSE_PARTS, draw_changes(world, rng, SYSTEM, spouses.tolist(), _SPOUSE_PARTS))

    def update(self, world: World, events: Events, deposit: Deposit, night: date, seed: int, number: int) -> None:
        """Bring the roll to a later night: lines end and begin, ids are corrected, lives change."""
        rng = np.random.default_rng([seed, 6, number])
        residents = np.array(self._residents(), dtype=np.int64)
        later = residents[residents >= len(CANARIES)]
        struck = {*rng.permutation(later)[: floored(len(later), 0.01)].tolist(), *events.gone}
        kept = [entry for entry in self.entries if entry.resident not in struck]
        deposit.counts["withdrawn_row"] += len(self.entries) - len(kept)
        self.entries = kept

        wrong = [entry for entry in kept if entry.cases.get(ID, "").startswith("mistyped")]
        for entry in wrong[: max(1, len(wrong) // 10)]:
            entry.cells[ID] = world.id_number[entry.resident]
            del entry.cases[ID]
            deposit.counts["corrected_row"] += 1
        self._write_events(world, events)
        fresh = self._candidates(world)
        fresh = fresh[~np.isin(fresh, sorted(struck))]
        self._grant(world, rng, night, np.sort(rng.permutation(fresh)[: floored(len(world), 0.0006)]).tolist())

    def _write_events(self, world: World, events: Events) -> None:
        """Deaths that everybody has heard of, new addresses, new and lost spouses."""
        lines = {entry.resident: entry for entry in self.entries}
        for resident in lines.keys() & events.died:
            if world.death_known[resident] == EVERYBODY:
                lines[resident].cells[END] = date.fromisoformat(str(world.death[resident]))
        for resident in lines.keys() & {*events.moved, *events.married}:
            lines[resident].cells[ADDRESS] = world.home(resident).full_address
        for resident in lines.keys() & {*events.married, *events.widowed}:
            _set_spouse(world, lines[resident])

    def export(self, world: World, night: date, deposit: Deposit) -> None:
        """Write the roll; sequence numbers are counted anew each night, as clerks do."""
        page = open_sheet(SHEET, night)
        _write_headers(page, night)
        rows = range(FIRST_ROW, FIRST_ROW + len(self.entries))
        for row, entry in zip(rows, self.entries, strict=True):
            entry.cells[SEQUENCE] = row - FIRST_ROW + 1
            page.write_row(row - 1, entry.cells)
        total: list[Value] = [None] * (REMARK + 1)
        total[SEQUENCE] = "合计"
        total[AMOUNT] = sum(int(str(entry.cells[AMOUNT])) for entry in self.entries)
        page.write_row(FIRST_ROW - 1 + len(rows), total)
        last = FIRST_ROW + len(rows)
        page.sheet.merge_range(last, 0, last, REMARK, f"制表人：周敏    审核人：吴建国    {night:%Y-%m-%d}")

        name = f"社会救助对象名册_{night:%Y%m%d}.xlsx"
        deposit.put(night, SYSTEM, name, page.content())
        deposit.tell(night, SYSTEM, name, rows, world.truth_ids(self._residents()))
        spouses = world.truth_ids(entry.spouse for entry in self.entries)
        deposit.tell(night, SYSTEM, name, rows, spouses, role="spouse")
        for entry in self.entries:
            deposit.counts.update(entry.cases.values())
        deposit.counts.update({"title_row": 1, "total_row": 1, "signature_row": 1})


def _mark(entry: Entry, case: str, column: int, cell: Value) -> None:
    entry.cells[column] = cell
    entry.cases[column] = case


def _spoil(entries: list[Entry], column: int, drawn: dict[str, list[int]], change: Callable[[str, str], Value]) -> None:
    """Put what `change` makes of a case and a cell over each drawn cell."""
    for case, rows in drawn.items():
        for row in rows:
            _mark(entries[row], case, column, change(case, str(entries[row].cells[column])))


def _harden(entries: list[Entry], columns: Mapping[str, int], changes: Iterable[Change]) -> None:
    """Write the mistakes of a hard town."""
    for change in changes:
        if change.part in columns:
            for place, cell in zip(change.places, change.cells, strict=True):
                _mark(entries[place], change.case, columns[change.part], cell)


def _set_spouse(world: World, entry: Entry) -> None:
    """The spouse as the world knows it."""
    entry.spouse = int(world.spouse[entry.resident])
    if entry.spouse >= 0:
        entry.cells[SPOUSE_NAME], entry.cells[SPOUSE_ID] = world.name[entry.spouse], world.id_number[entry.spouse]
    else:
        entry.cells[SPOUSE_NAME] = entry.cells[SPOUSE_ID] = None


def _write_headers(page: Sheet, night: date) -> None:
    """Title over all columns; groups over their headers; single headers over both header rows."""
    page.sheet.merge_range(
        0, 0, 0, REMARK, f"玄武区社会救助对象名册（{night.year}年{night.month}月{night.day}日）", page.centred
    )
    column = 0
    for group, headers in _GROUPS:
        if not headers:
            page.sheet.merge_range(1, column, 2, column, group, page.centred)
            column += 1
            continue
        page.sheet.merge_range(1, column, 1, column + len(headers) - 1, group, page.centred)
        for header in headers:
            page.sheet.write_string(2, column, header, page.centred)
            column += 1
