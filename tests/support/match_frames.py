"""Small mentions for the tests of match: rows with readable fields, what the stage decides on them, and who is one."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from types import SimpleNamespace
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.common.base.workspace import Workspace
from jobs.common.lake.engine import session
from jobs.common.lake.schemas import declared_tables
from jobs.common.lake.tables import Lake
from jobs.common.lake.versions import union_all
from jobs.common.run.runs import Run
from jobs.common.run.stage import Context
from jobs.match.keys import key_of
from jobs.match.match_run import MatchRun
from jobs.match.mentions import ROW_CONTACTS, Listed, evidence, evidence_types
from jobs.match.run_matchers import decide_all
from tests.support.match_oracle import Groups, Sets
from tests.support.town import stage_log

ALL, NEAR = "all mentions", "mentions that may have changed"
NO_NAMES = ["无", "灵活就业"]
LISTED = Listed(NO_NAMES)
_TEXT = {
    "resident": ["name", "former_name", "id_number", "phone"],
    "dwelling": [
        "system", "house_number", "division_code", "road", "road_number", "compound", "building", "unit", "room",
    ],
    "organisation": ["name", "former_name", "credit_code"],
    "household": ["system", "number", "division_code"],
}  # fmt: skip


@dataclass(frozen=True)
class Decided:
    """What the stage decided: rows of decisions by number, and the root of every mention that has another one."""

    decisions: list[dict[str, Any]]
    roots: dict[int, int]

    def edges(self, first: int, last: int) -> list[tuple[int, int, str, str]]:
        """Decisions on the mentions from `first` to `last`, whose numbers are told from `first` on."""
        return sorted(
            (row["number"] - first, row["other"] - first, row["decision"], row["reason"])
            for row in self.decisions
            if first <= row["number"] <= last
        )

    def pairs(self, decision: str, numbers: Iterable[int]) -> set[tuple[int, int]]:
        wanted = set(numbers)
        return {
            (row["number"], row["other"])
            for row in self.decisions
            if row["decision"] == decision and row["number"] in wanted
        }

    def groups(self, numbers: Iterable[int]) -> Groups:
        sets = Sets(numbers)
        for number in sets.parent:
            sets.join(number, self.roots.get(number, number))
        return sets.groups()


def open_context(home: Workspace) -> Context:
    conf: Any = SimpleNamespace()
    return Context(home, conf, Lake(home, declared_tables({}, {})), Run("2026-01-01.1", date(2026, 1, 1), "", "", None))


def match_looked_at(home: Workspace, run_id: str) -> list[tuple[str, int]]:
    """What each try of a run has looked at, and how many mentions that were."""
    told = stage_log(home, run_id, "match")
    looked_at = [entry for entry in told if "mention" in entry["message"]]
    return [(entry["message"], sum(entry.get(kind, 0) for kind in _TEXT)) for entry in looked_at]


def mention_frame(kind: str, rows: list[dict[str, Any]]) -> DataFrame:
    """Mentions of one kind by their number, `mention_id` in the rows; fields that a row leaves out are null.

    A household's `member` and `home` are the numbers of the mentions that its row would hold. A resident's `row_place` and
    `row_number` are keys of the dwelling and the household that its row would hold; with `object` it is of a list.
    """
    columns = {"mention_id": "bigint", "kind": "string", **dict.fromkeys(_TEXT[kind], "string")}
    columns |= {"birth_date": "date", "role": "string", **dict.fromkeys(("system", "object", "source_key"), "string")}
    columns |= {"member": "bigint", "home": "bigint", "row_place": "bigint", "row_number": "bigint"}
    values = [tuple(kind if name == "kind" else row.get(name) for name in columns) for row in rows]
    frame = session().createDataFrame(values, ", ".join(f"{name} {type}" for name, type in columns.items()))
    number = F.col("mention_id").alias("number")
    told = ["member", "home", "row_place", "row_number", "system", "object"]
    mentions = frame.select(
        number, "kind", *evidence(kind, 0, LISTED), *(F.col(name).alias(f"_{name}") for name in told)
    )
    mentions = mentions.withColumns({"member": F.col("_member"), "home": F.col("_home")})
    if kind == "resident":
        keys = {"road_place": F.col("_row_place"), "household_key": F.col("_row_number")}
        mentions = mentions.withColumns(keys).withColumns(
            {key: key_of("name_key", contact) for key, contact in ROW_CONTACTS.items()}
        )
        mentions = mentions.withColumn("list_key", key_of("_system", "_object"))
    if kind == "household":
        mentions = mentions.withColumns({"person": F.col("member"), "place": F.col("home")})
    return mentions.select("number", "kind", *evidence_types())


def decide_rows(home: Workspace, rows: dict[str, list[dict[str, Any]]]) -> Decided:
    """Run the stage's decisions on the rows of each kind; every kind has at least one."""
    mentions = union_all([mention_frame(kind, own) for kind, own in rows.items()])
    run = MatchRun(open_context(home), 0)
    decisions, moved = decide_all(run, run.scratch("mentions", mentions))
    roots = moved.toArrow().to_pylist()
    found = Decided(decisions.toArrow().to_pylist(), {row["number"]: row["root"] for row in roots})
    assert len(found.roots) == len(roots), "a mention has two roots"
    assert not set(found.roots) & set(found.roots.values()), "a root has a root of its own"
    return found
