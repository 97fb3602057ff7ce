"""Who is the same resident: edges, clusters, ids and events on small tables, and the whole town against the truth.

a row of CASES   mention, name, birth date, id number, phone    ->    (mention, other, decision, reason)
"""

import hashlib
from collections import Counter
from collections.abc import Iterable
from datetime import date
from types import SimpleNamespace
from typing import Any

import polars as pl
import pyarrow as pa
import pytest
from match_oracle import decide
from town import Town

from jobs import match
from jobs.common.runs import Run
from jobs.common.schemas import declared_tables
from jobs.common.stage import Context
from jobs.common.stage import open_context as open_run
from jobs.common.tables import Lake
from jobs.common.workspace import Workspace
from jobs.match.clusters import cluster_mentions
from jobs.match.stage import match_mentions

pytest_plugins = ["town_fixtures"]
BORN, OTHER_DAY = date(1980, 1, 1), date(1985, 5, 5)
ID, OTHER_ID, THIRD_ID = "320102198001010011", "320102198505050022", "320102198001010038"
PHONE, OTHER_PHONE = "13900000001", "13900000002"
NAME, BIRTH, THREE = "same_id_and_name", "same_id_and_birth_date", "same_name_birth_date_phone"
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
        {("3", "1", "reject", COPIED), ("3", "2", "accept", THREE)},
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
        {("2", "1", "accept", THREE)},
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
        {("2", "1", "accept", THREE), ("3", "1", "accept", THREE)},
    ),
    "name, birth date and phone of two": (
        [("1", "张三", BORN, ID, PHONE), ("2", "张三", BORN, THIRD_ID, PHONE), ("3", "张三", BORN, None, PHONE)],
        {("3", "1", "review", SEVERAL), ("3", "2", "review", SEVERAL)},
    ),
    "namesakes with one birthday": (
        [("1", "张三", BORN, ID, PHONE), ("2", "张三", BORN, THIRD_ID, OTHER_PHONE), ("3", "张三", BORN, None, OTHER_PHONE)],
        {("3", "2", "accept", THREE)},
    ),
    "twins in one household": (
        [("1", "张大", BORN, ID, PHONE), ("2", "张小", BORN, THIRD_ID, PHONE), ("3", "张小", BORN, None, PHONE)],
        {("3", "2", "accept", THREE)},
    ),
    "a twin with the number of the other": (
        [("1", "张大", BORN, ID, PHONE), ("2", "张小", BORN, THIRD_ID, PHONE), ("0", "张小", BORN, ID, PHONE)],
        {("0", "1", "reject", COPIED), ("0", "2", "accept", THREE)},
    ),
    "a former name, and a namesake with one birthday": (
        [("1", "张三", BORN, ID, PHONE), ("2", "张四", BORN, ID, None), ("3", "张三", BORN, THIRD_ID, OTHER_PHONE)],
        {("2", "1", "accept", BIRTH)},
    ),
    "different people": (
        [("1", "张三", BORN, ID, PHONE), ("2", "李四", BORN, OTHER_ID, PHONE), ("3", "王五", BORN, None, PHONE)],
        set(),
    ),
}  # fmt: skip


def open_context(home: Workspace) -> Context:
    conf: Any = SimpleNamespace()
    return Context(home, conf, Lake(home, declared_tables({}, {})), Run("2026-01-01.1", date(2026, 1, 1), "", "", None))


def case_mentions() -> list[dict[str, Any]]:
    """The rows of all cases, kept apart by a place for each: in the mention, the name, the numbers and the phone."""
    rows = []
    for place, (given, _) in enumerate(CASES.values(), start=10):
        for mention, name, birth, number, phone in given:
            rows.append(
                {
                    "mention_id": f"{place}-{mention}", "kind": "resident", "name": name and f"{name}{place}",
                    "birth_date": birth, "id_number": number and f"{place}{number[2:]}",
                    "phone": phone and f"{place}{phone}",
                }
            )  # fmt: skip
    return rows


MENTION = "mention_id string, kind string, name string, birth_date date, id_number string, phone string"


