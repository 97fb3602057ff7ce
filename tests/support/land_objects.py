"""Exports for the tests of landing: a contract's object in one line, and what a file of it becomes."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from jobs.common.contracts.sources import Column, SourceObject
from jobs.land.batches import Batch
from jobs.land.parse import parse

_HEADER_ROWS = {"csv": 1, "jsonl": 0, "xlsx": 1}


def make_object(format: str, headers: list[str], keys: tuple[str, ...] = (), **settings: Any) -> SourceObject:
    """An object whose columns c0, c1, … have these headers; `positions` by header, `optional` headers."""
    positions, optional = settings.pop("positions", {}), settings.pop("optional", ())
    columns = tuple(
        Column(
            f"c{index}", header, header in keys, header in keys, 1, (),
            position=positions.get(header, ""), optional=header in optional,
        )
        for index, header in enumerate(headers)
    )  # fmt: skip
    given = {
        "encoding": "utf-8",
        "delimiter": ",",
        "sheet": "Sheet1" if format == "xlsx" else "",
        "header_rows": _HEADER_ROWS[format],
        "skip_rows": 0,
        "mode": "snapshot",
        **settings,
    }
    return SourceObject(
        system="town",
        name="people",
        format=format,
        path="*",
        as_of=None,
        timezone="Asia/Shanghai",
        ready="name",
        max_loss=0.5,
        columns=columns,
        **given,
    )


def land_file(
    path: Path, obj: SourceObject, parse: Callable[[Path, SourceObject], Iterator[Batch]] = parse
) -> dict[str, Any]:
    """Everything the parser says of a file; asserts that nothing is lost and that rows are in order."""
    rows, quarantined, skipped, unnamed, read = [], [], [], [], 0
    for batch in parse(path, obj):
        rows += [tuple(row.values()) for row in batch.rows.to_pylist()]
        quarantined += [(row.row_number, row.reason, row.raw) for row in batch.quarantined]
        skipped += [(row.row_number, row.reason) for row in batch.skipped]
        unnamed += [(value.row_number, value.column, value.raw) for value in batch.unnamed]
        read += batch.read
    numbers = [row[0] for row in rows]
    assert numbers == sorted(set(numbers))
    assert read == len(rows) + len(quarantined) + len(skipped)
    assert {number for number, _, _ in unnamed} <= set(numbers)
    return {"rows": rows, "quarantined": quarantined, "skipped": skipped, "unnamed": unnamed, "read": read}
