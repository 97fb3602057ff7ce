"""Files that were handed in, as `ops.file` knows them: one row per system, object, sheet and content.

Reads and writes: `ops.file`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import date
from enum import StrEnum
from typing import Any

from jobs.common.base.file_names import shown
from jobs.common.lake.tables import Lake
from jobs.common.run.runs import run_order

FileKey = tuple[str, str, str, str]  # system, object, sheet, file_id


class FileStatus(StrEnum):
    """What became of a file."""

    WAITING = "waiting"  # to be landed
    ACCEPTED = "accepted"
    LATE = "late"  # landed, but older than one already taken: it changes no current row
    REFUSED = "refused"
    HELD = "held"  # landed, and waits for a person or for the other parts of its snapshot
    WITHDRAWN = "withdrawn"

    @property
    def is_taken(self) -> bool:
        """Whether the file was taken: its rows landed, and nobody holds it back."""
        return self in TAKEN

    @property
    def is_landed(self) -> bool:
        """Whether its rows are in the raw table."""
        return self in LANDED

    @property
    def is_left_out(self) -> bool:
        """Whether somebody has to act before the file counts."""
        return self in (FileStatus.REFUSED, FileStatus.HELD)


TAKEN = (FileStatus.ACCEPTED, FileStatus.LATE)
LANDED = (*TAKEN, FileStatus.HELD)


@dataclass(frozen=True)
class ReceivedFile:
    """One row of `ops.file`; the columns are described in its schema."""

    file_id: str
    system: str
    object: str
    sheet: str
    name: str
    night: date
    as_of: date
    status: FileStatus
    reason: str | None = None
    detail: str | None = None
    rows_read: int | None = None
    read_in: str | None = None
    refused_in: str | None = None

    @property
    def key(self) -> FileKey:
        """What tells a file from others."""
        return self.system, self.object, self.sheet, self.file_id

    @property
    def place(self) -> tuple[str, str]:
        """The object it belongs to: system and object."""
        return self.system, self.object

    @property
    def shown_name(self) -> str:
        """Its name as messages may tell it."""
        return shown(self.name, self.file_id)

    @property
    def was_read(self) -> bool:
        """Whether a file has rows: also one that is refused, if it was read before."""
        is_refused_now = self.status is FileStatus.REFUSED and self.read_in is not None
        return self.status.is_landed or is_refused_now

    @property
    def judged_in(self) -> str | None:
        """The last run whose contract has read the file, or refused what an earlier one read; None if nobody knows."""
        runs = [run_id for run_id in (self.read_in, self.refused_in) if run_id]
        return max(runs, key=run_order, default=None)


def file_key(row: Mapping[str, Any]) -> FileKey:
    """The key of the file that a row of another table speaks of."""
    return row["system"], row["object"], row["sheet"], row["file_id"]


def received_file(row: Mapping[str, Any]) -> ReceivedFile:
    """A row of `ops.file` as what it is."""
    return ReceivedFile(**{**row, "status": FileStatus(row["status"])})


def received_files(lake: Lake, where: Mapping[str, Any] | None = None) -> list[ReceivedFile]:
    """The files that a filter by column names; all without one."""
    return [received_file(row) for row in lake.rows("ops.file", dict(where or {})).to_pylist()]


def files_by_key(lake: Lake) -> dict[FileKey, ReceivedFile]:
    """All files by their key."""
    return {file.key: file for file in received_files(lake)}


def write_files(lake: Lake, files: Iterable[ReceivedFile]) -> None:
    """Bring the rows of these files to what they are now, in one commit or none."""
    lake.upsert("ops.file", lake.table_of("ops.file", [asdict(file) for file in files]))
