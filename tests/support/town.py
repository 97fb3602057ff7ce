"""A workspace that the command line has worked in, for the tests that look at the result.

Tables are read with delta-rs and Polars, files with parsers that the pipeline does not use, so that what they show is no
echo of the pipeline. The fixtures are in `town_fixtures`.
"""

import csv
import io
import json
import shutil
import sys
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

import openpyxl
import polars as pl
from openpyxl.utils.escape import unescape

from jobs import start
from jobs.cli import main
from jobs.common.base.workspace import Workspace
from jobs.common.contracts.sources import SourceObject
from jobs.common.lake.tables import Lake
from jobs.common.run.conf import Conf, current_conf
from jobs.common.run.runs import CLI
from jobs.common.run.stage import open_lake
from jobs.operate.nightly import list_steps


@dataclass(frozen=True)
class Answer:
    """What a command left behind."""

    code: int
    out: str
    err: str


def jiceng(*arguments: str | Path) -> Answer:
    """Run the command line in this process, as a user would."""
    out, err, kept = io.StringIO(), io.StringIO(), sys.argv
    sys.argv = ["jiceng", *map(str, arguments)]
    try:
        with redirect_stdout(out), redirect_stderr(err):
            main()
        code: Any = 0
    except SystemExit as stop:
        code = stop.code
    finally:
        sys.argv = kept
    return Answer(int(code or 0), out.getvalue(), err.getvalue())


def stage_log(workspace: Workspace, run_id: str, stage: str) -> list[dict[str, Any]]:
    """What a stage of a run has logged."""
    lines = (workspace.run_dir(run_id) / "log.jsonl").read_text(encoding="utf-8").splitlines()
    return [entry for entry in map(json.loads, lines) if entry["stage"] == stage]


@dataclass
class Town:
    """A workspace with released nights."""

    home: Path
    samples: Path
    nights: list[date] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)

    @property
    def workspace(self) -> Workspace:
        return Workspace(self.home)

    @cached_property
    def conf(self) -> Conf:
        return current_conf(self.workspace)

    @cached_property
    def lake(self) -> Lake:
        return open_lake(self.workspace, self.conf)

    def rows(self, table: str, **where: Any) -> list[dict[str, Any]]:
        """Rows as dicts, read without the engine."""
        return self.lake.rows(table, where or None).to_pylist()

    def frame(self, table: str) -> pl.DataFrame:
        frame = pl.from_arrow(self.lake.rows(table))
        assert isinstance(frame, pl.DataFrame)
        return frame

    def summary(self, night: date) -> dict[str, Any]:
        return json.loads((self.workspace.run_dir(f"{night}.1") / "summary.json").read_text(encoding="utf-8"))

    def run(self, night: date) -> Answer:
        answer = jiceng("run", "--night", str(night), "--home", self.home)
        self.nights.append(night)
        self.answers.append(answer)
        return answer

    def copy_to(self, home: Path) -> "Town":
        shutil.copytree(self.home, home)
        return Town(home, self.samples, list(self.nights))


# --- files, read with other parsers than the pipeline's -----------------------------------------------------------------


@dataclass(frozen=True)
class FileRow:
    """A row of a received file: where it starts, and its values by header (a list where it is no record)."""

    number: int
    values: dict[str, Any] | list[Any]


def file_rows(path: Path, obj: SourceObject) -> list[FileRow]:
    """Rows of an archived file up to the last one that is not blank, titles and headers included."""
    rows = list({"csv": _csv_rows, "jsonl": _json_rows, "xlsx": _sheet_rows}[obj.format](path, obj))
    while rows and not _is_filled(rows[-1].values):
        rows.pop()
    return rows


