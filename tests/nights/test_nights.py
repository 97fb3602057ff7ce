"""Rows over nights: what a file does to the current rows, by its mode, its day, its name and its fate.

Each scenario is a system of its own, so that five runs show them all. A file is named `<name>_<day it speaks of>.csv`; its
line `1 甲` is a row of the number 1 and the word 甲. `released` is what the table `appeal` holds of the system after a run.
"""

from dataclasses import dataclass, field
from typing import Any

import pytest

from jobs import open_table
from jobs.common.lake.tables import Lake
from jobs.common.run.stage import open_lake
from tests.support.office import Office, open_office, rows_of, simple_contract

pytestmark = pytest.mark.nights

# Night and number of the run. The second run of the first night takes further files.
RUNS = ("1.1", "1.2", "2.1", "3.1", "4.1")
RENAME = "the copied file gets its final name"
BROKEN = "编号,内容,时间\n1,甲,2026-01-01 08:00:00\n".encode("utf-16")  # declared is UTF-8

Handed = list[str] | bytes | str


@dataclass(frozen=True)
class Scenario:
    """A contract's settings; what is handed in before each run; the numbers and words released after it."""

    handed: dict[str, dict[str, Handed]]
    released: dict[str, dict[str, str]]
    settings: dict[str, Any] = field(default_factory=dict)


