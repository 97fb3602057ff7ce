"""Two lists about dwellings, full snapshots every night: the housing register with the owners, CSV in GB 18030, and the
occupancy that property managers report, with the tenants, CSV in UTF-8.

Reads: the world, the organisations, the estate. Writes: `housing/房屋登记_<YYYYMMDD>.csv`,
`housing/物业住户_<YYYYMMDD>.csv`. Refuses: nothing.
The managers know compound, block, unit and room of a flat, but no road and no number of the register; they notice late
that a flat was split or merged.
"""

from datetime import date
from itertools import compress

import numpy as np

from jobs.sample import corruption, places
from jobs.sample.addresses import draw_address_forms, draw_division_forms, vary_addresses, vary_divisions
from jobs.sample.canaries import CANARIES
from jobs.sample.deposit import Deposit
from jobs.sample.dwellings import Dwelling, DwellingChanges, Estate, Tenancy, house_number
from jobs.sample.hard.organisations import draw_title_changes
from jobs.sample.hard.people import draw_casual_changes, draw_changes, write_changes
from jobs.sample.health import corrupt_yes_no
from jobs.sample.organisations import Organisations
from jobs.sample.people import Cells, corrupt_people
from jobs.sample.roster import Faults, Roster, break_lines, export_roster, two_lines
from jobs.sample.world import NOBODY, World

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

# What the mistakes of a hard town befall.
_OWNER_PARTS = {"name": OWNER, "id_number": OWNER_ID}
_REGISTER_PARTS = _OWNER_PARTS | {"address": ADDRESS, "organisation_name": OWNER_NAME, "credit_code": OWNER_CODE}
_TENANT_PARTS = {"name": TENANT, "id_number": TENANT_ID, "phone": TENANT_PHONE}
_LANDLORD_PARTS = {"name": LANDLORD, "phone": LANDLORD_PHONE}
_MANAGER_PARTS = {"organisation_name": MANAGER, "credit_code": MANAGER_CODE}

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
        roster = self.roster
        entries = [estate.dwellings[number] for number in numbers]
        rows = roster.append_rows(numbers, [_register_cells(world, organisations, entry) for entry in entries])
        owners = [entry.owner for entry in entries]
        homes = [entry.home for entry in entries]
        allowed = ~np.isin(np.array(owners, dtype=np.int64), range(len(CANARIES)))
        corrupt_people(world, rng, roster, rows, owners, Cells(OWNER, OWNER_ID), _ID_SHARES, former=0.2)
        forms = draw_address_forms(rng, _ADDRESS_FORMS, allowed)
        codes = draw_division_forms(rng, allowed)
        vary_addresses(roster, rows, ADDRESS, homes, forms)
        vary_divisions(roster, rows, DIVISION, homes, codes)
        corrupt_yes_no(rng, roster, rows, RENTED, allowed)
        cases = corruption.draw_cases(rng, len(rows), _OTHER_SHARES, allowed)
        broken = {"quoted_newline": cases.pop("quoted_newline")}
        roster.spoil(cases, AREA, rows, lambda case, cell: f"{cell}㎡")
        roster.spoil(broken, ADDRESS, rows, lambda case, cell: two_lines(cell))
        self._harden(world, organisations, rng, rows, entries, allowed)

    def _harden(
        self, world: World, organisations: Organisations, rng: np.random.Generator, rows: range,
        entries: list[Dwelling], allowed: np.ndarray,
    ) -> None:  # fmt: skip
        """The mistakes of a hard town."""
        owners = [entry.owner for entry in entries]
        bodies = [entry.owner_organisation for entry in entries]
        changes = [
            *draw_changes(world, rng, SYSTEM, owners, _OWNER_PARTS),
            *draw_casual_changes(world, rng, SYSTEM, [entry.home for entry in entries], allowed),
            *draw_title_changes(world, rng, SYSTEM, organisations, bodies, allowed),
        ]
        write_changes(self.roster, rows, _REGISTER_PARTS, changes)

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
        owners = world.truth_ids(entry.owner for entry in entries)
        deposit.tell(night, SYSTEM, name, page.numbers, owners, role="owner")
        others = organisations.truth_ids(entry.owner_organisation for entry in entries)
        deposit.tell(night, SYSTEM, name, page.numbers, others, "organisation", "owner")
        self.roster.count_cases(deposit.counts)
        deposit.counts["organisation_owner"] += len(others) - others.count(None)


def _register_cells(world: World, organisations: Organisations, entry: Dwelling) -> list[str]:
    """One row of the register."""
    home = entry.home
    owner, owner_id, _ = world.contact(entry.owner)
    return [
        house_number(entry.number), entry.former, home.district_address, home.division_code, home.compound, entry.area,
        entry.usage, "是" if entry.is_rented else "否", owner, owner_id, *organisations.title(entry.owner_organisation),
        entry.since,
    ]  # fmt: skip


