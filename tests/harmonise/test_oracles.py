"""Rules against implementations that are not ours: python-stdnum for check characters, Python's decimals for amounts.

200,000 numbers of each kind, and every difference is one we know the reason of.
"""

import random
from collections import Counter
from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from stdnum.cn import ric, uscc
from stdnum.exceptions import InvalidComponent, ValidationError

from jobs.common.model.records import ModelField
from jobs.common.model.types import credit_code, resident_id
from jobs.harmonise.clean import clean_fields

COUNT = 200_000
ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
# Weights and values of GB 11714, written out once more, because the library does not check the organisation code.
ORGANISATION_WEIGHTS = (3, 7, 9, 10, 5, 8, 4, 2)
ORGANISATION_VALUES = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def corrupted(draw: random.Random, number: str, characters: str) -> str:
    """The number as people mistype it: a character changed, two swapped, one missing or one too many."""
    place = draw.randrange(len(number) - 1)
    other = draw.choice(characters)
    return draw.choice(
        [
            number[:place] + other + number[place + 1 :],
            number[:place] + number[place + 1] + number[place] + number[place + 2 :],
            number[:place] + number[place + 1 :],
            number[:place] + other + number[place:],
        ]
    )


def resident_ids() -> list[str]:
    draw = random.Random(7)
    numbers = []
    while len(numbers) < COUNT:
        region, year, month, day, order = (
            draw.randint(*bounds) for bounds in ((110000, 659999), (1895, 2030), (0, 13), (0, 32), (0, 999))
        )
        if draw.random() < 0.5:
            month, day = draw.randint(1, 12), draw.randint(1, 28)
        first17 = f"{region}{year}{month:02}{day:02}{order:03}"
        valid = first17 + ric.calc_check_digit(first17 + "0")
        numbers += [valid, corrupted(draw, valid, "0123456789X")]
    return numbers


def credit_codes() -> list[str]:
    draw = random.Random(11)
    codes = []
    while len(codes) < COUNT:
        organisation = "".join(draw.choice(ALPHABET) for _ in range(8))
        first16 = f"{draw.choice('123456789ANY')}{draw.choice('123459')}{draw.randint(110000, 659999)}{organisation}"
        first17 = first16 + (organisation_check(organisation) if draw.random() < 0.8 else draw.choice(ALPHABET + "X"))
        valid = first17 + uscc.calc_check_digit(first17)
        codes += [valid, corrupted(draw, valid, ALPHABET + "IOSVZ")]
    return codes


def organisation_check(organisation: str) -> str:
    total = sum(ORGANISATION_VALUES.index(c) * w for c, w in zip(organisation, ORGANISATION_WEIGHTS, strict=True))
    return {10: "X", 11: "0"}.get(11 - total % 11, str(11 - total % 11))


def has_place_of_birth(number: str) -> bool:
    try:
        ric.get_birth_place(number)
    except (InvalidComponent, KeyError):  # the library stumbles over a known province with an unknown county
        return False
    return True


def is_valid_for_stdnum(number: str) -> bool:
    try:
        return ric.is_valid(number)
    except KeyError:
        return False


def cleaned(spark: SparkSession, type: str, texts: Iterable[str]) -> dict[str, Any]:
    """Text -> value, all of them in one frame."""
    frame = spark.createDataFrame([(text,) for text in texts], "value__text string").withColumn(
        "value__unit", F.lit("元")
    )
    found = clean_fields(frame, [ModelField("value", type, 1, "", "")]).select("value__text", "value").toArrow()
    return dict(zip(found["value__text"].to_pylist(), found["value"].to_pylist(), strict=True))


def verdicts(spark: SparkSession, type: str, numbers: list[str]) -> dict[str, bool]:
    """Whether our rule keeps each number."""
    return {number: value == number for number, value in cleaned(spark, type, numbers).items()}


def test_resident_ids_agree_with_stdnum_but_for_the_place_of_birth(spark: SparkSession) -> None:
    numbers = resident_ids()
    ours = verdicts(spark, "resident_id", numbers)

    differences = Counter()
    for number, kept in ours.items():
        if kept == is_valid_for_stdnum(number):
            continue
        # The library has a list of counties with the years in which each had its code. We do not ask: the number of
        # someone who was born where no list knows a county is his number all the same.
        differences["place of birth" if kept and not has_place_of_birth(number) else number] += 1

    assert set(differences) == {"place of birth"}
    assert Counter(ours.values()).keys() == {True, False}
    assert 0.3 < sum(ours.values()) / len(ours) < 0.7, "both verdicts are well represented"


def test_fifteen_digits_are_upgraded_to_what_stdnum_computes(spark: SparkSession) -> None:
    draw = random.Random(13)
    bounds = ((110000, 659999), (0, 99), (1, 12), (1, 28), (0, 999))
    short = ["{}{:02}{:02}{:02}{:03}".format(*(draw.randint(*pair) for pair in bounds)) for _ in range(20_000)]
    expected = {}
    for number in short:
        first17 = f"{number[:6]}19{number[6:]}"
        expected[number] = first17 + ric.calc_check_digit(first17 + "0")

    assert cleaned(spark, "resident_id", short) == expected