SCENARIOS = {
    "late_snapshots": Scenario(
        # Of two snapshots of one night the newer counts; on a later night an older one changes nothing.
        {
            "1.1": {"x_20251230.csv": ["1 旧", "9 走"], "x_20260101.csv": ["1 甲", "2 乙"]},
            "2.1": {"x_20251231.csv": ["1 旧"]},
        },
        {"1.1": {"1": "甲", "2": "乙"}, "2.1": {"1": "甲", "2": "乙"}},
    ),
    "same_bytes": Scenario(
        {"1.1": {"x.csv": ["1 甲", "2 乙"]}, "2.1": {"x.csv": ["1 甲", "2 乙"]}},
        {"1.1": {"1": "甲", "2": "乙"}, "2.1": {"1": "甲", "2": "乙"}},
        {"as_of": None},
    ),
    "same_name_and_day": Scenario(
        # Other bytes replace the earlier ones, in the same night and on a later one.
        {
            "1.1": {"x_20260101.csv": ["1 甲", "2 乙"]},
            "1.2": {"x_20260101.csv": ["1 丙", "3 丁"]},
            "2.1": {"x_20260101.csv": ["1 戊", "4 己"]},
        },
        {"1.1": {"1": "甲", "2": "乙"}, "1.2": {"1": "丙", "3": "丁"}, "2.1": {"1": "戊", "4": "己"}},
    ),
    "further_parts": Scenario(
        # Another name is a further part of the same snapshot, in the same night and on a later one.
        {
            "1.1": {"a_20260101.csv": ["1 甲"]},
            "1.2": {"b_20260101.csv": ["2 乙"]},
            "2.1": {"c_20260101.csv": ["3 丙"]},
            "3.1": {"a_20260103.csv": ["1 甲"]},
        },
        {
            "1.1": {"1": "甲"},
            "1.2": {"1": "甲", "2": "乙"},
            "2.1": {"1": "甲", "2": "乙", "3": "丙"},
            "3.1": {"1": "甲"},
        },
        {"max_loss": 0.7},  # of the three rows two are gone in the end
    ),
    "absence": Scenario(
        # Absence from a snapshot ends a row, its return reopens it; a correction changes it.
        {
            "1.1": {"x_20260101.csv": ["1 甲", "2 乙", "3 丙"]},
            "2.1": {"x_20260102.csv": ["1 甲", "3 丙"]},
            "3.1": {"x_20260103.csv": ["1 甲", "2 乙", "3 改"]},
        },
        {
            "1.1": {"1": "甲", "2": "乙", "3": "丙"},
            "2.1": {"1": "甲", "3": "丙"},
            "3.1": {"1": "甲", "2": "乙", "3": "改"},
        },
    ),
    "increments": Scenario(
        # An increment ends nothing; one that is older than those taken changes nothing.
        {
            "1.1": {"x_20260101.csv": ["1 甲"]},
            "2.1": {"x_20260102.csv": ["2 乙"]},
            "3.1": {"x_20260103.csv": ["1 改"]},
            "4.1": {"y_20260102.csv": ["2 旧", "5 旧"]},
        },
        {"2.1": {"1": "甲", "2": "乙"}, "3.1": {"1": "改", "2": "乙"}, "4.1": {"1": "改", "2": "乙"}},
        {"mode": "incremental"},
    ),
    "a_log": Scenario(
        {"1.1": {"x_20260101.csv": ["1 甲"]}, "2.1": {"x_20260102.csv": ["2 乙"]}},
        {"2.1": {"1": "甲", "2": "乙"}},
        {"mode": "log"},
    ),
    "a_part_refused": Scenario(
        # Nothing ends while a part of the snapshot is refused, on later nights too; then what is absent from all of it.
        {
            "1.1": {"a_20260101.csv": ["1 甲", "2 乙", "9 壬"]},
            "2.1": {"a_20260102.csv": ["1 甲"], "b_20260102.csv": BROKEN},
            "3.1": {"c_20260102.csv": ["3 丙"]},
            "4.1": {"b_20260102.csv": ["2 乙"]},
        },
        {
            "2.1": {"1": "甲", "2": "乙", "9": "壬"},
            "3.1": {"1": "甲", "2": "乙", "3": "丙", "9": "壬"},
            "4.1": {"1": "甲", "2": "乙", "3": "丙"},
        },
    ),
    "a_worse_file": Scenario(
        # Of the same name as a good one.
        {"1.1": {"x_20260101.csv": ["1 甲", "2 乙"]}, "1.2": {"x_20260101.csv": BROKEN}},
        {"1.1": {"1": "甲", "2": "乙"}, "1.2": {"1": "甲", "2": "乙"}},
    ),
    "unread_keys": Scenario(
        # Nothing ends while a key cannot be read: in a row without a number, in a ragged row.
        {
            "1.1": {"x_20260101.csv": ["1 甲", "2 乙"]},
            "2.1": {"x_20260102.csv": ["1 甲", " 乙"]},
            "3.1": {"x_20260103.csv": ["1 甲", "2 乙 多"]},
            "4.1": {"x_20260104.csv": ["1 甲"]},
        },
        {"2.1": {"1": "甲", "2": "乙"}, "3.1": {"1": "甲", "2": "乙"}, "4.1": {"1": "甲"}},
    ),
    "keys_twice": Scenario(
        # The first row of a key stays; a key in conflict is known and present, so that other rows end.
        {
            "1.1": {"x_20260101.csv": ["1 甲", "1 乙", "2 丙", "2 丙"]},
            "2.1": {"x_20260102.csv": ["1 甲", "1 乙"]},
        },
        {"1.1": {"1": "甲", "2": "丙"}, "2.1": {"1": "甲"}},
    ),
    "contract_breaks": Scenario(
        # In the second run its contract is invalid: its rows stay as they are. Mended, the file is taken from the archive.
        {"1.1": {"a_20260101.csv": ["1 甲", "2 乙"]}, "1.2": {"b_20260101.csv": ["3 丙"]}},
        {"1.1": {"1": "甲", "2": "乙"}, "1.2": {"1": "甲", "2": "乙"}, "2.1": {"1": "甲", "2": "乙", "3": "丙"}},
    ),
    "ready_by_done": Scenario(
        {"1.1": {"x_20260101.csv": ["1 甲"]}, "1.2": {"x_20260101.csv.done": ""}},
        {"1.1": {}, "1.2": {"1": "甲"}},
        {"ready": "done"},
    ),
    "being_copied": Scenario(
        {"1.1": {"x_20260101.csv.part": ["1 甲"]}, "1.2": {"x_20260101.csv": RENAME}},
        {"1.1": {}, "1.2": {"1": "甲"}},
    ),
    "stays_away": Scenario(
        # Two nights without the source change nothing; it returns.
        {"1.1": {"x_20260101.csv": ["1 甲", "2 乙"]}, "4.1": {"x_20260104.csv": ["1 甲", "3 丙"]}},
        {"2.1": {"1": "甲", "2": "乙"}, "3.1": {"1": "甲", "2": "乙"}, "4.1": {"1": "甲", "3": "丙"}},
        {"expected": "nightly"},
    ),
}
KEYLESS = "without_a_key"  # its rows are residents' names, as `appeal` must have a key


def run_id(short: str) -> str:
    night, number = short.split(".")
    return f"2026-01-{int(night):02}.{number}"


