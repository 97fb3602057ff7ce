"""Id numbers that were typed wrong, and the valid ones that they may have been; python-stdnum knows which are valid."""

import random

import pytest
from stdnum.cn import ric

from jobs.read.id_typing import near_numbers, read_typed

NUMBER = "32010219850505001"
VALID = next(NUMBER + last for last in "0123456789X" if ric.is_valid(NUMBER + last))


@pytest.mark.parametrize(
    ("raw", "read"),
    [
        (VALID, VALID),
        ("３２０１０２１９９００１０１００１ｘ", "32010219900101001X"),
        ("320102-19900101-001x", "32010219900101001X"),
        ("'320102 1990 0101 0010", "320102199001010010"),
        ("32010219900101001", None),
        ("无", None),
        ("", None),
    ],
)
def test_eighteen_characters_are_read_as_people_write_them(raw: str, read: str | None) -> None:
    assert read_typed(raw) == read


@pytest.mark.parametrize("place", range(1, 18))
def test_a_number_with_one_digit_wrong_leads_back(place: int) -> None:
    wrong = "7" if VALID[place] != "7" else "4"
    typed = VALID[:place] + wrong + VALID[place + 1 :]
    assert VALID in near_numbers(typed)


def test_a_number_with_two_digits_swapped_leads_back() -> None:
    swapped = VALID[:6] + VALID[7] + VALID[6] + VALID[8:]
    assert swapped != VALID
    assert VALID in near_numbers(swapped)


def test_near_numbers_have_the_right_check_character_and_are_few() -> None:
    draw = random.Random(5)
    for _ in range(20):
        typed = "3" + "".join(draw.choices("0123456789", k=17))
        near = near_numbers(typed)
        assert typed not in near
        assert {ric.calc_check_digit(number) == number[-1] for number in near} <= {True}
        assert len(near) < 60
