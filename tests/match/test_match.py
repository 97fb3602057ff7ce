"""Who is the same resident: decisions on small tables, and the whole town against oracle and truth.

a row of CASES   mention, name, birth date, id number, phone, and what else   ->    (mention, other, decision, reason)

What else: `former` name; `place` and `number`, dwelling and household of the same row; `list`, whose keys tell people apart.
"""

import random
from collections import Counter
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from jobs import match
from jobs.common.base.workspace import Workspace
from jobs.common.model.links import COPIED_ID
from jobs.common.run.runs import all_runs
from jobs.common.run.stage import Context, open_context
from jobs.match import stage
from jobs.match.mentions import KINDS, lists_of_people
from tests.support.match_frames import ALL, NEAR, Decided, decide_rows, match_looked_at
from tests.support.match_oracle import decide, decide_records, mention_of
from tests.support.town import Town

pytestmark = [pytest.mark.xdist_group("town"), pytest.mark.nights]

pytest_plugins = ["tests.support.town_fixtures"]
BORN, OTHER_DAY = date(1980, 1, 1), date(1985, 5, 5)
DAY = OTHER_DAY
ID, OTHER_ID, THIRD_ID = "320102198001010011", "320102198505050022", "320102198001010038"
FOURTH_ID, FIFTH_ID = "320102198505050049", "320102198505060051"
PHONE, OTHER_PHONE = "13900000001", "13900000002"
NAME, BIRTH = "same_id_and_name", "same_id_and_birth_date"
NAME_BIRTH_PHONE, NAME_PHONE = "same_name_birth_date_phone", "same_name_and_phone"
ONE_ID, NO_ID, NEAR_BIRTH = (
    "same_name_birth_date_one_id",
    "same_name_birth_date_no_id",
    "same_name_and_contact_near_birth_date",
)
NAME_BIRTH_ADDRESS, NAME_BIRTH_HOUSEHOLD = "same_name_birth_date_address", "same_name_birth_date_household"
COPIED, SEVERAL, NOT_FITTING = "id_held_by_another", "names_several", "id_does_not_fit"

