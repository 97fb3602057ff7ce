"""Which mentions are the same dwelling, organisation and household: decisions on small tables, and made-up ones by the oracle.

a row of DWELLINGS        mention, county, road, compound, building, unit, room, house number
a row of ORGANISATIONS    mention, name, former name, credit code
a row of HOUSEHOLDS       mention, system, number, county, member, home     ->    (mention, other, decision, reason)
"""

from datetime import date
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pyspark.sql import functions as F

from jobs.common.base.workspace import Workspace
from jobs.match.match_run import MatchRun
from jobs.match.mentions import Listed, list_mentions, mention_number, plain_name
from jobs.match.stage import is_unambiguous
from tests.support.match_frames import NO_NAMES, Decided, decide_rows, open_context
from tests.support.match_oracle import (
    compound_place,
    decide,
    decide_dwellings,
    decide_households,
    decide_organisations,
    road_place,
)

pytestmark = pytest.mark.nights

ADDRESS, COMPOUND, HOUSE, SEVERAL = "same_address", "same_compound_address", "same_house_number", "names_several"
CODE, NAME = "same_credit_code", "same_organisation_name"
NUMBER, MEMBER, ANOTHER = "same_household_number", "same_member_and_dwelling", "number_of_another_household"
Expected = set[tuple[int, int, str, str]]

