"""What somebody who writes a script by hand knows beforehand: files, columns, codes and whose word counts, from conf/.

Reads: conf, names of exports. Writes: `plan.json` and a list of words per coded field, beside each other. The script needs
nothing else of ours, and starts without importing the engine.
"""

import json
import re
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from jobs.common.contracts.sources import OWN_ROLES, SourceObject
from jobs.common.intake.keyed_rows import fed_fields, fed_records
from jobs.common.model.codes import value_to_code
from jobs.common.model.divisions import LISTS, division_words
from jobs.common.model.records import ModelField
from jobs.common.run.authority import load_authority
from jobs.common.run.conf import Conf

RECORD = "resident"


def write_plan(exports: Path, folder: Path, conf: Conf) -> Path:
    """The plan for one night's exports; returns its path."""
    folder.mkdir(parents=True, exist_ok=True)
    record = conf.records[RECORD]
    authority = load_authority(conf, record)
    lists = {}
    for field in record.fields:
        if field.type in ("code", "division"):
            lists[field.name] = str(folder / f"{field.name}.parquet")
            pq.write_table(list_words(conf, field), lists[field.name])
    objects = conf.objects
    plan = {
        "objects": [_describe(obj, exports) for obj in objects if any(fed == RECORD for fed, _ in fed_records(obj))],
        "fields": {field.name: field.type for field in record.fields},
        "words": lists,
        "orders": {field.name: authority.order(field.name) for field in record.fields},
        "own_roles": OWN_ROLES,
    }
    path = folder / "plan.json"
    path.write_text(json.dumps(plan, ensure_ascii=False), encoding="utf-8")
    return path


def _describe(obj: SourceObject, exports: Path) -> dict[str, Any]:
    files = sorted(path for path in (exports / obj.system).glob(obj.path) if path.suffix not in (".part", ".tmp"))
    return {
        "system": obj.system,
        "name": obj.name,
        "format": obj.format,
        "encoding": {"utf-8": "utf-8-sig"}.get(obj.encoding.lower(), obj.encoding),
        "delimiter": obj.delimiter,
        "sheet": obj.sheet,
        "skip_rows": obj.skip_rows,
        "header_rows": obj.header_rows,
        "files": [[str(path), _as_of(obj, path)] for path in files],
        "headers": {column.name: column.header for column in obj.columns},
        "keys": [column.name for column in obj.columns if column.primary_key],
        "required": [column.name for column in obj.columns if column.primary_key or column.required],
        "roles": {role: fed_fields(obj, RECORD, role) for fed, role in fed_records(obj) if fed == RECORD},
    }


def _as_of(obj: SourceObject, path: Path) -> str:
    found = re.search(obj.as_of, path.name) if obj.as_of else None
    return found.group(1) if found else ""


def list_words(conf: Conf, field: ModelField) -> pa.Table:
    """`word`, unique, and the `code` it stands for."""
    codes: dict[str, str | None]
    if field.type == "division":
        words = division_words(*(conf.path(f"codes/{name}.csv") for name in LISTS))
        codes = {word: meaning.code for word, meaning in words.items()}
    else:
        codes = dict(value_to_code(conf.path(f"codes/{field.codes}.csv")))
    codes = {"".join(word.upper().split()): code for word, code in codes.items()}
    return pa.table({"word": pa.array(codes), "code": pa.array(codes.values(), pa.string())})
