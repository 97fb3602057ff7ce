"""Why a released cell has its value: for every cell of the town, against the bytes that the files had.

What `explain` says of file and row is looked up in the archive with another parser; the raw cell there must mean the value.
"""

import csv
import json
import re
from collections import Counter, defaultdict
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from stdnum.cn import ric

from jobs.common.base.masks import MASK
from jobs.common.lake.tables import Lake
from jobs.common.model.types.money import UNIT
from jobs.common.releases.releases import find_release
from jobs.read.explain import COLUMNS, explain_rows, explained_fields
from tests.support.town import Town, cell_text, file_rows, jiceng

pytestmark = [pytest.mark.xdist_group("town"), pytest.mark.nights]

pytest_plugins = ["tests.support.town_fixtures"]
PARTS = ("road", "road_number", "compound", "building", "unit", "room")
STATES = {"chosen", "agrees", "lost", "derived", "empty", "left out"}
PLAIN = str.maketrans({0xFF01 + i: 0x21 + i for i in range(94)})


def explain_table(town: Town, kind: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Released rows of a table and all that explains them."""
    release = find_release(town.lake)
    record = town.conf.records[kind]
    released = town.lake.arrow(f"refined.{kind}", release.tables[kind]["version"]).to_pylist()
    fields = list(explained_fields(record))
    return released, explain_rows(town.lake, town.conf, release, record, fields, released)


Explained = tuple[list[dict[str, Any]], list[dict[str, Any]]]
TABLES = ("resident", "household", "dwelling", "organisation", "relation", "resident_status")


@pytest.fixture(scope="module")
def explained(town: Town) -> dict[str, Explained]:
    return {table: explain_table(town, table) for table in TABLES}


@pytest.fixture(scope="module")
def residents(explained: dict[str, Explained]) -> Explained:
    return explained["resident"]


def id_of(town: Town, table: str, row: dict[str, Any]) -> str:
    return "/".join(row[name] for name in town.conf.records[table].key)


@pytest.mark.parametrize("table", TABLES)
def test_every_cell_is_explained(town: Town, explained: dict[str, Explained], table: str) -> None:
    """Every field of every row is explained, and what is said to have won is what was released."""
    released, found = explained[table]
    record = town.conf.records[table]
    fields = {field.name for field in explained_fields(record)}
    spare = {"entity_id", "mention_count", "system"} | (
        set(record.key) | {"from_kind", "to_kind"} if record.pairs else set()
    )
    assert fields == (set(released[0]) - spare) | ({"to_id"} if record.pairs else set())
    first: dict[tuple[str, str], dict[str, Any]] = {}
    for row in found:
        assert row["state"] in STATES
        first.setdefault((row["id"], row["field"]), row)
    assert len(first) == len(released) * len(fields)
    for row in released:
        for field in fields:
            told = first[id_of(town, table, row), field]
            assert told["value"] == row[field]
            assert told["state"] in ("chosen", "derived", "empty")
            assert (told["state"] == "empty") == (row[field] is None)
            assert told["rule"]


def rules_of(explained: Explained, field: str) -> set[str]:
    return {row["rule"] for row in explained[1] if row["field"] == field and row["rule"]}


def test_states_and_rules_that_the_town_shows(explained: dict[str, Explained]) -> None:
    assert {row["state"] for row in explained["resident"][1]} == STATES
    assert {"only value", "all agree"} <= rules_of(explained["resident"], "name")
    authority = [rule for rule in rules_of(explained["resident"], "name") if rule.startswith("authority: ")]
    assert any(rule.startswith("authority: police > ") for rule in authority)
    phones = rules_of(explained["resident"], "phone")
    assert any(rule.startswith("authority: grid > health") for rule in phones)
    assert "the row's own" in rules_of(explained["organisation"], "name")
    assert "authority: police > grid" in rules_of(explained["relation"], "to_id")
    assert "follows from who heads the household" in rules_of(explained["relation"], "to_id")
    assert "resident who heads the household" in rules_of(explained["household"], "head_id")
    said = rules_of(explained["resident_status"], "status_code")
    assert said >= {"only row of its key", "authority: civil_affairs > grid"}


def test_the_dwelling_of_an_address_comes_from_its_row(explained: dict[str, Explained]) -> None:
    for table in ("resident", "household"):
        first: dict[tuple[str, str], dict[str, Any]] = {}
        for row in explained[table][1]:
            first.setdefault((row["id"], row["field"]), row)
        compared = 0
        for (id, field), row in first.items():
            if field == "dwelling_id" and row["state"] == "derived":
                address = first[id, "address"]
                assert [row[name] for name in ("file_id", "row_number")] == [
                    address[n] for n in ("file_id", "row_number")
                ]
                compared += 1
        assert compared > 50


def test_a_member_is_told_the_other_households(town: Town, explained: dict[str, Explained]) -> None:
    lost = [row for row in explained["relation"][1] if row["field"] == "to_id" and row["state"] == "lost"]
    assert lost
    assert {row["id"].split("/")[0] for row in lost} == {"member"}
    homes = {row["entity_id"] for row in town.rows("refined.household")}
    assert {row["value"] for row in lost} <= homes


def test_rows_that_record_the_same_status_are_told(town: Town, explained: dict[str, Explained]) -> None:
    released, found = explained["resident_status"]
    counts = {id_of(town, "resident_status", row): row["system_count"] for row in released}
    told: dict[str, set[str]] = defaultdict(set)
    for row in found:
        if row["field"] == "status_code":
            told[row["id"]].add(row["system"])
    assert {id: len(systems) for id, systems in told.items()} == counts
    assert max(counts.values()) > 1


def test_links_have_their_evidence(town: Town, explained: dict[str, Explained]) -> None:
    """Every mention of an entity of several but one, with which the others were compared, was accepted for a reason."""
    for kind in ("resident", "household", "dwelling", "organisation"):
        reasons = {row.get("linked_by") for row in explained[kind][1]} - {None}
        assert reasons
        assert reasons <= set(town.conf.reasons["match"]), kind


def test_all_values_of_an_entity_are_told(town: Town, residents: tuple[list, list]) -> None:
    """As many values as mentions say something: none is swallowed, and those that agree are told from those that lost."""
    entity = {(row["file_id"], row["row_number"], row["role"]): row["entity_id"] for row in town.rows("links.mention")}
    fields = [field.name for field in town.conf.records["resident"].fields]
    said: dict[tuple[str, str], list[Any]] = defaultdict(list)
    for row in town.rows("harmonised.resident", valid_to=None):
        for field in fields:
            if row[field] is not None:
                said[entity[row["file_id"], row["row_number"], row["role"]], field].append(row[field])
    told: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for row in residents[1]:
        if row["state"] not in ("derived", "empty"):
            told[row["id"], row["field"]].append(row)
    assert {key: sorted(map(str, values)) for key, values in said.items()} == {
        key: sorted(str(row["value"]) for row in rows) for key, rows in told.items()
    }
    for rows in told.values():
        chosen = [row for row in rows if row["state"] == "chosen"]
        assert len(chosen) <= 1
        for row in rows:
            if row["state"] in ("agrees", "lost"):
                assert (row["value"] == chosen[0]["value"]) == (row["state"] == "agrees")


# --- provenance -----------------------------------------------------------------------------------------------------------


def meanings(path: Path) -> dict[str, str]:
    """What stands for which code, from a code list."""
    found = {}
    for row in csv.DictReader(path.open(encoding="utf-8")):
        for word in [row["code"], row["label"], *row["synonyms"].split("|")]:
            found[word] = row["code"]
            found.setdefault(word.lstrip("0"), row["code"])
    return found


def read_date(text: str) -> date | None:
    digits = re.findall("[0-9]+", text)
    if re.fullmatch("[1-9][0-9]{4}", text):
        return date(1899, 12, 30) + timedelta(days=int(text))
    if re.fullmatch("[0-9]{8}", text):
        digits = [text[:4], text[4:6], text[6:]]
    try:
        return date(*map(int, digits[:3]))
    except (TypeError, ValueError):
        return None


def read_id(text: str) -> str | None:
    plain = re.sub(r"[\s'-]", "", text).upper()
    if len(plain) == 15:
        plain = f"{plain[:6]}19{plain[6:]}"
        plain += ric.calc_check_digit(plain + "0")
    return plain if ric.calc_check_digit(plain) == plain[-1] and ric.get_birth_date(plain) else None


def in_characters(number: str) -> str:
    """A number below 100 as it is written in characters."""
    digits = "零一二三四五六七八九"
    if not re.fullmatch("[0-9]{1,2}", number):
        return number
    tens, ones = divmod(int(number), 10)
    return ("" if tens < 2 else digits[tens]) + ("十" if tens else "") + (digits[ones] if ones else "")


class Meanings:
    """What a raw cell means by the type of its field, each in a line or two."""

    def __init__(self, town: Town) -> None:
        self.codes = {
            field.codes: meanings(town.conf.path(f"codes/{field.codes}.csv"))
            for record in town.conf.records.values()
            for field in record.fields
            if field.codes
        }
        # By code, name, name without its ending, or another name, each also behind the names of divisions above.
        self.divisions: dict[str, set[str]] = defaultdict(set)
        for row in csv.DictReader(town.conf.path("codes/divisions.csv").open(encoding="utf-8")):
            short = re.sub("(社区居委会|社区居民委员会|社区|街道办事处|街道|区|市)$", "", row["name"])
            words = {row["name"], short, short + "社区", short + "社区居民委员会", row["code"]}
            words |= {row["code"][:length] for length in (6, 9) if set(row["code"][length:]) == {"0"}}
            self.divisions[row["code"]] = words
        for row in csv.DictReader(town.conf.path("codes/division_names.csv").open(encoding="utf-8")):
            self.divisions[row["code"]].add(row["value"])

    def fits(self, field: Any, cell: Any, value: Any, unit: str) -> bool:
        """Whether a raw cell means a value."""
        written = cell_text(cell).strip()
        text = written.translate(PLAIN)
        match field.type:
            case "person_name":
                return value == re.sub("[•．・‧･∙●.·]", "·", re.sub(r"\s", "", text))
            case "resident_id":
                return value == read_id(text)
            case "date":
                return value == read_date(text)
            case "phone":
                return value == re.sub(r"^\+?86", "", re.sub("[ -]", "", text))
            case "code":
                return value == self.codes[field.codes].get(text)
            case "division":
                return any(text.endswith(word) for word in self.divisions[value])
            case "address":
                return value == re.sub(r"\s", "", text)
            case "yes_no":
                return value == (text in "是√1Y") and text in "是√1Y否×0N"
            case "credit_code":
                return value == re.sub(r"[\s-]", "", text).upper()
            case "money" | "decimal":
                number = Decimal(re.sub(r"[^0-9.]", "", re.sub("(㎡|平方米|m2)$", "", text)))
                return value == number * (10000 if "万" in text or (unit == "万元" and "元" not in text) else 1)
            case _:
                return value == written


@pytest.fixture(scope="module")
def archive(town: Town) -> dict[tuple[str, str, int], dict[str, Any]]:
    """Cells by header of every row of every file, read with other parsers."""
    found = {}
    objects = {(obj.system, obj.name): obj for obj in town.conf.objects}
    for file in town.rows("ops.file"):
        if file["status"] == "accepted":
            obj = objects[file["system"], file["object"]]
            for row in file_rows(town.workspace.archive_path(file["file_id"]), obj):
                if isinstance(row.values, dict):
                    found[file["file_id"], file["object"], row.number] = row.values
    return found


@pytest.mark.parametrize("table", TABLES)
def test_the_archived_row_holds_the_value(
    town: Town, archive: dict, explained: dict[str, Explained], table: str
) -> None:
    found = explained[table][1]
    fields = {field.name: field for field in town.conf.records[table].fields}
    columns = {
        (obj.system, obj.name, feed.role, feed.field): column
        for source in town.conf.sources.values()
        for obj in source.objects
        for column in obj.columns
        for feed in column.feeds
        if feed.record == table
    }
    meanings = Meanings(town)
    checked: Counter[str] = Counter()
    for row in found:
        if row["field"] not in fields or row["value"] is None or row["state"] == "derived":
            continue
        role = row["id"].split("/")[0] if table == "relation" else row["role"]
        column = columns.get((row["system"], row["object"], role, row["field"]))
        cells = archive[row["file_id"], row["object"], row["row_number"]]
        if table == "dwelling" and row["field"] in PARTS:  # in a column of its own, or read from the address
            address = columns.get((row["system"], row["object"], role, "address"))
            written = "".join(cell_text(cells[part.header]) for part in (column, address) if part).translate(PLAIN)
            assert row["value"] in written or in_characters(row["value"]) in written, row["field"]
        else:
            assert column is not None
            place = (row["field"], row["system"], row["file_id"], row["row_number"])
            assert meanings.fits(fields[row["field"]], cells[column.header], row["value"], column.parameter(UNIT)), (
                place
            )
        checked[row["field"]] += 1
    assert sum(checked.values()) > 20
    assert set(fields) - set(checked) <= {"former_name"}


# --- the command ------------------------------------------------------------------------------------------------------------


def ask(town: Town, *arguments: str) -> list[dict[str, Any]]:
    answer = jiceng("explain", *arguments, "--home", town.home, "--format", "json")
    assert answer.code == 0, answer.err
    return json.loads(answer.out)


def with_several(found: list[dict[str, Any]]) -> str:
    """A resident with a losing phone."""
    return next(row["id"] for row in found if row["field"] == "phone" and row["state"] == "lost")


def test_values_are_masked_unless_asked_for(town: Town, residents: tuple[list, list]) -> None:
    released, found = residents
    entity_id = with_several(found)
    [row] = [row for row in released if row["entity_id"] == entity_id]
    levels = {field.name: field.level for field in explained_fields(town.conf.records["resident"])}
    masked = ask(town, "resident", entity_id)
    assert list(masked[0]) == COLUMNS
    for entry in masked:
        assert entry["value"] in (None, MASK) if levels[entry["field"]] >= 3 else entry["value"] != MASK
    shown = ask(town, "resident", entity_id, "--show-personal")
    assert [{**entry, "value": None} for entry in shown] == [{**entry, "value": None} for entry in masked]
    values = {entry["field"]: entry["value"] for entry in reversed(shown)}
    assert values["phone"] == row["phone"]
    for text in (row["name"], row["phone"], row["address"]):
        assert text not in json.dumps(masked, ensure_ascii=False)
    names = {file["name"] for file in town.rows("ops.file")}
    assert {entry["file"] for entry in shown} - {None} <= names


def test_one_field(town: Town, residents: tuple[list, list]) -> None:
    entity_id = with_several(residents[1])
    rows = ask(town, "resident", entity_id, "--field", "phone")
    assert {row["field"] for row in rows} == {"phone"}
    assert {row["state"] for row in rows} >= {"chosen", "lost"}
    assert rows[0]["rule"].startswith("authority: grid") or rows[0]["rule"] == "newest version"


def test_a_relation_is_named_by_its_ends(town: Town) -> None:
    relation = next(row for row in town.rows("refined.relation", relation_code="tenant") if row["start_date"])
    rows = ask(town, "relation", f"tenant/{relation['from_id']}/{relation['to_id']}", "--show-personal")
    by_field = {row["field"]: row for row in rows}
    assert by_field["start_date"]["value"] == str(relation["start_date"])
    assert (by_field["to_id"]["value"], by_field["to_id"]["state"]) == (relation["to_id"], "chosen")
    assert by_field["to_id"]["system"] == "housing"
    assert by_field["family_code"]["state"] == "empty"


def test_an_appeal_and_a_status_are_named_by_system_and_number(town: Town, messages: Town) -> None:
    [status] = town.rows("refined.resident_status")[:1]
    rows = ask(town, "resident_status", f"{status['system']}/{status['number']}", "--show-personal")
    by_field = {row["field"]: row for row in rows}
    assert by_field["status_code"]["value"] == status["status_code"]
    assert by_field["resident_id"]["value"] == status["resident_id"]
    assert by_field["resident_id"]["state"] == "derived"
    appeal = next(row for row in messages.rows("refined.appeal") if row["system"] == "reply_desk")
    rows = ask(messages, "appeal", f"reply_desk/{appeal['number']}")
    by_field = {row["field"]: row for row in rows}
    assert (by_field["text"]["value"], by_field["days_to_reply"]["value"]) == (MASK, appeal["days_to_reply"])
    assert (by_field["text"]["file"], by_field["text"]["sheet"]) == ("附件4.xlsx", "Sheet1")
    [raw] = messages.rows("raw.reply_desk__message", row_number=by_field["text"]["row_number"])
    assert raw["number"] == appeal["number"]
    assert (by_field["days_to_reply"]["state"], by_field["label"]["state"]) == ("derived", "empty")


MISTAKES = {
    "no such table": (
        ("citizen", "R1"),
        "'citizen' is no table; there are appeal, code, conflict, division, dwelling,",
    ),
    "no such resident": (("resident", "R1"), "has no resident R1"),
    "no such field": (("resident", "R1", "--field", "phnoe"), "resident has no field phnoe; it has name, id_number"),
    "an appeal without its system": (("appeal", "37042"), "name a appeal as system/number"),
    "no such appeal": (("appeal", "forum/x"), "has no appeal forum/x"),
    "a relation without its ends": (
        ("relation", "member/R1"),
        "name a relation as relation_code/from_id/to_id, for example member/R1/H1",
    ),
    "no such household": (("household", "H1"), "has no household H1"),
    "no such status": (("resident_status", "civil_affairs/x"), "has no resident_status civil_affairs/x"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_is_one_line(town: Town, case: str) -> None:
    arguments, sentence = MISTAKES[case]
    answer = jiceng("explain", *arguments, "--home", town.home)
    assert answer.code == 2
    assert answer.out == ""
    assert len(answer.err.strip().splitlines()) == 1
    assert sentence in answer.err


def test_what_became_of_an_id_is_told(town: Town, tmp_path: Path) -> None:
    copy = town.copy_to(tmp_path / "workspace")
    lake: Lake = copy.lake
    alive = copy.rows("refined.resident")[0]["entity_id"]
    common = {"night": copy.nights[1], "kind": "resident", "cause": "", "mention_id": None}
    events = [
        {**common, "entity_id": "Rmerged", "event": "merge", "other_id": "Ragain"},
        {**common, "night": copy.nights[2], "entity_id": "Ragain", "event": "merge", "other_id": alive},
        {**common, "entity_id": "Rended", "event": "end", "other_id": None},
    ]
    lake.upsert("links.identity_event", lake.table_of("links.identity_event", events))
    fates = {
        "Rmerged": f"on {copy.nights[1]} it merged into {alive}",
        "Ragain": f"on {copy.nights[2]} it merged into {alive}",
        "Rended": f"on {copy.nights[1]} it ended",
    }
    for entity_id, sentence in fates.items():
        answer = jiceng("explain", "resident", entity_id, "--home", copy.home)
        assert answer.code == 2
        assert sentence in answer.err


def test_a_later_run_that_was_not_released_changes_no_explanation(town: Town, tmp_path: Path) -> None:
    """Rows of the same night that a refused run has rewritten are not what the release was made from."""
    copy = town.copy_to(tmp_path / "workspace")
    lake = copy.lake
    entity_id = copy.rows("refined.resident")[0]["entity_id"]
    before = ask(copy, "resident", entity_id, "--show-personal")
    versions = [{**row, "name": "改名", "phone": "13000000000"} for row in copy.rows("harmonised.resident")]
    lake.upsert("harmonised.resident", lake.table_of("harmonised.resident", versions))
    edges = [
        {**row, "mention_id": row["mention_id"], "other_id": "x", "decision": "reject", "reason": "id_held_by_another"}
        for row in copy.rows("links.mention")
    ]
    names = lake.declared["links.edge"].names
    rows = [{name: row.get(name) for name in names} | {"weight": 0} for row in edges]
    lake.upsert("links.edge", lake.table_of("links.edge", rows))
    assert ask(copy, "resident", entity_id, "--show-personal") == before
