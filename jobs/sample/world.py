"""The true residents of the sample town: households, families, names, id numbers, homes.

Reads: nothing. Writes: nothing. Refuses: fewer residents than a town needs to have families.
One resident is one place in every list and array below; that place is the true id.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import chain

import numpy as np

from jobs.sample import ids, names, places
from jobs.sample.canaries import CANARIES
from jobs.sample.hard.hardship import Hardship
from jobs.sample.households import (
    CHILD,
    DAUGHTER,
    FATHER,
    HEAD,
    MOTHER,
    ONE_PARENT_KIND,
    RELATIONS,
    SINGLE_KIND,
    SON,
    SPOUSE,
    YEAR,
    draw_households,
    draw_namesake_pairs,
    draw_sexes_and_births,
    draw_twins,
    floored,
    pair_spouses,
    place_canaries,
)  # fmt: skip
from jobs.sample.residence import draw_residence

__all__ = ["NOBODY", "RELATIONS", "World", "build_world", "floored", "pick", "without_canaries"]

FEWEST_RESIDENTS = 10
NOBODY = -1  # in the place of a resident or an organisation

POLICE, HEALTH, SOCIAL_SECURITY = 1, 2, 4
EVERYBODY = POLICE | HEALTH | SOCIAL_SECURITY
# Who hears of a death, in turn.
HEARERS = (HEALTH, SOCIAL_SECURITY, POLICE, EVERYBODY)

SINGLE, MARRIED, WIDOWED, DIVORCED = "未婚", "已婚", "丧偶", "离婚"


def pick(texts: Sequence[str], places: Iterable[int]) -> list[str]:
    """The text at each place; empty for NOBODY."""
    return [texts[place] if place != NOBODY else "" for place in places]


def without_canaries(residents: np.ndarray) -> np.ndarray:
    """The residents but the canaries; all of them in a town so small that few would be left."""
    return residents[residents >= len(CANARIES)] if len(residents) > len(CANARIES) else residents


@dataclass
class World:
    """Who lives in the town. `spouse` is a place or -1; `household` and `living` are places in `homes`."""

    first_night: date
    household: np.ndarray  # as registered
    living: np.ndarray  # where they are: the registered household, or one of those who live elsewhere
    relation: np.ndarray  # place in RELATIONS
    sex: np.ndarray  # 1 male, 2 female
    birth: np.ndarray
    death: np.ndarray
    death_known: np.ndarray  # which systems have heard of the death: POLICE, HEALTH, SOCIAL_SECURITY added up
    spouse: np.ndarray
    registered: np.ndarray  # in the population register
    name: list[str]
    former_name: list[str]
    id_number: list[str]
    phone: list[str]
    ethnic: list[str]
    marital: list[str]
    education: list[str]
    homes: list[places.Home]  # of the registered households, then of the others
    others: dict[int, int]  # household that is not registered -> its head
    specimens: np.ndarray  # residents whose nasty case must show in the large systems
    taken_stems: set[int]
    taken_phones: set[int]
    cases: dict[str, int]  # nasty cases that lie in the people, not in their records
    hard: Hardship | None = None  # of a hard town
    # By system, for residents whose row names another dwelling than theirs, or none: that dwelling.
    homes_told: defaultdict[str, dict[int, places.Home | None]] = field(default_factory=lambda: defaultdict(dict))

    def __len__(self) -> int:
        return len(self.name)

    def home(self, resident: int) -> places.Home:
        """Where the resident is registered."""
        return self.homes[int(self.household[resident])]

    def living_home(self, resident: int) -> places.Home:
        return self.homes[int(self.living[resident])]

    def lives_outside(self) -> np.ndarray:
        """Who lives outside the town."""
        outside: np.ndarray = np.array([home.is_outside for home in self.homes], dtype=bool)[self.living]
        return outside

    def lives_elsewhere(self, residents: Sequence[int]) -> int:
        """How many of them do not live where they are registered."""
        return int((self.living[residents] != self.household[residents]).sum())

    def living_relation(self, resident: int) -> str:
        """The relation to the head of those one lives with."""
        if self.others.get(int(self.living[resident])) == resident:
            return RELATIONS[HEAD]
        return RELATIONS[int(self.relation[resident])]

    def birth_text(self, resident: int) -> str:
        return str(self.birth[resident])

    def death_texts(self, residents: Sequence[int], system: int) -> list[str]:
        """The day of each death as far as a system has heard of it."""
        is_known = (self.death_known[residents] & system) > 0
        days: list[str] = np.where(is_known, self.death[residents].astype(str), "").tolist()
        return days

    def contact(self, resident: int) -> tuple[str, str, str]:
        """Name, id number and phone; empty for NOBODY."""
        if resident == NOBODY:
            return "", "", ""
        return self.name[resident], self.id_number[resident], self.phone[resident]

    def members(self, resident: int) -> list[int]:
        """The others of the household."""
        others = np.flatnonzero(self.household == self.household[resident])
        return [other for other in others.tolist() if other != resident]

    def relatives(self) -> np.ndarray:
        """For each resident the first other of the registered household, or -1."""
        order = np.argsort(self.household, kind="stable")
        ordered = self.household[order]
        first = np.searchsorted(ordered, self.household)
        second = np.minimum(first + 1, len(order) - 1)
        other = np.where(order[first] == np.arange(len(order)), second, first)
        found: np.ndarray = np.where(ordered[other] == self.household, order[other], -1)
        return np.where(found == np.arange(len(order)), -1, found)

    def heads(self) -> np.ndarray:
        """For each household its head, or -1."""
        found = np.full(len(self.homes), -1)
        heads = np.flatnonzero(self.relation == HEAD)
        found[self.household[heads]] = heads
        found[list(self.others)] = list(self.others.values())
        return found

    def truth_ids(self, residents: Iterable[int]) -> list[str | None]:
        """None for NOBODY."""
        return [None if resident == NOBODY else f"T{resident:06d}" for resident in residents]

    def _households(self, residents: Sequence[int], living: bool) -> list[int]:
        """The household in which each is registered, or with which each lives."""
        households: list[int] = (self.living if living else self.household)[residents].tolist()
        return households

    def household_truths(self, residents: Sequence[int], living: bool) -> list[str]:
        """As registered or as they live."""
        return [f"H{household:06d}" for household in self._households(residents, living)]

    def dwelling_truths(self, residents: Sequence[int], living: bool, system: str = "") -> list[str | None]:
        """As registered or as they live, or as the system's rows have it; None: the row names no dwelling."""
        truths: list[str | None] = []
        told = self.homes_told[system]
        for resident, household in zip(residents, self._households(residents, living), strict=True):
            home = told.get(resident, self.homes[household])
            truths.append(home.truth_id if home else None)
        return truths


