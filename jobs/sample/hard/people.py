"""The mistakes that a hard town's offices make in the cells that name a resident, and where one lives.

Reads: nothing. Writes: nothing (remembers in the world which dwelling a row names). Refuses: nothing.
A row has at most one of these mistakes in each of its parts.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np

from jobs.sample import corruption, ids
from jobs.sample.canaries import CANARIES
from jobs.sample.hard.addresses import draw_casual
from jobs.sample.hard.births import MISTAKEN_BIRTHS, fitting_births
from jobs.sample.hard.hardship import Hardship
from jobs.sample.hard.misspelling import MISSPELLINGS, fitting_names
from jobs.sample.hard.rates import (
    ADDRESS_RANGES,
    BARE_SHARE,
    BIRTH_RANGES,
    ID_RANGES,
    NAME_RANGES,
    OF_FITTING,
    PHONE_RANGES,
)  # fmt: skip
from jobs.sample.places import Home
from jobs.sample.roster import Roster
from jobs.sample.world import World, pick

_CONTACTS = ID_RANGES.keys() | PHONE_RANGES.keys()
_PLACEHOLDER_IDS = ("111111111111111111", "000000000000000000", "123456789012345678", "无", "无身份证")
_PLACEHOLDER_PHONES = ("13800138000", "13800000000", "11111111111", "12345678", "无")


@dataclass(frozen=True)
class Change:
    """The new cells of one mistake in one part of some rows; `places` are places among the rows asked for."""

    case: str
    part: str
    places: list[int]
    cells: list[str]


def write_changes(roster: Roster, rows: range, columns: Mapping[str, int], changes: Iterable[Change]) -> None:
    """Write the mistakes over the cells of new rows; `columns` has the column of each part."""
    for change in changes:
        if change.part in columns:
            own = [rows[place] for place in change.places]
            roster.overwrite(change.case, columns[change.part], own, change.cells)


def write_cells(columns: Mapping[str, list[Any]], changes: Iterable[Change], counts: Counter[str]) -> None:
    """The same over lists of cells, one for each part."""
    for change in changes:
        if change.part in columns:
            counts[change.case] += len(change.places)
            for place, cell in zip(change.places, change.cells, strict=True):
                columns[change.part][place] = cell


@dataclass(frozen=True)
class Asked:
    """Rows of a system that name `residents` (-1: nobody), and which of them may be changed.

    `homes` are the households whose dwelling the rows name: as registered, or as people live. Bare rows tell no birthday.
    """

    world: World
    hard: Hardship
    rng: np.random.Generator
    system: str
    residents: np.ndarray
    allowed: np.ndarray
    homes: list[int]
    is_bare: bool

    def __len__(self) -> int:
        return len(self.residents)

    def draw(self, cases: Iterable[str], fits: Mapping[str, np.ndarray]) -> dict[str, list[int]]:
        """Choose the rows of each mistake at the system's rates."""
        rates = self.hard.rates.systems[self.system]
        if self.is_bare:
            rates = {case: rate * BARE_SHARE if case in _CONTACTS else rate for case, rate in rates.items()}
        return draw_cases(self.rng, rates, cases, self.allowed, fits)

    def texts(self, texts: Sequence[str]) -> list[str]:
        """The text of each resident; empty for nobody."""
        return pick(texts, self.residents.tolist())


def draw_cases(
    rng: np.random.Generator, rates: Mapping[str, float], cases: Iterable[str], allowed: np.ndarray,
    fits: Mapping[str, np.ndarray],
) -> dict[str, list[int]]:  # fmt: skip
    """Choose the rows of each mistake, none for two of them.

    A rate is one of the rows that may be changed, or (see OF_FITTING) of those among them that the mistake can befall.
    """
    shares = {}
    for case in cases:
        could = allowed & fits[case] if case in OF_FITTING else allowed
        shares[case] = rates[case] * float(could.mean())
    return corruption.draw_cases(rng, len(allowed), shares, allowed, fits)


def draw_changes(
    world: World, rng: np.random.Generator, system: str, residents: Sequence[int], parts: Collection[str],
    living: bool = False,
) -> Iterator[Change]:  # fmt: skip
    """The mistakes in the parts of new rows; none in an easy town.

    Args:
        parts: of `name`, `former_name`, `id_number`, `birth_date`, `phone`, `address`, `division`, `household`.
        living: whether the rows tell where people live, not where they are registered.
    """
    if world.hard is None or not len(residents):
        return
    named = np.array(residents, dtype=np.int64)
    homes = (world.living if living else world.household)[named].tolist()
    is_bare = "birth_date" not in parts
    asked = Asked(world, world.hard, rng, system, named, named >= len(CANARIES), homes, is_bare)
    for part, draw in _DRAWERS.items():
        if part in parts:
            yield from draw(asked)


