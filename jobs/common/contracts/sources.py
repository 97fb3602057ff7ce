"""Data contracts of the source systems (ODCS v3), read from `conf/sources/<system>.odcs.yaml`.

Reads: the configuration overlay. Refuses: a contract that the standard's JSON schema or our own rules do not accept.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jobs.common.base.document import Document, Finding
from jobs.common.base.errors import UserError
from jobs.common.base.passwords import find_passwords, withheld_finding
from jobs.common.contracts.house_rules import (
    DEFAULT_ROLE,
    OWN_ROLES,
    SUFFIX,
    WORD_LISTS,
    Records,
    check_rules,
    default_role,
    read_feeds,
    read_words,
)
from jobs.common.contracts.location import Location, read_location
from jobs.common.contracts.odcs import check_standard, read_contract
from jobs.common.contracts.servers import FORMAT_DEFAULTS, SERVER_DEFAULTS, read_encoding, server_settings
from jobs.common.contracts.settings import own_settings
from jobs.common.model.types import PARAMETERS
from jobs.common.model.types.semantic_type import Parameter

__all__ = [
    "DEFAULT_ROLE",
    "OWN_ROLES",
    "Column",
    "ContractError",
    "Feed",
    "Finding",
    "Records",
    "Source",
    "SourceObject",
    "check_contract",
    "default_role",
    "load_source",
    "load_sources",
]


@dataclass(frozen=True)
class Feed:
    """Where a column goes: `record.field`, or `record@role.field` for another than the record's own person."""

    record: str
    role: str
    field: str
    null_words: tuple[str, ...] = ()  # what stands for nothing in this field, once the configuration is read


@dataclass(frozen=True)
class Column:
    """One column of an export: `name` in our tables, `header` in the file; `level` 1 (open) to 4 (sensitive personal).

    `parameters` say how values are read: (name, value) by `PARAMETERS` of the semantic types, such as the unit of an amount.
    `position` is the letter of a column whose header is empty; an `optional` column may be absent.
    `null_words` stand for nothing in this column, `keep_words` are values although the shipped list has them.
    """

    name: str
    header: str
    required: bool
    primary_key: bool
    level: int
    feeds: tuple[Feed, ...]
    parameters: tuple[tuple[str, str], ...] = ()
    position: str = ""
    optional: bool = False
    null_words: tuple[str, ...] = ()
    keep_words: tuple[str, ...] = ()

    def parameter(self, known: Parameter) -> str:
        return dict(self.parameters).get(known.name, known.values[0])


@dataclass(frozen=True)
class SourceObject:
    """One export of a system: how its files are found, parsed and read as of which day.

    `path` is a glob below `inbox/<system>/`; `as_of` a regular expression over the file name whose first group is
    YYYYMMDD or YYYY-MM-DD (None: the night); `ready` is "name" (no `.part`, `.tmp`, `~$`) or "done" (a `.done` beside it).
    `ignore` lists headers (or keys) that are read over, letters of columns without one, or "*" for all undeclared ones.
    `group_into` names the column that no file has and the headings between the rows fill.
    `max_loss` is the share of the keys that stand which may be gone from a snapshot; one that lacks more is held back, if
    at least `max_loss_from` keys stand.
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
    max_loss: float
    columns: tuple[Column, ...]
    ignore: tuple[str, ...] = ()
    group_into: str | None = None
    max_loss_from: int = 3

    @property
    def place(self) -> tuple[str, str]:
        """What tells it from other exports: its system and name."""
        return self.system, self.name

    @property
    def raw_table(self) -> str:
        return f"raw.{self.system}__{self.name}"

    @property
    def key_columns(self) -> list[str]:
        """Names of the columns that make up the primary key; none if its rows have no key."""
        return [column.name for column in self.columns if column.primary_key]


@dataclass(frozen=True)
class Source:
    """One system with its exports; only a nightly one can be missing.

    `locations` are those of the exports that nobody hands over: `fetch` puts them into the inbox.
    """

    system: str
    title: str
    expected: str  # "nightly" or "occasional"
    objects: tuple[SourceObject, ...]
    locations: tuple[Location, ...] = ()


class ContractError(UserError):
    """A contract with faults, all of them; the text has one line for each."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        self.findings = tuple(findings)
        super().__init__("\n".join(str(finding) for finding in self.findings))