def build_world(residents: int, seed: int, first_night: date) -> World:
    """Draw the town as it is on the morning of the first night."""
    if residents < FEWEST_RESIDENTS:
        raise ValueError(f"A sample town needs {FEWEST_RESIDENTS} residents or more, not {residents}")
    rng = np.random.default_rng([seed, 0])
    today = np.datetime64(first_night, "D")
    kind, household, plan = draw_households(rng, residents)
    sex, birth = draw_sexes_and_births(rng, kind, household, plan, today)
    relation = np.where((plan == CHILD) & (sex == 2), DAUGHTER, plan)
    spouse = pair_spouses(household, relation)
    twins = draw_twins(rng, kind, household, plan, birth)
    namesakes = draw_namesake_pairs(rng, kind, household, relation, sex, birth)
    place_canaries(sex, birth)

    ethnic = _draw_ethnics(rng, kind, household)
    surname = _draw_family_surnames(rng, household, relation, sex)
    name = _draw_full_names(rng, surname, sex, birth, ethnic)
    for one, other in namesakes:
        name[other], surname[other], ethnic[other] = name[one], surname[one], ethnic[one]
    _part_twins(rng, twins, name, surname, sex, birth, ethnic)
    rare = _give_rare_names(rng, name, surname, ethnic, set(chain(*namesakes, *twins)))
    former = _draw_former_names(rng, name, surname, sex, birth, ethnic)

    taken_stems = {int(canary.id_number[:17]) for canary in CANARIES}
    taken_phones = {int(canary.phone) for canary in CANARIES}
    stems = ids.draw_stems(rng, _draw_regions(rng, birth, ethnic, today), birth, sex, taken_stems)
    for one, other in twins:
        stems[other] = ids.twin_stem(int(stems[one]), int(sex[other]), taken_stems)
    phone, shared = _draw_family_phones(rng, household, birth, twins, today, taken_phones)

    death, death_known = _draw_recent_deaths(rng, birth, spouse, today)
    homes = places.draw_homes(rng, int(household[-1]) + 1, int(household[-1]) + 1)
    homes[: len(CANARIES)] = [places.Home(road, 2, 1, 1, "101") for road in range(len(CANARIES))]
    grown = np.isin(relation, (SON, DAUGHTER)) & ((today - birth).astype(np.int64) > 20 * YEAR)
    elsewhere = draw_residence(rng, household, relation == HEAD, grown & np.isnat(death), homes)
    world = World(
        first_night=first_night, household=household, living=elsewhere.living, relation=relation, sex=sex,
        birth=birth, death=death, death_known=death_known, spouse=spouse,
        registered=np.ones(residents, dtype=bool), name=name, former_name=former, id_number=ids.id_texts(stems),
        phone=phone, ethnic=ethnic, marital=_draw_maritals(rng, kind, household, relation, birth, today),
        education=_draw_educations(rng, birth, today), homes=homes + elsewhere.homes,
        others=dict(enumerate(elsewhere.heads, start=len(homes))),
        specimens=np.zeros(residents, dtype=bool), taken_stems=taken_stems, taken_phones=taken_phones, cases={},
    )  # fmt: skip
    _enter_canaries(world)
    _mark_specimens(world, [*rare, *chain(*namesakes, *twins)])
    world.registered[(rng.random(residents) < 0.01) & ~world.specimens] = False
    world.cases = {"twins": len(twins), "namesakes": len(namesakes), "shared_phone": shared}
    return world


