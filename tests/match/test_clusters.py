"""Clusters over accepted pairs and judgements of people, on small numbers.

a row of CASES   (number, other, weight) of accepted pairs; judged the same; judged different   ->   mention -> root
"""

import random

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.match.clusters import Edges, Judged, find_roots
from jobs.match.matchers.household_entries import settle_entries

Pairs = list[tuple[int, int]]
Weighted = list[tuple[int, int, int]]

CASES: dict[str, tuple[Weighted, Pairs, Pairs, dict[int, int]]] = {
    "nothing": ([], [], [], {}),
    "two lead to one": ([(2, 1, 9), (3, 1, 9)], [], [], {2: 1, 3: 1}),
    "they lead to one that is not the least": ([(1, 3, 9), (2, 3, 9)], [], [], {1: 3, 2: 3}),
    "a chain leads to its end": ([(2, 1, 9), (3, 2, 9), (4, 3, 9), (26, 25, 9)], [], [], {2: 1, 3: 1, 4: 1, 26: 25}),
    "of two ends the least": ([(5, 3, 9), (5, 4, 9)], [], [], {4: 3, 5: 3}),
    "each leads on": ([(1, 2, 9), (2, 3, 9), (3, 1, 9)], [], [], {2: 1, 3: 1}),
    # Judgements that join.
    "the same, of two clusters": ([(2, 1, 9), (9, 8, 9)], [(9, 2)], [], {2: 1, 8: 1, 9: 1}),
    "the same, and nothing else speaks for it": ([], [(7, 4)], [], {7: 4}),
    "the same, of one that leads on": ([(1, 3, 9)], [(1, 2)], [], {1: 2, 3: 2}),
    "the same twice": ([(2, 1, 9)], [(2, 1), (1, 2)], [], {2: 1}),
    # Judgements that cut.
    "different, directly": ([(2, 1, 9)], [], [(2, 1)], {}),
    "different, over a third: the lesser pair stays": ([(2, 1, 9), (3, 1, 9)], [], [(2, 3)], {2: 1}),
    "different, over a third: the greater weight stays": ([(2, 1, 5), (3, 1, 9)], [], [(3, 2)], {3: 1}),
    "different, but of two clusters anyway": ([(2, 1, 9), (4, 3, 9)], [], [(4, 1)], {2: 1, 4: 3}),
    "different, and one of them is in no pair": ([(2, 1, 9)], [], [(2, 7)], {2: 1}),
    "a chain is cut at its weakest pair": ([(2, 1, 9), (3, 2, 4), (4, 3, 9)], [], [(4, 1)], {2: 1, 4: 3}),
    "all three different": ([(1, 4, 9), (2, 4, 9), (3, 4, 9)], [], [(1, 2), (1, 3), (2, 3)], {1: 4}),
    "other clusters stay whole": ([(2, 1, 9), (6, 5, 1), (7, 5, 1)], [], [(2, 1)], {6: 5, 7: 5}),
    # Judgements that join beside those that cut.
    "the same wins over any weight": ([(2, 1, 9)], [(3, 2)], [(3, 1)], {3: 2}),
    "the same and different: different wins": ([(2, 1, 9)], [(2, 1)], [(2, 1)], {}),
}  # fmt: skip


def edges_of(pairs: Weighted) -> Edges:
    columns = np.array(pairs, np.int64).reshape(-1, 3).T
    return Edges(*columns)


def roots_of(pairs: Weighted, same: Pairs, different: Pairs) -> dict[int, int]:
    rows = find_roots(edges_of(pairs), Judged(same, different)).to_pylist()
    return {row["number"]: row["root"] for row in rows}


@pytest.mark.parametrize("case", CASES)
def test_clusters(case: str) -> None:
    pairs, same, different, expected = CASES[case]
    assert roots_of(pairs, same, different) == expected


@pytest.mark.parametrize("case", CASES)
def test_clusters_do_not_depend_on_the_order_of_pairs(case: str) -> None:
    pairs, same, different, expected = CASES[case]
    for seed in range(5):
        draw = random.Random(seed)
        shuffled = [draw.sample(rows, len(rows)) for rows in (pairs, same, different)]
        assert roots_of(*shuffled) == expected


PAIR = st.tuples(st.integers(1, 8), st.integers(1, 8)).filter(lambda pair: pair[0] != pair[1])


@settings(deadline=None)
@given(pairs=st.lists(PAIR), same=st.lists(PAIR, max_size=2), different=st.lists(PAIR, max_size=3))
def test_no_cluster_holds_two_that_are_different_and_none_goes_beyond_what_pairs_join(
    pairs: Pairs, same: Pairs, different: Pairs
) -> None:
    weighted = [(*pair, 1) for pair in pairs]
    roots, whole = roots_of(weighted, same, different), roots_of(weighted, same, [])
    assert all(roots.get(one, one) != roots.get(other, other) for one, other in different)
    assert all(root not in roots for root in roots.values())
    assert all(whole.get(number, number) == whole.get(root, root) for number, root in roots.items())
    if not any(whole.get(one, one) == whole.get(other, other) for one, other in different):
        assert roots == whole


def entry_pairs(rows: list[tuple[int, int, str]], systems: dict[int, int]) -> pa.Table:
    """Pairs of entries as `compare_entries` gives them."""
    left, right, finding = zip(*rows, strict=True)
    ends = {"number": left, "other": right}
    of_system = {f"{end}_system": [systems[number] for number in numbers] for end, numbers in ends.items()}
    return pa.table({**ends, **of_system, "finding": finding})


POLICE, GRID, HEALTH = 71, 72, 73
EXAMPLE = [
    (3, 1, "number agrees"), (5, 1, "number open"),
    (4, 2, "member and dwelling"), (4, 1, "member and dwelling"), (6, 4, "member and dwelling"),
]  # fmt: skip
SYSTEMS = {1: POLICE, 2: POLICE, 3: GRID, 4: GRID, 5: HEALTH, 6: HEALTH}


@pytest.mark.parametrize(
    ("left_out", "expected"),
    [
        ([], {(3, 1): "accept", (5, 1): "accept", (4, 2): "review", (4, 1): "review", (6, 4): "review"}),
        ([(4, 1)], {(3, 1): "accept", (5, 1): "accept", (4, 2): "accept", (6, 4): "accept"}),
    ],
)
def test_the_example_of_settled_entries(left_out: Pairs, expected: dict[tuple[int, int], str]) -> None:
    rows = [row for row in EXAMPLE if row[:2] not in left_out]
    found = settle_entries(entry_pairs(rows, SYSTEMS)).to_pylist()
    assert {(row["number"], row["other"]): row["decision"] for row in found} == expected
