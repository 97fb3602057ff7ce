"""What all pages share: what they look at, and how a page becomes HTML. Jinja escapes every value that enters a template."""

import hashlib
from base64 import b64encode
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, StrictUndefined

from jobs.common.base.workspace import Workspace
from jobs.common.lake.tables import Lake
from jobs.common.run.conf import Conf, current_conf
from jobs.common.run.runs import Run, all_runs
from jobs.common.run.stage import open_lake

NIGHTS = 30  # that the pages look back
SHOWN = 100  # rows of a list; a page of any night stays below a megabyte
TITLES = {
    "tonight": ("昨夜", "Tonight"),
    "quality": ("质量", "Quality"),
    "sources": ("来源", "Sources"),
    "identity": ("身份", "Identity"),
    "releases": ("发布", "Releases"),
}
# The one script: what takes the engine comes after the page, which then takes its place; asked again while others are drawn.
LATER = (
    "const box=document.querySelector('[data-later]');"
    "const ask=()=>fetch(box.dataset.later)"
    ".then(a=>a.status===503?void setTimeout(ask,3000):a.ok?a.text().then(t=>{box.innerHTML=t}):Promise.reject())"
    ".catch(()=>{box.textContent=box.dataset.failed});"
    "ask()"
)


@dataclass(frozen=True)
class View:
    """What a page looks at, and what its reader may do."""

    workspace: Workspace
    conf: Conf
    lake: Lake
    may_decide: bool = False


def open_view(workspace: Workspace, may_decide: bool = False) -> View:
    conf = current_conf(workspace)
    return View(workspace, conf, open_lake(workspace, conf), may_decide)


def last_runs(lake: Lake) -> dict[date, list[Run]]:
    """Runs of the last `NIGHTS` nights, by night, in their order."""
    by_night: dict[date, list[Run]] = {}
    for run in all_runs(lake):
        by_night.setdefault(run.night, []).append(run)
    return dict(list(by_night.items())[-NIGHTS:])


def last_of_each_night(runs: dict[date, list[Run]], rows: Sequence[dict[str, Any]]) -> dict[date, list[dict[str, Any]]]:
    """Rows with a `run_id`, of each night those of its last run that has any; every night is there."""
    by_run: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        by_run[row["run_id"]].append(row)
    found: dict[date, list[dict[str, Any]]] = {}
    for night, of_night in runs.items():
        told = [by_run[run.run_id] for run in of_night]
        found[night] = next(filter(None, reversed(told)), [])
    return found


def render(template: str, **values: Any) -> str:
    """The template filled in; a name that it misses is an error."""
    loader = PackageLoader("jobs.portal")
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"count": _count, "time": _time}
    environment.globals |= {"titles": TITLES, "later": LATER, "policy": _policy(), "most": SHOWN}
    return environment.get_template(template).render(**values)


def _policy() -> str:
    """What the browser may do with a page: nothing from elsewhere, and no script but the one above."""
    digest = b64encode(hashlib.sha256(LATER.encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'"
    )


def _count(value: float | None) -> str:
    """A count with thousands apart; `·` stands for nothing."""
    return "·" if value is None else f"{value:,}"


def _time(value: datetime | None) -> str:
    """A time in Shanghai; `·` stands for nothing."""
    return "·" if value is None else value.astimezone(ZoneInfo("Asia/Shanghai")).strftime("%Y-%m-%d %H:%M:%S")