# The road is written with its number; county A or B; h1 is house 1 of the housing system, g1 of the grid's.
DWELLINGS: dict[str, tuple[list[tuple], Expected]] = {
    "same road, number, building, unit and room": (
        [(1, "A", "路5", None, "3", "2", "501"), (2, "A", "路5", None, "3", "2", "501")],
        {(2, 1, "accept", ADDRESS)},
    ),
    "a house with no flats in it": (
        [(1, "A", "路5", None, None, None, None), (2, "A", "路5", None, None, None, None)],
        {(2, 1, "accept", ADDRESS)},
    ),
    "the compound's name is no part of a road's address": (
        [(1, "A", "路5", "花园", "3", "2", "501"), (2, "A", "路5", "花苑", "3", "2", "501")],
        {(2, 1, "accept", ADDRESS)},
    ),
    "another number, building, unit or room": (
        [
            (1, "A", "路5", None, "3", "2", "501"), (2, "A", "路6", None, "3", "2", "501"),
            (3, "A", "路5", None, "4", "2", "501"), (4, "A", "路5", None, "3", "1", "501"),
            (5, "A", "路5", None, "3", "2", "502"), (6, "A", "路5", None, "3", None, "501"),
        ],
        set(),
    ),
    "room 5 of a house is not building 5": (
        [(1, "A", "路5", None, "5", None, None), (2, "A", "路5", None, None, None, "5")],
        set(),
    ),
    "a road alone, a compound alone": (
        [
            (1, "A", "路", None, None, None, None), (2, "A", "路", None, None, None, None),
            (3, "A", None, "花园", None, None, None), (4, "A", None, "花园", None, None, None),
        ],
        set(),
    ),
    "nothing of the address is known": (
        [(1, "A", None, None, None, None, None), (2, None, None, None, None, None, None)],
        set(),
    ),
    "the same address in another county": (
        [(1, "A", "路5", None, "3", "2", "501"), (2, "B", "路5", None, "3", "2", "501")],
        set(),
    ),
    "no county, and one has the address": (
        [(1, "A", "路5", None, "3", "2", "501"), (2, None, "路5", None, "3", "2", "501")],
        {(2, 1, "accept", ADDRESS)},
    ),
    "no county, and two have the address": (
        [
            (1, "A", "路5", None, None, None, None), (2, "B", "路5", None, None, None, None),
            (3, None, "路5", None, None, None, None), (4, "B", "路5", None, None, None, None),
        ],
        {(3, 1, "review", SEVERAL), (3, 2, "review", SEVERAL), (4, 2, "accept", ADDRESS)},
    ),
    "no county, and two have the address by road and by compound": (
        [
            (1, "A", "路5", "花园", "3", "2", "501"), (2, "B", "路5", "花园", "3", "2", "501"),
            (3, None, "路5", "花园", "3", "2", "501"),
        ],
        {(3, 1, "review", SEVERAL), (3, 2, "review", SEVERAL)},
    ),
    "no county, and none has the address": (
        [(1, None, "路5", None, "3", "2", "501"), (2, None, "路5", None, "3", "2", "501")],
        {(2, 1, "accept", ADDRESS)},
    ),
    "two counties have the road's address, one of them the compound's": (
        [
            (1, "A", "路5", None, "3", None, "1"), (2, "B", "路5", "花园", "3", None, "1"),
            (3, None, "路5", "花园", "3", None, "1"),
        ],
        {(3, 2, "accept", ADDRESS)},
    ),
    "a compound's address that one road's address has": (
        [
            (1, "A", None, "花园", "3", "2", "501"), (2, "A", "路5", "花园", "3", "2", "501"),
            (3, None, None, "花园", "3", "2", "501"),
        ],
        {(1, 2, "accept", COMPOUND), (3, 2, "accept", COMPOUND)},
    ),
    "a compound's address that only compounds have": (
        [(1, "A", None, "花园", "3", None, None), (2, "A", None, "花园", "3", None, None)],
        {(2, 1, "accept", COMPOUND)},
    ),
    "a compound's address that stands for two: the chain is cut": (
        [
            (1, "A", "路5", "花园", "3", "2", "501"), (2, "A", "路7", "花园", "3", "2", "501"),
            (3, "A", None, "花园", "3", "2", "501"), (4, "A", "路7", None, "3", "2", "501"),
        ],
        {(3, 1, "review", SEVERAL), (3, 2, "review", SEVERAL), (4, 2, "accept", ADDRESS)},
    ),
    "two compounds' names of one road's address": (
        [
            (1, "A", "路5", "花园", "3", "2", "501"), (2, "A", "路5", "花苑", "3", "2", "501"),
            (3, "A", None, "花园", "3", "2", "501"), (4, "A", None, "花苑", "3", "2", "501"),
        ],
        {(2, 1, "accept", ADDRESS), (3, 1, "accept", COMPOUND), (4, 1, "accept", COMPOUND)},
    ),
    "no address, but the house number of one": (
        [(1, "A", None, None, None, None, None, "h1"), (2, "A", "路5", None, "3", "2", "501", "h1")],
        {(1, 2, "accept", HOUSE)},
    ),
    "no address, and a compound's address under the house number": (
        [
            (1, None, None, None, None, None, None, "h1"), (2, "A", None, "花园", "3", "2", "501", "h1"),
            (3, "A", "路5", "花园", "3", "2", "501"),
        ],
        {(1, 3, "accept", HOUSE), (2, 3, "accept", COMPOUND)},
    ),
    "house numbers only": (
        [(1, "A", None, None, None, None, None, "h1"), (2, "A", "路", None, None, None, None, "h1")],
        {(2, 1, "accept", HOUSE)},
    ),
    "the house number of another system": (
        [(1, "A", None, None, None, None, None, "g1"), (2, "A", "路5", None, "3", "2", "501", "h1")],
        set(),
    ),
    "a house number does not join two addresses": (
        [
            (1, "A", "路5", None, "3", "2", "501", "h1"), (2, "A", "路7", None, "3", "2", "501", "h1"),
            (3, "A", None, None, None, None, None, "h1"),
        ],
        {(3, 1, "review", SEVERAL), (3, 2, "review", SEVERAL)},
    ),
}  # fmt: skip