@dataclass(frozen=True)
class Nights:
    office: Office
    lake: Lake
    released: dict[str, dict[str, dict[str, str]]]  # run, system, number: word

    def source(self, run: str, system: str) -> dict[str, Any]:
        found: dict[str, Any] = self.office.summary(run_id(run))["sources"][system]
        return found

    def fates(self, run: str, system: str) -> dict[str, str]:
        return {file["name"]: file["status"] for file in self.source(run, system)["files"]}

    def terms(self, run: str, system: str) -> dict[str, int]:
        """Terms of the books of a system's only file, of the record appeal."""
        answer = self.office.jiceng("books", "--run", run_id(run), "--system", system, "--format", "json")
        assert answer.code == 0
        [row] = [row for row in rows_of(answer) if row["record"] == "appeal"]
        return {
            name: row[name] for name in ("new", "changed", "unchanged", "duplicate", "quarantined", "late") if row[name]
        }

    def versions(self, system: str) -> list[tuple[str, str, str | None]]:
        """Word, first night and end of each version, in their order."""
        rows = self.lake.rows("harmonised.appeal", {"system": system}).to_pylist()
        days = [(row["source_key"], str(row["valid_from"])[-2:], row["valid_to"], row["subject"]) for row in rows]
        return [(word, start, str(end)[-2:] if end else None) for _, start, end, word in sorted(days, key=str)]


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory) -> Nights:
    office = open_office(tmp_path_factory.mktemp("nights") / "workspace")
    for system, scenario in SCENARIOS.items():
        office.declare(system, simple_contract(system, **scenario.settings))
    office.declare(KEYLESS, simple_contract(KEYLESS, key=False))
    keyless = {"1.1": ["1 甲", "1 甲", "1 乙"], "2.1": ["1 甲", "1 乙"]}
    released = {}
    for run in RUNS:
        contract = simple_contract("contract_breaks")
        office.declare("contract_breaks", contract.replace("schema:", "schemas:") if run == "1.2" else contract)
        for system, scenario in SCENARIOS.items():
            for name, content in scenario.handed.get(run, {}).items():
                path = office.workspace.inbox / system / name
                if content == RENAME:
                    path.with_name(f"{name}.part").rename(path)
                else:
                    office.hand_in(f"{system}/{name}", content)
        if run in keyless:
            office.hand_in(f"{KEYLESS}/x_2026010{run[0]}.csv", keyless[run])
        answer = office.run(run_id(run).partition(".")[0])
        assert answer.code == 0, answer.err
        rows = open_table("appeal", run_id(run), office.workspace.home).arrow().to_pylist()
        released[run] = {name: {r["number"]: r["subject"] for r in rows if r["system"] == name} for name in SCENARIOS}
    return Nights(office, open_lake(office.workspace), released)


@pytest.mark.parametrize(
    ("system", "run"), [(system, run) for system, scenario in SCENARIOS.items() for run in scenario.released]
)
def test_released_rows(nights: Nights, system: str, run: str) -> None:
    assert nights.released[run][system] == SCENARIOS[system].released[run]


@pytest.mark.parametrize("run", RUNS)
def test_the_books_close_every_time(nights: Nights, run: str) -> None:
    assert nights.office.jiceng("books", "--run", run_id(run)).code == 0


def test_a_late_file_is_called_late(nights: Nights) -> None:
    assert nights.fates("1.1", "late_snapshots") == {"x_20251230.csv": "late", "x_20260101.csv": "accepted"}
    assert nights.fates("2.1", "late_snapshots") == {"x_20251231.csv": "late"}
    assert nights.fates("4.1", "increments") == {"y_20260102.csv": "late"}
    assert nights.source("4.1", "increments")["state"] == "delivered"
    assert nights.terms("4.1", "increments") == {"late": 2}


def test_the_same_bytes_count_as_delivered_and_unchanged(nights: Nights) -> None:
    assert nights.source("2.1", "same_bytes")["state"] == "delivered"
    assert nights.terms("2.1", "same_bytes") == {"unchanged": 2}
    assert nights.versions("same_bytes") == [("甲", "01", None), ("乙", "01", None)]


def test_a_replaced_file_leaves_no_version_of_the_same_night(nights: Nights) -> None:
    assert nights.versions("same_name_and_day") == [
        ("丙", "01", "02"), ("戊", "02", None), ("丁", "01", "02"), ("己", "02", None),
    ]  # fmt: skip


def test_versions_of_rows_that_end_return_and_change(nights: Nights) -> None:
    # 1 stays; 2 ends and returns; 3 is corrected
    assert nights.versions("absence") == [
        ("甲", "01", None), ("乙", "01", "02"), ("乙", "03", None), ("丙", "01", "03"), ("改", "03", None),
    ]  # fmt: skip
    assert nights.terms("2.1", "absence") == {"unchanged": 2}
    assert nights.terms("3.1", "absence") == {"changed": 2, "unchanged": 1}  # a reopened row is among the changed


def test_the_books_count_what_ended_and_what_reopened(nights: Nights) -> None:
    answer = nights.office.jiceng("books", "--run", run_id("3.1"), "--format", "json")
    [row] = [row for row in rows_of(answer) if row["record"] == "appeal" and row["current"] is not None]
    before, now = (sum(map(len, nights.released[run].values())) for run in ("2.1", "3.1"))
    assert (row["previous"], row["current"], row["reopened"]) == (before, now, 1)


