"""Code lists, read from `conf/codes/<list>.csv`: code, label and what systems write instead.

Reads: CSV in UTF-8 with the columns code, label, synonyms (separated by `|`). Writes: nothing.
Refuses: another header, a ragged or empty row, a code given twice, a word that stands for two codes.
"""

from pathlib import Path

from jobs.common.base.csv_file import read_rows, refuse_faults

HEADER = ["code", "label", "synonyms"]
Code = tuple[str, str, tuple[str, ...]]


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
        place = f"{path.name}:{line}"
        if len(cells) != len(HEADER):
            faults.append(
                f"{place}: the row has {len(cells)} cells instead of {len(HEADER)}. "
                "Separate synonyms by |, and put a text that contains a comma in double quotes."
            )
            continue
        code, label, *_ = cells
        synonyms = tuple(word.strip() for word in cells[2].split("|")) if cells[2] else ()
        if not code or not label:
            faults.append(f"{place}: the {'code' if not code else 'label'} is empty. Fill it in or remove the row.")
        elif code in codes_seen:
            faults.append(
                f"{place}: the code {code} is given twice, first on line {codes_seen[code]}. Keep one of them."
            )
        elif "" in synonyms:
            faults.append(f"{place}: a synonym is empty. Remove the | that separates nothing.")
        else:
            for word in (code, label, *synonyms):
                other, other_line = meanings.setdefault(word, (code, line))
                if other != code:
                    faults.append(
                        f"{place}: `{word}` stands for two codes, {code} and {other} (line {other_line}). "
                        "Remove it from one of them."
                    )
            codes.append((code, label, synonyms))
        codes_seen.setdefault(code, line)
    if not codes and not faults:
        faults.append(f"{path.name}: the list has no codes. Add at least one row.")
    refuse_faults(faults)
    return codes


def value_to_code(path: Path) -> dict[str, str]:
    """Map all that stands for a code to the code: itself, label and synonyms, and `1` for `01`.

    The form without leading zeros counts only where it is unambiguous: it is no word of the list and no other code's.

    Raises:
        UserError: as `load_codes`.
    """
    codes = load_codes(path)
    mapping = {word: code for code, label, synonyms in codes for word in (code, label, *synonyms)}
    unpadded: dict[str, list[str]] = {}
    for code, _, _ in codes:
        if code.isascii() and code.isdigit() and code.startswith("0"):
            unpadded.setdefault(code.lstrip("0") or "0", []).append(code)
    return mapping | {
        short: padded[0] for short, padded in unpadded.items() if short not in mapping and len(padded) == 1
    }