def test_credit_codes_agree_with_stdnum_but_for_two_characters(spark: SparkSession) -> None:
    codes = credit_codes()
    ours = verdicts(spark, "credit_code", codes)

    differences = Counter()
    for code, kept in ours.items():
        if kept == uscc.is_valid(code):
            continue
        if kept and not code[:2].isdigit():
            # The library wants digits for department and category; the standard has the departments A (army), N
            # (agriculture) and Y (others), and leaves letters free for categories to come.
            differences["letter for department or category"] += 1
        elif not kept and not (code[16].isdigit() or code[16] == "X"):
            # The library takes any letter for the check of the organisation code; GB 11714 knows digits and X.
            differences["letter as check of the organisation code"] += 1
        else:
            differences[code] += 1

    assert set(differences) == {"letter for department or category", "letter as check of the organisation code"}
    assert 0.3 < sum(ours.values()) / len(ours) < 0.7, "both verdicts are well represented"


@pytest.mark.parametrize("department", "ANY")
def test_departments_with_a_letter_are_those_of_the_standard(spark: SparkSession, department: str) -> None:
    first17 = f"{department}1110000600037341"
    code = first17 + uscc.calc_check_digit(first17)

    assert verdicts(spark, "credit_code", [code]) == {code: True}
    assert not uscc.is_valid(code)


def test_organisation_checks_are_those_of_the_standard(spark: SparkSession) -> None:
    codes = credit_codes()[::2]
    frame = spark.createDataFrame([(code,) for code in codes], "code string")
    found = frame.select("code", credit_code.has_organisation_check(F.col("code")).alias("fits")).toArrow().to_pylist()

    assert {row["code"]: row["fits"] for row in found} == {
        code: code[16] == organisation_check(code[8:16]) for code in codes
    }


@settings(max_examples=20, deadline=None)
@given(st.lists(st.from_regex(r"[0-9]{17}", fullmatch=True), min_size=1, max_size=50))
def test_check_character_of_any_digits(spark: SparkSession, numbers: list[str]) -> None:
    frame = spark.createDataFrame([(n,) for n in numbers], "first17 string")
    found = frame.select("first17", resident_id.check_character(F.col("first17")).alias("check")).collect()
    assert all(row["check"] == ric.calc_check_digit(row["first17"] + "0") for row in found)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.text(ALPHABET, min_size=17, max_size=17), min_size=1, max_size=50))
def test_check_character_of_any_code(spark: SparkSession, codes: list[str]) -> None:
    frame = spark.createDataFrame([(code,) for code in codes], "first17 string")
    found = frame.select("first17", credit_code.check_character(F.col("first17")).alias("check")).collect()
    assert all(row["check"] == uscc.calc_check_digit(row["first17"]) for row in found)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.none() | st.text(max_size=40), min_size=1, max_size=30))
def test_any_text_has_a_verdict(spark: SparkSession, texts: list[str | None]) -> None:
    frame = spark.createDataFrame([(text,) for text in texts], "text string")
    found = frame.select(
        credit_code.is_valid_credit_code(F.col("text")).alias("code"),
        resident_id.is_valid_resident_id(F.col("text")).alias("id"),
    ).collect()
    assert all(row["code"] in (True, False) and row["id"] in (True, False) for row in found)


def without_noise(number: Decimal, unit: int) -> Decimal:
    """The amount; as a float holds it in 15 digits, if that has two decimals where three digits more could stand."""
    digits = 15 - len(str(int(number)).lstrip("0"))
    if digits >= 2 + len(str(unit)) - 1 + 3 and number != number.quantize(Decimal(1).scaleb(-digits)):
        rounded = number.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP) * unit
        if rounded == rounded.quantize(Decimal("0.01")):
            return rounded
    return number * unit


def test_amounts_are_those_of_exact_arithmetic(spark: SparkSession) -> None:
    draw = random.Random(17)
    units = {
        "": 1,
        "元": 1,
        "千元": 1_000,
        "万": 10_000,
        "万元": 10_000,
        "百万": 1_000_000,
        "千万元": 10_000_000,
        "亿元": 10**8,
    }
    expected = {}
    while len(expected) < 100_000:
        number = Decimal(draw.randrange(10 ** draw.randint(1, 17))).scaleb(-draw.randint(0, 8))
        unit = draw.choice(list(units))
        exact = without_noise(number, units[unit])
        kept = exact == exact.quantize(Decimal("0.01")) and exact < Decimal(10) ** 16
        expected[f"{number:{draw.choice(['', ','])}f}{unit}"] = exact.quantize(Decimal("0.01")) if kept else None

    assert cleaned(spark, "money", expected) == expected
    assert 0.3 < sum(amount is None for amount in expected.values()) / len(expected) < 0.7, "both are well represented"


def test_library_validates_what_we_take_for_granted() -> None:
    with pytest.raises(ValidationError):
        uscc.validate("91110000600037341M")
    with pytest.raises(ValidationError):
        ric.validate("110105194912310021")
