"""Contracts: the shipped ones are valid, and each rule stops one bad contract with a message that helps to mend it."""

import json
import re
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.common.base.errors import UserError
from jobs.common.contracts.odcs import is_sound
from jobs.common.contracts.sources import (
    Column,
    ContractError,
    Feed,
    Source,
    SourceObject,
    check_contract,
    load_source,
    load_sources,
)
from jobs.common.model.records import ModelField, Pair, Record, load_model
from tests.support.constants import REPOSITORY

CONF = REPOSITORY / "conf"


def record(kind: str | None, *fields: ModelField, pairs: tuple[Pair, ...] = ()) -> Record:
    return Record("", kind, (), "", fields, (), {}, pairs)


RECORDS = {
    "resident": record(
        "resident",
        ModelField("name", "person_name", 3, "姓名", "name"),
        ModelField("id_number", "resident_id", 4, "公民身份号码", "id number"),
        ModelField("sex_code", "code", 2, "性别", "sex", "sex"),
    ),
    "resident_status": record(None, ModelField("amount_yuan", "money", 3, "月金额", "monthly amount")),
    "appeal": record(None, ModelField("number", "text", 1, "编号", "number")),
}
FOLDER = Path(__file__).parent / "files"
GOOD = (FOLDER / "good.odcs.yaml").read_text("utf-8")
STANDARD = json.loads((resources.files("open_data_contract_standard") / "schema.json").read_text("utf-8"))
BAD = yaml.safe_load((FOLDER / "bad.yaml").read_text("utf-8"))


