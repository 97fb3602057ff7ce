"""Audit: every candidate by its suite, and the books, each as rows of `ops.audit` on an exact version.

Reads: `candidate.*`, `links.*`, `raw.*`, `harmonised.*`, `ops.*`, `expectations/`. Writes: `ops.ledger`, `ops.audit`.
Refuses nothing itself: release reads the verdicts, and a missing one refuses. Only keys and counts are kept.
"""

import os
from typing import Any

os.environ["GX_ANALYTICS_ENABLED"] = "false"  # before the import: nothing is sent anywhere

import great_expectations as gx
from great_expectations.data_context.types.base import ProgressBarsConfig
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.audit.books import books_of_night
from jobs.audit.suites import EXPECTATIONS, Rule, build_suite, load_suite
from jobs.common.books import open_balances
from jobs.common.model import Record
from jobs.common.resident_id import is_valid_resident_id
from jobs.common.stage import Context

# Counts, but none of the values that break a rule.
_COUNTS_ONLY = {"result_format": "SUMMARY", "partial_unexpected_count": 0}


def run(context: Context) -> None:
    """Write the books of the night, then the verdict of every rule; one process for all suites."""
    if context.plan["nothing_new"]:
        return
    lake, run_id = context.lake, context.run.run_id
    ledger = books_of_night(context)
    lake.replace_part("ops.ledger", lake.table_of("ops.ledger", ledger), {"run_id": run_id})
    verdicts = [books_verdict(context, ledger)]
    for record in context.conf.model.values():
        verdicts += audit_table(context, record)
    lake.replace_part("ops.audit", lake.table_of("ops.audit", verdicts), {"run_id": run_id})
    failed = [row for row in verdicts if not row["success"]]
    context.log(
        "audit",
        "rules checked",
        rules=len(verdicts),
        critical_failed=sum(row["severity"] == "critical" for row in failed),
        warnings=sum(row["severity"] == "warning" for row in failed),
    )


def audit_table(context: Context, record: Record) -> list[dict[str, Any]]:
    """One row per rule for one candidate, at the version it has now."""
    name = f"candidate.{record.name}"
    version = context.lake.version(name)
    _, fingerprint = context.lake.fingerprint(name, version)
    frame = add_validity(context.lake.read(name, version), record)
    rules = load_suite(EXPECTATIONS / f"{record.name}.yml", frame.columns, context.conf)
    results = check_rules(frame, record.name, rules)
    common = {"run_id": context.run.run_id, "table_name": record.name, "version": version, "fingerprint": fingerprint}
    return [{**common, "rule": rule.name, "severity": rule.severity, **results[rule.name]} for rule in rules]


def add_validity(frame: DataFrame, record: Record) -> DataFrame:
    """Adds `<field>_is_valid` for each id number; null where there is none."""
    for field in record.fields:
        if field.type == "resident_id":
            valid = F.when(F.col(field.name).isNotNull(), is_valid_resident_id(F.col(field.name)))
            frame = frame.withColumn(f"{field.name}_is_valid", valid)
    return frame


def check_rules(frame: DataFrame, name: str, rules: list[Rule]) -> dict[str, dict[str, Any]]:
    """Result of each rule by its name: success, observed, unexpected_rows; a check that crashed has failed."""
    gx_context = gx.get_context(mode="ephemeral")
    gx_context.variables.progress_bars = ProgressBarsConfig(globally=False)
    source = gx_context.data_sources.add_spark(name, persist=False)
    batch = source.add_dataframe_asset(name).add_batch_definition_whole_dataframe(name)
    suite = build_suite(name, rules)
    outcome = batch.get_batch({"dataframe": frame}).validate(suite, result_format=_COUNTS_ONLY)
    found = {_rule_of(result): _summary(result) for result in outcome.results}
    missing = {"success": False, "observed": "the check did not run", "unexpected_rows": None}
    return {rule.name: found.get(rule.name, missing) for rule in rules}


def _rule_of(result: Any) -> str:
    name: str = result.expectation_config.meta["rule"]
    return name


def _summary(result: Any) -> dict[str, Any]:
    raised = (result.exception_info or {}).get("raised_exception") or any(
        isinstance(entry, dict) and entry.get("raised_exception") for entry in (result.exception_info or {}).values()
    )
    if raised:
        return {"success": False, "observed": "the check crashed", "unexpected_rows": None}
    details = result.result or {}
    unexpected, rows = details.get("unexpected_count"), details.get("element_count")
    observed = None if unexpected is None else f"{unexpected} of {rows}"
    return {"success": bool(result.success), "observed": observed, "unexpected_rows": unexpected}


def books_verdict(context: Context, ledger: list[dict[str, Any]]) -> dict[str, Any]:
    """The books as a rule of their own: every balance closes."""
    open_ones = open_balances(ledger)
    for balance in open_ones:
        context.log("audit", f"books do not close: {balance}")
    return {
        "run_id": context.run.run_id,
        "table_name": "ledger",
        "version": context.lake.version("ops.ledger"),
        "fingerprint": None,
        "rule": "books_close",
        "severity": "critical",
        "success": not open_ones,
        "observed": f"{len(open_ones)} balances open",
        "unexpected_rows": len(open_ones),
    }
