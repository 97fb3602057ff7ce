"""Names of the rules of `expectations/` and why each must hold, read without Great Expectations, which takes seconds to load."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

EXPECTATIONS = Path(__file__).resolve().parents[2] / "expectations"
_COLUMN_ARGUMENTS = ("column", "column_A", "column_B")


def columns_used(arguments: Mapping[str, Any]) -> list[str]:
    """The columns that the arguments of an expectation name."""
    named = [arguments[name] for name in _COLUMN_ARGUMENTS if name in arguments]
    return named + (arguments.get("column_list") or [])


def name_rule(expectation: str, columns: list[str]) -> str:
    """What `ops.audit` calls a rule: it tells it from the others of its suite."""
    return f"{expectation}({', '.join(columns)})"


def reasons_of_rules(table: str) -> dict[str, str]:
    """`because` of each rule of a table's suite as it is now, by the rule's name; the audit checks suites, this does not."""
    path = EXPECTATIONS / f"{table}.yml"
    if not path.exists():
        return {}
    rules = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)["rules"]
    return {name_rule(rule["expectation"], columns_used(rule["arguments"])): rule["because"] for rule in rules}