CASES: dict[str, tuple[list[tuple], set[tuple[str, str, str, str]]]] = {
    "same id and name": (
        [("1", "张三", BORN, ID, None), ("2", "张三", None, ID, None)],
        {("2", "1", "accept", NAME)},
    ),
    "same id and birth date under a former name": (
        [("1", "张三", BORN, ID, None), ("2", "张四", BORN, ID, None)],
        {("2", "1", "accept", BIRTH)},
    ),
    "same id and name though a birth date is mistyped": (
        [("1", "张三", BORN, ID, None), ("2", "张三", OTHER_DAY, ID, None)],
        {("2", "1", "accept", NAME)},
    ),
    "two names that a third row brings together": (
        [("1", "张三", BORN, ID, None), ("2", "张四", OTHER_DAY, ID, None), ("3", "张三", OTHER_DAY, ID, None)],
        {("2", "1", "accept", BIRTH), ("3", "1", "accept", NAME)},
    ),
    "an id copied by a relative": (
        [("1", "张父", BORN, ID, None), ("2", "张子", OTHER_DAY, ID, None)],
        {("2", "1", "reject", COPIED)},
    ),
    "the number's own birth date tells whose it is, not who comes first": (
        [("1", "张子", OTHER_DAY, ID, None), ("2", "张父", BORN, ID, None)],
        {("1", "2", "reject", COPIED)},
    ),
    "without birth dates the greater number of rows tells": (
        [("1", "张子", None, ID, None), ("2", "张父", None, ID, None), ("3", "张父", None, ID, None)],
        {("1", "2", "reject", COPIED), ("3", "2", "accept", NAME)},
    ),
    "a copied id does not hide whose row it is": (
        [("1", "张父", BORN, ID, PHONE), ("2", "张子", OTHER_DAY, OTHER_ID, PHONE), ("3", "张子", OTHER_DAY, ID, PHONE)],
        {("3", "1", "reject", COPIED), ("3", "2", "accept", NAME_BIRTH_PHONE)},
    ),
    "two who copied the same id are not joined by it": (
        [("1", "张父", BORN, ID, None), ("2", "李四", OTHER_DAY, ID, None), ("3", "李四", OTHER_DAY, ID, None)],
        {("2", "1", "reject", COPIED), ("3", "1", "reject", COPIED), ("3", "2", "review", NO_ID)},
    ),
    "an id without a name or birth date that agrees": (
        [("1", "张三", BORN, ID, None), ("2", None, None, ID, None)],
        {("2", "1", "reject", COPIED)},
    ),
    "no id, but name, birth date and phone of one": (
        [("1", "张三", BORN, ID, PHONE), ("2", "张三", BORN, None, PHONE)],
        {("2", "1", "accept", NAME_BIRTH_PHONE)},
    ),
    "no id, and another phone": (
        [("1", "张三", DAY, OTHER_ID, PHONE), ("2", "张三", DAY, None, OTHER_PHONE)],
        {("2", "1", "accept", ONE_ID)},
    ),
    "no id and no phone": (
        [("1", "张三", DAY, OTHER_ID, PHONE), ("2", "张三", DAY, None, None)],
        {("2", "1", "accept", ONE_ID)},
    ),
    "one id under name and birth date, told by the number alone": (
        [("1", "张三", None, OTHER_ID, PHONE), ("2", "张三", DAY, None, None)],
        {("2", "1", "accept", ONE_ID)},
    ),
    "one id under name and birth date, but born on 1 January as many who do not know": (
        [("1", "张三", BORN, ID, PHONE), ("2", "张三", BORN, None, OTHER_PHONE)],
        {("2", "1", "review", ONE_ID)},
    ),
    "two ids under name and birth date, and no contact": (
        [("1", "张三", DAY, OTHER_ID, PHONE), ("2", "张三", DAY, FOURTH_ID, None), ("3", "张三", DAY, None, None)],
        {("3", "1", "review", SEVERAL), ("3", "2", "review", SEVERAL)},
    ),
    "two ids under name and birth date, and a contact": (
        [
            ("1", "张三", DAY, OTHER_ID, PHONE), ("2", "张三", DAY, FOURTH_ID, None, {"place": 1}),
            ("3", "张三", DAY, None, None, {"place": 1}),
        ],
        {("3", "2", "accept", NAME_BIRTH_ADDRESS)},
    ),
    "no id under name and birth date, and no contact": (
        [("1", "张三", DAY, None, PHONE), ("2", "张三", DAY, None, OTHER_PHONE)],
        {("2", "1", "review", NO_ID)},
    ),
    "name, birth date and dwelling, and another phone": (
        [("1", "张三", BORN, ID, PHONE, {"place": 1}), ("2", "张三", BORN, None, OTHER_PHONE, {"place": 1})],
        {("2", "1", "accept", NAME_BIRTH_ADDRESS)},
    ),
    "name, birth date and household number": (
        [("1", "张三", BORN, ID, PHONE, {"number": 1}), ("2", "张三", BORN, None, None, {"number": 1})],
        {("2", "1", "accept", NAME_BIRTH_HOUSEHOLD)},
    ),
    "a chain over contacts ends at the one who has an id": (
        [
            ("1", "张三", BORN, ID, PHONE), ("2", "张三", BORN, None, PHONE, {"place": 1}),
            ("3", "张三", BORN, None, None, {"place": 1}),
        ],
        {("2", "1", "accept", NAME_BIRTH_PHONE), ("3", "1", "accept", NAME_BIRTH_ADDRESS)},
    ),
    "a chain between two ids is cut": (
        [
            ("1", "张三", BORN, ID, PHONE), ("2", "张三", BORN, THIRD_ID, None, {"place": 1}),
            ("3", "张三", BORN, None, PHONE, {"number": 1}), ("4", "张三", BORN, None, None, {"place": 1, "number": 1}),
            ("5", "张三", BORN, None, PHONE, {"place": 1}),
        ],
        {
            ("3", "1", "accept", NAME_BIRTH_PHONE), ("4", "2", "accept", NAME_BIRTH_ADDRESS),
            ("5", "1", "review", SEVERAL), ("5", "2", "review", SEVERAL),
        },
    ),
    "two of a list under one name and birth date": (
        [("1", "张三", DAY, OTHER_ID, None, {"list": "a"}), ("2", "张三", DAY, None, None, {"list": "a"})],
        {("2", "1", "review", ONE_ID)},
    ),
    "two of a list with one contact as well": (
        [("1", "张三", DAY, OTHER_ID, PHONE, {"list": "a"}), ("2", "张三", DAY, None, PHONE, {"list": "a"})],
        {("2", "1", "accept", NAME_BIRTH_PHONE)},
    ),
    "a valid id that does not fit, of one whose own is known by the dwelling": (
        [("1", "张三", DAY, OTHER_ID, PHONE, {"place": 1}), ("2", "张三", DAY, ID, None, {"place": 1})],
        {("2", "1", "accept", NOT_FITTING)},
    ),
    "two valid ids that fit, with one name, birth date and contact": (
        [("1", "张三", DAY, OTHER_ID, PHONE), ("2", "张三", DAY, FOURTH_ID, PHONE)],
        set(),
    ),
    "a twin with the number of the other, known by the dwelling": (
        [
            ("1", "张大", BORN, ID, None, {"place": 1}), ("2", "张小", BORN, THIRD_ID, None, {"place": 1}),
            ("0", "张小", BORN, ID, None, {"place": 1}),
        ],
        {("0", "1", "reject", COPIED), ("0", "2", "accept", NAME_BIRTH_ADDRESS)},
    ),
    "a former name with the same id": (
        [("1", "张三", BORN, ID, None, {"former": "张四"}), ("2", "张四", None, ID, None)],
        {("2", "1", "accept", "same_id_and_former_name")},
    ),
    "a former name with birth date and contact": (
        [("1", "张三", BORN, ID, PHONE, {"former": "张四"}), ("2", "张四", BORN, None, PHONE)],
        {("2", "1", "accept", NAME_BIRTH_PHONE)},
    ),
    "a former name with the birth date alone": (
        [("1", "张三", DAY, OTHER_ID, PHONE, {"former": "张四"}), ("2", "张四", DAY, None, None)],
        set(),
    ),
    "birth dates with day and month in the other order": (
        [("1", "张三", date(1985, 5, 7), OTHER_ID, PHONE), ("2", "张三", date(1985, 7, 5), None, PHONE)],
        {("2", "1", "accept", NEAR_BIRTH)},
    ),
    "near birth dates of two in one home": (
        [
            ("1", "张三", DAY, OTHER_ID, PHONE), ("2", "张三", date(1985, 5, 6), None, PHONE),
            ("3", "张小", date(1985, 5, 6), None, PHONE),
        ],
        {("2", "1", "accept", NEAR_BIRTH)},
    ),
    "near birth dates of two ids": (
        [("1", "张三", DAY, OTHER_ID, PHONE), ("2", "张三", date(1985, 5, 6), FIFTH_ID, PHONE)],
        set(),
    ),
    "near birth dates without a contact": (
        [("1", "张三", DAY, OTHER_ID, PHONE), ("2", "张三", date(1985, 5, 6), None, OTHER_PHONE)],
        set(),
    ),
    "near birth dates of two of a list": (
        [
            ("1", "张三", DAY, OTHER_ID, PHONE, {"list": "a"}),
            ("2", "张三", date(1985, 5, 6), None, PHONE, {"list": "a"}),
        ],
        {("2", "1", "review", NEAR_BIRTH)},
    ),
    "no birth date, but name and dwelling of one": (
        [("1", "张三", DAY, OTHER_ID, None, {"place": 1}), ("2", "张三", None, None, None, {"place": 1})],
        {("2", "1", "accept", "same_name_and_address")},
    ),
    "namesakes of a list with one phone": (
        [
            ("1", "张秀英", None, None, PHONE, {"list": "a"}), ("2", "张秀英", None, None, PHONE, {"list": "a"}),
            ("3", "王桂兰", None, None, PHONE, {"list": "a"}),
        ],
        {("2", "1", "review", NAME_PHONE)},
    ),
    "namesakes of a list with the phone of one of another list": (
        [
            ("1", "张秀英", DAY, OTHER_ID, PHONE, {"list": "b"}), ("2", "张秀英", None, None, PHONE, {"list": "a"}),
            ("3", "张秀英", None, None, PHONE, {"list": "a"}),
        ],
        {("2", "1", "review", NAME_PHONE), ("3", "1", "review", NAME_PHONE)},
    ),
    "namesakes of a list, and nobody knows which of them a third one is": (
        [
            ("1", "张秀英", None, None, PHONE, {"list": "a"}), ("2", "张秀英", None, None, PHONE, {"list": "a"}),
            ("3", "张秀英", None, None, PHONE, {"list": "b"}),
        ],
        {("2", "1", "review", NAME_PHONE), ("3", "1", "review", NAME_PHONE)},
    ),
    "two of a list with one id": (
        [("1", "张三", DAY, OTHER_ID, None, {"list": "a"}), ("2", "张三", DAY, OTHER_ID, None, {"list": "a"})],
        {("2", "1", "accept", NAME)},
    ),
    "a name in traditional characters, and one with dots and blanks": (
        [
            ("1", "張偉", DAY, OTHER_ID, PHONE), ("2", "张伟", DAY, None, PHONE),
            ("3", "买买提·吐尔逊", BORN, ID, PHONE), ("4", "買買提 吐尔逊", BORN, None, PHONE),
        ],
        {("2", "1", "accept", NAME_BIRTH_PHONE), ("4", "3", "accept", NAME_BIRTH_PHONE)},
    ),
    "nobody has an id": (
        [("1", "张三", BORN, None, PHONE), ("2", "张三", BORN, None, PHONE), ("3", "张三", BORN, None, PHONE)],
        {("2", "1", "accept", NAME_BIRTH_PHONE), ("3", "1", "accept", NAME_BIRTH_PHONE)},
    ),
    "name, birth date and phone of two": (
        [("1", "张三", BORN, ID, PHONE), ("2", "张三", BORN, THIRD_ID, PHONE), ("3", "张三", BORN, None, PHONE)],
        {("3", "1", "review", SEVERAL), ("3", "2", "review", SEVERAL)},
    ),
    "namesakes with one birthday": (
        [("1", "张三", BORN, ID, PHONE), ("2", "张三", BORN, THIRD_ID, OTHER_PHONE), ("3", "张三", BORN, None, OTHER_PHONE)],
        {("3", "2", "accept", NAME_BIRTH_PHONE)},
    ),
    "twins in one household": (
        [("1", "张大", BORN, ID, PHONE), ("2", "张小", BORN, THIRD_ID, PHONE), ("3", "张小", BORN, None, PHONE)],
        {("3", "2", "accept", NAME_BIRTH_PHONE)},
    ),
    "a twin with the number of the other": (
        [("1", "张大", BORN, ID, PHONE), ("2", "张小", BORN, THIRD_ID, PHONE), ("0", "张小", BORN, ID, PHONE)],
        {("0", "1", "reject", COPIED), ("0", "2", "accept", NAME_BIRTH_PHONE)},
    ),
    "a former name, and a namesake with one birthday": (
        [("1", "张三", BORN, ID, PHONE), ("2", "张四", BORN, ID, None), ("3", "张三", BORN, THIRD_ID, OTHER_PHONE)],
        {("2", "1", "accept", BIRTH)},
    ),
    "no id and no birth date, but name and phone of one": (
        [("1", "张三", BORN, ID, PHONE), ("2", "张三", None, None, PHONE), ("3", "张三", None, None, OTHER_PHONE)],
        {("2", "1", "accept", NAME_PHONE)},
    ),
    "no id and no birth date, and name and phone of two": (
        [("1", "张三", BORN, ID, PHONE), ("2", "张三", OTHER_DAY, None, PHONE), ("3", "张三", None, None, PHONE)],
        {("3", "1", "review", SEVERAL), ("3", "2", "review", SEVERAL)},
    ),
    "name and phone of one who has no id either": (
        [("1", "张三", BORN, None, PHONE), ("2", "张三", BORN, None, PHONE), ("3", "张三", None, None, PHONE)],
        {("2", "1", "accept", NAME_BIRTH_PHONE), ("3", "1", "accept", NAME_PHONE)},
    ),
    "nobody has more than name and phone": (
        [("1", "张三", None, None, PHONE), ("2", "张三", None, None, PHONE), ("3", "李四", None, None, PHONE)],
        {("2", "1", "accept", NAME_PHONE)},
    ),
    "a copied id and no birth date, but name and phone of another": (
        [("1", "张父", BORN, ID, None), ("2", "张子", OTHER_DAY, OTHER_ID, PHONE), ("3", "张子", None, ID, PHONE)],
        {("3", "1", "reject", COPIED), ("3", "2", "review", NAME_PHONE)},
    ),
    "another birth date is a contradiction": (
        [("1", "张三", BORN, ID, PHONE), ("2", "张三", OTHER_DAY, None, PHONE)],
        set(),
    ),
    "different people": (
        [("1", "张三", BORN, ID, PHONE), ("2", "李四", BORN, OTHER_ID, PHONE), ("3", "王五", BORN, None, PHONE)],
        set(),
    ),
}  # fmt: skip