def write_contract(folder: Path, text: str, name: str = "school.odcs.yaml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def replace_once(old: str, new: str) -> str:
    assert GOOD.count(old) == 1, f"{old!r} stands {GOOD.count(old)} times in the good contract"
    return GOOD.replace(old, new)


def test_good_contract_is_read_whole(tmp_path: Path) -> None:
    source = load_source(write_contract(tmp_path, GOOD), RECORDS)

    assert source == Source(
        "school",
        "学校",
        "nightly",
        (
            SourceObject(
                system="school",
                name="pupil",
                format="csv",
                path="pupils_*.csv",
                encoding="gbk",
                delimiter=";",
                sheet="",
                header_rows=1,
                skip_rows=0,
                mode="snapshot",
                as_of=r"pupils_(\d{8})",
                timezone="Asia/Shanghai",
                ready="done",
                max_loss=0.5,
                columns=(
                    Column("school_number", "学籍号", True, True, 2, ()),
                    Column("name", "姓名", False, False, 3, (Feed("resident", "person", "name"),)),
                    Column(
                        "id_number",
                        "身份证",
                        False,
                        False,
                        4,
                        (Feed("resident", "person", "id_number"), Feed("resident", "pupil", "id_number")),
                    ),
                ),
            ),
            SourceObject(
                system="school",
                name="teacher",
                format="xlsx",  # from the ending of the path
                path="teachers/*.xlsx",
                encoding="utf-8",
                delimiter="",
                sheet="教师",
                header_rows=1,
                skip_rows=2,
                mode="incremental",
                as_of=None,
                timezone="Asia/Shanghai",
                ready="name",
                max_loss=0.5,
                columns=(
                    Column("staff_number", "工号", False, True, 2, ()),
                    Column("year", "学年", False, True, 1, ()),
                    Column("spouse", "配偶", False, False, 3, (Feed("resident", "spouse", "name"),)),
                    Column(
                        "pay",
                        "工资",
                        False,
                        False,
                        3,
                        (Feed("resident_status", "person", "amount_yuan"),),
                        (("unit", "万元"),),
                    ),
                ),
            ),
            SourceObject(
                system="school",
                name="visit",
                format="jsonl",
                path="visits_*.jsonl",  # the standard's own keys of a local server count too
                encoding="utf-8",
                delimiter="",
                sheet="",
                header_rows=0,
                skip_rows=0,
                mode="log",
                as_of=None,
                timezone="Asia/Shanghai",
                ready="name",
                max_loss=0.5,
                columns=(Column("visitor", "visitor", False, False, 3, ()),),
            ),
        ),
    )


@pytest.mark.parametrize("case", BAD.values(), ids=BAD.keys())
def test_bad_contract_is_refused_with_a_remedy(tmp_path: Path, case: dict[str, str]) -> None:
    path = write_contract(tmp_path, replace_once(case["old"], case["new"]))
    remedy = case["remedy"]

    (finding,) = check_contract(path, RECORDS)

    assert (finding.file, finding.key, finding.message) == ("school.odcs.yaml", case["key"], case["message"])
    assert remedy == finding.remedy or (remedy.endswith("?") and finding.remedy.startswith(remedy))
    assert finding.line, "a fault inside the document has a line"


def test_columns_by_position_optional_ones_and_ignored_headers_are_read(tmp_path: Path) -> None:
    text = replace_once("{property: skip_rows, value: 2}", "{property: ignore, value: [备注, F]}")
    text = text.replace(
        "{property: unit, value: 万元}", "{property: position, value: D}, {property: optional, value: true}"
    )

    teacher = load_source(write_contract(tmp_path, text), RECORDS).objects[1]

    assert teacher.ignore == ("备注", "F")
    assert [(column.position, column.optional) for column in teacher.columns] == [("", False)] * 3 + [("D", True)]


def test_no_list_at_all(tmp_path: Path) -> None:
    head = GOOD[: GOOD.index("servers:")]

    findings = check_contract(write_contract(tmp_path, head), RECORDS)

    assert [(f.key, f.message, f.remedy) for f in findings] == [
        ("schema", "The contract declares no export.", "Add a list `schema:`."),
        ("servers", "The contract declares no place where files arrive.", "Add a list `servers:`."),
    ]


def test_name_of_a_server_that_fits_no_object(tmp_path: Path) -> None:
    findings = check_contract(write_contract(tmp_path, replace_once("server: visit", "server: visits")), RECORDS)

    assert [(f.key, f.message, f.remedy.split(" Known")[0]) for f in findings] == [
        (
            "servers[2].server",
            "`visits` has no counterpart: a schema object with the same name is missing.",
            "Did you mean `visit`?",
        ),
        (
            "schema[2].name",
            "`visit` has no counterpart: a server with the same name is missing.",
            "Did you mean `visits`?",
        ),
    ]


@pytest.mark.parametrize(
    "name", ["学校.odcs.yaml", "School.odcs.yaml", "school.yaml", "my__school.odcs.yaml", "_.odcs.yaml"]
)
def test_file_name_says_the_system(tmp_path: Path, name: str) -> None:
    (finding,) = check_contract(write_contract(tmp_path, GOOD, name), RECORDS)

    assert finding.message == "The file name does not say which system the contract is for."
    assert "civil_affairs.odcs.yaml" in finding.remedy


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("name: 公安".encode("gb18030"), "The file is not UTF-8."),
        (b"", "The file holds no contract."),
        (b"- a\n- b\n", "The file holds no contract."),
        (b"name: \x07", "The file is not valid YAML"),
        (b"a: !!python/object:os.system x", "YAML syntax error at line 1"),
        (b"a: " + b"[" * 5000, "The file is not valid YAML"),
        (b"[a]: b\n", "The key is not text."),
    ],
    ids=["not UTF-8", "empty", "a list", "control character", "unknown tag", "too deep", "list as key"],
)
def test_file_that_is_no_contract(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "school.odcs.yaml"
    path.write_bytes(content)

    (finding,) = check_contract(path, RECORDS)

    assert finding.message.startswith(message)
    assert finding.remedy


def test_file_that_is_not_there(tmp_path: Path) -> None:
    (finding,) = check_contract(tmp_path / "school.odcs.yaml", RECORDS)

    assert finding.message == "The file cannot be read (No such file or directory)."


def test_all_faults_are_told_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = (
        GOOD.replace("version: 1.0.0", "version: 1")
        .replace("snapshot", "snapshto")
        .replace("{name: visitor,", "{name: 访客,")
    )

    with pytest.raises(ContractError) as caught:
        load_source(write_contract(tmp_path, text), RECORDS)

    assert isinstance(caught.value, UserError)
    assert str(caught.value).splitlines() == [
        'school.odcs.yaml:6 version: The value must be text. Put it in quotes: "1".',
        (
            "school.odcs.yaml:20 servers[0].customProperties[4].value: `snapshto` is not a value of `mode`. "
            "Did you mean `snapshot`? Known: incremental, log, snapshot."
        ),
        (
            "school.odcs.yaml:51 schema[2].properties[0].name: The name `访客` cannot be used in tables. "
            "Use only a-z, 0-9 and _ in names; the header as the file has it goes into physicalName."
        ),
    ]


def test_invalid_contract_refuses_its_own_source_only(tmp_path: Path) -> None:
    files = {
        "bad.odcs.yaml": write_contract(tmp_path, "name: [", "bad.odcs.yaml"),
        "school.odcs.yaml": write_contract(tmp_path, GOOD),
    }

    sources, refused = load_sources(files, RECORDS)

    assert [source.system for source in sources] == ["school"]
    assert list(refused) == ["bad"]
    assert refused["bad"].findings[0].message.startswith("YAML syntax error at line 1, column 8")


MODEL = load_model({path.name: path for path in (CONF / "model").glob("*.yml")})
SHIPPED = sorted((CONF / "sources").glob("*.odcs.yaml"))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_shipped_contract_is_valid(path: Path) -> None:
    content = yaml.safe_load(path.read_text("utf-8"))
    jsonschema.validate(content, STANDARD)

    assert is_sound(content)
    assert check_contract(path, MODEL) == []


def test_shipped_systems_and_their_keys() -> None:
    sources, refused = load_sources({path.name: path for path in SHIPPED}, MODEL)

    assert refused == {}
    keys = {
        (source.system, source.expected, obj.name, obj.mode): [c.name for c in obj.columns if c.primary_key]
        for source in sources
        for obj in source.objects
    }
    assert keys == {
        ("civil_affairs", "nightly", "assistance", "snapshot"): ["certificate_number"],
        ("forum", "occasional", "message", "snapshot"): ["number"],
        ("grid", "nightly", "ledger", "incremental"): ["record_id"],
        ("health", "nightly", "record", "incremental"): ["record_number"],
        ("housing", "nightly", "dwelling", "snapshot"): ["house_number"],
        ("housing", "nightly", "occupancy", "snapshot"): ["entry_number"],
        ("mailbox", "occasional", "labelled", "snapshot"): ["number"],
        ("mailbox", "occasional", "topic", "snapshot"): [],
        ("mailbox", "occasional", "unlabelled", "snapshot"): ["number"],
        ("market", "nightly", "enterprise", "snapshot"): ["entry_number"],
        ("police", "nightly", "population", "snapshot"): ["person_number"],
        ("reply_desk", "occasional", "message", "snapshot"): ["number"],
        ("social_security", "nightly", "insured", "snapshot"): ["person_number"],
        ("walk_in", "occasional", "register", "incremental"): ["register_number"],
    }


def places(value: object, place: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place, *(deep for key, item in inside for deep in places(item, (*place, key)))]


def around(place: tuple[str | int, ...]) -> tuple[Any, Any]:
    """The good contract, and of it what holds the place."""
    content = parent = yaml.safe_load(GOOD)
    for part in place[:-1]:
        parent = parent[part]
    return content, parent


GOOD_PLACES = places(yaml.safe_load(GOOD))[1:]
ANY_VALUE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=150, deadline=None)
@given(place=st.sampled_from(GOOD_PLACES), value=ANY_VALUE)
def test_any_value_anywhere_gives_findings_or_a_source_never_a_crash(
    tmp_path_factory: pytest.TempPathFactory, place: tuple[str | int, ...], value: object
) -> None:
    content, parent = around(place)
    parent[place[-1]] = value
    path = write_contract(tmp_path_factory.getbasetemp(), yaml.safe_dump(content, allow_unicode=True))

    try:
        load_source(path, RECORDS)
    except ContractError as error:
        assert error.findings  # noqa: PT017 - a document may also be valid


