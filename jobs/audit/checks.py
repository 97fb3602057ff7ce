"""Every candidate by its suite, with Great Expectations: the one module that loads it, which takes seconds.

Reads: `candidate.*`, `expectations/`. Writes nothing but scratch. Refuses nothing: a check that crashed has failed.
"""

import os
from collections.abc import Mapping
from functools import cache
from typing import Any

os.environ["GX_ANALYTICS_ENABLED"] = "false"  # before the import: nothing is sent anywhere

import great_expectations as gx
from great_expectations.data_context.types.base import ProgressBarsConfig
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.audit.flags import add_flags
from jobs.audit.suites import TOTALS, Rule, build_suite, is_about_rows, lets_nothing_through, load_suite
from jobs.common.lake.engine import session
from jobs.common.lake.versions import union_all
from jobs.common.model.model_table import ModelTable
from jobs.common.releases.releases import release_before
from jobs.common.run.flag_columns import table_references
from jobs.common.run.stage import Context
from jobs.common.run.suites import suite_path

# Counts, but none of the values that break a rule; for each rule these are asked for all the same.
_COUNTS = {"result_format": "SUMMARY", "partial_unexpected_count": 0}
_YES_OR_NO = {"result_format": "BOOLEAN_ONLY"}
_CRASHED, _DID_NOT_RUN = "the check crashed", "the check did not run"


def audit_tables(context: Context) -> list[dict[str, Any]]:
    """One row per rule and candidate, at the version it has now."""
    lake, tables = context.lake, context.conf.tables
    versions = {name: lake.version(f"candidate.{name}") for name in tables}
    fingerprints = lake.fingerprints({f"candidate.{name}": version for name, version in versions.items()})
    kinds = [name for name, table in tables.items() if table.kind]
    entities = union_all(
        [
            lake.read(f"candidate.{name}", versions[name]).select(F.lit(name).alias("kind"), "entity_id")
            for name in kinds
        ]
    )
    before = release_before(lake, context.run.run_id)
    last = {name: entry["rows"] for name, entry in before.tables.items()} if before else {}
    verdicts = []
    for table in tables.values():
        targets = {target: _values_of(context, target, versions) for target in table_references(table).values()}
        frame = lake.read(f"candidate.{table.name}", versions[table.name])
        frame = add_flags(frame, table, entities, context.conf, targets)
        # A suite asks its frame many times, of a table without rows for its columns and their number alone.
        if lake.is_empty(f"candidate.{table.name}"):
            frame = session().createDataFrame([], frame.schema)
        else:
            frame = lake.scratch(context.run.run_id, f"audited-{table.name}", frame)
        common = {
            "run_id": context.run.run_id,
            "table_name": table.name,
            "version": versions[table.name],
            "fingerprint": fingerprints[f"candidate.{table.name}"][1],
        }
        verdicts += [{**common, **verdict} for verdict in audit_table(context, table, frame, last.get(table.name))]
    return verdicts


def _values_of(context: Context, target: str, versions: Mapping[str, int]) -> DataFrame:
    """The values of a column, named as `table.column`, unique."""
    table, _, column = target.partition(".")
    return context.lake.read(f"candidate.{table}", versions[table]).select(column).distinct()


def audit_table(
    context: Context, table: ModelTable, frame: DataFrame, last_rows: int | None = None
) -> list[dict[str, Any]]:
    """The verdict of each rule of one suite: rule, severity, overridable, success, observed, unexpected_rows.

    Args:
        context: of the run.
        table: whose suite.
        frame: the candidate with its flags.
        last_rows: of the table in the release that readers see; None where there is none.
    """
    rules = load_suite(suite_path(context.conf, table.name), frame.columns, context.conf, last_rows)
    results = check_rules(frame, table.name, rules)
    return [
        {
            "rule": rule.name,
            "severity": rule.severity,
            # Nobody may let through what nobody has looked at.
            "overridable": rule.overridable and results[rule.name]["observed"] not in (_CRASHED, _DID_NOT_RUN),
            **results[rule.name],
        }
        for rule in rules
    ]


@cache
def _batch_definition(name: str) -> Any:
    return _source().add_dataframe_asset(name).add_batch_definition_whole_dataframe(name)


@cache
def _source() -> Any:
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    return context.data_sources.add_spark("candidates", persist=False)


def check_rules(frame: DataFrame, name: str, rules: list[Rule]) -> dict[str, dict[str, Any]]:
    """Result of each rule by its name: success, observed, unexpected_rows; a check that crashed has failed.

    Of a rule that lets nothing through the answer tells the count where it holds: it is asked for where it does not. Where
    there are no rows, what is asked of each row need not be asked.
    """
    batch = _batch_definition(name).get_batch({"dataframe": frame})
    rows = frame.count()
    if rows:
        strict = [rule for rule in rules if lets_nothing_through(rule)]
        held = {_rule_of(result) for result in _validate(batch, name, strict, _YES_OR_NO) if result.success}
    else:
        held = {rule.name for rule in rules if is_about_rows(rule)}
    others = [rule for rule in rules if rule.name not in held]
    found = {_rule_of(result): _summary(result) for result in _validate(batch, name, others, _COUNTS)}
    found |= {rule: {"success": True, "observed": f"0 of {rows}", "unexpected_rows": 0} for rule in held}
    missing = {"success": False, "observed": _DID_NOT_RUN, "unexpected_rows": None}
    return {rule.name: found.get(rule.name, missing) for rule in rules}


def _validate(batch: Any, name: str, rules: list[Rule], result_format: dict[str, Any]) -> list[Any]:
    """Results of those of the rules that were checked."""
    return batch.validate(build_suite(name, rules), result_format=result_format).results if rules else []


def _rule_of(result: Any) -> str:
    name: str = result.expectation_config.meta["rule"]
    return name


def _summary(result: Any) -> dict[str, Any]:
    raised = (result.exception_info or {}).get("raised_exception") or any(
        isinstance(entry, dict) and entry.get("raised_exception") for entry in (result.exception_info or {}).values()
    )
    if raised:
        return {"success": False, "observed": _CRASHED, "unexpected_rows": None}
    details = result.result or {}
    rows = details.get("element_count")
    unexpected = 0 if rows == 0 else details.get("unexpected_count")  # of no rows it tells none
    observed = None if unexpected is None else f"{unexpected} of {rows}"
    if result.expectation_config.type == TOTALS:  # of the others the observed value may be somebody's
        observed = _describe_total(details["observed_value"], result.expectation_config.kwargs)
    return {"success": bool(result.success), "observed": observed, "unexpected_rows": unexpected}


def _describe_total(rows: int, bounds: Any) -> str:
    least, most = bounds.get("min_value"), bounds.get("max_value")
    return f"{rows:,} rows; " + (f"at least {least:,}" if most is None else f"{least:,} to {most:,}")