def case_mentions() -> list[dict[str, Any]]:
    """The rows of all cases, kept apart by a place for each: in the mention, the name, the numbers and the phone."""
    rows = []
    for place, (given, _) in enumerate(CASES.values(), start=10):
        for mention, name, birth, number, phone, *rest in given:
            row = {
                "mention_id": place * 100 + int(mention), "name": name and f"{name}{place}",
                "birth_date": birth, "id_number": number and f"{place}{number[2:]}",
                "phone": phone and f"{place}{phone}",
            }  # fmt: skip
            rows.append(row | further(place, *rest))
    return rows


def further(place: int, said: dict[str, Any] | None = None) -> dict[str, Any]:
    """What else a row of a case says, as columns of the frame and as the oracle has it."""
    said = said or {}
    keys = {"row_place": "place", "row_number": "number"}
    found = {
        column: place * 100 + said[name] + 50 * (name == "number") for column, name in keys.items() if name in said
    }
    former = {"former_name": f"{said['former']}{place}"} if "former" in said else {}
    return {
        **found,
        **former,
        "contacts": set(found.items()),
        "system": "s",
        "object": said.get("list"),
        "role": "person",
    }


LISTS = [("s", "a"), ("s", "b")]


@pytest.fixture(scope="module")
def decided(spark: Any, tmp_path_factory: pytest.TempPathFactory) -> Decided:
    others = {kind: [{"mention_id": place}] for place, kind in enumerate(("dwelling", "organisation", "household"))}
    return decide_rows(Workspace(tmp_path_factory.mktemp("cases")), {"resident": case_mentions(), **others})


