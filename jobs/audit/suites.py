"""Expectation suites, read from `expectations/<table>.yml`, loaded strictly.

Refuses, naming file and line: a table without a suite, an unknown expectation, argument, column or code list, a rule
without reason or severity, the same rule twice, and a suite that loaded fewer rules than it declares.
"""

from collections import Counter
from dataclasses import dataclass
from math import ceil, floor
from pathlib import Path
from typing import Any

import great_expectations as gx
from great_expectations.expectations.registry import get_expectation_impl, list_registered_expectation_implementations

from jobs.common.base.errors import UserError
from jobs.common.run.conf import Conf
from jobs.common.run.flag_columns import code_lists, code_set
from jobs.common.run.suites import OVERRIDABLE, columns_used, name_rule, place_of_rule, read_suite, told_as

SEVERITIES = ("critical", "warning", "info")
TOTALS = "expect_table_row_count_to_be_between"
_OF_LAST = {"min_of_last_release": "min_value", "max_of_last_release": "max_value"}


@dataclass(frozen=True)
class Rule:
    """One expectation with its severity; `name` tells it from the others of its suite.

    `overridable`: a person may release although it fails.
    """

    name: str
    expectation: str
    arguments: dict[str, Any]
    severity: str
    because: str
    overridable: bool = False


def load_suite(path: Path, columns: list[str], conf: Conf, last_rows: int | None = None) -> list[Rule]:
    """The rules of one suite for a table with these columns; raises UserError naming file and rule.

    Args:
        path: the suite.
        columns: of the table, with the flags.
        conf: whose code lists count.
        last_rows: of the table in the last release, against which totals are held; None: there is none.
    """
    document = read_suite(path, told_as(conf, path))
    rules = []
    for index, entry in enumerate(document.content["rules"]):
        rules.append(_load_rule(place_of_rule(document, index), entry, columns, conf, last_rows))
    names = Counter(rule.name for rule in rules)
    if len(names) < len(rules):
        repeated = next(name for name, count in names.items() if count > 1)
        raise UserError(f"{document.file}: rule {repeated} is given twice; keep one")
    return rules


def _load_rule(place: str, entry: dict[str, Any], columns: list[str], conf: Conf, last_rows: int | None) -> Rule:
    """A rule of a suite; raises UserError, which says what is wrong with it.

    Args:
        place: of the rule in its suite, for messages.
        entry: as it is written.
        columns: of the table.
        conf: with the code lists.
        last_rows: rows of the table in the last release, None before the first.
    """
    expectation = entry["expectation"]
    place = f"{place} ({expectation})"
    overridable = _check_severity(place, entry)
    if expectation not in list_registered_expectation_implementations():
        raise UserError(f"{place}: Great Expectations has no {expectation}")
    used = columns_used(entry["arguments"])
    for column in used:
        if column not in columns:
            raise UserError(f"{place}: the table has no column {column}; it has {', '.join(columns)}")
    arguments = _fill_arguments(place, entry, conf, last_rows)
    unknown = sorted(set(arguments) - set(get_expectation_impl(expectation).__fields__))
    if unknown:
        raise UserError(f"{place}: {expectation} takes no {', '.join(unknown)}")
    name = name_rule(expectation, used)
    rule = Rule(name, expectation, arguments, entry["severity"], entry["because"], overridable)
    try:
        _build(rule)
    except Exception as error:  # whatever the expectation says of its own arguments
        lines = [line.strip() for line in str(error).splitlines()[1:]]
        raise UserError(f"{place}: the arguments are not accepted: {'; '.join(lines) or error}") from error
    return rule


def _check_severity(place: str, entry: dict[str, Any]) -> bool:
    """Whether a person may override the rule; raises UserError for a severity or reason that is none."""
    severity, because = entry["severity"], entry["because"]
    if severity not in SEVERITIES:
        raise UserError(f"{place}: severity {severity!r} is none of {', '.join(SEVERITIES)}")
    if not isinstance(because, str) or not because.strip():
        raise UserError(f"{place}: because is empty; say why the rule must hold")
    overridable = entry.get(OVERRIDABLE, False)
    is_allowed = overridable is False or (overridable is True and severity == "critical")
    if not is_allowed:
        raise UserError(f"{place}: overridable is true or false, and only a critical rule can be overridden")
    return bool(overridable)


def _fill_arguments(place: str, entry: dict[str, Any], conf: Conf, last_rows: int | None) -> dict[str, Any]:
    """The arguments as Great Expectations takes them: codes of a list, bounds of the last release in rows."""
    arguments = dict(entry["arguments"])
    if "codes" in arguments:
        if "value_set" in arguments:
            raise UserError(f"{place}: codes stands for value_set; give one of them")
        arguments["value_set"] = _codes(place, conf, arguments.pop("codes"))
    for share, bound in _OF_LAST.items():
        if share in arguments:
            arguments[bound] = _bound_of_last(place, share, arguments.pop(share), last_rows)
    if entry["expectation"] == TOTALS:
        arguments.setdefault("min_value", 0)  # one bound it must have, also before the first release
    return arguments


def _bound_of_last(place: str, name: str, share: Any, last_rows: int | None) -> int | None:
    """So many rows as a share of the last release's, give or take what chance does to a count; all go where that had none."""
    is_number = isinstance(share, int | float) and not isinstance(share, bool)
    if not is_number or not 0 < share < 100:
        raise UserError(f"{place}: {name} is {share!r}; give it as a share of the rows, such as 0.8")
    is_least = name == "min_of_last_release"
    if not last_rows:
        return 0 if is_least else None
    rows: float = share * last_rows
    chance: float = 3 * last_rows**0.5
    return max(0, floor(rows - chance)) if is_least else ceil(rows + chance)


def _codes(place: str, conf: Conf, name: str) -> list[str]:
    if name not in code_lists(conf):
        raise UserError(f"{place}: there is no code list {name}; there are {', '.join(code_lists(conf))}")
    return list(code_set(conf, name))


def _build(rule: Rule) -> Any:
    return get_expectation_impl(rule.expectation)(**rule.arguments, meta={"rule": rule.name})


def is_about_rows(rule: Rule) -> bool:
    """Whether the rule is asked of each row, so that it holds where there is none."""
    return "mostly" in get_expectation_impl(rule.expectation).__fields__


def lets_nothing_through(rule: Rule) -> bool:
    """Whether the rule is asked of each row and holds if no row breaks it."""
    fields = get_expectation_impl(rule.expectation).__fields__
    return is_about_rows(rule) and rule.arguments.get("mostly", fields["mostly"].default) == 1


def build_suite(name: str, rules: list[Rule]) -> gx.ExpectationSuite:
    """The rules as Great Expectations runs them; raises UserError if it took fewer than declared."""
    suite = gx.ExpectationSuite(name=name)
    for rule in rules:
        suite.add_expectation(_build(rule))
    if len(suite.expectations) != len(rules):
        raise UserError(f"suite {name} loaded {len(suite.expectations)} of {len(rules)} rules")
    return suite
