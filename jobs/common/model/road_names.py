"""Streets that were renamed: `conf/codes/road_names.csv` (former, present, county, until).

An address with the former name is recognised by the present one, in the county of six digits. `until` is the year or the day
on which the former name ended, and may be empty. Refuses: another header, a ragged row, an empty name, a county that is no six
digits, a day that is none, a name that two rows of a county rename, a present name that is renamed itself.
"""

import re
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from jobs.common.base.csv_file import read_rows, refuse_faults

LIST = "road_names"
HEADER = ["former", "present", "county", "until"]
_COUNTY = re.compile("[0-9]{6}")
_YEAR = re.compile("[0-9]{4}")


@dataclass(frozen=True)
class RenamedRoad:
    """One street: its former and its present name, and the county, whose code has six digits."""

    former: str
    present: str
    county: str


def load_road_names(path: Path) -> list[RenamedRoad]:
    """The streets, in the order of the file.

    Raises:
        UserError: the list has faults; the message has one line for each, with file and line.
    """
    faults: list[str] = []
    roads: list[RenamedRoad] = []
    lines: dict[tuple[str, str], int] = {}  # county and former name -> line
    for line, cells in read_rows(path, HEADER):
        fault = _fault_of_row(cells)
        if fault is None:
            road = RenamedRoad(*cells[:3])
            first = lines.setdefault((road.county, road.former), line)
            roads.append(road)
            fault = None if first == line else f"the street is renamed on line {first} already. Keep one of the rows."
        if fault is not None:
            faults.append(f"{path.name}:{line}: {fault}")
    faults += [
        f"{path.name}:{lines[road.county, road.present]}: the name is the present one of another row. "
        "Write in both rows the name that the street has now."
        for road in roads
        if (road.county, road.present) in lines
    ]
    refuse_faults(faults)
    return roads


def _fault_of_row(cells: list[str]) -> str | None:
    """What is wrong with a row; None if nothing is."""
    if len(cells) != len(HEADER):
        return f"the row has {len(cells)} cells instead of {len(HEADER)}. Write former, present, county, until."
    former, present, county, until = cells
    if not former or not present:
        return f"the {'former' if not former else 'present'} name is empty. Fill it in or remove the row."
    if former == present:
        return "the former name is the present one. Correct one of them."
    if not _COUNTY.fullmatch(county):
        return "the county is no code of six digits. Write the first six digits of the division, as 320102."
    if until and not _is_time(until):
        return "`until` is no year and no day. Write 2019 or 2019-05-01, or leave it empty."
    return None


def _is_time(text: str) -> bool:
    if _YEAR.fullmatch(text):
        return True
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
