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
_KEYS = {"expectation", "arguments", "severity", "because"}
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
    entries = document.get("rules") if isinstance(document, dict) else None
    if (
        not entries
        or not isinstance(entries, list)
        or set(document) != {"table", "rules"}
        or document["table"] != path.stem
    ):
        raise UserError(f"{path}: needs `table: {path.stem}` and `rules:` with at least one rule, and nothing else")
    rules = [_load_rule(path, number, entry, columns, conf) for number, entry in enumerate(entries, start=1)]
    names = [rule.name for rule in rules]
    if len(set(names)) < len(entries):
        repeated = next(name for name in names if names.count(name) > 1)
        raise UserError(f"{path}: rule {repeated} is given twice; keep one")
    return rules


def _load_rule(path: Path, number: int, entry: dict[str, Any], columns: list[str], conf: Conf) -> Rule:
    place = f"{path}: rule {number}"
    given = set(entry) if isinstance(entry, dict) else set()
    if given != _KEYS:
        had = ", ".join(sorted(map(str, given))) or "none of them"
        raise UserError(f"{place} needs exactly expectation, arguments, severity and because; it has {had}")
    expectation, severity, because = entry["expectation"], entry["severity"], entry["because"]
    place = f"{place} ({expectation})"
    if severity not in SEVERITIES:
        raise UserError(f"{place}: severity {severity!r} is none of {', '.join(SEVERITIES)}")
    if not isinstance(because, str) or not because.strip():
        raise UserError(f"{place}: because is empty; say why the rule must hold")
    if expectation not in list_registered_expectation_implementations():
        raise UserError(f"{place}: Great Expectations has no {expectation}")
    if not isinstance(entry["arguments"], dict):
        raise UserError(f"{place}: arguments is no mapping of names to values")
    arguments = dict(entry["arguments"])
    used = [arguments[name] for name in _COLUMN_ARGUMENTS if name in arguments] + (arguments.get("column_list") or [])
    for column in used:
        if column not in columns:
            raise UserError(f"{place}: the table has no column {column}; it has {', '.join(columns)}")
    if "codes" in arguments:
        if "value_set" in arguments:
            raise UserError(f"{place}: codes stands for value_set; give one of them")
        arguments["value_set"] = _codes(place, conf, arguments.pop("codes"))
    implementation = get_expectation_impl(expectation)
    if unknown := sorted(set(arguments) - set(implementation.__fields__)):
        raise UserError(f"{place}: {expectation} takes no {', '.join(unknown)}")
    rule = Rule(f"{expectation}({', '.join(used)})", expectation, arguments, severity, because)
    try:
        _build(rule)
    except Exception as error:  # whatever the expectation says of its own arguments
        reason = "; ".join(line.strip() for line in str(error).splitlines()[1:]) or str(error)
        raise UserError(f"{place}: the arguments are not accepted: {reason}") from error
    return rule


def _codes(place: str, conf: Conf, name: str) -> list[str]:
    if f"codes/{name}.csv" not in conf.files:
        known = ", ".join(sorted(file.removesuffix(".csv") for file in conf.below("codes", ".csv")))
        raise UserError(f"{place}: there is no code list {name}; there are {known}")
    path = conf.path(f"codes/{name}.csv")
    if name == "divisions":
        return sorted(set(division_codes(path).values()))
    return [code for code, _, _ in load_codes(path)]


def _build(rule: Rule) -> Any:
    return get_expectation_impl(rule.expectation)(**rule.arguments, meta={"rule": rule.name})


def build_suite(name: str, rules: list[Rule]) -> gx.ExpectationSuite:
    """The rules as Great Expectations runs them; raises UserError if it took fewer than declared."""
    suite = gx.ExpectationSuite(name=name)
    for rule in rules:
        suite.add_expectation(_build(rule))
    if len(suite.expectations) != len(rules):
        raise UserError(f"suite {name} loaded {len(suite.expectations)} of {len(rules)} rules")
    return suite
