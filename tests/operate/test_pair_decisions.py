"""People decide which records are one: a pair is reviewed, decided in the workbook, worked through by a night, and taken back.

The office is that of `tests/support/pair_office.py`.
"""

import subprocess
import sys
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from jobs.common.intake.judgements import all_judgements
from jobs.common.lake.tables import Lake
from jobs.common.run.stage import open_lake
from tests.support.constants import REPOSITORY
from tests.support.office import Office, rows_of
from tests.support.pair_office import DESK, FIRST, ID_4, PERSONAL, REGISTER, SECOND, hand_in, mention, pair

pytestmark = [pytest.mark.xdist_group("pairs"), pytest.mark.nights]

pytest_plugins = ["tests.support.pair_fixtures"]

HEADERS = {"decision": "决定", "because": "为什么"}


def lake_of(office: Office) -> Lake:
    return open_lake(office.workspace)


def entities(office: Office) -> dict[str, str]:
    """The entity of each row, by the key of the row."""
    return {row["source_key"]: row["entity_id"] for row in lake_of(office).rows("links.mention").to_pylist()}


def review(office: Office, *arguments: str) -> list[dict[str, Any]]:
    answer = office.jiceng("links", "review", *arguments, "--format", "json")
    assert answer.code == 0, answer.err
    return rows_of(answer)


def write_review(office: Office, folder: Path) -> Path:
    path = folder / "pairs.xlsx"
    answer = office.jiceng("links", "review", "--output", path)
    assert answer.code == 0, answer.err
    return path


class Workbook:
    """The workbook of a review as somebody fills it in."""

    def __init__(self, path: Path) -> None:
        self.path, self.book = path, openpyxl.load_workbook(path)
        self.sheet = self.book.worksheets[0]
        self.columns = {cell.value: cell.column for cell in self.sheet[1]}

    def pairs(self) -> dict[tuple[str, str], int]:
        """Row by pair."""
        names = ("mention_id", "other_id")
        return {tuple(self.get(row, name) for name in names): row for row in range(2, self.sheet.max_row + 1)}

    def get(self, row: int, column: str) -> Any:
        return self.sheet.cell(row, self.columns[column]).value

    def put(self, row: int, **values: Any) -> None:
        for name, value in values.items():
            self.sheet.cell(row, self.columns[HEADERS.get(name, name)]).value = value

    def add(self, row: int) -> int:
        """The row once more, at the end; returns its number."""
        last = self.sheet.max_row + 1
        for column in range(1, self.sheet.max_column + 1):
            self.sheet.cell(last, column).value = self.sheet.cell(row, column).value
        return last

    def save(self) -> Path:
        self.book.save(self.path)
        return self.path


def decide(office: Office, path: Path, *arguments: str) -> tuple[int, list[tuple[int, str]], str]:
    """Exit code, row and state of each row with a decision, and the messages."""
    answer = office.jiceng("links", "decide", path, "--because", "a test", *arguments, "--format", "json")
    rows = rows_of(answer) if answer.out else []
    return answer.code, [(row["row_number"], row["state"]) for row in rows], answer.err + answer.out


def judged(office: Office) -> list[tuple[tuple[str, str], str, str]]:
    rows = all_judgements(lake_of(office))
    return [((row["mention_id"], row["other_id"]), row["decision"], row["state"]) for row in rows]


# --- what is worth a look ---------------------------------------------------------------------------------------------------


def test_review_lists_open_and_near_pairs_what_matters_most_first(office: Office) -> None:
    found = [(row["why"], (row["mention_id"], row["other_id"]), row["records"]) for row in review(office)]
    whys = ["open", "open", "open", "open", "several_in_one"]
    assert [why for why, _, _ in found] == whys
    assert {(why, records) for why, _, records in found} == set(zip(whys, (2, 2, 2, 3, 2), strict=True))
    by_why = {both: why for why, both, _ in found}
    assert by_why[pair("D1", "P1")] == by_why[pair("D1", "P2")] == "open"
    assert by_why[pair("P5", "P6")] == "open"
    assert by_why[pair("P4", "D4")] == "several_in_one"
    assert "open" in (by_why.get(pair("P3", "P4")), by_why.get(pair("P3", "D4")))


