"""The true residents of the sample town: households, families, names, id numbers, homes.

Reads: nothing. Writes: nothing. Refuses: fewer residents than a town needs to have families.
One resident is one place in every list and array below; that place is the true id.
"""

from dataclasses import dataclass
from datetime import date

import numpy as np

from jobs.sample import ids, names, places
from jobs.sample.canaries import CANARIES

FEWEST_RESIDENTS = 10
RELATIONS = ("户主", "配偶", "子", "女", "父亲", "母亲")
_HEAD, _SPOUSE, _SON, _DAUGHTER, _FATHER, _MOTHER = range(6)
_CHILD = _SON  # in a plan of a household; the sex is drawn
_YEAR = 365.2425

# Kinds of household: relations, youngest and oldest head, share.
_KINDS: tuple[tuple[tuple[int, ...], int, int, float], ...] = (
    ((_HEAD,), 20, 88, 0.22),
    ((_HEAD, _SPOUSE), 24, 85, 0.26),
    ((_HEAD, _SPOUSE, _CHILD), 28, 60, 0.26),
    ((_HEAD, _SPOUSE, _CHILD, _CHILD), 30, 58, 0.10),
    ((_HEAD, _SPOUSE, _CHILD, _FATHER, _MOTHER), 28, 50, 0.10),
    ((_HEAD, _CHILD), 30, 60, 0.06),
)
_SINGLE, _COUPLE, _TWO_CHILDREN, _ONE_PARENT = 0, 1, 3, 5

SINGLE, MARRIED, WIDOWED, DIVORCED = "未婚", "已婚", "丧偶", "离婚"


@dataclass
class World:
    """Who lives in the town. `spouse` is a place or -1; `household` is a place in `homes`."""

    first_night: date
    household: np.ndarray
    relation: np.ndarray  # place in RELATIONS
    sex: np.ndarray  # 1 male, 2 female
    birth: np.ndarray
    death: np.ndarray
    spouse: np.ndarray
    registered: np.ndarray  # in the population register
    name: list[str]
    former_name: list[str]
    id_number: list[str]
    phone: list[str]
    ethnic: list[str]
    marital: list[str]
    education: list[str]
    homes: list[places.Home]
    specimens: np.ndarray  # residents whose nasty case must show in the large systems
    taken_stems: set[int]
    taken_phones: set[int]
    cases: dict[str, int]  # nasty cases that lie in the people, not in their records

    def __len__(self) -> int:
        return len(self.name)

    def home(self, resident: int) -> places.Home:
        return self.homes[int(self.household[resident])]

    def birth_text(self, resident: int) -> str:
        return str(self.birth[resident])

    def members(self, resident: int) -> list[int]:
        """The others of the household."""
        others = np.flatnonzero(self.household == self.household[resident])
        return [other for other in others.tolist() if other != resident]

    def truth_id(self, resident: int) -> str:
        return f"T{resident:06d}"


def floored(count: int, share: float, fewest: int = 1) -> int:
    """How many of `count` residents or rows a case takes: its share, and at least `fewest` where there are many."""
    return max(fewest if count >= 30 else 0, round(count * share))


