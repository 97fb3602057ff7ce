"""The books of a night: what became of every row, counted from the tables after their commits.

Only `read` comes from the parser, and `standing` from harmonise. Every other term is counted from what was written, never by
subtraction, so that the books can fail.
"""

from typing import Any

import pyarrow.dataset as ds

from jobs.audit.entity_books import entity_terms
from jobs.audit.entries import FILE, entry
from jobs.audit.held_books import held_terms
from jobs.audit.product_books import product_terms
from jobs.audit.row_books import row_terms
from jobs.audit.state_books import state_terms
from jobs.common.intake.deliveries import file_key, objects_of_night
from jobs.common.intake.file_decisions import HELD, READ, fresh_decisions
from jobs.common.run.stage import Context


def books_of_night(context: Context) -> list[dict[str, Any]]:
    """Rows for `ops.ledger`: of every file taken or read anew this night, every record and every kind."""
    entries = file_terms(context)
    tonight = context.lake.rows("ops.delivery", {"night": context.run.night}).to_pylist()
    delivered = {tuple(row[name] for name in FILE) for row in tonight}
    delivered &= {tuple(row[name] for name in FILE) for row in entries}
    entries += row_terms(context, objects_of_night(context.lake, context.conf, context.run.night), delivered)
    entries += held_terms(context)
    states, records = state_terms(context, entries)
    entries += states
    entries += entity_terms(context, records)
    entries += product_terms(context)
    head = {"run_id": context.run.run_id, "night": context.run.night}
    return [{**head, **row} for row in entries]


def file_terms(context: Context) -> list[dict[str, Any]]:
    """read, landed, quarantined and skipped of each file of the night that landed or was read anew, also of one held back."""
    lake = context.lake
    wanted = {file_key(row) for row in lake.rows("ops.delivery", {"night": context.run.night}).to_pylist()}
    wanted |= {file_key(row) for row in fresh_decisions(lake, context.run.night, READ)}
    entries = []
    for file in sorted(
        lake.rows("ops.file").to_pylist(), key=lambda row: (row["system"], row["object"], row["file_id"])
    ):
        place = file_key(file)
        if place not in wanted or file["status"] not in ("accepted", "late", HELD):
            continue
        where = {"system": place[0], "object": place[1], "sheet": place[2], "file_id": place[3], "stage": "land"}
        raw = f"raw.{file['system']}__{file['object']}"
        counts = {
            "read": file["rows_read"],
            "landed": lake.dataset(raw).count_rows(filter=ds.field("file_id") == file["file_id"]),
            "quarantined": lake.rows("ops.quarantine", where, ["row_number"]).num_rows,
            "skipped": lake.rows("ops.skipped", where, ["row_number"]).num_rows,
        }
        entries += [entry(term, rows, file=place) for term, rows in counts.items()]
    return entries
