"""Every rule of the gate over the last thirty nights, and what was unusual beside the nights before.

Reads: `ops.run`, `ops.audit`, `expectations/`. Writes: nothing.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from markupsafe import Markup

from jobs.common.run.suites import reasons_of_rules
from jobs.portal.charts import line
from jobs.portal.frame import View, last_of_each_night, last_runs, render
from jobs.portal.verdicts import describe_rule

STATES = {
    "pass": ("通过", "holds"),
    "warn": ("警告", "warning: released all the same"),
    "fail": ("拒绝", "critical: nothing is released"),
    "none": ("未审计", "not audited"),
}
_ORDER = {"fail": 0, "warn": 1, "pass": 2, "none": 3}
_FAILING = ("warn", "fail")
MARKS = {"pass": "", "warn": "!", "fail": "✕", "none": ""}
# Of the comparison, which has figures by the hundred, also where no night was unusual.
_ALWAYS_SHOWN = "rows_landed"
_RULES = 40  # of a table; a grid of one is four kilobytes
_TITLES = {
    "ledger": ("账", "The books"),
    "identity": ("身份", "Identity"),
    "history": ("与往常相比", "Compared with earlier nights"),
}
_Verdict = Mapping[str, Any]  # a row of `ops.audit`
_OfRules = dict[str, dict[date, _Verdict]]  # verdicts of one table, by rule and night


def quality_page(view: View) -> str:
    """The grid of rules and nights."""
    runs = last_runs(view.lake)
    run_ids = [run.run_id for of_night in runs.values() for run in of_night]
    verdicts = last_of_each_night(runs, view.lake.rows("ops.audit", {"run_id": run_ids}).to_pylist())
    by_table = _by_table(verdicts)
    if not by_table:
        return render("no_run.html", page="quality", waiting={})
    order = dict.fromkeys([*_TITLES, *sorted(by_table)])
    nights = list(verdicts)
    reasons = {table: reasons_of_rules(view.conf, table) for table in order}
    groups = [_group(view, table, by_table[table], nights, reasons) for table in order if table in by_table]
    failing = [rule | {"group": group} for group in groups for rule in group["failing"]]
    return render(
        "quality.html",
        page="quality",
        nights=nights,
        groups=groups,
        states=STATES,
        marks=MARKS,
        failing=sorted(failing, key=lambda rule: _ORDER[rule["now"]]),
    )


def _by_table(verdicts: Mapping[date, Sequence[_Verdict]]) -> dict[str, _OfRules]:
    """The verdicts of each table by rule and night."""
    found: dict[str, _OfRules] = {}
    for night, rows in verdicts.items():
        for row in rows:
            rules = found.setdefault(row["table_name"], {})
            rules.setdefault(row["rule"], {})[night] = row
    return found


def judge(row: Mapping[str, Any] | None) -> str:
    """A verdict as the grid shows it."""
    if row is None:
        return "none"
    if row["success"]:
        return "pass"
    return "fail" if row["severity"] == "critical" else "warn"


def _group(
    view: View, table: str, by_rule: _OfRules, nights: Sequence[date], reasons: Mapping[str, Mapping[str, str]]
) -> dict[str, Any]:
    """The rules of one table, those that fail most lately first, each with its state of every night."""
    rules = sorted((_rule(told, nights, reasons) for told in by_rule.values()), key=_place)
    shown = list(filter(_is_shown, rules))
    zh, en = _title(view, table)
    return {
        "table": table,
        "zh": zh,
        "en": en,
        "rules": [rule | {"chart": _chart(rule, nights)} for rule in shown[:_RULES]],
        "others": len(rules) - len(shown),
        "left_out": len(shown[_RULES:]),
        "failing": [rule for rule in rules if rule["now"] in _FAILING],
    }


def _place(rule: Mapping[str, Any]) -> tuple[int, int, bool, str]:
    """Where a rule stands in the grid of its table."""
    return _ORDER[rule["now"]], -rule["failures"], rule["severity"] != "critical", rule["rule"]


def _is_shown(rule: Mapping[str, Any]) -> bool:
    """Whether a rule has a line in the grid; of the comparison only some have."""
    is_compared: bool = rule["table_name"] == "history"
    return not is_compared or rule["failures"] > 0 or rule["rule"].startswith(_ALWAYS_SHOWN)


def _title(view: View, table: str) -> tuple[str, str]:
    if table in _TITLES:
        return _TITLES[table]
    known = view.conf.tables.get(table)
    return (known.title_zh, known.title) if known else (table, "")


def _rule(
    told: Mapping[date, _Verdict], nights: Sequence[date], reasons: Mapping[str, Mapping[str, str]]
) -> dict[str, Any]:
    """One rule with its state, and what was observed, of every night."""
    of_nights = [told.get(night) for night in nights]
    states = list(map(judge, of_nights))
    observed = [row["observed"] if row else None for row in of_nights]
    return {
        **describe_rule(told[max(told)], reasons),
        "cells": list(zip(nights, states, observed, strict=True)),
        "now": states[-1],
        "failures": sum(state in _FAILING for state in states),
    }


def _chart(rule: Mapping[str, Any], nights: Sequence[date]) -> Markup | None:
    """The figures of the comparison as a line, if there are two nights of them."""
    values = [_figure(observed) for _, _, observed in rule["cells"]]
    figures = [value for value in values if value is not None]
    if rule["table_name"] != "history" or len(figures) < 2:
        return None
    return line([f"{night:%m-%d}" for night in nights], values, width=14 * len(nights))


def _figure(observed: str | None) -> float | None:
    """The figure of the night from a verdict of the comparison, such as `1,981; usual 1,400 to 2,500, from 9 nights`."""
    found = re.match(r"([0-9,.]+)%?;", observed or "")
    return float(found[1].replace(",", "")) if found else None
