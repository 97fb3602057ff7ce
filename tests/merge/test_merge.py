"""One row per entity, each field from the system that has the say: on small tables, and the whole town by other code."""

import hashlib
from collections import defaultdict
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from pyspark.sql.functions import lit
from pyspark.testing import assertDataFrameEqual
from stdnum.cn import ric

from jobs import merge
from jobs.common.base.errors import UserError
from jobs.common.model.records import ModelField, Record
from jobs.common.model.shapes import DERIVED
from jobs.common.run.authority import Authority, load_authority
from jobs.common.run.conf import Conf
from jobs.common.run.runs import all_runs
from jobs.common.run.stage import Context
from jobs.merge.derived import ENTITIES, FACTS
from jobs.merge.derived.appeal import derive as derive_appeal
from jobs.merge.derived.neighbours import add_dwelling
from jobs.merge.derived.resident import BANDS
from jobs.merge.facts import add_entity, deduplicate
from jobs.merge.survivorship import choose_fields, choose_values, mentioned_records
from tests.support.town import Town, stage_log

pytestmark = [pytest.mark.xdist_group("town"), pytest.mark.nights]

pytest_plugins = ["tests.support.town_fixtures"]
FIELDS = (
    ModelField("id_number", "resident_id", 4, "", ""),
    ModelField("birth_date", "date", 3, "", ""),
    ModelField("sex_code", "code", 2, "", "", "sex"),
    ModelField("phone", "phone", 3, "", ""),
)
PERSON = Record("resident", "resident", ("entity_id",), "", FIELDS, (), {})
STATUS = Record(
    "resident_status", None, ("system", "number"), "", (), (), {"resident_id": "resident"},
    deduplicate_by=("resident_id", "status_code", "start_date"),
)  # fmt: skip
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
    rows = [
        (name, system, role, m * 32, *row) for name, (given, _) in CHOICES.items() for system, role, m, *row in given
    ]
    expected = [(name, *values, len(given)) for name, (given, values) in CHOICES.items()]
    schema = "entity_id string, id_number string, birth_date date, sex_code string, phone string, mention_count bigint"
    chosen = choose_fields(spark.createDataFrame(rows, MENTIONED), PERSON, SAY)
    assertDataFrameEqual(chosen, spark.createDataFrame(expected, schema))


def test_values_of_every_type_come_back_as_they_were(spark: Any) -> None:
    """A value travels as text behind its place; so does the row it came from."""
    fields = tuple(
        ModelField(type, type, 1, "", "") for type in ("text", "date", "integer", "yes_no", "money", "datetime")
    )
    columns = "entity_id string, system string, object string, source_key string, role string, mention_id string,"
    types = "valid_from date, text string, date date, integer bigint, yes_no boolean, money decimal(18,2), datetime timestamp"
    head = ("police", "population")
    moment, amount = datetime(2026, 1, 1, 2, 3, 4, 567000, tzinfo=UTC), Decimal("-1234567890123456.78")
    given = [
        ("A", *head, "1", "person", "a" * 32, D1, "x|y  ", date(1, 1, 1), -7, False, amount, moment),
        ("A", *head, "2", "person", "b" * 32, D2, None, None, None, None, None, None),
        ("B", *head, "3", "person", "c" * 32, D1, None, D2, 2**62, True, Decimal("0.00"), None),
        ("B", *head, "4", "person", "d" * 32, D2, "新", None, None, None, None, None),
    ]
    expected = [
        ("A", "x|y  ", date(1, 1, 1), -7, False, amount, moment, "police|population|1"),
        ("B", "新", D2, 2**62, True, Decimal("0.00"), None, "police|population|4"),
    ]
    values = choose_values(
        spark.createDataFrame(given, f"{columns} {types}"), ["entity_id"], fields, SAY, row_of="text"
    )
    whole = f"entity_id string,{types.removeprefix('valid_from date,')}, row_of_text string"
    assertDataFrameEqual(values, spark.createDataFrame(expected, whole))


