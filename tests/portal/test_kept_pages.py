"""Pages kept by Airflow's API server: drawn once, one at a time, and what a drawing does that fails."""

import asyncio
import fcntl
import os
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from tests.support.constants import REPOSITORY

sys.path.append(str(REPOSITORY / "dags/plugins"))  # as Airflow does
from jiceng_apart import Drawn
from jiceng_drawings import Drawings
from jiceng_state import state_of


@pytest.fixture
def drawings(tmp_path: Path) -> Drawings:
    return Drawings(tmp_path)


def page(text: str) -> tuple[str, ...]:
    """A page that leaves a line in `drawn` for each time it is drawn, and shows how many there are."""
    return ("sh", "-c", f"echo {text} >> drawn; grep -c {text} drawn")


def held(text: str) -> tuple[str, ...]:
    """One that is at work until there is a file `go`."""
    return ("sh", "-c", f"echo {text} >> drawn; until [ -e go ]; do sleep 0.02; done; grep -c {text} drawn")


def said(drawn: Drawn | None) -> tuple[int, str, str] | None:
    return (drawn.status, drawn.body.decode().strip(), drawn.state) if drawn else None


async def begin(look: Coroutine[Any, Any, Drawn | None], folder: Path) -> asyncio.Task[Drawn | None]:
    """Somebody looks, and the drawing has begun."""
    before = lines(folder)
    task = asyncio.create_task(look)
    while lines(folder) == before:
        await asyncio.sleep(0.01)
    return task


def lines(folder: Path) -> int:
    return len((folder / "drawn").read_text().splitlines()) if (folder / "drawn").exists() else 0


def test_a_page_is_drawn_once_for_what_it_shows(drawings: Drawings) -> None:
    async def looked() -> list[tuple[int, str, str] | None]:
        return [said(await drawings.look(page("a"), state)) for state in ("run 1", "run 1", "run 2", "run 2")]

    assert asyncio.run(looked()) == [(200, "1", "run 1")] * 2 + [(200, "2", "run 2")] * 2


def test_sixty_viewers_at_once_draw_one_page(drawings: Drawings) -> None:
    async def looked() -> list[tuple[int, str, str] | None]:
        first = await begin(drawings.look(held("a"), "run 1"), drawings.folder)
        others = [await drawings.look(held("a"), "run 1") for _ in range(59)]
        assert others == [None] * 59
        (drawings.folder / "go").touch()
        return [said(await first), said(await drawings.look(held("a"), "run 1"))]

    assert asyncio.run(looked()) == [(200, "1", "run 1")] * 2


def test_while_one_is_drawn_the_others_stay_as_they_were(drawings: Drawings) -> None:
    async def looked() -> list[tuple[int, str, str] | None]:
        await drawings.look(page("a"), "run 1")
        other = await begin(drawings.look(held("b"), "run 2"), drawings.folder)
        seen = [said(await drawings.look(page(text), "run 2")) for text in ("a", "c")]
        (drawings.folder / "go").touch()
        await other
        return [*seen, said(await drawings.look(page("a"), "run 2"))]

    assert asyncio.run(looked()) == [(200, "1", "run 1"), None, (200, "2", "run 2")]


def test_a_viewer_who_leaves_leaves_the_page_to_the_next(drawings: Drawings) -> None:
    async def looked() -> tuple[int, str, str] | None:
        first = await begin(drawings.look(held("a"), "run 1"), drawings.folder)
        first.cancel()
        (drawings.folder / "go").touch()
        assert drawings.at_work
        await drawings.at_work
        return said(await drawings.look(held("a"), "run 1"))

    assert asyncio.run(looked()) == (200, "1", "run 1")


def test_the_servers_loop_goes_on_while_a_page_is_drawn(drawings: Drawings) -> None:
    async def looked() -> int:
        first = await begin(drawings.look(held("a"), "run 1"), drawings.folder)
        ticks = 0
        for _ in range(20):
            await asyncio.sleep(0.001)
            ticks += not first.done()
        (drawings.folder / "go").touch()
        await first
        return ticks

    assert asyncio.run(looked()) == 20


@pytest.mark.parametrize(
    ("command", "status"),
    [
        (("sh", "-c", "echo half; exit 1"), 500),
        (("sh", "-c", "echo half; kill -SEGV $$"), 500),
        (("sh", "-c", "echo half; trap '' TERM; sleep 60"), 504),  # asked to end, it does not
        (("sh", "-c", "echo half; sleep 60 & wait"), 504),  # with a child of its own
        (("/no/such/python",), 500),
        (("sh", "-c", "x" * 200_000), 500),  # longer than an argument may be
    ],
)
def test_a_drawing_that_fails_harms_itself_alone(drawings: Drawings, command: tuple[str, ...], status: int) -> None:
    drawings.patience = 0.2

    async def looked() -> list[tuple[int, str, str] | None]:
        failed = await drawings.look(command, "run 1")
        return [said(failed), said(await drawings.look(page("a"), "run 1"))]

    assert asyncio.run(looked()) == [(status, "", "run 1"), (200, "1", "run 1")]