# Id numbers ----------------------------------------------------------------------------------------------------------


def _mask_id(rng: np.random.Generator, own: str) -> str:
    """430102********1234, with fewer stars, or with more."""
    masks = (f"{own[:6]}********{own[14:]}", f"{own[:6]}****{own[14:]}", f"{own[:3]}***********{own[14:]}")
    return masks[int(rng.integers(len(masks)))]


def _plausible_id(rng: np.random.Generator, own: str) -> str:
    """A wrong digit among those of the order, with the check character of the wrong number."""
    place = int(rng.integers(14, 17))
    digit = (int(own[place]) + int(rng.integers(1, 10))) % 10
    stem = int(f"{own[:place]}{digit}{own[place + 1 : 17]}")
    return ids.id_texts(np.array([stem], dtype=np.int64))[0]


# Of the own id number, that of a relative and that of the row above.
_IDS: dict[str, Callable[[np.random.Generator, str, str, str], str]] = {
    "relative_id": lambda rng, own, relative, above: relative,
    "copied_id": lambda rng, own, relative, above: above,
    "missing_id": lambda rng, own, relative, above: "",
    "masked_id": lambda rng, own, relative, above: _mask_id(rng, own),
    "mistyped_id_digit": lambda rng, own, relative, above: corruption.mistype_digit(rng, own),
    "mistyped_id_swap": lambda rng, own, relative, above: corruption.swap_digits(rng, own),
    "plausible_id": lambda rng, own, relative, above: _plausible_id(rng, own),
    "placeholder_id": lambda rng, own, relative, above: _any(rng, _PLACEHOLDER_IDS),
}


def _any(rng: np.random.Generator, texts: Sequence[str]) -> str:
    return texts[int(rng.integers(len(texts)))]


def _draw_ids(asked: Asked) -> Iterator[Change]:
    own = asked.texts(asked.world.id_number)
    relatives = asked.world.relatives()[asked.residents]
    relative = pick(asked.world.id_number, relatives.tolist())
    above = ["", *own[:-1]]
    is_copyable = np.roll(asked.allowed, 1) & (np.roll(asked.residents, 1) != asked.residents)
    is_copyable[:1] = False
    drawn = asked.draw(ID_RANGES, {"relative_id": relatives >= len(CANARIES), "copied_id": is_copyable})
    for case, places in drawn.items():
        mistake = _IDS[case]
        cells = [mistake(asked.rng, own[place], relative[place], above[place]) for place in places]
        yield Change(case, "id_number", places, cells)


# Names and birthdays -------------------------------------------------------------------------------------------------


def _draw_names(asked: Asked) -> Iterator[Change]:
    own = asked.texts(asked.world.name)
    others = {
        "former_name_used": asked.texts(asked.world.former_name),
        "alias_used": asked.texts(_as_many(asked.hard.alias, len(asked.world))),
    }
    fits = fitting_names(own) | {case: corruption.filled(texts) for case, texts in others.items()}
    for case, places in asked.draw(NAME_RANGES, fits).items():
        if case in others:
            cells = [others[case][place] for place in places]
        else:
            cells = [MISSPELLINGS[case](asked.rng, own[place]) for place in places]
        yield Change(case, "name", places, cells)


def _as_many(texts: list[str], count: int) -> list[str]:
    """Those who were born since the first night have no past."""
    return texts + [""] * (count - len(texts))


def _draw_former_names(asked: Asked) -> Iterator[Change]:
    former = corruption.filled(asked.texts(asked.world.former_name))
    drawn = asked.draw(["missing_former_name"], {"missing_former_name": former})
    yield from _empty("former_name", drawn)


def _empty(part: str, drawn: Mapping[str, list[int]]) -> Iterator[Change]:
    for case, places in drawn.items():
        yield Change(case, part, places, [""] * len(places))


