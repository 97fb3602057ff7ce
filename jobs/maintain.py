"""Maintain: keep the lake small and quick, so that the thousandth night takes as long as the second.

Reads: `conf/retention.yml`, `ops.*`, `harmonised.*`, the files of every table. Writes: `raw.*` (rows of old files on which
nothing stands go), `ops.release` (which are kept no longer), the files and logs of every table,
`runs/<run_id>/maintenance.json`. No other row changes, and the
versions that kept releases name stay readable. Refuses: a workspace where a run is live or open (exit code 4).
"""

import json
import sys
from argparse import ArgumentParser
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds

from jobs.common.base.errors import UserError
from jobs.common.base.workspace import Workspace, open_workspace
from jobs.common.contracts.sources import SourceObject
from jobs.common.intake.deliveries import Delivery, deliveries_of
from jobs.common.intake.received_files import TAKEN, received_files
from jobs.common.lake.delta_files import UsedRange, compact_files, measure_files, remove_unread, settle_log, shorten_log
from jobs.common.lake.tables import Lake
from jobs.common.releases.releases import (
    INTENT,
    PRUNED,
    PUBLISHED,
    Release,
    all_releases,
    published_releases,
    write_release,
)
from jobs.common.run.conf import Conf, current_conf, snapshot_conf
from jobs.common.run.runs import Run, all_runs
from jobs.common.run.stage import guarded, open_lake, quiet_lake

COLUMNS = ["table", "rows_removed", "files", "files_after", "bytes", "bytes_after"]


@dataclass(frozen=True)
class Retention:
    """How long is kept what can be had again: raw rows and releases in nights worked on, unread files in hours."""

    raw_nights: int
    release_nights: int
    grace_hours: int


def run(
    workspace: Workspace,
    keep_nights: int | None = None,
    dry_run: bool = False,
    on_table: Callable[[str], None] = lambda name: None,
) -> list[dict[str, Any]]:
    """One row per table: raw rows removed, files and bytes before and after; of a dry run what would be so.

    Args:
        workspace: where.
        keep_nights: raw rows and releases of so many nights instead of what `conf/retention.yml` says.
        dry_run: change nothing. What compaction leaves behind is not foreseen.
        on_table: called with the name of each table before it is worked on.

    Raises:
        Busy: a run is live or open.
    """
    with quiet_lake(workspace, "maintain once it is closed") as lake:
        retention = read_retention(current_conf(workspace), keep_nights)
        runs = all_runs(lake)
        before = {name: measure_files(lake.path(name)) for name in lake.existing()}
        removed = thin_raw(workspace, runs, retention.raw_nights, dry_run) if runs else {}
        begin = first_night(runs, retention.release_nights)
        pins = pinned_versions(lake, begin)
        if not dry_run:
            prune_releases(lake, prunable_releases(lake, begin))
        rows = []
        for name, was in before.items():
            on_table(name)
            now = tidy_table(lake, name, pins[name], retention.grace_hours, dry_run)
            sizes = {"files": was.files, "files_after": now.files, "bytes": was.bytes, "bytes_after": now.bytes}
            rows.append({"table": name, "rows_removed": removed.get(name, 0), **sizes})
        return rows


def prune(workspace: Workspace, keep_nights: int | None = None, dry_run: bool = False) -> list[Release]:
    """Let the releases go that are kept no longer, with the files that only they read; returns them.

    Arguments and errors as of `run`, which does the same among other things.
    """
    with quiet_lake(workspace, "prune once it is closed") as lake:
        retention = read_retention(current_conf(workspace), keep_nights)
        begin = first_night(all_runs(lake), retention.release_nights)
        going = prunable_releases(lake, begin)
        if dry_run:
            return going
        prune_releases(lake, going)
        pins = pinned_versions(lake, begin)
        for name in lake.existing():
            if name.startswith(("candidate.", "refined.")):
                remove_unread(lake, name, pins[name], retention.grace_hours)
        return going


def read_retention(conf: Conf, keep_nights: int | None = None) -> Retention:
    """What `conf/retention.yml` says; `keep_nights` overrides both counts of nights. Raises UserError."""
    told = conf.yaml("retention.yml")
    if keep_nights is not None:
        if keep_nights < 1:
            raise UserError(f"--keep-nights is {keep_nights}; write a whole number from 1 on")
        told = told | {"raw_nights": keep_nights, "release_nights": keep_nights}
    return Retention(**told)


def first_night(runs: list[Run], nights: int) -> date:
    """The first of the last `nights` nights that were worked on."""
    worked = sorted({run.night for run in runs})
    return worked[-nights:][0] if worked else date.min


