"""What is shown in place of a value."""

import pytest

from jobs.common.base.masks import MASK, mask_value, mask_values


@pytest.mark.parametrize(
    ("value", "level", "shown"),
    [("王小明", 3, MASK), ("320102…", 4, MASK), ("320102001001", 2, "320102001001"), (None, 4, None), (0, 3, MASK)],
)
def test_values_of_level_three_and_four_are_masked(value: object, level: int, shown: object) -> None:
    assert mask_value(value, level) == shown


def test_a_column_without_a_level_is_masked() -> None:
    row = {"name": "王小明", "sex_code": "1", "note": "x", "empty": None}
    assert mask_values(row, {"name": 3, "sex_code": 2}) == {"name": MASK, "sex_code": "1", "note": MASK, "empty": None}