def _draw_births(asked: Asked) -> Iterator[Change]:
    texts: list[str] = np.datetime_as_string(asked.world.birth[asked.residents]).tolist()
    latest = asked.world.first_night
    for case, places in asked.draw(BIRTH_RANGES, fitting_births(texts)).items():
        mistake = MISTAKEN_BIRTHS[case]
        cells = [mistake(asked.rng, date.fromisoformat(texts[place]), latest) for place in places]
        yield Change(case, "birth_date", places, cells)


# Phones --------------------------------------------------------------------------------------------------------------


def _draw_phones(asked: Asked) -> Iterator[Change]:
    world, rng = asked.world, asked.rng
    own = asked.texts(world.phone)
    former = asked.texts(_as_many(asked.hard.former_phone, len(world)))
    relatives = world.relatives()[asked.residents].tolist()
    relative = pick(world.phone, relatives)
    has_phone = corruption.filled(own)
    is_another = [one != other for one, other in zip(own, relative, strict=True)]
    fits = {
        "missing_phone": has_phone,
        "old_phone": corruption.filled(former),
        "relative_phone": corruption.filled(relative) & np.array(is_another, dtype=bool),
    }
    phones: dict[str, Callable[[int], str]] = {
        "old_phone": former.__getitem__,
        "relative_phone": relative.__getitem__,
        "missing_phone": lambda place: "",
        "agent_phone": lambda place: _any(rng, asked.hard.agents),
        "placeholder_phone": lambda place: _any(rng, _PLACEHOLDER_PHONES),
    }
    for case, places in asked.draw(PHONE_RANGES, fits).items():
        yield Change(case, "phone", places, list(map(phones[case], places)))


# Where one lives -----------------------------------------------------------------------------------------------------


def _draw_addresses(asked: Asked) -> Iterator[Change]:
    """Old, missing and casual ones; the world remembers which dwelling the rows name now."""
    world, former = asked.world, asked.hard.former_home
    told = world.homes_told[asked.system]
    residents = asked.residents.tolist()
    for resident in residents:
        told.pop(resident, None)
    has_moved = np.array([household in former for household in asked.homes], dtype=bool)
    _, places, times = np.unique(asked.residents, return_inverse=True, return_counts=True)
    is_once = times[places] == 1  # one dwelling is remembered for a resident
    fits = {"old_address": has_moved & is_once, "missing_address": is_once}
    drawn = asked.draw(ADDRESS_RANGES, fits)
    old, casual = drawn["old_address"], drawn["casual_address"]
    told.update((residents[place], former[asked.homes[place]]) for place in old)
    told.update((residents[place], None) for place in drawn["missing_address"])
    yield Change("missing_address", "address", drawn["missing_address"], [""] * len(drawn["missing_address"]))
    former_homes = [former[asked.homes[place]] for place in old]
    yield Change("old_address", "address", old, [home.district_address for home in former_homes])
    yield Change("old_division", "division", old, [home.division_code for home in former_homes])
    homes = [world.homes[household] for household in asked.homes]
    yield from _casual_changes(asked.rng, casual, [homes[place] for place in casual])


def draw_casual_changes(
    world: World, rng: np.random.Generator, system: str, homes: Sequence[Home], allowed: np.ndarray
) -> Iterator[Change]:
    """The addresses that are written otherwise in new rows about dwellings; none in an easy town."""
    if world.hard is None or not len(homes):
        return
    rates = world.hard.rates.systems[system]
    places = draw_cases(rng, rates, ["casual_address"], allowed, {})["casual_address"]
    yield from _casual_changes(rng, places, [homes[place] for place in places])


def _casual_changes(rng: np.random.Generator, places: list[int], homes: Sequence[Home]) -> Iterator[Change]:
    """The addresses of the homes at these places as people write them, form by form."""
    found: dict[str, tuple[list[int], list[str]]] = {}
    for place, home in zip(places, homes, strict=True):
        form, address = draw_casual(rng, home)
        own_places, cells = found.setdefault(form, ([], []))
        own_places.append(place)
        cells.append(address)
    for form, (own_places, cells) in sorted(found.items()):
        yield Change(form, "address", own_places, cells)


def _draw_household_numbers(asked: Asked) -> Iterator[Change]:
    yield from _empty("household", asked.draw(["missing_household_number"], {}))


_DRAWERS: dict[str, Callable[[Asked], Iterator[Change]]] = {
    "id_number": _draw_ids,
    "name": _draw_names,
    "former_name": _draw_former_names,
    "birth_date": _draw_births,
    "phone": _draw_phones,
    "address": _draw_addresses,
    "household": _draw_household_numbers,
}
