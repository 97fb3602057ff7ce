"""Rows that the commands print about runs, files, releases and contracts; keys and counts only."""

from collections import Counter, defaultdict
from contextlib import suppress
from dataclasses import asdict
from datetime import date
from operator import itemgetter
from pathlib import Path
from typing import Any

from jobs.analyse.catalogue import product_faults
from jobs.common.base.code import code_version
from jobs.common.base.errors import UserError
from jobs.common.base.workspace import Workspace
from jobs.common.contracts.sources import OWN_ROLES
from jobs.common.intake.deliveries import Delivery, all_deliveries, still_refused
from jobs.common.intake.fetched import Failure
from jobs.common.intake.inbox import explain_waiting, inbox_files, left_behind
from jobs.common.intake.received_files import FileStatus, file_key, files_by_key
from jobs.common.intake.source_states import judge_sources
from jobs.common.lake.tables import Lake
from jobs.common.releases.releases import Release, all_releases, find_release, published_releases, visible_release
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
    total, seen = Counter(map(_kind_of, rows)), Counter[tuple[str, str]]()
    found = []
    for row in rows:
        kind = _kind_of(row)
        seen[kind] += 1
        more = total[kind] - _LINES
        if more <= 1 or seen[kind] <= _LINES:
            found.append(row)
        elif seen[kind] == _LINES + 1:
            state = row["state"] if kind[1] else ""
            found.append(_row(kind[0], f"{more:,} more", state, _REST))
    return found


def _kind_of(row: dict[str, Any]) -> tuple[str, str]:
    """What a row is counted with; of what is set aside the state is a count itself."""
    what: str = row["what"]
    return what, "" if what == "quarantine" else row["state"]


def release_rows(workspace: Workspace) -> list[dict[str, Any]]:
    releases = all_releases(open_lake(workspace))
    visible = next(reversed(published_releases(releases)), None)
    return [_release_row(release, release is visible) for release in reversed(releases)]


def _release_row(release: Release, is_visible: bool) -> dict[str, Any]:
    counts = {name: entry["rows"] for name, entry in release.tables.items()}
    return {
        "release_id": release.release_id,
        "night": release.night.isoformat(),
        "state": release.state,
        "visible": is_visible,
        "released_at": release.released_at,
        **counts,
    }


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
    last = next(reversed(all_runs(lake)), None)
    rows = _inbox_rows(workspace, conf, last)
    if last is not None:
        rows = [*_run_rows(workspace, lake, conf, last), *rows, *_held_rows(lake, conf, last.night)]
    told = {row["name"] for row in rows if row["what"] == "source"}
    rows += [*_refused_contracts(conf, told), *_configuration_rows(conf)]
    if last is not None and last.code_version != code_version():
        built_on = f"the last run was of {last.code_version}; the next one works out anew what it would build on"
        rows.append(_row("code", code_version(), "changed", built_on))
    if visible := visible_release(lake):
        counts = ", ".join(f"{name} {entry['rows']:,}" for name, entry in visible.tables.items())
        rows.append(_row("release", visible.release_id, "visible", counts))
    return rows or [_row("run", None, "none", "put exports into inbox/<system>/, then `jiceng run`")]


def _configuration_rows(conf: Conf) -> list[dict[str, Any]]:
    """What is wrong with the configuration, contracts aside, and files that nothing reads."""
    rows = [_row("configuration", None, "invalid", fault) for fault in configuration_faults(conf)]
    return rows + [_row("configuration", None, "not read", str(stray)) for stray in conf.unread]


def _inbox_rows(workspace: Workspace, conf: Conf, last: Run | None) -> list[dict[str, Any]]:
    """Files that wait, and why."""
    left = left_behind(workspace, last.run_id) if last else None
    waiting = explain_waiting(inbox_files(workspace, conf.sources, left), conf)
    return [_row("inbox", name, "waits", why) for name, why in waiting.items()]


def _refused_contracts(conf: Conf, told: set[str]) -> list[dict[str, Any]]:
    """Invalid contracts with their first error; not of the systems in `told`, which have a row of their own."""
    rows = []
    for system, error in conf.refused_contracts.items():
        first, *more = str(error).splitlines()
        others = f" (and {len(more)} more)" if more else ""
        if system not in told:
            rows.append(_row("contract", system, "invalid", first + others))
    return rows


