"""Bytes handed over are never lost: somebody writes to the inbox while extract takes files out of it, or it is killed.

A step of extract is replaced by itself with a writer before or after it, so that what is a race at night is none here.
"""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jobs import extract
from jobs.common.base.workspace import Workspace
from jobs.common.intake.inbox import left_behind, waiting_files
from jobs.common.run.conf import take_snapshot
from jobs.common.run.stage import Context, open_lake
from jobs.extract import stage as extract_stage
from jobs.extract import take as steps
from tests.support.constants import NIGHT
from tests.support.hand_office import context_of
from tests.support.office import simple_contract
from tests.support.town import stage_log

pytestmark = pytest.mark.nights

OLD, NEW, TAIL = b"old, and whole", b"new, and corrected", b", and more"
NAME = "x_20260101.csv"


class Desk:
    """An inbox of one system, and the archive behind it."""

    def __init__(self, workspace: Workspace, **settings: Any) -> None:
        (workspace.conf / "sources" / "desk.odcs.yaml").write_text(simple_contract("desk", **settings), "utf-8")
        self.workspace, self.folder = workspace, workspace.inbox / "desk"
        self.folder.mkdir(exist_ok=True)
        self.path = self.folder / NAME
        self.conf = take_snapshot(workspace)

    def context(self) -> Context:
        return context_of(self.workspace, self.conf, open_lake(self.workspace, self.conf))

    def extract(self) -> None:
        extract.run(self.context(), "desk")

    def put(self, content: bytes, name: str = NAME) -> None:
        """As a careful program does: under another name first."""
        (self.folder / f"{name}.part").write_bytes(content)
        (self.folder / f"{name}.part").rename(self.folder / name)

    def append(self, content: bytes) -> None:
        with open(self.path, "ab") as file:
            file.write(content)

    def recorded(self) -> dict[str, list[bytes]]:
        """Archived bytes of the deliveries, by name; each is what its id says."""
        found: dict[str, list[bytes]] = {}
        for row in self.context().lake.rows("ops.delivery").to_pylist():
            assert steps.holds(self.workspace.archive_path(row["file_id"]), row["file_id"])
            found.setdefault(row["name"], []).append(self.workspace.archive_path(row["file_id"]).read_bytes())
        return found

    def archived(self) -> list[bytes]:
        files = [path for path in self.workspace.archive.rglob("*") if path.is_file() and "conf" not in path.parts]
        return sorted(path.read_bytes() for path in files)

    def inbox(self) -> dict[str, bytes]:
        files = [path for path in self.folder.rglob("*") if path.is_file()]
        return {path.relative_to(self.folder).as_posix(): path.read_bytes() for path in files}

    def left(self) -> dict[str, str]:
        context = self.context()
        return waiting_files(self.workspace, self.conf.sources, left_behind(self.workspace, context.run.run_id))


@pytest.fixture
def desk(workspace: Workspace) -> Desk:
    desk = Desk(workspace)
    desk.put(OLD)
    return desk


Beside = Callable[..., None]


@pytest.fixture
def beside(monkeypatch: pytest.MonkeyPatch) -> Beside:
    """Let a writer work before or after a step of extract, the first time or each time that it comes by."""

    def let(step: str, writer: Callable[[], Any], after: bool = True, always: bool = False) -> None:
        module = steps if hasattr(steps, step) else extract_stage
        real, calls = getattr(module, step), []

        def both(*arguments: Any) -> Any:
            calls.append(step)
            is_now = always or len(calls) == 1
            if is_now and not after:
                writer()
            answer = real(*arguments)
            if is_now and after:
                writer()
            return answer

        monkeypatch.setattr(module, step, both)

    return let


# --- another file under the name ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", ["hash_bytes", "copy_bytes"])
def test_a_corrected_export_moved_over_the_name_meanwhile_is_taken(desk: Desk, beside: Beside, step: str) -> None:
    beside(step, lambda: desk.put(NEW))
    desk.extract()
    assert desk.recorded() == {NAME: [NEW]}
    assert (desk.archived(), desk.inbox()) == ([NEW], {})


@pytest.mark.parametrize("step", ["_enter", "record_files"])
def test_an_export_that_comes_under_the_name_of_a_taken_one_is_left_alone(
    desk: Desk, beside: Beside, step: str
) -> None:
    beside(step, lambda: desk.put(NEW))
    desk.extract()
    assert desk.recorded() == {NAME: [OLD]}
    assert desk.inbox() == {NAME: NEW}
    desk.extract()
    assert desk.recorded() == {NAME: [NEW]}
    assert (desk.archived(), desk.inbox()) == (sorted([OLD, NEW]), {})


