"""Two lists about dwellings, full snapshots every night: the housing register with the owners, CSV in GB 18030, and the
occupancy that property managers report, with the tenants, CSV in UTF-8.

Reads: the world, the organisations, the estate. Writes: `housing/房屋登记_<YYYYMMDD>.csv`,
`housing/物业住户_<YYYYMMDD>.csv`. Refuses: nothing.
The managers know compound, block, unit and room of a flat, but no road and no number of the register; they notice late
that a flat was split or merged.
"""

from datetime import date

import numpy as np

from jobs.sample import corruption, places
from jobs.sample.canaries import CANARIES
from jobs.sample.deposit import Deposit
from jobs.sample.dwellings import NOBODY, DwellingChanges, Estate, Tenancy, house_number
from jobs.sample.health import corrupt_yes_no
from jobs.sample.organisations import Organisations
from jobs.sample.people import Cells, corrupt_people
from jobs.sample.roster import Faults, Roster, export_roster, two_lines
from jobs.sample.world import World

SYSTEM = "housing"
HEADERS = (
    "房屋编号", "原房屋编号", "坐落", "行政区划", "小区名称", "建筑面积", "房屋用途", "是否出租", "产权人", "产权人证件号",
    "产权单位", "产权单位信用代码", "登记日期",
)  # fmt: skip
(
    NUMBER, FORMER, ADDRESS, DIVISION, COMPOUND, AREA, USAGE, RENTED, OWNER, OWNER_ID, OWNER_NAME, OWNER_CODE, SINCE,
) = range(len(HEADERS))  # fmt: skip
OCCUPANCY_HEADERS = (
    "登记编号", "小区", "楼栋", "单元", "房号", "租户姓名", "租户身份证号", "租户电话", "业主姓名", "业主电话", "起租日期",
    "退租日期", "月租金", "物业公司", "物业公司信用代码",
)  # fmt: skip
(
    ENTRY, IN_COMPOUND, BLOCK, UNIT, ROOM, TENANT, TENANT_ID, TENANT_PHONE, LANDLORD, LANDLORD_PHONE, LEASE_START,
    LEASE_END, RENT, MANAGER, MANAGER_CODE,
) = range(len(OCCUPANCY_HEADERS))  # fmt: skip

_ID_SHARES = {
    "missing_id": 0.01, "mistyped_id_digit": 0.002, "id_15_digits": 0.003, "lower_case_x": 0.003, "spaced_id": 0.003,
}  # fmt: skip
# The register writes addresses with more care than others do, and the compound in a column of its own.
_ADDRESS_FORMS = places.ADDRESS_FORMS | {"address_full": 1.6, "address_compound": 0.0}
_OTHER_SHARES = {"area_with_unit": 0.02, "quoted_newline": 0.001}
OCCUPANCY_SHARE = 0.56  # of the flats that are not let; those that are let are all in the list
# How managers write a block and a unit; the first is no nasty case.
_BLOCK_FORMS = ("幢", "栋", "号楼", "numeral", "")