def test_an_id_number_is_a_matter_of_residents_alone(spark: Any) -> None:
    """Of another kind no field is read from another, and nobody's number is moved aside."""
    record = Record("dwelling", "dwelling", ("entity_id",), "", (FIELDS[3],), (), {})
    rows = [("D1", "police", "population", "1", "dwelling", "a" * 32, D1, "1")]
    columns = "entity_id string, system string, object string, source_key string, role string, mention_id string"
    chosen = choose_fields(spark.createDataFrame(rows, f"{columns}, valid_from date, phone string"), record, SAY)
    assert chosen.columns == ["entity_id", "phone", "mention_count"]


def test_a_copied_id_is_left_out_and_kept_beside(spark: Any) -> None:
    records = spark.createDataFrame(
        [("walk_in", "register", key, "person", ID) for key in ("own", "copied", "misfit", "elsewhere")],
        "system string, object string, source_key string, role string, id_number string",
    )
    mentions = spark.createDataFrame(
        [("resident", "walk_in", "register", "own", "person", "m1", "A"),
         ("resident", "walk_in", "register", "copied", "person", "m2", "B"),
         ("resident", "walk_in", "register", "misfit", "person", "m4", "A"),
         ("dwelling", "walk_in", "register", "elsewhere", "person", "m3", "C")],
        "kind string, system string, object string, source_key string, role string, mention_id string, entity_id string",
    )  # fmt: skip
    edges = spark.createDataFrame(
        [("m2", "reject", "id_held_by_another"), ("m1", "accept", "same_id_and_name"), ("m1", "reject", "cannot_link"),
         ("m4", "accept", "id_does_not_fit")],
        "mention_id string, decision string, reason string",
    )  # fmt: skip
    found = mentioned_records(records, mentions, edges, "resident").toArrow().to_pylist()
    assert {(row["entity_id"], row["source_key"], row["id_number"], row["copied_id"]) for row in found} == {
        ("A", "own", ID, None),
        ("A", "misfit", None, ID),
        ("B", "copied", None, ID),
    }
    dwellings = mentioned_records(records.drop("id_number"), mentions, edges, "dwelling").toArrow().to_pylist()
    assert [(row["entity_id"], row["source_key"]) for row in dwellings] == [("C", "elsewhere")]


def test_the_dwelling_of_the_address_is_the_one_its_row_names(spark: Any) -> None:
    def mention(kind: str, key: str) -> tuple[str, str, str]:
        whole = f"{kind}|police|population|{key}|{kind}"
        return hashlib.md5(whole.encode()).hexdigest(), kind, f"{kind[0].upper()}{key}"

    dwellings = spark.createDataFrame(
        [mention("dwelling", "1"), mention("dwelling", "2")], "mention_id string, kind string, entity_id string"
    )
    chosen = spark.createDataFrame(
        [
            ("A", "police|population|1"),
            ("B", "police|population|3"),
            ("C", None),
        ],  # 3 names no dwelling; C has no address
        "entity_id string, row_of_address string",
    )
    found = add_dwelling(chosen, dwellings).toArrow().to_pylist()
    assert {(row["entity_id"], row["dwelling_id"]) for row in found} == {("A", "D1"), ("B", None), ("C", None)}


def test_a_status_speaks_of_whom_its_row_names_in_its_role(spark: Any) -> None:
    records = spark.createDataFrame(
        [("civil_affairs", "assistance", "1", "person"), ("civil_affairs", "assistance", "2", "person"),
         ("civil_affairs", "assistance", "2", "spouse"), ("civil_affairs", "assistance", "3", "person")],
        "system string, object string, source_key string, role string",
    )  # fmt: skip
    mentions = spark.createDataFrame(
        [("civil_affairs", "assistance", "1", "person", "R1"), ("civil_affairs", "assistance", "1", "spouse", "R2"),
         ("civil_affairs", "assistance", "2", "spouse", "R3"), ("other", "assistance", "3", "person", "R4")],
        "system string, object string, source_key string, role string, entity_id string",
    )  # fmt: skip
    found = add_entity(records, mentions, "resident_id").toArrow().to_pylist()
    assert {(row["source_key"], row["role"], row["resident_id"]) for row in found} == {
        ("1", "person", "R1"),
        ("2", "person", None),
        ("2", "spouse", "R3"),
        ("3", "person", None),
    }


