"""Rows that the commands print about runs, files, releases, books and contracts; keys and counts only."""

from datetime import date
from pathlib import Path
from typing import Any

from jobs.common.books import Balance, balances
from jobs.common.conf import current_conf
from jobs.common.errors import UserError
from jobs.common.inbox import ready_files, stray_files, systems_with_files
from jobs.common.releases import all_releases, find_release
from jobs.common.runs import CLI, all_runs, holder
from jobs.common.stage import open_lake
from jobs.common.workspace import Workspace


def released_rows(workspace: Workspace, summary: dict[str, Any]) -> list[dict[str, Any]]:
    """Tables that readers see after a run."""
    if summary["release_id"] is None:
        return []
    common = {"run_id": summary["run_id"], "verdict": summary["verdict"], "release_id": summary["release_id"]}
    return [{**common, **row} for row in release_tables(workspace, summary["release_id"])]


def release_rows(workspace: Workspace) -> list[dict[str, Any]]:
    lake = open_lake(workspace)
    releases = all_releases(lake)
    visible = next((release.release_id for release in reversed(releases) if release.state == "released"), None)
    return [
        {
            "release_id": release.release_id,
            "night": release.night.isoformat(),
            "state": release.state,
            "visible": release.release_id == visible,
            "released_at": release.released_at,
            **{name: entry["rows"] for name, entry in release.tables.items()},
        }
        for release in reversed(releases)
    ]


def release_tables(workspace: Workspace, release_id: str | None) -> list[dict[str, Any]]:
    release = find_release(open_lake(workspace), release_id)
    return [
        {
            "table": f"refined.{name}",
            "rows": entry["rows"],
            "version": entry["version"],
            "fingerprint": entry["fingerprint"],
        }
        for name, entry in release.tables.items()
    ]


def status_rows(workspace: Workspace) -> list[dict[str, Any]]:
    """The open or last run, what lies in the inbox, files of the last night that were refused, the visible release."""
    conf = current_conf(workspace)
    lake = open_lake(workspace, conf)
    reasons = conf.reasons["file"]
    rows = []
    runs = all_runs(lake)
    for run in runs[-1:]:
        process = holder(workspace, "run")
        state = run.verdict or (
            "running" if process else "open" if run.driver != CLI else "stopped; `jiceng run` resumes it"
        )
        rows.append(
            _row("run", run.run_id, state, f"driven by {run.driver}" + (f", process {process}" if process else ""))
        )
    for name in stray_files(workspace):
        rows.append(_row("inbox", name, "waits", "lies in no system's folder; move it to inbox/<system>/"))
    for system in systems_with_files(workspace):
        ready, copying = ready_files(workspace, system, conf.sources.get(system))
        rows += [_row("inbox", f"{system}/{file.name}", "waits", "taken by the next run") for file in ready]
        rows += [_row("inbox", f"{system}/{file.name}", "waits", "still being copied") for file in copying]
    for system, error in conf.refused_contracts.items():
        rows.append(_row("contract", system, "refused", str(error).splitlines()[0]))
    tonight = runs[-1].night if runs else None
    for file in sorted(lake.rows("ops.file").to_pylist(), key=lambda row: (row["system"], row["name"])):
        if file["night"] == tonight and file["status"] in ("refused", "late", "waiting"):
            sentence = reasons[file["reason"]]["en"] if file["reason"] else "is to be landed"
            detail = f"{sentence}: {file['detail']}" if file["detail"] else sentence
            rows.append(_row("file", f"{file['system']}/{file['name']}", file["status"], detail))
    for reason, count in sorted(quarantine_counts(workspace, tonight).items()):
        rows.append(_row("quarantine", reason, f"{count} rows", conf.reasons["row"][reason]["en"]))
    visible = [release for release in all_releases(lake) if release.state == "released"][-1:]
    for release in visible:
        counts = ", ".join(f"{name} {entry['rows']:,}" for name, entry in release.tables.items())
        rows.append(_row("release", release.release_id, "visible", counts))
    return rows or [_row("run", None, "none", "put exports into the inbox, then `jiceng run`")]


def quarantine_counts(workspace: Workspace, night: date | None) -> dict[str, int]:
    """Rows set aside from the files of one night, by reason."""
    lake = open_lake(workspace)
    taken = {row["file_id"] for row in lake.rows("ops.delivery", {"night": night}).to_pylist()} if night else set()
    counts: dict[str, int] = {}
    for row in lake.rows("ops.quarantine", columns=["file_id", "reason"]).to_pylist():
        if row["file_id"] in taken:
            counts[row["reason"]] = counts.get(row["reason"], 0) + 1
    return counts


def books_rows(
    workspace: Workspace, run_id: str | None, night: date | None, system: str | None
) -> list[dict[str, Any]]:
    """Every equation of one run's books with both sides; raises UserError where there are none."""
    lake = open_lake(workspace)
    runs = [run.run_id for run in all_runs(lake) if run_id in (None, run.run_id) and night in (None, run.night)]
    names = {row["file_id"]: row["name"] for row in lake.rows("ops.file").to_pylist()}
    for candidate in reversed(runs):
        ledger = lake.rows("ops.ledger", {"run_id": candidate}).to_pylist()
        if ledger:
            rows = [_balance_row(balance, names) for balance in balances(ledger)]
            return [row for row in rows if system in (None, row["system"])]
    raise UserError(f"no books for {run_id or night or 'this workspace'}; `jiceng status` shows the runs")


def _balance_row(balance: Balance, names: dict[str, str]) -> dict[str, Any]:
    return {
        "system": balance.system,
        "object": balance.object,
        "file": names.get(balance.file_id or ""),
        "record": balance.record,
        "equation": balance.equation,
        "left": balance.left,
        "right": balance.right,
        "closes": balance.closes,
    }


def contract_rows(home: Path) -> list[dict[str, Any]]:
    """One row per contract, or per error in it; `home` need not be a workspace."""
    conf = current_conf(Workspace(home))
    rows = [
        {"system": system, "state": "ok", "detail": f"{source.title}: {', '.join(obj.name for obj in source.objects)}"}
        for system, source in conf.sources.items()
    ]
    for system, error in conf.refused_contracts.items():
        rows += [{"system": system, "state": "error", "detail": line} for line in str(error).splitlines()]
    return sorted(rows, key=lambda row: row["system"])


def _row(what: str, name: str | None, state: str, detail: str) -> dict[str, Any]:
    return {"what": what, "name": name, "state": state, "detail": detail}
