"""What happens in the sample town from one night to the next.

Reads: nothing. Writes: nothing (changes the world it is given). Refuses: nothing.
Rates are far above life's, so that three nights of a small town show every event.
"""

from dataclasses import dataclass, field
from datetime import date

import numpy as np

from jobs.sample import ids, names, places
from jobs.sample import world as town
from jobs.sample.canaries import CANARIES
from jobs.sample.world import World, floored

_YEAR = 365.2425


@dataclass
class Events:
    """Residents by what happened to them since the night before (places in the world)."""

    born: list[int] = field(default_factory=list)
    died: list[int] = field(default_factory=list)
    moved: list[int] = field(default_factory=list)
    married: list[int] = field(default_factory=list)
    widowed: list[int] = field(default_factory=list)
    headed: list[int] = field(default_factory=list)  # relation to the head changed, because the head did
    tenants_left: list[int] = field(default_factory=list)  # went back to where they are registered
    renamed: list[int] = field(default_factory=list)
    gone: list[int] = field(default_factory=list)  # struck off the population register
    new_phone: list[int] = field(default_factory=list)


def pass_day(world: World, night: date, seed: int, number: int) -> Events:
    """Change the world by what happened before `night`, the `number`-th; nothing has happened before the first (0)."""
    events = Events()
    if number == 0:
        return events
    rng = np.random.default_rng([seed, 1, number])
    today = np.datetime64(night, "D")
    _let_die(world, rng, today, events)
    _let_head_change(world, rng, events)
    _let_marry(world, rng, today, events)
    _let_move(world, rng, events)
    _let_go(world, rng, events)
    _rename(world, rng, events)
    _change_phones(world, rng, events)
    _let_be_born(world, rng, today, events)
    return events


def _draw(world: World, rng: np.random.Generator, pool: np.ndarray, share: float) -> list[int]:
    """Some of the pool, a share of the whole town; never a canary."""
    pool = pool[pool >= len(CANARIES)]
    chosen: list[int] = np.sort(rng.permutation(pool)[: floored(len(world), share)]).tolist()
    return chosen


def _ages(world: World, today: np.datetime64) -> np.ndarray:
    ages: np.ndarray = (today - world.birth).astype(np.int64) / _YEAR
    return ages


def _living(world: World) -> np.ndarray:
    living: np.ndarray = np.isnat(world.death) & world.registered
    return living


def _let_die(world: World, rng: np.random.Generator, today: np.datetime64, events: Events) -> None:
    for resident in _draw(world, rng, np.flatnonzero(_living(world) & (_ages(world, today) > 58)), 0.001):
        turn = int((~np.isnat(world.death)).sum())
        world.death[resident] = today - np.timedelta64(1, "D")
        world.death_known[resident] = town.HEARERS[turn % len(town.HEARERS)]
        events.died.append(resident)
        spouse = int(world.spouse[resident])
        if spouse < 0:
            continue
        world.spouse[[resident, spouse]] = -1
        if world.death_known[resident] & town.POLICE:
            world.marital[spouse] = town.WIDOWED
            events.widowed.append(spouse)
            _change_head(world, resident, spouse, events)


def _change_head(world: World, head: int, spouse: int, events: Events) -> None:
    """The spouse becomes head of the household; not where parents of the head live, whose relation would have a new name."""
    household = world.household == world.household[head]
    parents = np.isin(world.relation[household], (town.RELATIONS.index("父亲"), town.RELATIONS.index("母亲")))
    together = world.living[head] == world.living[spouse] == world.household[head] == world.household[spouse]
    if world.relation[head] == 0 and world.relation[spouse] == 1 and together and not parents.any():
        world.relation[[head, spouse]] = 1, 0
        events.headed += [head, spouse]


def _let_head_change(world: World, rng: np.random.Generator, events: Events) -> None:
    couples = _living(world) & (world.relation == 0) & (world.spouse >= 0) & (world.living == world.household)
    with_parents = np.unique(world.household[world.relation >= town.RELATIONS.index("父亲")])
    couples &= ~np.isin(world.household, with_parents)
    for head in _draw(world, rng, np.flatnonzero(couples), 0.001):
        _change_head(world, head, int(world.spouse[head]), events)


def _let_marry(world: World, rng: np.random.Generator, today: np.datetime64, events: Events) -> None:
    """Two single heads of a household marry; she moves to his home and becomes the wife in his household."""
    alone = np.bincount(world.household, minlength=len(world.homes))[world.household] == 1
    free = _living(world) & alone & (np.array(world.marital) == town.SINGLE) & (_ages(world, today) > 22)
    free &= (world.relation == 0) & (world.living == world.household)
    grooms = _draw(world, rng, np.flatnonzero(free & (world.sex == 1)), 0.001)
    brides = _draw(world, rng, np.flatnonzero(free & (world.sex == 2)), 0.001)
    for groom, bride in zip(grooms, brides, strict=False):
        world.spouse[groom], world.spouse[bride] = bride, groom
        world.household[bride] = world.living[bride] = world.household[groom]
        world.relation[bride] = town.RELATIONS.index("配偶")
        world.marital[groom] = world.marital[bride] = town.MARRIED
        events.married += [groom, bride]