# system, key, since, resident, status, first day -> the system count of the rows that stay
STATUSES = [
    ("health", "1", D1, "R1", "01", D1, None),  # the civil affairs record it as well
    ("civil_affairs", "2", D1, "R1", "01", D1, 2),
    ("civil_affairs", "3", D1, "R1", "01", D2, 1),  # another period
    ("health", "4", D1, "R1", "31", D1, None),
    ("health", "5", D2, "R1", "31", D1, 1),  # the newer of one system's two
    ("health", "6", D1, "R2", "31", D1, 1),  # of another resident
    ("health", "7", D1, "R2", "31", None, 1),  # who knows since when
    ("health", "8", D1, "R2", "31", None, 1),
    ("health", "9", D1, None, "31", D1, 1),  # and of whom
    ("grid", "9", D1, None, "31", D1, 1),
    ("grid", "8", D1, "R3", None, D1, 1),
]


def test_a_status_that_several_systems_record_stays_once(spark: Any) -> None:
    columns = (
        "system string, source_key string, valid_from date, resident_id string, status_code string, start_date date"
    )
    given = spark.createDataFrame([row[:6] for row in STATUSES], columns)
    given = given.withColumn("object", lit("list")).withColumn("role", lit("person"))
    found = deduplicate(given, STATUS, Authority(("civil_affairs", "health", "grid"), {})).toArrow().to_pylist()
    assert sorted((row["system"], row["source_key"], row["system_count"]) for row in found) == sorted(
        (row[0], row[1], row[6]) for row in STATUSES if row[6]
    )


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
        records={PERSON.name: PERSON, STATUS.name: STATUS},
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


BAD_SAYS = {
    "resident: {default: [police], fields: {phnoe: [grid]}}": "resident has no field phnoe",
    "resident: {default: [polce]}": "no contract declares polce; there are forum, grid, police",
    "resident: {defualt: [police]}": "resident: unknown key defualt; there are default, fields",
    "resident: {default: [police, grid, police]}": "resident: default is no list of systems, each named once",
    "resident: {default: police}": "resident: default is no list of systems",
    "resident_status: {fields: {status_code: [grid]}}": "resident_status is chosen by the row, not by the field",
}


@pytest.mark.parametrize("say", BAD_SAYS)
def test_a_bad_say_is_refused_by_name(say: str) -> None:
    conf = conf_with(say)
    with pytest.raises(UserError) as refused:
        load_authority(conf, conf.records[say.partition(":")[0]])
    assert str(refused.value).startswith(f"conf/authority.yml: {BAD_SAYS[say]}") or BAD_SAYS[say] in str(refused.value)


def test_the_shipped_say_is_sound(conf: Conf) -> None:
    """Every system that feeds a record has its place in it."""
    fed = {
        (feed.record, obj.system)
        for source in conf.sources.values()
        for obj in source.objects
        for column in obj.columns
        for feed in column.feeds
    }
    for record in conf.records.values():
        named = (conf.yaml("authority.yml").get(record.name) or {}).get("default", [])
        assert load_authority(conf, record).default[: len(named)] == tuple(named)
        if record.name != "appeal":  # of which each row has a key of its own
            assert {system for name, system in fed if name == record.name} <= set(named), record.name


# --- the town -------------------------------------------------------------------------------------------------------------


KINDS = ("resident", "household", "dwelling", "organisation")
OWN_ROLES = ("person", "household", "dwelling", "organisation")
Place = tuple[str, str, str]  # system, object, key


