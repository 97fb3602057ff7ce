"""What decides how a row becomes a record: contract, model, code lists and the code of the stage, as one hash.

Where the hash of an object and record is another than on the night before, the rows that stand are cleaned anew, also
those that nobody delivered tonight.

Reads: conf, `ops.rules`, the code of the stage and of all that it imports. Writes: `ops.rules`. Refuses: nothing.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from itertools import chain

from jobs.common.base.code import code_hash
from jobs.common.contracts.sources import Column, SourceObject
from jobs.common.intake.file_decisions import FileDecision, withdrawn_files
from jobs.common.intake.keyed_rows import fed_records
from jobs.common.lake.tables import Lake
from jobs.common.model.records import ModelField, Record
from jobs.common.run.conf import Conf

Place = tuple[str, str]  # system, object
FedPlace = tuple[str, str, str, str]  # system, object, record, role


@dataclass(frozen=True)
class RuleState:
    """The rules of one record and role of an object: their hash before tonight and now (None: it fed or feeds none).

    `was_tried` tells that an earlier run of the night has worked under changed rules.
    """

    system: str
    object: str
    record: str
    role: str
    before: str | None
    now: str | None
    was_tried: bool

    @property
    def place(self) -> Place:
        return self.system, self.object

    @property
    def has_changed(self) -> bool:
        return self.before != self.now


def rule_states(lake: Lake, conf: Conf, night: date) -> list[RuleState]:
    """The rules of every record and role that an object feeds, or has fed; objects of invalid contracts are left alone."""
    before, tried = _known_rules(lake, night)
    now = _rules_now(lake, conf)
    declared = {place[:2] for place in now}
    former = {place for place, hash in before.items() if hash and place[:2] in declared}
    return [RuleState(*place, before.get(place), now.get(place), place in tried) for place in sorted(former.union(now))]


def _known_rules(lake: Lake, night: date) -> tuple[dict[FedPlace, str | None], set[FedPlace]]:
    """The hash of each place before the night, and the places for which a run of the night has written another."""
    before: dict[FedPlace, str | None] = {}
    tried = set()
    for row in sorted(lake.rows("ops.rules").to_pylist(), key=lambda row: row["night"]):
        place = row["system"], row["object"], row["record"], row["role"]
        if row["night"] < night:
            before[place] = row["rules_hash"]
        else:
            tried.add(place)
    return before, tried


def _rules_now(lake: Lake, conf: Conf) -> dict[FedPlace, str]:
    now = {}
    withdrawn, read = withdrawn_files(lake), _readings(lake)
    for obj in conf.objects:
        gone = [*withdrawn[obj.system, obj.name], *read[obj.system, obj.name]]
        for record, role in fed_records(obj):
            if record in conf.records:
                now[obj.system, obj.name, record, role] = rules_hash(conf, obj, conf.records[record], role, gone)
    return now


def _readings(lake: Lake) -> dict[tuple[str, str], list[str]]:
    """Which files were read anew, each with the run that did so last, by system and object."""
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for row in lake.rows("ops.decision", {"decision": FileDecision.READ}).to_pylist():
        found[row["system"], row["object"]].append(f"{row['file_id']} {row['after_run']}")
    return found


def rules_hash(conf: Conf, obj: SourceObject, record: Record, role: str, files: Collection[str] = ()) -> str:
    """Hash of all that decides how the object's rows become this record; `files` tells which were withdrawn or read anew."""
    columns = [column for column in obj.columns if _fields_fed(column, record, role)]
    names = set(chain.from_iterable(_fields_fed(column, record, role) for column in columns))
    fields = [field for field in record.fields if field.name in names]
    parts = [
        obj.timezone,
        [[column.name, column.null_words] for column in obj.columns if column.primary_key],
        list(map(repr, columns)),
        list(map(repr, record.fields)),
        _hashed_lists(conf, fields),
        code_hash("jobs.harmonise.stage"),  # whoever changes it may have changed what any value becomes
        *sorted(files),
    ]
    return hashlib.sha256(json.dumps(parts, ensure_ascii=False).encode()).hexdigest()[:16]


def _hashed_lists(conf: Conf, fields: Iterable[ModelField]) -> list[list[str]]:
    """Name and hash of each list of conf/codes in which the fields, or what they complete, are looked up."""
    names = set(chain.from_iterable(field.code_lists for field in fields))
    completions = filter(None, (field.semantic.completes for field in fields))
    names |= set(chain.from_iterable(completion.lists for completion in completions))
    contents = {name: conf.path(f"codes/{name}.csv").read_bytes() for name in sorted(names)}
    return [[name, hashlib.sha256(content).hexdigest()] for name, content in contents.items()]


def _fields_fed(column: Column, record: Record, role: str) -> list[str]:
    return [feed.field for feed in column.feeds if (feed.record, feed.role) == (record.name, role)]


def write_rules(
    lake: Lake, states: list[RuleState], night: date, standing: Mapping[tuple[str, str], int | None]
) -> None:
    """Keep tonight's rules where they are new or others than before; an earlier try's rows of the night are replaced.

    `standing`: how many rows of an object stood and were cleaned anew.
    """
    changed = [
        {
            "night": night,
            "system": state.system,
            "object": state.object,
            "record": state.record,
            "role": state.role,
            "rules_hash": state.now,
            "standing": standing.get((state.system, state.object)),
        }
        for state in states
        if state.has_changed
    ]
    lake.replace_part("ops.rules", lake.table_of("ops.rules", changed), {"night": night})