def _part_twins(
    rng: np.random.Generator, twins: list[tuple[int, int]], name: list[str], surname: np.ndarray, sex: np.ndarray,
    birth: np.ndarray, ethnic: list[str],
) -> None:  # fmt: skip
    """Draw the second name of twins until it is another one."""
    for one, other in twins:
        while name[other] == name[one]:
            (name[other],) = _draw_full_names(rng, surname[[other]], sex[[other]], birth[[other]], [ethnic[other]])


def _enter_canaries(world: World) -> None:
    for place, canary in enumerate(CANARIES):
        world.name[place], world.id_number[place], world.phone[place] = canary.name, canary.id_number, canary.phone
        world.ethnic[place], world.former_name[place] = "汉族", ""


def _mark_specimens(world: World, chosen: list[int]) -> None:
    """The chosen, the canaries, and whoever has a dot in the name, a former name or died."""
    world.specimens[[*range(len(CANARIES)), *chosen]] = True
    world.specimens |= np.array([names.DOT in text for text in world.name])
    world.specimens |= np.array(list(map(bool, world.former_name)))
    world.specimens |= world.death_known > 0


def _draw_ethnics(rng: np.random.Generator, kind: np.ndarray, household: np.ndarray) -> list[str]:
    """One ethnic group for a household; some Uyghur households always, for their names have dots."""
    households = int(household[-1]) + 1
    others = rng.choice(np.array(names.OTHER_ETHNICS, dtype="U8"), households)
    groups = np.where(rng.random(households) < 0.95, "汉族", others)
    later = np.arange(len(CANARIES), households)
    groups[rng.permutation(later)[: floored(len(household), 0.004, fewest=5)]] = names.DOTTED_ETHNIC
    ethnic: list[str] = groups[household].tolist()
    return ethnic


def _draw_family_surnames(
    rng: np.random.Generator, household: np.ndarray, relation: np.ndarray, sex: np.ndarray
) -> np.ndarray:
    """Children have their father's surname, the head's father the head's; married women keep their own."""
    surname = names.draw_surnames(rng, len(household))
    first = np.searchsorted(household, household)
    second = np.minimum(first + 1, len(household) - 1)
    mother_heads = (sex[first] == 2) & (relation[second] == SPOUSE) & (household[second] == household)
    child = (relation == SON) | (relation == DAUGHTER)
    surname[child] = surname[np.where(mother_heads, second, first)][child]
    surname[relation == FATHER] = surname[first][relation == FATHER]
    return surname


def _draw_full_names(
    rng: np.random.Generator, surname: np.ndarray, sex: np.ndarray, birth: np.ndarray, ethnic: list[str]
) -> list[str]:
    given = names.draw_given_names(rng, sex, birth.astype("datetime64[Y]").astype(np.int64) + 1970)
    full: list[str] = np.char.add(surname, given).tolist()
    for place, group in enumerate(ethnic):
        if group == names.DOTTED_ETHNIC:
            full[place] = names.draw_dotted_name(rng, int(sex[place]))
        elif group == "藏族":
            full[place] = names.draw_tibetan_name(rng)
    return full


def _give_rare_names(
    rng: np.random.Generator, name: list[str], surname: np.ndarray, ethnic: list[str], doubles: set[int]
) -> list[int]:
    """Give some Han residents, no namesake and no twin, each rare character as their given name; returns who."""
    free = np.array(ethnic) == "汉族"
    free[[*range(len(CANARIES)), *doubles]] = False
    wanted = len(names.RARE_GIVEN_NAMES) * floored(len(name), 0.0007)
    chosen: list[int] = rng.permutation(np.flatnonzero(free))[:wanted].tolist()
    for turn, place in enumerate(chosen):
        name[place] = f"{surname[place]}{names.RARE_GIVEN_NAMES[turn % len(names.RARE_GIVEN_NAMES)]}"
    return chosen


