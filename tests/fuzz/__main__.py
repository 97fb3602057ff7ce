"""`make fuzz`: mutated exports, names, configuration, contracts and whole nights, from a seed; what must be zero is counted.

python -m tests.fuzz [--seed N] [--cases N] [--only GROUP …]    exit code 1 where a count is not zero
python -m tests.fuzz --case GROUP:SEED:NUMBER                   one case once more, as its line names it
"""

import os
import sys
import tempfile
import time
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from tests.fuzz.outcome import KINDS, Problem
from tests.fuzz.supervise import LONGEST, play_all

# Of a thousand cases. Two nights cost as much as some hundred files, so there are few.
GROUPS = {"parsers": 600, "names": 160, "conf": 120, "contracts": 117, "nights": 3}
_SLOW = {"nights": 10 * LONGEST}  # a night on a busy machine is no hang
_EACH = {"names": 20}  # cases that are played at once
_PARTS = {"parsers": 4, "nights": 2}  # parts of a group that are played beside each other
_SHOWN = 20


@dataclass
class Tally:
    """Counts of a group."""

    cases: int = 0
    seconds: float = 0.0
    kinds: Counter[str] = field(default_factory=Counter)


def main() -> None:
    parser = ArgumentParser(
        prog="python -m tests.fuzz", description=__doc__, formatter_class=RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--seed", type=int, default=int(time.time()), help="from which all is drawn (default: the time)"
    )
    parser.add_argument("--cases", type=int, default=20_000, help="how many, over all groups (default 20,000)")
    parser.add_argument("--only", action="append", choices=GROUPS, help="this group alone; can be given again")
    parser.add_argument("--case", metavar="GROUP:SEED:NUMBER", help="one case once more")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        if arguments.case:
            sys.exit(play_one(arguments.case, Path(folder)))
        print(f"seed {arguments.seed}", flush=True)
        sys.exit(play_groups(arguments.seed, arguments.cases, arguments.only or list(GROUPS), Path(folder)))


def play_one(case: str, folder: Path) -> int:
    [(_, outcome)] = play_all(case.partition(":")[0], [case], folder, LONGEST * 10)
    for problem in outcome.problems:
        print(": ".join(problem))
    print((folder / f"{case.partition(':')[0]}.stderr").read_text(encoding="utf-8", errors="replace"))
    return int(bool(outcome.problems))


def play_groups(seed: int, cases: int, groups: list[str], folder: Path) -> int:
    """Play all groups, two processes at a time, and print the counts."""
    tallies = {group: Tally() for group in groups}
    found: list[tuple[str, Problem]] = []
    pieces = [
        (group, [f"{group}:{seed}:{n}" for n in range(part, count_plays(group, cases), parts)])
        for group in sorted(groups, key=list(GROUPS).index, reverse=True)
        for parts in [_PARTS.get(group, 1)]
        for part in range(parts)
    ]

    def work(piece: tuple[str, list[str]]) -> None:
        group, seeds = piece
        began = time.monotonic()
        for case, outcome in play_all(group, seeds, folder, _SLOW.get(group, LONGEST)):
            tallies[group].cases += outcome.cases
            for problem in outcome.problems:
                tallies[group].kinds[problem[0]] += 1
                found.append((case, problem))
                if len(found) <= _SHOWN:
                    print(f"  {case}  {': '.join(problem)}", flush=True)
        tallies[group].seconds += time.monotonic() - began

    with ThreadPoolExecutor(min(2, os.cpu_count() or 1)) as pool:
        list(pool.map(work, pieces))
    print_counts(tallies)
    print_places(found)
    return int(bool(found))


def count_plays(group: str, cases: int) -> int:
    """How often the group is played for so many cases over all groups."""
    return max(1, cases * GROUPS[group] // 1000 // _EACH.get(group, 1))


def print_counts(tallies: dict[str, Tally]) -> None:
    print(f"{'':<12}{'cases':>8}{'seconds':>9}" + "".join(f"{kind:>22}" for kind in KINDS))
    for group, tally in tallies.items():
        print(
            f"{group:<12}{tally.cases:>8,}{tally.seconds:>9.0f}"
            + "".join(f"{tally.kinds[kind]:>22,}" for kind in KINDS)
        )
    total = sum((tally.kinds for tally in tallies.values()), Counter[str]())
    cases = sum(tally.cases for tally in tallies.values())
    print(f"{'all':<12}{cases:>8,}{'':>9}" + "".join(f"{total[kind]:>22,}" for kind in KINDS), flush=True)


def print_places(found: list[tuple[str, Problem]]) -> None:
    """Each place where something went wrong once, with a case that shows it."""
    places: dict[tuple[str, str], list[str]] = {}
    for case, (kind, where, _) in found:
        places.setdefault((kind, where), []).append(case)
    for (kind, where), cases in sorted(places.items(), key=lambda place: -len(place[1])):
        print(f"  {len(cases):>6,}  {kind}  {where}  such as --case {cases[0]}")


if __name__ == "__main__":
    main()
