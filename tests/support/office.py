"""A small office for the tests: a workspace, contracts and exports of few lines, and commands as its user types them."""

import io
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import xlsxwriter
from msoffcrypto.format.ooxml import OOXMLFile

from jobs.common.base.workspace import Workspace, open_workspace
from tests.support.town import Answer, jiceng

HEADER = ("编号", "内容", "时间")


def rows_of(answer: Answer) -> list[dict[str, Any]]:
    """Results of `--format json`."""
    found: list[dict[str, Any]] = json.loads(answer.out)
    return found


@dataclass(frozen=True)
class Office:
    """A workspace and what one does with it."""

    workspace: Workspace

    def jiceng(self, *arguments: str | Path) -> Answer:
        return jiceng(*arguments, "--home", self.workspace.home)

    def hand_in(self, path: str, content: str | bytes | Sequence[str]) -> None:
        """Put a file into the inbox: bytes, text (as UTF-8), or lines under the header of `simple_contract`."""
        target = self.workspace.inbox / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            target.write_bytes(content)
        else:
            target.write_text(content if isinstance(content, str) else export(content), encoding="utf-8")

    def run(self, night: str) -> Answer:
        return self.jiceng("run", "--night", night)

    def summary(self, run_id: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(
            (self.workspace.run_dir(run_id) / "summary.json").read_text(encoding="utf-8")
        )
        return found

    def status(self) -> list[dict[str, Any]]:
        return rows_of(self.jiceng("status", "--format", "json"))

    def declare(self, system: str, contract: str) -> None:
        """Write a contract into the workspace."""
        (self.workspace.conf / "sources" / f"{system}.odcs.yaml").write_text(contract, encoding="utf-8")


def open_office(home: Path) -> Office:
    """A new office at `home`."""
    assert jiceng("init", "--home", home).code == 0
    return Office(open_workspace(home))


def copy_office(home: Path, copy: Path) -> Office:
    """The office at `home` once more, to be changed."""
    shutil.copytree(home, copy)
    return Office(open_workspace(copy))


def export(lines: Sequence[str]) -> str:
    """`1 甲` is a row of the number 1 and the word 甲."""
    cells = [(*line.split(" "), "2026-01-01 08:00:00") for line in lines]
    return "\n".join(",".join(row) for row in (HEADER, *cells)) + "\n"


def simple_contract(system: str, mode: str = "snapshot", **settings: Any) -> str:
    """A contract of one CSV object, messages with a number, a word and a time; its days are in the file names.

    Args:
        settings: of the server, and `expected`; `key=False` leaves out the primary key (the words are residents' names).
    """
    expected, key = settings.pop("expected", "occasional"), settings.pop("key", True)
    given = {"path": "*.csv", "mode": mode, "as_of": r"_(\d{8})", **settings}
    listed = "".join(
        f"\n      - {{property: {name}, value: {json.dumps(value)}}}" for name, value in given.items() if value
    )
    columns = ""
    for name, header, level, feeds, extra in (
        ("number", "编号", 1, "appeal.number" if key else "", ", required: true, primaryKey: true" if key else ""),
        ("word", "内容", 3, "appeal.subject" if key else "resident.name", ""),
        ("asked", "时间", 2, "appeal.asked_at" if key else "", ""),
    ):
        fed = f", customProperties: [{{property: feeds, value: {feeds}}}]" if feeds else ""
        columns += f'\n      - {{name: {name}, physicalName: {header}, classification: "{level}"{extra}{fed}}}'
    return f"""apiVersion: v3.2.0
kind: DataContract
id: {system}
version: 1.0.0
status: active
customProperties:
  - {{property: expected, value: {expected}}}
servers:
  - server: message
    type: custom
    format: csv
    customProperties:{listed}
schema:
  - name: message
    properties:{columns}
"""


def workbook(sheet: str, rows: Sequence[Sequence[Any]], password: str | None = None) -> bytes:
    """A workbook of one sheet, encrypted where there is a password."""
    book = io.BytesIO()
    with xlsxwriter.Workbook(book, {"in_memory": True}) as writer:
        page = writer.add_worksheet(sheet)
        for number, row in enumerate(rows):
            page.write_row(number, 0, row)
    if password is None:
        return book.getvalue()
    locked = io.BytesIO()
    OOXMLFile(book).encrypt(password, locked)
    return locked.getvalue()
