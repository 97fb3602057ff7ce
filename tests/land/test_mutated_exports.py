"""Exports that the gate must not let through, one for each family of rules that an export can break; nights of one office.

Whatever else is wrong with a value, harmonise makes it null and an issue; these are values that can be read and cannot be true.
"""

from collections.abc import Callable

import pytest

from tests.support.office import Office, open_office, simple_contract

pytestmark = pytest.mark.nights

COLUMNS = {
    "likes": ("点赞", "appeal.likes"),
    "name": ("姓名", "resident.name"),
    "born": ("出生日期", "resident.birth_date"),
    "died": ("死亡日期", "resident.death_date"),
}
HEADER = "编号,内容,时间,点赞,姓名,出生日期,死亡日期\n"
Row = list[str]


def whole() -> list[Row]:
    return [
        [str(n), "灯坏了", "2026-01-01 08:00:00", "3", f"王{'一二三四'[n % 4]}", "1950-01-01", ""] for n in range(40)
    ]


def changed(place: int, value: str) -> Callable[[], list[Row]]:
    """All rows, with another value in one cell of the first."""
    first, *others = whole()
    return lambda: [[*first[:place], value, *first[place + 1 :]], *others]


MUTATED: dict[str, tuple[Callable[[], list[Row]], str]] = {
    "values that are missing": (changed(2, ""), "appeal fails expect_column_values_to_not_be_null(asked_at) (1 of 40)"),
    "a value out of its range": (changed(3, "-1"), "appeal fails expect_column_values_to_be_between(likes) (1 of 40)"),
    "dates that contradict each other": (changed(6, "1949-12-31"), "(death_date, birth_date) (1 of "),
    "a table that lost half": (lambda: whole()[:12], "fails expect_table_row_count_to_be_between() (12 rows; "),
}  # fmt: skip


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Office:
    office = open_office(tmp_path_factory.mktemp("mutated") / "workspace")
    further = "".join(
        f'\n      - {{name: {name}, physicalName: {header}, classification: "3", '
        f"customProperties: [{{property: feeds, value: {feeds}}}]}}"
        for name, (header, feeds) in COLUMNS.items()
    )
    # Half an export is let through here, for the gate to see it.
    office.declare("desk", simple_contract("desk", max_loss=1).rstrip() + further + "\n")
    return office


def hand_over(office: Office, night: int, rows: list[Row]) -> int:
    office.hand_in(f"desk/messages_2026010{night}.csv", HEADER + "".join(",".join(row) + "\n" for row in rows))
    return office.run(f"2026-01-0{night}").code


def released(office: Office, night: int) -> dict[str, str]:
    tables = office.summary(f"2026-01-0{night}.1")["tables"]
    return {name: entry["fingerprint"] for name, entry in tables.items() if name.startswith("refined.")}


def test_a_mutated_export_is_refused_and_changes_nothing_that_readers_see(office: Office) -> None:
    assert hand_over(office, 1, whole()) == 0
    before = released(office, 1)
    for night, (case, (rows, rule)) in enumerate(MUTATED.items(), start=2):
        assert hand_over(office, night, rows()) == 3, case
        reasons = office.summary(f"2026-01-0{night}.1")["refusal"]
        assert [reason for reason in reasons if rule in reason] == reasons, case
        assert released(office, night) == before, case
    last = 2 + len(MUTATED)
    assert hand_over(office, last, whole()) == 0
    assert office.summary(f"2026-01-0{last}.1")["release_id"] == f"2026-01-0{last}.1"