def check_contract(path: Path, records: Records) -> list[Finding]:
    """Return all faults of a contract, in the order of the document; none for a valid one.

    `records` are those of the model, by name.
    """
    return _read(path, records)[1]


def load_source(path: Path, records: Records) -> Source:
    """Read one contract.

    Raises:
        ContractError: the contract has faults; it carries all of them.
    """
    document, findings = _read(path, records)
    if document is None or findings:
        raise ContractError(findings)
    return _build_source(document)


def load_sources(files: Mapping[str, Path], records: Records) -> tuple[list[Source], dict[str, ContractError]]:
    """Read all contracts (file name -> path): the valid ones by system, and why each of the others is refused."""
    sources: list[Source] = []
    refused: dict[str, ContractError] = {}
    for name, path in sorted(files.items()):
        try:
            sources.append(load_source(path, records))
        except ContractError as error:
            # The stack that it was raised in holds the whole document.
            refused[name.removesuffix(SUFFIX)] = error.with_traceback(None)
    return sources, refused


def _read(path: Path, records: Records) -> tuple[Document | None, list[Finding]]:
    # Other findings would repeat what is written.
    passwords = withheld_finding(path) or find_passwords(path)
    if passwords:
        return None, passwords
    document, findings = read_contract(path)
    if document is None:
        return None, findings
    findings = check_standard(document)
    # Where the standard has spoken of a place, our rule for the same place would say it a second time.
    places = {finding.key for finding in findings}
    findings += [finding for finding in check_rules(document, records) if finding.key not in places]
    return document, sorted(findings, key=lambda finding: finding.line or 0)


def _build_source(document: Document) -> Source:
    content = document.content
    system = document.file.removesuffix(SUFFIX)
    servers = {server["server"]: server for server in content["servers"]}
    return Source(
        system=system,
        title=content.get("name") or content.get("description", {}).get("purpose") or system,
        expected=own_settings(content)["expected"].value,
        objects=tuple(_build_object(system, schema, servers[schema["name"]]) for schema in content["schema"]),
        locations=tuple(_build_locations(content["servers"])),
    )


def _build_locations(servers: Sequence[Mapping[str, Any]]) -> Iterator[Location]:
    for server in servers:
        location = own_settings(server).get("location")
        if location is not None:
            yield read_location(server["server"], location.value)


def _build_object(system: str, schema: Mapping[str, Any], server: Mapping[str, Any]) -> SourceObject:
    settings = {word: setting.value for word, setting in server_settings(server).items() if word != "location"}
    settings = {**SERVER_DEFAULTS, **FORMAT_DEFAULTS[settings["format"]], **settings}
    settings["encoding"] = read_encoding(settings["encoding"])
    settings["ignore"] = tuple(settings["ignore"])
    return SourceObject(
        system=system,
        name=schema["name"],
        columns=tuple(_build_column(column) for column in schema["properties"]),
        **settings,
    )


def _build_column(column: Mapping[str, Any]) -> Column:
    said = {word: setting.value for word, setting in own_settings(column).items()}
    word_lists = {word: tuple(read_words(said.get(word, [])) or ()) for word in WORD_LISTS}
    return Column(
        name=column["name"],
        header=column.get("physicalName", column["name"]),
        required=column.get("required", False),
        primary_key=column.get("primaryKey", False),
        level=int(column["classification"]),
        feeds=tuple(Feed(*feed) for feed in read_feeds(said.get("feeds", [])) or ()),
        parameters=tuple((name, said[name]) for name in PARAMETERS if name in said),
        position=said.get("position", ""),
        optional=said.get("optional", False),
        **word_lists,
    )
