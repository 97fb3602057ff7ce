"""The rows above the first record: titles, blank ones, and the header rows that the contract announces.

Reads: records of a text or rows of a sheet. Refuses (FileRefused): a file that ends before its header rows.
"""

from collections.abc import Iterable

from jobs.common.contracts.sources import SourceObject
from jobs.land.batches import FileRefused, Rejected
from jobs.land.records import Record, are_blank


def take_top(records: Iterable[Record], obj: SourceObject) -> tuple[list[Rejected], list[Record]]:
    """All rows up to the last header row with their reasons, and the header rows; takes no more than these.

    Raises:
        FileRefused: empty_file or missing_header.
    """
    skipped: list[Rejected] = []
    headers: list[Record] = []
    for record in records:
        reason = "header"
        if len(skipped) < obj.skip_rows:
            reason = "title"
        elif not headers and are_blank(record.cells):
            reason = "blank"
        else:
            headers.append(record)
        skipped.append(Rejected(record.start, reason, record.text))
        if len(headers) == obj.header_rows:
            return skipped, headers
    if headers:
        ending = f"sheet {obj.sheet}" if obj.sheet else "the file"
        raise FileRefused("missing_header", f"{ending} ends before its header rows ({obj.header_rows})")
    place = f" in sheet {obj.sheet}" if obj.sheet else ""
    raise FileRefused("empty_file", f"no header row{place}")
