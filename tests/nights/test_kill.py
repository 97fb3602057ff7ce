"""A night killed with SIGKILL anywhere and run again gives the tables of a night that nobody disturbed.

    killed where                                      what readers by name see then       after `jiceng run` again
    after each Delta commit of a second night         the first night's release, whole,   the tables of the
    at twenty instants spread over its time           or the second's, whole              undisturbed night
    the same at the next try (twenty instants)
    a first night, at instants                        nothing yet, or the first's, whole

A reader by name looks on all the while. `make kill` runs all of it; two kills drawn by a seed, which is printed, are for
every day (JICENG_KILL_SEED).
"""

import os
import random
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest

import jobs
from jobs.common.base.errors import UserError
from tests.support.constants import REPOSITORY
from tests.support.kill_run import Ended, fingerprints, hand_over, last_summary, run_night, sample_town, warm

pytestmark = pytest.mark.nights

FIRST, SECOND = date(2026, 1, 1), date(2026, 1, 2)
RESIDENTS, SEED = 60, 1  # night 2 of it has changed, ended and new rows, rows set aside and a refused file
INSTANTS = 20
_PAUSE = 0.3  # seconds between two looks of a reader: enough of the machine is left for the run
TABLES = sorted(
    path.stem for part in ("model", "products") for path in (REPOSITORY / "conf" / part).glob("*.yml")
)  # all
NOTHING = None

Say = Callable[[str], None]
Seen = tuple[str, dict[str, list[str]]]  # release id, and the rows of each of its tables


@dataclass(frozen=True)
class Undisturbed:
    """A night before and after its run: a workspace to copy, what readers see, and the summary to compare with."""

    home: Path
    night: date
    before: Seen | None
    after: Seen
    summary: dict[str, Any]
    ended: Ended