class Housing:
    """The register as the housing office keeps it: rows are entries of the estate."""

    def __init__(self, world: World, organisations: Organisations, estate: Estate, seed: int) -> None:
        self.roster = Roster(HEADERS)
        self._add(world, organisations, estate, np.random.default_rng([seed, 39]), list(estate.dwellings))

    def _add(
        self, world: World, organisations: Organisations, estate: Estate, rng: np.random.Generator, numbers: list[int]
    ) -> None:
        """Append rows, and corrupt some cells."""
        entries = [estate.dwellings[number] for number in numbers]
        owners = [entry.owner for entry in entries]
        others = [entry.owner_organisation for entry in entries]
        rows = self.roster.append(numbers, [
            [house_number(number) for number in numbers],
            [entry.former for entry in entries],
            [entry.home.district_address for entry in entries],
            [entry.home.division_code for entry in entries],
            [entry.home.compound for entry in entries],
            [entry.area for entry in entries],
            [entry.usage for entry in entries],
            ["是" if entry.is_rented else "否" for entry in entries],
            ["" if owner == NOBODY else world.name[owner] for owner in owners],
            ["" if owner == NOBODY else world.id_number[owner] for owner in owners],
            ["" if other == NOBODY else organisations[other].name for other in others],
            ["" if other == NOBODY else organisations[other].credit_code for other in others],
            [entry.since for entry in entries],
        ])  # fmt: skip
        roster, count = self.roster, len(rows)
        allowed = (np.array(owners, dtype=np.int64) >= len(CANARIES)) | (np.array(owners, dtype=np.int64) == NOBODY)
        corrupt_people(world, rng, roster, rows, owners, Cells(OWNER, OWNER_ID), _ID_SHARES, former=0.2)
        forms = places.draw_forms(rng, _ADDRESS_FORMS, count)
        codes = places.draw_forms(rng, places.DIVISION_FORMS, count)
        for place, (row, entry, form, code) in enumerate(zip(rows, entries, forms, codes, strict=True)):
            if allowed[place] and entry.home.shows(form):
                roster.corrupt(form, ADDRESS, [row], [entry.home.address(form)])
            if allowed[place] and code != "division_code":
                roster.corrupt(code, DIVISION, [row], [entry.home.division(code)])
        corrupt_yes_no(rng, roster, rows, RENTED, allowed)
        cases = corruption.draw_cases(rng, count, _OTHER_SHARES, allowed)
        sizes = [f"{roster.columns[AREA][rows[place]]}㎡" for place in cases["area_with_unit"]]
        roster.corrupt("area_with_unit", AREA, [rows[place] for place in cases["area_with_unit"]], sizes)
        lines = [two_lines(roster.columns[ADDRESS][rows[place]]) for place in cases["quoted_newline"]]
        roster.corrupt("quoted_newline", ADDRESS, [rows[place] for place in cases["quoted_newline"]], lines)

    def update(
        self, world: World, organisations: Organisations, estate: Estate, changes: DwellingChanges, deposit: Deposit,
        seed: int, number: int,
    ) -> None:  # fmt: skip
        """Bring the register to a later night: what was split or merged has left, what came of it is new."""
        rng = np.random.default_rng([seed, 40, number])
        deposit.counts["withdrawn_row"] += self.roster.strike(changes.left)
        deposit.counts.update({"dwelling_split": changes.split, "dwelling_merged": changes.merged})
        self._add(world, organisations, estate, rng, changes.registered)
        for tenancy in changes.tenancies_ended:
            self.roster.write(estate.number_at[tenancy.home], RENTED, "否")

    def export(
        self, world: World, organisations: Organisations, estate: Estate, night: date, deposit: Deposit, seed: int,
        number: int,
    ) -> None:  # fmt: skip
        """Write the snapshot."""
        rng = np.random.default_rng([seed, 41, number])
        safe = {entry.number for entry in estate.dwellings.values() if 0 <= entry.owner < len(CANARIES)}
        faults = Faults(safe, {AREA: "1.00", USAGE: "其他"}, torn=ADDRESS)
        page = export_roster(rng, self.roster, number, faults, deposit.counts)
        name = f"房屋登记_{night:%Y%m%d}.csv"
        deposit.put(night, SYSTEM, name, page.text.encode("gb18030"))
        entries = [estate.dwellings[subject] for subject in page.subjects]
        deposit.tell(night, SYSTEM, name, page.numbers, [entry.home.truth_id for entry in entries], "dwelling")
        owners = [None if entry.owner == NOBODY else f"T{entry.owner:06d}" for entry in entries]
        deposit.tell(night, SYSTEM, name, page.numbers, owners, role="owner")
        others = organisations.truth_ids(entry.owner_organisation for entry in entries)
        deposit.tell(night, SYSTEM, name, page.numbers, others, "organisation", "owner")
        self.roster.count_cases(deposit.counts)
        deposit.counts["organisation_owner"] += sum(other is not None for other in others)


