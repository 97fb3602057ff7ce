"""The dwellings of the sample town: who owns them, who rents them, and how they are split and merged.

Reads: the world, the organisations. Writes: nothing. Refuses: nothing.
A dwelling is its place (`places.Home`); the number in the housing register is issued anew when it is split or merged.
"""

from dataclasses import dataclass, field
from itertools import chain
from operator import attrgetter

import numpy as np

from jobs.sample import places
from jobs.sample.canaries import CANARIES
from jobs.sample.events import Events
from jobs.sample.households import YEAR
from jobs.sample.organisations import Organisations
from jobs.sample.world import NOBODY, World, floored, without_canaries


@dataclass(slots=True)
class Dwelling:
    """An entry of the housing register; its owner is a resident or an organisation, the other is NOBODY."""

    number: int
    home: places.Home
    former: str
    owner: int
    owner_organisation: int
    since: str
    area: str
    usage: str
    is_rented: bool = False

    @property
    def hundredths(self) -> int:
        """The area in hundredths of a square metre."""
        return int(self.area.replace(".", ""))


@dataclass(slots=True)
class Tenancy:
    """Who rents which dwelling, with the day of leaving once it is known."""

    home: places.Home
    household: int
    tenant: int
    since: str
    rent: int
    until: str = ""


@dataclass
class DwellingChanges:
    """Entries of the housing register, by number, and tenancies by what happened to them since the night before."""

    registered: list[int] = field(default_factory=list)
    left: list[int] = field(default_factory=list)  # entries that were split or merged
    tenancies_ended: list[Tenancy] = field(default_factory=list)
    split: int = 0
    merged: int = 0


@dataclass
class Estate:
    """The housing register as it is meant: entries by number, and the number at each place."""

    dwellings: dict[int, Dwelling] = field(default_factory=dict)
    number_at: dict[places.Home, int] = field(default_factory=dict)
    tenancies: list[Tenancy] = field(default_factory=list)
    neighbours: list[tuple[int, int]] = field(default_factory=list)  # entries next door to each other, of one owner
    issued: int = 0

    def enter(
        self, home: places.Home, owner: int, since: str, area: int, organisation: int = NOBODY, former: str = "",
        usage: str = "住宅",
    ) -> int:  # fmt: skip
        """Issue the next number; `area` is in hundredths of a square metre."""
        self.issued += 1
        size = f"{area // 100}.{area % 100:02d}"
        self.dwellings[self.issued] = Dwelling(self.issued, home, former, owner, organisation, since, size, usage)
        self.number_at[home] = self.issued
        return self.issued


def house_number(number: int) -> str:
    return f"FW{places.DISTRICT_CODE}{number:08d}"


def build_estate(world: World, organisations: Organisations, seed: int) -> Estate:
    """Enter every dwelling of the town somebody lives or is registered in, and some that stand empty next door to another."""
    rng = np.random.default_rng([seed, 22])
    estate, count = Estate(), len(world.homes)
    today = np.datetime64(world.first_night, "D")
    age = (today - world.birth).astype(np.int64) / YEAR
    adults = without_canaries(np.flatnonzero(np.isnat(world.death) & (age > 28)))
    strangers = rng.choice(adults, count)
    enterprises = rng.choice(np.array(organisations.enterprises()), count)
    draws = rng.random(count)
    areas = rng.integers(3500, 16000, count).tolist()
    usages = rng.choice(np.array(("住宅", "成套住宅", "非成套住宅", "商业")), count, p=(0.7, 0.24, 0.04, 0.02))
    days = np.datetime_as_string(today - rng.integers(200, 9000, count).astype("timedelta64[D]")).tolist()
    rents = (rng.integers(12, 60, count) * 100).tolist()

    heads = world.heads()
    is_canary = np.isin(heads, range(len(CANARIES)))
    is_elsewhere = np.isin(np.arange(count), list(world.others))
    is_rented = is_elsewhere & (is_canary | (draws < 0.8))
    owned_by = _choose_owners(world, draws, is_rented, is_elsewhere, is_canary, strangers)
    landlords = np.where(np.arange(count) % 2, organisations.landlord, enterprises)
    landlords = np.where(owned_by == NOBODY, landlords, NOBODY).tolist()
    owners = owned_by.tolist()
    usages[is_canary] = "住宅"
    for household, home in enumerate(world.homes):
        if home.is_outside:
            continue
        if home not in estate.number_at:
            usage, owner, landlord = str(usages[household]), owners[household], landlords[household]
            estate.enter(home, owner, days[household], areas[household], landlord, usage=usage)
        if is_rented[household]:
            estate.dwellings[estate.number_at[home]].is_rented = True
            since = str(today - int(draws[household] * 700) - 20)
            estate.tenancies.append(Tenancy(home, household, int(heads[household]), since, rents[household]))
    _enter_empty_ones(world, rng, estate)
    return estate