def build_world(residents: int, seed: int, first_night: date) -> World:
    """Draw the town as it is on the morning of the first night."""
    if residents < FEWEST_RESIDENTS:
        raise ValueError(f"A sample town needs {FEWEST_RESIDENTS} residents or more, not {residents}")
    rng = np.random.default_rng([seed, 0])
    today = np.datetime64(first_night, "D")
    kind, household, plan = _draw_households(rng, residents)
    sex, birth = _draw_sexes_and_births(rng, kind, household, plan, today)
    relation = np.where((plan == _CHILD) & (sex == 2), _DAUGHTER, plan)
    spouse = _pair_spouses(household, relation)
    twins = _draw_twins(rng, kind, household, plan, birth)
    namesakes = _draw_namesake_pairs(rng, kind, household, relation, sex, birth)
    _place_canaries(sex, birth)

    ethnic = _draw_ethnics(rng, kind, household)
    surname = _draw_family_surnames(rng, household, relation, sex)
    name = _draw_full_names(rng, surname, sex, birth, ethnic)
    for one, other in namesakes:
        name[other], surname[other], ethnic[other] = name[one], surname[one], ethnic[one]
    for one, other in twins:
        while name[other] == name[one]:
            (name[other],) = _draw_full_names(rng, surname[[other]], sex[[other]], birth[[other]], [ethnic[other]])
    rare = _give_rare_names(rng, name, surname, ethnic, {place for pair in (*namesakes, *twins) for place in pair})
    former = _draw_former_names(rng, name, surname, sex, birth, ethnic)

    taken_stems = {int(canary.id_number[:17]) for canary in CANARIES}
    taken_phones = {int(canary.phone) for canary in CANARIES}
    stems = ids.draw_stems(rng, _draw_regions(rng, birth, ethnic, today), birth, sex, taken_stems)
    for one, other in twins:
        stems[other] = ids.twin_stem(int(stems[one]), int(sex[other]), taken_stems)
    phone, shared = _draw_family_phones(rng, household, birth, twins, today, taken_phones)

    world = World(
        first_night=first_night, household=household, relation=relation, sex=sex, birth=birth,
        death=_draw_recent_deaths(rng, birth, spouse, today), spouse=spouse,
        registered=np.ones(residents, dtype=bool), name=name, former_name=former, id_number=ids.id_texts(stems),
        phone=phone, ethnic=ethnic, marital=_draw_maritals(rng, kind, household, relation, birth, today),
        education=_draw_educations(rng, birth, today), homes=places.draw_homes(rng, int(household[-1]) + 1),
        specimens=np.zeros(residents, dtype=bool), taken_stems=taken_stems, taken_phones=taken_phones, cases={},
    )  # fmt: skip
    for place, canary in enumerate(CANARIES):
        world.name[place], world.id_number[place], world.phone[place] = canary.name, canary.id_number, canary.phone
        world.ethnic[place], world.former_name[place] = "汉族", ""
    dotted = [place for place, text in enumerate(world.name) if names.DOT in text]
    world.specimens[[*range(len(CANARIES)), *dotted, *rare, *np.ravel(twins), *np.ravel(namesakes)]] = True
    world.specimens[[place for place, text in enumerate(former) if text]] = True
    world.registered[(rng.random(residents) < 0.01) & ~world.specimens] = False
    world.cases = {"twins": len(twins), "namesakes": len(namesakes), "shared_phone": shared}
    return world


