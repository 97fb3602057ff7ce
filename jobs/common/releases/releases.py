"""Releases: what readers see, and how a candidate becomes it, all tables or none.

Delta has no transaction over several tables. So a release is an `intent` row in `ops.release`, then one commit for each
table whose rows changed, then the row's state `released` with the version of each table. Readers by name go through the
last released row and its versions; whoever finds an open intent finishes it first.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from jobs.common.base.errors import Fault, UserError
from jobs.common.base.workspace import open_workspace
from jobs.common.lake.delta_files import why_unreadable
from jobs.common.lake.schemas import declared_tables
from jobs.common.lake.tables import Lake
from jobs.common.lake.versions import make_equal
from jobs.common.run.conf import current_conf
from jobs.common.run.runs import Run

if TYPE_CHECKING:
    import duckdb
    import pandas
    import polars
    from pyspark.sql import DataFrame


# States of a row of `ops.release`: of a release, and of a hold.
INTENT, PUBLISHED, PRUNED = "intent", "released", "pruned"
HOLD, RESUMED = "hold", "resumed"


@dataclass(frozen=True)
class Release:
    """One row of `ops.release`; `tables` maps a table's bare name to rows, fingerprint and versions (none of a hold)."""

    release_id: str
    sequence: int
    run_id: str
    night: Any
    released_at: datetime | None
    state: str
    tables: dict[str, dict[str, Any]]
    approved_by: str | None
    because: str | None


def all_releases(lake: Lake) -> list[Release]:
    """All releases in their order."""
    rows = lake.rows("ops.release").to_pylist()
    releases = [Release(**{**row, "tables": json.loads(row["tables"])}) for row in rows]
    return sorted(releases, key=lambda release: release.sequence)


def next_sequence(releases: Sequence[Release]) -> int:
    """Place of the next row of `ops.release`."""
    return 1 + max((release.sequence for release in releases), default=0)


def published_releases(releases: Sequence[Release]) -> list[Release]:
    """Those that can be read, in their order: readers see the last."""
    return [release for release in releases if release.state == PUBLISHED]


def visible_release(lake: Lake) -> Release | None:
    """The release that readers see; None before the first."""
    return next(reversed(published_releases(all_releases(lake))), None)


def release_before(lake: Lake, run_id: str) -> Release | None:
    """The release that readers saw before the run's own, also where the run, killed since, has published it."""
    others = [release for release in all_releases(lake) if release.run_id != run_id]
    return next(reversed(published_releases(others)), None)


def find_release(lake: Lake, release_id: str | None = None) -> Release:
    """The release readers see, or the one named; raises UserError where there is none."""
    releases = {release.release_id: release for release in all_releases(lake)}
    released = published_releases(list(releases.values()))
    if release_id is None:
        if not released:
            raise UserError("nothing has been released in this workspace yet; `jiceng run` releases a night")
        return released[-1]
    found = releases.get(release_id)
    if found and found.state == PUBLISHED:
        return found
    if found and found.state == PRUNED:
        raise UserError(f"release {release_id} is older than what conf/retention.yml keeps; its tables are gone")
    known = ", ".join(release.release_id for release in released[-5:]) or "none"
    raise UserError(f"there is no release {release_id}; the last ones: {known}")


def release_of_run(lake: Lake, run_id: str) -> Release | None:
    """The release that a run has begun or published."""
    return next((release for release in all_releases(lake) if release.run_id == run_id), None)


def record_intent(
    lake: Lake, run: Run, tables: dict[str, dict[str, Any]], approved_by: str | None = None, because: str | None = None
) -> Release:
    """Write the intent to publish these candidates; where the run has published already, that release is returned."""
    releases = all_releases(lake)
    known = release_of_run(lake, run.run_id)
    if known is not None and known.state == PUBLISHED:
        return known
    sequence = known.sequence if known else next_sequence(releases)
    release = Release(run.run_id, sequence, run.run_id, run.night, None, INTENT, tables, approved_by, because)
    write_release(lake, release)
    return release


