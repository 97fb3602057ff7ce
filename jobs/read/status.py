"""Rows that the commands print about runs, files, releases and contracts; keys and counts only."""

from collections import Counter, defaultdict
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

from jobs.analyse.catalogue import product_faults
from jobs.common.base.code import code_version
from jobs.common.base.errors import UserError
from jobs.common.base.workspace import Workspace
from jobs.common.contracts.sources import OWN_ROLES
from jobs.common.intake.deliveries import all_deliveries, still_refused
from jobs.common.intake.fetched import Failure
from jobs.common.intake.inbox import explain_waiting, inbox_files, left_behind
from jobs.common.intake.received_files import FileStatus, file_key, files_by_key
from jobs.common.intake.source_states import judge_sources
from jobs.common.lake.tables import Lake
from jobs.common.releases.releases import all_releases, find_release, published_releases, visible_release
from jobs.common.run.conf import Conf, current_conf, snapshot_conf
from jobs.common.run.conf_check import conf_faults
from jobs.common.run.runs import CLI, Run, all_runs, holder
from jobs.common.run.stage import Context, open_lake, read_refusal
from jobs.read.output import ID_SHOWN

_REST = "`jiceng status --format json` lists all"
_LINES = 20  # of the messages of one kind; more are counted
_ROWS_NAMED = 5  # row numbers of a file's quarantined rows that are named; `ops.quarantine` has all of them


def released_rows(workspace: Workspace, summary: dict[str, Any]) -> list[dict[str, Any]]:
    """Tables that readers see after a run."""
    if summary["release_id"] is None:
        return []
    common = {"run_id": summary["run_id"], "verdict": summary["verdict"], "release_id": summary["release_id"]}
    return [{**common, **row} for row in release_tables(workspace, summary["release_id"])]


def shortcomings(summary: dict[str, Any], conf: Conf) -> list[str]:
    """What keeps a run from being complete, and what a person let through; one line each, of many the first ones."""
    rows = shorten_rows(_source_rows(summary["sources"], conf))
    return [f"{row['name']} {row['state']}: {row['detail']}" for row in rows] + shorten(summary["waiting"])


def shorten(lines: list[str]) -> list[str]:
    """The first lines, and how many more there are."""
    more = len(lines) - _LINES
    return lines if more <= 1 else [*lines[:_LINES], f"{more:,} more: {_REST}"]


