"""How a town becomes hard: twins, namesakes, dormitories, families at one address, and pasts that offices still know.

Reads: nothing. Writes: nothing (changes the world it is given). Refuses: nothing.
Canaries stay as they are, and so do those whose nasty case must show in the large systems. Further twins and namesakes show
there too: of two with one name and birthday, one without any valid id number is beyond every rule.
"""

import numpy as np

from jobs.sample import ids, names, places
from jobs.sample.canaries import CANARIES
from jobs.sample.hard.hardship import Hardship
from jobs.sample.hard.misspelling import surname_of
from jobs.sample.hard.rates import draw_rates
from jobs.sample.households import DAUGHTER, HEAD, SON, YEAR
from jobs.sample.world import World

_HAN = "汉族"
_BEDS = (12, 40)  # fewest and most residents of a dormitory
_WARDEN_SHARE = 0.4  # of those in a dormitory, who name the warden's phone


def harden_world(world: World, seed: int) -> None:
    """Change the people of an easy town on the morning of the first night, and give the world its hardship."""
    rng, rates = np.random.default_rng([seed, 50]), draw_rates(seed)
    share = rates.town
    made = {
        "twins": _make_twins(world, rng, share["twins"]),
        "namesakes": _make_namesakes(world, rng, share["namesakes"]),
        "renamed": _rename(world, rng, share["renamed"]),
        "dormitory": _fill_dormitories(world, rng, share["dormitory"]),
        "shared_address": _share_addresses(world, rng, share["shared_address"]),
        "hard_lives_elsewhere": _settle_elsewhere(world, rng, share["lives_elsewhere"]),
        "registered_elsewhere": _register_elsewhere(world, rng, share["registered_elsewhere"]),
    }
    alias = _draw_aliases(world, rng, share["alias"])
    former_phone = _draw_former_phones(world, rng, share["changed_phone"])
    former_home = _draw_former_homes(world, rng, share["moved"])
    agents = ids.draw_phones(rng, max(3, len(world) // 2000), world.taken_phones)
    world.hard = Hardship(rates, former_phone, alias, former_home, agents)
    made |= {"alias": sum(map(bool, alias)), "changed_phone": sum(map(bool, former_phone)), "moved": len(former_home)}
    for case, count in made.items():
        world.cases[case] = world.cases.get(case, 0) + count


def _free(world: World) -> np.ndarray:
    """Residents who may be changed."""
    free = ~world.specimens
    free[: len(CANARIES)] = False
    return free


def _han(world: World) -> np.ndarray:
    is_han: np.ndarray = np.array(world.ethnic) == _HAN
    return is_han


def _draw(rng: np.random.Generator, pool: np.ndarray, count: int) -> np.ndarray:
    """Some of the pool, in rising order."""
    return np.sort(rng.permutation(pool)[:count])


def _free_households(world: World) -> np.ndarray:
    """Registered households that live together where they are registered, without a canary."""
    count = int(world.household.max()) + 1
    is_free = np.ones(count, dtype=bool)
    is_free[world.household[world.living != world.household]] = False
    is_free[world.household[: len(CANARIES)]] = False
    return np.flatnonzero(is_free)


def _new_ids(world: World, rng: np.random.Generator, residents: list[int]) -> None:
    """New id numbers after changed birthdays, of the regions of the old ones."""
    regions = np.array([int(world.id_number[resident][:6]) for resident in residents], dtype=np.int64)
    stems = ids.draw_stems(rng, regions, world.birth[residents], world.sex[residents], world.taken_stems)
    for resident, number in zip(residents, ids.id_texts(stems), strict=True):
        world.id_number[resident] = number


def _make_twins(world: World, rng: np.random.Generator, share: float) -> int:
    """Give second children the birthday of the first, the next id number and a name that differs in its last character."""
    is_child = np.isin(world.relation, (SON, DAUGHTER)) & _free(world) & _han(world)
    together = world.household[1:] == world.household[:-1]
    pairs = np.flatnonzero(is_child[:-1] & is_child[1:] & together & (world.birth[:-1] != world.birth[1:]))
    chosen = _draw(rng, pairs, round(len(world) * share)).tolist()
    for one in chosen:
        other = one + 1
        world.birth[other] = world.birth[one]
        stem = ids.twin_stem(int(world.id_number[one][:17]), int(world.sex[other]), world.taken_stems)
        world.id_number[other] = ids.id_texts(np.array([stem], dtype=np.int64))[0]
        world.name[other] = _sibling_name(rng, world.name[one], int(world.sex[other]))
        world.specimens[[one, other]] = True
    return len(chosen)


def _sibling_name(rng: np.random.Generator, name: str, sex: int) -> str:
    """Another name with the same beginning."""
    pool = names.MALE_CHARACTERS if sex == 1 else names.FEMALE_CHARACTERS
    others = [character for character in pool if character != name[-1]]
    return name[:-1] + others[int(rng.integers(len(others)))]


def _make_namesakes(world: World, rng: np.random.Generator, share: float) -> int:
    """Give heads of small households name and birthday of another of their sex and age; id numbers differ."""
    sizes = np.bincount(world.household)[world.household]
    free = np.flatnonzero((world.relation == HEAD) & (sizes <= 2) & _free(world) & _han(world))
    by_age = free[np.lexsort((world.birth[free], world.sex[free]))]
    starts = np.arange(0, len(by_age) - 1, 2)
    starts = starts[world.sex[by_age[starts]] == world.sex[by_age[starts + 1]]]
    chosen = _draw(rng, starts, round(len(world) * share))
    ones, others = by_age[chosen].tolist(), by_age[chosen + 1].tolist()
    for one, other in zip(ones, others, strict=True):
        world.name[other], world.birth[other] = world.name[one], world.birth[one]
        world.specimens[[one, other]] = True
    _new_ids(world, rng, others)
    return len(others)


def _rename(world: World, rng: np.random.Generator, share: float) -> int:
    """Some once had another given name."""
    pool = np.flatnonzero(_free(world) & _han(world))
    chosen = _draw(rng, pool, round(len(world) * share))
    years = world.birth[chosen].astype("datetime64[Y]").astype(np.int64) + 1970
    given = names.draw_given_names(rng, world.sex[chosen], years - 10)
    for resident, other in zip(chosen.tolist(), given.tolist(), strict=True):
        former = f"{surname_of(world.name[resident])}{other}"
        world.former_name[resident] = former if former != world.name[resident] else ""
    return sum(map(bool, map(world.former_name.__getitem__, chosen.tolist())))


def _draw_aliases(world: World, rng: np.random.Generator, share: float) -> list[str]:
    """What some are called in daily life: another given name, or a pet name."""
    alias = [""] * len(world)
    pool = np.flatnonzero(_free(world) & _han(world))
    chosen = _draw(rng, pool, round(len(world) * share))
    years = world.birth[chosen].astype("datetime64[Y]").astype(np.int64) + 1970
    given = names.draw_given_names(rng, world.sex[chosen], years)
    kinds = rng.integers(0, 4, len(chosen)).tolist()
    for resident, other, kind in zip(chosen.tolist(), given.tolist(), kinds, strict=True):
        name = world.name[resident]
        surname = surname_of(name)
        alias[resident] = (f"{surname}{other}", f"{surname}{other}", f"{surname}小{name[-1]}", f"阿{name[-1]}")[kind]
    return alias


def _fill_dormitories(world: World, rng: np.random.Generator, share: float) -> int:
    """Let some who are a household alone live at one house number, a few of them under the warden's phone."""
    sizes = np.bincount(world.household)
    free = _free_households(world)
    alone = np.flatnonzero(np.isin(world.household, free[sizes[free] == 1]) & _free(world))
    age = (np.datetime64(world.first_night, "D") - world.birth[alone]).astype(np.int64) / YEAR
    chosen = rng.permutation(alone[(age > 18) & (age < 60)])[: round(len(world) * share)].tolist()
    place = 0
    while place < len(chosen):
        beds = int(rng.integers(*_BEDS))
        _fill_one(world, rng, chosen[place : place + beds])
        place += beds
    return len(chosen)


def _fill_one(world: World, rng: np.random.Generator, residents: list[int]) -> None:
    (home,) = places.draw_homes(rng, 1, len(world.homes), houses=1)
    (warden,) = ids.draw_phones(rng, 1, world.taken_phones)
    draws = rng.random(len(residents)).tolist()
    for resident, draw in zip(residents, draws, strict=True):
        world.homes[int(world.household[resident])] = home
        if draw < _WARDEN_SHARE:
            world.phone[resident] = warden


def _share_addresses(world: World, rng: np.random.Generator, share: float) -> int:
    """Let some households be registered, and live, at the address of another one."""
    free = _free_households(world)
    order = rng.permutation(free)[: 2 * round(len(free) * share)].tolist()
    for one, other in zip(order[::2], order[1::2], strict=False):
        world.homes[other] = world.homes[one]
    return len(order) // 2


def _settle_elsewhere(world: World, rng: np.random.Generator, share: float) -> int:
    """Let whole households live elsewhere than where they are registered."""
    free = _free_households(world)
    chosen = _draw(rng, free, round(len(free) * share))
    heads = world.heads()[chosen]
    count = len(world.homes)
    new_of = np.arange(count)
    new_of[chosen] = np.arange(count, count + len(chosen))
    world.living = new_of[world.living]
    world.homes += places.draw_homes(rng, len(chosen), count, houses=0)
    world.others.update(zip(range(count, count + len(chosen)), heads.tolist(), strict=True))
    return len(chosen)


def _register_elsewhere(world: World, rng: np.random.Generator, share: float) -> int:
    """Take whole households out of the population register; they live here all the same."""
    free = _free_households(world)
    chosen = _draw(rng, free, round(len(free) * share))
    absent = np.isin(world.household, chosen) & _free(world)
    world.registered[absent] = False
    return int(absent.sum())


def _draw_former_phones(world: World, rng: np.random.Generator, share: float) -> list[str]:
    """The phone that some had before."""
    former = [""] * len(world)
    pool = np.flatnonzero(_free(world) & np.fromiter(map(bool, world.phone), dtype=bool, count=len(world)))
    chosen = _draw(rng, pool, round(len(world) * share)).tolist()
    for resident, phone in zip(chosen, ids.draw_phones(rng, len(chosen), world.taken_phones), strict=True):
        former[resident] = phone
    return former


def _draw_former_homes(world: World, rng: np.random.Generator, share: float) -> dict[int, places.Home]:
    """Where some households lived before, by the household as registered or as they live."""
    count = len(world.homes)
    canaries = {*world.household[: len(CANARIES)].tolist(), *world.living[: len(CANARIES)].tolist()}
    pool = np.setdiff1d(np.arange(count), list(canaries))
    chosen = _draw(rng, pool, round(count * share)).tolist()
    return dict(zip(chosen, places.draw_homes(rng, len(chosen), count), strict=True))