class Desk:
    """The town's harmonised rows and ledger of ids, worked through with nothing of ours."""

    def __init__(self, town: Town) -> None:
        self.town = town
        self.say = yaml.safe_load(town.conf.path("authority.yml").read_text(encoding="utf-8"))
        copied = ("id_held_by_another", "id_does_not_fit")
        self.rejected = {e["mention_id"] for reason in copied for e in town.rows("links.edge", reason=reason)}
        self.entity = {row["mention_id"]: row["entity_id"] for row in town.rows("links.mention")}
        self.named: dict[Place, dict[tuple[str, str], str]] = defaultdict(dict)  # row -> kind and role -> entity
        for row in town.rows("links.mention"):
            self.named[row["system"], row["object"], row["source_key"]][row["kind"], row["role"]] = row["mention_id"]

    def entities(self, kind: str) -> dict[str, list[dict[str, Any]]]:
        """Current rows of each entity of a kind."""
        found: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for row in self.town.rows(f"harmonised.{kind}", valid_to=None):
            parts = (kind, row["system"], row["object"], row["source_key"], row["role"])
            row["mention_id"] = hashlib.md5("|".join(parts).encode()).hexdigest()
            if row["mention_id"] in self.rejected:
                row["id_number"] = None
            found[self.entity[row["mention_id"]]].append(row)
        return found

    def best(self, record: str, field: str, rows: list[dict[str, Any]]) -> dict[str, Any] | None:
        """The row that has the say in a field."""
        say = self.say[record]
        order = say.get("fields", {}).get(field, say["default"])
        return min(
            (row for row in rows if row[field] is not None),
            key=lambda row: (
                row["role"] not in OWN_ROLES,
                order.index(row["system"]),
                -row["valid_from"].toordinal(),
                row["mention_id"],
            ),
            default=None,
        )

    def told_of(self, chosen: dict[str, Any], rows: list[dict[str, Any]]) -> dict[str, Any]:
        """What a resident is said to be, by what conf/office.yml of the repository names; the nights are of 2026."""
        in_register = [row for row in rows if (row["system"], row["role"]) == ("police", "person")]
        at_home = [row for row in rows if (row["system"], row["role"]) in (("grid", "person"), ("housing", "tenant"))]
        newest = max(in_register, key=lambda row: row["valid_from"], default={"address": None})
        age = chosen["birth_date"] and 2026 - chosen["birth_date"].year
        bands = {5: "00-05", 14: "06-14", 17: "15-17", 59: "18-59", 79: "60-79", 150: "80+"}
        return {
            "is_registered": bool(in_register),
            "lives_here": bool(at_home),
            "registered_address": newest["address"],
            "is_deceased": chosen["death_date"] is not None,
            "birth_year": chosen["birth_date"] and chosen["birth_date"].year,
            "age_band": age and next(band for last, band in bands.items() if age <= last),
            "system_count": len({row["system"] for row in rows}),
            "last_seen": max(row["valid_from"] for row in rows),
        }


@pytest.fixture(scope="module")
def desk(town: Town) -> Desk:
    return Desk(town)


