"""How clerks, spreadsheets and old programs corrupt what they export: one small function for each nasty case of a cell.

Reads: nothing. Writes: nothing. Refuses: nothing.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import TypeVar

import numpy as np

from jobs.sample.households import floored
from jobs.sample.ids import id_texts
from jobs.sample.names import DOT, DOT_VARIANTS

FULL_WIDTH = str.maketrans("0123456789X", "０１２３４５６７８９Ｘ")
_EXCEL_EPOCH = date(1899, 12, 30)
Cell = TypeVar("Cell")


def draw_cases(
    rng: np.random.Generator, rows: int, shares: Mapping[str, float], allowed: np.ndarray,
    fits: Mapping[str, np.ndarray] | None = None,
) -> dict[str, list[int]]:  # fmt: skip
    """Choose the rows of each case, no row for two of them.

    Args:
        rows: how many rows there are.
        shares: the share of rows of each case; where there are 30 rows or more each case has one at least.
        allowed: which rows may be corrupted at all.
        fits: for a case, the rows it can befall.
    """
    shuffled = rng.permutation(np.flatnonzero(allowed))
    free = np.ones(rows, dtype=bool)
    chosen: dict[str, list[int]] = {}
    for case, share in shares.items():
        usable = free[shuffled]
        if fits and case in fits:
            usable = usable & fits[case][shuffled]
        own = np.sort(shuffled[usable][: floored(rows, share)])
        free[own] = False
        chosen[case] = own.tolist()
    return chosen


def filled(cells: Sequence[object]) -> np.ndarray:
    """Which cells hold something."""
    return np.fromiter(map(bool, cells), dtype=bool, count=len(cells))


def spoil(
    cells: list[Cell], drawn: Mapping[str, list[int]], change: Callable[[str, Cell], Cell], counts: Counter[str]
) -> None:
    """Put what `change` makes of a case and a cell over each drawn cell, and count the cases."""
    for case, rows in drawn.items():
        counts[case] += len(rows)
        for row in rows:
            cells[row] = change(case, cells[row])


# Id numbers ----------------------------------------------------------------------------------------------------------


def mistype_digit(rng: np.random.Generator, id_number: str) -> str:
    """One digit wrong: the checksum always notices."""
    place = int(rng.integers(6, 17))
    other = (int(id_number[place]) + int(rng.integers(1, 10))) % 10
    return f"{id_number[:place]}{other}{id_number[place + 1 :]}"


def swap_digits(rng: np.random.Generator, id_number: str) -> str:
    """Two different neighbours changed places: the checksum always notices."""
    places = [place for place in range(6, 16) if id_number[place] != id_number[place + 1]]
    place = places[int(rng.integers(len(places)))]
    return f"{id_number[:place]}{id_number[place + 1]}{id_number[place]}{id_number[place + 2 :]}"


def old_id(id_number: str) -> str:
    """The 15-digit number that somebody born in the 1900s had before 1999."""
    return id_number[:6] + id_number[8:17]


def scientific(id_number: str) -> str:
    """What Excel shows, and writes to CSV, of an id number it took for a number."""
    return f"{int(id_number):.5E}"


def spaced_id(id_number: str) -> str:
    return f"{id_number[:6]} {id_number[6:14]} {id_number[14:]}"


def stranger_id(rng: np.random.Generator, id_number: str) -> str:
    """A valid id number of somebody far away: sequence numbers from 990 on, which the town's residents do not have."""
    year, day = int(rng.integers(1950, 2000)), int(rng.integers(1, 29))
    stem = int(f"440304{year}{int(rng.integers(1, 13)):02d}{day:02d}{int(rng.integers(990, 999))}")
    return id_texts(np.array([stem], dtype=np.int64))[0]


