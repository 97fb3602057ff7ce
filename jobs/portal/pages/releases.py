"""Releases: what was published and by whom, what differs between two, and the way back to an earlier one.

Reads: `ops.release`, `refined.*`, `candidate.*`. Writes: of a rollback `ops.release` and `refined.*`.
Refuses: a rollback without a reason, of what readers no longer see, and while a run is live or open (exit code 4).
"""

from dataclasses import dataclass
from itertools import chain
from typing import Any

from markupsafe import Markup

from jobs.common.base.errors import UserError
from jobs.common.releases.difference import CANDIDATE, difference_rows
from jobs.common.releases.releases import PUBLISHED, Release, all_releases, find_release, published_releases
from jobs.common.releases.rollback import origin_of
from jobs.common.run.runs import all_runs
from jobs.operate.decisions import roll_back
from jobs.portal.charts import line
from jobs.portal.frame import View, render
from jobs.portal.pages.tonight import CHANGES, by_table

_SHOWN = 60  # rows of the list; `jiceng release list` has all of them
_DRAWN = 30
_CHOSEN = 400  # releases to compare: a year and more
STATES = {
    "released": ("已发布", "released"),
    "intent": ("发布中", "being published"),
    "pruned": ("已清理", "no longer kept"),
    "hold": ("暂停发布", "on hold"),
    "resumed": ("暂停已解除", "hold lifted"),
}


@dataclass(frozen=True)
class Decision:
    """What a person wants: back to `release`, having seen that readers see `seen`."""

    release: str
    seen: str
    who: str
    because: str


def releases_page(view: View) -> str:
    """The list, the newest first, with the form to compare two."""
    releases = all_releases(view.lake)
    if not releases:
        return render("no_release.html", page="releases", has_run=bool(all_runs(view.lake)))
    published = published_releases(releases)
    tables = list(dict.fromkeys(chain.from_iterable(release.tables for release in published)))
    chosen = published[: -_CHOSEN - 1 : -1]
    return render(
        "releases.html",
        page="releases",
        rows=_list(releases, tables)[:_SHOWN],
        left_out=max(0, len(releases) - _SHOWN),
        tables=tables,
        charts=_draw_rows(published[-_DRAWN:], tables),
        choices=[release.release_id for release in chosen],
        states=STATES,
        candidate=CANDIDATE,
        may_decide=view.may_decide,
    )


def _draw_rows(drawn: list[Release], tables: list[str]) -> dict[str, Markup]:
    """A line of the rows of each table, if there are two releases of them."""
    if len(drawn) < 2:
        return {}
    labels = [release.release_id for release in drawn]
    return {name: line(labels, [_rows(release, name) for release in drawn]) for name in tables}


def difference_page(view: View, old: str | None, new: str | None) -> str:
    """What differs between two releases."""
    before, after, rows = difference_rows(view.workspace, old, new)
    return render("difference.html", page="releases", sides=(before, after), changes=by_table(rows), columns=CHANGES)


def confirm_page(view: View, release_id: str) -> str:
    """What a rollback would change, and the form that asks for the reason."""
    visible, target = find_release(view.lake), find_release(view.lake, release_id)
    before, after, rows = difference_rows(view.workspace, visible.release_id, target.release_id)
    return render(
        "confirm.html",
        page="releases",
        visible=visible,
        target=target,
        sides=(before.name, after.name),
        changes=by_table(rows),
        columns=CHANGES,
        may_decide=view.may_decide,
    )


def rolled_back_page(view: View, wanted: Decision) -> str:
    """Roll back, and tell what was done.

    Raises:
        UserError: no reason is given, readers see another release by now, or the one wanted is not to be had.
    """
    if not wanted.because.strip():
        raise UserError("a rollback needs a reason; go back and say why")
    done = roll_back(view.workspace, wanted.release, wanted.because.strip(), wanted.who, wanted.seen)
    return render("done.html", page="releases", done=done, release=find_release(view.lake))


def _rows(release: Release | None, table: str) -> int | None:
    """Rows of a table in a release; None if it has no such table, or there is no release."""
    if release is None or table not in release.tables:
        return None
    return int(release.tables[table]["rows"])


def _list(releases: list[Release], tables: list[str]) -> list[dict[str, Any]]:
    """The newest first; each release with its rows by table and how many more they are than before."""
    visible = next(reversed(published_releases(releases)), None)
    found: list[dict[str, Any]] = []
    before: Release | None = None
    for release in releases:
        counts = [_counts(release, before, name) for name in tables]
        is_published = release.state == PUBLISHED
        can_return = is_published and visible is not None and origin_of(release) != origin_of(visible)
        found.append({"release": release, "counts": counts, "is_visible": release is visible, "can_return": can_return})
        before = release if release.tables else before
    return found[::-1]


def _counts(release: Release, before: Release | None, table: str) -> tuple[int | None, int | None]:
    """Rows of a table, and how many more they are than before."""
    rows, earlier = _rows(release, table), _rows(before, table)
    return rows, rows - earlier if rows is not None and earlier is not None else None
