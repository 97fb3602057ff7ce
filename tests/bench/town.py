"""The sample town at a size given in rows, and workspaces to which its nights are handed over.

Reads: nothing. Writes: below the folder it is given.
"""

import json
import shutil
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from jobs.common.base.workspace import init_workspace
from tests.bench.measure import run_measured

_PROBE = 2000  # residents of the town that tells how many rows a resident has


@dataclass(frozen=True)
class BenchTown:
    """Exports of some nights; `residents` as the sample was asked for."""

    folder: Path
    residents: int

    @property
    def nights(self) -> list[date]:
        return sorted(date.fromisoformat(path.name) for path in self.folder.iterdir() if path.is_dir())

    def exports(self, night: date) -> Path:
        return self.folder / str(night)

    def megabytes(self, night: date) -> float:
        return sum(path.stat().st_size for path in self.exports(night).rglob("*") if path.is_file()) / 1e6

    def hand_over(self, night: date, home: Path) -> None:
        shutil.copytree(self.exports(night), home / "inbox", dirs_exist_ok=True)


def build_town(rows: int, seed: int, nights: int, folder: Path) -> BenchTown:
    """A town whose first night has about `rows` rows."""
    probe = folder / "probe"
    _generate(_PROBE, seed, 1, probe)
    told = pl.scan_csv(probe / "truth.csv").select("system", "path", "row_number").unique().select(pl.len()).collect()
    shutil.rmtree(probe)
    town = BenchTown(folder / "town", max(1000, round(rows * _PROBE / told.item())))
    _generate(town.residents, seed, nights, town.folder)
    return town


def _generate(residents: int, seed: int, nights: int, out: Path) -> None:
    # In a process of its own, which gives its memory back.
    run_measured(
        "jobs.cli", "sample", "--residents", residents, "--seed", seed, "--nights", nights, "--out", out
    )  # fmt: skip


def fresh_workspace(home: Path) -> Path:
    shutil.rmtree(home, ignore_errors=True)
    init_workspace(home)
    return home


def summary_of(home: Path, night: date) -> dict[str, Any]:
    """Summary of the night's last run."""
    runs = sorted((home / "runs").glob(f"{night}.*"), key=lambda path: int(path.name.rpartition(".")[2]))
    summary: dict[str, Any] = json.loads((runs[-1] / "summary.json").read_text(encoding="utf-8"))
    return summary


def rows_read(summary: dict[str, Any]) -> int:
    """Rows of all files that were taken."""
    files = [file for source in summary["sources"].values() for file in source["files"]]
    return sum(file["rows_read"] or 0 for file in files if file["status"] in ("accepted", "late"))


def changed_share(home: Path, night: date) -> float:
    """New, changed and ended records of a night, as a share of all current ones."""
    ledger = pl.read_delta(str(home / "lake" / "ops" / "ledger")).filter(pl.col("night") == night)
    by_state = ledger.filter(pl.col("file_id").is_null()).group_by("term").agg(pl.col("rows").sum())
    by_file = ledger.filter(pl.col("file_id").is_not_null()).group_by("term").agg(pl.col("rows").sum())
    state, file = dict(by_state.iter_rows()), dict(by_file.iter_rows())
    return (state["new"] + file.get("changed", 0) + state["ended"] + state["reopened"]) / state["current"]
