"""The stage as a whole: what lands where, and that a landing cut short anywhere and begun again gives the same tables."""

import errno
import hashlib
import os
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from jobs.common.base.errors import Fault
from jobs.common.base.workspace import init_workspace
from jobs.common.contracts.sources import Source, SourceObject
from jobs.common.lake import tables
from jobs.common.lake.schemas import declared_tables
from jobs.common.lake.tables import Lake
from jobs.common.run.runs import Run
from jobs.common.run.stage import Context
from jobs.land import fence
from jobs.land.stage import run
from tests.support.land_objects import make_object

PEOPLE = make_object("csv", ["编号", "姓名"], ("编号",))
TABLES = ("raw.town__people", "ops.quarantine", "ops.skipped", "ops.file")
GOOD = "编号,姓名\n1,甲\n2,乙,多\n\n3,丙\n"


class Killed(BaseException):
    pass


def open_town(home: Path, obj: SourceObject = PEOPLE, night: date = date(2026, 1, 1)) -> Context:
    source = Source("town", "Town", "nightly", (obj,))
    workspace = init_workspace(home)
    conf: Any = SimpleNamespace(sources={"town": source})
    lake = Lake(workspace, declared_tables({"town": source}, {}))
    return Context(workspace, conf, lake, Run(f"{night}.1", night, "jiceng run", "", None))


def hand_in(context: Context, name: str, text: str, as_of: date) -> str:
    """Do what extract does with a file; returns its id."""
    data = text.encode()
    file_id = hashlib.sha256(data).hexdigest()
    path = context.workspace.archive_path(file_id)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    common = {"system": "town", "object": "people", "sheet": "", "name": name, "file_id": file_id, "as_of": as_of}
    common["night"] = context.run.night
    waiting = {**common, "status": "waiting", "reason": None, "detail": None, "rows_read": None}
    waiting |= {"read_in": None, "refused_in": None}
    delivered = {**common, "run_id": context.run.run_id}
    context.lake.upsert("ops.file", context.lake.table_of("ops.file", [waiting]))
    context.lake.upsert("ops.delivery", context.lake.table_of("ops.delivery", [delivered]))
    return file_id


def rows_of(context: Context, table: str) -> list[dict[str, Any]]:
    return sorted(context.lake.rows(table).to_pylist(), key=lambda row: row.get("row_number", row["file_id"]))


def contents(context: Context) -> dict[str, list[str]]:
    return {name: sorted(map(str, context.lake.rows(name).to_pylist())) for name in TABLES}


def statuses(context: Context) -> dict[str, tuple[str, str | None]]:
    return {row["name"]: (row["status"], row["reason"]) for row in context.lake.rows("ops.file").to_pylist()}


def test_every_row_of_a_file_is_in_one_table(tmp_path: Path) -> None:
    context = open_town(tmp_path)
    file_id = hand_in(context, "a.csv", GOOD, date(2026, 1, 1))
    run(context, "town")
    assert rows_of(context, "raw.town__people") == [
        {"file_id": file_id, "row_number": 2, "c0": "1", "c1": "甲"},
        {"file_id": file_id, "row_number": 5, "c0": "3", "c1": "丙"},
    ]
    place = {"system": "town", "object": "people", "sheet": "", "file_id": file_id}
    assert rows_of(context, "ops.quarantine") == [
        {**place, "row_number": 3, "stage": "land", "reason": "ragged_row", "raw": "2,乙,多"}
    ]
    assert rows_of(context, "ops.skipped") == [
        {**place, "row_number": 1, "stage": "land", "reason": "header", "raw": "编号,姓名"},
        {**place, "row_number": 4, "stage": "land", "reason": "blank", "raw": ""},
    ]
    [file] = context.lake.rows("ops.file").to_pylist()
    assert (file["status"], file["reason"], file["rows_read"]) == ("accepted", None, 5)
    assert not any(context.workspace.scratch_dir(context.run.run_id).rglob("rows"))


