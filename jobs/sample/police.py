"""The population register of the police: a full snapshot every night, CSV in GB 18030 with Windows line ends.

Reads: the world. Writes: `police/户籍人口_<YYYYMMDD>.csv`, on the first night also a half-copied `.part`.
Refuses: nothing.
"""

from datetime import date

import numpy as np

from jobs.sample import corruption, names
from jobs.sample.canaries import CANARIES
from jobs.sample.deposit import Deposit
from jobs.sample.events import Events
from jobs.sample.hard.people import draw_changes, write_changes
from jobs.sample.people import SEX_LABELS, Cells, birth_texts, corrupt_people, sex_texts
from jobs.sample.roster import Faults, Roster, export_roster, two_lines
from jobs.sample.world import POLICE, RELATIONS, World, floored, pick

SYSTEM = "police"
HEADERS = (
    "人员编号", "姓名", "曾用名", "公民身份号码", "性别", "民族", "出生日期", "婚姻状况", "文化程度", "户籍地址",
    "行政区划", "联系电话", "死亡日期", "户号", "与户主关系",
)  # fmt: skip
(
    NUMBER, NAME, FORMER_NAME, ID, SEX, ETHNIC, BIRTH, MARITAL, EDUCATION, ADDRESS, DIVISION, PHONE, DEATH, HOUSEHOLD,
    RELATION,
) = range(len(HEADERS))  # fmt: skip

# What the mistakes of a hard town befall.
_PARTS = {
    "name": NAME, "former_name": FORMER_NAME, "id_number": ID, "birth_date": BIRTH, "phone": PHONE, "address": ADDRESS,
    "division": DIVISION, "household": HOUSEHOLD,
}  # fmt: skip

_ID_SHARES = {
    "missing_id": 0.003, "mistyped_id_digit": 0.0015, "mistyped_id_swap": 0.001, "id_15_digits": 0.003,
    "lower_case_x": 0.002, "full_width_id": 0.001, "spaced_id": 0.001, "scientific_id_text": 0.001,
}  # fmt: skip
_DATE_SHARES = {
    "date_unpadded": 0.01, "date_compact": 0.01, "date_chinese": 0.005, "date_serial": 0.002, "date_impossible": 0.0005,
}  # fmt: skip
_PHONE_SHARES = {"phone_prefix": 0.005, "phone_dashes": 0.005, "phone_spaces": 0.005, "phone_landline": 0.02}
_OTHER_SHARES = {
    "sex_disagrees_with_id": 0.002,
    "unknown_ethnic": 0.001,
    "unknown_marital": 0.001,
    "unknown_division": 0.0005,
}
# What stands there in place of a code that is known.
_UNKNOWN_CODES = {
    "unknown_ethnic": (ETHNIC, "汗族"),
    "unknown_marital": (MARITAL, "己婚"),
    "unknown_division": (DIVISION, "320199999999"),
}
_ADDRESS_SHARES = {"address_no_province": 0.01, "address_dong": 0.01, "quoted_newline": 0.001}
# The same number once more with an old address and another phone.
_CONFLICT = {ADDRESS: "江苏省南京市玄武区珠江路1号", PHONE: "025-83000000"}


