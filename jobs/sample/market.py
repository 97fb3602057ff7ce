"""The list of enterprises of market regulation: a full snapshot every night, CSV in GB 18030.

Reads: the world, the organisations. Writes: `market/企业名单_<YYYYMMDD>.csv`. Refuses: nothing.
"""

from collections.abc import Callable
from datetime import date
from functools import partial

import numpy as np

from jobs.sample import corruption
from jobs.sample.addresses import draw_division_forms, vary_divisions
from jobs.sample.canaries import CANARIES
from jobs.sample.deposit import Deposit
from jobs.sample.hard.people import draw_changes, write_changes
from jobs.sample.organisations import PUBLIC_BODIES, Changes, Organisation, Organisations
from jobs.sample.people import PHONE_SHARES, Cells, corrupt_id_text, corrupt_people
from jobs.sample.roster import Faults, Roster, break_lines, export_roster
from jobs.sample.social_security import corrupt_credit_code
from jobs.sample.world import World

SYSTEM = "market"
HEADERS = (
    "登记编号", "企业名称", "曾用名称", "统一社会信用代码", "招牌名称", "法定代表人", "法定代表人证件号", "法定代表人电话",
    "注册资本", "成立日期", "登记状态", "注销日期", "住所", "行政区划", "行业代码", "联系电话",
)  # fmt: skip
(
    NUMBER, NAME, FORMER_NAME, CREDIT_CODE, SIGNBOARD, REPRESENTATIVE, REPRESENTATIVE_ID, REPRESENTATIVE_PHONE, CAPITAL,
    ESTABLISHED, STATUS, CLOSED, ADDRESS, DIVISION, INDUSTRY, PHONE,
) = range(len(HEADERS))  # fmt: skip

# What the mistakes of a hard town befall.
_PARTS = {"name": REPRESENTATIVE, "id_number": REPRESENTATIVE_ID, "phone": REPRESENTATIVE_PHONE}

_ID_SHARES = {"representative_without_id": 0.04, "mistyped_id_digit": 0.005, "lower_case_x": 0.005, "spaced_id": 0.005}
_CODE_SHARES = {
    "credit_code_mistyped": 0.01, "credit_code_lower_case": 0.02, "credit_code_full_width": 0.01,
    "credit_code_spaced": 0.02,
}  # fmt: skip
# A bare number is in 万元, as the head of the printed list says.
_MONEY_SHARES = {
    "money_wan_yuan": 0.25, "money_separators": 0.06, "money_wan": 0.06, "money_full_width": 0.04,
    "money_unreadable": 0.02,
}  # fmt: skip
# How a capital in 万元 is written, quoted where it holds a comma.
_CAPITALS: dict[str, Callable[[int], str]] = {
    "money_wan_yuan": lambda capital: f"{capital}万元",
    "money_separators": lambda capital: f'"{capital * 10000:,}元"',
    "money_wan": lambda capital: f"{capital}万",
    "money_full_width": lambda capital: f"{str(capital).translate(corruption.FULL_WIDTH)}万元",
    "money_unreadable": lambda capital: f"{capital}万美元",
}