# --- raw rows ---------------------------------------------------------------------------------------------------------


def thin_raw(workspace: Workspace, runs: list[Run], nights: int, dry_run: bool = False) -> dict[str, int]:
    """Remove raw rows of files older than `nights` on which no current record stands; returns how many by table.

    A file that comes again is landed anew from the archive. Judged by the configuration of the last run, so that a replay
    finds the same; what was done is kept beside that run's summary for it.
    """
    last = runs[-1]
    conf = snapshot_conf(workspace, last.config_hash)
    lake = open_lake(workspace, conf)
    begin, removed = first_night(runs, nights), {}
    for obj in conf.objects:
        if lake.exists(obj.raw_table):
            removed[obj.raw_table] = thin_table(lake, obj, begin, last.night, dry_run)
    if not dry_run:
        _record(workspace, last, nights)
    return removed


def thin_table(lake: Lake, obj: SourceObject, begin: date, last_night: date, dry_run: bool) -> int:
    """Thin one raw table, in one commit or none; returns how many rows went."""
    places = {"system": obj.system, "object": obj.name, "status": list(TAKEN)}
    landed = {file.file_id for file in received_files(lake, places)}
    old = landed - files_in_use(lake, obj, begin)
    if not old:
        return 0
    standing = rows_to_reprocess(lake, obj, old, last_night)
    raw = lake.dataset(obj.raw_table)
    kept, count = {}, 0
    for file_id in sorted(old):
        going = raw.count_rows(filter=ds.field("file_id") == file_id) - len(standing[file_id])
        count += going
        if going:
            kept[file_id] = standing[file_id]
    if kept and not dry_run:
        schema = lake.empty(obj.raw_table).schema
        rows = pa.RecordBatchReader.from_batches(schema, _kept_rows(raw, schema, kept))
        lake.replace_part(obj.raw_table, rows, {"file_id": list(kept)})
    return count


def files_in_use(lake: Lake, obj: SourceObject, begin: date) -> set[str]:
    """Files whose rows all stay: those handed over since `begin`, and all parts of the newest snapshot, however old."""
    taken = [each for each in deliveries_of(lake, obj) if each.status.is_taken]
    used = [each for each in taken if each.night >= begin]
    if obj.mode == "snapshot":
        used += _newest(taken)
    return {each.file_id for each in used}


def _newest(deliveries: list[Delivery]) -> list[Delivery]:
    """Those that speak of the last day."""
    last = max((each.as_of for each in deliveries), default=date.min)
    return [each for each in deliveries if each.as_of == last]


def rows_to_reprocess(lake: Lake, obj: SourceObject, files: set[str], last_night: date) -> dict[str, np.ndarray]:
    """Row numbers by file that a current record stands on, or one that ended on the last night, which may be run again."""
    condition = (ds.field("system") == obj.system) & (ds.field("object") == obj.name)
    condition &= ds.field("valid_to").is_null() | (ds.field("valid_to") >= pa.scalar(last_night))
    found: dict[str, list[np.ndarray]] = {file_id: [np.array([], np.int64)] for file_id in files}
    for name in lake.existing():
        if name.startswith("harmonised."):
            scan = lake.dataset(name).scanner(columns=["file_id", "row_number"], filter=condition)
            for batch in scan.to_batches():
                _add_numbers(found, batch)
    return {file_id: np.unique(np.concatenate(numbers)) for file_id, numbers in found.items()}


def _add_numbers(found: dict[str, list[np.ndarray]], batch: pa.RecordBatch) -> None:
    """Add the row numbers of a batch (`file_id`, `row_number`) to those of its file, if that is among the files."""
    ids = batch.column("file_id").dictionary_encode()
    numbers, codes = batch.column("row_number").to_numpy(), ids.indices.to_numpy()
    for code, file_id in enumerate(ids.dictionary.to_pylist()):
        if file_id in found:
            found[file_id].append(numbers[codes == code])


def _kept_rows(raw: ds.Dataset, schema: pa.Schema, standing: dict[str, np.ndarray]) -> Iterator[pa.RecordBatch]:
    """The rows of some files that stay, file by file."""
    for file_id, numbers in standing.items():
        for batch in raw.scanner(columns=schema.names, filter=ds.field("file_id") == file_id).to_batches():
            kept = batch.filter(pa.array(np.isin(batch.column("row_number").to_numpy(), numbers)))
            yield from pa.Table.from_batches([kept]).cast(schema).to_batches()