def test_two_named_records_are_reviewed_whatever_they_are(office: Office) -> None:
    [row] = review(office, "register/P1", mention("P6")[:8])
    assert (row["why"], (row["mention_id"], row["other_id"])) == ("asked", pair("P1", "P6"))
    for records, told in ((("register/P1",), "name two records"), (("register/P1", "register/P1"), "of one record")):
        answer = office.jiceng("links", "review", *records)
        assert answer.code == 2
        assert told in answer.err


def test_review_tells_what_agrees_and_what_does_not_without_a_value(office: Office) -> None:
    by_pair = {(row["mention_id"], row["other_id"]): row for row in review(office)}
    row = by_pair[pair("P5", "P6")]
    assert row["agree"] == "姓名 name; 出生日期 birth_date"
    assert row["differ"] == "联系电话 phone"
    assert row["record"] == "姓名 name: •••; 出生日期 birth_date: •••; 联系电话 phone: •••"
    text = office.jiceng("links", "review").out + office.jiceng("links", "review", "--format", "csv").out
    assert not [value for value in PERSONAL if value in text]
    assert not lake_of(office).exists("ops.access")


def test_values_are_shown_for_a_reason_which_is_kept(office: Office) -> None:
    rows = review(office, "--show-personal", "--because", "  case of 13900000001\n")
    by_pair = {(row["mention_id"], row["other_id"]): row["record"] + row["other_record"] for row in rows}
    assert "陈一平" in by_pair[pair("P5", "P6")]
    assert "13900000006" in by_pair[pair("P5", "P6")]
    [row] = lake_of(office).rows("ops.access").to_pylist()
    assert (row["what"], row["tables"], row["because"]) == ("links review", "harmonised.resident", "case of •••")
    assert {"name", "id_number", "phone"} <= set(row["columns"].split(","))
    assert row["who"]
    assert row["at"]


def test_a_review_needs_no_engine_that_runs_already(office: Office) -> None:
    """In a process of its own, as people call it: nothing has started a session before."""
    command = [sys.executable, "-m", "jobs.cli", "links", "review", "--home", str(office.workspace.home)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "several_in_one" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--show-personal",), "say why with --because"),
        (("--show-personal", "--because", " "), "say why with --because"),
        (("--because", "why not"), "give --show-personal as well"),
        (("--kind", "ship"), "'ship' is no kind; there are"),
        (("--output", "pairs.csv"), "must end in .xlsx"),
        (("--force",), "--force is for files"),
    ],
)
def test_a_review_that_cannot_be_is_refused(office: Office, arguments: tuple[str, ...], told: str) -> None:
    answer = office.jiceng("links", "review", *arguments)
    assert (answer.code, answer.out) == (2, "")
    assert told in answer.err
    assert not lake_of(office).exists("ops.access")


def test_the_workbook_is_for_its_owner_and_has_decisions_to_choose_from(office: Office, tmp_path: Path) -> None:
    path = write_review(office, tmp_path)
    assert path.stat().st_mode & 0o777 == 0o600
    sheet = Workbook(path).sheet
    headers = [cell.value for cell in sheet[1]]
    assert headers[:7] == ["决定", "为什么", "类别", "原因", "涉及记录", "一致", "不一致"]
    assert [validation.formula1 for validation in sheet.data_validations.dataValidation] == ['"同一,不同,不确定"']
    again = office.jiceng("links", "review", "--output", path)
    assert again.code == 2
    assert "--force replaces it" in again.err


# --- what is decided --------------------------------------------------------------------------------------------------------


