"""A list that an office keeps from night to night, with its mistakes, and how its program writes it as delimited text.

Reads: nothing. Writes: nothing. Refuses: nothing.
A row keeps its mistakes until something is written over them, so that it changes only when something happened to what it
is about, or when a clerk corrected it.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from jobs.sample import corruption

_FAULTS = {"duplicate_row": 0.001, "key_conflict": 0.0005, "ragged_line": 0.0005, "missing_key": 0.0005}
KEY = 0  # the column of the key, in every list


@dataclass
class Roster:
    """One list of cells for each column, and what each row is about: a resident, a dwelling, an organisation."""

    headers: tuple[str, ...]
    separator: str = ","
    columns: list[list[str]] = field(default_factory=list)
    subjects: list[int] = field(default_factory=list)
    row_of: dict[int, int] = field(default_factory=dict)
    corrupted: dict[tuple[str, int], set[int]] = field(default_factory=dict)  # case and column -> subjects

    def __len__(self) -> int:
        return len(self.subjects)

    def append(self, subjects: Sequence[int], columns: Sequence[list[str]]) -> range:
        """Add rows; returns their places."""
        before = len(self.subjects)
        self.row_of.update({subject: before + place for place, subject in enumerate(subjects)})
        self.subjects += subjects
        if not self.columns:
            self.columns = [[] for _ in self.headers]
        for column, cells in zip(self.columns, columns, strict=True):
            column += cells
        return range(before, len(self.subjects))

    def strike(self, subjects: Collection[int]) -> int:
        """Remove rows; returns how many there were."""
        struck = {subject for subject in subjects if subject in self.row_of}
        if struck:
            kept = [row for row, subject in enumerate(self.subjects) if subject not in struck]
            self.columns = [[column[row] for row in kept] for column in self.columns]
            self.subjects = [self.subjects[row] for row in kept]
            self.row_of = {subject: row for row, subject in enumerate(self.subjects)}
        return len(struck)

    def cell(self, subject: int, column: int) -> str:
        return self.columns[column][self.row_of[subject]]

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

    def with_case(self, prefix: str) -> list[int]:
        """Subjects whose row has a case of that beginning."""
        return sorted(
            {one for (case, _), marked in self.corrupted.items() if case.startswith(prefix) for one in marked}
        )

    def count_cases(self, counts: Counter[str], subjects: Collection[int] | None = None) -> None:
        """Add how often each case stands in the rows, or in those of some subjects."""
        present = self.row_of.keys() if subjects is None else subjects & self.row_of.keys()
        for (case, _), marked in self.corrupted.items():
            counts[case] += len(marked & present)

    def lines(self, rows: Sequence[int] | None = None) -> list[str]:
        """The rows as text, all or some."""
        if rows is None:
            return list(map(self.separator.join, zip(*self.columns, strict=True)))
        return [self.separator.join([column[row] for column in self.columns]) for row in rows]


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
    places = range(len(roster)) if subjects is None else [roster.row_of[subject] for subject in subjects]
    rows = roster.lines(None if subjects is None else places)
    meant = roster.subjects if subjects is None else list(subjects)
    allowed = np.array(
        [subject not in faults.safe and '"' not in row for subject, row in zip(meant, rows, strict=True)], dtype=bool
    )
    shares = {case: share for case, share in _FAULTS.items() if _happens(case, number)}
    cases = corruption.draw_cases(rng, len(rows), shares, allowed)
    for row in cases.get("missing_key", []):
        rows[row] = rows[row].removeprefix(roster.columns[KEY][places[row]])
    for turn, row in enumerate(cases.get("ragged_line", [])):
        rows[row] = _tear(roster, places[row], faults.torn) if turn % 2 == 0 else _cut_off(rows[row], roster.separator)
    always = [row for row, subject in enumerate(meant) if subject in faults.always]
    conflicts = [*cases["key_conflict"], *always]
    others = [_conflicting(roster, places[row], faults.conflict) for row in conflicts]

    lines, records = list(rows), list(range(len(rows)))
    for row in reversed(cases["duplicate_row"]):  # from the end, so that earlier places still hold
        lines.insert(row + 1, rows[row])
        records.insert(row + 1, row)
    lines += others
    records += conflicts
    blank = len(lines) // 2
    lines.insert(blank, "")
    heights = 1 + np.array([line.count("\n") for line in lines])
    starts = np.concatenate([[0], np.cumsum(heights)[:-1]]) + 2
    starts = np.delete(starts, blank)

    counts.update({case: len(own) for case, own in cases.items()})
    counts.update({"key_conflict": len(always), "blank_line": 1})
    text = "\r\n".join([roster.separator.join(roster.headers), *lines, ""])
    return Page(text, starts.tolist(), [meant[record] for record in records])


def two_lines(cell: str, remark: str = "（近北门）") -> str:
    """As typed with Alt+Enter; quoted here, because rows are joined without looking into cells."""
    return f'"{cell}\n{remark}"'


def _happens(case: str, number: int) -> bool:
    return {"missing_key": number == 0, "ragged_line": number % 2 == 0}.get(case, True)


def _tear(roster: Roster, row: int, torn: int) -> str:
    """A separator inside a cell that nobody quoted."""
    cells = [column[row] for column in roster.columns]
    cells[torn] = f"{cells[torn][:2]}{roster.separator}{cells[torn][2:]}"
    return roster.separator.join(cells)


def _cut_off(line: str, separator: str) -> str:
    """The end of the line is missing."""
    return separator.join(line.split(separator)[:-3])


def _conflicting(roster: Roster, row: int, cells: Mapping[int, str]) -> str:
    """The same key once more with other cells."""
    return roster.separator.join([cells.get(place, column[row]) for place, column in enumerate(roster.columns)])
