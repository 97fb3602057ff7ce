"""What lies in an inbox, with the names and kinds that unzip, FTP and pranksters leave: taken whole, or told with a reason."""

import hashlib
import os
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobs import extract
from jobs.common.base.workspace import Workspace, init_workspace
from jobs.common.contracts.sources import Source
from jobs.common.intake.inbox import (
    explain_waiting,
    inbox_files,
    is_system,
    match_objects,
    ready_files,
    systems_with_files,
    waiting_files,
)
from jobs.common.run.conf import Conf, take_snapshot
from jobs.common.run.stage import Context, open_lake
from tests.support.hand_office import context_of
from tests.support.office import simple_contract

pytestmark = pytest.mark.nights


@pytest.fixture
def town(workspace: Workspace) -> Workspace:
    """An inbox of the system `town`, which takes CSV files at any depth."""
    (workspace.conf / "sources" / "town.odcs.yaml").write_text(simple_contract("town"), "utf-8")
    (workspace.inbox / "town").mkdir()
    return workspace


def put(workspace: Workspace, path: str | bytes, content: bytes = b"x") -> bytes:
    place = os.path.join(os.fsencode(workspace.inbox), os.fsencode(path))
    os.makedirs(os.path.dirname(place), exist_ok=True)
    with open(place, "wb") as file:
        file.write(content)
    return place


def take_all(workspace: Workspace) -> Context:
    conf = take_snapshot(workspace)
    context = context_of(workspace, conf, open_lake(workspace, conf))
    for system in systems_with_files(workspace):
        extract.run(context, system)
    return context


def taken(context: Context) -> dict[str, bytes]:
    rows = context.lake.rows("ops.file").to_pylist()
    return {row["name"]: context.workspace.archive_path(row["file_id"]).read_bytes() for row in rows}


def waiting(workspace: Workspace) -> dict[str, str]:
    return waiting_files(workspace, take_snapshot(workspace).sources)


# --- names ------------------------------------------------------------------------------------------------------------

NAMES: dict[str, tuple[bytes, str]] = {
    "GBK": ("名单_20260101.csv".encode("gbk"), "名单_20260101.csv"),
    "GB18030, four bytes": ("㐂_20260101.csv".encode("gb18030"), "㐂_20260101.csv"),
    "a folder of GBK": ("村里/名单.csv".encode("gbk"), "村里/名单.csv"),
    "neither": (b"\xff\xfe.csv", "\\xff\\xfe.csv"),
    "255 bytes": (b"n" * 251 + b".csv", "n" * 251 + ".csv"),
    "255 bytes of GBK": ("户".encode("gbk") * 125 + b"_.csv", "户" * 125 + "_.csv"),
    "an option": (b"--help.csv", "--help.csv"),
    "line ends and commands": (b"a\nb\r\x1b[31m.csv", "a\nb\r\x1b[31m.csv"),
    "from right to left": ("a\u202evsc.csv".encode(), "a\u202evsc.csv"),
    "quotes": (b'it\'s "x".csv', 'it\'s "x".csv'),
    "a pattern": (b"[a-z]*?.csv", "[a-z]*?.csv"),
    "a backslash": (b"a\\x41.csv", "a\\x41.csv"),
    "spaces": (b" .csv", " .csv"),
    "two letters for one": ("e\u0301.csv".encode(), "e\u0301.csv"),
}


@pytest.mark.parametrize("case", NAMES)
def test_a_file_is_taken_under_the_text_of_its_name(town: Workspace, case: str) -> None:
    raw, name = NAMES[case]
    put(town, b"town/" + raw, b"bytes")
    context = take_all(town)
    assert taken(context) == {name: b"bytes"}
    assert [row["status"] for row in context.lake.rows("ops.file").to_pylist()] == ["waiting"], "its path fits"
    assert inbox_files(town, context.conf.sources) == {}


def test_twins_in_letters_are_files_of_their_own(town: Workspace) -> None:
    """Of upper and lower case, and accents written in two ways."""
    names = ("a.csv", "A.csv", "é.csv", "e\u0301.csv")
    for name in names:
        put(town, f"town/{name}", name.encode())
    assert taken(take_all(town)) == {name: name.encode() for name in names}


def test_two_encodings_of_one_name_wait_both(town: Workspace) -> None:
    """The one would pass for a correction of the other."""
    for encoding in ("utf-8", "gbk"):
        put(town, b"town/" + "名单.csv".encode(encoding))
    put(town, "town/other.csv")
    context = take_all(town)
    assert taken(context) == {"other.csv": b"x"}
    assert waiting(town) == {"town/名单.csv": "twin", "town/名单.csv (2)": "twin"}


