"""Tables that are damaged below the pipeline: whichever layer and way, one line names table, file and remedy."""

import errno
import json
import os
import shutil
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import jobs
from jobs.common.base.errors import Fault
from jobs.common.base.workspace import Workspace, open_workspace
from jobs.common.lake.delta_files import read_footer
from jobs.common.lake.faults import damages, heal, telling_faults
from jobs.common.lake.tables import Lake
from jobs.common.run.stage import guarded, open_lake
from tests.support.office import open_office, rows_of, simple_contract

pytestmark = pytest.mark.nights

LAYERS = {
    "raw.police__population": "restore it from a backup, or have `jiceng replay",
    "harmonised.appeal": "restore it from a backup, or have `jiceng replay",
    "links.mention": "restore it from a backup, or have `jiceng replay",
    "candidate.appeal": "`jiceng run --again` makes its rows anew",
    "refined.appeal": "`jiceng run --again` makes its rows anew",
    "ops.skipped": "restore it from a backup, or have `jiceng replay",
}
VALUES = {
    "string": "x", "bigint": 1, "date": date(2026, 1, 1), "timestamp": datetime(2026, 1, 1, tzinfo=UTC), "boolean": True,
    "decimal(18,2)": Decimal("1.00"),
}  # fmt: skip


def fill(lake: Lake, name: str) -> Path:
    """One row; returns the folder of the table."""
    row = {column.name: VALUES[column.type] for column in lake.declared[name].columns}
    lake.replace_part(name, lake.table_of(name, [row]), {lake.declared[name].columns[0].name: "x"})
    return lake.path(name)


def data_file(folder: Path) -> Path:
    [file] = folder.glob("*.parquet")
    return file


def cut(folder: Path) -> None:
    file = data_file(folder)
    file.write_bytes(file.read_bytes()[:-100])


@pytest.mark.parametrize("name", LAYERS)
def test_a_file_cut_short_is_named_whatever_the_layer(workspace: Workspace, lake: Lake, name: str) -> None:
    folder = fill(lake, name)
    size = data_file(folder).stat().st_size
    cut(folder)
    file = data_file(folder).relative_to(workspace.home)
    told = f"{name} has 1 damaged file, {file} has {size - 100:,} bytes instead of {size:,}; {LAYERS[name]}"
    [found] = damages(workspace)
    assert found.startswith(told)
    reads: tuple[Callable[[Lake], Any], ...] = (lambda lake: lake.rows(name), lambda lake: lake.read(name).toArrow())
    for read in reads:  # without the engine, and with it
        with pytest.raises(Fault) as refused, telling_faults(workspace):
            read(open_lake(workspace))
        assert str(refused.value) == found


def empty(folder: Path) -> None:
    data_file(folder).write_bytes(b"")


def scramble(folder: Path) -> None:
    """Other bytes of the same number: the disk's fault, or a sync's."""
    file = data_file(folder)
    file.write_bytes(b"x" * file.stat().st_size)


def remove(folder: Path) -> None:
    data_file(folder).unlink()


def replace_by_folder(folder: Path) -> None:
    file = data_file(folder)
    file.unlink()
    file.mkdir()


def change_protocol(folder: Path, protocol: dict[str, Any]) -> None:
    commit = min((folder / "_delta_log").glob("*.json"))
    actions = [json.loads(line) for line in commit.read_text().splitlines()]
    actions = [{"protocol": protocol} if "protocol" in action else action for action in actions]
    commit.write_text("\n".join(map(json.dumps, actions)))


def future_version(folder: Path) -> None:
    change_protocol(folder, {"minReaderVersion": 9, "minWriterVersion": 9})


def future_reader(folder: Path) -> None:
    features = ["quantumPages"]
    change_protocol(
        folder, {"minReaderVersion": 3, "minWriterVersion": 7, "readerFeatures": features, "writerFeatures": features}
    )


def future_writer(folder: Path) -> None:
    change_protocol(folder, {"minReaderVersion": 1, "minWriterVersion": 7, "writerFeatures": ["quantumRows"]})


def lose_log(folder: Path) -> None:
    shutil.rmtree(folder / "_delta_log")


def empty_log(folder: Path) -> None:
    lose_log(folder)
    (folder / "_delta_log").mkdir()