@pytest.mark.parametrize("kind", KINDS)
def test_every_cell_of_the_town_is_the_one_that_has_the_say(town: Town, desk: Desk, kind: str) -> None:
    """The whole released tables, computed from harmonised rows and the ledger of ids with nothing of ours."""
    fields = [field.name for field in town.conf.records[kind].fields]
    expected, winners = {}, defaultdict(set)
    members: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in town.rows("refined.relation", relation_code="member"):
        members[row["to_id"]].append(row)
    for entity_id, rows in desk.entities(kind).items():
        values: dict[str, Any] = {"entity_id": entity_id, "mention_count": len(rows)}
        for field in fields:
            best = desk.best(kind, field, rows)
            values[field] = best[field] if best else None
            if best:
                winners[field].add(best["system"])
        number = values.get("id_number")
        if number and values["birth_date"] is None:
            values["birth_date"] = ric.get_birth_date(number)
        if number and values["sex_code"] is None:
            values["sex_code"] = "1" if int(number[16]) % 2 else "2"
        if kind in ("resident", "household"):
            row = desk.best(kind, "address", rows)
            place = row and desk.named[row["system"], row["object"], row["source_key"]].get(("dwelling", "dwelling"))
            values["dwelling_id"] = place and desk.entity[place]
        if kind == "household":
            values["member_count"] = len(members[entity_id])
        if kind == "resident":
            values |= desk.told_of(values, rows)
        expected[entity_id] = values
    given = {row["entity_id"]: row for row in town.rows(f"refined.{kind}")}
    if kind == "household":
        heads = {entity_id: row.pop("head_id") for entity_id, row in given.items()}
        for entity_id, head in heads.items():
            possible = [row["from_id"] for row in members[entity_id] if row["family_code"] == "02"]
            assert head in possible if possible else head is None
        assert sum(head is not None for head in heads.values()) > len(heads) / 2
    assert given == expected
    if kind == "resident":
        assert {row["age_band"] for row in given.values()} >= {name for _, name in BANDS}
        assert {(row["is_registered"], row["lives_here"]) for row in given.values()} > {(True, True), (True, False)}
        assert winners["phone"] >= {"grid", "police", "walk_in", "health"}
        assert winners["name"] >= {"police", "grid"}
    candidates = {row["entity_id"]: row for row in town.rows(f"candidate.{kind}")}
    assert given.keys() == candidates.keys()


PAIRS = {
    "member": [(("resident", "person"), ("household", "household"))],
    "spouse": [(("resident", "person"), ("resident", "spouse"))],
    "guardian": [(("resident", "guardian"), ("resident", "person"))],
    "legal_representative": [(("resident", "legal_representative"), ("organisation", "organisation"))],
    "owner": [(("resident", "owner"), ("dwelling", "dwelling")), (("organisation", "owner"), ("dwelling", "dwelling"))],
    "tenant": [(("resident", "tenant"), ("dwelling", "dwelling"))],
}


def test_every_relation_of_the_town_is_stated_by_a_row_or_follows_from_a_household(town: Town, desk: Desk) -> None:
    details = {
        (row["system"], row["object"], row["source_key"], row["role"]): row
        for row in town.rows("harmonised.relation", valid_to=None)
    }
    rows: dict[tuple[str, str, str], list[dict[str, Any]]] = defaultdict(list)
    long_ago = date(1900, 1, 1)
    for place, named in desk.named.items():
        for code, pairs in PAIRS.items():
            for first, second in pairs:
                if first in named and second in named:
                    ends = [desk.entity[named[first]], desk.entity[named[second]]]
                    ends = sorted(ends) if code == "spouse" else ends
                    said = details.get((*place, code), {})
                    row = {
                        "system": place[0],
                        "role": "person",
                        "mention_id": named[first],
                        "valid_from": long_ago,
                        "": 1,
                    }
                    row |= {name: said.get(name) for name in ("family_code", "start_date", "end_date")}
                    row |= {"valid_from": said["valid_from"]} if said else {}
                    if ends[0] != ends[1]:
                        rows[code, *ends].append(row)
    homes: dict[str, list[tuple[str, dict[str, Any]]]] = defaultdict(list)
    for (code, first, second), said in rows.items():
        if code == "member":
            homes[first] += [(second, row) for row in said]
    chosen = {}
    for first, named in homes.items():
        best = desk.best("relation", "", [{**row, "home": home} for home, row in named])
        assert best is not None
        chosen[first] = best["home"]
    assert sum(len({home for home, _ in named}) > 1 for named in homes.values()) > 0  # some are known in two households
    expected = {}
    for (code, first, second), said in rows.items():
        if code != "member" or chosen[first] == second:
            best = {name: desk.best("relation", name, said) for name in ("family_code", "start_date", "end_date")}
            values = {name: row and row[name] for name, row in best.items()}
            expected[code, first, second] = {**values, "mention_count": len(said)}
    heads = {row["entity_id"]: row["head_id"] for row in town.rows("refined.household")}
    derived = set()
    for (code, member, home), values in expected.items():
        head, family = heads.get(home), values["family_code"] or ""
        if code == "member" and head not in (None, member):
            if family in ("10", "11", "12"):
                derived.add(("spouse", *sorted((member, head))))
            elif family in ("50", "51", "52"):
                derived.add(("parent", member, head))
            elif family[:1] in ("2", "3") and family[1:] in "0123456":
                derived.add(("parent", head, member))
    nothing = dict.fromkeys(("family_code", "start_date", "end_date")) | {"mention_count": 0}
    whole = dict.fromkeys(derived, nothing) | expected
    given = {(row["relation_code"], row["from_id"], row["to_id"]): row for row in town.rows("refined.relation")}
    assert {key: {name: row[name] for name in nothing} for key, row in given.items()} == whole
    kinds = {"R": "resident", "H": "household", "D": "dwelling", "O": "organisation"}
    for row in given.values():
        assert (row["from_kind"], row["to_kind"]) == (kinds[row["from_id"][0]], kinds[row["to_id"][0]])
    assert {key[0] for key in given} == {*PAIRS, "parent"}


