"""The balances that the books must satisfy, over rows of `ops.ledger` of one run.

Per file: read = landed + quarantined + skipped. Per file and record: landed = new + changed + unchanged + duplicate +
quarantined + not_applicable + late + held (a reopened row is among the changed); the same of rows that stand from earlier nights
where the rules of an object have changed: standing = … Per record: current = previous + new +
reopened - ended. Per kind: mentions = links, and entities = candidate = refined; if people have judged pairs of it judged =
together + apart + absent. Of relations: pairs = supporting + self +
other_household, and candidate = stated + derived. Of facts: records = candidate, and if they are deduplicated records =
candidate + repeated. Of a product the equation that it declares, which stands beside its terms. All of them: candidate =
refined.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

_Place = tuple[str | None, str | None, str | None, str | None]  # system, object, sheet, file_id
_Key = tuple[_Place, str | None]  # place, record
_NOWHERE: _Place = (None, None, None, None)  # where a record or kind is

FILE_TERMS = ("landed", "quarantined", "skipped")
ROW_TERMS = ("new", "changed", "unchanged", "duplicate", "quarantined", "not_applicable", "late", "held")
PAIR_TERMS = ("supporting", "self", "other_household")
RELATION_TERMS = ("stated", "derived")
JUDGED_TERMS = ("together", "apart", "absent")
_RELEASED = ("candidate", ("refined",))
# Of a record or kind: each holds where the ledger has all its terms, and of those with the same left side the first.
_EQUATIONS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("mentions", ("links",)),
    ("entities", ("candidate",)),
    ("judged", JUDGED_TERMS),
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
    of_places: dict[_Key, dict[str, int]] = defaultdict(dict)
    of_records: dict[str, dict[str, int]] = defaultdict(dict)
    declared: dict[str, str] = {}
    for entry in ledger:
        record, place = entry["record"], (entry["system"], entry["object"], entry["sheet"], entry["file_id"])
        terms = of_records[record] if place == _NOWHERE else of_places[place, record]
        terms[entry["term"]] = entry["rows"]
        if entry.get("equation"):
            declared[record] = entry["equation"]
    found = []
    for key in sorted(of_places, key=_rank):
        landed = of_places.get((key[0], None), {}).get("landed", 0)
        found.append(_of_place(*key, {"landed": landed} | of_places[key]))
    for name, terms in sorted(of_records.items()):
        found += _of_product(name, terms, declared[name]) if name in declared else _totals(name, terms)
    return found


def _rank(key: _Key) -> tuple[bool, bool, str]:
    """Files come first, then their records, then the records of rows that stand."""
    (*_, file_id), record = key
    return file_id is None, record is not None, str(key)


def _of_place(place: _Place, record: str | None, terms: dict[str, int]) -> Balance:
    """The equation of a file, of a file and record, or of the rows of an object that stand; a term that is not there is 0."""
    counts = Counter(terms)
    if place[-1] is None:
        return _balance(place, record, "standing", ROW_TERMS, counts)
    if record is None:
        return _balance(place, record, "read", FILE_TERMS, counts)
    return _balance(place, record, "landed", ROW_TERMS, counts)


def _balance(place: _Place, record: str | None, left: str, right: tuple[str, ...], terms: Mapping[str, int]) -> Balance:
    """The equation `left` = the sum of `right`."""
    system, obj, _, file_id = place
    named = {term: terms[term] for term in (left, *right)}
    total = sum(terms[term] for term in right)
    return Balance(system, obj, file_id, record, f"{left} = {' + '.join(right)}", terms[left], total, named)


def _totals(record: str, terms: dict[str, int]) -> list[Balance]:
    """The equations of a record or kind of which the ledger has all terms."""
    found = []
    if "current" in terms:
        total = terms["previous"] + terms["new"] + terms["reopened"] - terms["ended"]
        equation = "current = previous + new + reopened - ended"
        named = {term: terms[term] for term in ("previous", "new", "reopened", "ended", "current")}
        found.append(Balance(None, None, None, record, equation, named["current"], total, named))
    told = set()
    for left, right in _EQUATIONS:
        if {left, *right} <= terms.keys() and (left, right[0]) not in told:
            told.add((left, right[0]))
            found.append(_balance(_NOWHERE, record, left, right, terms))
    return found


def _of_product(product: str, terms: dict[str, int], equation: str) -> list[Balance]:
    """The equation that a product declares, and once it is released that its rows are the candidate's."""
    left, right = equation.split(" = ")
    found = [_balance(_NOWHERE, product, left, tuple(right.split(" + ")), terms)]
    if "refined" in terms:
        found.append(_balance(_NOWHERE, product, *_RELEASED, terms))
    return found


def open_balances(ledger: Iterable[dict[str, Any]]) -> list[Balance]:
    return [balance for balance in balances(ledger) if not balance.closes]
