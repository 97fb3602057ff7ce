"""The command line of the bench: measures part after part and prints one Markdown page."""

import shutil
import tempfile
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from pathlib import Path

from tests.bench import identity, pages, parts
from tests.bench.town import BenchTown, build_town, fresh_workspace

PARTS = ("night", "next", "land", "spark", "large", "pages", "identity")
_LARGE = 5_000_000


def main() -> None:
    parser = ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="source rows of the first night, about")
    parser.add_argument("--runs", type=int, default=3, help="runs of which the median is told")
    parser.add_argument("--seed", type=int, default=1, help="seed of the sample town")
    parser.add_argument("--only", action="append", choices=PARTS, help="this part alone; can be given again")
    parser.add_argument("--spark", action="store_true", help="also the first night on Spark (needs Java)")
    parser.add_argument(
        "--large", nargs="?", type=int, const=_LARGE, metavar="ROWS", help="also a pair at 5,000,000 rows"
    )
    parser.add_argument(
        "--profile", action="store_true", help="the time of every action of the engine, and nothing else"
    )
    parser.add_argument("--residents", type=int, default=2000, help="identity: residents of each town")
    parser.add_argument("--seeds", type=int, nargs="+", default=[101, 102, 103], help="identity: seeds of the towns")
    parser.add_argument(
        "--towns", nargs="+", choices=("easy", "hard"), default=["easy", "hard"], help="identity: which"
    )
    parser.add_argument(
        "--with-splink",
        type=Path,
        metavar="CACHE",
        help="identity: also Splink 5, in an environment made in this folder",
    )
    parser.add_argument("--work", type=Path, help="folder for temporary data (default: the system's)")
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="jiceng-bench-", dir=arguments.work))
    try:
        for section in sections(arguments, folder):
            print(f"{section}\n", flush=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def sections(arguments: Namespace, folder: Path) -> Iterator[str]:
    """The page, section by section, as soon as each is known."""
    wanted = set(arguments.only or ("night", "next", "land", "pages"))
    wanted |= {part for part, is_wanted in (("spark", arguments.spark), ("large", arguments.large)) if is_wanted}
    yield parts.describe_machine()
    if wanted & {"night", "next", "land", "spark"}:
        nights = 2 if arguments.profile or "next" in wanted else 1
        town = new_town(arguments.rows, arguments.seed, nights, folder)
        if arguments.profile:
            yield parts.profile_nights(town, folder)
            return
        if "night" in wanted:
            section, home = parts.measure_night(town, arguments.runs, folder)
            yield section
        else:
            home = fresh_workspace(folder / "workspace")
            parts.run_night(town, town.nights[0], home)
        if "next" in wanted:
            yield parts.measure_next(town, arguments.runs, home, folder)
        if "land" in wanted:
            yield parts.measure_landing(town, arguments.runs, folder)
        if "spark" in wanted:
            yield parts.measure_spark(town, home, folder)
        shutil.rmtree(town.folder)
        shutil.rmtree(home)
    if "pages" in wanted:
        yield pages.measure_pages(folder)
    if "identity" in wanted:
        yield from identity.measure_identity(
            arguments.residents, arguments.towns, arguments.seeds, arguments.with_splink, folder
        )
    if "large" in wanted:
        yield parts.measure_large(new_town(arguments.large or _LARGE, arguments.seed, 1, folder), folder)


def new_town(rows: int, seed: int, nights: int, folder: Path) -> BenchTown:
    town = build_town(rows, seed, nights, folder)
    parts.say(f"a town of {town.residents:,} residents, {town.megabytes(town.nights[0]):,.0f} MB")
    return town


if __name__ == "__main__":
    main()
