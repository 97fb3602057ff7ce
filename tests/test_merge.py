"""One row per entity, each field from the system that has the say: on small tables, and the whole town by other code."""

import hashlib
from collections import defaultdict
from datetime import UTC, date, datetime
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from pyspark.testing import assertDataFrameEqual
from stdnum.cn import ric
from town import Town

from jobs.common.authority import Authority, choose_fields, load_authority, mentioned_records
from jobs.common.errors import UserError
from jobs.common.model import ModelField, Record
from jobs.merge.stage import add_entity, derive_appeal

pytest_plugins = ["town_fixtures"]
FIELDS = (
    ModelField("id_number", "resident_id", 4, "", ""),
    ModelField("birth_date", "date", 3, "", ""),
    ModelField("sex_code", "code", 2, "", "", "sex"),
    ModelField("phone", "phone", 3, "", ""),
)
PERSON = Record("resident", "resident", ("entity_id",), "", FIELDS, (), {})
# The police have the say, but not about phones.
SAY = Authority(("police", "grid", "walk_in"), {"phone": ("grid", "walk_in", "police")})
ID = "11010519491231002X"  # a woman's, born on 31 December 1949
D1, D2 = date(2026, 1, 1), date(2026, 1, 2)
BORN, OTHER_DAY = date(1950, 1, 1), date(1960, 1, 1)

# Each entity: rows (system, role, mention, since, id number, birth date, sex, phone) -> (id, birth date, sex, phone)
CHOICES: dict[str, tuple[list[tuple], tuple]] = {
    "the only value": (
        [("walk_in", "person", "m", D1, None, BORN, "1", "1")],
        (None, BORN, "1", "1"),
    ),
    "each field from the system that has the say in it": (
        [("police", "person", "m", D1, None, BORN, "1", "1"), ("grid", "person", "n", D2, None, OTHER_DAY, "2", "2")],
        (None, BORN, "1", "2"),
    ),
    "a field that the strongest leaves empty": (
        [("police", "person", "m", D1, ID, None, "1", None), ("walk_in", "person", "n", D1, None, BORN, "2", "2")],
        (ID, BORN, "1", "2"),
    ),
    "the newest version of one system": (
        [("grid", "person", "m", D1, None, BORN, "1", "1"), ("grid", "person", "n", D2, None, OTHER_DAY, "2", "2")],
        (None, OTHER_DAY, "2", "2"),
    ),
    "the least mention where nothing else tells": (
        [("grid", "person", "n", D1, None, BORN, "1", "1"), ("grid", "person", "m", D1, None, OTHER_DAY, "2", "2")],
        (None, OTHER_DAY, "2", "2"),
    ),
    "a person's own row before a spouse's, whatever the system": (
        [("police", "spouse", "m", D2, None, BORN, "1", "1"), ("walk_in", "person", "n", D1, None, OTHER_DAY, None, "2")],
        (None, OTHER_DAY, "1", "2"),
    ),
    "a system without a place comes last": (
        [("forum", "person", "m", D2, None, BORN, "1", "1"), ("walk_in", "person", "n", D1, None, OTHER_DAY, "2", "2")],
        (None, OTHER_DAY, "2", "2"),
    ),
    "birth date and sex that nobody records are read from the id": (
        [("walk_in", "person", "m", D1, ID, None, None, None)],
        (ID, date(1949, 12, 31), "2", None),
    ),
    "nothing is read from no id": (
        [("walk_in", "person", "m", D1, None, None, None, "1")],
        (None, None, None, "1"),
    ),
    "recorded values stay though the id says otherwise": (
        [("police", "person", "m", D1, ID, BORN, "1", None)],
        (ID, BORN, "1", None),
    ),
}  # fmt: skip
MENTIONED = (
    "entity_id string, system string, role string, mention_id string, valid_from date, id_number string,"
    " birth_date date, sex_code string, phone string"
)


def test_each_field_is_chosen_by_itself(spark: Any) -> None:
    rows = [(name, *row) for name, (given, _) in CHOICES.items() for row in given]
    expected = [(name, *values, len(given)) for name, (given, values) in CHOICES.items()]
    schema = "entity_id string, id_number string, birth_date date, sex_code string, phone string, mention_count bigint"
    chosen = choose_fields(spark.createDataFrame(rows, MENTIONED), PERSON, SAY)
    assertDataFrameEqual(chosen, spark.createDataFrame(expected, schema))


