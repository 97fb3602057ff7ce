"""The fence around each file: whatever goes wrong in reading one refuses that file alone, and the next one is read."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from jobs.common.base.errors import Fault
from jobs.common.contracts.sources import SourceObject
from jobs.common.run.stage import peak_memory_mb
from jobs.land import fence
from jobs.land.batches import FileRefused
from jobs.land.fence import Limits, parse_fenced
from tests.support.land_objects import land_file, make_object
from tests.support.workbooks import HEADER, REGISTER, with_part, write_book

LIST = make_object("csv", HEADER, ("登记号",))
ROW = b'<row><c t="inlineStr"><is><t>1</t></is></c><c t="inlineStr"><is><t>2</t></is></c><c><v>3</v></c></row>'


def write_text(folder: Path) -> Path:
    path = folder / "list.csv"
    path.write_text("登记号,姓名,事由\n1,甲,a\n2,乙\n", encoding="utf-8")
    return path


def bomb(folder: Path, megabytes: int) -> Path:
    """A small workbook whose sheet is so many megabytes of cells."""
    header = b"".join(b'<c t="inlineStr"><is><t>%s</t></is></c>' % header.encode() for header in HEADER)
    rows = b"<row>" + header + b"</row>" + ROW * (megabytes * 10_000)
    sheet = b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
    return with_part(write_book(folder), "xl/worksheets/sheet1.xml", sheet, rows, b"</sheetData></worksheet>")


def read(path: Path, obj: SourceObject, limits: Limits | None = None) -> int:
    return sum(batch.read for batch in parse_fenced(path, obj, limits))


def refusal(path: Path, obj: SourceObject, limits: Limits | None = None) -> str:
    with pytest.raises(FileRefused) as refused:
        read(path, obj, limits)
    return str(refused.value)


@pytest.mark.parametrize("format", ["csv", "jsonl", "xlsx"])
def test_behind_the_fence_a_file_gives_what_its_parser_gives(tmp_path: Path, format: str) -> None:
    path = {"csv": write_text, "xlsx": write_book}.get(format, lambda folder: folder / "list.jsonl")(tmp_path)
    if format == "jsonl":
        path.write_text('{"登记号": "1", "姓名": "甲"}\n\n{"登记号"\n', encoding="utf-8")
    obj = make_object(format, HEADER, ("登记号",))
    assert land_file(path, obj, parse_fenced) == land_file(path, obj)


def test_one_process_reads_file_after_file(tmp_path: Path) -> None:
    paths = {"csv": write_text(tmp_path), "xlsx": write_book(tmp_path)}
    assert read(paths["csv"], LIST) == 3
    [child] = fence._idle
    assert read(paths["xlsx"], REGISTER) == 2
    assert [other.process.pid for other in fence._idle] == [child.process.pid]
    assert "missing_header" in refusal(paths["csv"], make_object("csv", ["编号", "姓名"], ("编号",)))
    assert [other.process.pid for other in fence._idle] == [child.process.pid]


def test_rows_without_end_above_a_stray_cell_are_read(tmp_path: Path) -> None:
    # Each crosses from one process to the other, in portions.
    header = b"".join(b'<c t="inlineStr"><is><t>%s</t></is></c>' % header.encode() for header in HEADER)
    stray = b'<row r="120000"><c r="A120000"><v>7</v></c></row></sheetData></worksheet>'
    sheet = b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData><row>'
    path = with_part(write_book(tmp_path), "xl/worksheets/sheet1.xml", sheet, header, b"</row>", stray)
    landed = land_file(path, REGISTER, parse_fenced)
    assert landed["rows"] == [(120_000, "7", None, None)]
    assert len(landed["skipped"]) == 119_999


LIMITS: dict[str, Any] = {
    # limits -> what is told
    "memory": (Limits(memory_mb=100, memory_mb_each=0), ("more than 100 MB of memory", "unreadable")),
    "time": (Limits(seconds=1, seconds_each=0), ("takes more than 1 seconds", "unreadable")),
}


@pytest.mark.parametrize("name", LIMITS)
def test_a_bomb_is_refused_and_the_next_file_is_read(tmp_path: Path, name: str) -> None:
    limits, told = LIMITS[name]
    path = bomb(tmp_path, 150)
    assert path.stat().st_size < 1 << 20
    text = refusal(path, REGISTER, limits)
    for part in told:
        assert part in text
    assert read(write_book(tmp_path), REGISTER) == 2


def test_what_a_file_may_take_is_left_to_it_by_the_libraries(tmp_path: Path) -> None:
    # Arrow's own pool would take a gigabyte of these in advance.
    assert read(bomb(tmp_path, 15), REGISTER, Limits(memory_mb=1100, memory_mb_each=0)) == 150_001


def test_limits_grow_with_the_file_up_to_a_most() -> None:
    limits = Limits()
    assert limits.of_size(0) == (512, 30)
    assert limits.of_size(10 << 20) == (512 + 1000, 50)
    assert limits.of_size(1 << 30) == (4096, 30 + 2048)


def test_an_exception_refuses_the_file_by_its_type_alone(tmp_path: Path) -> None:
    path = write_text(tmp_path)
    assert refusal(path, make_object("csv", HEADER, encoding="甲")) == "unreadable: reading it fails (LookupError)"
    assert read(path, LIST) == 3


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGABRT, signal.SIGKILL])
def test_a_reader_that_breaks_off_refuses_the_file(tmp_path: Path, number: signal.Signals) -> None:
    read(write_text(tmp_path), LIST)
    [child] = fence._idle
    batches = parse_fenced(bomb(tmp_path, 30), REGISTER)
    os.kill(child.process.pid, number)
    with pytest.raises(FileRefused) as refused:
        list(batches)
    assert f"its reader broke off ({number.name})" in refused.value.detail
    assert read(write_text(tmp_path), LIST) == 3


def test_a_reader_that_ended_between_two_files_is_replaced(tmp_path: Path) -> None:
    read(write_text(tmp_path), LIST)
    [child] = fence._idle
    child.process.kill()
    child.process.wait()
    assert read(write_text(tmp_path), LIST) == 3


def test_what_is_broken_off_ends_its_reader(tmp_path: Path) -> None:
    batches = parse_fenced(bomb(tmp_path, 10), REGISTER)
    assert next(batches).read == 1
    batches.close()  # type: ignore[attr-defined]
    assert fence._idle == []


def test_a_file_that_is_not_there_is_no_fault_of_the_file(tmp_path: Path) -> None:
    with pytest.raises(Fault, match="cannot be read"):
        parse_fenced(tmp_path / "absent", LIST)


def test_peak_memory_counts_the_reader(tmp_path: Path) -> None:
    alone = peak_memory_mb()
    read(write_text(tmp_path), LIST)
    assert peak_memory_mb() >= 40  # what its libraries take
    assert peak_memory_mb() >= alone


@pytest.mark.parametrize("is_busy", [True, False], ids=["while it reads", "while it waits"])
def test_a_reader_ends_with_its_parent(tmp_path: Path, is_busy: bool) -> None:
    path = bomb(tmp_path, 100) if is_busy else write_book(tmp_path)
    code = f"""
import sys, time
sys.path[:0] = {sys.path!r}
from pathlib import Path
from jobs.land import fence
from jobs.land.fence import parse_fenced
from tests.support.workbooks import REGISTER
batches = parse_fenced(Path({str(path)!r}), REGISTER)
if not {is_busy}:
    list(batches)
    print(fence._idle[0].process.pid, flush=True)
else:
    print(batches.gi_frame.f_locals["child"].process.pid, flush=True)
time.sleep(600)
"""
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    parent.stdout.close()
    for _ in range(600):
        if not _is_running(child):
            break
        time.sleep(0.05)
    assert not _is_running(child)


def _is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
