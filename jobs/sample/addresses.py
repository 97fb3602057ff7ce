"""How the cells that say where a dwelling lies are corrupted in a roster: addresses, divisions.

Reads: nothing. Writes: nothing. Refuses: nothing.
"""

from collections.abc import Sequence

import numpy as np

from jobs.sample import places
from jobs.sample.roster import Roster

PLAIN_ADDRESS, PLAIN_DIVISION = "address_district", "division_code"  # the forms that are no nasty case


def draw_address_forms(rng: np.random.Generator, shares: dict[str, float], allowed: np.ndarray) -> list[str]:
    """Draw a form for each row; a plain one for those that are not allowed."""
    forms: list[str] = np.where(allowed, places.draw_forms(rng, shares, len(allowed)), PLAIN_ADDRESS).tolist()
    return forms


def draw_division_forms(rng: np.random.Generator, allowed: np.ndarray) -> list[str]:
    """Draw a form for each row; a plain one for those that are not allowed."""
    drawn = places.draw_forms(rng, places.DIVISION_FORMS, len(allowed))
    forms: list[str] = np.where(allowed, drawn, PLAIN_DIVISION).tolist()
    return forms


def vary_addresses(
    roster: Roster, rows: range, column: int, homes: Sequence[places.Home], forms: Sequence[str]
) -> None:
    """Write the address of each home in its form."""
    for row, home, form in zip(rows, homes, forms, strict=True):
        if home.shows(form):
            roster.corrupt(form, column, [row], [home.address(form)])


def vary_divisions(
    roster: Roster, rows: range, column: int, homes: Sequence[places.Home], forms: Sequence[str]
) -> None:
    """Write the division of each home in its form."""
    for row, home, form in zip(rows, homes, forms, strict=True):
        if form != PLAIN_DIVISION:
            roster.corrupt(form, column, [row], [home.division(form)])