def _let_move(world: World, rng: np.random.Generator, events: Events) -> None:
    """Whole households move within the town, from where they are registered to where they will be."""
    at_home = world.living == world.household
    heads = _draw(world, rng, np.flatnonzero(_living(world) & at_home & (world.relation == 0)), 0.002)
    for head, home in zip(heads, places.draw_homes(rng, len(heads), len(world.homes)), strict=True):
        world.homes[int(world.household[head])] = home
        events.moved += [head, *world.members(head)]


def _let_go(world: World, rng: np.random.Generator, events: Events) -> None:
    """Whole households leave the register, as after a move to another district."""
    for head in _draw(world, rng, np.flatnonzero(_living(world) & (world.relation == 0)), 0.001):
        household = [head, *world.members(head)]
        world.registered[household] = False
        events.gone += household


def _rename(world: World, rng: np.random.Generator, events: Events) -> None:
    han = np.array(world.ethnic) == "汉族"
    for resident in _draw(world, rng, np.flatnonzero(_living(world) & han & ~world.specimens), 0.0005):
        old = world.name[resident]
        year = int(str(world.birth[resident])[:4])
        given = names.draw_given_names(rng, world.sex[[resident]], np.array([year + 12]))[0]
        surname_length = 2 if len(old) == 4 else 1
        if old != old[:surname_length] + given:
            world.name[resident], world.former_name[resident] = old[:surname_length] + str(given), old
            events.renamed.append(resident)


def _change_phones(world: World, rng: np.random.Generator, events: Events) -> None:
    """New phones, of which only the grid hears."""
    events.new_phone = _draw(world, rng, np.flatnonzero(_living(world) & (np.array(world.phone) != "")), 0.008)
    for resident, phone in zip(
        events.new_phone, ids.draw_phones(rng, len(events.new_phone), world.taken_phones), strict=True
    ):
        world.phone[resident] = phone


def _let_be_born(world: World, rng: np.random.Generator, today: np.datetime64, events: Events) -> None:
    """Children of married women of 22 to 42, with the father's surname and the mother's home."""
    ages = _ages(world, today)
    mothers = _living(world) & (world.sex == 2) & (world.spouse >= 0) & (ages > 22) & (ages < 42)
    mothers &= world.relation <= 1  # not of the second family in a household
    chosen = _draw(world, rng, np.flatnonzero(mothers), 0.0015)
    if not chosen:
        return
    count = len(chosen)
    births = today - rng.integers(1, 20, count).astype("timedelta64[D]")
    sexes = rng.integers(1, 3, count)
    given = names.draw_given_names(rng, sexes, births.astype("datetime64[Y]").astype(np.int64) + 1970)
    stems = ids.draw_stems(
        rng, np.full(count, int(places.DISTRICT_CODE), dtype=np.int64), births, sexes, world.taken_stems
    )
    for place, mother in enumerate(chosen):
        father = world.name[int(world.spouse[mother])]
        dotted = names.DOT in father
        surname = father[: 2 if len(father) == 4 else 1]
        world.name.append(names.draw_dotted_name(rng, int(sexes[place])) if dotted else f"{surname}{given[place]}")
        world.ethnic.append(world.ethnic[int(world.spouse[mother])])
        world.phone.append(world.phone[mother])
    events.born = list(range(len(world.id_number), len(world.id_number) + count))
    world.id_number += ids.id_texts(stems)
    world.former_name += [""] * count
    world.marital += [town.SINGLE] * count
    world.education += [""] * count
    sons_and_daughters = np.where(sexes == 1, town.RELATIONS.index("子"), town.RELATIONS.index("女"))
    world.household = np.append(world.household, world.household[chosen])
    world.living = np.append(world.living, world.living[chosen])
    world.relation = np.append(world.relation, sons_and_daughters)
    world.sex = np.append(world.sex, sexes)
    world.birth = np.append(world.birth, births)
    world.death = np.append(world.death, np.full(count, np.datetime64("NaT", "D")))
    world.death_known = np.append(world.death_known, np.zeros(count, dtype=np.int64))
    world.spouse = np.append(world.spouse, np.full(count, -1))
    world.registered = np.append(world.registered, np.ones(count, dtype=bool))
    world.specimens = np.append(world.specimens, np.zeros(count, dtype=bool))