class Register:
    """The register as the police keep it."""

    def __init__(self, world: World, seed: int) -> None:
        self.roster = Roster(HEADERS)
        rng = np.random.default_rng([seed, 2])
        residents = np.flatnonzero(world.registered).tolist()
        rows = self._add(world, residents)
        corrupt_people(
            world, rng, self.roster, rows, residents, Cells(NAME, ID, BIRTH, PHONE), _ID_SHARES, _DATE_SHARES,
            _PHONE_SHARES,
        )  # fmt: skip
        self._corrupt(world, rng)

    def _add(self, world: World, residents: list[int]) -> range:
        """Append clean rows."""
        # One text for a household, however many rows it stands in: a large town needs the memory.
        addresses = [home.full_address for home in world.homes]
        divisions = [home.division_code for home in world.homes]
        numbers = [f"H{household:06d}" for household in range(len(world.homes))]
        households = world.household[residents].tolist()
        return self.roster.append(residents, [
            [f"{resident * 7 + 3:010d}" for resident in residents],
            pick(world.name, residents),
            pick(world.former_name, residents),
            pick(world.id_number, residents),
            sex_texts(world, residents),
            pick(world.ethnic, residents),
            birth_texts(world, residents),
            pick(world.marital, residents),
            pick(world.education, residents),
            pick(addresses, households),
            pick(divisions, households),
            pick(world.phone, residents),
            world.death_texts(residents, POLICE),
            pick(numbers, households),
            pick(RELATIONS, world.relation[residents].tolist()),
        ])  # fmt: skip

    def _corrupt(self, world: World, rng: np.random.Generator) -> None:
        """The other mistakes with which the register begins."""
        roster, rows = self.roster, range(len(self.roster))
        allowed = np.array(roster.subjects) >= len(CANARIES)
        cases = corruption.draw_cases(rng, len(rows), _OTHER_SHARES, allowed)
        flipped = cases.pop("sex_disagrees_with_id")
        sexes = [SEX_LABELS[3 - SEX_LABELS.index(roster.columns[SEX][row])] for row in flipped]
        roster.corrupt("sex_disagrees_with_id", SEX, flipped, sexes)
        for case, own in cases.items():
            column, cell = _UNKNOWN_CODES[case]
            roster.corrupt("unknown_code", column, own, [cell] * len(own))

        homes = [world.home(resident) for resident in roster.subjects]
        fits = {"address_dong": np.array([home.block > 0 for home in homes], dtype=bool)}
        forms = corruption.draw_cases(rng, len(rows), _ADDRESS_SHARES, allowed, fits)
        broken = {"quoted_newline": forms.pop("quoted_newline")}
        roster.spoil(broken, ADDRESS, rows, lambda case, cell: two_lines(cell))
        for form, own in forms.items():
            roster.corrupt(form, ADDRESS, own, [homes[row].address(form) for row in own])
        write_changes(roster, rows, _PARTS, draw_changes(world, rng, SYSTEM, roster.subjects, _PARTS))

    def update(self, world: World, events: Events, deposit: Deposit, seed: int, number: int) -> None:
        """Bring the register to a later night: strike off, correct, write in what happened."""
        roster = self.roster
        deposit.counts["withdrawn_row"] += roster.strike(events.gone)
        self._add(world, events.born)

        for resident in roster.known(events.died):
            if world.death_known[resident] & POLICE:
                roster.write(resident, DEATH, str(world.death[resident]))
        for resident in roster.known([*events.married, *events.widowed]):
            roster.write(resident, MARITAL, world.marital[resident])
        for resident in roster.known([*events.married, *events.headed]):
            roster.write(resident, HOUSEHOLD, f"H{int(world.household[resident]):06d}")
            roster.write(resident, RELATION, RELATIONS[int(world.relation[resident])])
        for resident in roster.known([*events.moved, *events.married]):
            home = world.home(resident)
            roster.write(resident, ADDRESS, home.full_address)
            roster.write(resident, DIVISION, home.division_code)
            world.homes_told[SYSTEM].pop(resident, None)
        for resident in roster.known(events.renamed):
            roster.write(resident, NAME, world.name[resident])
            roster.write(resident, FORMER_NAME, world.former_name[resident])
        self._correct(world, np.random.default_rng([seed, 3, number]), deposit)

    def _correct(self, world: World, rng: np.random.Generator, deposit: Deposit) -> None:
        """Put a tenth of the mistyped id numbers right (one at least) and bring some schooling up to date."""
        roster = self.roster
        mistyped = roster.with_case("mistyped_id")
        chosen = rng.permutation(np.array(mistyped, dtype=np.int64))[: max(1, len(mistyped) // 10)].tolist()
        for resident in chosen:
            roster.write(resident, ID, world.id_number[resident])
        grown = [row for row, text in enumerate(roster.columns[EDUCATION]) if text == "普通高中毕业"]
        grown = rng.permutation(np.array(grown, dtype=np.int64))[: floored(len(roster), 0.001)].tolist()
        for row in grown:
            roster.columns[EDUCATION][row] = "大学本科毕业"
        deposit.counts["corrected_row"] += len(chosen) + len(grown)

    def export(self, world: World, night: date, deposit: Deposit, seed: int, number: int) -> None:
        """Write the snapshot."""
        rng = np.random.default_rng([seed, 4, number])
        faults = Faults(range(len(CANARIES)), _CONFLICT, torn=ADDRESS, always=(1,))
        page = export_roster(rng, self.roster, number, faults, deposit.counts)
        name = f"户籍人口_{night:%Y%m%d}.csv"
        content = page.text.encode("gb18030")
        deposit.put(night, SYSTEM, name, content)
        deposit.tell(night, SYSTEM, name, page.numbers, world.truth_ids(page.subjects))
        households = world.household_truths(page.subjects, living=False)
        deposit.tell(night, SYSTEM, name, page.numbers, households, "household")
        dwellings = world.dwelling_truths(page.subjects, living=False, system=SYSTEM)
        deposit.tell(night, SYSTEM, name, page.numbers, dwellings, "dwelling")
        self.roster.count_cases(deposit.counts)
        deposit.counts.update({
            "former_name": sum(map(bool, self.roster.columns[FORMER_NAME])),
            "rare_character": sum(text[-1:] in names.RARE_GIVEN_NAMES for text in self.roster.columns[NAME]),
            "address_full": len(self.roster),
        })  # fmt: skip
        if number == 0:
            deposit.put(night, SYSTEM, f"{name}.part", content[: len(content) // 2])
            deposit.counts["half_copied_file"] += 1
