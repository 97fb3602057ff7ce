"""Who of the sample town lives elsewhere than registered, and with whom.

Reads: nothing. Writes: nothing. Refuses: nothing.
Those who left their registered dwelling together are a household of their own; it has no number in the police register.
"""

from dataclasses import dataclass

import numpy as np

from jobs.sample import places
from jobs.sample.canaries import CANARIES

WHOLE_SHARE, LONE_SHARE = 0.04, 0.03
OUTSIDE_EVERY = 5  # of the grown children who left, one in so many lives in a district next to ours


@dataclass
class Residence:
    """The household with which each resident lives, and those households that are not registered.

    `living` counts on from the registered households; `homes` and `heads` are those of the further ones.
    """

    living: np.ndarray
    homes: list[places.Home]
    heads: list[int]


def draw_residence(
    rng: np.random.Generator, household: np.ndarray, is_head: np.ndarray, is_grown_child: np.ndarray,
    homes: list[places.Home],
) -> Residence:  # fmt: skip
    """Let some whole households and some grown children live in flats where they are not registered.

    Args:
        household: of each resident, in rising order.
        is_head: who heads the household.
        is_grown_child: who may live alone.
        homes: the registered dwelling of each household.

    The canaries live elsewhere too, so that the list of tenants names them.
    """
    living = household.copy()
    later = np.flatnonzero(is_head & (np.arange(len(household)) >= len(CANARIES)))
    count = len(homes)
    fewest = 3 if len(household) >= 100 else 0
    whole = np.sort(rng.permutation(later)[: max(fewest, round(count * WHOLE_SHARE))])
    lone = rng.permutation(np.flatnonzero(is_grown_child & ~np.isin(household, household[whole])))
    lone = np.sort(lone[: max(fewest, round(count * LONE_SHARE))])
    heads: list[int] = [*range(len(CANARIES)), *whole.tolist(), *lone.tolist()]
    families = len(CANARIES) + len(whole)
    elsewhere = np.arange(count, count + len(heads))
    new_of = np.arange(count)
    new_of[household[heads[:families]]] = elsewhere[:families]
    living = new_of[living]
    living[lone] = elsewhere[families:]
    drawn = places.draw_homes(rng, len(heads), count, houses=0)
    for place, head in enumerate(heads):
        while drawn[place] == homes[int(household[head])]:
            (drawn[place],) = places.draw_homes(rng, 1, count, houses=0)
    for turn, place in enumerate(range(families, len(heads), OUTSIDE_EVERY)):
        drawn[place] = places.outside(drawn[place], turn)
    return Residence(living, drawn, heads)
