"""Expectation suites, read from `expectations/<table>.yml`, loaded strictly.

Refuses: a table without a suite, an unknown expectation, argument, column or code list, a rule without reason or
severity, the same rule twice, and a suite that loaded fewer rules than it declares.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import great_expectations as gx
import yaml
from great_expectations.expectations.registry import get_expectation_impl, list_registered_expectation_implementations

from jobs.common.codes import load_codes
from jobs.common.conf import Conf
from jobs.common.divisions import division_codes
from jobs.common.errors import UserError

EXPECTATIONS = Path(__file__).resolve().parents[2] / "expectations"
SEVERITIES = ("critical", "warning", "info")
_COLUMN_ARGUMENTS = ("column", "column_A", "column_B")


@dataclass(frozen=True)
class Rule:
    """One expectation with its severity; `name` tells it from the others of its suite."""

    name: str
    expectation: str
    arguments: dict[str, Any]
    severity: str
    because: str


def load_suite(path: Path, columns: list[str], conf: Conf) -> list[Rule]:
    """The rules of one suite for a table with these columns; raises UserError naming file and rule."""
    if not path.exists():
        raise UserError(f"{path} is missing: a table without a suite is not released")
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise UserError(f"{path} is no valid YAML: {error}") from error
    entries = document.get("rules") or []
    if document.get("table") != path.stem or not entries:
        raise UserError(f"{path}: needs `table: {path.stem}` and at least one rule")
    rules = [_load_rule(path, number, entry, columns, conf) for number, entry in enumerate(entries, start=1)]
    names = [rule.name for rule in rules]
    if len(set(names)) < len(entries):
        repeated = next(name for name in names if names.count(name) > 1)
        raise UserError(f"{path}: rule {repeated} is given twice; keep one")
    return rules


def _load_rule(path: Path, number: int, entry: dict[str, Any], columns: list[str], conf: Conf) -> Rule:
    place = f"{path}: rule {number}"
    if set(entry) != {"expectation", "arguments", "severity", "because"}:
        raise UserError(
            f"{place} needs exactly expectation, arguments, severity and because; it has {', '.join(entry)}"
        )
    if entry["severity"] not in SEVERITIES:
        raise UserError(f"{place}: severity {entry['severity']!r} is none of {', '.join(SEVERITIES)}")
    known = list_registered_expectation_implementations()
    if entry["expectation"] not in known:
        raise UserError(f"{place}: Great Expectations has no {entry['expectation']}")
    arguments = dict(entry["arguments"])
    used = [arguments[name] for name in _COLUMN_ARGUMENTS if name in arguments] + arguments.get("column_list", [])
    for column in used:
        if column not in columns:
            raise UserError(f"{place}: the table has no column {column}; it has {', '.join(columns)}")
    if "codes" in arguments:
        arguments["value_set"] = _codes(conf, arguments.pop("codes"))
    accepted = set(get_expectation_impl(entry["expectation"]).__fields__)
    if unknown := sorted(set(arguments) - accepted):
        raise UserError(f"{place}: {entry['expectation']} takes no {', '.join(unknown)}")
    name = f"{entry['expectation']}({', '.join(used)})"
    return Rule(name, entry["expectation"], arguments, entry["severity"], entry["because"])


def _codes(conf: Conf, name: str) -> list[str]:
    path = conf.path(f"codes/{name}.csv")
    if name == "divisions":
        return sorted(set(division_codes(path).values()))
    return [code for code, _, _ in load_codes(path)]


def build_suite(name: str, rules: list[Rule]) -> gx.ExpectationSuite:
    """The rules as Great Expectations runs them; raises UserError if it took fewer than declared."""
    suite = gx.ExpectationSuite(name=name)
    for rule in rules:
        build = get_expectation_impl(rule.expectation)
        suite.add_expectation(build(**rule.arguments, meta={"rule": rule.name}))
    if len(suite.expectations) != len(rules):
        raise UserError(f"suite {name} loaded {len(suite.expectations)} of {len(rules)} rules")
    return suite
