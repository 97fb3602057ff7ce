"""Why a released cell has its value: for every cell of the town, against the bytes that the files had.

What `explain` says of file and row is looked up in the archive with another parser; the raw cell there must mean the value.
"""

import csv
import json
import re
from collections import Counter, defaultdict
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from stdnum.cn import ric
from town import Town, cell_text, file_rows, jiceng

from jobs.cli.explain import COLUMNS, MASK, explain_rows, explained_fields
from jobs.common.releases import find_release
from jobs.common.tables import Lake

pytest_plugins = ["town_fixtures"]
STATES = {"chosen", "agrees", "lost", "derived", "empty", "left out"}
PLAIN = str.maketrans({0xFF01 + i: 0x21 + i for i in range(94)})


def explain_table(town: Town, kind: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Released rows of a table and all that explains them."""
    release = find_release(town.lake)
    record = town.conf.model[kind]
    released = town.lake.arrow(f"refined.{kind}", release.tables[kind]["version"]).to_pylist()
    fields = list(explained_fields(record))
    return released, explain_rows(town.lake, town.conf, release, record, fields, released)


@pytest.fixture(scope="module")
def residents(town: Town) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    return explain_table(town, "resident")


@pytest.fixture(scope="module")
def statuses(town: Town) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    return explain_table(town, "resident_status")


def check_values(key: str, released: list[dict[str, Any]], found: list[dict[str, Any]], fields: set[str]) -> None:
    """Every field of every row is explained, and what is said to have won is what was released."""
    first: dict[tuple[str, str], dict[str, Any]] = {}
    for row in found:
        assert row["state"] in STATES
        first.setdefault((row["id"], row["field"]), row)
    assert len(first) == len(released) * len(fields)
    for row in released:
        for field in fields:
            explained = first[row[key] if key == "entity_id" else f"{row['system']}/{row['number']}", field]
            assert explained["value"] == row[field]
            assert explained["state"] in ("chosen", "derived", "empty")
            assert (explained["state"] == "empty") <= (row[field] is None)
            assert explained["rule"]


def test_every_cell_of_every_resident_is_explained(town: Town, residents: tuple[list, list]) -> None:
    released, found = residents
    check_values("entity_id", released, found, {field.name for field in town.conf.model["resident"].fields})
    states = {row["state"] for row in found}
    assert states == STATES
    rules = {row["rule"] for row in found if row["state"] == "chosen"}
    assert rules >= {"only value", "all agree"}
    assert any(rule.startswith("authority: police > civil_affairs > grid") for rule in rules)
    assert any(rule.startswith("authority: grid > walk_in") for rule in rules)


def test_every_cell_of_every_status_is_explained(town: Town, statuses: tuple[list, list]) -> None:
    released, found = statuses
    record = town.conf.model["resident_status"]
    check_values("number", released, found, {field.name for field in record.fields} | {"resident_id"})
    assert {(row["system"], row["object"]) for row in found} == {("civil_affairs", "assistance")}


def test_all_values_of_an_entity_are_told(town: Town, residents: tuple[list, list]) -> None:
    """As many values as mentions say something: none is swallowed, and those that agree are told from those that lost."""
    entity = {(row["file_id"], row["row_number"], row["role"]): row["entity_id"] for row in town.rows("links.mention")}
    fields = [field.name for field in town.conf.model["resident"].fields]
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


class Meanings:
    """What a raw cell means by the type of its field, each in a line or two."""

    def __init__(self, town: Town) -> None:
        self.codes = {
            field.codes: meanings(town.conf.path(f"codes/{field.codes}.csv"))
            for record in town.conf.model.values()
            for field in record.fields
            if field.codes
        }
        rows = list(csv.DictReader(town.conf.path("codes/divisions.csv").open(encoding="utf-8")))
        # By code, and a community by its name, where only one in the country is called so.
        self.divisions = {row["code"]: row["code"] for row in rows}
        named = Counter(row["name"] for row in rows)
        self.divisions |= {row["name"]: row["code"] for row in rows if named[row["name"]] == 1}

    def read(self, field: Any, cell: Any) -> Any:
        text = cell_text(cell).translate(PLAIN).strip()
        match field.type:
            case "person_name":
                return re.sub("[•．・‧･∙●.·]", "·", re.sub(r"\s", "", text))
            case "resident_id":
                return read_id(text)
            case "date":
                return read_date(text)
            case "phone":
                return re.sub(r"^\+?86", "", re.sub("[ -]", "", text))
            case "code":
                return self.codes[field.codes].get(text)
            case "division":
                return self.divisions.get(text)
            case "address":
                return re.sub(r"\s", "", text)
            case _:
                return text


@pytest.fixture(scope="module")
def archive(town: Town) -> dict[tuple[str, str, int], dict[str, Any]]:
    """Cells by header of every row of every file, read with other parsers."""
    found = {}
    objects = {(obj.system, obj.name): obj for source in town.conf.sources.values() for obj in source.objects}
    for file in town.rows("ops.file"):
        if file["status"] == "accepted":
            obj = objects[file["system"], file["object"]]
            for row in file_rows(town.workspace.archive_path(file["file_id"]), obj):
                if isinstance(row.values, dict):
                    found[file["file_id"], file["object"], row.number] = row.values
    return found


@pytest.mark.parametrize("kind", ["resident", "resident_status"])
def test_the_archived_row_holds_the_value(town: Town, archive: dict, kind: str, request: pytest.FixtureRequest) -> None:
    released, found = request.getfixturevalue("residents" if kind == "resident" else "statuses")
    record = town.conf.model[kind]
    fields = {field.name: field for field in record.fields}
    headers = {
        (obj.system, obj.name, feed.role, feed.field): column.header
        for source in town.conf.sources.values()
        for obj in source.objects
        for column in obj.columns
        for feed in column.feeds
        if feed.record == kind
    }
    meanings = Meanings(town)
    checked = 0
    for row in found:
        if row["field"] not in fields or row["value"] is None or row["state"] == "derived":
            continue
        header = headers[row["system"], row["object"], row["role"], row["field"]]
        cell = archive[row["file_id"], row["object"], row["row_number"]][header]
        assert meanings.read(fields[row["field"]], cell) == row["value"], (
            row["field"],
            row["file_id"],
            row["row_number"],
        )
        checked += 1
    assert checked > len(released) * (5 if kind == "resident" else 2)


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
    levels = {field.name: field.level for field in town.conf.model["resident"].fields}
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


def test_an_appeal_and_a_status_are_named_by_system_and_number(town: Town, messages: Town) -> None:
    [status] = town.rows("refined.resident_status")[:1]
    rows = ask(town, "resident_status", f"civil_affairs/{status['number']}", "--show-personal")
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
    "no such table": (("citizen", "R1"), "'citizen' is no table; there are appeal, resident, resident_status"),
    "no such resident": (("resident", "R1"), "has no resident R1"),
    "no such field": (("resident", "R1", "--field", "phnoe"), "resident has no field phnoe; it has name, id_number"),
    "an appeal without its system": (("appeal", "37042"), "name a appeal as system/number"),
    "no such appeal": (("appeal", "forum/x"), "has no appeal forum/x"),
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