class Enterprises:
    """The list as the office keeps it."""

    def __init__(self, world: World, organisations: Organisations, seed: int) -> None:
        self.roster = Roster(HEADERS)
        self._add(world, organisations, np.random.default_rng([seed, 36]), list(organisations.enterprises()))

    def _add(
        self, world: World, organisations: Organisations, rng: np.random.Generator, enterprises: list[int]
    ) -> None:
        """Append rows, and corrupt some cells."""
        people = [organisations[place].representative for place in enterprises]
        homes = [organisations[place].home for place in enterprises]
        cells = [_enterprise_cells(world, organisations[place], place) for place in enterprises]
        roster, rows = self.roster, self.roster.append_rows(enterprises, cells)
        corrupt_people(
            world, rng, roster, rows, people, Cells(REPRESENTATIVE, phone=REPRESENTATIVE_PHONE),
            phone_shares=PHONE_SHARES, spaced=0.01, former=0.1,
        )  # fmt: skip
        allowed = np.array(people, dtype=np.int64) >= len(CANARIES)
        self._corrupt_numbers(rng, rows, allowed)
        write_changes(roster, rows, _PARTS, draw_changes(world, rng, SYSTEM, people, _PARTS))
        vary_divisions(roster, rows, DIVISION, homes, draw_division_forms(rng, allowed))
        break_lines(rng, roster, rows, ADDRESS, 0.002, allowed, "（一照多址）")

    def _corrupt_numbers(self, rng: np.random.Generator, rows: range, allowed: np.ndarray) -> None:
        """Id numbers, credit codes, and in what unit the capital is told."""
        roster, count = self.roster, len(rows)
        fits = corruption.fitting_ids(roster.cells(REPRESENTATIVE_ID, rows))
        ids = corruption.draw_cases(rng, count, _ID_SHARES, allowed, fits)
        absent = {"representative_without_id": ids.pop("representative_without_id")}
        roster.spoil(absent, REPRESENTATIVE_ID, rows, lambda case, cell: "")
        roster.spoil(ids, REPRESENTATIVE_ID, rows, partial(corrupt_id_text, rng))
        codes = corruption.draw_cases(rng, count, _CODE_SHARES, allowed)
        roster.spoil(codes, CREDIT_CODE, rows, corrupt_credit_code)
        capitals = corruption.draw_cases(rng, count, _MONEY_SHARES, allowed)
        roster.spoil(capitals, CAPITAL, rows, lambda case, cell: _CAPITALS[case](int(cell)))

    def update(
        self, world: World, organisations: Organisations, changes: Changes, deposit: Deposit, seed: int, number: int
    ) -> None:
        """Bring the list to a later night."""
        rng, roster = np.random.default_rng([seed, 37, number]), self.roster
        for place in changes.renamed:
            roster.write(place, NAME, organisations[place].name)
            roster.write(place, FORMER_NAME, organisations[place].former_name)
        for place in changes.closed:
            roster.write(place, STATUS, organisations[place].status)
            roster.write(place, CLOSED, organisations[place].closed)
        mistyped = roster.with_case("credit_code_mistyped")
        for place in mistyped[: len(mistyped) // 10]:
            roster.write(place, CREDIT_CODE, organisations[place].credit_code)
            deposit.counts["corrected_row"] += 1
        self._add(world, organisations, rng, changes.founded)

    def export(
        self, world: World, organisations: Organisations, night: date, deposit: Deposit, seed: int, number: int
    ) -> None:
        """Write the snapshot."""
        rng = np.random.default_rng([seed, 38, number])
        first = len(PUBLIC_BODIES)
        faults = Faults(range(first, first + len(CANARIES)), {PHONE: "025-84110000", CAPITAL: "1"}, torn=NAME)
        page = export_roster(rng, self.roster, number, faults, deposit.counts)
        name = f"企业名单_{night:%Y%m%d}.csv"
        deposit.put(night, SYSTEM, name, page.text.encode("gb18030"))
        deposit.tell(night, SYSTEM, name, page.numbers, organisations.truth_ids(page.subjects), "organisation")
        people = world.truth_ids(organisations[place].representative for place in page.subjects)
        deposit.tell(night, SYSTEM, name, page.numbers, people, role="legal_representative")
        self.roster.count_cases(deposit.counts)
        deposit.counts.update({
            "organisation_renamed": sum(map(bool, self.roster.columns[FORMER_NAME])),
            "organisation_closed": sum(map(bool, self.roster.columns[CLOSED])),
        })  # fmt: skip


def _enterprise_cells(world: World, enterprise: Organisation, place: int) -> list[str]:
    """One row of the list."""
    home = enterprise.home
    return [
        f"3201{place * 17 + 5:09d}", enterprise.name, enterprise.former_name, enterprise.credit_code,
        enterprise.signboard, *world.contact(enterprise.representative), str(enterprise.capital),
        enterprise.established, enterprise.status, enterprise.closed, home.full_address, home.division_code,
        enterprise.industry, enterprise.phone,
    ]  # fmt: skip