X, Y = "91320102MA00000001", "91320102MA00000002"
ORGANISATIONS: dict[str, tuple[list[tuple], Expected]] = {
    "same credit code": (
        [(1, "甲公司", None, X), (2, "甲公司", None, X)],
        {(2, 1, "accept", CODE)},
    ),
    "same credit code under another name": (
        [(1, "甲公司", None, X), (2, "乙公司", None, X), (3, None, None, X)],
        {(2, 1, "accept", CODE), (3, 1, "accept", CODE)},
    ),
    "two credit codes under one name": (
        [(1, "甲公司", None, X), (2, "甲公司", None, Y)],
        set(),
    ),
    "no code, but the name of one": (
        [(1, "甲公司", None, X), (2, "甲公司", None, None)],
        {(2, 1, "accept", NAME)},
    ),
    "full-width brackets, blanks and small letters": (
        [(1, "甲(南京)A公司", None, X), (2, " 甲（南京）　ａ 公司", None, None), (3, "甲【南京】A公司", None, None)],
        {(2, 1, "accept", NAME), (3, 1, "accept", NAME)},
    ),
    "no code, and a name of two: no contradiction is joined": (
        [(1, "甲公司", None, X), (2, "甲公司", None, Y), (3, "甲公司", None, None)],
        {(3, 1, "review", SEVERAL), (3, 2, "review", SEVERAL)},
    ),
    "the former name of a renamed enterprise": (
        [(1, "乙公司", "甲公司", X), (2, "甲公司", None, None)],
        {(2, 1, "accept", NAME)},
    ),
    "the former name of one is the name of another": (
        [(1, "乙公司", "甲公司", X), (2, "甲公司", None, Y), (3, "甲公司", None, None)],
        {(3, 1, "review", SEVERAL), (3, 2, "review", SEVERAL)},
    ),
    "no code, but a former name that one has": (
        [(1, "甲公司", None, X), (2, "乙公司", "甲公司", None), (3, "乙公司", None, None)],
        {(2, 1, "accept", NAME), (3, 1, "accept", NAME)},
    ),
    "the present name comes before the former one": (
        [(1, "甲公司", None, X), (2, "乙公司", None, Y), (3, "乙公司", "甲公司", None)],
        {(3, 2, "accept", NAME)},
    ),
    "nobody has a code": (
        [(1, "甲公司", None, None), (2, "乙公司", "甲公司", None), (3, "乙公司", None, None), (4, "丙公司", None, None)],
        {(2, 1, "accept", NAME), (3, 1, "accept", NAME)},
    ),
    "a former name that two have had stands for neither": (
        [(1, "甲公司", None, None), (2, "乙公司", "甲公司", None), (3, "丙公司", "甲公司", None)],
        set(),
    ),
    "only a former name": (
        [(1, "甲公司", None, X), (2, None, "甲公司", None)],
        {(2, 1, "accept", NAME)},
    ),
    "no name": (
        [(1, "无", None, None), (2, "无", None, None), (3, "灵活 就业", None, None), (4, "灵活就业", None, X),
         (5, None, None, None), (6, None, None, None), (7, " ", None, None), (8, "", None, None)],
        set(),
    ),
}  # fmt: skip

