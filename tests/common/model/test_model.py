"""The model is read strictly: whatever is misspelt, missing or of the wrong kind is refused with its file and field."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from jobs.common.base.errors import UserError
from jobs.common.model.codes import load_codes
from jobs.common.model.records import KINDS, load_model, table_fields
from jobs.common.model.shapes import check_derived
from jobs.common.model.types import TYPE_OF
from jobs.common.run.conf import Conf

RESIDENT: dict[str, Any] = {
    "record": "resident", "kind": "resident", "title": {"zh": "居民", "en": "residents"},
    "grain": {"zh": "每位居民一行", "en": "one row per resident"}, "key": ["entity_id"],
    "fields": [
        {"name": "name", "type": "person_name", "level": 3, "zh": "姓名", "en": "name"},
        {"name": "sex_code", "type": "code", "codes": "sex", "level": 2, "zh": "性别", "en": "sex"},
    ],
    "derived": [{"name": "head_id", "type": "text", "level": 2, "zh": "户主", "en": "head", "refers": "resident"}],
}  # fmt: skip
STATUS: dict[str, Any] = {
    "record": "resident_status", "kind": None, "title": {"zh": "身份", "en": "statuses"},
    "grain": {"zh": "每项一行", "en": "one row per status"}, "key": ["system", "number"],
    "speaks_of": {"resident_id": "resident"},
    "fields": [
        {"name": "label", "type": "text", "level": 1, "zh": "名称", "en": "label"},
        {"name": "number", "type": "text", "level": 2, "zh": "编号", "en": "number"},
    ],
}  # fmt: skip
RELATION: dict[str, Any] = {
    "record": "relation", "kind": None, "title": {"zh": "关系", "en": "relations"},
    "grain": {"zh": "每对一行", "en": "one row per pair"}, "key": ["relation_code", "from_id", "to_id"],
    "fields": [{"name": "start_date", "type": "date", "level": 3, "zh": "开始日期", "en": "first day"}],
    "pairs": [{"relation": "spouse", "from": "resident@person", "to": "resident@spouse"}],
}  # fmt: skip


def write(folder: Path, *documents: Any) -> dict[str, Path]:
    files = {}
    for document in documents:
        path = folder / f"{document['record']}.yml"
        path.write_text(yaml.safe_dump(document, allow_unicode=True), encoding="utf-8")
        files[path.name] = path
    return files


def test_columns_of_a_table_follow_from_its_record(tmp_path: Path) -> None:
    model = load_model(write(tmp_path, RESIDENT, STATUS, RELATION))
    columns = {
        name: [(f.name, f.sql_type, f.level, f.required, f.refers) for f in table_fields(record)]
        for name, record in model.items()
    }
    assert columns == {
        "resident": [
            ("entity_id", "string", 1, True, None),
            ("name", "string", 3, False, None),
            ("sex_code", "string", 2, False, None),
            ("head_id", "string", 2, False, "resident"),
            ("mention_count", "bigint", 1, True, None),
        ],
        "resident_status": [
            ("system", "string", 1, True, None),
            ("number", "string", 2, True, None),
            ("label", "string", 1, False, None),
            ("resident_id", "string", 1, False, "resident"),
        ],
        "relation": [
            ("relation_code", "string", 1, True, None),
            ("from_kind", "string", 1, True, None),
            ("from_id", "string", 1, True, None),
            ("to_kind", "string", 1, True, None),
            ("to_id", "string", 1, True, None),
            ("start_date", "date", 3, False, None),
            ("mention_count", "bigint", 1, True, None),
        ],
    }
    assert model["relation"].pairs[0].to_end == ("resident", "spouse")


def changed(document: dict[str, Any], **keys: Any) -> dict[str, Any]:
    return {**document, **keys}


def without(document: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in document.items() if name != key}


def field(**keys: Any) -> dict[str, Any]:
    """A resident whose first field is changed; a key that is None is left out."""
    first = {name: value for name, value in {**RESIDENT["fields"][0], **keys}.items() if value is not None}
    return changed(RESIDENT, fields=[first])


FAULTS: dict[str, tuple[Any, str]] = {
    "an unknown key": (changed(RESIDENT, feilds=[]), "unknown key feilds. Did you mean `fields`?"),
    "a missing key": (without(RESIDENT, "grain"), "the file does not describe a record: grain missing"),
    "another name than the file's": (
        changed(RESIDENT, record="resident", kind="household"), "kind: household is none; write null or, in a record of its name",
    ),
    "an unknown kind": (changed(STATUS, record="resident_status", kind="resident_status"), "kind: resident_status is none"),
    "a title in one language": (changed(RESIDENT, title={"en": "residents"}), "title: zh missing"),
    "an empty grain": (changed(RESIDENT, grain={"zh": " ", "en": "x"}), "grain: zh is empty; say what it means"),
    "an unknown key of a field": (field(levle=3, level=None), "field name: unknown key levle. Did you mean `level`?"),
    "a field without a level": (field(level=None), "field name: level missing"),
    "a field without a meaning": (field(zh=""), "field name: zh is empty; say what it means"),
    "an unknown type": (field(type="datum"), "field name: unknown type datum. Did you mean `date`?"),
    "a type that no text is read as": (
        field(type="boolean"),
        "field name: no text is read as the type boolean; write yes_no, or declare the field in `derived` (line ",
    ),
    "an unknown level": (field(level=5), "field name: level 5 is none of 1 (open), 2 (internal)"),
    "a level in words": (field(level="3"), "field name: level 3 is none of 1"),
    "a name that is no column": (field(name="Name"), "field Name: a name is of a-z, 0-9 and _"),
    "a code without a list": (field(type="code"), "field name: a field of the type code names its list as `codes`"),
    "a list without a code": (field(codes="sex"), "field name: a field of the type code names its list"),
    "a field twice": (changed(RESIDENT, fields=RESIDENT["fields"] * 2), "field name: the name is given twice"),
    "a field that every table has": (field(name="mention_count"), "field mention_count: every table has one"),
    "a field that is no mapping": (changed(RESIDENT, fields=["name"]), "field name: a mapping of name, type, level"),
    "a key that is no column": (
        changed(STATUS, key=["system", "nummer"]), "key: nummer is no column of the key. Did you mean `number`",
    ),
    "a column of a kind nobody describes": (
        changed(RESIDENT, derived=[{**RESIDENT["derived"][0], "refers": "dwelling"}]),
        "head_id: no record describes the kind dwelling",
    ),
    "an entity of a kind nobody describes": (
        changed(STATUS, speaks_of={"resident_id": "person"}), "resident_id: no record describes the kind person",
    ),
    "a pair without a role": (
        changed(RELATION, pairs=[{"relation": "spouse", "from": "resident", "to": "resident@spouse"}]),
        "pair spouse: from is resident; write kind@role",
    ),
    "a pair of a kind nobody describes": (
        changed(RELATION, pairs=[{"relation": "owner", "from": "resident@owner", "to": "dwelling@dwelling"}]),
        "pair owner: to: no record describes the kind dwelling",
    ),
    "a pair that starts at a kind nobody describes": (
        changed(RELATION, pairs=[{"relation": "owner", "from": "dwelling@dwelling", "to": "resident@owner"}]),
        "pair owner: from: no record describes the kind dwelling",
    ),
    "an unknown key of a pair": (
        changed(RELATION, pairs=[{**RELATION["pairs"][0], "form": "x"}]), "pair spouse: unknown key form. Did you mean `from`?",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", FAULTS)
def test_a_fault_is_refused_with_its_file_and_field(tmp_path: Path, case: str) -> None:
    document, sentence = FAULTS[case]
    others = [other for other in (RESIDENT, STATUS) if other["record"] != document["record"]]
    files = write(tmp_path, *others, document)
    with pytest.raises(UserError) as refused:
        load_model(files)
    assert str(refused.value).startswith(f"{files[document['record'] + '.yml']}: ")
    assert sentence in str(refused.value)
    assert "\n" not in str(refused.value)


TEXTS = {
    "record: [": ":1: YAML syntax error at line 1, column 10",
    "record: resident\nrecord: household\n": ":2 record: The key `record` is said twice, first on line 1.",
    "- name": "the file does not describe a record",
    "": "the file does not describe a record",
}


@pytest.mark.parametrize("text", TEXTS)
def test_what_is_no_record_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "resident.yml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UserError) as refused:
        load_model({path.name: path})
    assert str(path) in str(refused.value)
    assert TEXTS[text] in str(refused.value)


def test_a_file_is_named_after_its_record(tmp_path: Path) -> None:
    path = tmp_path / "residents.yml"
    path.write_text(yaml.safe_dump(RESIDENT, allow_unicode=True), encoding="utf-8")
    with pytest.raises(UserError, match="record: it is resident, but the file is named residents"):
        load_model({path.name: path})


def test_the_shipped_model_is_whole(conf: Conf) -> None:
    """All kinds, every code list there, and what is personal says so: a name, a number or an address is level 3 or more."""
    assert {record.kind for record in conf.records.values()} == {None, *KINDS}
    for record in conf.records.values():
        for found in table_fields(record):
            assert found.zh
            assert found.en
            assert found.sql_type == TYPE_OF[found.type].sql
            if found.codes:
                assert load_codes(conf.path(f"codes/{found.codes}.csv"))
            if found.type in ("person_name", "resident_id"):
                assert found.level >= 3, f"{record.name}.{found.name}"
    assert conf.records["resident"].field("id_number").level == 4
    assert conf.records["resident_status"].field("status_code").level == 4


# --- shapes -----------------------------------------------------------------------------------------------------------

VISIT: dict[str, Any] = {
    "record": "service_visit", "shape": "fact", "title": {"zh": "走访", "en": "visits"},
    "grain": {"zh": "每次一行", "en": "one row per visit"}, "key": ["system", "number"],
    "speaks_of": {"resident_id": "resident"},
    "fields": [
        {"name": "number", "type": "number", "level": 1, "zh": "编号", "en": "number"},
        {"name": "visit_date", "type": "date", "level": 2, "zh": "日期", "en": "day"},
    ],
}  # fmt: skip
SHAPES = {
    "an unknown shape": (changed(VISIT, shape="event"), "shape: event is no shape."),
    "a misspelt shape": (changed(VISIT, shape="fcat"), "shape: fcat is no shape. Did you mean `fact`?"),
    "an entity without its kind": (
        changed(without(RESIDENT, "kind"), shape="entity"), "kind: an entity needs its kind; write kind: resident",
    ),
    "an entity of a new kind": (
        changed(VISIT, shape="entity"), "kind: match has no rules for the kind service_visit, only for resident, household",
    ),
    "a fact with a kind": (changed(RESIDENT, shape="fact"), "kind: a fact has no kind"),
    "a relation without pairs": (changed(VISIT, shape="relation"), "pairs: a relation needs `pairs:`"),
    "a fact with pairs": (changed(RELATION, shape="fact"), "pairs: only a relation has pairs"),
    "a fact without a key": (changed(VISIT, key=[]), "key: it is empty; a row is known by system"),
    "a fact with another key": (changed(VISIT, key=["system", "visit_date"]), "key: the key of a fact is [system, number]"),
    "a fact without a number": (
        changed(VISIT, fields=VISIT["fields"][1:]), "fields: a fact needs the field `number`",
    ),
    "a number that is a date": (
        changed(VISIT, fields=[{**VISIT["fields"][0], "type": "date"}]), "field number: its type is date; write number or text",
    ),
    "an unknown column to deduplicate by": (
        changed(VISIT, deduplicate_by=["resident_id", "visit_day"]),
        "deduplicate_by: visit_day is no column of the record. Did you mean `visit_date`?",
    ),
    "a column to deduplicate by twice": (
        changed(VISIT, deduplicate_by=["visit_date", "visit_date"]), "deduplicate_by: visit_date is named twice",
    ),
    "a word to deduplicate by": (changed(VISIT, deduplicate_by="visit_date"), "deduplicate_by must be a list"),
    "entities that are deduplicated": (
        changed(RESIDENT, deduplicate_by=["name"]), "deduplicate_by: only a fact is deduplicated, and this is an entity",
    ),
    "neither shape nor kind": (without(VISIT, "shape"), "the file does not describe a record: kind missing"),
}  # fmt: skip


@pytest.mark.parametrize("case", SHAPES)
def test_a_record_has_what_its_shape_needs(tmp_path: Path, case: str) -> None:
    document, sentence = SHAPES[case]
    others = [other for other in (RESIDENT,) if other["record"] != document["record"]]
    with pytest.raises(UserError) as refused:
        load_model(write(tmp_path, *others, document))
    lines = str(refused.value).splitlines()
    assert sentence in lines[0]
    assert all(line.startswith(f"{tmp_path / document['record']}.yml: ") for line in lines)


def test_each_file_with_a_fault_has_its_line(tmp_path: Path) -> None:
    bad = [changed(VISIT, shape="event"), changed(STATUS, key=["number"])]
    with pytest.raises(UserError) as refused:
        load_model(write(tmp_path, RESIDENT, *bad))
    assert [line.partition(":")[0] for line in str(refused.value).splitlines()] == [
        f"{tmp_path}/resident_status.yml",
        f"{tmp_path}/service_visit.yml",
    ]


def test_the_shape_of_a_file_without_the_word_follows_from_kind_and_pairs(tmp_path: Path) -> None:
    model = load_model(write(tmp_path, RESIDENT, STATUS, RELATION, VISIT))
    assert {name: record.shape for name, record in model.items()} == {
        "relation": "relation",
        "resident": "entity",
        "resident_status": "fact",
        "service_visit": "fact",
    }


def test_a_file_from_before_the_word_is_deduplicated_as_it_was(tmp_path: Path) -> None:
    """Statuses that count their systems were deduplicated by three columns before a record could say so."""
    more = [
        {"name": "status_code", "type": "text", "level": 4, "zh": "类别", "en": "status"},
        {"name": "start_date", "type": "date", "level": 3, "zh": "开始", "en": "first day"},
    ]
    count = {"name": "system_count", "type": "integer", "level": 1, "zh": "系统数", "en": "systems"}
    counted = changed(STATUS, fields=STATUS["fields"] + more, derived=[count])
    former = load_model(write(tmp_path, RESIDENT, counted))["resident_status"]
    assert former.deduplicate_by == ("resident_id", "status_code", "start_date")
    assert load_model(write(tmp_path, RESIDENT, STATUS))["resident_status"].deduplicate_by == ()
    by_one = load_model(write(tmp_path, RESIDENT, changed(counted, deduplicate_by=["number"])))["resident_status"]
    assert by_one.deduplicate_by == ("number",)


def test_what_no_code_derives_is_told(tmp_path: Path) -> None:
    derived = [{"name": "days", "type": "integer", "level": 1, "zh": "天数", "en": "days"}]
    record = load_model(write(tmp_path, RESIDENT, changed(VISIT, derived=derived)))["service_visit"]
    [(place, told)] = check_derived(record)
    assert place == ("derived", 0, "name")
    assert told.startswith("no code derives days;")