def _draw_former_names(
    rng: np.random.Generator, name: list[str], surname: np.ndarray, sex: np.ndarray, birth: np.ndarray,
    ethnic: list[str],
) -> list[str]:  # fmt: skip
    """Some residents once had another given name."""
    former = [""] * len(name)
    chosen = np.sort(rng.permutation(np.arange(len(CANARIES), len(name)))[: floored(len(name), 0.008)])
    given = names.draw_given_names(rng, sex[chosen], birth[chosen].astype("datetime64[Y]").astype(np.int64) + 1960)
    for place, other in zip(chosen.tolist(), given.tolist(), strict=True):
        text = f"{surname[place]}{other}"
        if ethnic[place] == "汉族" and text != name[place]:
            former[place] = text
    return former


def _draw_regions(rng: np.random.Generator, birth: np.ndarray, ethnic: list[str], today: np.datetime64) -> np.ndarray:
    """Where the id number was given out: here mostly, for the young nearly always; Uyghurs in Xinjiang."""
    count = len(birth)
    young = (today - birth).astype(np.int64) < 20 * YEAR
    here = rng.random(count) < np.where(young, 0.9, 0.6)
    regions = np.where(here, int(places.DISTRICT_CODE), rng.choice(np.array(places.OTHER_REGIONS), count))
    dotted = np.array(ethnic) == names.DOTTED_ETHNIC
    return np.where(dotted, rng.choice(np.array(places.UYGHUR_REGIONS), count), regions).astype(np.int64)


def _draw_family_phones(
    rng: np.random.Generator, household: np.ndarray, birth: np.ndarray, twins: list[tuple[int, int]],
    today: np.datetime64, taken: set[int],
) -> tuple[list[str], int]:  # fmt: skip
    """Everybody has a phone of their own, but children the head's, some old people none, and some families one for all.

    Returns the phones and the number of families with one phone.
    """
    count = len(household)
    own = np.array(ids.draw_phones(rng, count, taken))
    age = (today - birth).astype(np.int64) / YEAR
    first = np.searchsorted(household, household)
    large = np.flatnonzero(np.bincount(household) > 1)
    families = rng.permutation(large)[: floored(len(large), 0.08)]
    families = np.unique(np.concatenate([families, household[[one for one, _ in twins]]]).astype(np.int64))
    one_for_all = np.isin(household, families)
    phones = np.where((age < 14) | one_for_all, own[first], own)
    phones[(age > 75) & (rng.random(count) < 0.2) & ~one_for_all] = ""
    return phones.tolist(), len(families)


def _draw_recent_deaths(
    rng: np.random.Generator, birth: np.ndarray, spouse: np.ndarray, today: np.datetime64
) -> tuple[np.ndarray, np.ndarray]:
    """A few residents died within the last year and still stand in the register; not every system has heard of it."""
    death = np.full(len(birth), np.datetime64("NaT", "D"))
    known = np.zeros(len(birth), dtype=np.int64)
    old = np.flatnonzero(((today - birth).astype(np.int64) > 60 * YEAR) & (spouse < 0))
    old = old[old >= len(CANARIES)]
    chosen = rng.permutation(old)[: floored(len(birth), 0.002, fewest=len(HEARERS))]
    death[chosen] = today - rng.integers(5, 360, len(chosen)).astype("timedelta64[D]")
    known[chosen] = np.resize(HEARERS, len(chosen))
    return death, known


def _draw_maritals(
    rng: np.random.Generator, kind: np.ndarray, household: np.ndarray, relation: np.ndarray, birth: np.ndarray,
    today: np.datetime64,
) -> list[str]:  # fmt: skip
    age = (today - birth).astype(np.int64) / YEAR
    draw = rng.random(len(birth))
    alone = np.where(
        age > 65, np.where(draw < 0.7, WIDOWED, DIVORCED), np.where((age < 30) | (draw < 0.6), SINGLE, DIVORCED)
    )
    paired = np.isin(relation, (SPOUSE, FATHER, MOTHER))
    family_head = (relation == HEAD) & (kind[household] != SINGLE_KIND)
    paired |= family_head & (kind[household] != ONE_PARENT_KIND)
    parted = family_head & (kind[household] == ONE_PARENT_KIND)
    child = np.isin(relation, (SON, DAUGHTER))
    marital: list[str] = np.select([paired, parted, child], [MARRIED, DIVORCED, SINGLE], alone).tolist()
    return marital


def _draw_educations(rng: np.random.Generator, birth: np.ndarray, today: np.datetime64) -> list[str]:
    age = (today - birth).astype(np.int64) / YEAR
    adult = np.array(
        ["硕士研究生毕业", "大学本科毕业", "大学专科毕业", "中等专科毕业", "普通高中毕业", "初中毕业", "小学毕业"]
    )
    drawn = rng.choice(adult, len(birth), p=[0.04, 0.24, 0.2, 0.08, 0.17, 0.21, 0.06])
    education: list[str] = np.select([age < 12, age < 16, age < 18], ["", "小学毕业", "初中毕业"], drawn).tolist()
    return education