@pytest.fixture(scope="module")
def decided(spark: Any, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    context = open_context(Workspace(tmp_path_factory.mktemp("cases")))
    mentions = spark.createDataFrame(case_mentions(), MENTION)
    return match_mentions(context, mentions).toArrow().to_pylist()


@pytest.mark.parametrize("case", CASES)
def test_decisions(decided: list[dict[str, Any]], case: str) -> None:
    place = str(10 + list(CASES).index(case))
    found = [edge for edge in decided if edge["mention_id"].startswith(f"{place}-")]
    assert {
        (edge["mention_id"][3:], edge["other_id"][3:], edge["decision"], edge["reason"]) for edge in found
    } == CASES[case][1]
    assert len(found) == len(CASES[case][1])
    assert {edge["weight"] for edge in found if edge["decision"] == "accept"} <= {1_000_000}


def test_the_oracle_decides_the_cases_alike(decided: list[dict[str, Any]]) -> None:
    _, rejected, review = decide(case_mentions())
    assert {edge["mention_id"] for edge in decided if edge["decision"] == "reject"} == rejected
    assert {(edge["mention_id"], edge["other_id"]) for edge in decided if edge["decision"] == "review"} == review


def test_clusters_are_reached_over_any_number_of_edges() -> None:
    mentions = pa.table({"mention_id": ["e", "d", "c", "b", "a", "x", "y", "z"]})
    edges = pa.table({"mention_id": ["b", "c", "d", "e", "z"], "other_id": ["a", "b", "c", "d", "y"]})
    assert cluster_mentions(mentions, edges).to_pydict() == {
        "mention_id": ["a", "b", "c", "d", "e", "x", "y", "z"],
        "label": ["a", "a", "a", "a", "a", "x", "y", "y"],
    }


def test_clusters_of_nothing() -> None:
    nothing = pa.array([], pa.string())
    mentions, edges = pa.table({"mention_id": nothing}), pa.table({"mention_id": nothing, "other_id": nothing})
    assert cluster_mentions(mentions, edges).num_rows == 0


def test_an_edge_to_a_mention_that_is_not_there_is_a_defect() -> None:
    with pytest.raises(ValueError, match="1 edges end at a mention"):
        cluster_mentions(pa.table({"mention_id": ["a"]}), pa.table({"mention_id": ["a"], "other_id": ["b"]}))


# --- the town -------------------------------------------------------------------------------------------------------------


def town_mentions(town: Town) -> list[dict[str, Any]]:
    """Current mentions with what they are recognised by, joined without the pipeline's code."""
    records = [row for row in town.rows("harmonised.resident") if row["valid_to"] is None]
    for row in records:
        parts = ("resident", row["system"], row["object"], row["source_key"], row["role"])
        row["mention_id"] = hashlib.md5("|".join(parts).encode()).hexdigest()
    return records


def partition(pairs: Iterable[tuple[str, str]]) -> set[frozenset[str]]:
    found: dict[str, set[str]] = {}
    for mention, entity in pairs:
        found.setdefault(entity, set()).add(mention)
    return {frozenset(group) for group in found.values()}


def test_three_nights_lead_to_the_clusters_that_one_look_at_all_gives(town: Town) -> None:
    """Ids went on from night to night; the clusters are those of the current rows alone, decided by other code."""
    clusters, rejected, review = decide(town_mentions(town))
    links = [(row["mention_id"], row["entity_id"]) for row in town.rows("links.mention")]
    assert partition(links) == clusters
    edges = town.rows("links.edge")
    assert {edge["mention_id"] for edge in edges if edge["decision"] == "reject"} == rejected
    assert {(edge["mention_id"], edge["other_id"]) for edge in edges if edge["decision"] == "review"} == review
    assert rejected
    assert {(edge["decision"], edge["reason"]) for edge in edges} >= {
        ("accept", NAME), ("accept", BIRTH), ("accept", THREE), ("reject", COPIED),
    }  # fmt: skip


def test_no_cluster_holds_two_id_numbers(town: Town) -> None:
    _, rejected, _ = decide(town_mentions(town))
    entity = {row["mention_id"]: row["entity_id"] for row in town.rows("links.mention")}
    numbers: dict[str, set[str]] = {}
    holders: dict[str, set[str]] = {}
    for row in town_mentions(town):
        if row["id_number"] and row["mention_id"] not in rejected:
            numbers.setdefault(entity[row["mention_id"]], set()).add(row["id_number"])
            holders.setdefault(row["id_number"], set()).add(entity[row["mention_id"]])
    assert {len(own) for own in numbers.values()} == {1}
    assert {len(own) for own in holders.values()} == {1}


def test_the_town_is_matched_as_the_truth_has_it(town: Town) -> None:
    """Of pairs of mentions that were matched all are right, and more than 97 of 100 of those that should have been are."""
    truth = pl.read_csv(town.samples / "truth.csv", infer_schema_length=0)
    handed = town.frame("ops.delivery").with_columns(pl.col("night").cast(pl.String)).rename({"name": "path"})
    handed = handed.select("night", "system", "path", "file_id")
    meant = truth.join(handed, ["night", "system", "path"]).with_columns(pl.col("row_number").cast(pl.Int64))
    meant = meant.select("file_id", "row_number", "role", "truth_id").unique()
    rows = town.frame("links.mention").join(meant, ["file_id", "row_number", "role"], "left")
    assert rows["truth_id"].null_count() == 0
    pairs, matched, true = (
        sum(n * (n - 1) // 2 for n in Counter(rows.select(*names).rows()).values())
        for names in (("entity_id", "truth_id"), ("entity_id",), ("truth_id",))
    )
    assert true > 1000
    assert pairs == matched
    assert pairs / true > 0.97


def test_the_same_night_again_writes_nothing(stopped: Town) -> None:
    context = open_run(stopped.workspace, "2026-01-01.1")
    names = [name for name in stopped.lake.existing() if name.startswith("links.")]
    before = {name: stopped.lake.version(name) for name in names}
    match.run(context)
    assert {name: stopped.lake.version(name) for name in names} == before
