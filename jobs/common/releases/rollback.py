"""Decisions of a person about releases: back to an earlier one, or nothing new for the time being.

Both are rows of `ops.release`, so that who decided what, when and why stays on record. A rollback is a release of its own
(`<release>+<n>`), made of the candidates that the earlier one was made of, and published like any other: readers by name see
one or the other, and whoever finds it half done completes it. A hold publishes nothing; it is lifted by `resume`.
"""

import getpass
from dataclasses import replace
from datetime import UTC, date, datetime
from itertools import takewhile
from typing import Any

from jobs.common.base.errors import UserError
from jobs.common.lake.delta_files import why_unreadable
from jobs.common.lake.tables import Lake
from jobs.common.releases.releases import (
    HOLD,
    INTENT,
    RESUMED,
    Release,
    all_releases,
    find_release,
    next_sequence,
    published_releases,
    write_release,
)


def plan_rollback(lake: Lake, release_id: str | None, because: str | None, who: str | None = None) -> Release:
    """The intent to show readers an earlier release, not yet recorded.

    Args:
        lake: of the workspace.
        release_id: the release to show (default: the one before what readers see).
        because: why.
        who: who decides (default: the user of this process).

    Raises:
        UserError: there is no such release, readers see it already, or its tables are no longer kept.
    """
    releases = all_releases(lake)
    visible = find_release(lake)
    target = find_release(lake, release_id) if release_id else _before(releases, visible)
    origin = origin_of(target)
    if origin == origin_of(visible):
        raise UserError(f"readers see release {visible.release_id} already; `jiceng release list` shows the others")
    _check_kept(lake, target)
    number = sum(origin_of(release) == origin for release in releases)
    return replace(
        target,
        release_id=f"{origin}+{number}",
        sequence=next_sequence(releases),
        released_at=None,
        state=INTENT,
        tables={name: _without_version(entry) for name, entry in target.tables.items()},
        approved_by=who or getpass.getuser(),
        because=because,
    )


def _check_kept(lake: Lake, target: Release) -> None:
    """Raise UserError if a candidate that the release was made of can no longer be read."""
    for name, entry in target.tables.items():
        if why := why_unreadable(lake, f"candidate.{name}", entry["candidate_version"]):
            raise UserError(
                f"release {target.release_id} cannot be shown again: {why}; `jiceng release list` shows others"
            )


def _without_version(entry: dict[str, Any]) -> dict[str, Any]:
    """What a release knows of a table but for its version, which publishing gives."""
    return {key: value for key, value in entry.items() if key != "version"}


def origin_of(release: Release) -> str:
    """The release that a night published, of which this is one or a return to it."""
    return release.release_id.partition("+")[0]


def _before(releases: list[Release], visible: Release) -> Release:
    """The release of a night before the one that readers see."""
    origin = origin_of(visible)
    earlier = list(takewhile(lambda release: release.release_id != origin, releases))
    of_nights = [release for release in published_releases(earlier) if origin_of(release) == release.release_id]
    if not of_nights:
        raise UserError(f"there is no release before {origin}")
    return of_nights[-1]


def active_hold(lake: Lake) -> Release | None:
    """The hold that keeps runs from publishing now."""
    return next((release for release in all_releases(lake) if release.state == HOLD), None)


def hold(lake: Lake, night: date, because: str | None, who: str | None = None) -> Release:
    """Keep the next runs from publishing; raises UserError where they are kept from it already."""
    if standing := active_hold(lake):
        raise UserError(f"publishing is {describe_hold(standing)} already; `jiceng release resume` lifts the hold")
    sequence = next_sequence(all_releases(lake))
    name, decided = f"hold.{sequence}", datetime.now(UTC)
    row = Release(name, sequence, name, night, decided, HOLD, {}, who or getpass.getuser(), because)
    write_release(lake, row)
    return row


def resume(lake: Lake) -> Release:
    """Lift the hold, which stays on record; raises UserError where there is none."""
    standing = active_hold(lake)
    if standing is None:
        raise UserError("publishing is not on hold")
    write_release(lake, replace(standing, state=RESUMED))
    return standing


def describe_hold(standing: Release) -> str:
    """`on hold since … by …: why`."""
    since = standing.released_at.strftime("%Y-%m-%d %H:%M UTC") if standing.released_at else "an unknown time"
    told = f"on hold since {since} by {standing.approved_by}"
    return f"{told}: {standing.because}" if standing.because else told
