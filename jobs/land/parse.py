"""One parser for each format a contract can declare."""

from collections.abc import Iterator
from pathlib import Path

from jobs.common.contracts import SourceObject
from jobs.land import delimited, jsonlines, workbook
from jobs.land.batches import Batch

_PARSERS = {"csv": delimited.parse, "jsonl": jsonlines.parse, "xlsx": workbook.parse}


def parse(path: Path, obj: SourceObject) -> Iterator[Batch]:
    """Yield the rows of a file in their order; raises FileRefused where the whole file is refused."""
    return _PARSERS[obj.format](path, obj)
