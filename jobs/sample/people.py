"""How the cells that name a resident are corrupted in a roster: names, id numbers, birthdays, phones.

Reads: nothing. Writes: nothing. Refuses: nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from jobs.sample import corruption, names
from jobs.sample.canaries import CANARIES
from jobs.sample.roster import Roster
from jobs.sample.world import World, pick

SEX_LABELS = ("", "男", "女")
ID_SHARES = {
    "missing_id": 0.005, "mistyped_id_digit": 0.003, "mistyped_id_swap": 0.002, "id_15_digits": 0.003,
    "lower_case_x": 0.003, "full_width_id": 0.002, "spaced_id": 0.002, "scientific_id_text": 0.001,
}  # fmt: skip
DATE_SHARES = {
    "date_unpadded": 0.03, "date_compact": 0.02, "date_chinese": 0.01, "date_serial": 0.003, "date_impossible": 0.0005,
}  # fmt: skip
PHONE_SHARES = {"phone_prefix": 0.008, "phone_dashes": 0.008, "phone_spaces": 0.008, "phone_landline": 0.02}


@dataclass(frozen=True)
class Cells:
    """The columns of a roster that name a resident; None where it has none."""

    name: int
    id_number: int | None = None
    birth: int | None = None
    phone: int | None = None


def birth_texts(world: World, residents: Sequence[int]) -> list[str]:
    texts: list[str] = np.datetime_as_string(world.birth[residents]).tolist() if len(residents) else []
    return texts


def sex_texts(world: World, residents: Sequence[int]) -> list[str]:
    return [SEX_LABELS[sex] for sex in world.sex[residents].tolist()]


def corrupt_people(
    world: World, rng: np.random.Generator, roster: Roster, rows: range, residents: Sequence[int], cells: Cells,
    id_shares: Mapping[str, float] = ID_SHARES, date_shares: Mapping[str, float] = DATE_SHARES,
    phone_shares: Mapping[str, float] = PHONE_SHARES, dots: tuple[str, ...] = names.DOT_VARIANTS,
    former: float = 0.0, spaced: float = 0.003,
) -> None:  # fmt: skip
    """Corrupt new rows that name `residents` (-1: nobody, then the cells are empty), never those of the canaries.

    Args:
        dots: the dots inside a name that the office types.
        former: the share of those with a former name who are still called by it.
        spaced: the share of names stretched by spaces.
    """
    count = len(rows)
    if not count:
        return
    named = np.array(residents, dtype=np.int64)
    allowed = named >= len(CANARIES)
    if cells.id_number is not None:
        _spoil_ids(world, rng, roster, rows, named, allowed, cells.id_number, id_shares)
    if cells.birth is not None:
        fits = corruption.fitting_dates(roster.cells(cells.birth, rows))
        drawn = corruption.draw_cases(rng, count, date_shares, allowed, fits)
        roster.spoil(drawn, cells.birth, rows, corruption.corrupt_date_text)
    if cells.phone is not None:
        with_phone = allowed & corruption.filled(roster.cells(cells.phone, rows))
        drawn = corruption.draw_cases(rng, count, phone_shares, with_phone)
        roster.spoil(drawn, cells.phone, rows, partial(corruption.corrupt_phone, rng))
    is_former = _call_by_former_names(world, rng, roster, rows, named, allowed, cells.name, former)
    _vary_dots(roster, rows, named, cells.name, dots)
    if spaced:
        plain = allowed & ~world.specimens[named] & ~is_former
        drawn = corruption.draw_cases(rng, count, {"spaced_name": spaced}, plain)
        roster.spoil(drawn, cells.name, rows, _space_name)


def _spoil_ids(
    world: World, rng: np.random.Generator, roster: Roster, rows: range, named: np.ndarray, allowed: np.ndarray,
    column: int, shares: Mapping[str, float],
) -> None:  # fmt: skip
    numbers = roster.cells(column, rows)
    relatives = world.relatives()[named]
    fits = corruption.fitting_ids(numbers) | {"relative_id": relatives >= 0}
    drawn = corruption.draw_cases(rng, len(rows), shares, allowed & corruption.filled(numbers), fits)
    of_relatives = drawn.pop("relative_id", [])
    others = pick(world.id_number, relatives[of_relatives].tolist())
    roster.corrupt("relative_id", column, [rows[place] for place in of_relatives], others)
    roster.spoil(drawn, column, rows, partial(corrupt_id_text, rng))


def corrupt_id_text(rng: np.random.Generator, case: str, id_number: str) -> str:
    """The id number as the case leaves it, as text."""
    return str(corruption.corrupt_id(rng, case, id_number))


def _call_by_former_names(
    world: World, rng: np.random.Generator, roster: Roster, rows: range, named: np.ndarray, allowed: np.ndarray,
    column: int, share: float,
) -> np.ndarray:  # fmt: skip
    """Write former names that are still in use; returns which rows have one."""
    former = pick(world.former_name, named.tolist())
    is_former: np.ndarray = (rng.random(len(rows)) < share) & allowed & corruption.filled(former)
    own = np.flatnonzero(is_former).tolist()
    roster.corrupt("former_name_used", column, [rows[place] for place in own], pick(former, own))
    return is_former


def _vary_dots(roster: Roster, rows: range, named: np.ndarray, column: int, dots: tuple[str, ...]) -> None:
    """Write the dots inside names as the office types them; the first of `dots` is no nasty case."""
    cells = roster.columns[column]
    turns = (named % len(dots)).tolist()
    for row, turn in zip(rows, turns, strict=True):
        if turn and names.DOT in cells[row]:
            roster.corrupt("dot_variant", column, [row], [corruption.vary_dot(cells[row], turn, dots)])


def _space_name(case: str, name: str) -> str:
    return corruption.spaced_name(name)