def test_a_pair_is_joined_by_a_night_and_parted_again(office: Office, tmp_path: Path) -> None:
    """Review, workbook, decide, night: one entity. Revoke, night: two. The recorded nights replay to equal tables."""
    before = entities(office)
    book = Workbook(write_review(office, tmp_path))
    row = book.pairs()[pair("D1", "P1")]
    book.put(row, decision="同一", because="the clerk knows him")
    assert decide(office, book.save())[:2] == (0, [(row, "recorded")])
    [judgement] = all_judgements(lake_of(office))
    assert judgement["because"] == "the clerk knows him"
    assert (str(judgement["night"]), judgement["after_run"], judgement["number"]) == (FIRST, f"{FIRST}.1", 1)
    assert pair("D1", "P1") not in [(row["mention_id"], row["other_id"]) for row in review(office)]

    assert office.run(FIRST).code == 0  # of the same night, with nothing else new
    assert office.summary(f"{FIRST}.2")["nothing_new"] is False
    joined = entities(office)
    assert joined["D1"] == joined["P1"] in (before["D1"], before["P1"])
    assert joined["P2"] == before["P2"]
    assert balances_of(office, "judged") == ["1 judged = 1 together + 0 apart + 0 absent"]
    [step] = rows_of(office.jiceng("explain", "resident", "desk/D1", "register/P1", "--format", "json"))
    assert (step["state"], step["decision"], step["reason"]) == ("one", "same", "judged_same")
    linked = rows_of(office.jiceng("explain", "resident", joined["D1"], "--field", "name", "--format", "json"))
    assert {row["linked_by"] for row in linked} == {"judged_same"}
    [told] = rows_of(office.jiceng("links", "list", "--format", "json"))
    assert (told["decision"], told["state"], told["effect"]) == ("same", "standing", "together")
    assert office.run(FIRST).code == 0
    assert office.summary(f"{FIRST}.3")["nothing_new"] is True

    answer = office.jiceng("links", "revoke", mention("P1")[:8], mention("D1"), "--because", "two people")
    assert answer.code == 0, answer.err
    hand_in(office, SECOND)
    assert office.run(SECOND).code == 0
    parted = entities(office)
    assert parted["D1"] != parted["P1"]
    assert joined["D1"] in (parted["D1"], parted["P1"])
    assert rows_of(office.jiceng("links", "list", "--format", "json")) == []
    assert [row["state"] for row in rows_of(office.jiceng("links", "list", "--all", "--format", "json"))] == [
        "revoked",
        "standing",
    ]
    assert pair("D1", "P1") in [(row["mention_id"], row["other_id"]) for row in review(office)]
    replayed = office.jiceng("replay", "--into", tmp_path / "replayed", "--format", "json")
    assert replayed.code == 0, replayed.out
    assert {row["state"] for row in rows_of(replayed)} == {"same"}


def test_what_a_matcher_has_joined_is_cut(office: Office, tmp_path: Path) -> None:
    """P4 and D4 have one id number: the edge stands, and links nothing any more."""
    assert entities(office)["P4"] == entities(office)["D4"]
    [step] = rows_of(office.jiceng("explain", "resident", "desk/D4", "register/P4", "--format", "json"))
    assert (step["state"], step["decision"], step["reason"]) == ("one", "accept", "same_id_and_name")
    book = Workbook(write_review(office, tmp_path))
    book.put(book.pairs()[pair("P4", "D4")], decision="不同", because="case of 13900000005")
    assert decide(office, book.save())[0] == 0
    assert office.run(FIRST).code == 0
    now = entities(office)
    assert now["P4"] != now["D4"]
    assert balances_of(office, "judged") == ["1 judged = 0 together + 1 apart + 0 absent"]
    ids = {row["entity_id"]: row["id_number"] for row in lake_of(office).rows("refined.resident").to_pylist()}
    assert (ids[now["P4"]], ids[now["D4"]]) == (ID_4, None)  # the number is of whom the birth date inside it is
    assert all_judgements(lake_of(office))[0]["because"] == "case of •••"
    for entity in (now["P4"], now["D4"]):
        told = rows_of(office.jiceng("explain", "resident", entity, "--field", "name", "--format", "json"))
        assert {row["linked_by"] for row in told} == {None}
    found = rows_of(office.jiceng("explain", "resident", now["P4"], now["D4"], "--format", "json"))
    assert found[0]["reason"] == "judged_different"
    assert {(row["state"], row["decision"], row["reason"]) for row in found[1:]} == {
        ("two", "accept", "same_id_and_name"),
        ("two", "reject", "id_held_by_another"),
    }


def balances_of(office: Office, term: str) -> list[str]:
    rows = rows_of(office.jiceng("books", "--format", "json"))
    return [
        f"{row['judged']} judged = {row['together']} together + {row['apart']} apart + {row['absent']} absent"
        for row in rows
        if row.get(term) is not None and row["equation"].startswith(term)
    ]