def test_a_copied_id_is_left_out_and_kept_beside(spark: Any) -> None:
    def mention(key: str) -> str:
        return hashlib.md5(f"resident|walk_in|register|{key}|person".encode()).hexdigest()

    records = spark.createDataFrame(
        [("walk_in", "register", key, "person", ID) for key in ("own", "copied", "elsewhere")],
        "system string, object string, source_key string, role string, id_number string",
    )
    entities = spark.createDataFrame(
        [(mention("own"), "A"), (mention("copied"), "B")], "mention_id string, entity_id string"
    )
    edges = spark.createDataFrame(
        [(mention("copied"), "reject", "id_held_by_another"), (mention("own"), "accept", "same_id_and_name")],
        "mention_id string, decision string, reason string",
    )
    found = mentioned_records(records, entities, edges, "resident").toArrow().to_pylist()
    assert {(row["entity_id"], row["source_key"], row["id_number"], row["copied_id"]) for row in found} == {
        ("A", "own", ID, None),
        ("B", "copied", None, ID),
    }


def test_a_status_speaks_of_the_person_of_its_row(spark: Any) -> None:
    records = spark.createDataFrame(
        [("civil_affairs", "assistance", key) for key in ("1", "2", "3")],
        "system string, object string, source_key string",
    )
    mentions = spark.createDataFrame(
        [("civil_affairs", "assistance", "1", "person", "R1"), ("civil_affairs", "assistance", "1", "spouse", "R2"),
         ("civil_affairs", "assistance", "2", "spouse", "R3"), ("other", "assistance", "3", "person", "R4")],
        "system string, object string, source_key string, role string, entity_id string",
    )  # fmt: skip
    found = add_entity(records, mentions, "resident_id").toArrow().to_pylist()
    assert {(row["source_key"], row["resident_id"]) for row in found} == {("1", "R1"), ("2", None), ("3", None)}


def at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc, arg-type]


# system, number, text, asked (UTC), replied (UTC) -> days between the local days, text seen before in the system
APPEALS = [
    ("a", "1", "灯坏了", at(2026, 1, 1, 2), at(2026, 1, 3, 2), 2, False),
    ("a", "2", "灯坏了", at(2026, 1, 1, 3), None, None, True),
    ("a", "3", "灯坏了", None, at(2026, 1, 3, 2), None, True),  # not known when: after all others
    ("a", "4", "灯坏了", at(2025, 12, 31, 2), at(2025, 12, 31, 3), 0, False),
    ("b", "1", "灯坏了", at(2026, 1, 2, 2), at(2026, 1, 1, 2), -1, False),  # of another system
    ("a", "5", None, at(2026, 1, 1, 2), at(2026, 1, 1, 15, 59), 0, False),
    ("a", "6", None, at(2026, 1, 1, 2), at(2026, 1, 1, 16), 1, False),  # past midnight in Shanghai, no text twice
    ("a", "7", "路灯", at(2026, 1, 1, 15, 59), at(2026, 1, 1, 16, 1), 1, False),
]


def test_what_is_derived_of_an_appeal(spark: Any) -> None:
    expected = [(*row[:5], row[1], *row[5:]) for row in APPEALS]
    # The first in time is the one that is not repeated.
    expected[0] = (*expected[0][:-1], True)
    schema = "system string, number string, text string, asked_at timestamp, replied_at timestamp, source_key string"
    given = spark.createDataFrame([row[:6] for row in expected], schema)
    whole = spark.createDataFrame(expected, f"{schema}, days_to_reply bigint, is_repeated_text boolean")
    assertDataFrameEqual(derive_appeal(given), whole)


def conf_with(authority: str) -> Any:
    """A configuration with three systems and one of an invalid contract, and this order among them."""
    return SimpleNamespace(
        yaml=lambda name: yaml.safe_load(authority),
        sources=["grid", "police", "forum"],
        refused_contracts={"walk_in": None},
        model={PERSON.name: PERSON},
    )


def test_the_order_of_systems_is_complete() -> None:
    conf = conf_with("resident: {default: [police], fields: {phone: [grid, walk_in]}}")
    authority = load_authority(conf, PERSON)
    assert authority.order("birth_date") == ("police", "forum", "grid")
    assert authority.order("phone") == ("grid", "walk_in", "forum", "police")


