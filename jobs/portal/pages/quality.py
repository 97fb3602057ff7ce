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
MARKS = {"pass": "", "warn": "!", "fail": "✕", "none": ""}
# Of the comparison, which has figures by the hundred, also where no night was unusual.
_ALWAYS_SHOWN = "rows_landed"
_RULES = 40  # of a table; a grid of one is four kilobytes
_TITLES = {"ledger": ("账", "The books"), "history": ("与往常相比", "Compared with earlier nights")}


def quality_page(view: View) -> str:
    """The grid of rules and nights."""
    runs = last_runs(view.lake)
    run_ids = [run.run_id for of_night in runs.values() for run in of_night]
    verdicts = last_of_each_night(runs, view.lake.rows("ops.audit", {"run_id": run_ids}).to_pylist())
    if not any(verdicts.values()):
        return render("no_run.html", page="quality", waiting={})
    tables = {row["table_name"] for rows in verdicts.values() for row in rows}
    order = ["ledger", "history", *sorted(tables - {"ledger", "history"})]
    reasons = {table: reasons_of_rules(view.conf, table) for table in order}
    groups = [_group(view, table, verdicts, reasons) for table in order if table in tables]
    failing = [rule | {"group": group} for group in groups for rule in group["failing"]]
    return render(
        "quality.html",
        page="quality",
        nights=list(verdicts),
        groups=groups,
        states=STATES,
        marks=MARKS,
        failing=sorted(failing, key=lambda rule: _ORDER[rule["now"]]),
    )


def judge(row: Mapping[str, Any] | None) -> str:
    """A verdict as the grid shows it."""
    if row is None:
        return "none"
    if row["success"]:
        return "pass"
    return "fail" if row["severity"] == "critical" else "warn"


def _group(
    view: View,
    table: str,
    verdicts: Mapping[date, Sequence[Mapping[str, Any]]],
    reasons: Mapping[str, Mapping[str, str]],
) -> dict[str, Any]:
    """The rules of one table, those that fail most lately first, each with its state of every night."""
    by_rule: dict[str, dict[date, Mapping[str, Any]]] = {}
    for night, rows in verdicts.items():
        for row in rows:
            if row["table_name"] == table:
                by_rule.setdefault(row["rule"], {})[night] = row
    nights = list(verdicts)
    rules = [_rule(told, nights, reasons) for told in by_rule.values()]
    rules.sort(key=lambda rule: (_ORDER[rule["now"]], -rule["failures"], rule["severity"] != "critical", rule["rule"]))
    shown = [rule for rule in rules if table != "history" or rule["failures"] or rule["rule"].startswith(_ALWAYS_SHOWN)]
    known = view.conf.tables.get(table)
    zh, en = _TITLES.get(table) or ((known.title_zh, known.title) if known else (table, ""))
    drawn = [rule | {"chart": _chart(rule, nights)} for rule in shown[:_RULES]]
    others, left_out = len(rules) - len(shown), len(shown) - len(drawn)
    failing = [rule for rule in rules if rule["now"] in ("warn", "fail")]
    return {
        "table": table,
        "zh": zh,
        "en": en,
        "rules": drawn,
        "others": others,
        "left_out": left_out,
        "failing": failing,
    }


_ORDER = {"fail": 0, "warn": 1, "pass": 2, "none": 3}


def _rule(
    told: Mapping[date, Mapping[str, Any]], nights: Sequence[date], reasons: Mapping[str, Mapping[str, str]]
) -> dict[str, Any]:
    last = told[max(told)]
    states = [judge(told.get(night)) for night in nights]
    observed = [told[night]["observed"] if night in told else None for night in nights]
    return {
        **describe_rule(last, reasons),
        "cells": list(zip(nights, states, observed, strict=True)),
        "now": states[-1],
        "failures": sum(state in ("warn", "fail") for state in states),
    }


def _chart(rule: Mapping[str, Any], nights: Sequence[date]) -> Markup | None:
    """The figures of the comparison as a line, if there are two nights of them."""
    values = [_figure(observed) for _, _, observed in rule["cells"]]
    is_drawn = rule["table_name"] == "history" and sum(value is not None for value in values) > 1
    return line([f"{night:%m-%d}" for night in nights], values, width=14 * len(nights)) if is_drawn else None


def _figure(observed: str | None) -> float | None:
    """The figure of the night from a verdict of the comparison, such as `1,981; usual 1,400 to 2,500, from 9 nights`."""
    found = re.match(r"([0-9,.]+)%?;", observed or "")
    return float(found[1].replace(",", "")) if found else None