def test_rows_without_a_usable_key_are_set_aside(nights: Nights) -> None:
    def aside(system: str) -> list[tuple[int, str, str]]:
        rows = nights.lake.rows("ops.quarantine", {"system": system}).to_pylist()
        return sorted((row["row_number"], row["reason"], row["stage"]) for row in rows)

    assert aside("unread_keys") == [(3, "key_missing", "harmonise"), (3, "ragged_row", "land")]
    assert aside("keys_twice") == [(3, "key_conflict", "harmonise")] * 2
    assert nights.terms("1.1", "keys_twice") == {"new": 2, "duplicate": 1, "quarantined": 1}


def test_rows_without_a_declared_key_are_told_apart_by_content_and_occurrence(nights: Nights) -> None:
    rows = nights.lake.rows("harmonised.resident", {"system": KEYLESS}).to_pylist()
    versions = sorted((row["name"], row["source_key"].split("#")[1], str(row["valid_to"])) for row in rows)
    assert versions == [("乙", "1", "None"), ("甲", "1", "None"), ("甲", "2", "2026-01-02")]


def test_a_worse_file_of_the_same_name_is_not_made_good_by_the_one_before(nights: Nights) -> None:
    source = nights.source("1.2", "a_worse_file")
    assert source["state"] == "refused"
    assert [(file["status"], file["made_good"]) for file in source["files"]] == [
        ("accepted", False),
        ("refused", False),
    ]
    later = nights.source("4.1", "a_part_refused")
    assert later["state"] == "delivered"


def test_a_night_on_which_nothing_ends_is_told_and_counted(nights: Nights) -> None:
    def told(run: str, system: str) -> list[tuple[str, str, int, int, int]]:
        lacking = nights.source(run, system)["shortcomings"]
        return [tuple(lack[name] for name in ("name", "reason", "rows", "of", "nights")) for lack in lacking]

    assert told("2.1", "unread_keys") == [("x_20260102.csv", "keys_unread", 1, 2, 1)]
    assert told("3.1", "unread_keys") == [("x_20260103.csv", "keys_unread", 1, 2, 2)]
    assert told("4.1", "unread_keys") == []
    assert [nights.source(run, "unread_keys")["state"] for run in RUNS[2:]] == ["partial", "partial", "delivered"]
    assert told("2.1", "a_part_refused") == [("b_20260102.csv", "part_refused", 0, 0, 1)]
    assert told("3.1", "a_part_refused") == [("b_20260102.csv", "part_refused", 0, 0, 2)]
    assert [nights.source(run, "a_part_refused")["state"] for run in RUNS[2:]] == ["refused", "partial", "delivered"]
    assert nights.office.summary(run_id("3.1"))["verdict"] == "incomplete"


def test_a_key_twice_or_the_first_night_is_no_shortcoming(nights: Nights) -> None:
    assert nights.source("2.1", "keys_twice")["shortcomings"] == []
    assert not any(source["shortcomings"] for source in nights.office.summary(run_id("1.1"))["sources"].values())


def test_an_invalid_contract_refuses_its_source_only(nights: Nights) -> None:
    source = nights.source("1.2", "contract_breaks")
    assert source["state"] == "refused"
    assert nights.fates("1.2", "contract_breaks") == {"a_20260101.csv": "accepted", "b_20260101.csv": "refused"}
    assert nights.fates("2.1", "contract_breaks") == {"b_20260101.csv": "accepted"}
    assert nights.source("1.2", "further_parts")["state"] == "delivered"


def test_a_file_waits_until_it_is_finished(nights: Nights) -> None:
    why = "still being copied; taken when it has its final name, and its .done if it needs one"
    waiting = nights.office.summary(run_id("1.1"))["waiting"]
    assert waiting == [f"being_copied/x_20260101.csv.part: {why}", f"ready_by_done/x_20260101.csv: {why}"]
    assert nights.office.summary(run_id("1.2"))["waiting"] == []
    assert not any(path.is_file() for path in nights.office.workspace.inbox.rglob("*"))


def test_a_source_that_stays_away_is_missing_until_it_returns(nights: Nights) -> None:
    system = "stays_away"
    states = [nights.source(run, system)["state"] for run in RUNS]
    assert states == ["delivered", "delivered", "missing", "missing", "delivered"]
    assert nights.versions(system) == [("甲", "01", None), ("乙", "01", "04"), ("丙", "04", None)]
    assert nights.office.summary(run_id("2.1"))["verdict"] == "incomplete"
