"""The parts of the bench; each runs nights and answers with a section of Markdown.

Reads: a town. Writes: workspaces below its folder, removed when they are done with.
"""

import json
import platform
import shutil
import statistics
import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from importlib import metadata
from pathlib import Path
from typing import Any

from jobs.common.base.workspace import Workspace
from jobs.common.run.conf import current_conf
from jobs.common.run.stage import STAGES
from tests.bench.actions import describe_actions
from tests.bench.compare import compare_residents, describe_agreement
from tests.bench.measure import Cost, run_measured
from tests.bench.parsers import compare_speeds, describe_speeds, time_parsers
from tests.bench.plan import write_plan
from tests.bench.town import BenchTown, changed_share, fresh_workspace, rows_read, summary_of


@dataclass(frozen=True)
class Night:
    """One run of a night: what it cost, and its summary."""

    cost: Cost
    summary: dict[str, Any]

    def seconds(self, stage: str) -> float:
        return float(self.summary["stages"].get(stage, {"seconds": 0.0})["seconds"])


def say(text: str) -> None:
    print(f"bench: {text}", file=sys.stderr, flush=True)


def describe_machine() -> str:
    """Processor, memory, system and the versions that matter."""
    processors = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    kilobytes = int(Path("/proc/meminfo").read_text().split()[1])
    packages = ", ".join(f"{name} {metadata.version(name)}" for name in ("pysail", "duckdb", "pyspark", "deltalake"))
    name = processors[0] if processors else platform.machine()
    return (
        f"{len(processors)} × {name}, {kilobytes / 1024**2:.0f} GB, {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}, {packages}"
    )


def run_night(town: BenchTown, night: date, home: Path, engine: str = "sail") -> Night:
    """Hand the night over and run it in a process of its own."""
    town.hand_over(night, home)
    cost = run_measured("tests.bench.night", "--night", night, "--home", home, env={"JICENG_ENGINE": engine})
    summary = summary_of(home, night)
    say(f"{engine}, night {night}: {rows_read(summary):,} rows in {cost.seconds:.1f} s, {cost.peak_mb:,} MB")
    return Night(cost, summary)


def run_by_hand(town: BenchTown, night: date, out: Path) -> Cost:
    """The DuckDB script over the same exports."""
    plan = write_plan(town.exports(night), out.with_suffix(".plan"), current_conf(Workspace(town.folder)))
    cost = run_measured("tests.bench.duck", "--plan", plan, "--out", out)
    say(f"DuckDB by hand: {cost.seconds:.1f} s, {cost.peak_mb:,} MB")
    return cost


def measure_night(town: BenchTown, runs: int, folder: Path) -> tuple[str, Path]:
    """A fresh workspace to a release, beside the DuckDB script, in turn; returns the section and the last workspace."""
    night, home, out = town.nights[0], folder / "workspace", folder / "by_hand.parquet"
    ours, hand = [], []
    for _ in range(runs):
        ours.append(run_night(town, night, fresh_workspace(home)))
        hand.append(run_by_hand(town, night, out))
    released = sum(name.startswith("refined.") for name in ours[0].summary["tables"])
    section = [
        f"### A first night: {rows_read(ours[0].summary):,} rows of {town.residents:,} residents, "
        f"{town.megabytes(night):,.0f} MB",
        "The script reads, cleans, groups and chooses residents alone, and writes them as one Parquet file; the pipeline makes"
        f" {released} tables, with their history, books, audit and release.",
        describe_ratio([one.cost for one in ours], hand),
        describe_stages(ours),
        describe_agreement(compare_residents(home, out)),
    ]
    return "\n\n".join(section), home


def describe_ratio(ours: Sequence[Cost], hand: Sequence[Cost]) -> str:
    """Markdown: medians of seconds and peaks; the ratio is the median of those of each pair."""
    ratio = statistics.median(one.seconds / other.seconds for one, other in zip(ours, hand, strict=True))
    memory = statistics.median(one.peak_mb / other.peak_mb for one, other in zip(ours, hand, strict=True))
    lines = ["| | Jiceng | DuckDB by hand | ratio |", "|---|--:|--:|--:|"]
    seconds = [statistics.median(cost.seconds for cost in costs) for costs in (ours, hand)]
    peaks = [statistics.median(cost.peak_mb for cost in costs) for costs in (ours, hand)]
    lines.append(f"| seconds | {seconds[0]:.1f} | {seconds[1]:.1f} | {ratio:.1f} |")
    lines.append(f"| peak MB | {peaks[0]:,.0f} | {peaks[1]:,.0f} | {memory:.1f} |")
    if len(ours) > 1:
        each = [" ".join(f"{cost.seconds:.1f}" for cost in costs) for costs in (ours, hand)]
        lines.append(f"| seconds of each run | {each[0]} | {each[1]} | |")
    return "\n".join(lines)


