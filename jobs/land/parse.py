"""One parser for each format a contract can declare."""

from collections.abc import Iterator
from pathlib import Path

from jobs.common.contracts.sources import SourceObject
from jobs.land import delimited, jsonlines, workbook
from jobs.land.batches import Batch
from jobs.land.groups import carry_groups, without_group

_PARSERS = {"csv": delimited.parse, "jsonl": jsonlines.parse, "xlsx": workbook.parse}


def parse(path: Path, obj: SourceObject) -> Iterator[Batch]:
    """Yield the rows of a file in their order; raises FileRefused where the whole file is refused."""
    if obj.group_into is None:
        return _PARSERS[obj.format](path, obj)
    return carry_groups(_PARSERS[obj.format](path, without_group(obj)), obj)
