"""Residents whose records disagree, one entity for each rule by which a value wins, as inputs of the product `conflict`."""

from datetime import date
from typing import Any

from jobs.analyse.inputs import Inputs
from jobs.analyse.products.conflict import FIELDS, READS
from jobs.common.run.conf import Conf

D1, D2, D3 = date(2026, 1, 1), date(2026, 1, 2), date(2026, 1, 3)
# Entity -> its records: system, role, first night, and the fields that have a value.
RESIDENTS: dict[str, list[tuple[str, str, date, dict[str, Any]]]] = {
    "by authority": [("grid", "person", D2, {"name": "甲"}), ("police", "person", D1, {"name": "乙"})],
    "by its newest version": [("grid", "person", D1, {"name": "甲"}), ("grid", "person", D3, {"name": "乙"})],
    "by its least mention": [("grid", "person", D1, {"name": "甲"}), ("grid", "person", D1, {"name": "乙"})],
    "agreed": [("grid", "person", D1, {"name": "甲"}), ("police", "person", D2, {"name": "甲"})],
    "said by one": [("grid", "person", D1, {"name": "甲"}), ("police", "person", D2, {"sex_code": "1"})],
    "copied": [("police", "person", D3, {"id_number": "1"}), ("grid", "person", D1, {"id_number": "2"})],
    "both copied": [("police", "person", D1, {"id_number": "3"}), ("grid", "person", D1, {"id_number": "4"})],
    "three": [
        ("police", "person", D1, {"name": "甲", "birth_date": D1}),
        ("grid", "person", D2, {"name": "乙", "birth_date": D2}),
        ("health", "person", D3, {"name": "丙", "birth_date": D1}),
    ],
    "ended": [("grid", "person", D1, {"name": "甲", "valid_to": D2}), ("police", "person", D1, {"name": "乙"})],
}
COPIED = {"copied 0", "both copied 0", "both copied 1"}


def inputs_of(spark: Any, conf: Conf) -> Inputs:
    lake: dict[str, list[dict[str, Any]]] = {name: [] for name in READS if "." in name and " " not in name}
    for entity, records in RESIDENTS.items():
        for at, (system, role, since, fields) in enumerate(records):
            place = {"system": system, "object": "list", "source_key": f"{entity} {at}", "role": role}
            lake["harmonised.resident"].append({**place, "valid_from": since, **fields})
            mention = {**place, "kind": "resident", "entity_id": entity, "mention_id": f"{entity} {at}"}
            lake["links.mention"].append(mention)
    lake["links.edge"] = [
        {"mention_id": mention, "decision": "reject", "reason": "id_held_by_another"} for mention in sorted(COPIED)
    ]
    lake["links.edge"].append({"mention_id": "three 1", "decision": "accept", "reason": "same_id_and_name"})
    key = "system string, object string, source_key string, role string"
    schemas = {f"harmonised.{kind}": schema_of(conf, kind, key) for kind in FIELDS}
    schemas["links.mention"] = f"{key}, kind string, entity_id string, mention_id string"
    schemas["links.edge"] = "mention_id string, decision string, reason string"
    frames = {}
    for name, schema in schemas.items():
        names = [column.split(" ")[0] for column in schema.split(", ")]
        frames[name] = spark.createDataFrame([[row.get(each) for each in names] for row in lake[name]], schema)
    return Inputs("conflict", conf, frames, None)


def schema_of(conf: Conf, kind: str, key: str) -> str:
    types = {field.name: field.sql_type for field in conf.records[kind].fields}
    fields = "".join(f", {field} {types[field]}" for field in FIELDS[kind])
    return f"{key}, valid_from date, valid_to date{fields}"
