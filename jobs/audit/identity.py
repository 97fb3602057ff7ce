"""Residents beside what the office expects of them: one who is released as two, and two who are released as one.

    residents_expected   more residents than `population` of `conf/office.yml`; without it than the register's current rows and
                         those that only others know, under an id number or by more than one record
    share_with_several   residents whose records have several id numbers, birth dates, or rows of the register
    largest_resident     records of the one that has most

Warnings first; what is far beyond them refuses the release, and a person may let it through.

Reads: `conf/office.yml`, `harmonised.resident`, `links.mention`, `links.edge`, `candidate.resident`. Writes: nothing.
Refuses: nothing itself. Only counts are kept.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from jobs.audit.entries import entry
from jobs.common.intake.keyed_rows import RECORD_KEY
from jobs.common.lake.versions import current
from jobs.common.model.links import Decision
from jobs.common.releases.releases import release_before
from jobs.common.run.office import Office, read_office
from jobs.common.run.stage import Context

TABLE = "identity"  # what `ops.audit` has in the place of a table
KIND = "resident"


@dataclass(frozen=True)
class Bound:
    """From which part of the residents a figure is a warning, and from which it refuses the release; neither for so few."""

    warning: float
    critical: float
    few: int = 0

    def severity(self, found: int, of: int) -> str | None:
        """What `found` of `of` residents is; None if it is usual."""
        if found < self.few or not found:
            return None
        if found >= self.critical * of:
            return "critical"
        return "warning" if found >= self.warning * of else None


# An excess is people in pieces or a register that is not whole; of a village of a hundred, two are no figure.
_EXCESS = Bound(0.02, 0.08, few=10)
# A copied id number or a mistyped birth date is somebody's daily bread: about one in two hundred has several.
_SEVERAL = Bound(0.02, 0.08, few=10)
_MOST_RECORDS = 200  # of one resident: so many systems have nobody in their exports


@dataclass(frozen=True)
class Counts:
    """Residents by what their records say.

    `register_rows` are rows of the register. `elsewhere` are residents of whom it has none, known under an id number or by
    several records; `fragments` those of one record without an id number. `ids`, `births` and `registered` are those with
    several id numbers, birth dates or rows of the register; `largest` counts records.
    """

    residents: int
    register_rows: int
    elsewhere: int
    fragments: int
    ids: int
    births: int
    registered: int
    largest: int
    is_one_system: bool


def judge_identity(context: Context, counts: Counts) -> list[dict[str, Any]]:
    """Rows for `ops.audit`; none if nobody is released."""
    if not counts.residents:
        return []
    office = read_office(context.conf)
    several = [
        ("id numbers", counts.ids),
        ("birth dates", counts.births),
        (f"rows of {office.register}", counts.registered),
    ]
    is_first = release_before(context.lake, context.run.run_id) is None
    verdicts = [
        _verdict_on_excess(office, counts, is_first and counts.is_one_system),
        *(_verdict_on_several(what, found, counts.residents) for what, found in several),
        _verdict_on_largest(counts.largest),
    ]
    place = {"run_id": context.run.run_id, "table_name": TABLE, "version": None, "fingerprint": None}
    return [{**place, **verdict} for verdict in verdicts]


def _verdict_on_excess(office: Office, counts: Counts, is_untried: bool) -> dict[str, Any]:
    """Residents beside those expected; `is_untried`: a first night of one system, which nothing can be compared with."""
    rule, expected = f"residents_expected({office.basis})", counts.register_rows + counts.elsewhere
    if office.population:
        expected = office.population
    elif not counts.register_rows:
        told = f"{counts.residents:,} residents, and nobody says how many there are: give population in conf/office.yml"
        return _verdict(rule, None if is_untried else "warning", told)
    excess = counts.residents - expected
    severity = _EXCESS.severity(excess, expected)
    told = f"{counts.residents:,} residents; {expected:,} expected ({excess / expected:+.1%})"
    return _verdict(rule, "warning" if severity and is_untried else severity, told)


def _verdict_on_several(what: str, found: int, of: int) -> dict[str, Any]:
    return _verdict(
        f"share_with_several({what})", _SEVERAL.severity(found, of), f"{found / of:.1%}; {found:,} of {of:,}"
    )


def _verdict_on_largest(records: int) -> dict[str, Any]:
    severity = "warning" if records > _MOST_RECORDS else None
    return _verdict("largest_resident(records)", severity, f"{records:,}; usual up to {_MOST_RECORDS:,}")


def _verdict(rule: str, failing_as: str | None, observed: str) -> dict[str, Any]:
    severity = failing_as or "warning"
    return {
        "rule": rule,
        "severity": severity,
        "overridable": severity == "critical",
        "success": failing_as is None,
        "observed": observed,
        "unexpected_rows": None,
    }


def identity_terms(context: Context, counts: Counts) -> list[dict[str, Any]]:
    """Terms for the books that no balance needs and the comparison with earlier nights does: fragments, and pairs in review."""
    edges = context.lake.rows("links.edge", {"decision": Decision.REVIEW}, ["kind"])
    counted = edges.group_by("kind").aggregate([([], "count_all")]).to_pylist()
    in_review = {row["kind"]: row["count_all"] for row in counted}
    kinds = [name for name, record in context.conf.records.items() if record.kind]
    terms = [entry("review", in_review.get(kind, 0), kind) for kind in kinds]
    return [*terms, entry("fragments", counts.fragments, KIND)]


def count_residents(context: Context) -> Counts:
    """The counts of tonight's candidate."""
    lake = context.lake
    if KIND not in context.conf.records or lake.is_empty("links.mention") or lake.is_empty(f"harmonised.{KIND}"):
        return Counts(0, 0, 0, 0, 0, 0, 0, 0, is_one_system=True)
    mentions = lake.read("links.mention").where(F.col("kind") == KIND).select(*RECORD_KEY, "entity_id")
    records = current(lake.read(f"harmonised.{KIND}")).select(*RECORD_KEY, "id_number", "birth_date")
    found = _of_residents(mentions.join(records, RECORD_KEY), read_office(context.conf).is_of_register())
    [row] = found.agg(*_totals()).toArrow().to_pylist()
    is_one_system = row.pop("first_system") == row.pop("last_system")
    return Counts(**{name: value or 0 for name, value in row.items()}, is_one_system=is_one_system)


