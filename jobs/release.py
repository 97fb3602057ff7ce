"""Release: publish the audited candidates, all of them or none.

Reads: `ops.audit`, `ops.ledger`, `candidate.*`. Writes: `refined.*`, `ops.release`, the refined rows of `ops.ledger`.
Refuses (exit code 3): a failed critical rule, a missing verdict, a candidate that changed since its audit, open books.
"""

from collections import defaultdict
from typing import Any

from jobs.common.books import open_balances
from jobs.common.errors import Refusal
from jobs.common.releases import Release, finish_release, record_intent
from jobs.common.stage import Context, stage_main, write_refusal


def run(context: Context) -> None:
    """Judge, record the intent, promote, make visible, and close the books with what readers see."""
    if context.plan["nothing_new"]:
        return
    tables = {}
    for record in context.conf.model.values():
        name = f"candidate.{record.name}"
        rows, fingerprint = context.lake.fingerprint(name)
        version = context.lake.version(name)
        # What the candidate was made from, for `explain`: a later run may rewrite the same night.
        made_from = [f"harmonised.{record.name}", *(("links.assignment", "links.edge") if record.kind else ())]
        sources = {source: context.lake.version(source) for source in made_from}
        tables[record.name] = {
            "rows": rows,
            "fingerprint": fingerprint,
            "candidate_version": version,
            "sources": sources,
        }
    reasons = refusals(context, tables)
    write_refusal(context.workspace, context.run.run_id, reasons)
    for reason in reasons:
        context.log("release", f"refused: {reason}")
    if reasons:
        raise Refusal(f"nothing was released: {'; '.join(reasons)}")
    release = record_intent(context.lake, context.run, tables)
    if release.state == "intent":
        release = finish_release(context.lake, release)
    close_books(context, release)
    context.log(
        "release", f"release {release.release_id}", **{name: entry["rows"] for name, entry in release.tables.items()}
    )


def refusals(context: Context, tables: dict[str, dict[str, Any]]) -> list[str]:
    """Why these candidates may not be released; empty when they may. A missing verdict refuses."""
    by_table: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in context.lake.rows("ops.audit", {"run_id": context.run.run_id}).to_pylist():
        by_table[row["table_name"]].append(row)
    reasons = []
    if not by_table["ledger"]:
        reasons.append("the books were not audited")
    for name, entry in tables.items():
        if not by_table[name]:
            reasons.append(f"{name} was not audited")
        elif any(row["fingerprint"] != entry["fingerprint"] for row in by_table[name]):
            reasons.append(f"{name} is not the version that was audited")
    for name in ("ledger", *tables):
        for row in sorted(by_table[name], key=lambda row: row["rule"]):
            if row["severity"] == "critical" and not row["success"]:
                reasons.append(f"{name} fails {row['rule']} ({row['observed']})")
    return reasons


def close_books(context: Context, release: Release) -> None:
    """Add the refined rows to the books of the run; they were promised equal, and are counted."""
    lake, run = context.lake, context.run
    place = dict.fromkeys(("file_id", "system", "object", "sheet"))
    rows = [
        {
            "run_id": run.run_id,
            "night": run.night,
            **place,
            "record": name,
            "term": "refined",
            "rows": lake.fingerprint(f"refined.{name}", entry["version"])[0],
        }
        for name, entry in sorted(release.tables.items())
    ]
    lake.replace_part("ops.ledger", lake.table_of("ops.ledger", rows), {"run_id": run.run_id, "term": "refined"})
    left = open_balances(lake.rows("ops.ledger", {"run_id": run.run_id}).to_pylist())
    if left:
        raise RuntimeError(f"the books of a released run do not close: {left[0]}")


if __name__ == "__main__":
    stage_main("release", run)