def _record(workspace: Workspace, last: Run, nights: int) -> None:
    """Keep beside the run's summary how many nights of raw rows were kept; of several times the fewest."""
    path = maintenance_path(workspace, last.run_id)
    path.parent.mkdir(parents=True, exist_ok=True)
    before = recorded_nights(workspace, last.run_id) or nights
    partial = path.with_suffix(".tmp")
    partial.write_text(json.dumps({"raw_nights": min(nights, before)}))
    partial.rename(path)


def maintenance_path(workspace: Workspace, run_id: str) -> Path:
    return workspace.run_dir(run_id) / "maintenance.json"


def recorded_nights(workspace: Workspace, run_id: str) -> int | None:
    """How many nights of raw rows were kept when the workspace was maintained after this run; None where it was not."""
    path = maintenance_path(workspace, run_id)
    return int(json.loads(path.read_text())["raw_nights"]) if path.exists() else None


# --- files and logs ---------------------------------------------------------------------------------------------------


def prunable_releases(lake: Lake, begin: date) -> list[Release]:
    """Published releases of nights before `begin`, but for the one that readers see."""
    return [release for release in published_releases(all_releases(lake))[:-1] if release.night < begin]


def prune_releases(lake: Lake, going: Iterable[Release]) -> None:
    """Mark releases as kept no longer, so that nobody is promised what their versions held."""
    for release in going:
        write_release(lake, replace(release, state=PRUNED))


def pinned_versions(lake: Lake, begin: date) -> dict[str, set[int]]:
    """Versions of each table that a kept release names: those of nights from `begin` on, the visible one, any intent."""
    going = {release.release_id for release in prunable_releases(lake, begin)}
    pins: dict[str, set[int]] = defaultdict(set)
    for release in all_releases(lake):
        if release.state in (INTENT, PUBLISHED) and release.release_id not in going:
            for name, version in _named_versions(release):
                pins[name].add(version)
    return pins


def _named_versions(release: Release) -> Iterator[tuple[str, int]]:
    """Each table that a release names, with the version: released, as its candidate, and as what that was made from."""
    for name, entry in release.tables.items():
        if "version" in entry:
            yield f"refined.{name}", entry["version"]
        yield f"candidate.{name}", entry["candidate_version"]
        yield from entry["sources"].items()


def tidy_table(lake: Lake, name: str, kept: set[int], grace_hours: int, dry_run: bool) -> UsedRange:
    """Put a table's small files together, remove those that nobody reads, shorten its log; returns what is left."""
    if not dry_run:
        settle_log(lake, name)
        compact_files(lake, name)
    unread = remove_unread(lake, name, kept, grace_hours, dry_run)
    log = shorten_log(lake, name, kept, grace_hours, dry_run)
    left = measure_files(lake.path(name))
    if not dry_run:
        return left
    return UsedRange(left.files - unread.files - log.files, left.bytes - unread.bytes - log.bytes)


def summarise(rows: list[dict[str, Any]], dry_run: bool) -> str:
    """What was done, or would be, in one line."""
    total = {name: sum(row[name] for row in rows) for name in COLUMNS[1:]}
    done = "would leave" if dry_run else "left"
    return (
        f"{len(rows)} tables: {done} {total['files_after']:,} of {total['files']:,} files and "
        f"{total['bytes_after'] / 1e6:,.1f} of {total['bytes'] / 1e6:,.1f} MB; raw rows removed: {total['rows_removed']:,}"
    )


def main() -> None:
    parser = ArgumentParser(prog="python -m jobs.maintain", description="Keep the lake of a workspace small and quick.")
    parser.add_argument("--home", type=Path, help="workspace (default JICENG_HOME, else ./.jiceng)")
    parser.add_argument("--keep-nights", type=int, help="nights of raw rows and releases (default: conf/retention.yml)")
    parser.add_argument("--dry-run", action="store_true", help="tell what would go, and change nothing")
    arguments = parser.parse_args()

    def body() -> None:
        workspace = open_workspace(arguments.home)
        rows = run(workspace, arguments.keep_nights, arguments.dry_run)
        for row in rows:
            print(
                f"maintain   {row['table']}  (files {row['files']:,} → {row['files_after']:,}  bytes "
                f"{row['bytes']:,} → {row['bytes_after']:,}  rows_removed {row['rows_removed']:,})",
                flush=True,
            )
        print(f"maintain   {summarise(rows, arguments.dry_run)}", flush=True)

    sys.exit(guarded(body))


if __name__ == "__main__":
    main()
