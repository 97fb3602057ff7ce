"""Sail and Spark with Delta Lake give the same tables, and go on with each other's.

    night 1 by    night 2 by    compared
    Sail                        with night 1 by Spark
    Sail          Sail          with both nights below
    Spark         Sail
    Sail          Spark

Beside the nights, each thing that the engines are known to differ in silently, where our code touches it, is a case of its
own in `parity_run.py`, computed on both. One Spark session for all of it: starting one costs more than most cases.
"""

import json
import os
import shutil
import subprocess
import sys
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import parity_run
import pytest
import xlsxwriter
from kill_run import fingerprints, hand_over, last_summary, run_night, sample_town, warm

pytestmark = pytest.mark.spark
FIRST, SECOND = date(2026, 1, 1), date(2026, 1, 2)
RESIDENTS, SEED = 300, 3
CASES = [case.__name__ for case in parity_run.CASES]


@pytest.fixture(scope="module")
def java() -> None:
    if shutil.which("java") is None:
        assert not os.environ.get("CI"), "CI must have a Java for Spark"
        pytest.skip("Spark needs a Java")


@pytest.fixture(scope="module")
def places(java: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with `<engine>.json` of the cases, and a workspace for each row of the table above."""
    folder = tmp_path_factory.mktemp("parity")
    base = folder / "base"
    assert warm().run("jiceng", "init", "--home", base).code == 0
    hand_over(sample_town(RESIDENTS, SEED) / str(FIRST), base)
    write_messages(base / "inbox" / "reply_desk" / "附件4.xlsx")
    for home in ("sail", "spark"):
        shutil.copytree(base, folder / home)
    run_engine("sail", folder, (FIRST, folder / "sail"))
    carry_on(folder / "sail", folder / "sail_then_spark")
    run_engine("spark", folder, (FIRST, folder / "spark"), (SECOND, folder / "sail_then_spark"))
    for before, after in (("sail", "sail_then_sail"), ("spark", "spark_then_sail")):
        carry_on(folder / before, folder / after)
        run_night(folder / after, SECOND)
    return folder


def run_engine(engine: str, folder: Path, *nights: tuple[date, Path]) -> None:
    """Cases and nights in one process of that engine."""
    command = [sys.executable, parity_run.__file__, "--out", str(folder / f"{engine}.json")]
    for night, home in nights:
        command += ["--night", str(night), "--home", str(home)]
    settings = os.environ | {"JICENG_ENGINE": engine, "NO_PROGRESS": "1"}
    ended = subprocess.run(command, env=settings, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr[-6000:]
    print(*(f"{engine}: {line}" for line in ended.stderr.splitlines() if line.startswith("night ")), sep="\n")


def carry_on(before: Path, after: Path) -> None:
    shutil.copytree(before, after)
    hand_over(sample_town(RESIDENTS, SEED) / str(SECOND), after)


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
def test_engines_agree_on(places: Path, case: str) -> None:
    """Row by row; a case that failed on an engine is its stack trace and no list."""
    sail, spark = (
        json.loads((places / f"{engine}.json").read_text(encoding="utf-8"))[case] for engine in ("sail", "spark")
    )
    assert isinstance(sail, list), sail
    assert isinstance(spark, list), spark
    assert len(sail) > 1
    assert sail == spark


def summary_of(places: Path, home: str, night: date) -> dict[str, Any]:
    return last_summary(places / home, night)


def test_a_night_gives_the_same_tables_on_both_engines(places: Path, capfd: pytest.CaptureFixture[str]) -> None:
    sail, spark = summary_of(places, "sail", FIRST), summary_of(places, "spark", FIRST)
    assert fingerprints(spark) == fingerprints(sail)
    assert rows_and_versions(spark) == rows_and_versions(sail)
    for table in ("appeal", "resident", "resident_status"):
        assert sail["tables"][f"refined.{table}"]["rows"] > 0, table
    for term in ("verdict", "release_id", "sources", "waiting", "books"):
        assert spark[term] == sail[term], term
    report(capfd, "Sail = Spark", FIRST, sail)


def rows_and_versions(summary: dict[str, Any]) -> dict[str, tuple[int, int]]:
    """Versions as well: where one engine commits, the other does."""
    return {name: (table["rows"], table["version"]) for name, table in summary["tables"].items()}


@pytest.mark.parametrize("home", ["spark_then_sail", "sail_then_spark"])
def test_a_second_night_goes_on_from_the_other_engine(
    places: Path, home: str, capfd: pytest.CaptureFixture[str]
) -> None:
    expected, found = summary_of(places, "sail_then_sail", SECOND), summary_of(places, home, SECOND)
    assert fingerprints(found) == fingerprints(expected)
    assert rows_and_versions(found) == rows_and_versions(expected)
    for term in ("verdict", "release_id", "sources", "books"):
        assert found[term] == expected[term], term
    changed = [
        name
        for name, value in fingerprints(expected).items()
        if fingerprints(summary_of(places, "sail", FIRST)).get(name) != value
    ]
    assert "refined.resident" in changed, "a night that changes nothing proves nothing"
    report(capfd, f"{home} = sail_then_sail", SECOND, found)


def report(capfd: pytest.CaptureFixture[str], what: str, night: date, summary: dict[str, Any]) -> None:
    rows = sum(table["rows"] for table in summary["tables"].values())
    with capfd.disabled():
        print(
            f"{what}, night {night}: {len(summary['tables'])} tables with {rows:,} rows have equal fingerprints",
            flush=True,
        )