class Occupancy:
    """The property managers' list: rows are flats, by their place in `flats`."""

    def __init__(self, world: World, organisations: Organisations, estate: Estate, seed: int) -> None:
        self.roster = Roster(OCCUPANCY_HEADERS)
        rng = np.random.default_rng([seed, 42])
        self.leases = {tenancy.home: tenancy for tenancy in estate.tenancies}
        entries = list(estate.dwellings.values())
        is_flat = corruption.filled([entry.home.block for entry in entries])
        is_let = np.array([entry.home in self.leases for entry in entries], dtype=bool)
        is_reported = is_let | (rng.random(len(entries)) < OCCUPANCY_SHARE)
        chosen = list(compress(entries, is_flat & is_reported))
        self.flats = [entry.home for entry in chosen]
        self.landlords = [entry.owner for entry in chosen]
        self.managers = list(map(organisations.manager_of, self.flats))
        self.tenants: list[int] = []
        cells: list[list[str]] = []
        for place, home in enumerate(self.flats):
            lease = self.leases.get(home)
            self.tenants.append(lease.tenant if lease else NOBODY)
            cells.append(self._cells(world, organisations, place, lease))
        self.roster.append_rows(range(len(cells)), cells)
        self._corrupt(world, rng)
        self._harden(world, organisations, rng)

    def _harden(self, world: World, organisations: Organisations, rng: np.random.Generator) -> None:
        """The mistakes of a hard town."""
        rows, allowed = range(len(self.flats)), np.ones(len(self.flats), dtype=bool)
        allowed[list(self._safe())] = False
        tenants = draw_changes(world, rng, SYSTEM, self.tenants, _TENANT_PARTS)
        landlords = draw_changes(world, rng, SYSTEM, self.landlords, _LANDLORD_PARTS)
        managers = draw_title_changes(world, rng, SYSTEM, organisations, self.managers, allowed)
        write_changes(self.roster, rows, _TENANT_PARTS, tenants)
        write_changes(self.roster, rows, _LANDLORD_PARTS, landlords)
        write_changes(self.roster, rows, _MANAGER_PARTS, managers)

    def _cells(self, world: World, organisations: Organisations, place: int, lease: Tenancy | None) -> list[str]:
        """One row of the list."""
        home = self.flats[place]
        landlord, _, landlord_phone = world.contact(self.landlords[place])
        since, rent = (lease.since, str(lease.rent)) if lease else ("", "")
        return [
            f"WY{place * 3 + 1:08d}", home.compound, f"{home.block}幢", f"{home.unit}单元", home.room,
            *world.contact(self.tenants[place]), landlord, landlord_phone, since, "", rent,
            *organisations.title(self.managers[place]),
        ]  # fmt: skip

    def _corrupt(self, world: World, rng: np.random.Generator) -> None:
        roster, rows = self.roster, range(len(self.flats))
        corrupt_people(world, rng, roster, rows, self.tenants, Cells(TENANT, TENANT_ID, phone=TENANT_PHONE), _ID_SHARES)
        corrupt_people(world, rng, roster, rows, self.landlords, Cells(LANDLORD, phone=LANDLORD_PHONE))
        safe = self._safe()
        draws = rng.choice(len(_BLOCK_FORMS), len(rows), p=(0.6, 0.1, 0.1, 0.1, 0.1))
        draws[list(safe)] = 0
        for row in np.flatnonzero(draws).tolist():
            home, draw = self.flats[row], int(draws[row])
            block, roster.columns[UNIT][row] = _vary_block(home, _BLOCK_FORMS[draw])
            roster.columns[ROOM][row] = f"{home.room}室" if draw % 2 else home.room
            roster.corrupt("block_variant", BLOCK, [row], [block])
        allowed = corruption.filled(roster.columns[RENT])
        allowed[list(safe)] = False
        break_lines(rng, roster, rows, RENT, 0.001, allowed, "（含物业费）")

    def _safe(self) -> set[int]:
        """Rows that name a canary."""
        is_canary = np.isin([self.tenants, self.landlords], range(len(CANARIES)))
        return set(np.flatnonzero(is_canary.any(axis=0)).tolist())

    def update(self, changes: DwellingChanges, deposit: Deposit) -> None:
        """Write down who has left; those who left the night before are forgotten."""
        has_left = corruption.filled(self.roster.columns[LEASE_END])
        for place in np.flatnonzero(has_left).tolist():
            self.tenants[place] = NOBODY
            for column in (TENANT, TENANT_ID, TENANT_PHONE, LEASE_START, LEASE_END, RENT):
                self.roster.write(place, column, "")
        place_of = dict(zip(self.flats, self.roster.subjects, strict=True))
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
            truths = world.truth_ids(map(people.__getitem__, page.subjects))
            deposit.tell(night, SYSTEM, name, page.numbers, truths, role=role)
        managers = organisations.truth_ids(map(self.managers.__getitem__, page.subjects))
        deposit.tell(night, SYSTEM, name, page.numbers, managers, "organisation", "property_manager")
        self.roster.count_cases(deposit.counts)


def _vary_block(home: places.Home, form: str) -> tuple[str, str]:
    """Block and unit of a flat in one of _BLOCK_FORMS."""
    if form == "numeral":
        return f"{places.NUMERALS[home.block]}幢", f"{places.NUMERALS[home.unit]}单元"
    return f"{home.block}{form}", f"{home.unit}{'单元' if form else ''}"