@pytest.mark.parametrize("case", CASES)
def test_decisions(decided: Decided, case: str) -> None:
    first = 100 * (10 + list(CASES).index(case))
    assert decided.edges(first, first + 99) == sorted(
        (int(mention), int(other), decision, reason) for mention, other, decision, reason in CASES[case][1]
    )


def test_the_oracle_decides_the_cases_alike(decided: Decided) -> None:
    mentions = case_mentions()
    numbers = [mention["mention_id"] for mention in mentions]
    clusters, rejected, review = decide(mentions, LISTS)
    assert decided.groups(numbers) == clusters
    assert {mention for mention, _ in decided.pairs("reject", numbers)} == rejected
    assert decided.pairs("review", numbers) == review


# --- the town -------------------------------------------------------------------------------------------------------------


# Of 1000 pairs of mentions that are one entity by the truth at least so many must be matched; of those that are matched all.
RECALL = {"resident": 997, "dwelling": 995, "organisation": 995, "household": 990}


def town_records(town: Town, kind: str) -> list[dict[str, Any]]:
    """Current rows of a kind."""
    return [row for row in town.rows(f"harmonised.{kind}") if row["valid_to"] is None]


def partition(pairs: Iterable[tuple[str, str]]) -> set[frozenset[str]]:
    found: dict[str, set[str]] = {}
    for mention, entity in pairs:
        found.setdefault(entity, set()).add(mention)
    return {frozenset(group) for group in found.values()}


