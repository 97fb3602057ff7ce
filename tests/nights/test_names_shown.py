"""Numbers in the names of files stand nowhere but in the names: no command, page, log or commit of a run shows them."""

import os
from pathlib import Path

import pytest

from jobs.common.run.stage import open_lake
from jobs.portal.frame import open_view
from jobs.portal.pages.sources import sources_page
from jobs.portal.pages.tonight import tonight_page
from tests.support.office import Office, export, open_office, rows_of, simple_contract
from tests.support.town import Answer

pytestmark = pytest.mark.nights

ID, PHONE = "320102190307080010", "13987654321"
NIGHT = "2026-01-01"
GOOD, LATE, REFUSED = f"张三{ID}_20260101.csv", f"张三{PHONE}_20251201.csv", f"李四{PHONE}_20260101.csv"
HELD = f"张三{ID}_20260102.csv"
WAITING = (
    f"desk/{PHONE}.csv.part",
    f"{ID}.csv",
    f"{ID}/x_20260101.csv",
    f"desk/{PHONE}/.x{ID}.csv",
    f"desk/{ID}.csv.done",
)
_SHORTEST = 8  # digits in a row that give a number away
PIECES = [number[at : at + _SHORTEST] for number in (ID, PHONE) for at in range(len(number) - _SHORTEST + 1)]


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Office:
    """Two nights of files that are taken, late, refused, held, withdrawn and waiting, each named after somebody."""
    office = open_office(tmp_path_factory.mktemp("names") / "workspace")
    office.declare("desk", simple_contract("desk"))
    lines = [f"{number} 灯" for number in range(6)]
    office.hand_in(f"desk/{GOOD}", export(lines) + "7,多,了,两,格\n")
    office.hand_in(f"desk/{LATE}", lines)
    office.hand_in(f"desk/{REFUSED}", "别的,标题\n1,2\n")
    gbk = office.workspace.inbox / "desk" / os.fsdecode(f"王五{ID}_20260101.csv".encode("gbk"))
    gbk.write_text(export(["8 灯"]), encoding="utf-8")
    for path in WAITING:
        office.hand_in(path, "x")
    os.mkfifo(office.workspace.inbox / "desk" / f"{PHONE}.csv")
    return office


@pytest.fixture(scope="module")
def answers(office: Office, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Answer]:
    """What the commands answer, in the order in which they were called."""
    found: dict[str, Answer] = {}

    def ask(*words: str | Path) -> Answer:
        found[" ".join(map(str, words))] = answer = office.jiceng(*words)
        return answer

    ask("run", "--night", NIGHT)
    looks = (("status",), ("books",), ("release", "list"), ("release", "show"), ("explain", "appeal", "desk/1"))
    for form in ("table", "json", "csv"):
        for look in looks:
            ask(*look, "--format", form)
    [row] = [row for row in rows_of(ask("books", "--by", "file", "--format", "json")) if "王五" in str(row["file"])][:1]
    for words in (("withdraw", row["file_id"]), ("withdraw", row["file_id"][:9]), ("accept", row["file_id"])):
        ask(*words, "--because", "a test")
    for named in (GOOD, f"desk/{GOOD}", f"没有{ID}.csv"):
        ask("accept", named, "--because", "a test")
    office.hand_in(f"desk/{HELD}", ["1 灯"])
    ask("run", "--night", "2026-01-02")
    ask("status")
    desk = tmp_path_factory.mktemp("desk")
    for name, content in (
        (GOOD, export(["1 灯"])),
        (REFUSED, "x\n"),
        (f"{PHONE}.txt", "x"),
        (f"{PHONE}.csv.part", "x"),
    ):
        (desk / name).write_text(content, encoding="utf-8")
        for form in ("table", "json"):
            ask("sources", "try", desk / name, "--format", form)
    ask("sources", "try", desk / f"没有{ID}.csv")
    ask("doctor")
    ask("maintain", "--dry-run")
    ask("replay", "--into", desk / "replayed")
    return found


def shown_in(text: str) -> list[str]:
    return [piece for piece in PIECES if piece in text]


def test_no_command_shows_a_number(answers: dict[str, Answer]) -> None:
    for words, answer in answers.items():
        assert shown_in(answer.out + answer.err) == [], words.replace(ID, "ID").replace(PHONE, "PHONE")
        assert "Traceback" not in answer.err, words


def test_the_commands_did_speak_of_these_files(answers: dict[str, Answer]) -> None:
    """Otherwise nothing above would mean anything."""
    told = answers["status --format table"].out
    for words in (
        "desk/李四•••_20260101.csv [",
        "desk/张三•••_20260101.csv [",
        "•••.csv",
        "desk/•••.csv",
        "desk/•••.csv.part",
    ):
        assert words in told
    assert "张三•••_20260101.csv [" in answers["explain appeal desk/1 --format table"].out
    assert "张三•••_20260101.csv [" in answers["books --format table"].out
    held = [row for row in answers["status"].out.splitlines() if "20260102" in row]
    assert len(held) == 1
    assert "•••_20260102.csv [" in held[0]
    assert answers[next(words for words in answers if words.startswith("replay"))].code == 0


def test_no_page_shows_a_number(office: Office, answers: dict[str, Answer]) -> None:
    view = open_view(office.workspace)
    for page in (tonight_page(view), sources_page(view)):
        assert "•••" in page
        assert shown_in(page) == []


def test_no_file_that_a_run_leaves_has_a_number(office: Office, answers: dict[str, Answer]) -> None:
    """But the data files of the lake, where names are matched, and inbox and archive."""
    searched = set()
    for path in office.workspace.home.rglob("*"):
        place = path.relative_to(office.workspace.home)
        if place.parts[0] == "inbox":
            continue
        assert shown_in(str(place)) == []
        if path.is_file() and path.suffix != ".parquet" and place.parts[0] != "archive":
            assert shown_in(path.read_text(encoding="utf-8", errors="replace")) == [], place
            searched.add(path.name)
    assert searched >= {"log.jsonl", "summary.json", "plan.json", "00000000000000000001.json"}


def test_names_are_stored_as_they_are(office: Office, answers: dict[str, Answer]) -> None:
    """A corrected export is known by its name."""
    names = {row["name"] for row in open_lake(office.workspace).rows("ops.file").to_pylist()}
    assert names == {GOOD, LATE, REFUSED, HELD, f"王五{ID}_20260101.csv"}