def test_a_refused_file_lands_nothing_and_the_next_one_does(tmp_path: Path) -> None:
    context = open_town(tmp_path)
    hand_in(context, "a.csv", "编号,名字\n1,甲\n", date(2026, 1, 1))
    good = hand_in(context, "b.csv", GOOD, date(2026, 1, 1))
    run(context, "town")
    assert statuses(context) == {"a.csv": ("refused", "missing_header"), "b.csv": ("accepted", None)}
    assert {row["file_id"] for row in context.lake.rows("raw.town__people").to_pylist()} == {good}


ARRIVALS: dict[str, Any] = {
    # mode, night of the first file, files (name, as_of) of the second night -> status
    "an older snapshot": ("snapshot", {"old.csv": (date(2025, 12, 31), "late")}),
    "of two snapshots in one night the newest counts": (
        "snapshot",
        {"a.csv": (date(2026, 1, 3), "accepted"), "b.csv": (date(2026, 1, 2), "late")},
    ),
    "two parts of one snapshot": (
        "snapshot",
        {"a.csv": (date(2026, 1, 2), "accepted"), "b.csv": (date(2026, 1, 2), "accepted")},
    ),
    "an older increment": ("incremental", {"old.csv": (date(2025, 12, 31), "late")}),
    "two increments in one night": (
        "incremental",
        {"a.csv": (date(2026, 1, 3), "accepted"), "b.csv": (date(2026, 1, 2), "accepted")},
    ),
}


@pytest.mark.parametrize("name", ARRIVALS)
def test_late_is_what_is_older_than_something_taken(tmp_path: Path, name: str) -> None:
    mode, files = ARRIVALS[name]
    obj = make_object("csv", ["编号", "姓名"], ("编号",), mode=mode)
    first = open_town(tmp_path, obj)
    hand_in(first, "first.csv", GOOD, date(2026, 1, 1))
    run(first, "town")
    second = open_town(tmp_path, obj, date(2026, 1, 2))
    for number, (file, (as_of, _)) in enumerate(files.items()):
        hand_in(second, file, f"编号,姓名\n{number},丁\n", as_of)
    run(second, "town")
    found = statuses(second)
    assert {file: found[file][0] for file in files} == {file: status for file, (_, status) in files.items()}
    assert second.lake.rows("raw.town__people").num_rows == 2 + len(files)


def test_an_older_snapshot_counts_where_the_newer_one_is_refused(tmp_path: Path) -> None:
    context = open_town(tmp_path)
    hand_in(context, "new.csv", "编号,名字\n", date(2026, 1, 2))
    hand_in(context, "old.csv", GOOD, date(2026, 1, 1))
    run(context, "town")
    assert statuses(context) == {"new.csv": ("refused", "missing_header"), "old.csv": ("accepted", None)}


def test_a_kill_after_any_commit_and_a_second_try_give_the_same_tables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def town(folder: str) -> Context:
        context = open_town(tmp_path / folder)
        hand_in(context, "a.csv", GOOD, date(2026, 1, 2))
        hand_in(context, "b.csv", "编号,姓名\n4,丁\n", date(2026, 1, 1))
        hand_in(context, "c.csv", "编号,名字\n", date(2026, 1, 1))
        return context

    whole = town("whole")
    commits: list[str] = []
    monkeypatch.setattr(tables, "committed", commits.append)
    run(whole, "town")
    expected = contents(whole)
    assert len(commits) >= 3 * 2 + 1
    for last in range(1, len(commits) + 1):
        cut = town(f"cut{last}")
        seen: list[str] = []

        def kill(name: str, seen: list[str] = seen, last: int = last) -> None:
            seen.append(name)
            if len(seen) == last:
                raise Killed

        monkeypatch.setattr(tables, "committed", kill)
        with pytest.raises(Killed):
            run(cut, "town")
        monkeypatch.setattr(tables, "committed", lambda name: None)
        run(cut, "town")
        assert contents(cut) == expected


