"""What is usual is learned from earlier nights, and a night beyond it is told.

figures of the nights before      usual tonight           why
3 nights of about 100             50 to 150               a quarter, doubled, as there are few nights
7 nights of about 100             70 to 130               three times the root of 100
7 nights of exactly 10,000        7,500 to 12,500         a quarter
7 nights between 60 and 140       widened by themselves   five deviations
7 nights with a share of 1%       0% to 3%                two in a hundred
"""

from pathlib import Path

import pytest

from jobs.audit.history import Metric, measure, measure_columns, usual
from jobs.common.run.stage import open_lake
from tests.support.office import Office, open_office, simple_contract

pytestmark = pytest.mark.nights

COUNT, SHARE = Metric("rows_landed(desk message)", False), Metric("share_ended(appeal)", True)
USUAL = {
    "three nights": (COUNT, [100, 101, 99], (40, 160)),
    "seven nights": (COUNT, [100, 101, 99, 100, 100, 101, 99], (70, 130)),
    "large and steady": (COUNT, [10_000] * 7, (7_500, 12_500)),
    "restless": (COUNT, [60, 140, 80, 120, 100, 70, 130], (0, 100 + 5 * 1.4826 * 30)),
    "one outlier among many": (COUNT, [10_000] * 6 + [90_000], (7_500, 12_500)),
    "nothing ever": (COUNT, [0] * 7, (0, 0)),
    "a steady share": (SHARE, [0.01] * 7, (0, 0.03)),
    "a share of few nights": (SHARE, [0.01] * 3, (0, 0.05)),
}


@pytest.mark.parametrize("case", USUAL)
def test_what_is_usual(case: str) -> None:
    metric, known, expected = USUAL[case]
    assert usual(metric, known) == pytest.approx(expected)


def entry(term: str, rows: int, record: str | None = None, file: str | None = None) -> dict[str, object]:
    system, name = ("desk", "message") if file or record is None else (None, None)
    return {"term": term, "rows": rows, "record": record, "file_id": file, "system": system, "object": name}


def test_the_figures_of_a_night() -> None:
    ledger = [
        entry("landed", 90, file="f"), entry("quarantined", 10, file="f"),
        entry("landed", 10, file="g"), entry("quarantined", 0, file="g"),
        entry("new", 4, "appeal", "f"), entry("changed", 6, "appeal", "f"), entry("unchanged", 90, "appeal", "f"),
        entry("previous", 200, "appeal"), entry("new", 4, "appeal"), entry("ended", 50, "appeal"),
        entry("current", 154, "appeal"),
    ]  # fmt: skip
    assert {
        metric.name: figure.value for metric, figure in measure(ledger, {"appeal.subject: name_unreadable": 1}).items()
    } == {
        "rows_landed(desk message)": 100,
        "share_quarantined(desk message)": 10 / 110,
        "share_ended(appeal)": 0.25,
        "share_new(appeal)": 0.02,
        "share_of_issues(appeal.subject: name_unreadable)": 0.1,
    }


def test_a_file_that_is_held_says_nothing_of_what_is_usual() -> None:
    ledger = [entry("landed", 90, file="f"), entry("quarantined", 10, file="f"), entry("held", 90, "appeal", "f")]
    assert measure(ledger, {}) == {}
    other = [entry("landed", 10, file="g"), entry("quarantined", 0, file="g")]
    assert {metric.name: figure.value for metric, figure in measure(ledger + other, {}).items()} == {
        "rows_landed(desk message)": 10, "share_quarantined(desk message)": 0,
    }  # fmt: skip


def counted(field: str | None, code: str | None, rows: int) -> dict[str, object]:
    return {"table_name": "resident", "field": field, "code": code, "rows": rows}