@pytest.mark.parametrize("seed", range(3))
def test_made_up_residents_are_matched_as_the_oracle_does(spark: Any, tmp_path: Path, seed: int) -> None:
    """Many small towns of so few names, days and homes that everything meets."""
    draw = random.Random(seed)
    towns = [
        [draw_mention(draw, place, turn) for turn in range(draw.randrange(2, 6 + 4 * seed))] for place in range(300)
    ]
    others = {kind: [{"mention_id": place}] for place, kind in enumerate(("dwelling", "organisation", "household"))}
    whole = {"resident": [mention for town in towns for mention in town], **others}
    found = decide_rows(Workspace(tmp_path), whole)
    for town in towns:
        own = [mention["mention_id"] for mention in town]
        rejected = {mention for mention, _ in found.pairs("reject", own)}
        assert (found.groups(own), rejected, found.pairs("review", own)) == decide(town, LISTS), town


def draw_mention(draw: random.Random, place: int, turn: int) -> dict[str, Any]:
    """A mention of the town of this place; its texts and keys are met in no other."""
    days = [OTHER_DAY, BORN]
    held = draw.choice([*((day, number) for day in days for number in (1, 2)), None, None, None, None])
    name, former = draw.choice(["甲", "乙", "丙", None]), draw.choice(["甲", "乙", None, None, None, None])
    phone = draw.choice(["1", "2", None, None])
    said: dict[str, Any] = {"list": draw.choice(["a", "b", None, None])}
    said |= {"place": draw.choice([1, 2])} if draw.random() < 0.6 else {}
    said |= {"number": draw.choice([1, 2])} if draw.random() < 0.5 else {}
    said |= {"former": former} if former else {}
    return {
        "mention_id": 1000 * (place + 1) + turn, "name": name and f"{name}{place}",
        "birth_date": draw.choice([*days, date(1985, 5, 6), date(1980, 3, 7), None]), "phone": phone and f"{phone}{place}",
        "id_number": held and f"{place:06d}{held[0]:%Y%m%d}{held[1]:04d}", **further(place, said),
    }  # fmt: skip


