"""`jiceng find`: the residents of whom a record has a name, an id number or a phone.

Reads: `harmonised.resident`, `links.mention`, `refined.resident`. Writes: where values are shown `ops.access`.
Refuses: a text that is none of the three.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any

from pyspark.sql import Column
from pyspark.sql import functions as F

from jobs.common.base.errors import UserError
from jobs.common.base.masks import mask_values
from jobs.common.base.workspace import Workspace
from jobs.common.intake.keyed_rows import RECORD_KEY
from jobs.common.lake.engine import session
from jobs.common.lake.tables import Lake
from jobs.common.model.records import Record
from jobs.common.model.types.semantic_type import SemanticType
from jobs.common.releases.releases import Release, find_release
from jobs.common.run.access import Access, record_access
from jobs.common.run.conf import current_conf
from jobs.common.run.stage import open_lake
from jobs.read.pairs import record_key

KIND = "resident"
# What a text may be, as the model calls the types of fields.
_ASKED = ("person_name", "resident_id", "phone")
_SHOWN = ("name", "sex_code", "birth_date", "id_number", "phone", "address", "division_code", "mention_count")
COLUMNS = ["entity_id", "matched", "systems", *_SHOWN]
_LONGEST = 200  # characters of a name
_MOST = 100


@dataclass(frozen=True)
class Residents:
    """Those found, and how many more there are that are not shown."""

    rows: list[dict[str, Any]]
    left_out: int


def find(workspace: Workspace, text: str, because: str | None) -> Residents:
    """The residents of the release of whom a current record says so; masked unless there is a reason, which is recorded first.

    Args:
        workspace: where to look.
        text: a name, an id number or a phone, as people write it.
        because: why values are to be shown; None: they are masked.

    Raises:
        UserError: nothing is asked, or nothing that could be one of the three.
    """
    conf = current_conf(workspace)
    lake = open_lake(workspace, conf)
    release = find_release(lake)
    record = conf.records[KIND]
    wanted = read_text(text, record)
    matched = _match_records(lake, wanted)
    rows = _released(lake, release, sorted(matched))
    if because is not None and rows:
        record_access(lake, Access("find", [f"refined.{KIND}"], _SHOWN, because))
    levels = {column.name: column.level for column in conf.tables[KIND].columns}
    found = []
    for row in rows[:_MOST]:
        told = {name: row[name] for name in _SHOWN if name in row}
        shown = told if because is not None else mask_values(told, levels)
        found.append({"entity_id": row["entity_id"], **matched[row["entity_id"]], **shown})
    return Residents(found, len(rows) - len(found))


def decode_text(raw: bytes) -> str:
    """What somebody typed: UTF-8, else GB18030 as Windows writes it; raises UserError."""
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise UserError("what was asked is no text; write it in UTF-8")


def read_text(text: str, record: Record) -> dict[str, str]:
    """The value that a text is for each field that it may be a value of, read by the rules that read exports.

    Raises:
        UserError: it is empty, very long, or none of them; the message does not repeat it.
    """
    if not text.strip():
        raise UserError("nothing was asked; give a name, an id number or a phone on standard input")
    if len(text) > _LONGEST:
        raise UserError(f"a name, an id number or a phone has no more than {_LONGEST} characters")
    fields = [field for field in record.fields if field.type in _ASKED]
    frame = session().createDataFrame([(text,)], "text string")
    read = [_value_of(F.col("text"), field.semantic).alias(field.name) for field in fields]
    [row] = frame.select(*read).toArrow().to_pylist()
    values = {name: value for name, value in row.items() if value is not None}
    if not values:
        raise UserError("what was asked is neither a name, nor a valid id number, nor a phone")
    return values


def _value_of(text: Column, type: SemanticType) -> Column:
    """The value of a text by the rules of a type."""
    parts = {"text": text, "plain": reduce(lambda plain, rule: rule(plain), type.plain, text)}
    for step in type.clean:
        parts[step.part] = step.rule(*(parts[name] for name in step.given))
    return parts["value"]


def _match_records(lake: Lake, wanted: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """`matched` (fields) and `systems` of the records that have one of the values, by entity."""
    fields: dict[tuple[str, ...], set[str]] = defaultdict(set)
    for name, value in wanted.items():
        where = {name: value, "valid_to": None}
        for row in lake.rows("harmonised.resident", where, RECORD_KEY).to_pylist():
            fields[record_key(row)].add(name)
    keys = {"kind": KIND, "source_key": sorted({key[2] for key in fields})}
    found: dict[str, dict[str, set[str]]] = defaultdict(lambda: {"matched": set(), "systems": set()})
    for mention in lake.rows("links.mention", keys, ["entity_id", *RECORD_KEY]).to_pylist():
        named = fields.get(record_key(mention))
        if named:
            found[mention["entity_id"]]["matched"] |= named
            found[mention["entity_id"]]["systems"].add(mention["system"])
    return {entity: {name: ", ".join(sorted(texts)) for name, texts in told.items()} for entity, told in found.items()}


def _released(lake: Lake, release: Release, entities: list[str]) -> list[dict[str, Any]]:
    """Rows of these residents in the release."""
    version = release.tables[KIND]["version"]
    rows = lake.arrow(f"refined.{KIND}", version, {"entity_id": entities}).to_pylist()
    return sorted(rows, key=lambda row: str(row["entity_id"]))
