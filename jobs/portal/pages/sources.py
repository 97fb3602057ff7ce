"""The departments' exports over thirty nights: when the last one came, how many rows, how many in doubt or set aside.

Reads: `ops.run`, `ops.delivery`, `ops.file`, `ops.ledger`, `ops.issue`, `ops.quarantine`. Writes: nothing.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date
from operator import itemgetter
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
    counted = {
        "rows": _landed(view, runs),
        "issues": _issues(view),
        "set_aside": _set_aside(view, deliveries),
    }
    by_system: dict[str, list[Delivery]] = {system: [] for system in view.conf.sources}
    for each in deliveries:
        by_system.setdefault(each.system, []).append(each)
    objects = {system: _objects(view, system, own) for system, own in by_system.items()}
    shown = _choose_shown(view, by_system, objects, nights[-1])
    systems = []
    for system, names in shown.items():
        own = by_system[system]
        drawn = [_object((system, name), own, nights, counted) for name in names]
        systems.append(_system(view, system, own) | {"objects": drawn})
    left_out = _count_rows(objects) - _count_rows(shown)
    why = _why(view, nights[-1], deliveries)
    return render("sources.html", page="sources", systems=systems, nights=nights, left_out=left_out, **why)


def _count_rows(objects: Mapping[str, Sequence[str]]) -> int:
    """Rows that systems take on the page: one for each object, and one for a system without any."""
    return sum(max(1, len(names)) for names in objects.values())


def _choose_shown(
    view: View, by_system: Mapping[str, list[Delivery]], objects: Mapping[str, list[str]], night: date
) -> dict[str, list[str]]:
    """Systems and the objects of each that fit the page; if not all do, those that need attention come first."""
    order = sorted(by_system)
    if _count_rows(objects) > SHOWN:
        order.sort(key=lambda system: not _needs_attention(view, system, by_system[system], night))
    shown: dict[str, list[str]] = {}
    for system in order:
        room = SHOWN - _count_rows(shown)
        if room > 0:
            shown[system] = objects[system][:room]
    return shown


def _objects(view: View, system: str, own: list[Delivery]) -> list[str]:
    """Names of a system's objects, those of its contract first."""
    source = view.conf.sources.get(system)
    declared = [obj.name for obj in source.objects] if source else []
    handed_over = sorted({each.object for each in own if each.object})
    return list(dict.fromkeys([*declared, *handed_over]))


def _needs_attention(view: View, system: str, own: list[Delivery], night: date) -> bool:
    """Whether something of the last night is missing, refused or held."""
    last = [each for each in own if each.night == night]
    if last:
        return any(each.status.is_left_out for each in last)
    source = view.conf.sources.get(system)
    return source is not None and source.expected == "nightly"


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
    statuses = Counter(each.status for each in own)
    return {
        "object": place[1],
        "last": {**asdict(taken[-1]), "name": taken[-1].shown_name} if taken else None,
        "is_last_night": bool(taken) and taken[-1].night == nights[-1],
        "refused": statuses[FileStatus.REFUSED],
        "held": statuses[FileStatus.HELD],
        "measures": {name: _measure(place, counts, nights, came) for name, counts in counted.items()},
    }


def _measure(place: _Place, counts: _Counts, nights: list[date], came: set[date]) -> dict[str, Any]:
    """The last figure of an object, and a bar for each night on which it `came` or has a figure."""
    labels, values = [""] * NIGHTS, list[int | None]([None] * NIGHTS)  # so that a night is as wide in every workspace
    for night in nights:
        count = counts[place, night]
        labels.append(f"{night:%m-%d}")
        values.append(count if night in came or count else None)
    known = [value for value in values if value is not None]
    return {"last": known[-1] if known else None, "chart": bars(labels[-NIGHTS:], values[-NIGHTS:])}


def _landed(view: View, runs: Mapping[date, list[Run]]) -> _Counts:
    """Rows landed by object and night; those of files held back do not count, as they change nothing."""
    run_ids = [run.run_id for of_night in runs.values() for run in of_night]
    names = ["run_id", "system", "object", "file_id"]
    key_of = itemgetter(*names)
    held = set(map(key_of, view.lake.rows("ops.ledger", {"run_id": run_ids, "term": "held"}, names).to_pylist()))
    landed = view.lake.rows("ops.ledger", {"run_id": run_ids, "term": "landed", "record": None}).to_pylist()
    rows = [row for row in landed if key_of(row) not in held]
    found: _Counts = Counter()
    for night, of_night in last_of_each_night(dict(runs), rows).items():
        for row in of_night:
            found[(row["system"], row["object"]), night] += row["rows"]
    return found


def _issues(view: View) -> _Counts:
    """Issues by object and the night that opened them."""
    counted = _counts(view, "ops.issue", {}, ["system", "object", "opened"])
    return Counter({((system, name), opened): count for (system, name, opened), count in counted.items()})


def _set_aside(view: View, deliveries: list[Delivery]) -> _Counts:
    """Rows set aside, each on every night on which its file was handed over."""
    of_file = _counts(view, "ops.quarantine", {}, ["system", "object", "file_id"])
    came = {(each.system, each.object, each.file_id, each.night) for each in deliveries}
    found: _Counts = Counter()
    for system, name, file_id, night in came:
        found[(system, name), night] += of_file[system, name, file_id]
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


def _counts(view: View, table: str, where: dict[str, Any], names: list[str]) -> Counter[tuple[Any, ...]]:
    """Rows of a table by these columns."""
    counted = view.lake.rows(table, where, names).group_by(names).aggregate([([], "count_all")])
    key_of = itemgetter(*names)
    return Counter({key_of(row): row["count_all"] for row in counted.to_pylist()})


def _told(view: View, kind: str, code: str) -> dict[str, str]:
    """The sentence of a reason or code."""
    return dict(view.conf.reasons[kind].get(code) or {"zh": code, "en": ""})
