"""How well people, households, dwellings and organisations are recognised, judged against the truth of sample towns.

Reads: nothing but the repository. Writes: towns and workspaces below the folder it is given, removed when they are done with.
"""

import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from tests.bench.agreement import Agreement, judge
from tests.bench.identity_truth import KINDS, candidates, linked_mentions, pairs_for_review
from tests.bench.measure import Cost, run_measured
from tests.bench.parts import say
from tests.bench.splink_run import run_splink, splink_python, write_records
from tests.bench.town import BenchTown, fresh_workspace, summary_of

_HEAD = (
    "| town | seed | | mentions | P | R | F1 | B-cubed F1 | entities | true | for review |\n"
    "|---|--:|---|--:|--:|--:|--:|--:|--:|--:|--:|"
)
_COST_HEAD = "| town | seed | rows of residents | whole night | match alone | Splink |\n|---|--:|--:|--:|--:|--:|"


@dataclass(frozen=True)
class Judged:
    """One night of one town: a line of figures for each kind, and the CPU seconds of both."""

    lines: list[str]
    costs: str
    is_released: bool


def measure_identity(
    residents: int, towns: Sequence[str], seeds: Sequence[int], splink: Path | None, folder: Path
) -> Iterator[str]:
    """The section, in two tables, once all towns are judged.

    Args:
        towns: of `easy` and `hard`.
        splink: folder for the environment of Splink; None: without it.
    """
    python = splink_python(splink) if splink else None
    judged = [judge_town(residents, town, seed, python, folder) for town in towns for seed in seeds]
    refused = sum(not one.is_released for one in judged)
    yield f"### Identity: towns of {residents:,} residents, one night each"
    yield "\n".join([_HEAD, *(line for one in judged for line in one.lines)])
    yield "CPU seconds, children included; Splink's are those of its whole process, with training."
    yield "\n".join([_COST_HEAD, *(one.costs for one in judged)])
    yield (
        f"Entities are those of the night's candidate tables. The gate refused {refused} of {len(judged)} nights,"
        " as it should where residents are in pieces."
    )


def judge_town(residents: int, town: str, seed: int, python: Path | None, folder: Path) -> Judged:
    """Make a town, run its night, and compare what came of it with the truth."""
    exports, home = folder / "town", folder / "workspace"
    options = ["--hard"] if town == "hard" else []
    sizes = ("--residents", residents, "--seed", seed, "--nights", 1)
    run_measured("jobs.cli", "sample", *options, *sizes, "--out", exports)
    verdict, cpu, match = _run_night(BenchTown(exports, residents), fresh_workspace(home), folder / "cpu.json")
    mentions = linked_mentions(home, exports / "truth.csv")
    lines = [_line(town, seed, kind, mentions, home) for kind in KINDS]
    people = mentions.filter(kind="resident")
    beside = "not run"
    if python:
        cost, agreement = _judge_splink(python, home, people, folder)
        lines.insert(1, describe(town, seed, "resident, Splink 5", agreement, agreement.entities, None))
        beside = f"{cost.cpu_seconds:.1f}"
    costs = f"| {town} | {seed} | {people.height:,} | {cpu.cpu_seconds:.1f} | {match:.1f} | {beside} |"
    say(f"{town} town, seed {seed}: {lines[0]}")
    shutil.rmtree(exports)
    shutil.rmtree(home)
    return Judged(lines, costs, verdict != "refused")


def _run_night(town: BenchTown, home: Path, seen: Path) -> tuple[str, Cost, float]:
    """The verdict of the run, what it cost, and the CPU seconds of match."""
    night = town.nights[0]
    town.hand_over(night, home)
    cost = run_measured("tests.bench.night", "--night", night, "--home", home, "--cpu", seen)
    return summary_of(home, night)["verdict"], cost, json.loads(seen.read_text())["match"]


def _line(town: str, seed: int, kind: str, mentions: pl.DataFrame, home: Path) -> str:
    agreement = judge(mentions.filter(kind=kind))
    return describe(town, seed, kind, agreement, candidates(home, kind), pairs_for_review(home, kind))


def _judge_splink(python: Path, home: Path, people: pl.DataFrame, folder: Path) -> tuple[Cost, Agreement]:
    records, clusters = folder / "records.parquet", folder / "clusters.parquet"
    write_records(home, people, records)
    cost = run_splink(python, records, clusters)
    found = people.drop("entity").join(pl.read_parquet(clusters), on="mention_id", validate="1:1")
    if found.height != people.height:
        raise ValueError(f"Splink clustered {found.height} of {people.height} records")
    return cost, judge(found)


def describe(town: str, seed: int, what: str, found: Agreement, entities: int, review: int | None) -> str:
    """One line of the table."""
    pairs, mentions = found.pairwise, found.bcubed
    figures = [
        f"{found.mentions:,}",
        *(f"{share:.5f}" for share in (pairs.precision, pairs.recall, pairs.f1, mentions.f1)),
        f"{entities:,}",
        f"{found.true_entities:,}",
        "" if review is None else f"{review:,}",
    ]
    return f"| {town} | {seed} | {what} | {' | '.join(figures)} |"
