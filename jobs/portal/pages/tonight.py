"""The last run: what it took, whether its books close, what the gate said, and what it changed for readers.

Reads: `ops.*`, `runs/`; for the changes `refined.*` or `candidate.*`. Writes: nothing.
"""

from collections import Counter
from statistics import median
from typing import Any

from markupsafe import Markup

from jobs.common.intake.inbox import explain_waiting, inbox_files, left_behind
from jobs.common.intake.source_states import judge_sources
from jobs.common.releases.books import balances
from jobs.common.releases.difference import difference_rows
from jobs.common.releases.releases import Release, all_releases, published_releases
from jobs.common.run.conf import snapshot_conf
from jobs.common.run.runs import REFUSED, Run, all_runs, holder
from jobs.common.run.stage import STAGES, Context, describe_stages, open_lake, read_refusal
from jobs.common.run.suites import reasons_of_rules
from jobs.portal.charts import stacked_bars
from jobs.portal.frame import View, last_runs, render
from jobs.portal.verdicts import describe_rule
from jobs.read.books import By, add_up, balance_row, fill_in
from jobs.read.status import find_remedy, measure_shortcoming, state_of

STAGE_NAMES = {
    "extract": "取件",
    "land": "入库",
    "harmonise": "统一口径",
    "match": "归并",
    "merge": "合并",
    "analyse": "分析",
    "audit": "审计",
    "release": "发布",
}
NO_RUN = "no_run.html"
_NOTHING_CAME = {"zh": "应每晚交来，昨夜没有收到文件", "en": "expected every night, and nothing was taken"}


def tonight_page(view: View) -> str:
    """The page of the last run."""
    lake = view.lake
    nights = last_runs(lake)
    if not nights:
        return render(NO_RUN, page="tonight", waiting=_waiting(view))
    runs = [run for of_night in nights.values() for run in of_night]
    run = runs[-1]
    row = lake.rows("ops.run", {"run_id": run.run_id}).to_pylist()[0]
    releases = all_releases(lake)
    return render(
        "tonight.html",
        page="tonight",
        run=run,
        row=row,
        state=_state(view, run),
        refusal=read_refusal(view.workspace, run.run_id),
        attention=_attention(view, run),
        waiting=_waiting(view),
        books=_books(view, run),
        gate=_gate(view, run),
        releases=_released(releases, run),
        **_stages(view, runs),
    )


def changes_part(view: View) -> str:
    """What changed for readers: against the release before, or, where the run was refused, what would change."""
    published = published_releases(all_releases(view.lake))
    if published and all_runs(view.lake)[-1].verdict == REFUSED:
        before, after, rows = difference_rows(view.workspace)
    elif len(published) > 1:
        before, after, rows = difference_rows(view.workspace, published[-2].release_id, published[-1].release_id)
    else:
        return render("changes.html", sides=None, changes=[], columns=[])
    return render("changes.html", sides=(before.name, after.name), changes=by_table(rows), columns=CHANGES)


CHANGES = {
    "added": ("新增", "added"),
    "ended": ("终止", "ended"),
    "changed": ("变更", "changed"),
    "merged": ("合并的编号", "ids merged"),
    "split": ("拆分的编号", "ids split"),
}


