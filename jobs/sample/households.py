"""The families of the sample town: who lives in one household and how they are related, with sexes and birthdays.

Reads: nothing. Writes: nothing. Refuses: nothing.
"""

import numpy as np

from jobs.sample.canaries import CANARIES

RELATIONS = ("户主", "配偶", "子", "女", "父亲", "母亲")
HEAD, SPOUSE, SON, DAUGHTER, FATHER, MOTHER = range(6)
CHILD = SON  # in a plan of a household; the sex is drawn
YEAR = 365.2425

# Kinds of household: relations, youngest and oldest head, share.
_KINDS: tuple[tuple[tuple[int, ...], int, int, float], ...] = (
    ((HEAD,), 20, 88, 0.22),
    ((HEAD, SPOUSE), 24, 85, 0.26),
    ((HEAD, SPOUSE, CHILD), 28, 60, 0.26),
    ((HEAD, SPOUSE, CHILD, CHILD), 30, 58, 0.10),
    ((HEAD, SPOUSE, CHILD, FATHER, MOTHER), 28, 50, 0.10),
    ((HEAD, CHILD), 30, 60, 0.06),
)
SINGLE_KIND, COUPLE_KIND, TWO_CHILDREN_KIND, ONE_PARENT_KIND = 0, 1, 3, 5


def floored(count: int, share: float, fewest: int = 1) -> int:
    """How many of `count` residents or rows a case takes: its share, and at least `fewest` where there are many."""
    return max(fewest if count >= 30 else 0, round(count * share))


def draw_households(rng: np.random.Generator, residents: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The kind of each household, and the household and the planned relation of each resident."""
    kinds = rng.choice(len(_KINDS), size=residents, p=[share for *_, share in _KINDS])
    kinds[: len(CANARIES)] = SINGLE_KIND
    sizes = np.array([len(relations) for relations, *_ in _KINDS])[kinds]
    household = np.repeat(np.arange(residents), sizes)[:residents]
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    plans = np.zeros((len(_KINDS), 5), dtype=np.int64)
    for number, (relations, *_) in enumerate(_KINDS):
        plans[number, : len(relations)] = relations
    return kinds, household, plans[kinds[household], np.arange(residents) - starts[household]]


def draw_sexes_and_births(
    rng: np.random.Generator, kind: np.ndarray, household: np.ndarray, plan: np.ndarray, today: np.datetime64
) -> tuple[np.ndarray, np.ndarray]:
    """Heads by kind; the others by their distance from the head, children never after today."""
    count = len(household)
    youngest = np.array([low for _, low, _, _ in _KINDS])[kind]
    oldest = np.array([high for _, _, high, _ in _KINDS])[kind]
    head_age = (youngest + rng.random(count) * (oldest - youngest))[household]
    head_sex = np.where(rng.random(count) < np.where(kind == SINGLE_KIND, 0.5, 0.8), 1, 2)[household]
    own_draw = rng.random(count)
    family_draw = rng.random(count)[household]
    child_gap = 22 + family_draw * (np.minimum(head_age, 36) - 22.05)
    second = np.zeros(count, dtype=bool)
    second[1:] = (plan[1:] == CHILD) & (plan[:-1] == CHILD) & (household[1:] == household[:-1])
    child_age = head_age - child_gap
    child_age = np.where(second, np.where(child_age > 6, child_age - 1.5 - 4 * own_draw, child_age + 2), child_age)
    age = np.select(
        [plan == HEAD, plan == SPOUSE, plan == CHILD],
        [head_age, np.maximum(head_age - 4 + 6 * own_draw, 22), child_age],
        head_age + 22 + 10 * own_draw,
    )
    sex = np.select(
        [plan == HEAD, plan == SPOUSE, plan == FATHER, plan == MOTHER],
        [head_sex, 3 - head_sex, 1, 2],
        rng.integers(1, 3, count),
    )
    return sex, today - (age * YEAR).astype(np.int64).astype("timedelta64[D]") - np.timedelta64(1, "D")


def pair_spouses(household: np.ndarray, relation: np.ndarray) -> np.ndarray:
    spouse = np.full(len(household), -1)
    for one, other in ((HEAD, SPOUSE), (FATHER, MOTHER)):
        pairs = np.flatnonzero((relation[:-1] == one) & (relation[1:] == other) & (household[:-1] == household[1:]))
        spouse[pairs], spouse[pairs + 1] = pairs + 1, pairs
    return spouse


def draw_twins(
    rng: np.random.Generator, kind: np.ndarray, household: np.ndarray, plan: np.ndarray, birth: np.ndarray
) -> list[tuple[int, int]]:
    """Make the children of some families with two twins: one birthday (id numbers and phone follow)."""
    pairs = np.flatnonzero((plan[:-1] == CHILD) & (plan[1:] == CHILD) & (household[:-1] == household[1:]))
    chosen = rng.permutation(pairs)[: floored(len(household), 0.002)]
    birth[chosen + 1] = birth[chosen]
    return [(one, one + 1) for one in sorted(chosen.tolist())]


def draw_namesake_pairs(
    rng: np.random.Generator, kind: np.ndarray, household: np.ndarray, relation: np.ndarray, sex: np.ndarray,
    birth: np.ndarray,
) -> list[tuple[int, int]]:  # fmt: skip
    """Give heads without children, close in age and of one sex, the same birthday (the same name follows)."""
    free = np.flatnonzero((relation == HEAD) & (kind[household] <= COUPLE_KIND))
    free = free[free >= len(CANARIES)]
    by_age = free[np.lexsort((birth[free], sex[free]))]
    starts = np.arange(0, len(by_age) - 1, 2)
    starts = starts[sex[by_age[starts]] == sex[by_age[starts + 1]]]
    chosen = np.sort(rng.permutation(starts)[: floored(len(household), 0.002)])
    pairs = list(zip(by_age[chosen].tolist(), by_age[chosen + 1].tolist(), strict=True))
    for one, other in pairs:
        birth[other] = birth[one]
    return pairs


def place_canaries(sex: np.ndarray, birth: np.ndarray) -> None:
    sex[: len(CANARIES)] = [canary.sex for canary in CANARIES]
    birth[: len(CANARIES)] = [canary.birth_date for canary in CANARIES]