def _of_residents(records: DataFrame, is_of_register: Column) -> DataFrame:
    """One row per resident, with what its records have."""
    return records.groupBy("entity_id").agg(
        F.count(F.lit(1)).alias("records"),
        F.sum(F.when(is_of_register, 1).otherwise(0)).alias("rows"),
        F.count("id_number").alias("id_numbers"),
        F.coalesce(F.min("id_number") < F.max("id_number"), F.lit(False)).alias("has_ids"),
        F.coalesce(F.min("birth_date") < F.max("birth_date"), F.lit(False)).alias("has_births"),
        F.min("system").alias("first_system"),
        F.max("system").alias("last_system"),
    )


def _totals() -> Iterator[Column]:
    """The fields of `Counts`, with the first and the last system in place of the one that says whether they are one."""
    counted = {
        "residents": F.lit(True),
        "elsewhere": (F.col("rows") == 0) & ((F.col("id_numbers") > 0) | (F.col("records") > 1)),
        "fragments": (F.col("records") == 1) & (F.col("id_numbers") == 0),
        "ids": F.col("has_ids"),
        "births": F.col("has_births"),
        "registered": F.col("rows") > 1,
    }
    for name, test in counted.items():
        yield F.sum(F.when(test, 1).otherwise(0)).alias(name)
    yield F.sum("rows").alias("register_rows")
    yield F.max("records").alias("largest")
    yield F.min("first_system").alias("first_system")
    yield F.max("last_system").alias("last_system")
