"""The books of files, counted by another parser."""

from collections.abc import Iterator
from typing import Any

from jobs.common.contracts.sources import SourceObject
from tests.support.town import Town, file_rows


def files_read(town: Town) -> Iterator[tuple[dict[str, Any], SourceObject]]:
    """Every file that landed, with its object."""
    objects = {obj.raw_table: obj for obj in town.conf.objects}
    for file in town.rows("ops.file"):
        if file["status"] in ("accepted", "late"):
            yield file, objects[f"raw.{file['system']}__{file['object']}"]


def check_file_terms(town: Town) -> int:
    """Every row that another parser finds in a file is in one table, and the ledger counts it; returns the rows."""
    total = 0
    for file, obj in files_read(town):
        numbers = [row.number for row in file_rows(town.workspace.archive_path(file["file_id"]), obj)]
        place = {"system": obj.system, "object": obj.name, "sheet": obj.sheet, "file_id": file["file_id"]}
        landed = [row["row_number"] for row in town.rows(obj.raw_table, file_id=file["file_id"])]
        aside = [row["row_number"] for row in town.rows("ops.quarantine", **place, stage="land")]
        skipped = [row["row_number"] for row in town.rows("ops.skipped", **place)]
        assert sorted(landed + aside + skipped) == numbers
        found = {"read": len(numbers), "landed": len(landed), "quarantined": len(aside), "skipped": len(skipped)}
        entries = [row for row in town.rows("ops.ledger", **place) if row["record"] is None]
        nights = {row["night"] for row in town.rows("ops.delivery", **place)}
        assert {row["night"] for row in entries} == nights
        for row in entries:
            assert row["rows"] == found[row["term"]], (file["name"], row["term"])
        assert file["rows_read"] == len(numbers)
        total += len(numbers)
    return total