def test_the_shares_of_columns_and_codes() -> None:
    """Of 100 residents 80 have a sex, one in four is a man; a code that this night lacks is none, not unknown."""
    night = [counted(None, None, 100), counted("sex_code", None, 80), counted("sex_code", "1", 20)]
    found = measure_columns(night, [*night, counted("sex_code", "2", 60)])
    assert {metric.name: (figure.value, figure.of) for metric, figure in found.items()} == {
        "share_empty(resident.sex_code)": (0.2, 100),
        "share_of_code(resident.sex_code: 1)": (0.25, 80),
        "share_of_code(resident.sex_code: 2)": (0.0, 80),
    }


def test_chance_takes_more_of_few_rows() -> None:
    half = Metric("share_of_code(resident.sex_code: 1)", True)
    assert usual(half, [0.5] * 7, 1_000_000) == pytest.approx((0.48, 0.52))
    assert usual(half, [0.5] * 7, 100) == pytest.approx((0.35, 0.65))


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Office:
    """Four nights of 40 messages, of which one is another each night; 14 in the fifth, which the contract lets pass."""
    office = open_office(tmp_path_factory.mktemp("history") / "workspace")
    office.declare("desk", simple_contract("desk", max_loss=1))
    for night, keys in enumerate([range(n, n + 40) for n in range(1, 5)] + [range(5, 19)], start=1):
        office.hand_in(f"desk/messages_2026010{night}.csv", [f"{key} 甲" for key in keys])
        assert office.run(f"2026-01-0{night}").code == 0
    return office


def verdicts(office: Office, night: int) -> dict[str, tuple[bool, str]]:
    rows = open_lake(office.workspace).rows("ops.audit", {"run_id": f"2026-01-0{night}.1", "table_name": "history"})
    return {row["rule"]: (row["success"], row["observed"]) for row in rows.to_pylist()}


def test_before_three_nights_nobody_knows_what_is_usual(office: Office) -> None:
    assert verdicts(office, 3) == {}


def test_a_night_like_the_others_is_no_warning(office: Office) -> None:
    assert verdicts(office, 4)["rows_landed(desk message)"] == (True, "40; usual 2 to 78, from 3 nights")
    assert all(success for success, _ in verdicts(office, 4).values())


def test_a_strange_night_is_released_and_told(office: Office) -> None:
    found = verdicts(office, 5)
    assert found["share_ended(appeal)"] == (False, "65.0%; usual 0.0% to 17.3%, from 3 nights")
    assert found["rows_landed(desk message)"] == (True, "14; usual 2 to 78, from 4 nights")
    assert office.summary("2026-01-05.1")["release_id"] == "2026-01-05.1"
    told = [row["detail"] for row in office.status() if (row["what"], row["name"]) == ("warning", "history")]
    assert told == ["share_ended(appeal): 65.0%; usual 0.0% to 17.3%, from 3 nights"]


def test_values_that_nobody_understands_all_of_a_sudden(tmp_path: Path) -> None:
    """The register writes years of two digits from one night to the next."""
    office = open_office(tmp_path / "workspace")
    office.declare("desk", simple_contract("desk", max_loss=1))
    header = "编号,内容,时间\n"
    for night in range(1, 6):
        time = "26/1/1" if night == 5 else "2026-01-01 08:00:00"
        rows = "".join(f"{night * 100 + n},甲,{time}\n" for n in range(30))
        office.hand_in(f"desk/messages_2026010{night}.csv", header + rows)
        assert office.run(f"2026-01-0{night}").code == (3 if night == 5 else 0)  # which another rule refuses
    assert verdicts(office, 5)["share_empty(appeal.asked_at)"] == (False, "100.0%; usual 0.0% to 4.0%, from 4 nights")
    (found,) = [(rule, told) for rule, told in verdicts(office, 5).items() if rule.startswith("share_of_issues")]
    assert found == (
        "share_of_issues(appeal.asked_at: datetime_unreadable)",
        (False, "100.0%; usual 0.0% to 4.0%, from 4 nights"),
    )
