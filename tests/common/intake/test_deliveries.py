"""Files told from their twins: the same bytes or the same name elsewhere; from rows, without a night."""

from datetime import date
from pathlib import Path

import pytest

from jobs.common.base.errors import UserError
from jobs.common.contracts.sources import SourceObject
from jobs.common.intake import whole
from jobs.common.intake.deliveries import Delivery, still_refused
from jobs.common.intake.file_decisions import FileDecision, accept, find_file, withdraw
from jobs.common.intake.received_files import FileStatus, ReceivedFile, write_files
from jobs.common.intake.whole import FileCounts, Shortcoming
from jobs.common.lake.tables import Lake
from jobs.common.run.conf import Conf, current_conf
from jobs.common.run.runs import CLI, Run, next_run, record_open
from jobs.common.run.stage import Context, open_lake
from jobs.read.status import _held_rows, _quarantine_rows, shortcomings, shorten_rows
from tests.support.office import open_office

pytestmark = pytest.mark.nights

A, B, C = "aaaaaaaa" + "1" * 56, "bbbbbbbb" + "2" * 56, "cccccccc" + "3" * 56


ACCEPTED, LATE, REFUSED, HELD = FileStatus.ACCEPTED, FileStatus.LATE, FileStatus.REFUSED, FileStatus.HELD


def delivery(
    name: str,
    file_id: str,
    night: int = 1,
    status: FileStatus = ACCEPTED,
    system: str = "desk",
    obj: str = "message",
) -> Delivery:
    day = date(2026, 1, night)
    return Delivery(f"{day}.1", day, system, obj, "", name, file_id, day, status)


# --- what is left refused -------------------------------------------------------------------------------------------------


MADE_GOOD = {
    "alone": ([delivery("x.csv", A, status=REFUSED)], [A]),
    "a corrected file of its name and day": ([delivery("x.csv", A, status=REFUSED), delivery("x.csv", B)], []),
    "the same bytes under another name": ([delivery("x.csv", A, status=REFUSED), delivery("y.csv", A)], []),
    "a good file before it": ([delivery("x.csv", B), delivery("x.csv", A, status=REFUSED)], [A]),
    "its name on another day": ([delivery("x.csv", A, status=REFUSED), delivery("x.csv", B, night=2)], [A]),
    "its twin in another system": ([delivery("x.csv", A, status=REFUSED), delivery("x.csv", A, system="post")], [A]),
    "its twin under another object": ([delivery("x.xlsx", A, status=REFUSED), delivery("x.xlsx", A, obj="other")], [A]),
    "it fitted no object before": ([delivery("x.xlsx", A, status=REFUSED, obj=""), delivery("x.xlsx", A)], []),
    "held and late": ([delivery("x.csv", A, status=HELD), delivery("x.csv", B, status=LATE)], []),
}  # fmt: skip


@pytest.mark.parametrize("case", MADE_GOOD)
def test_what_makes_a_refused_file_good(case: str) -> None:
    deliveries, left = MADE_GOOD[case]
    assert [found.file_id for found in still_refused(deliveries)] == left


# --- whom a person means --------------------------------------------------------------------------------------------------


def hand_over(lake: Lake, deliveries: list[Delivery]) -> None:
    """The deliveries and their files as rows of the lake."""
    names = lake.declared["ops.delivery"].names
    rows = [{name: getattr(each, name) for name in names} for each in deliveries]
    lake.upsert("ops.delivery", lake.table_of("ops.delivery", rows))
    for each in deliveries:
        reason = "lost_too_much" if each.status is HELD else None
        place = (each.file_id, each.system, each.object, each.sheet, each.name, each.night, each.as_of)
        write_files(lake, [ReceivedFile(*place, each.status, reason)])


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """Two nights' lists of one name, of which the second is held; its bytes have come to another system as well."""
    lake = open_lake(open_office(tmp_path / "workspace").workspace)
    deliveries = [
        delivery("list.csv", A), delivery("list.csv", B, 2, HELD), delivery("other.csv", B, 2, HELD, "post"),
        delivery("张三13800138000.csv", C, 2), delivery("sub/list.csv", C, 1, system="post"),
    ]  # fmt: skip
    hand_over(lake, deliveries)
    record_open(lake, Run("2026-01-02.1", date(2026, 1, 2), CLI, "", None))
    return lake


ALL = [ACCEPTED, HELD]
MEANT = {
    "an id": ("aaaaaaaa1111", ALL, [("desk", A)]),
    "an id in both systems": (B, ALL, [("desk", B), ("post", B)]),
    "an id in one of them": (f"post/{B[:12]}", ALL, [("post", B)]),
    "a name in one state": ("list.csv", [ACCEPTED], [("desk", A)]),
    "a name of a system": ("post/other.csv", ALL, [("post", B)]),
    "a name below a folder": ("post/sub/list.csv", ALL, [("post", C)]),
    "a name as it is": ("张三13800138000.csv", ALL, [("desk", C)]),
    "a name as it is shown": ("desk/张三•••.csv [cccccccc]", ALL, [("desk", C)]),
}