def test_three_nights_lead_to_the_clusters_that_one_look_at_all_gives(town: Town) -> None:
    """Ids went on from night to night; the clusters are those of the current rows alone, decided by other code."""
    no_names = town.conf.yaml("match.yml")["organisation"]["no_names"]
    records = {kind: town_records(town, kind) for kind in KINDS}
    is_well_known = len({row["id_number"] for row in records["resident"]} - {None}) >= stage.WELL_KNOWN_FROM
    clusters, review, rejected = decide_records(records, no_names, lists_of_people(town.conf), is_well_known)
    links = [(row["mention_id"], row["entity_id"]) for row in town.rows("links.mention")]
    assert partition(links) == clusters
    edges = town.rows("links.edge")
    assert {edge["mention_id"] for edge in edges if edge["decision"] == "reject"} == rejected
    assert {(edge["mention_id"], edge["other_id"]) for edge in edges if edge["decision"] == "review"} == review
    assert rejected
    assert {(edge["kind"], edge["reason"]) for edge in edges if edge["decision"] == "accept"} >= {
        ("resident", NAME), ("resident", BIRTH), ("resident", NAME_BIRTH_PHONE), ("resident", NAME_PHONE),
        ("dwelling", "same_address"), ("dwelling", "same_compound_address"),
        ("organisation", "same_credit_code"), ("organisation", "same_organisation_name"),
        ("household", "same_household_number"), ("household", "same_member_and_dwelling"),
    }  # fmt: skip


