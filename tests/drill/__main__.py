"""`make drill`: plays bad nights one after the other; prints what an operator sees of each, and checks that nothing is lost.

python -m tests.drill [NAME …]    all of them, or those named; ends with exit code 1 where a check fails
"""

import sys
import tempfile
import time
import traceback
from argparse import ArgumentParser
from pathlib import Path
from shutil import copyfile

from tests.drill import deliveries, machine, people
from tests.drill.scene import RESIDENTS, Scene, Town
from tests.support.constants import REPOSITORY

CASES = {
    "missing": deliveries.missing_source,
    "empty": deliveries.empty_export,
    "half": deliveries.half_an_export,
    "gate": deliveries.gate_refuses,
    "disk": machine.disk_full,
    "torn": machine.torn_commit,
    "lost": machine.lost_file,
    "killed": people.killed,
    "airflow": people.scheduler_killed,
    "busy": people.two_operators,
    "clock": people.clock_jumps,
    "rollback": deliveries.rollback_then_night,
}


def main() -> None:
    parser = ArgumentParser(prog="python -m tests.drill", description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(CASES)} (default: all)")
    parser.add_argument("--without", action="append", default=[], choices=CASES, help="leave one out; can be repeated")
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - set(CASES):
        parser.error(f"no bad night {', '.join(sorted(unknown))}; there are {', '.join(CASES)}")
    names = [name for name in CASES if name in (arguments.names or CASES) and name not in arguments.without]
    outcomes: dict[str, tuple[list[str], float]] = {}
    with tempfile.TemporaryDirectory(prefix="drill-") as work:
        began = time.monotonic()
        folder = Path(work).resolve()
        print(
            f"A sample town of {RESIDENTS} residents; JICENG_HOME is a workspace of its own for each bad night.",
            flush=True,
        )
        town = Town(folder)
        copyfile(REPOSITORY / "conf" / "sources" / "police.odcs.yaml", folder / "police.odcs.yaml")
        town.after(3)
        print(f"Its undisturbed nights, to compare with, took {time.monotonic() - began:.0f} s.", flush=True)
        for number, name in enumerate(names, start=1):
            outcomes[name] = play(number, name, town, folder / name)
    print("\n== What came of it")
    for name, (failed, seconds) in outcomes.items():
        print(f"  {'FAILED' if failed else 'ok':<8}{name:<10}{seconds:5.0f} s  {title(name)}")
        for what in failed:
            print(f"          not so: {what}")
    print(f"  {time.monotonic() - began:.0f} s in all")
    sys.exit(any(failed for failed, _ in outcomes.values()))


def play(number: int, name: str, town: Town, folder: Path) -> tuple[list[str], float]:
    """One bad night; returns what does not hold, and its seconds."""
    print(f"\n== {number}. {title(name)}  [{name}]", flush=True)
    began = time.monotonic()
    folder.mkdir()
    scene = Scene(town, folder)
    try:
        CASES[name](scene)
    except Exception as error:  # the others are worth playing all the same
        traceback.print_exc(file=sys.stdout)
        scene.failed.append(f"it could be played to its end ({type(error).__name__})")
    return scene.failed, time.monotonic() - began


def title(name: str) -> str:
    return (CASES[name].__doc__ or name).splitlines()[0]


if __name__ == "__main__":
    main()
