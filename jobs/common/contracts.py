"""Data contracts of the source systems (ODCS v3), read from `conf/sources/<system>.odcs.yaml`.

Reads: the configuration overlay. Refuses: a contract that the standard's JSON schema or our own rules do not accept.
"""

from dataclasses import dataclass

DEFAULT_ROLE = "person"


@dataclass(frozen=True)
class Feed:
    """Where a column goes: `record.field`, or `record@role.field` for another than the record's own person."""

    record: str
    role: str
    field: str


@dataclass(frozen=True)
class Column:
    """One column of an export: `name` in our tables, `header` in the file; `level` 1 (open) to 4 (sensitive personal)."""

    name: str
    header: str
    required: bool
    primary_key: bool
    level: int
    feeds: tuple[Feed, ...]


@dataclass(frozen=True)
class SourceObject:
    """One export of a system: how its files are found, parsed and read as of which day.

    `path` is a glob below `inbox/<system>/`; `as_of` a regular expression over the file name whose first group is
    YYYYMMDD or YYYY-MM-DD (None: the night); `ready` is "name" (no `.part`, `.tmp`, `~$`) or "done" (a `.done` beside it).
    """

    system: str
    name: str
    format: str  # "csv", "jsonl" or "xlsx"
    path: str
    encoding: str
    delimiter: str
    sheet: str  # "" for files without sheets
    header_rows: int
    skip_rows: int
    mode: str  # "snapshot", "incremental" or "log"
    as_of: str | None
    timezone: str
    ready: str
    columns: tuple[Column, ...]

    @property
    def raw_table(self) -> str:
        return f"raw.{self.system}__{self.name}"


@dataclass(frozen=True)
class Source:
    """One system with its exports; only a nightly one can be missing."""

    system: str
    title: str
    expected: str  # "nightly" or "occasional"
    objects: tuple[SourceObject, ...]
