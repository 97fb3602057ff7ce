"""What the demonstration prints at its end, from each run's `summary.json` and the tables of refused rows."""

import json
from collections import Counter
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
    summaries = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(home.glob("runs/*/summary.json"))]
    console.print(f"\n[bold]{title}[/bold]  {home}", highlight=False)
    _print(console, "Seconds per stage", [_run_row(summary) for summary in summaries])
    last = summaries[-1]
    released = [(name, table) for name, table in last["tables"].items() if name.startswith("refined.")]
    rows = [{"table": name, "rows": f"{table['rows']:,}", "version": str(table["version"])} for name, table in released]
    _print(console, f"Released as {last['release_id']}", rows)
    _print(console, "Files not taken", [row for summary in summaries for row in _file_rows(workspace, summary)])
    _print(console, "Rows set aside (quarantine)", _quarantine_rows(workspace))
    for summary in summaries:
        books = summary["books"]
        closing = "all close" if books["closes"] else "do NOT close: " + "; ".join(books["open"])
        console.print(f"  Books of {summary['run_id']}: {books['equations']:,} equations, {closing}", highlight=False)


def _run_row(summary: dict[str, Any]) -> dict[str, str]:
    named = {stage: f"{summary['stages'].get(stage, {}).get('seconds', 0):.1f}" for stage in STAGES}
    absent = [f"{name} {source['state']}" for name, source in summary["sources"].items() if _is_absent(source)]
    verdict = summary["verdict"] + (f" ({', '.join(absent)})" if absent else "")
    return {"run": summary["run_id"], **named, "verdict": verdict}


def _is_absent(source: dict[str, Any]) -> bool:
    return source["state"] in ("missing", "refused", "partial")


def _file_rows(workspace: Workspace, summary: dict[str, Any]) -> list[dict[str, str]]:
    reasons = current_conf(workspace).reasons["file"]
    return [
        {
            "night": summary["night"],
            "file": f"{system}/{file['name']}",
            "status": file["status"],
            "why": reasons[file["reason"]]["en"],
        }
        for system, source in summary["sources"].items()
        for file in source["files"]
        if file["status"] in ("refused", "late")
    ]


def _quarantine_rows(workspace: Workspace) -> list[dict[str, str]]:
    reasons = current_conf(workspace).reasons["row"]
    rows = open_lake(workspace).rows("ops.quarantine", columns=["system", "object", "reason"]).to_pylist()
    counts = Counter((f"{row['system']}.{row['object']}", row["reason"]) for row in rows)
    return [
        {"object": name, "rows": f"{count:,}", "reason": reason, "why": reasons[reason]["en"]}
        for (name, reason), count in sorted(counts.items())
    ]


def _print(console: Console, title: str, rows: list[dict[str, str]]) -> None:
    if not rows:
        console.print(f"  {title}: none")
        return
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for name in rows[0]:
        table.add_column(name, justify="right" if name in ("rows", "version", *STAGES) else "left", overflow="fold")
    for row in rows:
        table.add_row(*row.values())
    console.print(f"  {title}")
    console.print(Padding(table, (0, 0, 0, 4)))
