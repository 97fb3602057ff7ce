"""The books of a night: what became of every row, counted from the tables after their commits.

Only `read` comes from the parser, and `standing` from harmonise. Every other term is counted from what was written, never by
subtraction, so that the books can fail.
"""

from collections.abc import Sequence
from operator import attrgetter
from typing import Any

import pyarrow.dataset as ds

from jobs.audit.entity_books import entity_terms
from jobs.audit.entries import entry
from jobs.audit.held_books import held_terms
from jobs.audit.judgement_books import judgement_terms
from jobs.audit.product_books import product_terms
from jobs.audit.row_books import row_terms
from jobs.audit.state_books import state_terms
from jobs.common.intake.deliveries import delivered_keys, objects_of_night
from jobs.common.intake.file_decisions import FileDecision, fresh_decisions
from jobs.common.intake.received_files import ReceivedFile, file_key, received_files
from jobs.common.lake.tables import Lake
from jobs.common.run.stage import Context


def books_of_night(context: Context, further: Sequence[dict[str, Any]] = ()) -> list[dict[str, Any]]:
    """Rows for `ops.ledger`: of every file taken or read anew this night, every record and every kind, and `further` entries."""
    entries = file_terms(context)
    delivered = delivered_keys(context.lake, context.run.night) & {file_key(row) for row in entries}
    entries += row_terms(context, objects_of_night(context.lake, context.conf, context.run.night), delivered)
    entries += held_terms(context)
    states, records = state_terms(context, entries)
    entries += states
    entries += entity_terms(context, records)
    entries += judgement_terms(context)
    entries += product_terms(context)
    entries += further
    head = {"run_id": context.run.run_id, "night": context.run.night}
    return [{**head, **row} for row in entries]


def file_terms(context: Context) -> list[dict[str, Any]]:
    """read, landed, quarantined and skipped of each file of the night that landed or was read anew, also of one held back."""
    lake, night = context.lake, context.run.night
    anew = fresh_decisions(lake, night, FileDecision.READ)
    wanted = delivered_keys(lake, night).union(map(file_key, anew))
    files = [file for file in received_files(lake) if file.key in wanted and file.status.is_landed]
    entries = []
    for file in sorted(files, key=attrgetter("system", "object", "file_id")):
        entries += [entry(term, rows, file=file.key) for term, rows in count_rows(lake, file).items()]
    return entries


def count_rows(lake: Lake, file: ReceivedFile) -> dict[str, int]:
    """The terms of one file, each counted from its own table; what was read is the parser's count."""
    place = {"system": file.system, "object": file.object, "sheet": file.sheet, "file_id": file.file_id}
    raw, where = f"raw.{file.system}__{file.object}", {**place, "stage": "land"}
    return {
        "read": file.rows_read or 0,
        "landed": lake.dataset(raw).count_rows(filter=ds.field("file_id") == file.file_id),
        "quarantined": lake.rows("ops.quarantine", where, ["row_number"]).num_rows,
        "skipped": lake.rows("ops.skipped", where, ["row_number"]).num_rows,
    }
