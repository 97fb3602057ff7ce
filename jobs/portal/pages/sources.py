"""The departments' exports over thirty nights: when the last one came, how many rows, how many in doubt or set aside.

Reads: `ops.run`, `ops.delivery`, `ops.file`, `ops.ledger`, `ops.issue`, `ops.quarantine`. Writes: nothing.
"""

from collections import Counter
from collections.abc import Mapping
from datetime import date
from typing import Any

from jobs.common.base.file_names import shown
from jobs.common.intake.deliveries import deliveries_with_status
from jobs.common.run.runs import Run
from jobs.portal.charts import bars
from jobs.portal.frame import NIGHTS, SHOWN, View, last_of_each_night, last_runs, render

_Place = tuple[str, str]  # system, object
_Counts = Counter[tuple[_Place, date]]


def sources_page(view: View) -> str:
    """A row for each object of each system, with its nights as bars."""
    runs = last_runs(view.lake)
    deliveries = [row for row in deliveries_with_status(view.lake) if row["night"] in runs]
    if not deliveries:
        return render("no_run.html", page="sources", waiting={})
    nights = list(runs)
    landed = _landed(view, runs)
    counted = {"rows": landed, "issues": _issues(view), "set_aside": _set_aside(view, deliveries)}
    by_system: dict[str, list[dict[str, Any]]] = {system: [] for system in view.conf.sources}
    for row in deliveries:
        by_system.setdefault(row["system"], []).append(row)
    objects = {system: _objects(view, system, own) for system, own in by_system.items()}
    rows = {system: max(1, len(names)) for system, names in objects.items()}
    order = sorted(by_system)
    if sum(rows.values()) > SHOWN:
        order.sort(key=lambda system: not _needs_attention(view, system, by_system[system], nights[-1]))
    systems: list[dict[str, Any]] = []
    left_out = 0
    for system in order:
        room = max(0, SHOWN - sum(max(1, len(one["objects"])) for one in systems))
        left_out += max(0, rows[system] - room)
        if room:
            drawn = [_object((system, name), by_system[system], nights, counted) for name in objects[system][:room]]
            systems.append(_system(view, system, by_system[system]) | {"objects": drawn})
    why = _why(view, nights[-1], deliveries)
    return render("sources.html", page="sources", systems=systems, nights=nights, left_out=left_out, **why)


def _objects(view: View, system: str, own: list[dict[str, Any]]) -> list[str]:
    """Names of a system's objects, those of its contract first."""
    source = view.conf.sources.get(system)
    declared = [obj.name for obj in source.objects] if source else []
    return list(dict.fromkeys([*declared, *sorted({row["object"] for row in own if row["object"]})]))


def _needs_attention(view: View, system: str, own: list[dict[str, Any]], night: date) -> bool:
    """Whether something of the last night is missing, refused or held."""
    source, last = view.conf.sources.get(system), [row for row in own if row["night"] == night]
    is_missed = source is not None and source.expected == "nightly" and not last
    return is_missed or any(row["status"] in ("refused", "held") for row in last)


def _system(view: View, system: str, own: list[dict[str, Any]]) -> dict[str, Any]:
    source = view.conf.sources.get(system)
    strays = sum(row["status"] == "refused" and not row["object"] for row in own)
    title, expected = (source.title, source.expected) if source else ("", None)
    return {"system": system, "title": title, "expected": expected, "strays": strays}


def _object(
    place: _Place, own: list[dict[str, Any]], nights: list[date], counted: Mapping[str, _Counts]
) -> dict[str, Any]:
    """One object: its last export, and of each measure the nights, the last figure and the drawing."""
    rows = [row for row in own if row["object"] == place[1]]
    taken = [row for row in rows if row["status"] in ("accepted", "late")]
    came = {row["night"] for row in taken}
    labels = [f"{night:%m-%d}" for night in nights]
    measures = {}
    for name, counts in counted.items():
        values = [counts[place, night] if night in came or counts[place, night] else None for night in nights]
        last = next((value for value in reversed(values) if value is not None), None)
        left: list[int | None] = [None] * (NIGHTS - len(nights))  # so that a night is as wide in every workspace
        measures[name] = {"last": last, "chart": bars([""] * len(left) + labels, left + values)}
    is_last_night = bool(taken) and taken[-1]["night"] == nights[-1]
    return {
        "object": place[1],
        "last": {**taken[-1], "name": shown(taken[-1]["name"], taken[-1]["file_id"])} if taken else None,
        "is_last_night": is_last_night,
        "refused": sum(row["status"] == "refused" for row in rows),
        "held": sum(row["status"] == "held" for row in rows),
        "measures": measures,
    }


def _landed(view: View, runs: Mapping[date, list[Run]]) -> _Counts:
    run_ids = [run.run_id for of_night in runs.values() for run in of_night]
    names = ["run_id", "system", "object", "file_id"]
    held = {
        tuple(row.values())
        for row in view.lake.rows("ops.ledger", {"run_id": run_ids, "term": "held"}, names).to_pylist()
    }
    rows = view.lake.rows("ops.ledger", {"run_id": run_ids, "term": "landed", "record": None}).to_pylist()
    rows = [row for row in rows if tuple(row[name] for name in names) not in held]  # told apart, as they change nothing
    found: _Counts = Counter()
    for night, of_night in last_of_each_night(dict(runs), rows).items():
        for row in of_night:
            found[(row["system"], row["object"]), night] += row["rows"]
    return found


def _issues(view: View) -> _Counts:
    names = ["system", "object", "opened"]
    found: _Counts = Counter()
    for row in view.lake.rows("ops.issue", columns=names).group_by(names).aggregate([([], "count_all")]).to_pylist():
        found[(row["system"], row["object"]), row["opened"]] += row["count_all"]
    return found


def _set_aside(view: View, deliveries: list[dict[str, Any]]) -> _Counts:
    """Rows set aside, each on every night on which its file was handed over."""
    names = ["system", "object", "file_id"]
    rows = view.lake.rows("ops.quarantine", columns=names).group_by(names).aggregate([([], "count_all")]).to_pylist()
    of_file = {(row["system"], row["object"], row["file_id"]): row["count_all"] for row in rows}
    came = {(row["system"], row["object"], row["file_id"], row["night"]) for row in deliveries}
    found: _Counts = Counter()
    for system, name, file_id, night in came:
        found[(system, name), night] += of_file.get((system, name, file_id), 0)
    return found


def _why(view: View, night: date, deliveries: list[dict[str, Any]]) -> dict[str, Any]:
    """Why rows were set aside and values doubted on the last night, by object, the most frequent first."""
    files = sorted({row["file_id"] for row in deliveries if row["night"] == night})
    reasons = _counts(view, "ops.quarantine", {"file_id": files}, ["system", "object", "reason"])
    codes = _counts(view, "ops.issue", {"opened": night}, ["system", "object", "record", "field", "code"])
    return {
        "reasons": [(*place, rows, _told(view, "row", place[-1])) for place, rows in reasons.most_common()],
        "codes": [(*place, rows, _told(view, "issue", place[-1])) for place, rows in codes.most_common()],
    }


def _counts(view: View, table: str, where: dict[str, Any], names: list[str]) -> Counter[tuple[str, ...]]:
    """Rows of a table by these columns."""
    counted = view.lake.rows(table, where, names).group_by(names).aggregate([([], "count_all")])
    return Counter({tuple(row[name] for name in names): row["count_all"] for row in counted.to_pylist()})


def _told(view: View, kind: str, code: str) -> dict[str, str]:
    """The sentence of a reason or code."""
    return dict(view.conf.reasons[kind].get(code) or {"zh": code, "en": ""})
