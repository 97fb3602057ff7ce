"""The balances that the books must satisfy, over rows of `ops.ledger` of one run.

Per file: read = landed + quarantined + skipped. Per file and record: landed = new + changed + unchanged + duplicate +
quarantined + not_applicable + late + held (a reopened row is among the changed); the same of rows that stand from earlier nights
where the rules of an object have changed: standing = … Per record: current = previous + new +
reopened - ended. Per kind: mentions = links, and entities = candidate = refined. Of relations: pairs = supporting + self +
other_household, and candidate = stated + derived. Of facts: records = candidate, and if they are deduplicated records =
candidate + repeated. Of a product the equation that it declares, which stands beside its terms. All of them: candidate =
refined.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

_Place = tuple[str | None, str | None, str | None, str | None]  # system, object, sheet, file_id

FILE_TERMS = ("landed", "quarantined", "skipped")
ROW_TERMS = ("new", "changed", "unchanged", "duplicate", "quarantined", "not_applicable", "late", "held")
PAIR_TERMS = ("supporting", "self", "other_household")
RELATION_TERMS = ("stated", "derived")
_RELEASED = ("candidate", ("refined",))
# Of a record or kind: each holds where the ledger has all its terms, and of those with the same left side the first.
_EQUATIONS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("mentions", ("links",)),
    ("entities", ("candidate",)),
    ("pairs", PAIR_TERMS),
    ("candidate", RELATION_TERMS),
    ("records", ("candidate", "repeated")),
    ("records", ("candidate",)),
    _RELEASED,
)
ENTITY_TERMS = tuple(dict.fromkeys(term for left, right in _EQUATIONS for term in (left, *right)))


@dataclass(frozen=True)
class Balance:
    """One equation with both sides and the terms in it, of a file, of a file and record, or of a record or kind."""

    system: str | None
    object: str | None
    file_id: str | None
    record: str | None
    equation: str
    left: int
    right: int
    terms: dict[str, int]

    @property
    def closes(self) -> bool:
        return self.left == self.right

    def __str__(self) -> str:
        place = [self.system, self.object, self.file_id and f"file {self.file_id[:12]}", self.record]
        return f"{' '.join(part for part in place if part)}: {self.equation}, but {self.left} and {self.right}"


def balances(ledger: Iterable[dict[str, Any]]) -> list[Balance]:
    """All equations of one run's ledger, in the order of files, records and kinds."""
    files: dict[_Place, dict[str, int]] = defaultdict(dict)
    rows: dict[tuple[_Place, str], dict[str, int]] = defaultdict(dict)
    standing: dict[tuple[_Place, str], dict[str, int]] = defaultdict(dict)
    totals: dict[str, dict[str, int]] = defaultdict(dict)
    declared: dict[str, str] = {}
    for entry in ledger:
        place = (entry["system"], entry["object"], entry["sheet"], entry["file_id"])
        if entry["file_id"] is None and entry["system"] is not None:
            standing[place, entry["record"]][entry["term"]] = entry["rows"]
        elif entry["file_id"] is None:
            totals[entry["record"]][entry["term"]] = entry["rows"]
            if entry.get("equation"):
                declared[entry["record"]] = entry["equation"]
        elif entry["record"] is None:
            files[place][entry["term"]] = entry["rows"]
        else:
            rows[place, entry["record"]][entry["term"]] = entry["rows"]
    found = []
    for place, terms in sorted(files.items(), key=str):
        named = {term: terms.get(term, 0) for term in ("read", *FILE_TERMS)}
        right = sum(named[term] for term in FILE_TERMS)
        equation = f"read = {' + '.join(FILE_TERMS)}"
        found.append(Balance(place[0], place[1], place[3], None, equation, named["read"], right, named))
    for (place, record), terms in sorted(rows.items(), key=str):
        found.append(_rows_of("landed", place, record, {"landed": files[place].get("landed", 0), **terms}))
    for (place, record), terms in sorted(standing.items(), key=str):
        found.append(_rows_of("standing", place, record, terms))
    for name, terms in sorted(totals.items()):
        found += _of_product(name, terms, declared[name]) if name in declared else _totals(name, terms)
    return found


def _rows_of(whole: str, place: _Place, record: str, terms: dict[str, int]) -> Balance:
    named = {term: terms.get(term, 0) for term in (whole, *ROW_TERMS)}
    right = sum(named[term] for term in ROW_TERMS)
    equation = f"{whole} = {' + '.join(ROW_TERMS)}"
    return Balance(place[0], place[1], place[3], record, equation, named[whole], right, named)


def _totals(record: str, terms: dict[str, int]) -> list[Balance]:
    found = []
    if "current" in terms:
        total = terms["previous"] + terms["new"] + terms["reopened"] - terms["ended"]
        equation = "current = previous + new + reopened - ended"
        named = {term: terms[term] for term in ("previous", "new", "reopened", "ended", "current")}
        found.append(Balance(None, None, None, record, equation, named["current"], total, named))
    told = set()
    for left, right in _EQUATIONS:
        if {left, *right} <= set(terms) and (left, right[0]) not in told:
            told.add((left, right[0]))
            found.append(_sum(record, terms, left, right))
    return found


def _of_product(product: str, terms: dict[str, int], equation: str) -> list[Balance]:
    """The equation that a product declares, and once it is released that its rows are the candidate's."""
    left, right = equation.split(" = ")
    found = [_sum(product, terms, left, tuple(right.split(" + ")))]
    if "refined" in terms:
        found.append(_sum(product, terms, *_RELEASED))
    return found


def _sum(record: str, terms: dict[str, int], left: str, right: tuple[str, ...]) -> Balance:
    named = {term: terms[term] for term in (left, *right)}
    total = sum(terms[term] for term in right)
    return Balance(None, None, None, record, f"{left} = {' + '.join(right)}", terms[left], total, named)


def open_balances(ledger: Iterable[dict[str, Any]]) -> list[Balance]:
    return [balance for balance in balances(ledger) if not balance.closes]
