"""The departments' exports over thirty nights: when the last one came, how many rows, how many in doubt or set aside.

Reads: `ops.run`, `ops.delivery`, `ops.file`, `ops.ledger`, `ops.issue`, `ops.quarantine`. Writes: nothing.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from datetime import date
from typing import Any

from jobs.common.intake.deliveries import Delivery, all_deliveries
from jobs.common.intake.received_files import FileStatus
from jobs.common.run.runs import Run
from jobs.portal.charts import bars
from jobs.portal.frame import NIGHTS, SHOWN, View, last_of_each_night, last_runs, render

_Place = tuple[str, str]  # system, object
_Counts = Counter[tuple[_Place, date]]


def sources_page(view: View) -> str:
    """A row for each object of each system, with its nights as bars."""
    runs = last_runs(view.lake)
    deliveries = [each for each in all_deliveries(view.lake) if each.night in runs]
    if not deliveries:
        return render("no_run.html", page="sources", waiting={})
    nights = list(runs)
    landed = _landed(view, runs)
    counted = {"rows": landed, "issues": _issues(view), "set_aside": _set_aside(view, deliveries)}
    by_system: dict[str, list[Delivery]] = {system: [] for system in view.conf.sources}
    for each in deliveries:
        by_system.setdefault(each.system, []).append(each)
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


def _objects(view: View, system: str, own: list[Delivery]) -> list[str]:
    """Names of a system's objects, those of its contract first."""
    source = view.conf.sources.get(system)
    declared = [obj.name for obj in source.objects] if source else []
    handed_over = sorted({each.object for each in own if each.object})
    return list(dict.fromkeys([*declared, *handed_over]))


def _needs_attention(view: View, system: str, own: list[Delivery], night: date) -> bool:
    """Whether something of the last night is missing, refused or held."""
    source, last = view.conf.sources.get(system), [each for each in own if each.night == night]
    is_missed = source is not None and source.expected == "nightly" and not last
    return is_missed or any(each.status.is_left_out for each in last)


def _system(view: View, system: str, own: list[Delivery]) -> dict[str, Any]:
    source = view.conf.sources.get(system)
    strays = sum(each.status is FileStatus.REFUSED and not each.object for each in own)
    title, expected = (source.title, source.expected) if source else ("", None)
    return {"system": system, "title": title, "expected": expected, "strays": strays}


def _object(place: _Place, own: list[Delivery], nights: list[date], counted: Mapping[str, _Counts]) -> dict[str, Any]:
    """One object: its last export, and of each measure the nights, the last figure and the drawing."""
    own = [each for each in own if each.object == place[1]]
    taken = [each for each in own if each.status.is_taken]
    came = {each.night for each in taken}
    labels = [f"{night:%m-%d}" for night in nights]
    measures = {}
    for name, counts in counted.items():
        values = [counts[place, night] if night in came or counts[place, night] else None for night in nights]
        last = next((value for value in reversed(values) if value is not None), None)
        left: list[int | None] = [None] * (NIGHTS - len(nights))  # so that a night is as wide in every workspace
        measures[name] = {"last": last, "chart": bars([""] * len(left) + labels, left + values)}
    is_last_night = bool(taken) and taken[-1].night == nights[-1]
    return {
        "object": place[1],
        "last": {**asdict(taken[-1]), "name": taken[-1].shown_name} if taken else None,
        "is_last_night": is_last_night,
        "refused": sum(each.status is FileStatus.REFUSED for each in own),
        "held": sum(each.status is FileStatus.HELD for each in own),
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


def _set_aside(view: View, deliveries: list[Delivery]) -> _Counts:
    """Rows set aside, each on every night on which its file was handed over."""
    names = ["system", "object", "file_id"]
    rows = view.lake.rows("ops.quarantine", columns=names).group_by(names).aggregate([([], "count_all")]).to_pylist()
    of_file = {(row["system"], row["object"], row["file_id"]): row["count_all"] for row in rows}
    came = {(each.system, each.object, each.file_id, each.night) for each in deliveries}
    found: _Counts = Counter()
    for system, name, file_id, night in came:
        found[(system, name), night] += of_file.get((system, name, file_id), 0)
    return found


def _why(view: View, night: date, deliveries: list[Delivery]) -> dict[str, Any]:
    """Why rows were set aside and values doubted on the last night, by object, the most frequent first."""
    files = sorted({each.file_id for each in deliveries if each.night == night})
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
