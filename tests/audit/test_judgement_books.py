"""The books of judgements: a judgement that nobody obeys opens them.

mentions a and b of one entity, c of another; d is gone
"""

from typing import Any

import pytest

from jobs.audit.judgement_books import judgement_terms
from jobs.common.base.workspace import Workspace
from jobs.common.lake.tables import Lake
from jobs.common.releases.books import open_balances
from jobs.common.run.conf import Conf
from tests.support.constants import NIGHT
from tests.support.hand_office import context_of, mention_of, write_mentions, write_rows

_IDS = {key: mention_of("resident", "s", "o", key, "person") for key in "abcd"}
CASES: dict[str, tuple[list[tuple[str, str, str]], dict[str, int], bool]] = {
    "none": ([], {}, True),
    "unsure": ([("a", "c", "unsure")], {}, True),
    "together": ([("a", "b", "same")], {"judged": 1, "together": 1, "apart": 0, "absent": 0}, True),
    "apart": ([("a", "c", "different")], {"judged": 1, "together": 0, "apart": 1, "absent": 0}, True),
    "one is gone": ([("a", "d", "same")], {"judged": 1, "together": 0, "apart": 0, "absent": 1}, True),
    "not joined": ([("a", "c", "same")], {"judged": 1, "together": 0, "apart": 0, "absent": 0}, False),
    "not cut": ([("a", "b", "different"), ("b", "c", "different")],
                {"judged": 2, "together": 0, "apart": 1, "absent": 0}, False),
}  # fmt: skip


def row_of(one: str, other: str, decision: str) -> dict[str, Any]:
    pair = {"kind": "resident", "mention_id": _IDS[one], "other_id": _IDS[other], "decision": decision}
    return {**pair, "who": "a clerk", "because": "a test", "night": NIGHT, "state": "standing"}


@pytest.mark.parametrize("case", CASES)
def test_judgements_are_counted_by_what_the_mentions_are(
    case: str, workspace: Workspace, conf: Conf, lake: Lake
) -> None:
    judged, expected, closes = CASES[case]
    write_mentions(
        lake, [("s/o", key, "resident", "", entity) for key, entity in (("a", "E1"), ("b", "E1"), ("c", "E2"))]
    )
    write_rows(lake, "links.judgement", [row_of(*each) for each in judged])
    terms = judgement_terms(context_of(workspace, conf, lake))
    assert {row["term"]: row["rows"] for row in terms} == expected
    assert {row["record"] for row in terms} <= {"resident"}
    assert (open_balances(terms) == []) is closes