def test_a_path_fits_however_its_accents_are_written(conf: Conf) -> None:
    obj = next(iter(conf.sources.values())).objects[0]
    source = Source("s", "", "nightly", (type(obj)(**{**obj.__dict__, "path": "é_*.csv"}),))
    assert match_objects(source, "e\u0301_1.csv") == match_objects(source, "é_1.csv") == list(source.objects)
    assert match_objects(source, "e_1.csv") == []


@pytest.mark.parametrize("name", ["police", "civil-affairs", "民政", "Police.2"])
def test_a_folder_that_a_run_can_name(name: str) -> None:
    assert is_system(name)


ODD_FOLDERS = (
    b"--help", b"-x", b"a b", b"a\nb", b"it's", b"*", b"n" * 255, "民政".encode("gbk"), "a\u202eb".encode(),
    "张三320102190307080010".encode(), b"\xff",
)  # fmt: skip


@pytest.mark.parametrize("folder", ODD_FOLDERS)
def test_files_in_a_folder_of_an_odd_name_are_told(town: Workspace, folder: bytes) -> None:
    """No contract can be for it, and its name would be that of a lock, a stage's option, a line of a log."""
    place = put(town, folder + b"/deep/x.csv")
    assert systems_with_files(town) == []
    [(told, code)] = waiting(town).items()
    assert (code, told.endswith("/deep/x.csv")) == ("odd_folder", True)
    assert told.isprintable()
    assert "3201" not in told
    assert os.path.exists(place)


# --- kinds ------------------------------------------------------------------------------------------------------------


def place_socket(path: Path) -> None:
    home = os.getcwd()
    os.chdir(path.parent)  # the path of a socket is short
    try:
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(path.name)
    finally:
        os.chdir(home)


