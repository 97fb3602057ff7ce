"""One file through the parser of its format.

It is refused with a reason, or each of its rows lands, is quarantined or skipped; no message holds a value of it.
"""

import random
from pathlib import Path

from jobs.common.contracts.sources import Column, SourceObject
from jobs.land.batches import FileRefused
from jobs.land.fence import parse_fenced
from jobs.land.parse import parse
from tests.fuzz.exports import FORMATS, HEADERS, Export, draw_hostile
from tests.fuzz.outcome import CRASH, UNACCOUNTED, Outcome, describe_crash, look_for_values


def play(seed: str, folder: Path) -> Outcome:
    """One mutated file."""
    draw = random.Random(seed)
    export = draw_hostile(draw, draw.choice(FORMATS))
    path = folder / "export"
    path.write_bytes(export.content)
    try:
        return Outcome(1, account(path, object_of(export), export))
    except FileRefused as refused:
        return Outcome(1, look_for_values(f"{refused} {refused.detail}", refused.reason))
    except Exception as error:  # whatever it is, it is what is looked for
        return Outcome(1, [(CRASH, *describe_crash(error))])


def object_of(export: Export) -> SourceObject:
    """What the contract says of the file: the first column is the key."""
    columns = tuple(Column(f"c{at}", header, at == 0, at == 0, 3, ()) for at, header in enumerate(HEADERS))
    settings = {
        "encoding": "utf-8", "delimiter": ",", "sheet": "", "header_rows": 0 if export.format == "jsonl" else 1,
        "skip_rows": 0, "mode": "snapshot", "as_of": None, "timezone": "Asia/Shanghai", "ready": "name", "max_loss": 0.5,
    }  # fmt: skip
    settings |= export.settings
    return SourceObject(system="town", name="people", format=export.format, path="*", columns=columns, **settings)


def account(path: Path, obj: SourceObject, export: Export) -> list[tuple[str, str, str]]:
    """What does not add up of the rows that the parser hands over."""
    numbers: list[int] = []
    others: list[int] = []
    read = 0
    # What fails in reading text is a defect of ours; the reader of workbooks is not, so its fence must hold.
    for batch in (parse_fenced if export.format == "xlsx" else parse)(path, obj):
        numbers += batch.rows.column("row_number").to_pylist()
        others += [row.row_number for row in (*batch.quarantined, *batch.skipped)]
        read += batch.read
    problems = []
    if read != len(numbers) + len(others):
        problems.append((UNACCOUNTED, "read", f"{read} read, {len(numbers)} landed, {len(others)} not"))
    if numbers != sorted(set(numbers)) or len({*numbers, *others}) != read:
        problems.append((UNACCOUNTED, "row numbers", "a row number twice, or out of order"))
    lines = count_lines(export)
    if lines is not None and lines != read:
        problems.append((UNACCOUNTED, "lines", f"{lines} lines up to the last that is filled, {read} read"))
    return problems


def count_lines(export: Export) -> int | None:
    """Lines up to the last one with anything in it, as any reader would count them; None where that is a question."""
    data = export.content
    if export.format != "csv" or b'"' in data or b"\r" in data or export.settings["encoding"] == "utf-16":
        return None
    try:
        lines = data.decode("utf-8-sig" if export.settings["encoding"] == "utf-8" else "gb18030").split("\n")
    except UnicodeError:
        return None
    while lines and not lines[-1].replace(export.settings["delimiter"], "").strip():
        lines.pop()
    return len(lines)