def test_a_second_run_commits_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context = open_town(tmp_path)
    hand_in(context, "a.csv", GOOD, date(2026, 1, 1))
    run(context, "town")
    commits: list[str] = []
    monkeypatch.setattr(tables, "committed", commits.append)
    run(context, "town")
    assert commits == []


def test_a_file_that_takes_too_long_to_read_is_refused_and_keeps_nothing_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = open_town(tmp_path)
    hand_in(context, "a.csv", GOOD, date(2026, 1, 1))
    monkeypatch.setattr(fence, "LIMITS", fence.Limits(seconds=0, seconds_each=0))
    run(context, "town")
    assert statuses(context) == {"a.csv": ("refused", "unreadable")}
    monkeypatch.undo()
    hand_in(context, "b.csv", "编号,姓名\n4,丁\n", date(2026, 1, 1))
    run(context, "town")
    assert statuses(context) == {"a.csv": ("refused", "unreadable"), "b.csv": ("accepted", None)}


def test_a_workspace_that_fails_refuses_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context = open_town(tmp_path)
    hand_in(context, "a.csv", GOOD, date(2026, 1, 1))

    def fill_disk(name: str) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(tables, "committed", fill_disk)
    with pytest.raises(OSError, match="No space left"):
        run(context, "town")
    assert statuses(context) == {"a.csv": ("waiting", None)}
    monkeypatch.undo()
    context.workspace.archive_path(hashlib.sha256(GOOD.encode()).hexdigest()).rename(tmp_path / "lost")
    with pytest.raises(Fault, match="cannot be read"):
        run(context, "town")
    assert statuses(context) == {"a.csv": ("waiting", None)}


EXTRA = "编号,姓名,\n1,甲,{}\n2,乙,\n"


def doubts(context: Context) -> list[tuple[Any, ...]]:
    """Issues without a record, by file name: name, row, column, code, text, night opened, night closed."""
    names = {row["file_id"]: row["name"] for row in context.lake.rows("ops.file").to_pylist()}
    keys = ("row_number", "field", "code", "raw", "opened", "closed")
    rows = context.lake.rows("ops.issue", {"record": ""}).to_pylist()
    return sorted((names[row["file_id"]], *(row[key] for key in keys)) for row in rows)


def test_a_value_under_no_header_is_an_issue_while_its_file_counts(tmp_path: Path) -> None:
    first, second, third = (date(2026, 1, day) for day in (1, 2, 3))
    context = open_town(tmp_path)
    hand_in(context, "a.csv", EXTRA.format("本科"), first)
    run(context, "town")
    opened = ("a.csv", 2, "C", "unnamed_column", "本科", first)
    assert doubts(context) == [(*opened, None)]
    again = open_town(tmp_path, night=second)
    hand_in(again, "late.csv", EXTRA.format("专科"), date(2025, 12, 1))
    run(again, "town")
    assert doubts(again) == [(*opened, None)]
    newer = open_town(tmp_path, night=third)
    hand_in(newer, "b.csv", EXTRA.format("大专"), third)
    run(newer, "town")
    assert doubts(newer) == [(*opened, third), ("b.csv", 2, "C", "unnamed_column", "大专", third, None)]


def test_issues_of_increments_stay_open_until_a_file_of_the_same_name_and_day_comes(tmp_path: Path) -> None:
    obj = make_object("csv", ["编号", "姓名"], ("编号",), mode="incremental")
    first, second = date(2026, 1, 1), date(2026, 1, 2)
    context = open_town(tmp_path, obj)
    hand_in(context, "a.csv", EXTRA.format("本科"), first)
    hand_in(context, "b.csv", EXTRA.format("专科"), first)
    run(context, "town")
    again = open_town(tmp_path, obj, second)
    hand_in(again, "a.csv", GOOD, first)
    hand_in(again, "c.csv", GOOD, second)
    run(again, "town")
    # By its bytes, a.csv of the first night is another file than that of the second.
    assert [(row[0], row[4], row[6]) for row in doubts(again)] == [("a.csv", "本科", second), ("b.csv", "专科", None)]
