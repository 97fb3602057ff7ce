"""How the cells that name a resident are corrupted in a roster: names, id numbers, birthdays, phones.

Reads: nothing. Writes: nothing. Refuses: nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from jobs.sample import corruption, names
from jobs.sample.canaries import CANARIES
from jobs.sample.roster import Roster
from jobs.sample.world import World

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
        births = [roster.columns[cells.birth][row] for row in rows]
        fits = {"date_unpadded": np.array(["-0" in birth for birth in births], dtype=bool)}
        for case, own in corruption.draw_cases(rng, count, date_shares, allowed, fits).items():
            days = [str(corruption.corrupt_date(case, date.fromisoformat(births[row]))) for row in own]
            roster.corrupt(case, cells.birth, [rows[row] for row in own], days)
    if cells.phone is not None:
        phones = [roster.columns[cells.phone][row] for row in rows]
        with_phone = allowed & np.array([bool(phone) for phone in phones], dtype=bool)
        for case, own in corruption.draw_cases(rng, count, phone_shares, with_phone).items():
            corrupted = [corruption.corrupt_phone(rng, case, phones[row]) for row in own]
            roster.corrupt(case, cells.phone, [rows[row] for row in own], corrupted)
    _spoil_names(world, rng, roster, rows, named, allowed, cells.name, dots, former, spaced)


def _spoil_ids(
    world: World, rng: np.random.Generator, roster: Roster, rows: range, named: np.ndarray, allowed: np.ndarray,
    column: int, shares: Mapping[str, float],
) -> None:  # fmt: skip
    numbers = [roster.columns[column][row] for row in rows]
    allowed = allowed & np.array([bool(number) for number in numbers], dtype=bool)
    fits = corruption.fitting_ids(numbers)
    relatives = world.relatives()[named] if "relative_id" in shares else np.empty(0)
    if "relative_id" in shares:
        fits["relative_id"] = relatives >= 0
    for case, own in corruption.draw_cases(rng, len(rows), shares, allowed, fits).items():
        if case == "relative_id":
            corrupted = [world.id_number[int(relatives[row])] for row in own]
        else:
            corrupted = [str(corruption.corrupt_id(rng, case, numbers[row])) for row in own]
        roster.corrupt(case, column, [rows[row] for row in own], corrupted)


def _spoil_names(
    world: World, rng: np.random.Generator, roster: Roster, rows: range, named: np.ndarray, allowed: np.ndarray,
    column: int, dots: tuple[str, ...], former: float, spaced: float,
) -> None:  # fmt: skip
    """Former names still in use, dots as the office types them, names stretched by spaces."""
    draws = rng.random(len(rows))
    people = named.tolist()
    old = [place for place, one in enumerate(people) if allowed[place] and former and world.former_name[one]]
    old = [place for place in old if draws[place] < former]
    roster.corrupt("former_name_used", column, [rows[at] for at in old], [world.former_name[people[at]] for at in old])
    for place, row in enumerate(rows):
        if names.DOT in roster.columns[column][row] and (turn := people[place] % len(dots)):
            roster.corrupt("dot_variant", column, [row], [corruption.vary_dot(roster.columns[column][row], turn, dots)])
    if spaced:
        plain = allowed & ~world.specimens[named] & ~np.isin(np.arange(len(rows)), old)
        own = corruption.draw_cases(rng, len(rows), {"spaced_name": spaced}, plain)["spaced_name"]
        cells = [corruption.spaced_name(roster.columns[column][rows[row]]) for row in own]
        roster.corrupt("spaced_name", column, [rows[row] for row in own], cells)
