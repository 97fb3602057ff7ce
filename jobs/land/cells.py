"""Cells of a workbook as text, the way Excel shows the value they hold."""

import math
from collections.abc import Callable, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any

from jobs.common.intake.cell_errors import NO_NUMBER

# Excel keeps 15 digits. A larger whole number has lost its last ones, and scientific notation lets it be seen.
_EXACT_BELOW = 1e15


def number_text(value: float) -> str:
    """A number with up to 15 digits; a whole one without `.0`, and as `3.20106199001E+17` where digits were lost.

    NaN and infinity, which programs write and Excel does not know, are the error that Excel has for them.
    """
    if not math.isfinite(value):
        return NO_NUMBER
    if abs(value) >= _EXACT_BELOW:
        mantissa, _, exponent = f"{value:.14E}".partition("E")
        return f"{mantissa.rstrip('0').rstrip('.')}E{exponent}"
    if value == int(value):
        return str(int(value))
    return f"{value:.15G}"


def moment_text(value: datetime) -> str:
    """`YYYY-MM-DD`, with ` HH:MM:SS` unless it is midnight; to the second, as Excel's fractions of a day are not exact.

    The last day there is stays a day, as it stands for "for ever".
    """
    if value.date() == date.max:
        return value.date().isoformat()
    value = (value + timedelta(microseconds=500_000)).replace(microsecond=0)
    return value.date().isoformat() if value.time() == time() else value.isoformat(sep=" ")


def duration_text(value: timedelta) -> str:
    seconds = round(value.total_seconds())
    sign = "-" if seconds < 0 else ""
    return f"{sign}{abs(seconds) // 3600}:{abs(seconds) // 60 % 60:02}:{abs(seconds) % 60:02}"


_TEXT_OF: dict[type, Callable[[Any], str]] = {
    str: str,
    float: number_text,
    int: number_text,
    bool: lambda value: "TRUE" if value else "FALSE",
    datetime: moment_text,
    date: date.isoformat,
    time: lambda value: value.replace(microsecond=0).isoformat(),
    timedelta: duration_text,
}


def column_texts(cells: Sequence[Any]) -> Sequence[str]:
    """Text of each cell of a column."""
    if set(map(type, cells)) <= {str}:
        return cells
    return [_TEXT_OF[type(cell)](cell) for cell in cells]