KINDS: dict[str, tuple[Callable[[Path], Any], str]] = {
    "a pipe": (os.mkfifo, "special"),
    "a socket": (place_socket, "special"),
    "a link to a file": (lambda path: path.symlink_to("/etc/passwd"), "link"),
    "a link within the inbox": (lambda path: path.symlink_to("real.csv"), "link"),
    "a link to nothing": (lambda path: path.symlink_to("/nowhere"), "link"),
    "a link to itself": (lambda path: path.symlink_to(path.name), "link"),
    "a link to a folder": (lambda path: path.symlink_to("/etc"), "link"),
    "a link to the folder above": (lambda path: path.symlink_to(".."), "link"),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("place", ["town/x.csv", "x.csv", "town/deep/x.csv"])
def test_what_is_no_plain_file_is_told_and_stays(town: Workspace, kind: str, place: str) -> None:
    put(town, "town/real.csv", b"real")
    (town.inbox / "town" / "deep").mkdir()
    make, code = KINDS[kind]
    make(town.inbox / place)
    assert taken(take_all(town)) == {"real.csv": b"real"}
    assert waiting(town) == {place: code}
    assert os.path.lexists(town.inbox / place)


def test_a_folder_closed_to_the_user_is_told(town: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    put(town, "town/closed/x.csv")
    put(town, "town/y.csv")
    real = os.scandir

    def closed(path: Any) -> Any:  # root may look into every folder
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr("jobs.common.intake.inbox.os.scandir", closed)
    assert waiting(town) == {"town/closed": "closed"}
    assert list(taken(take_all(town))) == ["y.csv"]


def test_a_folder_that_nothing_can_be_taken_out_of_is_told(town: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    put(town, "town/locked/x.csv")
    monkeypatch.setattr(
        "jobs.common.intake.inbox.os.access", lambda path, mode: not (str(path).endswith("locked") and mode & os.W_OK)
    )
    assert waiting(town) == {"town/locked/x.csv": "locked"}


@contextmanager
def deep_folders(folder: Path, name: str, count: int) -> Iterator[None]:
    """A file below so many folders, one in the other; no path names it as a whole."""
    home = os.getcwd()
    os.chdir(folder)
    try:
        for _ in range(count):
            os.mkdir(name)
            os.chdir(name)
        Path("x.csv").write_bytes(b"bytes")
        os.chdir(home)
        yield
    finally:
        os.chdir(home)
        subprocess.run(["rm", "-rf", folder / name], check=True)  # Python's own way is too deep for Python


def test_a_thousand_folders_are_searched(town: Workspace) -> None:
    with deep_folders(town.inbox / "town", "d", 1000):
        assert taken(take_all(town)) == {"d/" * 1000 + "x.csv": b"bytes"}
        assert waiting(town) == {}


def test_folders_without_end_are_told(town: Workspace) -> None:
    with deep_folders(town.inbox / "town", "d" * 200, 40):
        [(told, code)] = waiting(town).items()
        assert code == "too_deep"
        assert len(told) < 130


def test_a_name_too_long_for_its_done_is_told(workspace: Workspace) -> None:
    (workspace.conf / "sources" / "town.odcs.yaml").write_text(simple_contract("town", ready="done"), "utf-8")
    put(workspace, b"town/" + b"n" * 248 + b".csv")
    assert list(waiting(workspace).values()) == ["no_marker"]


@pytest.mark.parametrize("name", ["x.csv.PART", "~$x.csv", "x.csv.Tmp", "x.filepart"])
def test_unfinished_names_wait(town: Workspace, name: str) -> None:
    put(town, f"town/{name}")
    assert waiting(town) == {f"town/{name}": "being_copied"}


def test_a_done_without_its_file_is_told(town: Workspace) -> None:
    put(town, "town/x.csv.done")
    put(town, "town/y.csv.done")
    put(town, "town/y.csv.part")
    put(town, "town/z.csv")
    put(town, "town/z.csv.done")
    assert waiting(town) == {
        "town/x.csv.done": "lone_done", "town/y.csv.done": "lone_done", "town/y.csv.part": "being_copied",
    }  # fmt: skip


def test_hidden_files_are_told_but_for_what_systems_leave(town: Workspace) -> None:
    for name in (".x.csv.Xy1", ".DS_Store", "._x.csv", ".gitkeep", ".~lock.x.csv#", ".nfs0000000000a1"):
        put(town, f"town/{name}")
        put(town, name)
    assert waiting(town) == {".x.csv.Xy1": "hidden", "town/.x.csv.Xy1": "hidden"}


def test_each_reason_has_its_sentences(town: Workspace, conf: Conf) -> None:
    codes = {
        "ready", "being_copied", "being_written", "stray", "odd_folder", "closed", "locked", "link", "special", "hidden", "twin",
        "no_marker", "lone_done", "too_deep", "read_error", "blocked",
    }  # fmt: skip
    assert set(conf.reasons["inbox"]) == codes
    assert all(set(entry) >= {"zh", "en"} for entry in conf.reasons["inbox"].values())
    put(town, "stray.csv")
    told = explain_waiting(inbox_files(town, conf.sources), conf)
    assert told == {"stray.csv": "lies in no system's folder; move it to inbox/<system>/"}


# --- whatever bytes a name has ----------------------------------------------------------------------------------------

_PIECES = st.one_of(
    st.binary(min_size=1, max_size=40),
    st.text(min_size=1, max_size=20).map(lambda text: text.encode("utf-8", "ignore")),
    st.sampled_from(["名单", "户", "13900000001", "é", "--", ".", ".done", ".part", "\n", "*", "~$"]).map(str.encode),
    st.sampled_from(["名单", "居民", "320102190307080010"]).map(lambda text: text.encode("gb18030")),
)
NAME = st.lists(_PIECES, min_size=1, max_size=4).map(
    lambda pieces: b"".join(pieces).replace(b"/", b"_").replace(b"\0", b"_")[:255]
)
PATHS = st.lists(NAME.filter(lambda name: name not in (b"", b".", b"..")), min_size=1, max_size=3)


def is_beside_its_file(path: bytes) -> bool:
    """Whether it is the `.done` of a file in a system's folder, and told with it."""
    depth = len(path.split(b"/inbox/")[-1].split(b"/"))
    named = path.removesuffix(b".done")
    return named != path and not named.endswith(b"/") and depth > 1 and os.path.lexists(named)


@given(st.lists(st.tuples(st.booleans(), PATHS), min_size=1, max_size=12))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_file_is_taken_whole_or_stays_whole_and_is_told(
    tmp_path_factory: pytest.TempPathFactory, paths: list[tuple[bool, list[bytes]]]
) -> None:
    workspace = init_workspace(tmp_path_factory.mktemp("names") / "w")
    given = {}
    for number, (in_town, parts) in enumerate(paths):
        place = os.path.join(os.fsencode(workspace.inbox), *([b"town"] if in_town else []), *parts)
        try:
            os.makedirs(os.path.dirname(place), exist_ok=True)
            with open(place, "xb") as file:
                file.write(str(number).encode())
        except OSError:  # a folder where a file is
            continue
        given[place] = hashlib.sha256(str(number).encode()).hexdigest()
    context = take_all(workspace)
    known = context.lake.rows("ops.file", columns=["file_id"]).column("file_id").to_pylist()
    listed = inbox_files(workspace, {})
    left = 0
    for place, file_id in given.items():
        if os.path.exists(place):
            name = os.path.basename(place)
            left += not name.startswith(b"._") and not is_beside_its_file(place)
        else:
            assert file_id in known
        content = place if os.path.exists(place) else os.fsencode(workspace.archive_path(file_id))
        with open(content, "rb") as file:
            assert hashlib.sha256(file.read()).hexdigest() == file_id
    assert len(listed) == left
    for told in listed:
        assert "13900000001" not in told
        assert "3201021903" not in told
    assert ready_files(workspace, "town", None)[0] == [], "what is ready was taken"