# Members are r1, r2 ...; homes d1, d2 ...; they stand for mentions of the same row, each of an entity of its own.
HOUSEHOLDS: dict[str, tuple[list[tuple], Expected]] = {
    "same number in one system": (
        [(1, "police", "H1", "A", "r1", "d1"), (2, "police", "H1", "A", "r2", "d2"), (3, "police", "H2", "A", "r3", "d1")],
        {(2, 1, "accept", NUMBER)},
    ),
    "same number in two systems, a member in common": (
        [(1, "police", "H1", "A", "r1", "d1"), (2, "grid", "H1", None, "r1", "d2")],
        {(2, 1, "accept", NUMBER)},
    ),
    "same number in two systems, the dwelling in common": (
        [(1, "police", "H1", "A", "r1", "d1"), (2, "police", "H1", "A", "r3", "d3"), (3, "grid", "H1", "A", "r2", "d1")],
        {(2, 1, "accept", NUMBER), (3, 1, "accept", NUMBER)},
    ),
    "same number in two systems, other members in another dwelling": (
        [(1, "police", "H1", "A", "r1", "d1"), (2, "grid", "H1", "A", "r2", "d2")],
        {(2, 1, "reject", ANOTHER)},
    ),
    "same number in two systems, and of one no dwelling is known": (
        [(1, "police", "H1", "A", "r1", "d1"), (2, "grid", "H1", "A", "r2", None)],
        {(2, 1, "accept", NUMBER)},
    ),
    "same number in two systems, no dwelling and no county": (
        [(1, "police", "H1", "A", "r1", "d1"), (2, "grid", "H1", None, "r2", None)],
        set(),
    ),
    "same number in two counties": (
        [(1, "police", "H1", "A", "r1", "d1"), (2, "grid", "H1", "B", "r1", "d2")],
        set(),
    ),
    "a number between two that contradict each other": (
        [(1, "police", "H1", "A", "r1", "d1"), (2, "grid", "H1", "A", "r2", "d2"), (3, "health", "H1", "A", "r3", None)],
        {(2, 1, "reject", ANOTHER), (3, 1, "review", SEVERAL), (3, 2, "review", SEVERAL)},
    ),
    "a member at a dwelling in common": (
        [(1, "police", "H1", "A", "r1", "d1"), (2, "police", "H1", "A", "r2", "d1"),
         (3, "grid", "W1", "A", "r2", "d1"), (4, "grid", "W1", "A", "r3", "d1")],
        {(2, 1, "accept", NUMBER), (3, 1, "accept", MEMBER), (4, 3, "accept", NUMBER)},
    ),
    "a member in common who has moved": (
        [(1, "police", "H1", "A", "r1", "d1"), (2, "grid", "W1", "A", "r1", "d2")],
        set(),
    ),
    "a dwelling in common of two families": (
        [(1, "police", "H1", "A", "r1", "d1"), (2, "grid", "W1", "A", "r2", "d1")],
        set(),
    ),
    "a household of one system that is two of another": (
        [(1, "police", "H1", "A", "r1", "d1"), (2, "police", "H2", "A", "r2", "d1"),
         (3, "grid", "W1", "A", "r1", "d1"), (4, "grid", "W1", "A", "r2", "d1")],
        {(3, 1, "review", SEVERAL), (3, 2, "review", SEVERAL), (4, 3, "accept", NUMBER)},
    ),
    "a chain over a third system joins no two numbers": (
        [(1, "police", "H1", "A", "r1", "d1"), (2, "grid", "W1", "A", "r1", "d1"), (3, "grid", "W1", "A", "r2", "d1"),
         (4, "health", "K1", "A", "r2", "d1"), (5, "health", "K1", "A", "r3", "d1"), (6, "police", "H2", "A", "r3", "d1")],
        {(2, 1, "review", SEVERAL), (3, 2, "accept", NUMBER), (4, 2, "review", SEVERAL), (5, 4, "accept", NUMBER),
         (6, 4, "review", SEVERAL)},
    ),
    "the number comes before the member": (
        [(1, "police", "H1", "A", "r1", "d1"), (2, "police", "H2", "A", "r2", "d1"),
         (3, "grid", "H1", "A", "r1", "d1"), (4, "grid", "H1", "A", "r2", "d1")],
        {(3, 1, "accept", NUMBER), (4, 3, "accept", NUMBER), (3, 2, "review", SEVERAL)},
    ),
    "no number, but a member at a dwelling": (
        [(1, "police", "H1", "A", "r1", "d1"), (2, "grid", None, "A", "r1", "d1"), (3, "grid", None, "A", "r2", "d1")],
        {(2, 1, "accept", MEMBER)},
    ),
    "no number, and the member is in two households": (
        [(1, "police", "H1", "A", "r1", "d1"), (2, "police", "H2", "A", "r1", "d1"), (3, "grid", None, "A", "r1", "d1")],
        {(2, 1, "review", SEVERAL), (3, 1, "review", SEVERAL)},
    ),
    "no numbers at all": (
        [(1, "grid", None, "A", "r1", "d1"), (2, "grid", None, "A", "r1", "d1"), (3, "grid", None, "A", None, None)],
        {(2, 1, "accept", MEMBER)},
    ),
}  # fmt: skip
CASES = {"dwelling": DWELLINGS, "organisation": ORGANISATIONS, "household": HOUSEHOLDS}
SPACE = 1000  # numbers of a case; those of residents and homes lie beyond all cases
BEYOND = {"r": 2_000_000, "d": 3_000_000}


def division(county: str | None) -> str | None:
    return county and {"A": "320102002001", "B": "320104003002"}[county]


def dwelling_row(first: int, row: tuple) -> dict[str, Any]:
    mention, county, road, compound, building, unit, room, *house = row
    name, number = (road[:1], road[1:] or None) if road else (None, None)
    return {
        "mention_id": first + mention, "division_code": division(county), "road": name and f"{name}{first}",
        "road_number": number, "compound": compound and f"{compound}{first}", "building": building, "unit": unit,
        "room": room, "system": {"h": "housing", "g": "grid"}[house[0][0]] if house else "police",
        "house_number": f"{house[0][1:]}/{first}" if house else None,
    }  # fmt: skip


