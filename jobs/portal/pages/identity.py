"""Who is who: residents and other entities, what happened to them on the last night, who is known by little, what waits for
people, and what they decided. Keys and counts, never a person.

Reads: `ops.run`, `ops.release`, `links.*`, `refined.resident`. Writes: nothing.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import date
from itertools import chain
from typing import Any

import pyarrow.dataset as ds

from jobs.common.lake.tables import Lake
from jobs.common.model.shapes import ENTITY
from jobs.common.releases.releases import Release, visible_release
from jobs.portal.charts import stacked_bars
from jobs.portal.frame import SHOWN, View, last_runs, render
from jobs.read.judged import judged_rows
from jobs.read.pair_sides import first_nights
from jobs.read.pairs import Found, find_open

EVENTS = {
    "birth": ("新生", "birth"),
    "merge": ("合并", "merge"),
    "split": ("拆分", "split"),
    "end": ("终止", "end"),
    "reopen": ("恢复", "reopening"),
}
_DRAWN = ("merge", "split", "end", "reopen")  # births of a first night would hide all others
# Nights since which a pair waits: up to so many, and what that is called.
AGES: tuple[tuple[float, str, str], ...] = (
    (0, "昨夜", "the last night"),
    (7, "七天以内", "up to a week"),
    (30, "三十天以内", "up to thirty days"),
    (float("inf"), "更久", "longer"),
)
DECISIONS = {
    "same": ("同一", "one"),
    "different": ("不同", "two"),
    "unsure": ("不确定", "nobody knows"),
}
EFFECTS = {
    "together": ("已合一", "together"),
    "apart": ("已分开", "apart"),
    "absent": ("记录不在", "absent"),
    "none": ("不改变", "no change"),
    "next run": ("待下次运行", "next run"),
}


def identity_page(view: View) -> str:
    """The page of the last night."""
    nights = list(last_runs(view.lake))
    if not nights:
        return render("no_run.html", page="identity", waiting={})
    release = visible_release(view.lake)
    kinds = {record.name: record.title_zh for record in view.conf.records.values() if record.shape == ENTITY}
    decided = judged_rows(view.workspace, is_whole=False)
    events = _events(view.lake, nights)
    return render(
        "identity.html",
        page="identity",
        night=nights[-1],
        release=release,
        kinds=kinds,
        entities=_entities(view.lake, release, kinds),
        fragments=_fragments(view.lake, release),
        events={(kind, event): count for (night, kind, event), count in events.items() if night == nights[-1]},
        names=EVENTS,
        chart=_draw(events, nights),
        drawn=_DRAWN,
        ages=AGES,
        queue=_queue(view.lake, nights[-1]),
        decided=decided[:SHOWN],
        left_out=max(0, len(decided) - SHOWN),
        counts=Counter((row["decision"], row["effect"]) for row in decided),
        decisions=DECISIONS,
        effects=EFFECTS,
    )


def _entities(lake: Lake, release: Release | None, kinds: Iterable[str]) -> dict[str, tuple[int | None, int]]:
    """By kind: rows that readers see, and current records of all systems."""
    records = Counter(lake.rows("links.mention", columns=["kind"]).column("kind").to_pylist())
    released = release.tables if release else {}
    return {kind: (released[kind]["rows"] if kind in released else None, records[kind]) for kind in kinds}


def _fragments(lake: Lake, release: Release | None) -> dict[str, int] | None:
    """Residents of the release of whom little is known; None before the first."""
    if release is None or "resident" not in release.tables:
        return None
    dataset = lake.dataset("refined.resident", release.tables["resident"]["version"])
    is_lone, has_no_id = ds.field("mention_count") == 1, ds.field("id_number").is_null()
    counted = {"all": None, "lone": is_lone, "no_id": has_no_id, "both": is_lone & has_no_id}
    return {name: dataset.count_rows(filter=condition) for name, condition in counted.items()}


def _events(lake: Lake, nights: Sequence[date]) -> Counter[tuple[date, str, str]]:
    """Events of the nights by night, kind and event."""
    rows = lake.rows("links.identity_event", {"night": list(nights)}, ["night", "kind", "event"])
    found: Counter[tuple[date, str, str]] = Counter()
    for row in rows.group_by(["night", "kind", "event"]).aggregate([([], "count_all")]).to_pylist():
        found[row["night"], row["kind"], row["event"]] = row["count_all"]
    return found


def _draw(events: Counter[tuple[date, str, str]], nights: Sequence[date]) -> Any:
    """What happened to entities that were there before, night by night; None if nothing did."""
    by_night: Counter[tuple[date, str]] = Counter()
    for (night, _, event), count in events.items():
        by_night[night, event] += count
    series = {" ".join(EVENTS[event]): [by_night[night, event] for night in nights] for event in _DRAWN}
    if not any(chain.from_iterable(series.values())):
        return None
    return stacked_bars([night.isoformat() for night in nights], series, 900, 200, "")


def _queue(lake: Lake, night: date) -> dict[str, list[int]]:
    """Pairs that a matcher left open and nobody has decided, by kind and for each of `AGES`."""
    pairs = find_open(lake)
    since = first_nights(lake, chain.from_iterable(found.pair for found in pairs))
    counted: dict[str, list[int]] = {}
    for found in pairs:
        of_kind = counted.setdefault(found.kind, [0] * len(AGES))
        of_kind[_age(found, since, night)] += 1
    return counted


def _age(found: Found, since: dict[str, date], night: date) -> int:
    """Which of `AGES` a pair is of: it waits since both records are there."""
    began = max((since.get(mention, night) for mention in found.pair), default=night)
    days = (night - began).days
    return next(place for place, (most, _, _) in enumerate(AGES) if days <= most)