def worked_out(town: Town, run_id: str) -> list[Any]:
    """How many entities each merge of a run worked out; None for all."""
    told = stage_log(town.workspace, run_id, "merge")
    return [entry.get("entities") for entry in told if entry["message"].startswith("working out")]


def test_a_night_works_out_what_has_changed_and_all_in_parts_gives_the_same(
    town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The candidates that nights have left step by step are those of a merge that works out all, as of a large town."""
    counts = [worked_out(town, f"{night}.1") for night in town.nights]
    whole = sum(len(town.rows(f"refined.{kind}")) for kind in KINDS)
    assert counts[0] == [None]
    assert all(0 < count[0] < whole / 2 for count in counts[1:])
    copy = town.copy_to(tmp_path / "workspace")
    last = f"{town.nights[-1]}.1"
    before = {name: copy.lake.version(f"candidate.{name}") for name in copy.conf.records}
    run = next(run for run in all_runs(copy.lake) if run.run_id == last)
    monkeypatch.setattr("jobs.merge.stage._MENTIONS_AT_ONCE", 500)
    merge.run(Context(copy.workspace, copy.conf, copy.lake, run))
    assert (copy.workspace.scratch_dir(last) / "target-resident-2").exists()
    assert worked_out(copy, last)[1:] == [None]  # once more in the same run: nothing is taken for granted
    assert {name: copy.lake.version(f"candidate.{name}") for name in copy.conf.records} == before


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


def test_every_status_has_its_resident_and_is_told_once(town: Town, desk: Desk) -> None:
    groups: dict[Any, list[dict[str, Any]]] = defaultdict(list)
    for row in town.rows("harmonised.resident_status", valid_to=None):
        place = (row["system"], row["object"], row["source_key"])
        row["resident_id"] = desk.entity[desk.named[place]["resident", "person"]]
        row["mention_id"] = hashlib.md5("|".join(("resident_status", *place, "person")).encode()).hexdigest()
        key = (row["resident_id"], row["status_code"], row["start_date"])
        groups[key if None not in key else place].append(row)
    expected = {}
    for rows in groups.values():
        best = desk.best("resident_status", "number", rows)
        assert best is not None
        expected[best["system"], best["number"]] = (
            best["resident_id"],
            best["status_code"],
            len({r["system"] for r in rows}),
        )
    statuses = town.rows("refined.resident_status")
    given = {(r["system"], r["number"]): (r["resident_id"], r["status_code"], r["system_count"]) for r in statuses}
    assert given == expected
    assert {row["resident_id"] for row in statuses} <= {row["entity_id"] for row in town.rows("refined.resident")}
    assert max(row["system_count"] for row in statuses) > 1


def test_each_derived_column_has_code_and_each_code_its_columns() -> None:
    """The model is judged by the names alone, so both lists must be the same."""
    assert {*FACTS, *ENTITIES} == set(DERIVED)