def test_a_night_looks_at_what_changed_can_reach_and_one_that_looks_at_all_writes_the_same(
    town: Town, tmp_path: Path
) -> None:
    whole = len(town.rows("links.mention"))
    looked = [match_looked_at(town.workspace, f"{night}.1")[0] for night in town.nights]
    assert [what for what, _ in looked] == [ALL, NEAR, NEAR]
    assert all(0 < count < whole / 2 for _, count in looked[1:])
    copy = town.copy_to(tmp_path / "workspace")
    last = f"{town.nights[-1]}.1"
    before = {name: copy.lake.version(name) for name in stage.LINKS}
    run = next(run for run in all_runs(copy.lake) if run.run_id == last)
    match.run(Context(copy.workspace, copy.conf, copy.lake, run))
    # Once more in the same run, where nothing is taken for granted.
    assert match_looked_at(copy.workspace, last)[1] == (ALL, whole)
    assert {name: copy.lake.version(name) for name in stage.LINKS} == before


def assert_one_to_one(found: Iterable[tuple[str, str]]) -> None:
    """Every value is in one entity, and every entity has one value."""
    values: dict[str, set[str]] = {}
    entities: dict[str, set[str]] = {}
    for entity, value in found:
        values.setdefault(entity, set()).add(value)
        entities.setdefault(value, set()).add(entity)
    assert {len(own) for own in values.values()} == {1}
    assert {len(own) for own in entities.values()} == {1}


def test_no_cluster_holds_two_that_contradict_each_other(town: Town) -> None:
    """One id number, one credit code, one number of a household in each register; and each of these in one cluster."""
    entity = {row["mention_id"]: row["entity_id"] for row in town.rows("links.mention")}
    copied = {edge["mention_id"] for reason in COPIED_ID for edge in town.rows("links.edge", reason=reason)}
    residents = [(mention_of("resident", row), row["id_number"]) for row in town_records(town, "resident")]
    assert_one_to_one((entity[mention], number) for mention, number in residents if number and mention not in copied)
    organisations = [
        (mention_of("organisation", row), row["credit_code"]) for row in town_records(town, "organisation")
    ]
    assert_one_to_one((entity[mention], code) for mention, code in organisations if code)
    for system in ("police", "grid"):
        households = [row for row in town_records(town, "household") if row["number"] and row["system"] == system]
        assert_one_to_one((entity[mention_of("household", row)], row["number"]) for row in households)


@pytest.mark.parametrize("kind", KINDS)
def test_the_town_is_matched_as_the_truth_has_it(town: Town, kind: str) -> None:
    """Of pairs of mentions that were matched all are right, and nearly all of those that should have been matched are."""
    truth = pl.read_csv(town.samples / "truth.csv", infer_schema_length=0)
    handed = town.frame("ops.delivery").with_columns(pl.col("night").cast(pl.String)).rename({"name": "path"})
    handed = handed.select("night", "system", "path", "file_id")
    meant = truth.join(handed, ["night", "system", "path"]).with_columns(pl.col("row_number").cast(pl.Int64))
    meant = meant.select("file_id", "row_number", "kind", "role", "truth_id").unique()
    mentions = town.frame("links.mention").filter(pl.col("kind") == kind)
    rows = mentions.join(meant, ["file_id", "row_number", "kind", "role"], "left")
    assert rows["truth_id"].null_count() == 0
    right, matched, true = (
        sum(n * (n - 1) // 2 for n in Counter(rows.select(*names).rows()).values())
        for names in (("entity_id", "truth_id"), ("entity_id",), ("truth_id",))
    )
    assert true > 1000
    assert right == matched
    assert 1000 * right >= RECALL[kind] * true


def test_the_same_night_again_writes_nothing(stopped: Town) -> None:
    context = open_context(stopped.workspace, "2026-01-01.1")
    names = [name for name in stopped.lake.existing() if name.startswith("links.")]
    before = {name: stopped.lake.version(name) for name in names}
    match.run(context)
    assert {name: stopped.lake.version(name) for name in names} == before
