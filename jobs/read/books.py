"""`jiceng books`: what became of every row, per file, system or night, with every term of the equations."""

import re
from collections import Counter, defaultdict
from dataclasses import replace
from datetime import date
from enum import StrEnum
from itertools import chain
from typing import Any

from rich.cells import cell_len
from rich.text import Text

from jobs.common.base.errors import UserError
from jobs.common.base.file_names import shown
from jobs.common.base.workspace import Workspace
from jobs.common.lake.tables import Lake
from jobs.common.releases.books import ENTITY_TERMS, FILE_TERMS, ROW_TERMS, Balance, balances
from jobs.common.run.runs import all_runs
from jobs.common.run.stage import open_lake
from jobs.read.output import ID_SHOWN, output_width, print_text

_OF_FILES = ("read", "standing", *FILE_TERMS, *(term for term in ROW_TERMS if term not in FILE_TERMS))
_OF_RECORDS = ("previous", "reopened", "ended", "current", *ENTITY_TERMS)
TERMS = (*_OF_FILES, *_OF_RECORDS)
COLUMNS = ["run_id", "system", "object", "file", "file_id", "record", "equation", *TERMS, "left", "right", "closes"]


class By(StrEnum):
    """Over what the rows of files are added up; records and kinds are always of the whole lake."""

    file = "file"
    system = "system"
    night = "night"


def books_rows(
    workspace: Workspace, run_id: str | None, night: date | None, system: str | None, by: By
) -> list[dict[str, Any]]:
    """Every equation of one run's books with its terms; raises UserError where there are none."""
    lake = open_lake(workspace)
    found_in, ledger = _last_ledger(lake, run_id, night)
    found = add_up(balances(ledger), by)
    if system is not None:
        found = [balance for balance in found if balance.system == system]
        if not found:
            raise UserError(f"run {found_in} took no file of {system}, so there are no books for it")
    files = lake.rows("ops.file").to_pylist()
    names = {(row["system"], row["object"], row["file_id"]): shown(row["name"], row["file_id"]) for row in files}
    return [balance_row(found_in, balance, names) for balance in found]


def _last_ledger(lake: Lake, run_id: str | None, night: date | None) -> tuple[str, list[dict[str, Any]]]:
    """The last run of those meant that has books, and these; raises UserError if none has."""
    for run in reversed(all_runs(lake)):
        if run_id in (None, run.run_id) and night in (None, run.night):
            ledger = lake.rows("ops.ledger", {"run_id": run.run_id}).to_pylist()
            if ledger:
                return run.run_id, ledger
    raise UserError(f"no books for {run_id or night or 'this workspace'}; `jiceng status` shows the runs")


def add_up(found: list[Balance], by: By) -> list[Balance]:
    """The balances of files added up over each object of a system, or over all; those of records stay as they are."""
    if by is By.file:
        return found
    groups: dict[tuple[str | None, ...], list[Balance]] = defaultdict(list)
    for balance in found:
        place = (balance.system, balance.object) if by is By.system else (None, None)
        kind = "file" if balance.file_id else None
        groups[(*place, kind, balance.record, balance.equation)].append(balance)
    return [_sum_up(group, by) for group in groups.values()]


def _sum_up(group: list[Balance], by: By) -> Balance:
    """One balance of several with the same equation."""
    first, terms = group[0], Counter[str]()
    for balance in group:
        terms.update(balance.terms)
    left, right = sum(balance.left for balance in group), sum(balance.right for balance in group)
    summed = replace(first, file_id=None, left=left, right=right, terms=dict(terms))
    return summed if by is By.system else replace(summed, system=None, object=None)


def balance_row(run_id: str, balance: Balance, names: dict[tuple[str, str, str], str]) -> dict[str, Any]:
    """One equation as a row.

    Args:
        run_id: whose books.
        balance: the equation.
        names: of files, as they are shown, by system, object and file_id.
    """
    return {
        "run_id": run_id,
        "system": balance.system,
        "object": balance.object,
        "file": names.get((balance.system or "", balance.object or "", balance.file_id or "")),
        "file_id": balance.file_id,
        "record": balance.record,
        "equation": balance.equation,
        **{term: balance.terms.get(term) for term in dict.fromkeys((*TERMS, *balance.terms))},
        "left": balance.left,
        "right": balance.right,
        "closes": balance.closes,
    }


def columns_of(rows: list[dict[str, Any]]) -> list[str]:
    """`COLUMNS`, and before the sums the terms that only products have."""
    more = set(chain.from_iterable(rows)) - set(COLUMNS)
    return [*COLUMNS[:-3], *sorted(more), *COLUMNS[-3:]]


def print_books(rows: list[dict[str, Any]]) -> None:
    """The equations for people, under the file, object or system that they speak of."""
    groups: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        groups[_heading(row)].append(row)
    for place, group in groups.items():
        print_text(Text(place, style="bold"))
        for line in chain.from_iterable(map(_lines_of, group)):
            print_text(Text(line))
    open_ones = sum(not row["closes"] for row in rows)
    state = f"{open_ones} do not close" if open_ones else "all close"
    print_text(Text(f"run {rows[0]['run_id']}: {len(rows)} equations, {state}"))


def _lines_of(row: dict[str, Any]) -> list[str]:
    """An equation, of what, and whether it closes."""
    label = row["record"] or "rows of the file"
    text = f"  {label:<16}  {fill_in(row)}"
    if not row["closes"]:
        text += f"  DOES NOT CLOSE: {row['left']:,} and {row['right']:,}"
    return _fold_terms(text, output_width())


def _fold_terms(text: str, limit: int | None) -> list[str]:
    """Lines of at most `limit`, broken before a term of the equation."""
    if limit is None:
        return [text]
    first, *terms = text.split(" + ")
    lines = [first]
    for term in terms:
        longer = f"{lines[-1]} + {term}"
        if cell_len(longer) <= limit:
            lines[-1] = longer
        else:
            lines.append(f"{'':<20}+ {term}")
    return lines


def _heading(row: dict[str, Any]) -> str:
    if not row["system"]:
        return "all files" if re.match("read|landed|standing", row["equation"]) else "records and kinds"
    if row["file_id"]:
        file = f"{row['file']}  {row['file_id'][:ID_SHOWN]}"
    elif row["standing"] is not None:
        file = "rows that stand, under new rules or files"
    else:
        file = "all files"
    return f"{row['system']} {row['object']}  {file}"


def fill_in(row: dict[str, Any]) -> str:
    """An equation with its numbers, such as `62 landed = 59 new + 3 quarantined`; of many terms those that are not 0."""
    left, right = row["equation"].split(" = ")
    words = re.findall("[a-z_]+", right)
    if len(words) > len(FILE_TERMS) + 1:
        right = " + ".join([word for word in words if row[word]] or words[:1])
    return re.sub("[a-z_]+", lambda word: f"{row[word[0]]:,} {word[0]}", f"{left} = {right}")
