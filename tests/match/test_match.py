"""Who is the same resident: decisions on small tables, and the whole town against oracle and truth.

a row of CASES   mention, name, birth date, id number, phone    ->    (mention, other, decision, reason)
"""

from collections import Counter
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from jobs import match
from jobs.common.base.workspace import Workspace
from jobs.common.run.runs import all_runs
from jobs.common.run.stage import Context, open_context
from jobs.match import stage
from jobs.match.mentions import KINDS
from tests.support.match_frames import ALL, NEAR, Decided, decide_rows, match_looked_at
from tests.support.match_oracle import decide, decide_records, mention_of
from tests.support.town import Town

pytestmark = [pytest.mark.xdist_group("town"), pytest.mark.nights]

pytest_plugins = ["tests.support.town_fixtures"]
BORN, OTHER_DAY = date(1980, 1, 1), date(1985, 5, 5)
ID, OTHER_ID, THIRD_ID = "320102198001010011", "320102198505050022", "320102198001010038"
PHONE, OTHER_PHONE = "13900000001", "13900000002"
NAME, BIRTH = "same_id_and_name", "same_id_and_birth_date"
NAME_BIRTH_PHONE, NAME_PHONE = "same_name_birth_date_phone", "same_name_and_phone"
COPIED, SEVERAL = "id_held_by_another", "names_several"

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
        {("2", "1", "reject", COPIED), ("3", "1", "reject", COPIED)},
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
        [("1", "张三", BORN, ID, PHONE), ("2", "张三", BORN, None, OTHER_PHONE)],
        set(),
    ),
    "no id and no phone": (
        [("1", "张三", BORN, ID, PHONE), ("2", "张三", BORN, None, None)],
        set(),
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
        {("3", "1", "reject", COPIED), ("3", "2", "accept", NAME_PHONE)},
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
        for mention, name, birth, number, phone in given:
            rows.append(
                {
                    "mention_id": place * 100 + int(mention), "name": name and f"{name}{place}",
                    "birth_date": birth, "id_number": number and f"{place}{number[2:]}",
                    "phone": phone and f"{place}{phone}",
                }
            )  # fmt: skip
    return rows


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
    clusters, rejected, review = decide(mentions)
    assert decided.groups(numbers) == clusters
    assert {mention for mention, _ in decided.pairs("reject", numbers)} == rejected
    assert decided.pairs("review", numbers) == review


# --- the town -------------------------------------------------------------------------------------------------------------


# Of 1000 pairs of mentions that are one entity by the truth at least so many must be matched; of those that are matched all.
RECALL = {"resident": 970, "dwelling": 995, "organisation": 995, "household": 990}


def town_records(town: Town, kind: str) -> list[dict[str, Any]]:
    """Current rows of a kind."""
    return [row for row in town.rows(f"harmonised.{kind}") if row["valid_to"] is None]


def partition(pairs: Iterable[tuple[str, str]]) -> set[frozenset[str]]:
    found: dict[str, set[str]] = {}
    for mention, entity in pairs:
        found.setdefault(entity, set()).add(mention)
    return {frozenset(group) for group in found.values()}


def test_three_nights_lead_to_the_clusters_that_one_look_at_all_gives(town: Town) -> None:
    """Ids went on from night to night; the clusters are those of the current rows alone, decided by other code."""
    no_names = town.conf.yaml("match.yml")["organisation"]["no_names"]
    clusters, review, rejected = decide_records({kind: town_records(town, kind) for kind in KINDS}, no_names)
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
    copied = {edge["mention_id"] for edge in town.rows("links.edge", reason=COPIED)}
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