@pytest.mark.parametrize("case", MEANT)
def test_a_file_is_known_by_its_id_or_name(lake: Lake, case: str) -> None:
    named, states, meant = MEANT[case]
    assert [(found.system, found.file_id) for found in find_file(lake, named, states)] == meant


def test_of_several_the_newest_is_listed_first(lake: Lake) -> None:
    with pytest.raises(UserError) as told:
        find_file(lake, "desk/list.csv", ALL)
    assert str(told.value).splitlines() == [
        "several files are meant by desk/list.csv; name one as it stands here:",
        "  desk/bbbbbbbb2222  list.csv, night 2026-01-02, held",
        "  desk/aaaaaaaa1111  list.csv, night 2026-01-01, accepted",
    ]
    assert told.value.exit_code == 2
    with pytest.raises(UserError, match="several files are meant by list"):
        withdraw(lake, "list.csv", None)


def test_what_is_none_is_told_without_its_numbers(lake: Lake) -> None:
    for named in ("list", "aaaaaaa", "desk/13800138000.csv"):
        with pytest.raises(UserError, match="no file begins with") as told:
            withdraw(lake, named, None)
        assert "13800138000" not in str(told.value)


def test_one_system_is_decided_about_and_not_its_twin(lake: Lake) -> None:
    assert [found.system for found in accept(lake, "post/other.csv", "right")] == ["post"]
    left = lake.rows("ops.file", {"file_id": B}).to_pylist()
    assert {(r["system"], r["status"]) for r in left} == {
        ("desk", HELD),
        ("post", "waiting"),
    }
    assert lake.rows("ops.decision", {"decision": FileDecision.ACCEPT}).column("system").to_pylist() == ["post"]


def test_rows_set_aside_are_told_of_the_file_that_they_are_of(lake: Lake, conf: Conf) -> None:
    """Not of its twin: the same bytes under another name, of another system or of no object."""
    place = {"system": "desk", "object": "message", "sheet": "", "file_id": B, "stage": "land", "raw": "[]"}
    aside = [{**place, "row_number": number, "reason": "ragged_row"} for number in (7, 3)]
    lake.replace_part("ops.quarantine", lake.table_of("ops.quarantine", aside), {"file_id": B})
    told = _quarantine_rows(lake, conf, date(2026, 1, 2))
    assert [(found["name"], found["state"], found["detail"].split(":")[0]) for found in told] == [
        ("desk/list.csv", "2 rows", "row 3, 7")
    ]


def test_what_is_still_held_is_told_on_later_nights_with_the_command_to_copy(lake: Lake, conf: Conf) -> None:
    told = _held_rows(lake, conf, date(2026, 1, 4))
    assert [found["name"] for found in told] == ["desk/list.csv", "post/other.csv"]
    assert told[0]["detail"].startswith("since night 2026-01-02. The snapshot lacks too many of the records that stand")
    assert '`jiceng accept bbbbbbbb2222 --because "…"`' in told[0]["detail"]
    assert _held_rows(lake, conf, date(2026, 1, 2)) == []  # in its own night it is told among the files of the night
    newer = delivery("list_3.csv", C, 3, system="post")
    names = lake.declared["ops.delivery"].names
    lake.upsert("ops.delivery", lake.table_of("ops.delivery", [{name: getattr(newer, name) for name in names}]))
    assert [found["name"] for found in _held_rows(lake, conf, date(2026, 1, 4))] == ["desk/list.csv"]


# --- what a night lacks ---------------------------------------------------------------------------------------------------


