"""Nights on which something is killed, two people work at once, or the clock is wrong."""

import shutil
import subprocess
import sys
from datetime import timedelta
from typing import Any

from jobs.common.run.runs import tonight
from tests.drill import airflow
from tests.drill.scene import COMPARED, Scene, night, seen
from tests.support.constants import REPOSITORY
from tests.support.kill_run import Ended, warm

KILLS: tuple[dict[str, Any], ...] = (
    {"after_seconds": 1.5},
    {"after_commit": "harmonised.resident"},
    {"after_commit": "candidate.resident"},
    {"after_commit": "refined.resident"},
)


def killed(scene: Scene) -> None:
    """The run is killed in the middle"""
    for kill in KILLS:
        scene.begin(2)
        scene.hand_over(3)
        when = (
            f"after {kill['after_seconds']} s" if "after_seconds" in kill else f"after writing {kill['after_commit']}"
        )
        scene.tell(f"SIGKILL {when}.")
        ended = scene.run(3, code=None, **kill)
        scene.check(ended.was_killed, "the run was killed", quiet=ended.was_killed)
        scene.status("^run|^release")
        scene.check_unchanged(2, "meanwhile")
        scene.tell("To do: run again, which takes the run up where it was.")
        scene.run(3)
        scene.check_same(3, [""])


def two_operators(scene: Scene) -> None:
    """Two operators at once"""
    scene.begin(2)
    scene.hand_over(3)
    scene.tell("One runs the night; in the middle of it another wants to run, roll back, withdraw, maintain.")
    live = scene.run(3, code=None, after_commit="ops.ledger", stop=True)
    scene.check(live.code < 0, "the run of the first is in the middle of its work", quiet=True)
    others: tuple[tuple[object, ...], ...] = (
        ("run", "--night", night(3)),
        ("run", "--again"),
        ("run", "--abandon"),
        ("release", "rollback"),
        ("release", "hold"),
        ("withdraw", "0" * 64),
        ("maintain",),
    )
    for command in others:
        ended = scene.jiceng(*command, code=4)
        right = ended.code == 4 and str(live.pid) in ended.err
        scene.check(right, f"`jiceng {' '.join(map(str, command))[:24]}` is told who holds the lock", quiet=right)
    scene.check(not scene.failed, f"each of them exits with 4 and is told that process {live.pid} holds the lock")
    scene.status("^run|^release")
    scene.check_unchanged(2, "meanwhile")
    scene.tell("To do: wait for its end.")
    ended = warm().go_on(live)
    scene.show(f"jiceng run --night {night(3)}    (the first one, to its end)", ended, "")
    scene.check(ended.code == 0, "exit code 0")
    scene.check_same(3, [""])


def clock_jumps(scene: Scene) -> None:
    """The clock jumps: a day back, a year ahead"""
    scene.begin(2)
    scene.hand_over(3)
    waiting = sorted(path.name for path in (scene.home / "inbox").rglob("*.*"))
    for day, where in (
        (night(3) - timedelta(days=2), "two days back"),
        (max(night(3), tonight()) + timedelta(days=365), "a year ahead"),
    ):
        scene.tell(
            f"It is night {night(3)}, and the clock says {day}, {where}. A night that nobody named is not begun:"
        )
        ended = at(scene, f"{day}T02:00:00", "run", code=2)
        scene.check_says(ended, f"by the clock this is night {day}", "set the clock right", "--night")
    left = sorted(path.name for path in (scene.home / "inbox").rglob("*.*"))
    scene.check(left == waiting, "all exports wait in the inbox")
    scene.check_unchanged(2, "meanwhile")
    scene.status("^run|^release")
    scene.tell(
        "To do: set the clock right, or name the night. Only `ops.run` and `ops.release` tell the time, wrong as it is."
    )
    at(scene, f"{night(3) - timedelta(days=400)}T02:00:00", "run", "--night", str(night(3)))
    scene.check_same(3, [""])
    scene.check_unchanged(3, "after the night")
    scene.jiceng("release", "list", shows=".")
    scene.tell("With a clock that is right, the night needs no name:")
    scene.hand_over(4)
    at(scene, f"{night(4)}T02:00:00", "run")
    scene.check_same(4, [""])


def at(scene: Scene, now: str, *words: str, code: int = 0) -> Ended:
    """Run a command with a clock that is wrong, and show it."""
    command = [sys.executable, "-m", "tests.drill.clock", now, "jiceng", *words, "--home", str(scene.home)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    ended = Ended(done.returncode, 0, 0.0, [], done.stdout, done.stderr)
    scene.show(f"jiceng {' '.join(words)}    (clock: {now})", ended, "")
    scene.check(ended.code == code, f"exit code {code}", quiet=ended.code == code)
    return ended


def scheduler_killed(scene: Scene) -> None:
    """Airflow's scheduler is killed while a task runs"""
    if not airflow.is_installed():
        scene.check(False, "Airflow is installed (`make setup`)")
        return
    scene.begin(2)
    scene.hand_over(3)
    before = seen(scene.home)
    with airflow.Installation(scene.folder / "airflow", scene.home) as installation:
        installation.start()
        installation.trigger(night(3))
        installation.wait_for_running("harmonise")
        scene.tell("The nightly DAG is at `harmonise`. SIGKILL of the scheduler, then of all that Airflow started.")
        scene.check(installation.kill_scheduler(), "the scheduler was killed")
        installation.stop()
        scene.check(seen(scene.home) == before, f"readers see {before[0]}, row for row")
        scene.status("^run|^release")
        scene.jiceng("run", "--night", night(3), code=4)
        scene.tell("To do: start Airflow again. It takes the DAG run up; a task that was lost is tried once more.")
        installation.start()
        state = installation.wait_for_end()
        if is_cleared := state == "failed":  # the lost task has failed at its last try as well
            scene.tell("The DAG run has failed. To do: clear it, all of it.")
            installation.clear()
            state = installation.wait_for_end()
        scene.check(state == "success", f"the DAG run ends with success ({state}): {installation.tries()}")
    # Cleared, the night has had a second run, and some tables tell by which run.
    scene.check_same(3, COMPARED if is_cleared else [""])
    scene.check_unchanged(3, "after the night", run=2 if is_cleared else 1)
    scene.status("^run|^release")
    shutil.rmtree(scene.folder / "airflow", ignore_errors=True)
