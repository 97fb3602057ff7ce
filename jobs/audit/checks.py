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
    entities = _all_entities(context, versions)
    before = release_before(lake, context.run.run_id)
    last = {name: entry["rows"] for name, entry in before.tables.items()} if before else {}
    verdicts = []
    for table in tables.values():
        frame = _flagged(context, table, entities, versions)
        common = {
            "run_id": context.run.run_id,
            "table_name": table.name,
            "version": versions[table.name],
            "fingerprint": fingerprints[f"candidate.{table.name}"][1],
        }
        verdicts += [common | verdict for verdict in audit_table(context, table, frame, last.get(table.name))]
    return verdicts


def _all_entities(context: Context, versions: Mapping[str, int]) -> DataFrame:
    """`kind`, `entity_id` of the candidates of all kinds."""
    frames = []
    for table in context.conf.tables.values():
        if table.kind:
            candidate = context.lake.read(f"candidate.{table.name}", versions[table.name])
            frames.append(candidate.select(F.lit(table.name).alias("kind"), "entity_id"))
    return union_all(frames)


def _flagged(context: Context, table: ModelTable, entities: DataFrame, versions: Mapping[str, int]) -> DataFrame:
    """A candidate with its flags, computed once: a suite asks its frame many times."""
    lake, name = context.lake, f"candidate.{table.name}"
    targets = {target: _values_of(context, target, versions) for target in table_references(table).values()}
    frame = add_flags(lake.read(name, versions[table.name]), table, entities, context.conf, targets)
    if lake.is_empty(name):  # it is asked for its columns and its number of rows alone
        return session().createDataFrame([], frame.schema)
    return lake.scratch(context.run.run_id, f"audited-{table.name}", frame)


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
    verdicts = []
    for rule in rules:
        result = results[rule.name]
        # Nobody may let through what nobody has looked at.
        overridable = rule.overridable and result["observed"] not in (_CRASHED, _DID_NOT_RUN)
        verdicts.append({"rule": rule.name, "severity": rule.severity, "overridable": overridable, **result})
    return verdicts


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
        strict = list(filter(lets_nothing_through, rules))
        held = {_rule_of(result) for result in _validate(batch, name, strict, _YES_OR_NO) if result.success}
    else:
        held = {rule.name for rule in rules if is_about_rows(rule)}
    others = [rule for rule in rules if rule.name not in held]
    found = {_rule_of(result): _summary(result) for result in _validate(batch, name, others, _COUNTS)}
    holds = {"success": True, "observed": f"0 of {rows}", "unexpected_rows": 0}
    missing = {"success": False, "observed": _DID_NOT_RUN, "unexpected_rows": None}
    return {rule.name: holds if rule.name in held else found.get(rule.name, missing) for rule in rules}


def _validate(batch: Any, name: str, rules: list[Rule], result_format: dict[str, Any]) -> list[Any]:
    """Results of those of the rules that were checked."""
    return batch.validate(build_suite(name, rules), result_format=result_format).results if rules else []


def _rule_of(result: Any) -> str:
    name: str = result.expectation_config.meta["rule"]
    return name


def _summary(result: Any) -> dict[str, Any]:
    """The result of a rule; of columns counts alone, as the observed value may be somebody's."""
    if _has_crashed(result):
        return {"success": False, "observed": _CRASHED, "unexpected_rows": None}
    details = result.result or {}
    rows = details.get("element_count")
    unexpected = 0 if rows == 0 else details.get("unexpected_count")  # of no rows it tells none
    observed = None if unexpected is None else f"{unexpected} of {rows}"
    if result.expectation_config.type == TOTALS:
        observed = _describe_total(details["observed_value"], result.expectation_config.kwargs)
    return {"success": bool(result.success), "observed": observed, "unexpected_rows": unexpected}


def _has_crashed(result: Any) -> bool:
    """Whether the rule, or one of the metrics it asks for, raised an exception."""
    told = result.exception_info or {}
    of_metrics = [entry for entry in told.values() if isinstance(entry, dict)]
    return any(entry.get("raised_exception") for entry in (told, *of_metrics))


def _describe_total(rows: int, bounds: Any) -> str:
    least, most = bounds.get("min_value"), bounds.get("max_value")
    return f"{rows:,} rows; " + (f"at least {least:,}" if most is None else f"{least:,} to {most:,}")