def organisation_row(first: int, row: tuple) -> dict[str, Any]:
    mention, name, former, code = row
    placed = [
        text and (text if text.strip() in ("", "无") or "灵活" in text else f"{text}{first}") for text in (name, former)
    ]
    return {
        "mention_id": first + mention, "name": placed[0], "former_name": placed[1], "credit_code": code and f"{code}{first}",
    }  # fmt: skip


def household_row(first: int, row: tuple) -> dict[str, Any]:
    mention, system, number, county, member, home = row
    member, home = (text and BEYOND[text[0]] + first + int(text[1:]) for text in (member, home))
    return {
        "mention_id": first + mention, "system": system, "number": number and f"{number}/{first}",
        "division_code": division(county), "county": county, "member": member, "home": home,
    }  # fmt: skip


MAKE = {"dwelling": dwelling_row, "organisation": organisation_row, "household": household_row}


def case_rows() -> dict[str, list[dict[str, Any]]]:
    """The rows of all cases, kept apart by the first number of each, and the homes of households, each at a road of its own."""
    rows: dict[str, list[dict[str, Any]]] = {"resident": [{"mention_id": 0}]}
    for place, (kind, cases) in enumerate(CASES.items(), start=1):
        rows[kind] = []
        for turn, (case, _) in enumerate(cases.values()):
            rows[kind] += [MAKE[kind](SPACE * (place * 100 + turn), row) for row in case]
    return rows


def homes_of(households: list[dict[str, Any]]) -> list[dict[str, Any]]:
    homes = sorted({row["home"] for row in households} - {None})
    return [{"mention_id": home, "road": f"家{home}", "road_number": "1"} for home in homes]


def numbers_of(rows: list[dict[str, Any]]) -> list[int]:
    return [row["mention_id"] for row in rows]


@pytest.fixture(scope="module")
def decided(spark: Any, tmp_path_factory: pytest.TempPathFactory) -> Decided:
    rows = case_rows()
    whole = rows | {"dwelling": rows["dwelling"] + homes_of(rows["household"])}
    return decide_rows(Workspace(tmp_path_factory.mktemp("cases")), whole)


@pytest.mark.parametrize(("kind", "case"), [(kind, case) for kind, cases in CASES.items() for case in cases])
def test_decisions(decided: Decided, kind: str, case: str) -> None:
    first = SPACE * ((1 + list(CASES).index(kind)) * 100 + list(CASES[kind]).index(case))
    assert decided.edges(first, first + SPACE - 1) == sorted(CASES[kind][case][1])


def test_decisions_keep_to_their_kind(decided: Decided) -> None:
    rows = case_rows()
    kinds = {number: kind for kind, own in rows.items() for number in numbers_of(own)}
    assert {(kinds[row["number"]], kinds[row["other"]]) for row in decided.decisions} == {
        (kind, kind) for kind in CASES
    }
    assert all(row["kind"] == kinds[row["number"]] for row in decided.decisions)


def oracle_agrees(found: Decided, rows: dict[str, list[dict[str, Any]]]) -> None:
    """Clusters, pairs for review and rejected pairs of every kind are those of the oracle."""
    groups, rejected, review = decide(rows["resident"], LISTS) if len(rows["resident"]) > 1 else (set(), set(), set())
    if groups:
        own = numbers_of(rows["resident"])
        assert (found.groups(own), found.pairs("review", own)) == (groups, review)
        assert {mention for mention, _ in found.pairs("reject", own)} == rejected
    own = numbers_of(rows["dwelling"])
    assert (found.groups(own), found.pairs("review", own)) == decide_dwellings(rows["dwelling"])
    own = numbers_of(rows["organisation"])
    assert (found.groups(own), found.pairs("review", own)) == decide_organisations(rows["organisation"], NO_NAMES)
    own = numbers_of(rows["household"])
    said = found.groups(own), found.pairs("review", own), found.pairs("reject", own)
    assert said == decide_households(rows["household"])


