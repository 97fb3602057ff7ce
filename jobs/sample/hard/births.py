"""How a day of birth is written wrongly: parts swapped, some days off, by the lunar calendar, the year alone.

Reads: nothing. Writes: nothing. Refuses: nothing.
"""

from collections.abc import Callable, Sequence
from datetime import date, timedelta

import numpy as np

# A new moon in Beijing's time, and the mean length of a month, in minutes.
_NEW_MOON, _MONTH = date(2000, 1, 7), 42524
_NEW_MOON_MINUTE = 134
# The middle of the first lunar month's sign (雨水), and a twelfth of a year in minutes.
_FIRST_SIGN, _SIGN = date(2000, 2, 19), 43829
_DAY = 1440


def lunar_text(day: date) -> str:
    """The day by the lunar calendar, as YYYY-MM-DD.

    Reckoned by mean moons and a mean sun, so that it can be a day or, near a leap month, a month off. A 29th or 30th of
    the second month becomes the 28th, for programs refuse such a day.
    """
    elapsed = (day - _NEW_MOON).days * _DAY + _DAY - 1 - _NEW_MOON_MINUTE
    moon, within = divmod(elapsed, _MONTH)
    last = _NEW_MOON + timedelta(minutes=(moon + 1) * _MONTH + _NEW_MOON_MINUTE, days=-1)
    month = (last - _FIRST_SIGN).days * _DAY // _SIGN % 12 + 1
    year = day.year - 1 if month > 10 and day.month < 3 else day.year
    number = within // _DAY + 1
    return f"{year}-{month:02d}-{min(number, 28) if month == 2 else number:02d}"


def _shift(rng: np.random.Generator, day: date, days: int, latest: date) -> str:
    """So many days later or earlier, never after the latest day."""
    later = day + timedelta(days=days)
    is_later = rng.random() < 0.5 and later <= latest
    return (later if is_later else day - timedelta(days=days)).isoformat()


MISTAKEN_BIRTHS: dict[str, Callable[[np.random.Generator, date, date], str]] = {
    "swapped_birth": lambda rng, day, latest: f"{day.year}-{day.day:02d}-{day.month:02d}",
    "missing_birth": lambda rng, day, latest: "",
    "off_by_a_day": lambda rng, day, latest: _shift(rng, day, 1, latest),
    "off_by_ten_days": lambda rng, day, latest: _shift(rng, day, 10, latest),
    "off_by_a_year": lambda rng, day, latest: _shift(rng, day, 365, latest),
    "lunar_birth": lambda rng, day, latest: lunar_text(day),
    "january_first": lambda rng, day, latest: f"{day.year}-01-01",
    "year_only": lambda rng, day, latest: f"{day.year}{'年' if rng.random() < 0.5 else ''}",
    "placeholder_birth": lambda rng, day, latest: "1900-01-01",
}


def fitting_births(days: Sequence[str]) -> dict[str, np.ndarray]:
    """For the mistakes that cannot befall every day, of days written YYYY-MM-DD: which ones they can."""
    swappable = [day[8:] <= "12" and day[8:] != day[5:7] for day in days]
    other = [day[5:] != "01-01" for day in days]
    return {"swapped_birth": np.array(swappable, dtype=bool), "january_first": np.array(other, dtype=bool)}