def shorten_rows(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of `status_rows` for people: of each kind in one state the first ones, and how many more there are."""
    kinds = [(row["what"], "" if row["what"] == "quarantine" else row["state"]) for row in rows]
    total, seen = Counter(kinds), Counter[tuple[str, str]]()
    found = []
    for kind, row in zip(kinds, rows, strict=True):
        seen[kind] += 1
        more = total[kind] - _LINES
        if more <= 1 or seen[kind] <= _LINES:
            found.append(row)
        elif seen[kind] == _LINES + 1:
            found.append(_row(kind[0], f"{more:,} more", row["state"] if kind[1] else "", _REST))
    return found


def release_rows(workspace: Workspace) -> list[dict[str, Any]]:
    lake = open_lake(workspace)
    releases = all_releases(lake)
    visible = next(reversed(published_releases(releases)), None)
    return [
        {
            "release_id": release.release_id,
            "night": release.night.isoformat(),
            "state": release.state,
            "visible": release is visible,
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
    """The open or last run and what it lacked, what lies in the inbox, and the release that readers see."""
    conf = current_conf(workspace)
    lake = open_lake(workspace, conf)
    runs = all_runs(lake)
    rows = _run_rows(workspace, lake, conf, runs[-1]) if runs else []
    files = inbox_files(workspace, conf.sources, left_behind(workspace, runs[-1].run_id) if runs else None)
    rows += [_row("inbox", name, "waits", why) for name, why in explain_waiting(files, conf).items()]
    rows += _held_rows(lake, conf, runs[-1].night) if runs else []
    told = {row["name"] for row in rows if row["what"] == "source"}
    for system, error in conf.refused_contracts.items():
        first, *more = str(error).splitlines()
        if system not in told:
            rows.append(_row("contract", system, "invalid", first + (f" (and {len(more)} more)" if more else "")))
    rows += [_row("configuration", None, "invalid", told) for told in configuration_faults(conf)]
    rows += [_row("configuration", None, "not read", str(stray)) for stray in conf.unread]
    if runs and runs[-1].code_version != code_version():
        built_on = f"the last run was of {runs[-1].code_version}; the next one works out anew what it would build on"
        rows.append(_row("code", code_version(), "changed", built_on))
    if visible := visible_release(lake):
        counts = ", ".join(f"{name} {entry['rows']:,}" for name, entry in visible.tables.items())
        rows.append(_row("release", visible.release_id, "visible", counts))
    return rows or [_row("run", None, "none", "put exports into inbox/<system>/, then `jiceng run`")]


def _run_rows(workspace: Workspace, lake: Lake, conf: Conf, run: Run) -> list[dict[str, Any]]:
    process = holder(workspace, "run")
    state = run.verdict or ("running" if process else "open" if run.driver != CLI else "stopped")
    detail = f"driven by {run.driver}" + (f", process {process}" if process else "")
    if state == "stopped":
        detail += "; `jiceng run` takes it up again"
    rows = [_row("run", run.run_id, state, detail)]
    at_that_time = snapshot_conf(workspace, run.config_hash)
    sources = judge_sources(Context(workspace, at_that_time, open_lake(workspace, at_that_time), run))
    if run.is_open:  # what has not come yet may still come
        sources = {name: source for name, source in sources.items() if source["state"] != "missing"}
    rows += _source_rows(sources, conf) + _reading_rows(sources, conf)
    rows += [_row("gate", run.run_id, "refused", reason) for reason in read_refusal(workspace, run.run_id)]
    warnings = lake.rows("ops.audit", {"run_id": run.run_id, "severity": "warning", "success": False}).to_pylist()
    for row in sorted(warnings, key=lambda row: (row["table_name"], row["rule"])):
        rows.append(_row("warning", row["table_name"], "fails", f"{row['rule']}: {row['observed']}"))
    return rows + _quarantine_rows(lake, conf, run.night)


def _source_rows(sources: dict[str, Any], conf: Conf) -> list[dict[str, Any]]:
    """Systems that handed over nothing, invalid contracts, files that were refused, late, let through or are still to be
    landed, and what was taken and yet lacks something.
    """
    rows = []
    for system, source in sources.items():
        for failure in source.get("not_fetched", ()):
            rows.append(_row("source", f"{system} {failure['object']}", "missing", Failure(**failure).sentence(conf)))
        if source["state"] == "missing" and not source.get("not_fetched"):
            rows.append(_row("source", system, "missing", "nothing was taken, and it is expected every night"))
        if source.get("contract"):
            rows.append(_row("source", system, "refused", f"its contract is invalid: {source['contract'][0]}"))
        for file in source["files"]:
            if file["status"] == FileStatus.WAITING:
                rows.append(_row("file", f"{system}/{file['name']}", "taken", "to be landed"))
            elif file["status"] != FileStatus.ACCEPTED and not file["made_good"]:
                rows.append(_row("file", f"{system}/{file['name']}", file["status"], _explain_reason(file, conf)))
            if file.get("ended") is not None:
                told = f"{_count(file['ended'], 'record')} of {file['object']} ended"
                if not file["ended"]:
                    told = f"no record of {file['object']} ended, so it had no effect in that"
                rows.append(_row("file", f"{system}/{file['name']}", "let through", told))
        for lack in source.get("shortcomings", ()):
            rows.append(_row("file", f"{system}/{lack['name']}", "partial", explain_shortcoming(lack, conf)))
    return rows


def _reading_rows(sources: dict[str, Any], conf: Conf) -> list[dict[str, Any]]:
    """Files of earlier nights that were read anew under a changed contract, and those that it refuses."""
    rows = []
    for system, told in ((system, told) for system, source in sources.items() for told in source.get("readings", ())):
        count = f"{told['files']:,} file{'s' * (told['files'] > 1)}"
        if told["state"] == "read":
            detail = (
                f"{count} of earlier nights, as the contract reads them otherwise now; `jiceng books` counts their rows"
            )
            rows.append(_row("contract", f"{system} {told['object']}", "read anew", detail))
        else:
            name = f"{system}/{told['name']}" + (f" and {told['files'] - 1:,} more" if told["files"] > 1 else "")
            reason = (
                f"; under today's contract: {_explain_reason(told, conf)}"
                if told["reason"] in conf.reasons["file"]
                else ""
            )
            rows.append(_row("file", name, "as before", f"its rows stand as they were read before{reason}"))
    return rows


def _explain_reason(file: dict[str, Any], conf: Conf) -> str:
    """The sentence of a reason, the headers, sheets or encodings concerned, and what to do about it."""
    entry = conf.reasons["file"][file["reason"]]
    told = f"{entry['en']}: {file['detail']}" if file["detail"] else entry["en"]
    remedy = find_remedy(conf, file)
    return f"{told}; {remedy}" if remedy else told


def find_remedy(conf: Conf, file: dict[str, Any]) -> str | None:
    """What to do about a refused, late or held file; commands name the file, so that they can be copied."""
    mend = conf.reasons["file"][file["reason"]].get("mend")
    return mend.replace("{file_id}", file["file_id"][:ID_SHOWN]) if mend else None


def explain_shortcoming(lack: dict[str, Any], conf: Conf) -> str:
    """What is lacking of an object: rows concerned, for how many nights, why, and what to do about it."""
    entry = conf.reasons["shortcoming"][lack["reason"]]
    return f"{measure_shortcoming(lack)}: {entry['en']}" + (f"; {entry['mend']}" if "mend" in entry else "")


def measure_shortcoming(lack: dict[str, Any]) -> str:
    """The object, its rows concerned, and for how many nights in a row."""
    rows = f", {lack['rows']:,} of {_count(lack['of'], 'row')}" if lack["rows"] else ""
    nights = f", for the {_ordinal(lack['nights'])} night" if lack["nights"] > 1 else ""
    return f"{lack['object']}{rows}{nights}"


def _held_rows(lake: Lake, conf: Conf, night: date) -> list[dict[str, Any]]:
    """Files held back on an earlier night about which nobody has decided, and that no later export has superseded."""
    deliveries = [each for each in all_deliveries(lake) if each.night <= night]
    newest: dict[tuple[str, str], date] = defaultdict(lambda: date.min)
    for each in deliveries:
        if each.status is FileStatus.ACCEPTED:
            newest[each.place] = max(each.as_of, newest[each.place])
    tonight = {each.key for each in deliveries if each.night == night}
    files, rows = files_by_key(lake), []
    for each in {each.key: each for each in still_refused(deliveries)}.values():
        is_open = each.status is FileStatus.HELD and each.as_of >= newest[each.place]
        if is_open and each.key not in tonight:
            told = _explain_reason(asdict(files[each.key]), conf)
            rows.append(_row("file", f"{each.system}/{each.shown_name}", "held", f"since night {each.night}. {told}"))
    return rows


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + "s" * (number != 1)


def _ordinal(number: int) -> str:
    ending = "th" if 10 < number % 100 < 14 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def _quarantine_rows(lake: Lake, conf: Conf, night: date) -> list[dict[str, Any]]:
    """Rows set aside from the files of one night, by file and reason, the first ones by number."""
    delivered = {each.key: each for each in all_deliveries(lake) if each.night == night}
    ids = sorted({key[-1] for key in delivered})
    names = ["system", "object", "sheet", "file_id", "row_number", "reason"]
    found: dict[tuple[str, str], list[int]] = defaultdict(list)
    for row in lake.rows("ops.quarantine", {"file_id": ids}, names).to_pylist():
        delivery = delivered.get(file_key(row))
        if delivery is not None:  # the same bytes may have come elsewhere as well
            found[f"{delivery.system}/{delivery.shown_name}", row["reason"]].append(row["row_number"])
    rows = []
    for (name, reason), numbers in sorted(found.items()):
        named = ", ".join(map(str, sorted(numbers)[:_ROWS_NAMED])) + (", …" if len(numbers) > _ROWS_NAMED else "")
        detail = f"row {named}: {conf.reasons['row'][reason]['en']}"
        rows.append(_row("quarantine", name, _count(len(numbers), "row"), detail))
    return rows


def place_in_one(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of `explain` with the column `from`, which tells system, file, sheet, row and role in one."""
    return [{**row, "from": _place(row) if row["file"] else None} for row in rows]


def _place(row: dict[str, Any]) -> str:
    sheet = f" sheet {row['sheet']}" if row["sheet"] else ""
    role = f" as {row['role']}" if row["role"] not in OWN_ROLES else ""
    return f"{row['system']}/{row['file']}{sheet} row {row['row_number']}{role}"


def contract_rows(home: Path) -> list[dict[str, Any]]:
    """One row per contract, or per error in it or in another file of the configuration; `home` need not be a workspace."""
    conf = current_conf(Workspace(home))
    others = configuration_faults(conf)
    try:
        rows = _contract_rows(conf)
    except UserError:  # without the model no contract can be judged, and the other rows say why it cannot be read
        rows = []
    rows += [{"system": None, "state": "error", "detail": told} for told in others]
    return rows + [{"system": None, "state": "warning", "detail": str(stray)} for stray in conf.unread]


def _contract_rows(conf: Conf) -> list[dict[str, Any]]:
    rows = [
        {"system": system, "state": "ok", "detail": f"{source.title}: {', '.join(obj.name for obj in source.objects)}"}
        for system, source in conf.sources.items()
    ]
    for system, error in conf.refused_contracts.items():
        rows += [{"system": system, "state": "error", "detail": line} for line in str(error).splitlines()]
    return sorted(rows, key=lambda row: row["system"])


def configuration_faults(conf: Conf) -> list[str]:
    """What is wrong with files other than contracts, suites among them; the next run would be refused."""
    faults = list(conf_faults(conf))
    try:
        return [*faults, *product_faults(conf)]
    except UserError:
        return faults


def _row(what: str, name: str | None, state: str, detail: str) -> dict[str, Any]:
    return {"what": what, "name": name, "state": state, "detail": detail}