def _csv_rows(path: Path, obj: SourceObject) -> Iterator[FileRow]:
    encoding = "utf-8-sig" if obj.encoding.lower() == "utf-8" else obj.encoding  # some begin with a byte order mark
    with open(path, encoding=encoding, newline="") as handle:
        reader = csv.reader(handle, delimiter=obj.delimiter)
        headers: list[str] = []
        start = 1
        for cells in reader:
            headers = headers or cells
            # Empty cells may be left out at the end of a line, or written too many.
            padded = [*cells, *[""] * (len(headers) - len(cells))]
            is_record = cells is not headers and not any(padded[len(headers) :])
            yield FileRow(start, dict(zip(headers, padded, strict=False)) if is_record else list(cells))
            start = reader.line_num + 1


def _json_rows(path: Path, obj: SourceObject) -> Iterator[FileRow]:
    for number, line in enumerate(path.read_bytes().decode(obj.encoding).split("\n"), start=1):
        try:
            yield FileRow(number, json.loads(line))
        except ValueError:
            yield FileRow(number, [line])


def _sheet_rows(path: Path, obj: SourceObject) -> Iterator[FileRow]:
    with open(path, "rb") as handle:  # the archive's names have no ending
        sheet = openpyxl.load_workbook(handle, data_only=True)[obj.sheet]
    head = obj.skip_rows + obj.header_rows
    above = {}
    for merged in sheet.merged_cells.ranges:
        if merged.min_row > obj.skip_rows and merged.min_row <= head:
            value = sheet.cell(merged.min_row, merged.min_col).value
            above.update({(merged.min_row, column): value for column in range(merged.min_col, merged.max_col + 1)})
    headers = []
    for column in range(1, sheet.max_column + 1):
        parts = [above.get((row, column), sheet.cell(row, column).value) for row in range(obj.skip_rows + 1, head + 1)]
        headers.append("/".join(str(part).strip() for part in parts if part))
    for number, cells in enumerate(sheet.iter_rows(values_only=True), start=1):
        yield FileRow(number, list(cells) if number <= head else dict(zip(headers, cells, strict=True)))


def _is_filled(values: dict[str, Any] | list[Any]) -> bool:
    cells = values.values() if isinstance(values, dict) else values
    return any(str(cell).strip() for cell in cells if cell is not None)


def cell_text(value: Any) -> str:
    """A cell as the raw tables hold it: stripped, days as ISO, whole numbers without fraction, nothing as ""."""
    match value:
        case None:
            return ""
        case bool():
            return str(value).upper()
        case datetime():
            rounded = (value + timedelta(microseconds=500_000)).replace(microsecond=0)
            return rounded.date().isoformat() if rounded.time() == datetime.min.time() else rounded.isoformat(sep=" ")
        case date():
            return value.isoformat()
        case float() if value == int(value) and abs(value) < 1e15:
            return str(int(value))
        case _:
            return unescape(str(value)).strip()  # openpyxl leaves _x000D_ as it stands in the file


def work_until_audit(town: Town, night: date) -> None:
    """Hand a night over and run its stages up to the candidates, as `jiceng run` would, and stop there."""
    shutil.copytree(town.samples / str(night), town.workspace.inbox, dirs_exist_ok=True)
    context = start.run(town.workspace, night, CLI)
    for stage, work in list_steps(context):
        if stage == "audit":
            return
        work()


def build_town(base: Path, residents: int, seed: int, nights: int, *options: str) -> Town:
    """A sample town below `base`, and a workspace in which all its nights have been run; `options` are of `jiceng sample`."""
    built = Town(base / "workspace", base / "samples")
    sizes = ("--residents", str(residents), "--seed", str(seed), "--nights", str(nights))
    assert jiceng("sample", *sizes, *options, "--out", built.samples).code == 0
    assert jiceng("init", "--home", built.home).code == 0
    for night in sorted(path for path in built.samples.iterdir() if path.is_dir()):
        shutil.copytree(night, built.workspace.inbox, dirs_exist_ok=True)
        answer = built.run(date.fromisoformat(night.name))
        assert answer.code == 0, answer.err[-3000:]
    return built
