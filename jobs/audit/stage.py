"""Audit: every candidate by its suite, and the books, each as rows of `ops.audit` on an exact version.

Reads: `candidate.*`, `links.*`, `raw.*`, `harmonised.*`, `ops.*`, `expectations/`. Writes: `ops.ledger`, `ops.profile`,
`ops.audit`.
Refuses nothing itself: release reads the verdicts, and a missing one refuses. Only keys and counts are kept.
"""

from typing import Any

from jobs.audit.books import books_of_night
from jobs.audit.history import judge_history
from jobs.audit.identity import count_residents, identity_terms, judge_identity
from jobs.audit.loading import load_checks
from jobs.audit.profile import profile_candidates
from jobs.common.lake.engine import run_concurrently
from jobs.common.releases.books import open_balances
from jobs.common.run.stage import Context
from jobs.common.run.workload import is_large, spare_memory_if_large


def run(context: Context) -> None:
    """Write the books of the night and the verdict of every rule; one process for all suites."""
    if context.plan["nothing_new"]:
        return
    spare_memory_if_large(context)
    lake, run_id = context.lake, context.run.run_id
    checks = load_checks()
    audits = [audit_books, checks.audit_tables]
    books, rules = run_concurrently(lambda audit: audit(context), audits, is_one_by_one=is_large(context))
    verdicts = [*books, *rules]
    lake.replace_part("ops.audit", lake.table_of("ops.audit", verdicts), {"run_id": run_id})
    failed = [row for row in verdicts if not row["success"]]
    context.log(
        "audit",
        "rules checked",
        rules=len(verdicts),
        critical_failed=sum(row["severity"] == "critical" for row in failed),
        warnings=sum(row["severity"] == "warning" for row in failed),
    )


def audit_books(context: Context) -> list[dict[str, Any]]:
    """Write the books of the night; the verdict on them, and on how they compare with the nights before."""
    residents = count_residents(context)
    ledger = books_of_night(context, identity_terms(context, residents))
    lake, part = context.lake, {"run_id": context.run.run_id}
    lake.replace_part("ops.ledger", lake.table_of("ops.ledger", ledger), part)
    profile = profile_candidates(context)
    lake.replace_part("ops.profile", lake.table_of("ops.profile", profile), part)
    strange = judge_history(context, ledger, profile)
    for row in strange:
        if not row["success"]:
            context.log("audit", f"unusual: {row['rule']} is {row['observed']}")
    return [books_verdict(context, ledger), *judge_identity(context, residents), *strange]


def books_verdict(context: Context, ledger: list[dict[str, Any]]) -> dict[str, Any]:
    """The books as a rule of their own: every balance closes."""
    open_ones = open_balances(ledger)
    for balance in open_ones:
        context.log_each("audit", "books do not close:", str(balance))
    return {
        "run_id": context.run.run_id,
        "table_name": "ledger",
        "version": context.lake.version("ops.ledger"),
        "fingerprint": None,
        "rule": "books_close",
        "severity": "critical",
        "overridable": False,
        "success": not open_ones,
        "observed": f"{len(open_ones)} balances open",
        "unexpected_rows": len(open_ones),
    }
