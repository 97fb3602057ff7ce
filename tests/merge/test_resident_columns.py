"""What a resident is said to be: each column from records written here, on one entity each."""

from datetime import date
from typing import Any

import pytest

from jobs.common.base.workspace import REPOSITORY_CONF
from jobs.common.model.records import Record
from jobs.common.run.authority import load_authority
from jobs.common.run.conf import Conf
from jobs.common.run.conf_files import list_files
from jobs.common.run.office import Office
from jobs.merge.derived import derive_entity, entity_aggregates
from jobs.merge.derived.neighbours import Neighbours
from jobs.merge.survivorship import choose_fields

OFFICE = Office(register="police.population", residence=("grid.ledger", "housing.occupancy@tenant"))
D1, D2 = date(2026, 1, 1), date(2026, 2, 3)
POLICE, GRID, TENANT = (
    ("police", "population", "person"),
    ("grid", "ledger", "person"),
    ("housing", "occupancy", "tenant"),
)
OWNER, WALK_IN = ("housing", "occupancy", "owner"), ("walk_in", "register", "person")
COLUMNS = ("system", "object", "role", "valid_from", "birth_date", "death_date", "address")
RECORDS = {
    "in the register alone": [(*POLICE, D1, date(1950, 6, 1), None, "甲路1号")],
    "in the register, and lives here": [
        (*POLICE, D1, date(2020, 12, 31), None, "甲路1号"),
        (*GRID, D2, None, None, "乙路2号"),
    ],
    "a tenant": [(*TENANT, D1, None, None, None)],
    "an owner who may live elsewhere": [(*OWNER, D1, None, None, "乙路2号")],
    "deceased": [(*WALK_IN, D1, None, date(2025, 5, 1), None)],
    "twice in the register": [
        (*POLICE, D1, None, None, "甲路1号"),
        (*POLICE, D2, None, None, "丙路3号"),
        (*POLICE, D2, None, None, None),
    ],
}


def residents(spark: Any, conf: Conf, office: Office = OFFICE, year: int = 2026) -> dict[str, dict[str, Any]]:
    """The derived columns by the name of the case."""
    record: Record = conf.records["resident"]
    authority = load_authority(conf, record)
    types = {field.name: field.sql_type for field in record.fields}
    rows = []
    for name, given in RECORDS.items():
        for at, values in enumerate(given):
            told = dict(zip(COLUMNS, values, strict=True))
            others = [told.get(field) for field in types]
            place = [told[column] for column in COLUMNS[:4]]
            rows.append((name, *place, f"{at:032}", str(at), *others))
    schema = "entity_id string, system string, object string, role string, valid_from date, mention_id string, source_key string"
    schema += "".join(f", {field} {type}" for field, type in types.items())
    mentioned = spark.createDataFrame(rows, schema)
    dwellings = spark.createDataFrame([], "mention_id string, entity_id string")
    neighbours = Neighbours(dwellings, spark.createDataFrame([], "to_id string"), office, year)
    more = entity_aggregates(record, neighbours, authority)
    frame = derive_entity(record, choose_fields(mentioned, record, authority, *more), neighbours)
    return {row["entity_id"]: row for row in frame.toArrow().to_pylist()}


@pytest.fixture(scope="module")
def found(spark: Any) -> dict[str, dict[str, Any]]:
    return residents(spark, Conf(list_files(REPOSITORY_CONF).files))


@pytest.mark.parametrize(
    ("name", "is_registered", "lives_here", "registered_address", "system_count", "last_seen"),
    [
        ("in the register alone", True, False, "甲路1号", 1, D1),
        ("in the register, and lives here", True, True, "甲路1号", 2, D2),
        ("a tenant", False, True, None, 1, D1),
        ("an owner who may live elsewhere", False, False, None, 1, D1),
        ("twice in the register", True, False, "丙路3号", 1, D2),
    ],
)
def test_who_is_registered_and_who_lives_here(
    found: dict[str, dict[str, Any]],
    name: str,
    is_registered: bool,
    lives_here: bool,
    registered_address: str | None,
    system_count: int,
    last_seen: date,
) -> None:
    row = found[name]
    assert (row["is_registered"], row["lives_here"]) == (is_registered, lives_here)
    assert row["registered_address"] == registered_address
    assert (row["system_count"], row["last_seen"]) == (system_count, last_seen)


def test_the_registered_address_stands_beside_the_one_that_is_lived_at(found: dict[str, dict[str, Any]]) -> None:
    row = found["in the register, and lives here"]
    assert (row["address"], row["registered_address"]) == ("乙路2号", "甲路1号")


def test_who_is_deceased_and_how_old_the_others_are(found: dict[str, dict[str, Any]]) -> None:
    assert {name: row["is_deceased"] for name, row in found.items() if row["is_deceased"]} == {"deceased": True}
    ages = {name: (row["birth_year"], row["age_band"]) for name, row in found.items() if row["birth_year"]}
    assert ages == {
        "in the register alone": (1950, "60-79"),
        "in the register, and lives here": (2020, "06-14"),  # six in the year of the night, though not by its day
    }


def test_an_office_that_names_no_exports_says_nothing_of_them(spark: Any, conf: Conf) -> None:
    row = residents(spark, conf, Office())["in the register, and lives here"]
    assert (row["is_registered"], row["lives_here"], row["registered_address"]) == (None, None, None)
    assert (row["system_count"], row["birth_year"]) == (2, 2020)


@pytest.mark.parametrize(
    ("year", "band"),
    [(2019, None), (2020, "00-05"), (2026, "06-14"), (2035, "15-17"), (2038, "18-59"), (2080, "60-79"), (2100, "80+")],
)
def test_bands_begin_at_their_first_age(spark: Any, conf: Conf, year: int, band: str | None) -> None:
    assert residents(spark, conf, year=year)["in the register, and lives here"]["age_band"] == band