def _draw_households(rng: np.random.Generator, residents: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The kind of each household, and the household and the planned relation of each resident."""
    kinds = rng.choice(len(_KINDS), size=residents, p=[share for *_, share in _KINDS])
    kinds[: len(CANARIES)] = _SINGLE
    sizes = np.array([len(relations) for relations, *_ in _KINDS])[kinds]
    household = np.repeat(np.arange(residents), sizes)[:residents]
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    plans = np.zeros((len(_KINDS), 5), dtype=np.int64)
    for number, (relations, *_) in enumerate(_KINDS):
        plans[number, : len(relations)] = relations
    return kinds, household, plans[kinds[household], np.arange(residents) - starts[household]]


def _draw_sexes_and_births(
    rng: np.random.Generator, kind: np.ndarray, household: np.ndarray, plan: np.ndarray, today: np.datetime64
) -> tuple[np.ndarray, np.ndarray]:
    """Heads by kind; the others by their distance from the head, children never after today."""
    count = len(household)
    youngest = np.array([low for _, low, _, _ in _KINDS])[kind]
    oldest = np.array([high for _, _, high, _ in _KINDS])[kind]
    head_age = (youngest + rng.random(count) * (oldest - youngest))[household]
    head_sex = np.where(rng.random(count) < np.where(kind == _SINGLE, 0.5, 0.8), 1, 2)[household]
    own_draw = rng.random(count)
    family_draw = rng.random(count)[household]
    child_gap = 22 + family_draw * (np.minimum(head_age, 36) - 22.05)
    second = np.zeros(count, dtype=bool)
    second[1:] = (plan[1:] == _CHILD) & (plan[:-1] == _CHILD) & (household[1:] == household[:-1])
    child_age = head_age - child_gap
    child_age = np.where(second, np.where(child_age > 6, child_age - 1.5 - 4 * own_draw, child_age + 2), child_age)
    age = np.select(
        [plan == _HEAD, plan == _SPOUSE, plan == _CHILD],
        [head_age, np.maximum(head_age - 4 + 6 * own_draw, 22), child_age],
        head_age + 22 + 10 * own_draw,
    )
    sex = np.select(
        [plan == _HEAD, plan == _SPOUSE, plan == _FATHER, plan == _MOTHER],
        [head_sex, 3 - head_sex, 1, 2],
        rng.integers(1, 3, count),
    )
    return sex, today - (age * _YEAR).astype(np.int64).astype("timedelta64[D]") - np.timedelta64(1, "D")


def _pair_spouses(household: np.ndarray, relation: np.ndarray) -> np.ndarray:
    spouse = np.full(len(household), -1)
    for one, other in ((_HEAD, _SPOUSE), (_FATHER, _MOTHER)):
        pairs = np.flatnonzero((relation[:-1] == one) & (relation[1:] == other) & (household[:-1] == household[1:]))
        spouse[pairs], spouse[pairs + 1] = pairs + 1, pairs
    return spouse


def _draw_twins(
    rng: np.random.Generator, kind: np.ndarray, household: np.ndarray, plan: np.ndarray, birth: np.ndarray
) -> list[tuple[int, int]]:
    """Make the children of some families with two twins: one birthday (id numbers and phone follow)."""
    pairs = np.flatnonzero((plan[:-1] == _CHILD) & (plan[1:] == _CHILD) & (household[:-1] == household[1:]))
    chosen = rng.permutation(pairs)[: floored(len(household), 0.002)]
    birth[chosen + 1] = birth[chosen]
    return [(one, one + 1) for one in sorted(chosen.tolist())]


def _draw_namesake_pairs(
    rng: np.random.Generator, kind: np.ndarray, household: np.ndarray, relation: np.ndarray, sex: np.ndarray,
    birth: np.ndarray,
) -> list[tuple[int, int]]:  # fmt: skip
    """Give heads without children, close in age and of one sex, the same birthday (the same name follows)."""
    free = np.flatnonzero((relation == _HEAD) & (kind[household] <= _COUPLE))
    free = free[free >= len(CANARIES)]
    by_age = free[np.lexsort((birth[free], sex[free]))]
    starts = np.arange(0, len(by_age) - 1, 2)
    starts = starts[sex[by_age[starts]] == sex[by_age[starts + 1]]]
    chosen = np.sort(rng.permutation(starts)[: floored(len(household), 0.002)])
    pairs = list(zip(by_age[chosen].tolist(), by_age[chosen + 1].tolist(), strict=True))
    for one, other in pairs:
        birth[other] = birth[one]
    return pairs


def _place_canaries(sex: np.ndarray, birth: np.ndarray) -> None:
    sex[: len(CANARIES)] = [canary.sex for canary in CANARIES]
    birth[: len(CANARIES)] = [canary.birth_date for canary in CANARIES]


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
    mother_heads = (sex[first] == 2) & (relation[second] == _SPOUSE) & (household[second] == household)
    child = (relation == _SON) | (relation == _DAUGHTER)
    surname[child] = surname[np.where(mother_heads, second, first)][child]
    surname[relation == _FATHER] = surname[first][relation == _FATHER]
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
    count = len(name)
    free = [place for place in range(len(CANARIES), count) if ethnic[place] == "汉族" and place not in doubles]
    wanted = len(names.RARE_GIVEN_NAMES) * floored(count, 0.0007)
    chosen: list[int] = rng.permutation(np.array(free, dtype=np.int64))[:wanted].tolist()
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
    young = (today - birth).astype(np.int64) < 20 * _YEAR
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
    age = (today - birth).astype(np.int64) / _YEAR
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
) -> np.ndarray:
    """A few residents died within the last year and still stand in the register."""
    death = np.full(len(birth), np.datetime64("NaT", "D"))
    old = np.flatnonzero(((today - birth).astype(np.int64) > 60 * _YEAR) & (spouse < 0))
    old = old[old >= len(CANARIES)]
    chosen = rng.permutation(old)[: floored(len(birth), 0.001)]
    death[chosen] = today - rng.integers(5, 360, len(chosen)).astype("timedelta64[D]")
    return death


def _draw_maritals(
    rng: np.random.Generator, kind: np.ndarray, household: np.ndarray, relation: np.ndarray, birth: np.ndarray,
    today: np.datetime64,
) -> list[str]:  # fmt: skip
    age = (today - birth).astype(np.int64) / _YEAR
    draw = rng.random(len(birth))
    alone = np.where(
        age > 65, np.where(draw < 0.7, WIDOWED, DIVORCED), np.where((age < 30) | (draw < 0.6), SINGLE, DIVORCED)
    )
    paired = np.isin(relation, (_SPOUSE, _FATHER, _MOTHER))
    family_head = (relation == _HEAD) & (kind[household] != _SINGLE)
    paired |= family_head & (kind[household] != _ONE_PARENT)
    parted = family_head & (kind[household] == _ONE_PARENT)
    child = np.isin(relation, (_SON, _DAUGHTER))
    marital: list[str] = np.select([paired, parted, child], [MARRIED, DIVORCED, SINGLE], alone).tolist()
    return marital


def _draw_educations(rng: np.random.Generator, birth: np.ndarray, today: np.datetime64) -> list[str]:
    age = (today - birth).astype(np.int64) / _YEAR
    adult = np.array(
        ["硕士研究生毕业", "大学本科毕业", "大学专科毕业", "中等专科毕业", "普通高中毕业", "初中毕业", "小学毕业"]
    )
    drawn = rng.choice(adult, len(birth), p=[0.04, 0.24, 0.2, 0.08, 0.17, 0.21, 0.06])
    education: list[str] = np.select([age < 12, age < 16, age < 18], ["", "小学毕业", "初中毕业"], drawn).tolist()
    return education