def test_a_name_that_is_moved_over_again_and_again_waits(desk: Desk, beside: Beside) -> None:
    beside("copy_bytes", lambda: desk.put(NEW), always=True)
    desk.extract()
    assert desk.recorded() == {}
    assert (desk.archived(), desk.inbox()) == ([], {NAME: NEW})
    assert desk.left() == {f"desk/{NAME}": "being_written"}


def test_what_goes_back_goes_over_no_other_file(desk: Desk, beside: Beside) -> None:
    """It waits in `.taken/`, and the next run takes it before the one under its name, which speaks last."""
    newest = b"newest"
    beside("copy_bytes", lambda: desk.put(NEW))
    beside("_put_both_back", lambda: desk.put(newest), after=False)
    desk.extract()
    assert desk.recorded() == {}
    assert desk.inbox() == {f".taken/{NAME}": NEW, NAME: newest}
    desk.extract()
    assert desk.recorded() == {NAME: [newest]}
    assert (desk.archived(), desk.inbox()) == (sorted([NEW, newest]), {})


# --- a file that grows -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", ["hash_bytes", "copy_bytes", "holds"])
def test_a_file_that_grows_meanwhile_is_taken_when_it_is_whole(desk: Desk, beside: Beside, step: str) -> None:
    beside(step, lambda: desk.append(TAIL))
    desk.extract()
    assert desk.recorded() == {}
    assert (desk.archived(), desk.inbox()) == ([], {NAME: OLD + TAIL})
    assert desk.left() == {f"desk/{NAME}": "being_written"}
    desk.extract()
    assert desk.recorded() == {NAME: [OLD + TAIL]}
    assert (desk.archived(), desk.inbox(), desk.left()) == ([OLD + TAIL], {}, {})


def test_a_file_that_somebody_has_open_for_writing_waits(desk: Desk) -> None:
    """Though nothing is written just then: never by its age."""
    if steps.file_system(desk.path.stat().st_dev) not in ("ext4", "xfs", "tmpfs"):
        pytest.skip("this file system does not tell who has a file open")
    with open(desk.path, "ab") as file:
        desk.extract()
        assert (desk.recorded(), desk.left()) == ({}, {f"desk/{NAME}": "being_written"})
        file.write(TAIL)
    desk.extract()
    assert desk.recorded() == {NAME: [OLD + TAIL]}


def test_bytes_written_in_place_are_seen_though_size_and_time_are_the_same(desk: Desk, beside: Beside) -> None:
    def overwrite() -> None:
        found = desk.path.stat()
        with open(desk.path, "r+b") as file:
            file.write(OLD.upper())
        os.utime(desk.path, ns=(found.st_atime_ns, found.st_mtime_ns))

    beside("hash_bytes", overwrite)
    desk.extract()
    assert (desk.recorded(), desk.archived(), desk.inbox()) == ({}, [], {NAME: OLD.upper()})
    desk.extract()
    assert desk.recorded() == {NAME: [OLD.upper()]}