def test_a_drawing_that_failed_is_not_tried_at_each_look(drawings: Drawings) -> None:
    command = ("sh", "-c", "echo a >> drawn; exit 1")

    async def looked() -> None:
        for state in ("run 1", "run 1", "run 2"):
            await drawings.look(command, state)

    asyncio.run(looked())
    assert lines(drawings.folder) == 2


@pytest.mark.parametrize(("code", "status"), [(2, 400), (4, 409)])
def test_a_message_of_the_page_is_shown(drawings: Drawings, code: int, status: int) -> None:
    command = ("sh", "-c", f"echo why; exit {code}")
    assert said(asyncio.run(drawings.look(command, "run 1"))) == (status, "why", "run 1")


def test_pages_and_bytes_kept_are_bounded(drawings: Drawings) -> None:
    drawings.most_pages, drawings.most_bytes = 3, 10_000

    async def looked() -> None:
        for number in range(5):
            await drawings.look(("echo", str(number)), "run 1")
        await drawings.look(("echo", "2"), "run 1")
        await drawings.look(("echo", "5"), "run 1")

    asyncio.run(looked())
    assert [command[1] for command in drawings.kept] == ["4", "2", "5"]
    large = ("head", "--bytes=9999", "/dev/zero")
    assert len(asyncio.run(drawings.look(large, "run 1")).body) == 9999  # type: ignore[union-attr]
    assert list(drawings.kept) == [large]
    assert len(asyncio.run(drawings.look(("head", "--bytes=10001", "/dev/zero"), "")).body) == 10_001  # type: ignore[union-attr]
    assert list(drawings.kept) == []


def test_decisions_are_taken_one_after_the_other_and_to_their_ends(drawings: Drawings) -> None:
    first = ("sh", "-c", "echo begun >> drawn; until [ -e go ]; do sleep 0.02; done; echo first >> drawn")

    async def decided() -> None:
        left = await begin(drawings.decide(first), drawings.folder)
        second = asyncio.create_task(drawings.decide(("sh", "-c", "echo second >> drawn")))
        left.cancel()
        await asyncio.sleep(0.1)
        (drawings.folder / "go").touch()
        await second

    asyncio.run(decided())
    assert (drawings.folder / "drawn").read_text().split() == ["begun", "first", "second"]


# --- what tells that a page has something else to show ---------------------------------------------------------------


@pytest.fixture
def home(tmp_path: Path) -> Path:
    for folder in (
        "lake/ops/run/_delta_log",
        "inbox/police",
        "runs/.locks",
        "runs/2026-01-09.1/stages",
        "conf/sources",
    ):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "runs/2026-01-09.1/stages/extract.json").write_text("{}")
    (tmp_path / "inbox/police/a.csv").write_text("a")
    return tmp_path


def write(name: str, text: str = "") -> Callable[[Path], None]:
    def happens(home: Path) -> None:
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(text)

    return happens


MOVES: dict[str, Callable[[Path], None]] = {
    "a run opens or closes": write("lake/ops/run/_delta_log/00000000000000000001.json"),
    "the first release": write("lake/ops/release/_delta_log/00000000000000000000.json"),
    "a person decides": write("lake/ops/decision/_delta_log/00000000000000000000.json"),
    "a pair is judged": write("lake/links/judgement/_delta_log/00000000000000000000.json"),
    "a stage ends": write("runs/2026-01-09.1/stages/land.police.json"),
    "a stage ends anew": write("runs/2026-01-09.1/stages/extract.json", '{"seconds": 1}'),
    "the tenth run of the night": write("runs/2026-01-09.10/stages/extract.json"),
    "a file comes": write("inbox/police/b.csv"),
    "a file is taken": lambda home: (home / "inbox/police/a.csv").unlink(),
    "a new system": write("inbox/market/a.csv"),
    "a contract is edited": write("conf/sources/police.odcs.yaml", "id: police"),
    "a rule is added": write("expectations/resident.yml"),
}
STAYS: dict[str, Callable[[Path], None]] = {
    "nothing": lambda home: None,
    "a commit within a stage": write("lake/raw/police__population/_delta_log/00000000000000000000.json"),
    "a line in the log": write("runs/2026-01-09.1/log.jsonl", "{}"),
    "scratch": write("runs/2026-01-09.1/scratch/rows.parquet"),
}


@pytest.mark.parametrize("moves", MOVES)
def test_what_moves_a_page_on(home: Path, moves: str) -> None:
    before = state_of(home)
    MOVES[moves](home)
    assert state_of(home) != before


@pytest.mark.parametrize("stays", STAYS)
def test_what_leaves_a_page_as_it_is(home: Path, stays: str) -> None:
    before = state_of(home)
    STAYS[stays](home)
    assert state_of(home) == before


def test_a_run_that_dies_moves_its_page_on(home: Path) -> None:
    with open(home / "runs/.locks/run.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        live = state_of(home)
    assert state_of(home) != live


def test_no_workspace_has_a_state_too(tmp_path: Path) -> None:
    before = state_of(tmp_path / "none")
    os.mkdir(tmp_path / "none")
    assert state_of(tmp_path / "none") != before