def test_each_row_is_judged_by_itself(office: Office, tmp_path: Path) -> None:
    """What is wrong with one row harms that row alone, and the message names none of its values."""
    book = Workbook(write_review(office, tmp_path))
    rows = book.pairs()
    good, edited = rows[pair("P5", "P6")], rows[pair("D1", "P2")]
    book.put(good, decision="不同")
    book.put(edited, decision="同一", mention_id=mention("P6"))
    word = book.add(good)
    book.put(word, decision="也许")
    unknown = book.add(good)
    book.put(unknown, decision="同一", mention_id="f" * 32)
    keyless = book.add(good)
    book.put(keyless, decision="同一", check=None)
    again = book.add(good)
    book.put(again, decision="different")
    code, states, told = decide(office, book.save())
    assert (code, sorted(states)) == (
        2,
        [
            (edited, "refused"),
            (good, "recorded"),
            (word, "refused"),
            (unknown, "refused"),
            (keyless, "refused"),
            (again, "known"),
        ],
    )
    assert "1 recorded, 1 stood already, 4 refused, 3 without a decision" in told
    assert "也许" not in told
    assert judged(office) == [(pair("P5", "P6"), "different", "standing")]


def test_what_contradicts_earlier_rows_or_judgements_is_refused(office: Office, tmp_path: Path) -> None:
    """D1 is P1 and D1 is P2, but P1 is not P2: no review lists the last pair, so that it comes second here."""
    book = Workbook(write_review(office, tmp_path))
    rows = book.pairs()
    first, second = rows[pair("D1", "P1")], rows[pair("D1", "P2")]
    book.put(first, decision="同一")
    book.put(second, decision="不同")
    turned = book.add(first)
    book.put(turned, decision="不同")
    unsure = book.add(second)
    book.put(unsure, decision="不确定")
    code, states, told = decide(office, book.save())
    assert (code, sorted(states)) == (
        2,
        sorted([(first, "recorded"), (second, "recorded"), (turned, "refused"), (unsure, "refused")]),
    )
    assert f"it contradicts row {first};" in told
    again = Workbook(book.path)
    for row in (first, second, turned, unsure):
        again.put(row, decision=None)
    again.put(first, decision="不同")
    code, states, told = decide(office, again.save())
    assert (code, states) == (2, [(first, "refused")])
    assert f"it contradicts the judgement of {FIRST} by" in told
    assert len(judged(office)) == 2


@pytest.mark.parametrize("content", [b"", b"no workbook", b"PK\x03\x04 cut short", b"<html><table></table></html>"])
def test_a_file_that_is_no_workbook_is_refused(office: Office, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "pairs.xlsx"
    path.write_bytes(content)
    code, states, told = decide(office, path)
    assert (code, states) == (2, [])
    assert "pairs.xlsx: " in told
    assert "nothing was recorded" in told


def test_a_workbook_without_its_columns_is_refused(office: Office, tmp_path: Path) -> None:
    book = Workbook(write_review(office, tmp_path))
    book.sheet.cell(1, book.columns["check"]).value = "王小明"
    code, _, told = decide(office, book.save())
    assert code == 2
    assert "check" in told
    assert "王小明" not in told
    assert decide(office, tmp_path / "nowhere.xlsx")[0] == 2


def test_decisions_need_a_reason_and_wait_for_a_live_run(office: Office, tmp_path: Path) -> None:
    path = write_review(office, tmp_path)
    answer = office.jiceng("links", "decide", path)
    assert answer.code == 2
    assert "say why with --because" in answer.err
    answer = office.jiceng("links", "revoke", mention("P1"), mention("P2"), "--because", "x")
    assert answer.code == 2
    assert "no standing judgement" in answer.err


def test_a_judgement_waits_while_one_of_its_records_is_gone(office: Office, tmp_path: Path) -> None:
    """The register has lost P6 when the night comes: nothing is cut or joined, and the books count the judgement as absent."""
    book = Workbook(write_review(office, tmp_path))
    book.put(book.pairs()[pair("P5", "P6")], decision="同一")
    assert decide(office, book.save())[0] == 0
    hand_in(office, SECOND, REGISTER[:-1], DESK)
    assert office.run(SECOND).code == 0
    assert balances_of(office, "judged") == ["1 judged = 0 together + 0 apart + 1 absent"]
