"""Code lists, read from `conf/codes/<list>.csv`: code, label and what systems write instead.

Reads: CSV in UTF-8 with the columns code, label, synonyms (separated by `|`). Writes: nothing.
Refuses: another header, a ragged or empty row, a code given twice, a word that stands for two codes.
"""

import re
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from jobs.common.base.csv_file import read_rows, refuse_faults

HEADER = ["code", "label", "synonyms"]
Code = tuple[str, str, tuple[str, ...]]
_LEADING_ZERO = re.compile("0[0-9]*")


def load_codes(path: Path) -> list[Code]:
    """Read a code list as (code, label, synonyms), in the order of the file.

    Raises:
        UserError: the list has faults; the message has one line for each, with file and line.
    """
    codes: list[Code] = []
    faults: list[str] = []
    meanings: dict[str, tuple[str, int]] = {}  # word -> code it stands for, line that said so
    codes_seen: dict[str, int] = {}
    for line, cells in read_rows(path, HEADER):
        found = _fault_of_row(cells, codes_seen)
        if not found:
            code, label, synonyms = cells[0], cells[1], _synonyms(cells[2])
            found = _faults_of_words(line, code, (code, label, *synonyms), meanings)
            codes.append((code, label, synonyms))
        faults += [f"{path.name}:{line}: {fault}" for fault in found]
        if len(cells) == len(HEADER):
            codes_seen.setdefault(cells[0], line)
    if not codes and not faults:
        faults.append(f"{path.name}: the list has no codes. Add at least one row.")
    refuse_faults(faults)
    return codes


def _synonyms(cell: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in cell.split("|")) if cell else ()


def _fault_of_row(cells: list[str], codes_seen: dict[str, int]) -> list[str]:
    """Why the row is no code; empty if it is one."""
    if len(cells) != len(HEADER):
        return [
            f"the row has {len(cells)} cells instead of {len(HEADER)}. "
            "Separate synonyms by |, and put a text that contains a comma in double quotes."
        ]
    code, label, synonyms = cells
    if not code or not label:
        return [f"the {'code' if not code else 'label'} is empty. Fill it in or remove the row."]
    if code in codes_seen:
        return [f"the code {code} is given twice, first on line {codes_seen[code]}. Keep one of them."]
    if "" in _synonyms(synonyms):
        return ["a synonym is empty. Remove the | that separates nothing."]
    return []


def _faults_of_words(line: int, code: str, words: Iterable[str], meanings: dict[str, tuple[str, int]]) -> list[str]:
    """Words that stand for another code already; the others are added to `meanings`."""
    faults = []
    for word in words:
        other, other_line = meanings.setdefault(word, (code, line))
        if other != code:
            faults.append(
                f"`{word}` stands for two codes, {code} and {other} (line {other_line}). Remove it from one of them."
            )
    return faults


def value_to_code(path: Path) -> dict[str, str]:
    """Map all that stands for a code to the code: itself, label and synonyms, and `1` for `01`.

    The form without leading zeros counts only where it is unambiguous: it is no word of the list and no other code's.

    Raises:
        UserError: as `load_codes`.
    """
    codes = load_codes(path)
    mapping: dict[str, str] = {}
    for code, label, synonyms in codes:
        mapping |= dict.fromkeys((code, label, *synonyms), code)
    for short, padded in _unpadded(code for code, _, _ in codes).items():
        if len(padded) == 1:
            mapping.setdefault(short, padded[0])
    return mapping


def _unpadded(codes: Iterable[str]) -> dict[str, list[str]]:
    """Form without leading zeros -> the codes that have it, of those that begin with one."""
    found: dict[str, list[str]] = defaultdict(list)
    for code in filter(_LEADING_ZERO.fullmatch, codes):
        found[code.lstrip("0") or "0"].append(code)
    return found