def finish_release(lake: Lake, release: Release) -> Release:
    """Promote the candidates that an intent names, each in one commit, and make the release visible.

    Raises:
        RuntimeError: what was promoted is not what was audited.
    """
    audited = {f"refined.{name}": entry["fingerprint"] for name, entry in release.tables.items()}
    before = lake.fingerprints(dict.fromkeys(audited))
    promoted = [name for name in audited if before[name][1] != audited[name]]
    for refined in promoted:
        _promote(lake, refined, release)
    after = lake.fingerprints(dict.fromkeys(promoted))
    for refined, (_, found) in after.items():
        if found != audited[refined]:
            raise RuntimeError(f"{refined} has fingerprint {found} after promotion, audited was {audited[refined]}")
    tables = {name: {**entry, "version": lake.version(f"refined.{name}")} for name, entry in release.tables.items()}
    finished = replace(release, released_at=datetime.now(UTC), state=PUBLISHED, tables=tables)
    write_release(lake, finished)
    return finished


def recover_release(lake: Lake) -> Release | None:
    """Finish the release that a killed run left half promoted; its candidates had passed the gate."""
    for release in all_releases(lake):
        if release.state == INTENT:
            return finish_release(lake, release)
    return None


def _promote(lake: Lake, refined: str, release: Release) -> None:
    name = refined.removeprefix("refined.")
    candidate = lake.read(f"candidate.{name}", release.tables[name]["candidate_version"])
    make_equal(lake, refined, candidate, release.run_id)


def write_release(lake: Lake, release: Release) -> None:
    row = {**vars(release), "tables": json.dumps(release.tables, sort_keys=True)}
    lake.upsert("ops.release", lake.table_of("ops.release", [row]))


@dataclass(frozen=True)
class ReleasedTable:
    """One table as a release pins it. Spark, Arrow, Polars, DuckDB and pandas read the same version."""

    name: str
    release_id: str
    version: int
    path: Path
    _lake: Lake

    def spark(self) -> "DataFrame":
        return self._lake.read(f"refined.{self.name}", self.version)

    def arrow(self) -> pa.Table:
        return self._lake.arrow(f"refined.{self.name}", self.version)

    def polars(self) -> "polars.DataFrame":
        import polars

        frame = polars.from_arrow(self.arrow())
        assert isinstance(frame, polars.DataFrame), "a table becomes a frame"
        return frame

    def duckdb(self) -> "duckdb.DuckDBPyRelation":
        """For who has DuckDB, which is no part of the jobs' environment."""
        import duckdb

        return duckdb.from_arrow(self.arrow())

    def pandas(self) -> "pandas.DataFrame":
        """Columns are typed, so that none is `object`: text `string`, whole numbers `Int64`, dates `datetime64`, and amounts
        decimals of Arrow, which add up exactly. What is missing is `NA` or `NaT`.
        """
        import pandas

        plain = {pa.string(): pandas.StringDtype("pyarrow"), pa.int64(): pandas.Int64Dtype()}
        plain[pa.bool_()] = pandas.BooleanDtype()

        def type_of(type: pa.DataType) -> Any:
            return pandas.ArrowDtype(type) if pa.types.is_decimal(type) else plain.get(type)

        frame: pandas.DataFrame = self.arrow().to_pandas(date_as_object=False, types_mapper=type_of)
        return frame


def open_table(name: str, release: str | None = None, home: str | Path | None = None) -> ReleasedTable:
    """The released table `name` (such as "resident"), always of one whole release.

    Args:
        name: table without its layer.
        release: a release_id; default is the release that readers see now.
        home: workspace; default `JICENG_HOME`, else `./.jiceng`.

    Raises:
        UserError: no such workspace, release or table.
        Fault: a file of it is lost.
    """
    workspace = open_workspace(Path(home) if home else None)
    conf = current_conf(workspace)
    lake = Lake(workspace, declared_tables(conf.sources, conf.tables))
    found = find_release(lake, release)
    if name not in found.tables:
        raise UserError(f"release {found.release_id} has no table {name}; it has {', '.join(found.tables)}")
    if why := why_unreadable(lake, f"refined.{name}", found.tables[name]["version"]):
        raise Fault(f"release {found.release_id} cannot be read: {why}")
    return ReleasedTable(name, found.release_id, found.tables[name]["version"], lake.path(f"refined.{name}"), lake)