def test_a_tail_written_after_the_record_is_not_lost(
    desk: Desk, beside: Beside, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a file system that does not tell who has a file open."""
    monkeypatch.setattr(steps, "is_open_for_writing", lambda handle: False)
    with open(desk.path, "ab", buffering=0) as file:
        beside("record_files", lambda: file.write(TAIL))
        desk.extract()
    assert desk.recorded() == {NAME: [OLD]}
    assert desk.inbox() == {NAME: OLD + TAIL}
    desk.extract()
    assert desk.recorded() == {NAME: [OLD + TAIL]}
    assert desk.inbox() == {}


# --- the archive -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(OLD[:-1]),
        lambda path: path.write_bytes(OLD.upper()),
        lambda path: path.write_bytes(b""),
        lambda path: path.unlink(),
    ],
    ids=["cut short", "changed", "empty", "gone"],
)
def test_a_damaged_copy_in_the_archive_is_replaced_by_the_good_file(desk: Desk, damage: Callable[[Path], Any]) -> None:
    desk.extract()
    [row] = desk.context().lake.rows("ops.file").to_pylist()
    damage(desk.workspace.archive_path(row["file_id"]))
    desk.put(OLD)
    desk.extract()
    assert desk.recorded() == {NAME: [OLD]}
    assert desk.inbox() == {}


def test_the_log_tells_of_a_mended_copy(desk: Desk) -> None:
    desk.extract()
    [row] = desk.context().lake.rows("ops.file").to_pylist()
    desk.workspace.archive_path(row["file_id"]).write_bytes(b"")
    desk.put(OLD)
    desk.extract()
    told = [entry for entry in stage_log(desk.workspace, f"{NIGHT}.1", "extract") if "damaged" in entry["message"]]
    assert [entry["files"] for entry in told] == [1]


def test_a_good_copy_is_not_written_again(desk: Desk) -> None:
    desk.extract()
    [path] = [path for path in desk.workspace.archive.glob("??/*") if path.is_file()]
    before = path.stat()
    desk.put(OLD)
    desk.extract()
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert desk.inbox() == {}


def test_an_inbox_on_another_disk_than_the_archive(workspace: Workspace) -> None:
    other = Path("/dev/shm")
    if not other.is_dir() or other.stat().st_dev == workspace.home.stat().st_dev:
        pytest.skip("there is no second file system")
    share = other / f"inbox-{os.getpid()}"
    share.mkdir()
    try:
        workspace.inbox.rmdir()
        workspace.inbox.symlink_to(share)
        desk = Desk(workspace)
        desk.put(OLD)
        desk.extract()
        assert (desk.recorded(), desk.inbox()) == ({NAME: [OLD]}, {})
    finally:
        shutil.rmtree(share)


# --- .done -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def done(workspace: Workspace) -> Desk:
    """A system whose files are ready by a `.done`."""
    desk = Desk(workspace, ready="done")
    desk.put(OLD)
    desk.put(b"", f"{NAME}.done")
    return desk


def test_a_done_of_the_new_file_stays_with_it(done: Desk, beside: Beside) -> None:
    def write() -> None:
        done.put(NEW)
        done.put(b"", f"{NAME}.done")

    beside("_enter", write)
    done.extract()
    assert done.recorded() == {NAME: [OLD]}
    assert done.inbox() == {NAME: NEW, f"{NAME}.done": b""}
    done.extract()
    assert done.recorded() == {NAME: [NEW]}
    assert done.inbox() == {}


def test_a_done_does_not_speak_of_a_file_that_came_after_it(done: Desk, beside: Beside) -> None:
    """Between the look at the inbox and the taking: it may not be whole yet."""
    beside("ready_files", lambda: done.put(NEW))
    done.extract()
    assert (done.recorded(), done.archived()) == ({}, [])
    assert done.inbox() == {NAME: NEW, f"{NAME}.done": b""}


def test_a_done_that_goes_back_goes_back_with_its_file_alone(done: Desk, beside: Beside) -> None:
    beside("copy_bytes", lambda: done.put(NEW))
    beside("_put_both_back", lambda: done.put(b"half of a ne"), after=False)
    done.extract()
    assert done.inbox() == {f".taken/{NAME}": NEW, f".taken/{NAME}.done": b"", NAME: b"half of a ne"}
    assert done.left() == {f"desk/{NAME} (2)": "being_copied"}, "the first of that name is the one in `.taken/`"


def test_a_folder_named_like_a_done_is_a_folder_whose_files_are_taken_too(desk: Desk) -> None:
    (desk.folder / f"{NAME}.done").mkdir()
    (desk.folder / f"{NAME}.done" / "note").write_bytes(b"a note")
    desk.extract()
    assert desk.recorded() == {NAME: [OLD], f"{NAME}.done/note": [b"a note"]}
    assert desk.inbox() == {}


def test_a_folder_named_like_a_done_makes_no_file_ready(done: Desk) -> None:
    (done.folder / f"{NAME}.done").unlink()
    (done.folder / f"{NAME}.done").mkdir()
    done.extract()
    assert (done.recorded(), done.inbox()) == ({}, {NAME: OLD})
    assert done.left() == {f"desk/{NAME}": "being_copied"}


# --- killed ------------------------------------------------------------------------------------------------------------


class Killed(BaseException):
    """The process ends here."""


def kill() -> None:
    raise Killed


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(
    "step",
    ["take", "hash_bytes", "copy_bytes", "holds", "_claim", "_enter", "record_files", "remove", "_remove_folder"],
)
def test_killed_at_a_step_and_run_again(done: Desk, step: str, after: bool) -> None:
    with pytest.MonkeyPatch.context() as patch:
        module = extract_stage if hasattr(extract_stage, step) else steps
        real = getattr(module, step)

        def dies(*arguments: Any) -> Any:
            if after:
                real(*arguments)
            raise Killed

        patch.setattr(module, step, dies)
        with pytest.raises(Killed):
            done.extract()
        patch.undo()
    done.extract()
    assert done.recorded() == {NAME: [OLD]}
    assert (done.archived(), done.inbox()) == ([OLD], {})
    assert not list(done.folder.iterdir())


def test_killed_between_the_done_and_its_file(done: Desk) -> None:
    (done.folder / ".taken").mkdir()
    (done.folder / f"{NAME}.done").rename(done.folder / ".taken" / f"{NAME}.done")
    done.extract()
    assert done.recorded() == {NAME: [OLD]}
    assert not list(done.folder.iterdir())


def test_what_a_kill_left_is_taken_though_its_contract_asks_for_a_done(done: Desk) -> None:
    """And a file that has come under its name since is no part of it."""
    (done.folder / ".taken").mkdir()
    done.path.rename(done.folder / ".taken" / NAME)
    (done.folder / f"{NAME}.done").unlink()
    done.put(NEW)
    done.extract()
    assert done.recorded() == {NAME: [OLD]}
    assert done.inbox() == {NAME: NEW}


# --- one bad file harms itself alone --------------------------------------------------------------------------------------


def test_a_file_that_the_disk_cannot_read_waits_alone(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.put(NEW, "y_20260101.csv")
    broken = desk.path.stat().st_ino
    real = steps.hash_bytes

    class Broken:
        def seek(self, place: int) -> None: ...

        def read(self, size: int) -> bytes:
            raise OSError(5, "Input/output error")

    monkeypatch.setattr(
        steps, "hash_bytes", lambda handle: real(Broken() if os.fstat(handle.fileno()).st_ino == broken else handle)
    )
    desk.extract()
    assert desk.recorded() == {"y_20260101.csv": [NEW]}
    assert (desk.inbox(), desk.left()) == ({NAME: OLD}, {f"desk/{NAME}": "read_error"})


def test_a_disk_that_keeps_other_bytes_than_were_written_ends_the_run(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps, "holds", lambda path, file_id: False)
    with pytest.raises(steps.Fault, match="gives back other bytes than were written"):
        desk.extract()
    assert desk.inbox() == {NAME: OLD}


SWAPS: dict[str, Callable[[Path], Any]] = {
    "gone": lambda path: None,
    "a link": lambda path: path.symlink_to("/etc/passwd"),
    "a pipe": os.mkfifo,
    "a folder": Path.mkdir,
}


@pytest.mark.parametrize("swap", SWAPS)
def test_a_file_that_is_another_thing_by_then_waits_alone(desk: Desk, beside: Beside, swap: str) -> None:
    desk.put(NEW, "y_20260101.csv")

    def replace() -> None:
        desk.path.unlink()
        SWAPS[swap](desk.path)

    beside("ready_files", replace)
    desk.extract()
    assert desk.recorded() == {"y_20260101.csv": [NEW]}
    assert os.path.lexists(desk.path) == (swap != "gone")


def test_a_folder_that_is_a_link_by_then_is_not_followed(desk: Desk, beside: Beside, tmp_path: Path) -> None:
    (desk.folder / "north").mkdir()
    desk.put(NEW, "north/y_20260101.csv")
    outside = tmp_path / "outside"

    def replace() -> None:
        (desk.folder / "north").rename(outside)
        (desk.folder / "north").symlink_to(outside)

    beside("ready_files", replace)
    desk.extract()
    assert desk.recorded() == {NAME: [OLD]}
    assert (outside / "y_20260101.csv").read_bytes() == NEW


@pytest.mark.parametrize("name", [".taken", f".taken/{NAME}"])
def test_what_somebody_else_removes_after_the_record_is_no_fault(desk: Desk, beside: Beside, name: str) -> None:
    beside("record_files", lambda: (desk.folder / name).rename(desk.workspace.home / "elsewhere"))
    desk.extract()
    assert desk.recorded() == {NAME: [OLD]}
    assert desk.inbox() == {}


def test_another_name_of_the_same_file_keeps_its_bytes(desk: Desk, tmp_path: Path) -> None:
    os.link(desk.path, tmp_path / "mine.csv")
    os.link(desk.path, desk.folder / "y_20260101.csv")
    desk.extract()
    assert desk.recorded() == {NAME: [OLD], "y_20260101.csv": [OLD]}
    assert (desk.inbox(), (tmp_path / "mine.csv").read_bytes()) == ({}, OLD)


def test_a_taken_that_is_no_folder_blocks_its_folder_alone(desk: Desk, tmp_path: Path) -> None:
    (desk.folder / ".taken").symlink_to(tmp_path)
    (desk.folder / "north").mkdir()
    desk.put(NEW, "north/y_20260101.csv")
    desk.extract()
    assert desk.recorded() == {"north/y_20260101.csv": [NEW]}
    assert desk.left() == {"desk/.taken": "link", f"desk/{NAME}": "blocked"}
    assert desk.path.read_bytes() == OLD