@pytest.fixture(scope="module")
def handed_over(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace before its first night."""
    home = tmp_path_factory.mktemp("first") / "workspace"
    assert warm().run("jiceng", "init", "--home", home).code == 0
    hand_over(sample_town(RESIDENTS, SEED) / str(FIRST), home)
    return home


@pytest.fixture(scope="module")
def first_night(handed_over: Path) -> Undisturbed:
    return undisturbed(handed_over, FIRST)


@pytest.fixture(scope="module")
def second_night(handed_over: Path, tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    home = tmp_path_factory.mktemp("second") / "workspace"
    shutil.copytree(handed_over, home)
    run_night(home, FIRST)
    hand_over(sample_town(RESIDENTS, SEED) / str(SECOND), home)
    return undisturbed(home, SECOND)


@pytest.fixture
def say(capfd: pytest.CaptureFixture[str]) -> Say:
    """A line of progress that pytest does not keep to itself: this takes minutes."""

    def line(text: str) -> None:
        with capfd.disabled():
            print(text, flush=True)

    return line


def undisturbed(home: Path, night: date) -> Undisturbed:
    """Run the night in a copy of the workspace; `home` itself stays as it is before the night."""
    with copy_of(home) as copy:
        before = what_readers_see(copy)
        ended = run_night(copy, night)
        after = what_readers_see(copy)
        assert after is not None
        assert after != before, "a night that changes nothing proves nothing"
        return Undisturbed(home, night, before, after, last_summary(copy, night), ended)


@pytest.mark.kill
def test_killed_after_each_commit(second_night: Undisturbed, say: Say) -> None:
    """N goes up until the run ends by itself."""
    count = len(second_night.ended.commits)
    number = 0
    while True:
        number += 1
        with copy_of(second_night.home) as home:
            killed = run_until_killed(second_night, home, after_commit=number)
            if not killed.was_killed:
                assert killed.code == 0, killed.err[-4000:]
                break
            check_resumed(second_night, home, f"commit {number} of {count}: {killed.commits[-1]}", say)
    assert number == count + 1


@pytest.mark.kill
def test_killed_at_instants_and_again_at_the_next_try(second_night: Undisturbed, say: Say) -> None:
    draw = random.Random(SEED)
    kills = 0
    for number in range(INSTANTS):
        seconds = second_night.ended.seconds * (number + 0.5) / INSTANTS
        with copy_of(second_night.home) as home:
            kills += run_until_killed(second_night, home, after_seconds=seconds).was_killed
            # Resuming is killed as well: what a try leaves need not be what an undisturbed run would have written.
            again = draw.uniform(0, second_night.ended.seconds)
            run_until_killed(second_night, home, after_seconds=again)
            label = f"instant {seconds:.2f} s of {second_night.ended.seconds:.2f} s, then {again:.2f} s"
            check_resumed(second_night, home, label, say)
    assert kills >= INSTANTS * 3 // 4, "the run got so much faster that most kills came too late"


@pytest.mark.kill
def test_first_night_killed_at_instants(first_night: Undisturbed, say: Say) -> None:
    """Tables do not exist yet, and readers have nothing to fall back on."""
    for number in range(INSTANTS // 2):
        seconds = first_night.ended.seconds * (number + 0.5) / (INSTANTS // 2)
        with copy_of(first_night.home) as home:
            run_until_killed(first_night, home, after_seconds=seconds)
            label = f"first night, instant {seconds:.2f} s of {first_night.ended.seconds:.2f} s"
            check_resumed(first_night, home, label, say)


@pytest.mark.kill_sample
def test_two_kills_drawn_by_a_seed(second_night: Undisturbed, say: Say) -> None:
    seed = int(os.environ.get("JICENG_KILL_SEED") or time.time())
    say(f"two kills drawn by JICENG_KILL_SEED={seed}")
    draw = random.Random(seed)
    count, seconds = len(second_night.ended.commits), second_night.ended.seconds
    kills: list[dict[str, Any]] = [
        {"after_commit": draw.randint(1, count)},
        {"after_seconds": round(draw.uniform(0, seconds), 3)},
    ]
    for kill in kills:
        with copy_of(second_night.home) as home:
            run_until_killed(second_night, home, **kill)
            check_resumed(second_night, home, f"{kill} of {count} commits, {seconds:.2f} s (seed {seed})", say)


def run_until_killed(night: Undisturbed, home: Path, **kill: Any) -> Ended:
    """Start the night's run and kill it; readers see one release or the other as a whole, meanwhile and then."""
    with looking_on(night, home):
        ended = warm().run("jiceng", "run", "--night", night.night, "--home", home, **kill)
    assert ended.was_killed or ended.code == 0, f"{kill}: exit code {ended.code}\n{ended.err[-4000:]}"
    return ended


def check_resumed(night: Undisturbed, home: Path, label: str, say: Say) -> None:
    """Run the night again: the same release, verdict and tables as if nothing had happened."""
    began = time.monotonic()
    seen_before = what_readers_see(home)
    with looking_on(night, home):
        run_night(home, night.night)
    summary = last_summary(home, night.night)
    assert fingerprints(summary) == fingerprints(night.summary), label
    for term in ("night", "verdict", "release_id", "sources", "waiting", "books"):
        assert summary[term] == night.summary[term], f"{label}: {term}"
    assert what_readers_see(home) == night.after, label
    release = "the new release" if seen_before == night.after else "the old release" if seen_before else "no release"
    say(f"killed at {label}: readers saw {release}; run again in {time.monotonic() - began:.1f} s: same tables")


def what_readers_see(home: Path) -> Seen | None:
    """The last release and the rows of all its tables by name, in this process, which is another than the run's; None
    before any release.
    """
    try:
        release = jobs.open_table(TABLES[0], home=home).release_id
    except UserError:
        return NOTHING
    # While a night runs each of them may be of the next release already, unless the reader says which.
    tables = {name: jobs.open_table(name, release, home=home).arrow() for name in TABLES}
    return release, {name: sorted(map(repr, table.to_pylist())) for name, table in tables.items()}


@contextmanager
def looking_on(night: Undisturbed, home: Path) -> Iterator[None]:
    """A reader looks again and again while the block runs, and once after it; it never sees anything between two releases."""
    ended = threading.Event()

    def look() -> int:
        looks, is_last = 0, False
        while not is_last:
            is_last = ended.wait(_PAUSE)
            assert what_readers_see(home) in (night.before, night.after), "readers see something between two releases"
            looks += 1
        return looks

    with ThreadPoolExecutor(1) as pool:
        looking = pool.submit(look)
        try:
            yield
        finally:
            ended.set()
    assert looking.result() > 0


@contextmanager
def copy_of(home: Path) -> Iterator[Path]:
    """A workspace for one try; it holds no absolute path, so a copy is as good."""
    copy = home.with_name("copy")
    shutil.copytree(home, copy)
    try:
        yield copy
    finally:
        shutil.rmtree(copy)
