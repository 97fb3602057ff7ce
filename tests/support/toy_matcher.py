"""A matcher that the house does not have, and nights of match with it, for a copy of the repository.

python -m tests.support.toy_matcher FOLDER      three nights in two workspaces; what they lead to as JSON on stdout
"""

import json
import sys
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from unittest import mock

from jobs.common.run.incremental import IncrementalState
from jobs.match import neighbourhood
from tests.support.match_office import FIRST, LINKS, Office, State

# The one module that is added, as `jobs/match/matchers/name_address.py`.
MODULE = '''"""Residents without an id number of their own, by name and address, if these name one resident."""

from functools import partial

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.common.model.links import Decision, EdgeReason
from jobs.match.keys import key_of
from jobs.match.matcher import Evidence, Known, Matcher
from jobs.match.pairs import assign_by_unique_key, decide_by_reason
from jobs.match.residents import KIND, with_own_id, without_own_id

KEY = "name_address_key"
REASON = "same_name_and_address"


def compare(known: Known) -> DataFrame:
    loose = without_own_id(known).where(F.col(KEY).isNotNull()).select("number", KEY)
    return assign_by_unique_key(loose, with_own_id(known).select("number", KEY), known.roots(KIND), KEY, REASON)


VERDICTS = {REASON: Decision.ACCEPT, EdgeReason.NAMES_SEVERAL: Decision.REVIEW}
MATCHER = Matcher(
    kind=KIND,
    name="name_address",
    block_on=(KEY,),
    compare=compare,
    decide=partial(decide_by_reason, verdicts=VERDICTS),
    reasons=tuple(VERDICTS),
    after=("name_contact",),
    evidence={KEY: Evidence("bigint", lambda: key_of("name", "address"))},
)
'''
HERE, THERE = "甲路1号", "乙路2号"
OWN = "320102198001019999"
NOBODY: dict[str, Any] = {"dwelling": {}, "organisation": {}, "household": {}}


def resident(name: str, address: str, id_number: str | None = None) -> dict[str, Any]:
    born = date(1980, 1, 1) if id_number else None
    return {**NOBODY, "resident": {"name": name, "address": address, "id_number": id_number, "birth_date": born}}


def nights() -> list[State]:
    """Rows 10 to 29 are strangers. Row 1 never changes until the third night, and only the address leads to it.

    night 1   2 lives elsewhere
    night 2   2 moves to the address of 1, and 3 comes there
    night 3   1 moves away
    """
    strangers = {key: resident(f"生{key}", HERE, f"320102198001010{key:03d}") for key in range(10, 30)}
    one, other = resident("张三", HERE, OWN), resident("张三", THERE)
    moved = resident("张三", HERE)
    gone = resident("张三", THERE, OWN)
    return [
        strangers | rows for rows in ({1: one, 2: other}, {1: one, 2: moved, 3: moved}, {1: gone, 2: moved, 3: moved})
    ]


def nothing(state: IncrementalState) -> None:
    """As if no night had left a record, so that all mentions are looked at."""


def match_nights(home: Path) -> tuple[list[dict[str, Any]], list[tuple[str, int]]]:
    """What each night leaves: links, entity of each row and accepted pairs; and what it looked at."""
    office, found, looked = Office(home), [], []
    for days, rows in enumerate(nights()):
        night = FIRST + timedelta(days)
        office.put(night, rows)
        office.match(night)
        looked += office.looked_at(night)
        mentions = [row for row in office.rows("links.mention") if row["kind"] == "resident"]
        keys = {row["mention_id"]: row["source_key"] for row in mentions}
        edges = [
            [
                keys[row["mention_id"]],
                keys[row["other_id"]],
                row["decision"],
                row["reason"],
                row["matcher"],
                row["weight"],
            ]
            for row in office.rows("links.edge", kind="resident")
        ]
        entities = {row["source_key"]: row["entity_id"] for row in mentions}
        events = [row["event"] for row in office.rows("links.identity_event", night=night, kind="resident")]
        found.append({"links": office.links(), "entities": entities, "edges": sorted(edges), "events": sorted(events)})
    return found, looked


def main(folder: Path) -> None:
    neighbourhood._FEW = 0
    near, looked = match_nights(folder / "near")
    with mock.patch.object(IncrementalState, "last", nothing):
        whole, _ = match_nights(folder / "all")
    alike = [
        all(one["links"][name] == other["links"][name] for name in LINKS)
        for one, other in zip(near, whole, strict=True)
    ]
    nights_told = [{name: told[name] for name in ("entities", "edges", "events")} for told in near]
    print(json.dumps({"nights": nights_told, "looked_at": looked, "same_as_rebuilt": alike}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