def describe_stages(nights: Sequence[Night]) -> str:
    """Markdown: median seconds of each stage, and the share of the gate."""
    whole = statistics.median(night.cost.seconds for night in nights)
    seconds = {stage: statistics.median(night.seconds(stage) for night in nights) for stage in STAGES}
    rest = whole - sum(seconds.values())
    names = [*STAGES, "imports, start, finish", "whole"]
    figures = [*seconds.values(), rest, whole]
    return "\n".join([
        f"| {' | '.join(names)} |",
        "|" + "--:|" * len(names),
        f"| {' | '.join(f'{figure:.1f}' for figure in figures)} |",
        "",
        f"The gate (audit) takes {seconds['audit']:.1f} s, {100 * seconds['audit'] / whole:.0f}% of the night.",
    ])  # fmt: skip


def measure_next(town: BenchTown, runs: int, home: Path, folder: Path) -> str:
    """The night after, over the workspace of the first."""
    first, second = town.nights[:2]
    nights = []
    for _ in range(runs):
        copy = folder / "next"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(home, copy)
        nights.append(run_night(town, second, copy))
    share = 100 * changed_share(folder / "next", second)
    whole, before = (
        statistics.median(sum(night.seconds(stage) for stage in STAGES) for night in those)
        for those in (nights, [Night(Cost(0, 0), summary_of(home, first))])
    )
    shutil.rmtree(folder / "next")
    head = (
        f"### The night after: {rows_read(nights[0].summary):,} rows, {share:.1f}% of the records new, changed or ended"
    )
    peak = statistics.median(night.cost.peak_mb for night in nights)
    times = f"{whole:.1f} s in its stages, {whole / before:.2f} times the first night; {peak:,.0f} MB at most."
    return "\n\n".join([head, times, describe_stages(nights)])


def measure_landing(town: BenchTown, runs: int, folder: Path) -> str:
    """Landing of the first night and the parsers alone, by turns, as a machine is not always equally fast; medians."""
    night, home = town.nights[0], folder / "landing"
    landed: dict[str, list[float]] = defaultdict(list)
    alone = []
    for _ in range(runs):
        town.hand_over(night, fresh_workspace(home))
        run_measured("tests.bench.night", "--night", night, "--home", home, "--landing")
        for path in (home / "runs" / f"{night}.1" / "stages").glob("land.*.json"):
            landed[path.name.split(".")[1]].append(json.loads(path.read_text())["seconds"])
        say("parsers alone")
        alone.append(time_parsers(town.exports(night)))
    shutil.rmtree(home)
    middle = {
        system: {name: statistics.median(run[system][name] for run in alone) for name in parsers}
        for system, parsers in alone[0].items()
    }
    speeds = compare_speeds(
        town.exports(night), {system: statistics.median(those) for system, those in landed.items()}, middle
    )
    return f"### Landing beside the parser alone\n\n{describe_speeds(speeds)}"


def measure_spark(town: BenchTown, home: Path, folder: Path) -> str:
    """The first night once more, on Spark in local mode."""
    night = town.nights[0]
    spark = run_night(town, night, fresh_workspace(folder / "spark"), "spark")
    shutil.rmtree(folder / "spark")
    sail = summary_of(home, night)
    names = [name for name in sail["tables"] if not name.startswith("ops.")]
    same = sum(sail["tables"][name]["fingerprint"] == spark.summary["tables"][name]["fingerprint"] for name in names)
    ratio = sum(spark.seconds(stage) for stage in STAGES) / sum(Night(spark.cost, sail).seconds(s) for s in STAGES)
    head = f"### The same first night on Spark, local mode: {spark.cost.seconds:.1f} s, {spark.cost.peak_mb:,} MB"
    text = f"{ratio:.1f} times the stages on Sail; {same} of {len(names)} tables have the same fingerprint."
    return "\n\n".join([head, text, describe_stages([spark])])


def measure_large(town: BenchTown, folder: Path) -> str:
    """One pair at another size."""
    night = town.nights[0]
    ours = run_night(town, night, fresh_workspace(folder / "large"))
    hand = run_by_hand(town, night, folder / "large.parquet")
    shutil.rmtree(folder / "large")
    head = f"### {rows_read(ours.summary):,} rows of {town.residents:,} residents, {town.megabytes(night):,.0f} MB"
    return "\n\n".join([head, describe_ratio([ours.cost], [hand]), describe_stages([ours])])


def profile_nights(town: BenchTown, folder: Path) -> str:
    """The nights of the town, action by action; where one fails, up to there."""
    home, sections = fresh_workspace(folder / "workspace"), []
    for night in town.nights:
        town.hand_over(night, home)
        seen, failure = folder / "actions.json", ""
        seen.write_text('{"stages": {}, "actions": []}')
        try:
            cost = run_measured("tests.bench.night", "--night", night, "--home", home, "--actions", seen)
            rows = rows_read(summary_of(home, night))
            head = f"night {night}: {rows:,} rows in {cost.seconds:.1f} s, {cost.peak_mb:,} MB at most"
        except RuntimeError as error:
            head, failure = f"night {night} failed", f"\n\n{error}"
        say(head)
        sections.append(f"### {head}{failure}\n\n{describe_actions(json.loads(seen.read_text()))}")
        if failure:
            break
    return "\n\n".join(sections)