def test_the_oracle_decides_the_cases_alike(decided: Decided) -> None:
    names = ("house_number", "division_code", "road", "road_number", "compound", "building", "unit", "room", "system")
    rows = case_rows()
    dwellings = [dict.fromkeys(names) | row for row in rows["dwelling"]]
    oracle_agrees(decided, rows | {"dwelling": dwellings})


# --- made-up towns -----------------------------------------------------------------------------------------------------

DAYS = [date(1980, 1, 1), date(1985, 5, 5)]
NEAR_DAYS = [date(1985, 5, 6), date(1980, 3, 7)]


def one_of(*values: Any) -> st.SearchStrategy[Any]:
    return st.sampled_from(values)


# A row of a source that names one of each kind; few values, so that most of them meet.
SOURCE_ROW = st.fixed_dictionaries(
    {
        "name": one_of("甲", "乙", "丙", None), "birth_date": one_of(*DAYS, *NEAR_DAYS, None),
        "phone": one_of("1", "2", None, None), "called": one_of("甲", "乙", None, None, None, None),
        "row_place": one_of(1, 2, None), "row_number": one_of(3, 4, None, None), "object": one_of("list", None, None),
        "id": one_of(*((day, turn) for day in DAYS for turn in (1, 2)), None), "system": one_of("police", "grid", "health"),
        "county": one_of("A", "A", "B", None), "road": one_of("路", "街", None), "road_number": one_of("5", "6", None),
        "compound": one_of("花园", "花苑", None), "building": one_of("3", "4", None), "unit": one_of("1", None),
        "room": one_of("501", None), "house_number": one_of("h1", "h2", None), "number": one_of("1", "2", "3", None),
        "organisation": one_of("甲公司", "乙公司", "丙公司", "无", None), "former_name": one_of("甲公司", "乙公司", None),
        "credit_code": one_of("X", "Y", None),
    }
)  # fmt: skip


def told_by_row(place: int, row: dict[str, Any]) -> dict[str, Any]:
    """Dwelling, household and list of a resident's row, as keys of a town and as the oracle has them."""
    keys = {name: row[name] and 10 * place + row[name] for name in ("row_place", "row_number")}
    contacts = {(name, key) for name, key in keys.items() if key}
    return keys | {"contacts": contacts, "system": row["system"], "object": row["object"]}


LISTS = [(system, "list") for system in ("police", "grid", "health")]