def test_without_a_say_systems_come_by_name() -> None:
    assert load_authority(conf_with("{}"), PERSON).order("phone") == ("forum", "grid", "police")


def test_a_say_over_an_unknown_record_is_refused() -> None:
    with pytest.raises(UserError, match="no record residnt"):
        load_authority(conf_with("residnt: {default: [police]}"), PERSON)


def test_a_say_over_an_unknown_field_is_refused() -> None:
    conf = conf_with("resident: {default: [police], fields: {phnoe: [grid]}}")
    with pytest.raises(UserError, match="resident has no field phnoe"):
        load_authority(conf, PERSON)
    with pytest.raises(UserError, match="no contract declares polce; there are forum, grid, police"):
        load_authority(conf_with("resident: {default: [polce]}"), PERSON)


# --- the town -------------------------------------------------------------------------------------------------------------


def test_every_cell_of_the_town_is_the_one_that_has_the_say(town: Town) -> None:
    """The whole released table, computed from harmonised rows and the ledger of ids with nothing of ours."""
    say = yaml.safe_load(town.conf.path("authority.yml").read_text(encoding="utf-8"))["resident"]
    rejected = {edge["mention_id"] for edge in town.rows("links.edge", decision="reject")}
    entity = {row["mention_id"]: row["entity_id"] for row in town.rows("links.mention")}
    members: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in town.rows("harmonised.resident", valid_to=None):
        parts = ("resident", row["system"], row["object"], row["source_key"], row["role"])
        row["mention_id"] = hashlib.md5("|".join(parts).encode()).hexdigest()
        if row["mention_id"] in rejected:
            row["id_number"] = None
        members[entity[row["mention_id"]]].append(row)
    fields = [field.name for field in town.conf.model["resident"].fields]
    expected, winners = {}, defaultdict(set)
    for entity_id, rows in members.items():
        values: dict[str, Any] = {"entity_id": entity_id, "mention_count": len(rows)}
        for field in fields:
            order = say["fields"].get(field, say["default"])
            best = min(
                (row for row in rows if row[field] is not None),
                key=lambda row: (
                    row["role"] != "person",
                    order.index(row["system"]),
                    -row["valid_from"].toordinal(),
                    row["mention_id"],
                ),
                default=None,
            )
            values[field] = best[field] if best else None
            if best:
                winners[field].add(best["system"])
        number = values["id_number"]
        if number and values["birth_date"] is None:
            values["birth_date"] = ric.get_birth_date(number)
        if number and values["sex_code"] is None:
            values["sex_code"] = "1" if int(number[16]) % 2 else "2"
        expected[entity_id] = values
    given = {row["entity_id"]: row for row in town.rows("refined.resident")}
    assert given == expected
    assert winners["phone"] >= {"grid", "police", "walk_in"}
    assert winners["name"] >= {"police", "grid"}
    candidates = {row["entity_id"]: row for row in town.rows("candidate.resident")}
    assert given == candidates


def test_every_losing_value_is_kept(town: Town) -> None:
    """What a released row does not say is still in the harmonised rows, each with its file and row."""
    values = {row["entity_id"]: row for row in town.rows("refined.resident")}
    entity = {row["mention_id"]: row["entity_id"] for row in town.rows("links.mention")}
    lost = 0
    for row in town.rows("harmonised.resident", valid_to=None):
        parts = ("resident", row["system"], row["object"], row["source_key"], row["role"])
        released = values[entity[hashlib.md5("|".join(parts).encode()).hexdigest()]]
        differs = any(row[name] not in (None, released[name]) for name in ("name", "phone", "address"))
        lost += differs and len(row["file_id"]) == 64 and row["row_number"] > 0
    assert lost > 100


def test_every_status_has_its_resident(town: Town) -> None:
    people = {
        row["source_key"]: row["entity_id"] for row in town.rows("links.mention", system="civil_affairs", role="person")
    }
    statuses = town.rows("refined.resident_status")
    assert statuses
    assert {row["number"]: row["resident_id"] for row in statuses} == {
        row["number"]: people[row["number"]] for row in statuses
    }
    assert {row["resident_id"] for row in statuses} <= {row["entity_id"] for row in town.rows("refined.resident")}