def _run_rows(workspace: Workspace, lake: Lake, conf: Conf, run: Run) -> list[dict[str, Any]]:
    """The run, what its sources lacked, why the gate refused, warnings, and rows set aside."""
    at_that_time = snapshot_conf(workspace, run.config_hash)
    sources = judge_sources(Context(workspace, at_that_time, open_lake(workspace, at_that_time), run))
    if run.is_open:  # what has not come yet may still come
        sources = {name: source for name, source in sources.items() if source["state"] != "missing"}
    refusal = read_refusal(workspace, run.run_id)
    return [
        _run_row(run, holder(workspace, "run")),
        *_source_rows(sources, conf),
        *_reading_rows(sources, conf),
        *(_row("gate", run.run_id, "refused", reason) for reason in refusal),
        *_warning_rows(lake, run),
        *_quarantine_rows(lake, conf, run.night),
    ]


def _run_row(run: Run, process: object) -> dict[str, Any]:
    """A run, and the process that works on it now, if there is one."""
    state = state_of(run, process)
    detail = f"driven by {run.driver}"
    if process:
        detail += f", process {process}"
    if state == "stopped":
        detail += "; `jiceng run` takes it up again"
    return _row("run", run.run_id, state, detail)


def state_of(run: Run, process: object) -> str:
    """The verdict of a run; of one without a verdict whether it runs, waits for its driver, or was stopped."""
    if run.verdict:
        return run.verdict
    if process:
        return "running"
    return "stopped" if run.driver == CLI else "open"


def _warning_rows(lake: Lake, run: Run) -> list[dict[str, Any]]:
    """Rules of the run that fail and do not refuse."""
    where = {"run_id": run.run_id, "severity": "warning", "success": False}
    verdicts = sorted(lake.rows("ops.audit", where).to_pylist(), key=itemgetter("table_name", "rule"))
    return [_row("warning", row["table_name"], "fails", f"{row['rule']}: {row['observed']}") for row in verdicts]


def _source_rows(sources: dict[str, Any], conf: Conf) -> list[dict[str, Any]]:
    """Systems that handed over nothing, invalid contracts, files that were refused, late, let through or are still to be
    landed, and what was taken and yet lacks something.
    """
    rows = []
    for system, source in sources.items():
        rows += _missing_rows(system, source, conf)
        for file in source["files"]:
            rows += _file_rows(f"{system}/{file['name']}", file, conf)
        for lack in source.get("shortcomings", ()):
            rows.append(_row("file", f"{system}/{lack['name']}", "partial", explain_shortcoming(lack, conf)))
    return rows


def _missing_rows(system: str, source: dict[str, Any], conf: Conf) -> list[dict[str, Any]]:
    """What a system did not give: objects that were not fetched, any file at all, a valid contract."""
    rows = []
    failures = source.get("not_fetched", ())
    for failure in failures:
        rows.append(_row("source", f"{system} {failure['object']}", "missing", Failure(**failure).sentence(conf)))
    if source["state"] == "missing" and not failures:
        rows.append(_row("source", system, "missing", "nothing was taken, and it is expected every night"))
    if source.get("contract"):
        rows.append(_row("source", system, "refused", f"its contract is invalid: {source['contract'][0]}"))
    return rows


def _file_rows(name: str, file: dict[str, Any], conf: Conf) -> list[dict[str, Any]]:
    """What is to be said of one file, which is nothing if it was accepted; `name` as people know it."""
    rows = []
    status, ended = file["status"], file.get("ended")
    if status == FileStatus.WAITING:
        rows.append(_row("file", name, "taken", "to be landed"))
    elif status != FileStatus.ACCEPTED and not file["made_good"]:
        rows.append(_row("file", name, status, _explain_reason(file, conf)))
    if ended:
        told = f"{_count(ended, 'record')} of {file['object']} ended"
        rows.append(_row("file", name, "let through", told))
    elif ended is not None:
        told = f"no record of {file['object']} ended, so it had no effect in that"
        rows.append(_row("file", name, "let through", told))
    return rows


def _reading_rows(sources: dict[str, Any], conf: Conf) -> list[dict[str, Any]]:
    """Files of earlier nights that were read anew under a changed contract, and those that it refuses."""
    rows = []
    for system, source in sources.items():
        rows += [_reading_row(system, told, conf) for told in source.get("readings", ())]
    return rows


