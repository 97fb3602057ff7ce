"""Rows of `ops.ledger` as the parts of the books make them, without run and night."""

from typing import Any

FILE = ["system", "object", "sheet", "file_id"]


def entry(
    term: str,
    rows: int,
    record: str | None = None,
    file: tuple[str | None, ...] | None = None,
    equation: str | None = None,
) -> dict[str, Any]:
    """One term; `file` is (system, object, sheet, file_id) as `file_key` gives it, `equation` that of a product."""
    system, obj, sheet, file_id = file or (None, None, None, None)
    place = {"file_id": file_id, "system": system, "object": obj, "sheet": sheet}
    return {**place, "record": record, "term": term, "rows": rows, "equation": equation}