OBJECT = SourceObject(
    system="desk", name="message", format="csv", path="*.csv", encoding="utf-8", delimiter=",", sheet="", header_rows=1,
    skip_rows=0, mode="snapshot", as_of=None, timezone="Asia/Shanghai", ready="name", max_loss=0.5, columns=(),
)  # fmt: skip
GOOD, UNREAD, CONFLICT = FileCounts(11, 1), FileCounts(11, 1, 2, 1, unread=3), FileCounts(11, 1, 0, 2)
MOSTLY, HALF, EMPTY = FileCounts(11, 1, 6, 0, unread=6), FileCounts(11, 1, 0, 5), FileCounts(1, 1)
OK = delivery("1.csv", A)
LACKING: dict[str, tuple[list[Delivery], dict[str, FileCounts], list[Shortcoming]]] = {
    "nothing": ([OK, delivery("2.csv", B, 2)], {A: GOOD, B: GOOD}, []),
    "keys": ([OK, delivery("2.csv", B, 2)], {A: GOOD, B: UNREAD}, [Shortcoming("keys_unread", B, 3, 10, 1)]),
    "the first night": ([delivery("2.csv", B, 2)], {B: UNREAD}, []),
    "keys in conflict are known": ([OK, delivery("2.csv", B, 2)], {A: GOOD, B: CONFLICT}, []),
    "rows": ([OK, delivery("2.csv", B, 2)], {A: GOOD, B: EMPTY}, [Shortcoming("no_rows", B, 0, 0, 1)]),
    "a second night": (
        [OK, delivery("2.csv", C, 1), delivery("3.csv", B, 2)], {A: GOOD, B: UNREAD, C: UNREAD},
        [Shortcoming("keys_unread", B, 3, 10, 1)],
    ),
    "a part": (
        [OK, delivery("2.csv", B, 2), delivery("3.csv", C, 2, REFUSED)], {A: GOOD, B: GOOD},
        [Shortcoming("part_refused", C, 0, 0, 1)],
    ),
    "a file that is refused alone": ([OK, delivery("3.csv", C, 2, REFUSED)], {A: GOOD}, []),
    "most rows": (
        [OK, delivery("2.csv", B, 2)], {A: GOOD, B: MOSTLY},
        [Shortcoming("keys_unread", B, 6, 10, 1), Shortcoming("mostly_set_aside", B, 6, 10)],
    ),
    "half of the rows": ([OK, delivery("2.csv", B, 2)], {A: GOOD, B: HALF}, []),
}  # fmt: skip


@pytest.mark.parametrize("case", LACKING)
def test_what_a_night_lacks(case: str) -> None:
    deliveries, counts, expected = LACKING[case]
    assert whole.shortcomings(OBJECT, deliveries, date(2026, 1, 2), counts) == expected


def test_nights_are_counted_back_to_the_last_that_was_whole() -> None:
    files = {night: f"{night:064x}" for night in range(1, 7)}
    deliveries = [delivery(f"{night}.csv", file_id, night) for night, file_id in files.items()]
    counts = {file_id: UNREAD if night not in (1, 3) else GOOD for night, file_id in files.items()}
    assert [lack.nights for lack in whole.shortcomings(OBJECT, deliveries, date(2026, 1, 6), counts)] == [3]


# --- what people are shown of many ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def conf(tmp_path_factory: pytest.TempPathFactory) -> Conf:
    return current_conf(open_office(tmp_path_factory.mktemp("conf") / "workspace").workspace)


def test_ten_thousand_refused_files_hide_nothing_else(conf: Conf) -> None:
    refused = [
        {
            "name": f"{n}.csv",
            "object": "message",
            "file_id": A,
            "status": "refused",
            "reason": "empty_file",
            "detail": None,
            "made_good": False,
        }
        for n in range(10_000)
    ]
    sources = {"desk": {"state": "refused", "files": refused}, "post": {"state": "missing", "files": []}}
    lines = shortcomings({"sources": sources, "waiting": [f"w{n}" for n in range(500)]}, conf)
    assert len(lines) == 20 + 1 + 1 + 20 + 1
    assert "9,980 more refused: `jiceng status --format json` lists all" in lines
    assert "post missing: nothing was taken, and it is expected every night" in lines
    assert lines[-1] == "480 more: `jiceng status --format json` lists all"


@pytest.mark.parametrize(("rows", "shown"), [(0, 0), (20, 20), (21, 21), (22, 21), (1000, 21)])
def test_many_rows_of_a_kind_are_counted(rows: int, shown: int) -> None:
    given = [{"what": "quarantine", "name": str(n), "state": f"{n} rows", "detail": ""} for n in range(rows)]
    assert len(shorten_rows(given)) == shown


def test_stderr_has_the_first_lines_about_the_files_of_an_object(
    tmp_path: Path, conf: Conf, capsys: pytest.CaptureFixture[str]
) -> None:
    workspace = open_office(tmp_path / "workspace").workspace
    lake = open_lake(workspace)
    context = Context(workspace, conf, lake, next_run(lake, date(2026, 1, 1), CLI, conf))
    capsys.readouterr()
    for n in range(100):
        context.log_each("land", "desk message", f"{n}: refused", rows_read=0)
    context.log_each("land", "post message", "0: accepted")
    told = capsys.readouterr().err.splitlines()
    assert told[0] == "land       desk message 0: refused  (rows_read 0)"
    assert told[-2:] == [
        "land       desk message: and more; runs/2026-01-01.1/log.jsonl has all lines",
        "land       post message 0: accepted",
    ]
    assert len(told) == 22
    log = (workspace.run_dir("2026-01-01.1") / "log.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(log) == 101