@settings(max_examples=300, deadline=None)
@given(place=st.sampled_from(GOOD_PLACES), value=ANY_VALUE, is_absent=st.booleans())
def test_what_is_asked_first_calls_nothing_sound_in_which_the_standard_finds_a_fault(
    place: tuple[str | int, ...], value: object, is_absent: bool
) -> None:
    content, parent = around(place)
    if is_absent:
        del parent[place[-1]]
    else:
        parent[place[-1]] = value
    if is_sound(content):
        jsonschema.validate(content, STANDARD)


@pytest.mark.parametrize("text", ["[" * 100_000, "- " * 100_000 + "a", "a: " + "{b: " * 100_000])
def test_a_text_that_is_nested_without_end_is_a_finding(tmp_path: Path, text: str) -> None:
    (finding,) = check_contract(write_contract(tmp_path, text), RECORDS)
    assert finding.remedy


@pytest.mark.parametrize(
    "word", ["no", "yes", "on", "off", "No", "true", "010", "12", "1.5", "12:30", "2026_01_01", "null", "~"]
)
def test_a_word_that_yaml_reads_as_no_text_is_quoted_as_it_is_written(tmp_path: Path, word: str) -> None:
    text = replace_once("{name: school_number,", f"{{name: {word},")
    findings = check_contract(write_contract(tmp_path, text), RECORDS)
    assert [(finding.key, finding.message, finding.remedy) for finding in findings] == [
        ("schema[0].properties[0].name", "The value must be text.", f'Put it in quotes: "{word}".')
    ]