def _choose_owners(
    world: World, draws: np.ndarray, is_rented: np.ndarray, is_elsewhere: np.ndarray, is_canary: np.ndarray,
    strangers: np.ndarray,
) -> np.ndarray:  # fmt: skip
    """The resident who owns the dwelling of each household; NOBODY if it is an organisation's.

    Most own what they live in. What is rented is an organisation's or a stranger's, and so is some of the rest.
    """
    heads = world.heads()
    is_own = ~is_elsewhere & ~is_canary
    of_organisation = (is_rented & ~is_canary & (draws < 0.12)) | (is_own & (draws < 0.04))
    of_stranger = is_rented | (is_own & (draws > 0.93))
    spouses = world.spouse[heads]
    of_spouse = is_own & (draws > 0.84) & (spouses >= 0)
    others = np.where(strangers == heads, np.roll(strangers, 1), strangers)
    owners: np.ndarray = np.select([of_organisation, of_stranger, of_spouse], [NOBODY, others, spouses], heads)
    return owners


def _free_flats(estate: Estate) -> list[Dwelling]:
    """Flats that residents own and nobody rents; none of a canary's."""
    rented = {tenancy.home for tenancy in estate.tenancies}
    flats = [one for one in estate.dwellings.values() if one.home.block and one.home not in rented]
    return [one for one in flats if one.owner >= len(CANARIES)]


def _enter_empty_ones(world: World, rng: np.random.Generator, estate: Estate) -> None:
    """Flats next door, of the same owner: those that can be merged one day."""
    flats = _free_flats(estate)
    wanted = floored(len(world), 0.006, fewest=4)
    for place in rng.permutation(len(flats)).tolist():
        if len(estate.neighbours) == wanted:
            break
        one = flats[place]
        door = int(one.home.room)
        other = one.home._replace(room=str(door + 1 if door % 100 < 4 else door - 1))
        if other not in estate.number_at:
            number = estate.enter(other, one.owner, one.since, 4200)
            estate.neighbours.append((one.number, number))


def pass_dwelling_day(
    world: World, estate: Estate, events: Events, night: str, seed: int, number: int
) -> DwellingChanges:
    """What happens to dwellings before a later night: those who moved have new ones, some are split or merged, tenants
    leave and live where they are registered again (`events` hears of them)."""
    rng = np.random.default_rng([seed, 24, number])
    changes = DwellingChanges()
    yesterday = str(np.datetime64(night, "D") - 1)
    for mover in events.moved:
        home = world.home(mover)
        if home not in estate.number_at and world.relation[mover] == 0:
            changes.registered.append(estate.enter(home, mover, yesterday, int(rng.integers(3500, 16000))))
    _split(world, rng, estate, yesterday, changes)
    _merge(world, rng, estate, yesterday, changes)
    _let_tenants_leave(world, rng, estate, events, yesterday, changes)
    return changes


def _split(world: World, rng: np.random.Generator, estate: Estate, day: str, changes: DwellingChanges) -> None:
    """One flat becomes two, with a letter behind the room."""
    taken = {*chain(*estate.neighbours), *changes.registered}
    flats = [one for one in _free_flats(estate) if one.number not in taken]
    whole = [one.number for one in flats if one.home.room.isdigit()]
    wanted = floored(len(world), 0.0006)
    for number in np.sort(rng.permutation(np.array(whole, dtype=np.int64))[:wanted]).tolist():
        old = estate.dwellings.pop(number)
        del estate.number_at[old.home]
        changes.left.append(number)
        changes.split += 1
        area = old.hundredths
        for letter, part in (("A", area - area // 3), ("B", area // 3)):
            home = old.home._replace(room=f"{old.home.room}{letter}")
            changes.registered.append(estate.enter(home, old.owner, day, part, former=house_number(number)))


def _merge(world: World, rng: np.random.Generator, estate: Estate, day: str, changes: DwellingChanges) -> None:
    """Two flats become one, with the door of the first."""
    wanted = floored(len(world), 0.0006)
    chosen, estate.neighbours = estate.neighbours[:wanted], estate.neighbours[wanted:]
    for pair in chosen:
        if not estate.dwellings.keys() >= set(pair):
            continue
        one, other = sorted(map(estate.dwellings.pop, pair), key=attrgetter("home"))
        for old in (one, other):
            del estate.number_at[old.home]
        changes.left += [one.number, other.number]
        changes.merged += 1
        area = one.hundredths + other.hundredths
        former = f"{house_number(one.number)}、{house_number(other.number)}"
        changes.registered.append(estate.enter(one.home, one.owner, day, area, former=former))


def _let_tenants_leave(
    world: World, rng: np.random.Generator, estate: Estate, events: Events, day: str, changes: DwellingChanges
) -> None:
    """Tenants go back to where they are registered; the lease of those who left the night before is forgotten."""
    estate.tenancies = [tenancy for tenancy in estate.tenancies if not tenancy.until]
    staying = [place for place, tenancy in enumerate(estate.tenancies) if tenancy.tenant >= len(CANARIES)]
    wanted = floored(len(world), 0.0008)
    for place in np.sort(rng.permutation(np.array(staying, dtype=np.int64))[:wanted]).tolist():
        tenancy = estate.tenancies[place]
        tenancy.until = day
        changes.tenancies_ended.append(tenancy)
        members = np.flatnonzero(world.living == tenancy.household)
        world.living[members] = world.household[members]
        world.others.pop(tenancy.household)
        events.tenants_left += members.tolist()
