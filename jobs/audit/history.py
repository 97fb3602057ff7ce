"""Tonight beside the nights before: exports that grew or shrank, records that ended, values that nobody understood, columns
that are empty, codes that are more or less frequent.

What is usual is learned from the books, issues and profiles of earlier nights, one figure a night: their median, give or take
the widest of three margins. Each metric says how far it may stray at least (`floor`); nights that differ much among themselves
widen it (five times their median absolute deviation, scaled to a standard deviation); and chance may do what it does: three
times the square root of a count, three standard errors of a share. With less than seven nights the margin is doubled, with
less than three there is no verdict: nobody knows yet what is usual. A figure beyond its margin is a warning; it is released,
and told.

Reads: `ops.ledger`, `ops.profile`, `ops.issue`, `ops.run`. Writes: nothing. Refuses: nothing.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import chain
from operator import itemgetter
from statistics import median
from typing import Any

from jobs.common.run.runs import RELEASED, all_runs
from jobs.common.run.stage import Context

NIGHTS = 30  # of history, the last ones
_LEAST, _MANY = 3, 7  # nights from which there is a verdict, and from which the margin is single
_SPREADS, _SCALE = 5.0, 1.4826  # median absolute deviations, and what makes one a standard deviation
_COUNT_FLOOR, _SHARE_FLOOR = 0.25, 0.02  # a part of what is usual; parts of one

Entries = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Metric:
    """What is measured: a count (`is_share` False) or a share between 0 and 1; `name` is its rule in `ops.audit`."""

    name: str
    is_share: bool


@dataclass(frozen=True)
class Figure:
    """What a metric was on one night; of a share also of how many rows."""

    value: float
    of: int | None = None


def judge_history(context: Context, ledger: Entries, profile: Entries) -> list[dict[str, Any]]:
    """One row for `ops.audit` per metric of tonight that three nights before had as well.

    Args:
        context: of the run.
        ledger: rows for `ops.ledger` of tonight.
        profile: rows for `ops.profile` of tonight.
    """
    past, past_profiles = past_rows(context, "ops.ledger"), past_rows(context, "ops.profile")
    issues = issues_by_night(context)
    labels = sorted(set(chain.from_iterable(issues.values())))

    def figures(night: date, entries: Entries, columns: Entries) -> dict[Metric, Figure]:
        told = {label: issues[night][label] for label in labels}  # 0 where a night had none
        return measure(entries, told) | measure_columns(columns, profile)

    tonight = figures(context.run.night, ledger, profile)
    before = [figures(night, entries, past_profiles.get(night, ())) for night, entries in past.items()]
    verdicts = []
    for metric in sorted(tonight, key=lambda metric: metric.name):
        known = [night[metric].value for night in before if metric in night]
        if len(known) >= _LEAST:
            verdicts.append(_verdict(context, metric, tonight[metric], known))
    return verdicts


def past_rows(context: Context, table: str) -> dict[date, list[dict[str, Any]]]:
    """Rows of the last `NIGHTS` nights before that released, each by its last run that had anything to do."""
    runs = [run for run in all_runs(context.lake) if run.night < context.run.night and run.verdict in RELEASED]
    nights = {run.run_id: run.night for run in runs}
    by_run: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in context.lake.rows(table, {"run_id": list(nights)}).to_pylist():
        by_run[row["run_id"]].append(row)
    found = {night: by_run[run_id] for run_id, night in nights.items() if run_id in by_run}
    return dict(list(found.items())[-NIGHTS:])


def issues_by_night(context: Context) -> dict[date, Counter[str]]:
    """How many issues each night opened, by `record.field: code`."""
    rows = context.lake.rows("ops.issue", columns=["opened", "record", "field", "code"])
    counted = rows.group_by(rows.column_names).aggregate([([], "count_all")])
    found: dict[date, Counter[str]] = defaultdict(Counter)
    for row in counted.to_pylist():
        found[row["opened"]][f"{row['record']}.{row['field']}: {row['code']}"] += row["count_all"]
    return found


def measure(ledger: Entries, issues: Mapping[str, int]) -> dict[Metric, Figure]:
    """The figures of one night: rows landed and set aside of each object, what ended and began of each record, and issues
    as a share of the rows looked at.
    """
    entries = [row for row in ledger if not row.get("equation")]  # a product names its terms as it likes
    found = _measure_files(entries) | _measure_records(entries) | _measure_issues(entries, issues)
    return found | _measure_identity(entries)


def _measure_files(ledger: Entries) -> dict[Metric, Figure]:
    """Rows landed of each object, and the share set aside; what is held back says nothing of what is usual."""
    place_of = itemgetter("system", "object", "file_id")
    held = {place_of(row) for row in ledger if row["term"] == "held"}
    rows: Counter[tuple[str, str]] = Counter()
    for row in ledger:
        if row["record"] is None and place_of(row) not in held:
            rows[f"{row['system']} {row['object']}", row["term"]] += row["rows"]
    found = {}
    for name in _names(rows):
        landed, aside = rows[name, "landed"], rows[name, "quarantined"]
        found[Metric(f"rows_landed({name})", False)] = Figure(landed)
        found[Metric(f"share_quarantined({name})", True)] = _share(aside, landed + aside)
    return found


def _measure_records(ledger: Entries) -> dict[Metric, Figure]:
    """What ended and what began, as shares of the records of the night before."""
    rows: Counter[tuple[str, str]] = Counter()
    for row in ledger:
        if row["record"] is not None and row["file_id"] is None:
            rows[row["record"], row["term"]] += row["rows"]
    found = {}
    for name in _names(rows):
        if previous := rows[name, "previous"]:
            found[Metric(f"share_ended({name})", True)] = _share(rows[name, "ended"], previous)
            found[Metric(f"share_new({name})", True)] = _share(rows[name, "new"], previous)
    return found


def _measure_issues(ledger: Entries, issues: Mapping[str, int]) -> dict[Metric, Figure]:
    """Issues as a share of the new and changed rows of their record, whatever its role."""
    worked: Counter[str] = Counter()
    for row in ledger:
        if row["file_id"] is not None and row["record"] is not None and row["term"] in ("new", "changed"):
            worked[row["record"].partition("@")[0]] += row["rows"]
    found = {}
    for label, rows in issues.items():
        if of := worked[label.partition(".")[0]]:
            found[Metric(f"share_of_issues({label})", True)] = _share(rows, of)
    return found


def _measure_identity(ledger: Entries) -> dict[Metric, Figure]:
    """Pairs that are left for review by kind, and the share of residents of whom one record without an id number is all."""
    of_kinds = {(row["record"], row["term"]): row["rows"] for row in ledger if row["file_id"] is None}
    found = {}
    for (kind, term), rows in of_kinds.items():
        if term == "review":
            found[Metric(f"pairs_in_review({kind})", False)] = Figure(rows)
        elif term == "fragments":
            found[Metric(f"share_of_fragments({kind})", True)] = _share(rows, of_kinds[kind, "entities"])
    return found


def _share(rows: int, of: int) -> Figure:
    return Figure(rows / of if of else 0.0, of)


def measure_columns(profile: Entries, places: Entries) -> dict[Metric, Figure]:
    """The shares of rows without a value, and of each code among the values, of one night.

    Args:
        profile: rows of `ops.profile` of the night.
        places: rows that tell of which codes to speak, also where the night had none.
    """
    place_of = itemgetter("table_name", "field", "code")
    rows = Counter({place_of(row): row["rows"] for row in profile})
    found = {}
    for table, field, code in set(map(place_of, places)):
        total, filled = rows[table, None, None], rows[table, field, None]
        if code is not None and filled:
            share = _share(rows[table, field, code], filled)
            found[Metric(f"share_of_code({table}.{field}: {code})", True)] = share
        elif code is None and field is not None and total:
            found[Metric(f"share_empty({table}.{field})", True)] = _share(total - filled, total)
    return found


def _names(counted: Iterable[tuple[str, str]]) -> list[str]:
    return sorted({name for name, _ in counted})


def usual(metric: Metric, known: Sequence[float], of: int | None = None) -> tuple[float, float]:
    """The least and the greatest figure that is no warning; of a share tonight's rows tell what chance may do."""
    middle = median(known)
    spread = _SPREADS * _SCALE * median(abs(value - middle) for value in known)
    floor = _SHARE_FLOOR if metric.is_share else max(_COUNT_FLOOR * middle, 3 * middle**0.5)
    if of:
        floor = max(floor, 3 * (middle * (1 - middle) / of) ** 0.5)
    margin = max(spread, floor) * (1 if len(known) >= _MANY else 2)
    return max(0.0, middle - margin), middle + margin


def _verdict(context: Context, metric: Metric, figure: Figure, known: Sequence[float]) -> dict[str, Any]:
    least, greatest = usual(metric, known, figure.of)

    def told(figure: float) -> str:
        return f"{figure:.1%}" if metric.is_share else f"{figure:,.0f}"

    return {
        "run_id": context.run.run_id,
        "table_name": "history",
        "version": None,
        "fingerprint": None,
        "rule": metric.name,
        "severity": "warning",
        "overridable": False,
        "success": least <= figure.value <= greatest,
        "observed": f"{told(figure.value)}; usual {told(least)} to {told(greatest)}, from {len(known)} nights",
        "unexpected_rows": None,
    }
