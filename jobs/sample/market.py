"""The list of enterprises of market regulation: a full snapshot every night, CSV in GB 18030.

Reads: the world, the organisations. Writes: `market/企业名单_<YYYYMMDD>.csv`. Refuses: nothing.
"""

from datetime import date

import numpy as np

from jobs.sample import corruption, places
from jobs.sample.canaries import CANARIES
from jobs.sample.deposit import Deposit
from jobs.sample.organisations import PUBLIC_BODIES, Changes, Organisations
from jobs.sample.people import PHONE_SHARES, Cells, corrupt_people
from jobs.sample.roster import Faults, Roster, export_roster, two_lines
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
_OTHER_SHARES = {"quoted_newline": 0.002}


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
        rows = self.roster.append(enterprises, [
            [f"3201{place * 17 + 5:09d}" for place in enterprises],
            [organisations[place].name for place in enterprises],
            [organisations[place].former_name for place in enterprises],
            [organisations[place].credit_code for place in enterprises],
            [organisations[place].signboard for place in enterprises],
            [world.name[person] for person in people],
            [world.id_number[person] for person in people],
            [world.phone[person] for person in people],
            [str(organisations[place].capital) for place in enterprises],
            [organisations[place].established for place in enterprises],
            [organisations[place].status for place in enterprises],
            [organisations[place].closed for place in enterprises],
            [home.full_address for home in homes],
            [home.division_code for home in homes],
            [organisations[place].industry for place in enterprises],
            [organisations[place].phone for place in enterprises],
        ])  # fmt: skip
        roster, count = self.roster, len(rows)
        corrupt_people(
            world, rng, roster, rows, people, Cells(REPRESENTATIVE, phone=REPRESENTATIVE_PHONE),
            phone_shares=PHONE_SHARES, spaced=0.01, former=0.1,
        )  # fmt: skip
        allowed = np.array(people, dtype=np.int64) >= len(CANARIES)
        numbers = [world.id_number[person] for person in people]
        fits = corruption.fitting_ids(numbers)
        for case, own in corruption.draw_cases(rng, count, _ID_SHARES, allowed, fits).items():
            known = "missing_id" if case == "representative_without_id" else case
            cells = [str(corruption.corrupt_id(rng, known, numbers[place])) for place in own]
            roster.corrupt(case, REPRESENTATIVE_ID, [rows[place] for place in own], cells)
        for case, own in corruption.draw_cases(rng, count, _CODE_SHARES, allowed).items():
            codes = [corrupt_credit_code(case, roster.columns[CREDIT_CODE][rows[place]]) for place in own]
            roster.corrupt(case, CREDIT_CODE, [rows[place] for place in own], codes)
        for case, own in corruption.draw_cases(rng, count, _MONEY_SHARES, allowed).items():
            cells = [write_capital(case, organisations[enterprises[place]].capital) for place in own]
            roster.corrupt(case, CAPITAL, [rows[place] for place in own], cells)
        codes = places.draw_forms(rng, places.DIVISION_FORMS, count)
        for row, home, code, person in zip(rows, homes, codes, people, strict=True):
            if code != "division_code" and person >= len(CANARIES):
                roster.corrupt(code, DIVISION, [row], [home.division(code)])
        for own in corruption.draw_cases(rng, count, _OTHER_SHARES, allowed).values():
            cells = [two_lines(roster.columns[ADDRESS][rows[place]], "（一照多址）") for place in own]
            roster.corrupt("quoted_newline", ADDRESS, [rows[place] for place in own], cells)

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


def write_capital(case: str, capital: int) -> str:
    """A capital in 万元 as the case writes it, quoted where it holds a comma."""
    match case:
        case "money_wan_yuan":
            return f"{capital}万元"
        case "money_separators":
            return f'"{capital * 10000:,}元"'
        case "money_wan":
            return f"{capital}万"
        case "money_full_width":
            return "".join(chr(ord(digit) + 0xFEE0) for digit in str(capital)) + "万元"
        case "money_unreadable":
            return f"{capital}万美元"
    raise ValueError(case)
