"""How often each mistake occurs: ranges, and the rates that a seed draws from them.

Reads: nothing. Writes: nothing. Refuses: nothing.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

SYSTEMS = ("police", "civil_affairs", "walk_in", "grid", "health", "social_security", "housing", "market")

# Of the town: shares of residents, households or enterprises.
TOWN_RANGES: dict[str, tuple[float, float]] = {
    "changed_phone": (0.1, 0.3),  # residents who once had another phone
    "moved": (0.06, 0.18),  # households that once lived elsewhere
    "lives_elsewhere": (0.03, 0.12),  # further households that live elsewhere than registered
    "registered_elsewhere": (0.02, 0.08),  # households of which the population register knows nothing
    "renamed": (0.004, 0.015),
    "alias": (0.003, 0.012),
    "twins": (0.0005, 0.003),  # pairs, as a share of residents
    "namesakes": (0.0002, 0.001),  # pairs with one birthday, as a share of residents
    "shared_address": (0.01, 0.06),  # households at the address of another one
    "dormitory": (0.01, 0.04),  # residents
    "branch": (0.03, 0.12),  # enterprises with a branch
    "long_form": (0.10, 0.40),  # enterprises called 有限责任公司
}

# Of one system: shares of its rows, or (see OF_FITTING) of those rows that the mistake can befall.
ID_RANGES: dict[str, tuple[float, float]] = {
    "relative_id": (0.0005, 0.004),
    "copied_id": (0.0005, 0.004),  # that of the row above
    "missing_id": (0.05, 0.45),
    "masked_id": (0.002, 0.03),
    "mistyped_id_digit": (0.001, 0.01),
    "mistyped_id_swap": (0.001, 0.006),
    "plausible_id": (0.0002, 0.002),  # a wrong digit, and the check character of the wrong number
    "placeholder_id": (0.0005, 0.005),
}
NAME_RANGES: dict[str, tuple[float, float]] = {
    "former_name_used": (0.1, 0.4),
    "alias_used": (0.1, 0.4),
    "dots_left_out": (0.10, 0.40),
    "parts_swapped": (0.02, 0.10),
    "first_part_only": (0.02, 0.10),
    "look_alike": (0.0005, 0.003),
    "homophone": (0.001, 0.006),
    "traditional": (0.002, 0.02),
    "swapped_name": (0.0003, 0.0015),
    "dropped_character": (0.0005, 0.003),
    "placeholder_name": (0.0002, 0.0008),
}
BIRTH_RANGES: dict[str, tuple[float, float]] = {
    "swapped_birth": (0.0005, 0.005),
    "missing_birth": (0.01, 0.06),
    "off_by_a_day": (0.0005, 0.002),
    "off_by_ten_days": (0.0003, 0.0015),
    "off_by_a_year": (0.0005, 0.002),
    "lunar_birth": (0.0005, 0.004),
    "january_first": (0.0005, 0.005),
    "year_only": (0.0005, 0.003),
    "placeholder_birth": (0.0001, 0.001),
}
PHONE_RANGES: dict[str, tuple[float, float]] = {
    "old_phone": (0.2, 0.7),
    "relative_phone": (0.005, 0.03),
    "missing_phone": (0.05, 0.40),
    "agent_phone": (0.003, 0.015),
    "placeholder_phone": (0.001, 0.008),
}
ADDRESS_RANGES: dict[str, tuple[float, float]] = {
    "old_address": (0.2, 0.7),
    "missing_address": (0.02, 0.1),
    "casual_address": (0.10, 0.50),
}
OTHER_RANGES: dict[str, tuple[float, float]] = {
    "missing_former_name": (0.30, 0.80),
    "missing_household_number": (0.02, 0.12),
    "abbreviated_organisation": (0.15, 0.50),
    "missing_credit_code": (0.20, 0.60),
}
RECORD_RANGES = ID_RANGES | NAME_RANGES | BIRTH_RANGES | PHONE_RANGES | ADDRESS_RANGES | OTHER_RANGES
# Shares of the rows that the mistake can befall: those with a former name, with dots, who have moved.
OF_FITTING = frozenset({
    "former_name_used", "alias_used", "dots_left_out", "parts_swapped", "first_part_only", "old_phone", "old_address",
    "missing_former_name",
})  # fmt: skip
# Where a row tells no more of somebody than a name and an id number or phone, clerks look at those twice: a row that
# loses the one thing beside the name is nobody's, and no rule can ever bring it home.
BARE_SHARE = 0.02
_PLACES = 4  # decimals of a rate


@dataclass(frozen=True)
class Rates:
    """The rates of one seed: of the town, and of each system."""

    town: Mapping[str, float]
    systems: Mapping[str, Mapping[str, float]]

    def rows(self) -> Iterator[tuple[str, str, float]]:
        """Where it holds (`town` or a system), the mistake and its rate."""
        for scope, rates in {"town": self.town, **self.systems}.items():
            for name, rate in rates.items():
                yield scope, name, rate


def draw_rates(seed: int) -> Rates:
    """Draw all rates, each evenly from its range."""
    rng = np.random.default_rng([seed, 51])
    town = _draw(rng, TOWN_RANGES)
    return Rates(town, {system: _draw(rng, RECORD_RANGES) for system in SYSTEMS})


def _draw(rng: np.random.Generator, ranges: Mapping[str, tuple[float, float]]) -> dict[str, float]:
    draws = rng.random(len(ranges)).tolist()
    bounds = zip(ranges.items(), draws, strict=True)
    return {name: round(low + draw * (high - low), _PLACES) for (name, (low, high)), draw in bounds}
