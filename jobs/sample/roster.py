"""A list that an office keeps from night to night, with its mistakes, and how its program writes it as delimited text.

Reads: nothing. Writes: nothing. Refuses: nothing.
A row keeps its mistakes until something is written over them, so that it changes only when something happened to what it
is about, or when a clerk corrected it.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import compress

import numpy as np

from jobs.sample import corruption

_FAULTS = {"duplicate_row": 0.001, "key_conflict": 0.0005, "ragged_line": 0.0005, "missing_key": 0.0005}
KEY = 0  # the column of the key, in every list
NOTE = "（近北门）"  # what a clerk adds to an address


@dataclass
class Roster:
    """One list of cells for each column, and what each row is about: a resident, a dwelling, an organisation."""

    headers: tuple[str, ...]
    separator: str = ","
    columns: list[list[str]] = field(init=False)
    subjects: list[int] = field(default_factory=list)
    row_of: dict[int, int] = field(default_factory=dict)
    corrupted: dict[tuple[str, int], set[int]] = field(default_factory=dict)  # case and column -> subjects

    def __post_init__(self) -> None:
        self.columns = [[] for _ in self.headers]

    def __len__(self) -> int:
        return len(self.subjects)

    def append(self, subjects: Sequence[int], columns: Sequence[list[str]]) -> range:
        """Add rows; returns their places."""
        before = len(self.subjects)
        rows = range(before, before + len(subjects))
        self.row_of.update(zip(subjects, rows, strict=True))
        self.subjects += subjects
        for column, cells in zip(self.columns, columns, strict=True):
            column += cells
        return rows

    def append_rows(self, subjects: Sequence[int], rows: Iterable[Sequence[str]]) -> range:
        """The same of cells that come row by row."""
        columns: list[list[str]] = [[] for _ in self.headers]
        for row in rows:
            for column, cell in zip(columns, row, strict=True):
                column.append(cell)
        return self.append(subjects, columns)

    def strike(self, subjects: Collection[int]) -> int:
        """Remove rows; returns how many there were."""
        struck = self.row_of.keys() & subjects
        if not struck:
            return 0
        is_kept = [subject not in struck for subject in self.subjects]
        self.columns = [list(compress(column, is_kept)) for column in self.columns]
        self.subjects = list(compress(self.subjects, is_kept))
        self.row_of = dict(zip(self.subjects, range(len(self.subjects)), strict=True))
        return len(struck)

    def known(self, subjects: Iterable[int]) -> list[int]:
        """Those of the subjects that have a row."""
        return list(filter(self.row_of.__contains__, subjects))

    def cell(self, subject: int, column: int) -> str:
        return self.columns[column][self.row_of[subject]]

    def cells(self, column: int, rows: range) -> list[str]:
        """The cells of neighbouring rows."""
        return self.columns[column][rows.start : rows.stop]

    def write(self, subject: int, column: int, cell: str) -> None:
        """Write a clean cell over what there was."""
        self.columns[column][self.row_of[subject]] = cell
        for (_, corrupted_column), subjects in self.corrupted.items():
            if corrupted_column == column:
                subjects.discard(subject)

    def corrupt(self, case: str, column: int, rows: Iterable[int], cells: Iterable[str]) -> None:
        """Write corrupted cells and remember whose they are."""
        marked = self.corrupted.setdefault((case, column), set())
        for row, cell in zip(rows, cells, strict=True):
            self.columns[column][row] = cell
            marked.add(self.subjects[row])

    def overwrite(self, case: str, column: int, rows: Sequence[int], cells: Iterable[str]) -> None:
        """Write corrupted cells over those of other cases, which are forgotten."""
        subjects = {self.subjects[row] for row in rows}
        for (_, corrupted_column), marked in self.corrupted.items():
            if corrupted_column == column:
                marked -= subjects
        self.corrupt(case, column, rows, cells)

    def spoil(
        self, drawn: Mapping[str, list[int]], column: int, rows: range, change: Callable[[str, str], str]
    ) -> None:
        """Corrupt the drawn ones of `rows`: `change` makes the new cell of a case and the cell that stands there."""
        for case, own in drawn.items():
            at = [rows[place] for place in own]
            cells = [change(case, self.columns[column][row]) for row in at]
            self.corrupt(case, column, at, cells)

    def with_case(self, prefix: str) -> list[int]:
        """Subjects in the list whose row has a case of that beginning."""
        found: set[int] = set()
        for (case, _), marked in self.corrupted.items():
            if case.startswith(prefix):
                found |= marked
        return sorted(found & self.row_of.keys())

    def count_cases(self, counts: Counter[str], subjects: Collection[int] | None = None) -> None:
        """Add how often each case stands in the rows, or in those of some subjects."""
        present = self.row_of.keys() if subjects is None else subjects & self.row_of.keys()
        for (case, _), marked in self.corrupted.items():
            counts[case] += len(marked & present)

    def lines(self) -> list[str]:
        """The rows as text."""
        return list(map(self.separator.join, zip(*self.columns, strict=True)))

    def line(self, subject: int, instead: Mapping[int, str] | None = None) -> str:
        """One row as text, with other cells `instead` of some."""
        row, others = self.row_of[subject], instead or {}
        return self.separator.join([others.get(place, column[row]) for place, column in enumerate(self.columns)])


@dataclass(frozen=True)
class Page:
    """A roster as it is exported: its text, and for each record the line where it starts and what it is about."""

    text: str
    numbers: list[int]
    subjects: list[int]


@dataclass(frozen=True)
class Faults:
    """What an export does to a roster.

    Args:
        safe: subjects whose own rows are never corrupted.
        conflict: columns and what the other row of a key conflict has there.
        torn: the column in which a separator too many stands on a ragged line.
        always: subjects that have a key conflict in every export.
    """

    safe: Collection[int]
    conflict: Mapping[int, str]
    torn: int
    always: tuple[int, ...] = ()


def export_roster(
    rng: np.random.Generator, roster: Roster, number: int, faults: Faults, counts: Counter[str],
    subjects: Sequence[int] | None = None,
) -> Page:  # fmt: skip
    """Lay out the `number`-th export of a roster, of all subjects or of some, with the faults that only an export has.

    A row without a key keeps absent rows from ending, and a ragged one may: every second night has neither.
    """
    if subjects is None:
        meant, rows = roster.subjects, roster.lines()
    else:
        meant, rows = list(subjects), list(map(roster.line, subjects))
    cases = _draw_faults(rng, rows, meant, number, faults.safe)
    _spoil_lines(rows, roster, meant, cases, faults.torn)
    always = np.flatnonzero(np.isin(meant, faults.always)).tolist()
    conflicts = [*cases["key_conflict"], *always]
    once_or_twice = sorted([*range(len(rows)), *cases["duplicate_row"]])

    lines = [rows[row] for row in once_or_twice]
    lines += [roster.line(meant[row], faults.conflict) for row in conflicts]
    starts = _insert_blank(lines)
    for case, own in cases.items():
        counts[case] += len(own)
    counts.update({"key_conflict": len(always), "blank_line": 1})
    text = "\r\n".join([roster.separator.join(roster.headers), *lines, ""])
    return Page(text, starts, [meant[row] for row in (*once_or_twice, *conflicts)])


def _draw_faults(
    rng: np.random.Generator, rows: list[str], meant: Sequence[int], number: int, safe: Collection[int]
) -> dict[str, list[int]]:
    """The rows of each fault; those that hold a quoted cell are whole, because rows are spoiled as text."""
    is_quoted = np.array(['"' in row for row in rows], dtype=bool)
    shares = dict(_FAULTS)
    if number:
        del shares["missing_key"]
    if number % 2:
        del shares["ragged_line"]
    return corruption.draw_cases(rng, len(rows), shares, ~np.isin(meant, list(safe)) & ~is_quoted)


def _spoil_lines(
    rows: list[str], roster: Roster, meant: Sequence[int], cases: Mapping[str, list[int]], torn: int
) -> None:
    """Take the key off some rows; every second ragged line has a cell too many, the others end too early."""
    for row in cases.get("missing_key", ()):
        rows[row] = rows[row].removeprefix(roster.cell(meant[row], KEY))
    ragged = cases.get("ragged_line", [])
    for row in ragged[::2]:
        cell = roster.cell(meant[row], torn)
        rows[row] = roster.line(meant[row], {torn: f"{cell[:2]}{roster.separator}{cell[2:]}"})
    for row in ragged[1::2]:
        rows[row] = _cut_off(rows[row], roster.separator)


def _insert_blank(lines: list[str]) -> list[int]:
    """Put a blank line in the middle; returns where each record starts, below a header in line 1."""
    blank = len(lines) // 2
    lines.insert(blank, "")
    heights = 1 + np.array([line.count("\n") for line in lines])
    starts = np.concatenate([[0], np.cumsum(heights)[:-1]]) + 2
    places: list[int] = np.delete(starts, blank).tolist()
    return places


def break_lines(
    rng: np.random.Generator, roster: Roster, rows: range, column: int, share: float, allowed: np.ndarray,
    remark: str = NOTE,
) -> None:  # fmt: skip
    """Write some cells in two lines."""
    drawn = corruption.draw_cases(rng, len(rows), {"quoted_newline": share}, allowed)
    roster.spoil(drawn, column, rows, lambda case, cell: two_lines(cell, remark))


def two_lines(cell: str, remark: str = NOTE) -> str:
    """As typed with Alt+Enter; quoted here, because rows are joined without looking into cells."""
    return f'"{cell}\n{remark}"'


def _cut_off(line: str, separator: str) -> str:
    """The end of the line is missing."""
    return separator.join(line.split(separator)[:-3])
