"""How fast files of each format land in raw tables, beside the parser alone.

Reads: exports of a night, the seconds in which they landed. Writes: nothing.
"""

import csv
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pyarrow.csv
import python_calamine

from jobs.common.base.workspace import Workspace
from jobs.common.contracts.sources import SourceObject
from jobs.common.run.conf import current_conf

Parser = Callable[[SourceObject, Path], int]


@dataclass(frozen=True)
class Speed:
    """One source: megabytes of its files, the seconds in which they landed, and those of each parser alone."""

    system: str
    format: str
    megabytes: float
    landed: float
    bare: dict[str, float]


def time_parsers(exports: Path) -> dict[str, dict[str, float]]:
    """Seconds that each parser alone takes for the files of a source, by source that handed something over and parser."""
    return {
        system: {name: _seconds(parse, files) for name, parse in _PARSERS[format].items()}
        for system, (format, files) in _files(exports).items()
    }


def compare_speeds(exports: Path, landed: dict[str, float], alone: dict[str, dict[str, float]]) -> list[Speed]:
    """Speeds of all sources; `landed` are the seconds by source, `alone` as from `time_parsers`."""
    found = []
    for system, (format, files) in _files(exports).items():
        megabytes = sum(path.stat().st_size for _, path in files) / 1e6
        found.append(Speed(system, format, megabytes, landed[system], alone[system]))
    return found


def _files(exports: Path) -> dict[str, tuple[str, list[tuple[SourceObject, Path]]]]:
    """Format and files of each source that handed something over."""
    found = {}
    for system, source in sorted(current_conf(Workspace(exports / "no-workspace")).sources.items()):
        files = [(obj, path) for obj in source.objects for path in sorted((exports / system).glob(obj.path))]
        files = [(obj, path) for obj, path in files if path.suffix != ".part"]
        if files:
            found[system] = files[0][0].format, files
    return found


def _seconds(parse: Parser, files: list[tuple[SourceObject, Path]]) -> float:
    """Seconds for all files; one that the parser cannot read counts as long as it took to find out."""
    began = time.perf_counter()
    for obj, path in files:
        try:
            parse(obj, path)
        except (OSError, ValueError, python_calamine.CalamineError):
            continue
    return time.perf_counter() - began


def _with_pyarrow(obj: SourceObject, path: Path) -> int:
    table = pyarrow.csv.read_csv(
        path,
        read_options=pyarrow.csv.ReadOptions(encoding=obj.encoding),
        parse_options=pyarrow.csv.ParseOptions(
            delimiter=obj.delimiter, newlines_in_values=True, invalid_row_handler=lambda row: "skip"
        ),
    )
    return int(table.num_rows)


def _with_csv(obj: SourceObject, path: Path) -> int:
    with open(path, encoding=obj.encoding, newline="") as handle:
        return sum(1 for _ in csv.reader(handle, delimiter=obj.delimiter))


def _with_json(obj: SourceObject, path: Path) -> int:
    count = 0
    with open(path, encoding=obj.encoding) as handle:
        for line in handle:
            try:
                count += bool(json.loads(line))
            except ValueError:
                continue  # some lines are broken on purpose
    return count


def _with_calamine(obj: SourceObject, path: Path) -> int:
    sheet = python_calamine.CalamineWorkbook.from_path(path).get_sheet_by_name(obj.sheet)
    return len(sheet.to_python(skip_empty_area=False))


_PARSERS: dict[str, dict[str, Parser]] = {
    "csv": {"pyarrow.csv": _with_pyarrow, "csv module": _with_csv},
    "jsonl": {"json.loads": _with_json},
    "xlsx": {"python-calamine": _with_calamine},
}


def _of_formats(speeds: list[Speed]) -> list[Speed]:
    """The files of all sources of each format that several have, as if they were one's."""
    found = []
    for format in sorted({speed.format for speed in speeds}):
        own = [speed for speed in speeds if speed.format == format]
        bare = {name: sum(speed.bare[name] for speed in own) for name in own[0].bare}
        megabytes, landed = sum(speed.megabytes for speed in own), sum(speed.landed for speed in own)
        if len(own) > 1:
            found.append(Speed("all", format, megabytes, landed, bare))
    return found


def describe_speeds(speeds: list[Speed]) -> str:
    """Markdown: MB/s of landing and of each parser alone, and what share of its speed landing has; by source and format."""
    lines = [
        "| source | format | MB | landed MB/s | parser alone | MB/s | share |",
        "|---|---|--:|--:|---|--:|--:|",
    ]
    for speed in [*speeds, *_of_formats(speeds)]:
        for name, seconds in speed.bare.items():
            lines.append(
                f"| {speed.system} | {speed.format} | {speed.megabytes:.1f} | {speed.megabytes / speed.landed:.1f} "
                f"| {name} | {speed.megabytes / seconds:.1f} | {seconds / speed.landed:.0%} |"
            )
    return "\n".join(lines)