def town_rows(place: int, source: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """The mentions of one town; its texts are met in no other."""
    rows: dict[str, list[dict[str, Any]]] = {kind: [] for kind in ("resident", *CASES)}
    for turn, row in enumerate(source):
        own = {name: value and f"{value}/{place}" for name, value in row.items() if isinstance(value, str)}
        own = dict.fromkeys(row) | own
        first = SPACE * (place + 1) + turn
        resident = {name: own[name] for name in ("name", "phone")} | {"birth_date": row["birth_date"]}
        resident |= {"former_name": own["called"], "role": "person", **told_by_row(place, row)}
        resident["id_number"] = row["id"] and f"{place:06d}{row['id'][0]:%Y%m%d}{row['id'][1]:04d}"
        parts = ("road", "road_number", "compound", "building", "unit", "room", "house_number")
        named = {"name": "无" if row["organisation"] == "无" else own["organisation"]}
        held = {"system": row["system"], "division_code": division(row["county"])}
        rows["resident"].append({"mention_id": first, **resident})
        rows["dwelling"].append({"mention_id": first + 100, **{name: own[name] for name in parts}, **held})
        codes = {name: own[name] for name in ("former_name", "credit_code")}
        rows["organisation"].append({"mention_id": first + 200, **named, **codes})
        both = {"county": row["county"], "member": first, "home": first + 100}
        rows["household"].append({"mention_id": first + 300, "number": own["number"], **held, **both})
    return rows


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
@given(st.lists(st.lists(SOURCE_ROW, min_size=2, max_size=14), min_size=1, max_size=25))
def test_made_up_towns_are_matched_as_the_oracle_does(
    spark: Any, tmp_path_factory: pytest.TempPathFactory, sources: list[list[dict[str, Any]]]
) -> None:
    """All kinds at once; households know members and homes by the clusters that the oracle itself has found."""
    towns = [town_rows(place, source) for place, source in enumerate(sources)]
    whole = {kind: [row for town in towns for row in town[kind]] for kind in towns[0]}
    found = decide_rows(Workspace(tmp_path_factory.mktemp("towns")), whole)
    for town in towns:
        residents, dwellings = decide(town["resident"], LISTS)[0], decide_dwellings(town["dwelling"])[0]
        cluster = {mention: group for group in residents | dwellings for mention in group}
        known = {
            row["mention_id"]
            for row in town["dwelling"]
            if road_place(row) or compound_place(row) or row["house_number"]
        }
        households = [
            row | {"member": cluster[row["member"]], "home": cluster[row["home"]] if row["home"] in known else None}
            for row in town["household"]
        ]
        oracle_agrees(found, town | {"household": households})


# --- evidence ----------------------------------------------------------------------------------------------------------


def test_names_are_compared_without_what_forms_do_to_them(spark: Any) -> None:
    names = {
        "南京甲(集团)A公司": "南京甲(集团)A公司",
        "　南京甲（集团）ａ 公司 ": "南京甲(集团)A公司",
        "南京甲【集团】A公司": "南京甲(集团)A公司",
        "南京甲〔集团〕Ａ公司": "南京甲(集团)A公司",
        "乙\u00a0公司": "乙公司",
        "": "",
    }
    frame = spark.createDataFrame(list(names.items()), "name string, expected string")
    rows = frame.select("expected", plain_name(F.col("name")).alias("found")).toArrow().to_pylist()
    assert [row["found"] for row in rows] == [row["expected"] for row in rows]


def test_a_household_knows_its_number_and_who_is_in_its_row(spark: Any) -> None:
    """Through the whole of `list_mentions`: the mentions of the same row are found by their ids."""
    fields = {"resident": "name string", "dwelling": "road string", "household": "number string, division_code string"}
    extra = {
        "resident": "id_number string, birth_date date, phone string, former_name string",
        "dwelling": "road_number string, compound string, building string, unit string, room string, house_number string, "
        "division_code string",
    }
    place = (
        "system string, object string, source_key string, role string, file_id string, row_number bigint, valid_to date"
    )
    values = {
        "resident": [("张三",), ("李四",)], "dwelling": [("路",), ("路",)], "household": [("H1", "320102002001")] * 2,
    }  # fmt: skip
    listed = {}
    for kind, schema in fields.items():
        rows = [
            ("police", "population", f"k{turn}", "person" if kind == "resident" else kind, "f", turn, None, *own)
            for turn, own in enumerate(values[kind])
        ]
        frame = spark.createDataFrame(rows, f"{place}, {schema}")
        for column in filter(None, extra.get(kind, "").split(", ")):
            name, type = column.split()
            frame = frame.withColumn(name, F.lit(None).cast(type))
        found = list_mentions(frame, kind, 0, Listed()).toArrow().to_pylist()
        listed[kind] = {row["source_key"]: row for row in found}
    for key, household in listed["household"].items():
        assert (
            household["person"]
            == listed["resident"][key]["number"]
            == int(listed["resident"][key]["mention_id"][:15], 16)
        )
        assert household["place"] == listed["dwelling"][key]["number"]
    owner = frame.where("source_key = 'k0'").withColumn(
        "role", F.lit("owner")
    )  # the row's person is not in that household
    assert list_mentions(owner, "household", 0, Listed()).toArrow().to_pylist()[0]["person"] is None
    one, other = listed["household"].values()
    assert one["register_key"] == other["register_key"] is not None
    assert one["number"] != other["number"]


def test_mentions_that_begin_alike_are_told_apart_by_another_numbering(spark: Any, tmp_path: Any) -> None:
    ids = [("0" * 15 + "1" * 17,), ("0" * 15 + "2" * 17,), ("0" * 15 + "2" * 17,)]
    frame = spark.createDataFrame(ids, "mention_id string")
    context = open_context(Workspace(tmp_path))
    assert not is_unambiguous(MatchRun(context, 0).numbered(frame))
    assert is_unambiguous(MatchRun(context, 15).numbered(frame))
    numbers = frame.select(mention_number(F.col("mention_id"), 0).alias("n")).toArrow().column("n").to_pylist()
    assert numbers == [0, 0, 0]
