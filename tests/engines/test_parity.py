"""Sail and Spark with Delta Lake give the same tables, and go on with each other's.

    night 1    night 2    night 3    workspace
    Sail       Sail       Sail       sail
    Sail       Spark      Sail       mixed      nights 2 and 3 as in the other

A first night on Spark, all into empty tables, is the one of `test_cluster.py`, where Spark compiles what it is asked; the
night here is interpreted, which takes some 70 % of the time.
Beside the nights, each thing that the engines are known to differ in silently, where our code touches it, is a case of its
own in `parity_run.py`, computed on both. One Spark session for all of it: starting one costs more than most cases.
"""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter

from tests.support import parity_run
from tests.support.constants import REPOSITORY
from tests.support.kill_run import fingerprints, hand_over, last_summary, run_night, sample_town, warm

pytestmark = [pytest.mark.spark, pytest.mark.nights]
FIRST, SECOND, THIRD = date(2026, 1, 1), date(2026, 1, 2), date(2026, 1, 3)
RESIDENTS, SEED = 200, 3
# Nearly half of Java's time in such a night is its compilers', and minutes do not repay what the second one does. Without
# it there is too little room for compiled code by default, and what was compiled is thrown away and compiled again.
JAVA = "-XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=512m -XX:+UseParallelGC -XX:MetaspaceSize=512m"
SUBMIT = f"--driver-java-options '{JAVA}' pyspark-shell"
CASES = [case.__name__ for case in parity_run.CASES]


@dataclass(frozen=True)
class Places:
    """Folder with `<engine>.json` of the cases and the workspaces, and the summaries by workspace and night."""

    folder: Path
    summaries: dict[tuple[str, date], dict[str, Any]]

    def take(self, home: str, night: date) -> None:
        self.summaries[home, night] = last_summary(self.folder / home, night)


@pytest.fixture(scope="module")
def places(java: None, tmp_path_factory: pytest.TempPathFactory) -> Places:
    folder = tmp_path_factory.mktemp("parity")
    places = Places(folder, {})
    sail, mixed = folder / "sail", folder / "mixed"
    assert warm().run("jiceng", "init", "--home", sail).code == 0
    hand_over(sample_town(RESIDENTS, SEED) / str(FIRST), sail)
    write_messages(sail / "inbox" / "reply_desk" / "附件4.xlsx")
    run_engine("sail", folder, (FIRST, sail))
    places.take("sail", FIRST)
    hand_over(sample_town(RESIDENTS, SEED) / str(SECOND), sail)
    shutil.copytree(sail, mixed)
    run_engine("spark", folder, (SECOND, mixed))
    run_night(sail, SECOND)
    for home in (sail, mixed):
        places.take(home.name, SECOND)
        hand_over(sample_town(RESIDENTS, SEED) / str(THIRD), home)
        run_night(home, THIRD)
        places.take(home.name, THIRD)
    return places


def run_engine(engine: str, folder: Path, *nights: tuple[date, Path]) -> None:
    """Cases and nights in one process of that engine."""
    command = [sys.executable, "-m", "tests.support.parity_run", "--out", str(folder / f"{engine}.json")]
    for night, home in nights:
        command += ["--night", str(night), "--home", str(home)]
    settings = os.environ | {"JICENG_ENGINE": engine, "NO_PROGRESS": "1", "PYSPARK_SUBMIT_ARGS": SUBMIT}
    ended = subprocess.run(command, env=settings, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr[-6000:]
    print(*(f"{engine}: {line}" for line in ended.stderr.splitlines() if line.startswith("night ")), sep="\n")


def write_messages(path: Path) -> None:
    """A dozen messages, so that `appeal` has rows: repeated texts, times around midnight and summer time, no reply."""
    path.parent.mkdir(parents=True)
    book = xlsxwriter.Workbook(str(path))
    sheet = book.add_worksheet("Sheet1")
    sheet.write_row(0, 0, ["留言编号", "留言用户", "留言主题", "留言时间", "留言详情", "答复意见", "答复时间"])
    asked = datetime(1988, 4, 16, 23, 30)
    for number in range(12):
        at, reply = asked + timedelta(hours=13 * number), asked + timedelta(hours=40 * number)
        replied = f"{reply:%Y/%m/%d %H:%M}" if number % 4 else None
        cells = [
            f"{100 + number}",
            f"用户{number}",
            "主题",
            f"{at:%Y-%m-%d %H:%M:%S}",
            f"正文 {number % 5}",
            "答复" if replied else None,
            replied,
        ]
        sheet.write_row(number + 1, 0, cells)
    book.close()


@pytest.mark.parametrize("case", CASES)
def test_engines_agree_on(places: Places, case: str) -> None:
    """Row by row; a case that failed on an engine is its stack trace and no list."""
    sail, spark = (
        json.loads((places.folder / f"{engine}.json").read_text(encoding="utf-8"))[case] for engine in ("sail", "spark")
    )
    assert isinstance(sail, list), sail
    assert isinstance(spark, list), spark
    assert len(sail) > 1
    assert sail == spark


@pytest.mark.parametrize("night", [SECOND, THIRD])
def test_a_night_gives_the_same_tables_on_both_engines(
    places: Places, night: date, capfd: pytest.CaptureFixture[str]
) -> None:
    sail, found = places.summaries["sail", night], places.summaries["mixed", night]
    assert fingerprints(found) == fingerprints(sail)
    assert rows_and_versions(found) == rows_and_versions(sail)
    for term in ("verdict", "release_id", "sources", "waiting", "books"):
        assert found[term] == sail[term], term
    rows = sum(table["rows"] for table in found["tables"].values())
    with capfd.disabled():
        print(
            f"Sail and Spark, night {night}: {len(found['tables'])} tables with {rows:,} rows are the same", flush=True
        )


def rows_and_versions(summary: dict[str, Any]) -> dict[str, tuple[int, int]]:
    """Versions as well: where one engine commits, the other does."""
    return {name: (table["rows"], table["version"]) for name, table in summary["tables"].items()}


def test_the_nights_prove_something(places: Places) -> None:
    """Every released table and every kind has rows, and the second night changes what Spark and Sail then work on."""
    first, second = (places.summaries["sail", night]["tables"] for night in (FIRST, SECOND))
    released = sorted(
        path.stem for part in ("model", "products") for path in (REPOSITORY / "conf" / part).glob("*.yml")
    )
    assert {name: first[f"refined.{name}"]["rows"] > 0 for name in released} == dict.fromkeys(released, True)
    unchanged = [name for name in released if first[f"refined.{name}"] == second[f"refined.{name}"]]
    assert unchanged == ["appeal", "code", "division"]  # the second night has no appeal, and the same configuration
