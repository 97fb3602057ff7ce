"""How clerks, spreadsheets and old programs corrupt what they export: one small function for each nasty case of a cell.

Reads: nothing. Writes: nothing. Refuses: nothing.
"""

from collections.abc import Mapping
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


def corrupt_id(rng: np.random.Generator, case: str, id_number: str) -> str | float:
    """The id number as the case leaves it."""
    match case:
        case "missing_id":
            return ""
        case "mistyped_id_digit":
            return mistype_digit(rng, id_number)
        case "mistyped_id_swap":
            return swap_digits(rng, id_number)
        case "id_15_digits":
            return old_id(id_number)
        case "lower_case_x":
            return id_number.lower()
        case "full_width_id":
            return id_number.translate(FULL_WIDTH)
        case "spaced_id":
            return spaced_id(id_number)
        case "scientific_id_text":
            return scientific(id_number)
        case "scientific_id_number":
            return float(f"{id_number[:15]}000")  # fifteen digits is what Excel keeps of a number
        case "stranger_id":
            return stranger_id(rng, id_number)
    raise ValueError(case)


def stranger_id(rng: np.random.Generator, id_number: str) -> str:
    """A valid id number of somebody far away: sequence numbers from 990 on, which the town's residents do not have."""
    year, day = int(rng.integers(1950, 2000)), int(rng.integers(1, 29))
    stem = int(f"440304{year}{int(rng.integers(1, 13)):02d}{day:02d}{int(rng.integers(990, 999))}")
    return id_texts(np.array([stem], dtype=np.int64))[0]


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


def corrupt_date(case: str, day: date) -> str | int | date:
    """The day as the case leaves it; a serial is a whole number."""
    match case:
        case "date_unpadded":
            return f"{day.year}/{day.month}/{day.day}"
        case "date_compact":
            return f"{day:%Y%m%d}"
        case "date_chinese":
            return f"{day.year}年{day.month}月{day.day}日"
        case "date_serial":
            return (day - _EXCEL_EPOCH).days
        case "date_impossible":
            return f"{day.year}-02-30"
        case "date_excel":
            return day
    raise ValueError(case)


# Names and phones ----------------------------------------------------------------------------------------------------


def spaced_name(name: str) -> str:
    """Two-character names stretched to the width of three, as in printed lists."""
    return f"{name[0]}　{name[1:]}" if len(name) == 2 else " ".join(name)


def vary_dot(name: str, turn: int, dots: tuple[str, ...] = DOT_VARIANTS) -> str:
    return name.replace(DOT, dots[turn % len(dots)])


def corrupt_phone(rng: np.random.Generator, case: str, phone: str) -> str:
    """The phone as the case leaves it; a landline replaces it."""
    match case:
        case "phone_prefix":
            return f"+86 {phone}"
        case "phone_dashes":
            return f"{phone[:3]}-{phone[3:7]}-{phone[7:]}"
        case "phone_spaces":
            return f"{phone[:3]} {phone[3:7]} {phone[7:]}"
        case "phone_landline":
            return f"025-8{rng.integers(1000000, 9999999)}"
    raise ValueError(case)