def _reading_row(system: str, told: dict[str, Any], conf: Conf) -> dict[str, Any]:
    """One object that was read anew, or the files of one reason that stay as they were read before."""
    if told["state"] == "read":
        files = _count(told["files"], "file")
        detail = (
            f"{files} of earlier nights, as the contract reads them otherwise now; `jiceng books` counts their rows"
        )
        return _row("contract", f"{system} {told['object']}", "read anew", detail)
    name, others = f"{system}/{told['name']}", told["files"] - 1
    if others > 0:
        name += f" and {others:,} more"
    detail = "its rows stand as they were read before"
    if told["reason"] in conf.reasons["file"]:
        detail += f"; under today's contract: {_explain_reason(told, conf)}"
    return _row("file", name, "as before", detail)


def _explain_reason(file: dict[str, Any], conf: Conf) -> str:
    """The sentence of a reason, the headers, sheets or encodings concerned, and what to do about it."""
    told: str = conf.reasons["file"][file["reason"]]["en"]
    if file["detail"]:
        told += f": {file['detail']}"
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
    tonight = {each.key for each in deliveries if each.night == night}
    newest = _newest_accepted(deliveries)
    files, rows = files_by_key(lake), []
    for each in {each.key: each for each in still_refused(deliveries)}.values():
        is_open = each.status is FileStatus.HELD and each.as_of >= newest[each.place]
        if is_open and each.key not in tonight:
            told = _explain_reason(asdict(files[each.key]), conf)
            rows.append(_row("file", f"{each.system}/{each.shown_name}", "held", f"since night {each.night}. {told}"))
    return rows


def _newest_accepted(deliveries: list[Delivery]) -> dict[tuple[str, str], date]:
    """The day of the newest accepted file of each object; the first of all days if there is none."""
    newest: dict[tuple[str, str], date] = defaultdict(lambda: date.min)
    for each in deliveries:
        if each.status is FileStatus.ACCEPTED:
            newest[each.place] = max(each.as_of, newest[each.place])
    return newest


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + "s" * (number != 1)


def _ordinal(number: int) -> str:
    ending = "th" if 10 < number % 100 < 14 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def _quarantine_rows(lake: Lake, conf: Conf, night: date) -> list[dict[str, Any]]:
    """Rows set aside from the files of one night, by file and reason, the first ones by number."""
    rows = []
    for (name, reason), numbers in sorted(_numbers_set_aside(lake, night).items()):
        detail = f"row {_first_numbers(numbers)}: {conf.reasons['row'][reason]['en']}"
        rows.append(_row("quarantine", name, _count(len(numbers), "row"), detail))
    return rows


def _numbers_set_aside(lake: Lake, night: date) -> dict[tuple[str, str], list[int]]:
    """Numbers of the rows set aside from the files of one night, by name of the file and reason."""
    delivered = {each.key: each for each in all_deliveries(lake) if each.night == night}
    ids = sorted({key[-1] for key in delivered})
    names = ["system", "object", "sheet", "file_id", "row_number", "reason"]
    found: dict[tuple[str, str], list[int]] = defaultdict(list)
    for row in lake.rows("ops.quarantine", {"file_id": ids}, names).to_pylist():
        delivery = delivered.get(file_key(row))
        if delivery is not None:  # the same bytes may have come elsewhere as well
            found[f"{delivery.system}/{delivery.shown_name}", row["reason"]].append(row["row_number"])
    return found


def _first_numbers(numbers: list[int]) -> str:
    first = ", ".join(map(str, sorted(numbers)[:_ROWS_NAMED]))
    return f"{first}, …" if len(numbers) > _ROWS_NAMED else first


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
    rows: list[dict[str, Any]] = []
    with suppress(
        UserError
    ):  # without the model no contract can be judged, and the other rows say why it cannot be read
        rows += _contract_rows(conf)
    rows += [{"system": None, "state": "error", "detail": told} for told in others]
    return rows + [{"system": None, "state": "warning", "detail": str(stray)} for stray in conf.unread]


def _contract_rows(conf: Conf) -> list[dict[str, Any]]:
    rows = []
    for system, source in conf.sources.items():
        objects = ", ".join(obj.name for obj in source.objects)
        rows.append({"system": system, "state": "ok", "detail": f"{source.title}: {objects}"})
    for system, error in conf.refused_contracts.items():
        rows += [{"system": system, "state": "error", "detail": line} for line in str(error).splitlines()]
    return sorted(rows, key=itemgetter("system"))


def configuration_faults(conf: Conf) -> list[str]:
    """What is wrong with files other than contracts, suites among them; the next run would be refused."""
    faults = list(conf_faults(conf))
    try:
        return [*faults, *product_faults(conf)]
    except UserError:
        return faults


def _row(what: str, name: str | None, state: str, detail: str) -> dict[str, Any]:
    return {"what": what, "name": name, "state": state, "detail": detail}