@pytest.mark.parametrize("word", ['"no"', '"010"', "1e3", "y", "2026_x"])
def test_a_word_that_yaml_reads_as_text_is_a_name(tmp_path: Path, word: str) -> None:
    text = replace_once("{name: school_number,", f"{{name: {word},")
    source = load_source(write_contract(tmp_path, text), RECORDS)
    assert source.objects[0].columns[0].name == word.strip('"')


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("value: nightly}", "value: no}", "`no` is not a value of `expected`."),
        ("value: snapshot}", "value: off}", "`off` is not a value of `mode`."),
        ("value: 教师}", "value: yes}", '`sheet` must be text. Put it in quotes: "yes".'),
        ("value: 2}", "value: -010}", "`skip_rows` must be a whole number of rows, not `-010`."),
        ("value: 万元}", "value: on}", "`on` is not a value of `unit`."),
        ("value: resident.name}", "value: no}", "`no` does not say which field the column feeds."),
    ],
)
def test_a_setting_that_yaml_reads_as_no_text_is_told_as_it_is_written(
    tmp_path: Path, old: str, new: str, told: str
) -> None:
    [finding] = check_contract(write_contract(tmp_path, replace_once(old, new)), RECORDS)
    assert told in f"{finding.message} {finding.remedy}"


HOUSING = (CONF / "sources" / "housing.odcs.yaml").read_text("utf-8")


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            "relation@tenant.start_date",
            "relation@tennant.start_date",
            "The record `relation` has no relation `tennant`. Did you mean `tenant`?",
        ),
        ("relation@tenant.start_date", "relation.start_date", "The record `relation` has no relation `person`."),
        (
            "relation@tenant.start_date",
            "relation@member.start_date",
            "A column feeds `relation@member`, but the export does not name both whom it is about. "
            "Have columns feed resident@person and household@household, or remove the feed.",
        ),
        (
            "relation@owner.start_date",
            "relation@guardian.start_date",
            "Have columns feed resident@guardian and resident@person, or remove the feed.",
        ),
    ],
)
def test_a_feed_of_a_relation_that_no_row_can_have_is_refused(tmp_path: Path, old: str, new: str, told: str) -> None:
    assert HOUSING.count(old) == 1
    path = write_contract(tmp_path, HOUSING.replace(old, new), "housing.odcs.yaml")
    [finding] = check_contract(path, MODEL)
    assert told in f"{finding.message} {finding.remedy}"


def test_a_relation_with_two_pairs_needs_the_ends_of_one_of_them(tmp_path: Path) -> None:
    """A dwelling is owned by a resident or by an organisation."""
    alone = re.sub(r"feeds, value: resident@owner\.\w+", "colour, value: red, vendor: paintshop", HOUSING)
    assert alone.count("paintshop") > 1
    assert check_contract(write_contract(tmp_path, alone, "housing.odcs.yaml"), MODEL) == []
