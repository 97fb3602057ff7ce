"""A contract, mutated as an editor or a person would: it is taken, or refused by name, and the others go on."""

import random
from pathlib import Path

from tests.fuzz.conf import CONTRACTS, shipped, try_conf
from tests.fuzz.outcome import Outcome


def play(seed: str, folder: Path) -> Outcome:
    """One contract."""
    draw = random.Random(seed)
    return try_conf(draw, folder, draw.choice([name for name in shipped() if name.startswith(CONTRACTS)]))