class Occupancy:
    """The property managers' list: rows are flats, by their place in `flats`."""

    def __init__(self, world: World, organisations: Organisations, estate: Estate, seed: int) -> None:
        self.roster = Roster(OCCUPANCY_HEADERS)
        rng = np.random.default_rng([seed, 42])
        self.leases = {tenancy.home: tenancy for tenancy in estate.tenancies}
        draws = rng.random(len(estate.dwellings)).tolist()
        entries = zip(estate.dwellings.values(), draws, strict=True)
        chosen = [
            entry
            for entry, draw in entries
            if entry.home.block and (entry.home in self.leases or draw < OCCUPANCY_SHARE)
        ]
        self.flats = [entry.home for entry in chosen]
        self.landlords = [entry.owner for entry in chosen]
        self.managers = [organisations.manager_of(home) for home in self.flats]
        leases = [self.leases.get(home) for home in self.flats]
        self.tenants = [NOBODY if lease is None else lease.tenant for lease in leases]
        self._fill(world, organisations, leases)
        self._corrupt(world, rng)

    def _fill(self, world: World, organisations: Organisations, leases: list[Tenancy | None]) -> None:
        self.roster.append(list(range(len(self.flats))), [
            [f"WY{place * 3 + 1:08d}" for place in range(len(self.flats))],
            [home.compound for home in self.flats],
            [f"{home.block}幢" for home in self.flats],
            [f"{home.unit}单元" for home in self.flats],
            [home.room for home in self.flats],
            ["" if tenant == NOBODY else world.name[tenant] for tenant in self.tenants],
            ["" if tenant == NOBODY else world.id_number[tenant] for tenant in self.tenants],
            ["" if tenant == NOBODY else world.phone[tenant] for tenant in self.tenants],
            ["" if owner == NOBODY else world.name[owner] for owner in self.landlords],
            ["" if owner == NOBODY else world.phone[owner] for owner in self.landlords],
            ["" if lease is None else lease.since for lease in leases],
            ["" for _ in leases],
            ["" if lease is None else str(lease.rent) for lease in leases],
            [organisations[place].name for place in self.managers],
            [organisations[place].credit_code for place in self.managers],
        ])  # fmt: skip

    def _corrupt(self, world: World, rng: np.random.Generator) -> None:
        roster, rows = self.roster, range(len(self.flats))
        corrupt_people(world, rng, roster, rows, self.tenants, Cells(TENANT, TENANT_ID, phone=TENANT_PHONE), _ID_SHARES)
        corrupt_people(world, rng, roster, rows, self.landlords, Cells(LANDLORD, phone=LANDLORD_PHONE))
        safe = self._safe()
        draws = rng.choice(len(_BLOCK_FORMS), len(rows), p=(0.6, 0.1, 0.1, 0.1, 0.1)).tolist()
        for row, home, draw in zip(rows, self.flats, draws, strict=True):
            form = _BLOCK_FORMS[draw]
            if not draw or row in safe:
                continue
            numeral = form == "numeral"
            block = f"{places.NUMERALS[home.block]}幢" if numeral else f"{home.block}{form}"
            unit = f"{places.NUMERALS[home.unit]}单元" if numeral else f"{home.unit}{'单元' if form else ''}"
            roster.corrupt("block_variant", BLOCK, [row], [block])
            roster.columns[UNIT][row] = unit
            roster.columns[ROOM][row] = f"{home.room}室" if draw % 2 else home.room
        allowed = np.array([row not in safe and bool(roster.columns[RENT][row]) for row in rows], dtype=bool)
        own = corruption.draw_cases(rng, len(rows), {"quoted_newline": 0.001}, allowed)["quoted_newline"]
        roster.corrupt(
            "quoted_newline", RENT, own, [two_lines(roster.columns[RENT][row], "（含物业费）") for row in own]
        )

    def _safe(self) -> set[int]:
        """Rows that name a canary."""
        people = enumerate(zip(self.tenants, self.landlords, strict=True))
        return {row for row, pair in people if any(0 <= one < len(CANARIES) for one in pair)}

    def update(self, changes: DwellingChanges, deposit: Deposit) -> None:
        """Write down who has left; those who left the night before are forgotten."""
        for place, tenant in enumerate(self.tenants):
            if tenant != NOBODY and self.roster.cell(place, LEASE_END):
                self.tenants[place] = NOBODY
                for column in (TENANT, TENANT_ID, TENANT_PHONE, LEASE_START, LEASE_END, RENT):
                    self.roster.write(place, column, "")
        place_of = {home: place for place, home in enumerate(self.flats)}
        for tenancy in changes.tenancies_ended:
            place = place_of[tenancy.home]
            if self.tenants[place] == tenancy.tenant:
                self.roster.write(place, LEASE_END, tenancy.until)
                deposit.counts["tenant_left"] += 1

    def export(
        self, world: World, organisations: Organisations, night: date, deposit: Deposit, seed: int, number: int
    ) -> None:
        """Write the snapshot."""
        rng = np.random.default_rng([seed, 43, number])
        faults = Faults(self._safe(), {LANDLORD_PHONE: "025-84220000"}, torn=IN_COMPOUND)
        page = export_roster(rng, self.roster, number, faults, deposit.counts)
        name = f"物业住户_{night:%Y%m%d}.csv"
        deposit.put(night, SYSTEM, name, page.text.encode())
        flats = [self.flats[place].truth_id for place in page.subjects]
        deposit.tell(night, SYSTEM, name, page.numbers, flats, "dwelling")
        for role, people in (("tenant", self.tenants), ("owner", self.landlords)):
            named = [people[place] for place in page.subjects]
            truths = [None if one == NOBODY else f"T{one:06d}" for one in named]
            deposit.tell(night, SYSTEM, name, page.numbers, truths, role=role)
        managers = organisations.truth_ids(self.managers[place] for place in page.subjects)
        deposit.tell(night, SYSTEM, name, page.numbers, managers, "organisation", "property_manager")
        self.roster.count_cases(deposit.counts)
