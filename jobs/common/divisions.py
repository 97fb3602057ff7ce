"""Administrative divisions, read from `conf/codes/divisions.csv` (code, name, level, parent_code).

Refuses: a code given twice.
"""

import csv
from collections import Counter
from pathlib import Path

from jobs.common.errors import UserError


def division_codes(path: Path) -> dict[str, str]:
    """What stands for which 12-digit code: the code itself, its short forms of 6 and 9 digits, and names that occur once.

    A short form is the code without the zeros of the levels below it.
    """
    with open(path, encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle))
    repeated = [code for code, count in Counter(row["code"] for row in rows).items() if count > 1]
    if repeated:
        raise UserError(f"{path}: code {repeated[0]} is given twice; keep one of the rows")
    names = Counter(row["name"] for row in rows)
    found = {row["name"]: row["code"] for row in rows if names[row["name"]] == 1}
    for row in rows:
        code = row["code"]
        for digits in (6, 9):
            if set(code[digits:]) == {"0"}:
                found[code[:digits]] = code
        found[code] = code
    return found