def file_for_log(folder: Path) -> None:
    lose_log(folder)
    (folder / "_delta_log").write_text("x")


def lose_first_commit(folder: Path) -> None:
    min((folder / "_delta_log").glob("*.json")).unlink()


def file_for_table(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.write_text("x")


def dangling_link(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.symlink_to("nowhere")


DAMAGES: dict[Callable[[Path], None], str] = {
    empty: r"has 1 damaged file, .*\.parquet has 0 bytes instead of [0-9,]+; restore it from a backup",
    scramble: r"has 1 damaged file, .*\.parquet cannot be read \(it is corrupt\); restore it from a backup",
    remove: r"has lost 1 of its files, .*\.parquet first; restore it from a backup",
    replace_by_folder: r"has 1 damaged file, .*\.parquet is a folder; restore it from a backup",
    future_version: r"was written by something newer than this version of jiceng \(.*version 9.*\); install the version",
    future_reader: r"was written by something newer than this version of jiceng \(.*quantumPages.*\); install the version",
    future_writer: r"was written by something newer than this version of jiceng \(feature quantumRows\); install the",
    lose_log: r"has lost its log, and its files are still there; restore its folder from a backup",
    empty_log: r"has lost its log, and its files are still there; restore its folder from a backup",
    file_for_log: r"has a file in the place of its log; restore its folder from a backup",
    lose_first_commit: r"the log of .* cannot be read \(.*\); restore its folder from a backup",
    file_for_table: r"is no folder, but a file or a link that leads nowhere; restore its folder from a backup",
    dangling_link: r"is no folder, but a file or a link that leads nowhere; restore its folder from a backup",
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_every_damage_is_one_line_with_its_remedy(
    workspace: Workspace, lake: Lake, damage: Callable[[Path], None]
) -> None:
    folder = fill(lake, "harmonised.appeal")
    damage(folder)
    [told] = damages(workspace, read_footer)
    assert "harmonised.appeal" in told
    assert "\n" not in told
    assert "\x1b" not in told
    with pytest.raises(Fault, match=DAMAGES[damage]) as refused, telling_faults(workspace):
        add_row(open_lake(workspace))
    assert str(refused.value) == told


def add_row(lake: Lake) -> None:
    """Reads the table, and writes it anew with a row more."""
    row = {column.name: VALUES[column.type] for column in lake.declared["harmonised.appeal"].columns}
    lake.upsert("harmonised.appeal", lake.table_of("harmonised.appeal", [{**row, "source_key": "y"}]))


def test_a_table_without_its_log_is_never_made_anew(workspace: Workspace, lake: Lake) -> None:
    """An empty table in its place would have lost its rows without a word."""
    folder = fill(lake, "harmonised.appeal")
    lose_log(folder)
    with pytest.raises(Fault, match=r"harmonised\.appeal has lost its log"):
        open_lake(workspace).read("harmonised.appeal")
    assert not (folder / "_delta_log").exists()


def test_an_empty_folder_is_no_damage(workspace: Workspace, lake: Lake) -> None:
    """A kill may leave one: the table was about to be made."""
    lake.path("harmonised.appeal").mkdir(parents=True)
    assert damages(workspace, read_footer) == []
    assert open_lake(workspace).rows("harmonised.appeal").num_rows == 0


def test_a_page_that_cannot_be_read_is_found_once_something_has_failed(workspace: Workspace, lake: Lake) -> None:
    """Size and footer are right, so that only reading tells."""
    file = data_file(fill(lake, "harmonised.appeal"))
    content = bytearray(file.read_bytes())
    content[60:200] = bytes(140)
    file.write_bytes(content)
    assert damages(workspace, read_footer) == []
    told = r"harmonised\.appeal has 1 damaged file, .*\.parquet cannot be read \(it is corrupt\)"
    for read in (lambda lake: lake.rows("harmonised.appeal"), lambda lake: lake.read("harmonised.appeal").toArrow()):
        with pytest.raises(Fault, match=told), telling_faults(workspace):
            read(open_lake(workspace))


def test_of_several_damages_the_one_that_failed_is_told(workspace: Workspace, lake: Lake) -> None:
    for name in ("harmonised.appeal", "ops.skipped"):
        cut(fill(lake, name))
    with pytest.raises(Fault, match=r"^ops\.skipped has 1 damaged file"), telling_faults(workspace):
        open_lake(workspace).rows("ops.skipped")


REFUSED: dict[str, tuple[Callable[[Path], Exception], str]] = {
    "a disk that is read-only": (
        lambda home: OSError(errno.EROFS, "Read-only file system", str(home / "runs" / "x")),
        "{home}/runs/x: Read-only file system; mount the disk for writing, then `jiceng run` goes on",
    ),
    "the same as the engine says it": (
        lambda home: RuntimeError("Unable to copy data to file: Read-only file system (os error 30)"),
        "{home}: Read-only file system; mount the disk for writing, then `jiceng run` goes on",
    ),
    "a folder of somebody else": (
        lambda home: PermissionError(errno.EACCES, "Permission denied", str(home / "lake")),
        "{home}/lake: Permission denied; let the user of the pipeline own the workspace, or work as that user",
    ),
    "a disk that fails": (
        lambda home: RuntimeError("Generic LocalFileSystem error: Input/output error (os error 5)"),
        "{home}: Input/output error; the disk itself fails: replace it and restore the workspace from a backup",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_disk_that_refuses_is_told_in_one_line(
    workspace: Workspace, capsys: pytest.CaptureFixture[str], case: str
) -> None:
    error, told = REFUSED[case]
    with pytest.raises(Fault) as refused, telling_faults(workspace):
        raise error(workspace.home)
    assert str(refused.value).startswith(told.format(home=workspace.home))

    def body() -> None:  # a command that holds no lock
        open_workspace(workspace.home)
        raise error(workspace.home)

    assert guarded(body) == 1
    assert capsys.readouterr().err.startswith("jiceng: " + told.format(home=workspace.home))


def test_every_command_tells_a_damaged_table_in_one_line(tmp_path: Path) -> None:
    office = open_office(tmp_path / "workspace")
    cut(fill(open_lake(office.workspace), "ops.run"))
    for command in (("status",), ("sql", "--all-layers", "select * from ops.run"), ("run", "--night", "2026-01-01")):
        answer = office.jiceng(*command)
        assert (answer.code, answer.out) == (1, ""), command
        assert answer.err.startswith("jiceng: ops.run has 1 damaged file, lake/ops/run/"), command
        assert answer.err.count("\n") == 1, command
    answer = office.jiceng("doctor", "--format", "json")
    assert answer.code == 2
    [told] = [row["detail"] for row in rows_of(answer) if row["check"] == "lake"]
    assert told.startswith("ops.run has 1 damaged file, lake/ops/run/")


def test_doctor_tells_a_workspace_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    office = open_office(tmp_path / "workspace")
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)
    answer = office.jiceng("doctor", "--format", "json")
    assert answer.code == 2
    assert f"{office.workspace.home} cannot be written" in answer.out


def test_what_can_be_computed_again_is_made_good(tmp_path: Path) -> None:
    office = open_office(tmp_path / "workspace")
    office.declare("desk", simple_contract("desk"))
    office.hand_in("desk/messages_20260101.csv", ["1 甲", "2 乙"])
    assert office.run("2026-01-01").code == 0
    for name in ("candidate", "refined"):
        for file in (office.workspace.lake / name / "appeal").glob("*.parquet"):
            content = file.read_bytes()
            file.unlink()  # the two may be one file
            file.write_bytes(content[: len(content) // 2])
    answer = office.jiceng("sql", "select count(*) as n from appeal")
    assert answer.code == 1
    assert "refined.appeal of it has 1 damaged file," in answer.err
    answer = office.jiceng("run", "--again")
    assert answer.code == 0, answer.err
    assert jobs.open_table("appeal", home=office.workspace.home).arrow().num_rows == 2
    assert damages(office.workspace, read_footer) == []


def test_what_cannot_be_computed_again_is_left_alone(workspace: Workspace, lake: Lake) -> None:
    folder = fill(lake, "harmonised.appeal")
    cut(folder)
    with pytest.raises(Fault, match=r"harmonised\.appeal has 1 damaged file"):
        heal(workspace, open_lake(workspace))
    assert data_file(folder).exists()
