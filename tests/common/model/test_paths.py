"""The shortest way over pairs."""

import pytest

from jobs.common.model.paths import shortest_path

PAIRS = [("a", "b"), ("b", "c"), ("d", "c"), ("a", "d"), ("x", "y")]


@pytest.mark.parametrize(
    ("start", "goal", "way"),
    [
        ("a", "b", ["a", "b"]),
        ("a", "c", ["a", "b", "c"]),
        ("c", "a", ["c", "b", "a"]),
        ("a", "x", None),
        ("a", "a", ["a"]),
    ],
)
def test_the_shortest_way(start: str, goal: str, way: list[str] | None) -> None:
    assert shortest_path(PAIRS, start, goal) == way
    assert shortest_path(reversed(PAIRS), start, goal) == way
