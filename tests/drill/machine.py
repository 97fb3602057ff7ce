"""Nights on which the machine fails: a full disk, a commit cut short by a power failure, a file that somebody deleted."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deltalake import DeltaTable

from tests.drill.scene import Scene, night
from tests.support.kill_run import Ended

JICENG = Path(sys.executable).with_name("jiceng")
# Space beyond the workspace, in KB: it runs out while files land, while rows are compared, while entities are made.
ROOM = (150, 1200, 2600)
_FILE_LIMIT = 20_000


def disk_full(scene: Scene) -> None:
    """The disk is full in the middle of the night"""
    disk = scene.folder / "disk"
    disk.mkdir()
    if not _mount(disk, "4m"):
        without_mount(scene)
        return
    _unmount(disk)
    for room in ROOM:
        scene.home = scene.folder / "workspace"
        scene.begin(2)
        scene.hand_over(3)
        with small_disk(disk, _kilobytes(scene.home) + room):
            scene.home = Path(shutil.copytree(scene.home, disk / "workspace"))
            scene.tell(f"A disk with {room} KB more than the workspace takes.")
            ended = scene.run(3, code=1)
            scene.check_says(ended, "no space left", str(disk), "jiceng run")
            scene.status("^run|^release")
            scene.check_unchanged(2, "on the full disk")
            scene.tell("To do: make space, and run again.")
            subprocess.run(["mount", "-o", "remount,size=200m", disk], check=True)
            scene.run(3)
            scene.check_same(3)


def without_mount(scene: Scene) -> None:
    """The same where no disk may be mounted: no file may grow beyond a limit."""
    scene.tell(f"Here no small disk can be mounted, so instead no file may grow beyond {_FILE_LIMIT:,} bytes.")
    scene.begin(2)
    scene.hand_over(3)
    command = ["jiceng", "run", "--night", str(night(3))]
    limited = ["prlimit", f"--fsize={_FILE_LIMIT}", JICENG, *command[1:], "--home", scene.home]
    done = subprocess.run(limited, capture_output=True, text=True, check=False)
    ended = Ended(done.returncode, 0, 0.0, [], done.stdout, done.stderr)
    scene.show(" ".join(command), ended, "")
    scene.check(ended.code == 1, "exit code 1")
    scene.check_says(ended, "no space left", "jiceng run")
    scene.check_unchanged(2, "with files that cannot grow")
    scene.run(3)
    scene.check_same(3)


def torn_commit(scene: Scene) -> None:
    """A power failure tears the last commit of some tables"""
    torn = {
        "refined.resident": 0.5,
        "candidate.resident": 0.0,
        "links.mention": 0.5,
        "harmonised.resident": 0.0,
        "raw.police__population": 0.5,
    }
    scene.begin(2)
    scene.hand_over(3)
    for name, share in torn.items():
        commit = max((scene.home / "lake" / name.replace(".", "/") / "_delta_log").glob("*.json"))
        whole = commit.read_bytes()
        commit.write_bytes(whole[: int(len(whole) * share)])
    scene.tell(
        f"The last commits of {', '.join(torn)} are cut short, some to nothing. An engine takes an empty commit for one that "
        "changes nothing; a night that went on from there would lose what it held. So no run opens."
    )
    before = DeltaTable(str(scene.home / "lake/ops/run")).version()
    ended = scene.run(3, code=1)
    scene.check_says(ended, "torn last commit", "_delta_log/", "jiceng run --again")
    scene.check(DeltaTable(str(scene.home / "lake/ops/run")).version() == before, "no run was opened")
    ended = scene.jiceng("doctor", code=2, shows="^lake")
    scene.check(all(f"{name} has a torn" in ended.out for name in torn), "`jiceng doctor` names all of them")
    scene.tell("To do: have the last night worked through once more. What lies in the inbox waits for its own night.")
    scene.jiceng("run", "--again")
    scene.check_same(2)
    scene.run(3)
    scene.check_same(3)


def lost_file(scene: Scene) -> None:
    """Somebody deletes data files of the tables"""
    scene.begin(2)
    old = f"{night(1)}.1"
    scene.tell(f"A file of candidate.resident and one of refined.resident go that only release {old} still reads.")
    for layer in ("candidate", "refined"):
        path = scene.home / "lake" / layer / "resident"
        _delete_first(files_of_version(path, 1) - files_of_version(path))
    ended = scene.jiceng("sql", "select count(*) from resident", "--release", old, code=1)
    scene.check_says(ended, old, "refined.resident", ".parquet")
    ended = scene.jiceng("release", "rollback", code=2)
    scene.check_says(ended, old, "candidate.resident", ".parquet")
    scene.check_unchanged(2, "meanwhile")
    scene.tell("Nights do not need them:")
    scene.hand_over(3)
    scene.run(3)
    scene.check_same(3)
    scene.tell("Now files go that the newest versions of refined.resident and candidate.relation consist of.")
    for place in ("refined/resident", "candidate/relation"):
        _delete_first(files_of_version(scene.home / "lake" / place))
    ended = scene.jiceng("sql", "select count(*) from resident", code=1)
    scene.check_says(ended, f"{night(3)}.1", "refined.resident", "jiceng run --again")
    scene.hand_over(4)
    ended = scene.run(4, code=1)
    scene.check_says(ended, "candidate.relation", ".parquet", "jiceng run --again")
    scene.tell("To do: work through the night once more. Candidates and released tables are made anew of the others.")
    scene.jiceng("run", "--again")
    scene.check_same(4, ["raw.", "harmonised.", "links.", "candidate.", "refined."])
    scene.jiceng("sql", "select count(*) as residents from resident", shows="[0-9]")


def files_of_version(path: Path, version: int | None = None) -> set[Path]:
    return {Path(file) for file in DeltaTable(str(path), version=version).file_uris()}


def _delete_first(files: set[Path]) -> None:
    min(files).unlink()


# --- small disks ----------------------------------------------------------------------------------------------------------


@contextmanager
def small_disk(place: Path, kilobytes: int) -> Iterator[None]:
    assert _mount(place, f"{kilobytes}k"), f"nothing can be mounted at {place} any more"
    try:
        yield
    finally:
        _unmount(place)


def _mount(place: Path, size: str) -> bool:
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(place)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _unmount(place: Path) -> None:
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def _kilobytes(path: Path) -> int:
    """Space that the files take, as a disk counts it."""
    return int(subprocess.run(["du", "-sk", path], capture_output=True, text=True, check=True).stdout.split()[0])