# What befalls an id number by chance, and what befalls each one alike.
_DRAWN_IDS: dict[str, Callable[[np.random.Generator, str], str]] = {
    "mistyped_id_digit": mistype_digit,
    "mistyped_id_swap": swap_digits,
    "stranger_id": stranger_id,
}
_SAME_IDS: dict[str, Callable[[str], str | float]] = {
    "missing_id": lambda id_number: "",
    "id_15_digits": old_id,
    "lower_case_x": str.lower,
    "full_width_id": lambda id_number: id_number.translate(FULL_WIDTH),
    "spaced_id": spaced_id,
    "scientific_id_text": scientific,
    "scientific_id_number": lambda id_number: float(f"{id_number[:15]}000"),  # as many digits as Excel keeps
}


def corrupt_id(rng: np.random.Generator, case: str, id_number: str) -> str | float:
    """The id number as the case leaves it; KeyError: no case of an id number."""
    if case in _DRAWN_IDS:
        return _DRAWN_IDS[case](rng, id_number)
    return _SAME_IDS[case](id_number)


def fitting_ids(id_numbers: list[str]) -> dict[str, np.ndarray]:
    """For the cases that cannot befall every id number: which rows they can."""
    ends_in_x = np.array([id_number.endswith("X") for id_number in id_numbers], dtype=bool)
    last_century = np.array([id_number[6:8] == "19" for id_number in id_numbers], dtype=bool)
    return {
        "lower_case_x": ends_in_x,
        "id_15_digits": last_century,
        "scientific_id_text": ~ends_in_x,
        "scientific_id_number": ~ends_in_x,
    }


# Dates ---------------------------------------------------------------------------------------------------------------

_DATES: dict[str, Callable[[date], str | int | date]] = {
    "date_unpadded": lambda day: f"{day.year}/{day.month}/{day.day}",
    "date_compact": lambda day: f"{day:%Y%m%d}",
    "date_chinese": lambda day: f"{day.year}年{day.month}月{day.day}日",
    "date_serial": lambda day: (day - _EXCEL_EPOCH).days,
    "date_impossible": lambda day: f"{day.year}-02-30",
    "date_excel": lambda day: day,
}


def corrupt_date(case: str, day: date) -> str | int | date:
    """The day as the case leaves it; a serial is a whole number. KeyError: no case of a date."""
    return _DATES[case](day)


def corrupt_date_text(case: str, day: str) -> str:
    """The same of a day written YYYY-MM-DD, as text."""
    return str(corrupt_date(case, date.fromisoformat(day)))


def fitting_dates(days: Sequence[str]) -> dict[str, np.ndarray]:
    """For the case that cannot befall every day: which ones have a zero to lose."""
    return {"date_unpadded": np.array(["-0" in day for day in days], dtype=bool)}


# Names and phones ----------------------------------------------------------------------------------------------------


def spaced_name(name: str) -> str:
    """Two-character names stretched to the width of three, as in printed lists."""
    return f"{name[0]}　{name[1:]}" if len(name) == 2 else " ".join(name)


def vary_dot(name: str, turn: int, dots: tuple[str, ...] = DOT_VARIANTS) -> str:
    return name.replace(DOT, dots[turn % len(dots)])


def landline(rng: np.random.Generator) -> str:
    return f"025-8{rng.integers(1000000, 9999999)}"


_PHONES: dict[str, Callable[[str], str]] = {
    "phone_prefix": lambda phone: f"+86 {phone}",
    "phone_dashes": lambda phone: f"{phone[:3]}-{phone[3:7]}-{phone[7:]}",
    "phone_spaces": lambda phone: f"{phone[:3]} {phone[3:7]} {phone[7:]}",
}


def corrupt_phone(rng: np.random.Generator, case: str, phone: str) -> str:
    """The phone as the case leaves it; a landline replaces it. KeyError: no case of a phone."""
    return landline(rng) if case == "phone_landline" else _PHONES[case](phone)


def typed_phone(rng: np.random.Generator, case: str, phone: str) -> str | int:
    """The same where the program takes numbers too."""
    return int(phone) if case == "number_for_text" else corrupt_phone(rng, case, phone)
