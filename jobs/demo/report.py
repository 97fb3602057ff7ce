"""What the demonstration prints at its end, from each run's `summary.json` and the tables of refused rows."""

import json
from collections import Counter
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.table import Table

from jobs.common.base.workspace import Workspace
from jobs.common.run.conf import current_conf
from jobs.common.run.stage import STAGES, open_lake


def print_report(console: Console, title: str, home: Path) -> None:
    """Runs with seconds per stage, released tables, refused files, rows set aside with their reasons, the books."""
    workspace = Workspace(home)
    summaries = list(map(_read_summary, sorted(home.glob("runs/*/summary.json"))))
    console.print(f"\n[bold]{title}[/bold]  {home}", highlight=False)
    _print(console, "Seconds per stage", list(map(_run_row, summaries)))
    last = summaries[-1]
    refused = map(partial(_file_rows, current_conf(workspace).reasons["file"]), summaries)
    _print(console, f"Released as {last['release_id']}", _table_rows(last))
    _print(console, "Files not taken", list(chain.from_iterable(refused)))
    _print(console, "Rows set aside (quarantine)", _quarantine_rows(workspace))
    for summary in summaries:
        console.print(f"  Books of {summary['run_id']}: {_say_books(summary['books'])}", highlight=False)


def _read_summary(path: Path) -> dict[str, Any]:
    summary: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return summary


def _run_row(summary: dict[str, Any]) -> dict[str, str]:
    named = {stage: f"{summary['stages'].get(stage, {}).get('seconds', 0):.1f}" for stage in STAGES}
    absent = [f"{name} {source['state']}" for name, source in summary["sources"].items() if _is_absent(source)]
    verdict = summary["verdict"] + (f" ({', '.join(absent)})" if absent else "")
    return {"run": summary["run_id"], **named, "verdict": verdict}


def _table_rows(summary: dict[str, Any]) -> list[dict[str, str]]:
    """The released tables of a run."""
    rows = []
    for name, table in summary["tables"].items():
        if name.startswith("refined."):
            rows.append({"table": name, "rows": f"{table['rows']:,}", "version": str(table["version"])})
    return rows


def _say_books(books: dict[str, Any]) -> str:
    closing = "all close" if books["closes"] else "do NOT close: " + "; ".join(books["open"])
    return f"{books['equations']:,} equations, {closing}"


def _is_absent(source: dict[str, Any]) -> bool:
    return source["state"] in ("missing", "refused", "partial")


def _file_rows(reasons: dict[str, Any], summary: dict[str, Any]) -> list[dict[str, str]]:
    """The files of a run that were not taken, each with the sentence of its reason."""
    rows = []
    for system, source in summary["sources"].items():
        not_taken = [file for file in source["files"] if file["status"] in ("refused", "late")]
        for file in not_taken:
            why, name = reasons[file["reason"]]["en"], f"{system}/{file['name']}"
            rows.append({"night": summary["night"], "file": name, "status": file["status"], "why": why})
    return rows


def _quarantine_rows(workspace: Workspace) -> list[dict[str, str]]:
    reasons = current_conf(workspace).reasons["row"]
    rows = open_lake(workspace).rows("ops.quarantine", columns=["system", "object", "reason"]).to_pylist()
    counts = Counter((f"{row['system']}.{row['object']}", row["reason"]) for row in rows)
    counted = []
    for (name, reason), count in sorted(counts.items()):
        counted.append({"object": name, "rows": f"{count:,}", "reason": reason, "why": reasons[reason]["en"]})
    return counted


def _print(console: Console, title: str, rows: list[dict[str, str]]) -> None:
    if not rows:
        console.print(f"  {title}: none")
        return
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for name in rows[0]:
        is_number = name in ("rows", "version", *STAGES)
        table.add_column(name, justify="right" if is_number else "left", overflow="fold")
    for row in rows:
        table.add_row(*row.values())
    console.print(f"  {title}")
    console.print(Padding(table, (0, 0, 0, 4)))
