"""Whose an id number is if people have told residents apart who have one: mentions that have copied it, and of whom.

a row   mention, resident (its root), whether its birth date is the one inside the number
"""

import pytest

from jobs.match.cut_ids import list_copied

CASES: dict[str, tuple[list[tuple[int, int, bool | None]], list[tuple[int, int]]]] = {
    "nobody": ([], []),
    "one resident": ([(1, 1, True), (2, 1, None)], []),
    "the birth date tells": ([(1, 1, None), (2, 1, False), (3, 3, True)], [(1, 3), (2, 3)]),
    "both fit: more mentions": ([(1, 1, True), (2, 2, True), (3, 2, None)], [(1, 2)]),
    "neither tells: the least": ([(2, 2, None), (1, 1, None)], [(2, 1)]),
    "three residents": ([(1, 1, None), (2, 2, True), (3, 3, False)], [(1, 2), (3, 2)]),
}


@pytest.mark.parametrize("case", CASES)
def test_whose_the_number_is(case: str) -> None:
    given, expected = CASES[case]
    rows = [{"id_key": 7, "number": number, "root": root, "fits": fits} for number, root, fits in given]
    assert sorted(list_copied(rows)) == expected
    assert sorted(list_copied(rows[::-1])) == expected