def by_table(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of a difference as one row for each table: a count and first keys by change, and the columns that changed."""
    found: dict[str, dict[str, Any]] = {}
    for row in rows:
        nothing: dict[str, Any] = {"table": row["table"], "columns": {}, "counts": {}, "keys": {}, "whole": []}
        table = found.setdefault(row["table"], nothing)
        if row["change"] == "column":
            table["columns"][row["column"]] = row["rows"]
        elif row["change"] in CHANGES:
            table["counts"][row["change"]], table["keys"][row["change"]] = row["rows"], row["keys"]
        else:
            table["whole"].append(f"{row['change']}: {row['rows']:,}")  # a table that only one side has
    return [found[name] for name in sorted(found)]


def _state(view: View, run: Run) -> str:
    return state_of(run, holder(view.workspace, "run"))


def _stages(view: View, runs: list[Run]) -> dict[str, Any]:
    """Seconds of each stage of the last run beside what is usual, and a chart of the runs that did work."""
    used = [describe_stages(Context(view.workspace, view.conf, view.lake, run)) for run in runs]
    *earlier, last = used
    longest = max([stage["seconds"] for stage in last.values()], default=0) or 1
    before = [stages for stages in earlier if "release" in stages]
    rows = [_stage_row(name, stage, longest, before) for name, stage in last.items()]
    worked = [(run, stages) for run, stages in zip(runs, used, strict=True) if stages]
    return {
        "stages": rows,
        "seconds": sum(row["seconds"] for row in rows),
        "chart": _draw_stages(worked),
        "legend": STAGES,
    }


def _stage_row(name: str, stage: dict[str, Any], longest: float, before: list[dict[str, Any]]) -> dict[str, Any]:
    """One stage: its seconds, as a share of the longest stage's, and the median of the runs `before` that released."""
    known = [stages[name]["seconds"] for stages in before if name in stages]
    return {
        "stage": name,
        "zh": STAGE_NAMES.get(name, name),
        "seconds": stage["seconds"],
        "share": round(100 * stage["seconds"] / longest),
        "memory": stage["peak_memory_mb"],
        "usual": median(known) if known else None,
    }


def _draw_stages(worked: list[tuple[Run, dict[str, Any]]]) -> Markup:
    """The seconds of each stage by run; nothing if there is one run only."""
    if len(worked) < 2:
        return Markup("")
    labels = [_label(run) for run, _ in worked]
    series = {name: [stages.get(name, {}).get("seconds") for _, stages in worked] for name in STAGES}
    return stacked_bars(labels, series, 560, 250, "s")


def _label(run: Run) -> str:
    day = f"{run.night:%m-%d}"
    return f"{day}.{run.number}" if run.number > 1 else day


def _books(view: View, run: Run) -> dict[str, Any]:
    """How many equations the run's books have, those that do not close, and the sums over all files."""
    found = balances(view.lake.rows("ops.ledger", {"run_id": run.run_id}).to_pylist())
    sums = [balance_row(run.run_id, balance, {}) for balance in add_up(found, By.night)]
    of_files = [row for row in sums if row["equation"].startswith("read")]
    return {
        "equations": len(found),
        "open": [balance for balance in found if not balance.closes],
        "files": list(map(fill_in, of_files)),
        "records": [row for row in sums if row["equation"].startswith("current")],
    }


def _gate(view: View, run: Run) -> dict[str, Any]:
    """Failed verdicts of the run, the critical ones first, and how many rules hold."""
    rows = view.lake.rows("ops.audit", {"run_id": run.run_id}).to_pylist()
    reasons = {table: reasons_of_rules(view.conf, table) for table in {row["table_name"] for row in rows}}
    failed = sorted((row for row in rows if not row["success"]), key=_place)
    kinds = Counter(map(_kind_of, failed))
    return {
        "rules": len(rows),
        "holding": len(rows) - len(failed),
        "failed": [describe_rule(row, reasons) for row in failed],
        **{kind: kinds[kind] for kind in _KINDS},
    }


def _place(row: dict[str, Any]) -> tuple[bool, bool, str, str]:
    """Where a failed verdict stands among others."""
    return row["severity"] != "critical", row["table_name"] == "history", row["table_name"], row["rule"]


def _kind_of(row: dict[str, Any]) -> str:
    """Of a failed verdict: whether it refuses, is unusual beside earlier nights, or is a warning of a suite."""
    if row["severity"] == "critical":
        return "critical"
    return "unusual" if row["table_name"] == "history" else "warning"


_KINDS = ("critical", "warning", "unusual")


def _attention(view: View, run: Run) -> list[dict[str, Any]]:
    """Systems that handed over nothing, and files that were refused, held, late or taken in part, with reason and remedy."""
    at_that_time = snapshot_conf(view.workspace, run.config_hash)
    context = Context(view.workspace, at_that_time, open_lake(view.workspace, at_that_time), run)
    found = []
    for system, source in judge_sources(context).items():
        if source["state"] == "missing" and not run.is_open:
            found.append(_lack(system, "missing", _NOTHING_CAME, None, None))
        for file in source["files"]:
            if file["reason"] and file["status"] != "accepted" and not file["made_good"]:
                told, mend = view.conf.reasons["file"][file["reason"]], find_remedy(view.conf, file)
                found.append(_lack(f"{system}/{file['name']}", file["status"], told, file["detail"], mend))
        for lack in source["shortcomings"]:
            told = view.conf.reasons["shortcoming"][lack["reason"]]
            detail = measure_shortcoming(lack)
            found.append(_lack(f"{system}/{lack['name']}", "partial", told, detail, told.get("mend")))
    return found


def _lack(name: str, state: str, told: dict[str, Any], detail: str | None, mend: str | None) -> dict[str, Any]:
    return {"name": name, "state": state, "zh": told["zh"], "en": told["en"], "detail": detail, "mend": mend}


def _waiting(view: View) -> dict[str, str]:
    """Files in the inbox: those that the next run takes, and those that still wait for something."""
    runs = all_runs(view.lake)
    left = left_behind(view.workspace, runs[-1].run_id) if runs else None
    return explain_waiting(inbox_files(view.workspace, view.conf.sources, left), view.conf)


def _released(releases: list[Release], run: Run) -> dict[str, Any]:
    """What readers see: rows of each table, beside the release before; and whether this run published it."""
    published = published_releases(releases)
    if not published:
        return {"visible": None}
    visible = published[-1]
    before = published[-2] if len(published) > 1 else None
    earlier = before.tables if before else {}
    rows = []
    for name, entry in visible.tables.items():
        more = entry["rows"] - earlier[name]["rows"] if name in earlier else None
        rows.append({"table": name, "rows": entry["rows"], "more": more})
    return {"visible": visible, "before": before, "rows": rows, "is_own": visible.run_id == run.run_id}
