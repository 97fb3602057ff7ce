"""What lies behind the mistakes of a hard town: its rates, and the pasts of which offices have not heard the end.

Reads: nothing. Writes: nothing. Refuses: nothing.
"""

from dataclasses import dataclass

from jobs.sample.hard.rates import Rates
from jobs.sample.places import Home


@dataclass
class Hardship:
    """Former phones and other names by resident (empty for none), former homes by household, and agents' phones.

    An office that has not heard of a change knows the same old value as another that has not.
    """

    rates: Rates
    former_phone: list[str]
    alias: list[str]
    former_home: dict[int, Home]
    agents: list[str]
