"""Pages of a workspace with ten thousand files of three hundred systems: short, with counts, and where the rest is."""

import re
from argparse import Namespace
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from typing import Any

import pytest

from jobs.common.base.workspace import init_workspace
from jobs.common.lake.tables import Lake
from jobs.common.run.conf import take_snapshot
from jobs.common.run.stage import open_lake
from jobs.portal.__main__ import show
from jobs.portal.frame import SHOWN, View, open_view

NIGHTS = [date(2026, 1, 1) + timedelta(days=number) for number in range(30)]
LAST = NIGHTS[-1]
FILES, SYSTEMS = 10_000, 300
REFUSED = FILES - len(range(0, FILES, 3))
PAGES = ("tonight", "quality", "sources", "identity", "releases")


def told_of_file(number: int, reasons: list[str]) -> dict[str, Any]:
    """Every third system has handed over files night by night; those of the others were refused on the last one."""
    is_taken = number % 3 == 0
    night = NIGHTS[number % 30] if is_taken else LAST
    return {
        "file_id": sha256(str(number).encode()).hexdigest(),
        "system": f"system_{number % SYSTEMS:03}" + "_of_a_long_name" * 4,
        "object": "" if number % 7 == 0 else "object",
        "sheet": "",
        "name": f"{'一份名字很长的导出' * 8}_{number}.csv",
        "night": night,
        "as_of": night,
        "status": "accepted" if is_taken else "refused",
        "reason": None if is_taken else reasons[number % len(reasons)],
        "detail": None if is_taken else "header " * 40,
        "rows_read": 100,
        "read_in": None,
        "refused_in": None,
    }


def write(lake: Lake, table: str, rows: list[dict[str, Any]]) -> None:
    lake.upsert(table, lake.table_of(table, rows))


@pytest.fixture(scope="module")
def view(tmp_path_factory: pytest.TempPathFactory) -> View:
    workspace = init_workspace(tmp_path_factory.mktemp("many") / "workspace")
    conf = take_snapshot(workspace)
    lake, now = open_lake(workspace, conf), datetime(2026, 1, 31, tzinfo=UTC)
    run = {"driver": "jiceng run", "started_at": now, "ended_at": now, "verdict": "incomplete", "engine": "sail"}
    run |= {"code_version": "1", "config_hash": conf.hash}
    write(lake, "ops.run", [run | {"run_id": f"{night}.1", "night": night} for night in NIGHTS])
    files = [told_of_file(number, list(conf.reasons["file"])) for number in range(FILES)]
    write(lake, "ops.file", files)
    keys = ("night", "system", "object", "sheet", "name", "file_id", "as_of")
    write(lake, "ops.delivery", [{**{k: file[k] for k in keys}, "run_id": f"{file['night']}.1"} for file in files])
    of_row = list(conf.reasons["row"])
    row = {"sheet": "", "stage": "land", "raw": "x"}
    aside = [
        {**row, "row_number": number, "reason": of_row[number % len(of_row)]}
        | {key: files[number]["file_id" if key == "file_id" else key] for key in ("system", "object", "file_id")}
        for number in range(5000)
    ]
    lake.replace_part("ops.quarantine", lake.table_of("ops.quarantine", aside), {"stage": "land"})
    verdict = {
        "table_name": "history",
        "version": 0,
        "severity": "warning",
        "observed": "12; usual 900 to 1,100, from 9 nights",
    }
    verdict |= {"unexpected_rows": None, "fingerprint": "", "overridable": False, "success": False}
    rules = [f"rows_landed(system_{number} object)" for number in range(SYSTEMS)]
    write(lake, "ops.audit", [verdict | {"run_id": f"{night}.1", "rule": rule} for night in NIGHTS for rule in rules])
    for number in range(1000):
        folder = workspace.inbox / f"system_{number % 10}"
        folder.mkdir(exist_ok=True)
        (folder / f"{'长' * 60}{number}.csv.part").touch()
    return open_view(workspace)


@pytest.fixture(scope="module")
def pages(view: View) -> dict[str, str]:
    nothing = {"old": None, "new": None, "release": "", "seen": "", "user": "", "because": ""}
    return {page: show(page, view, Namespace(**nothing)) for page in PAGES}


@pytest.mark.parametrize("page", PAGES)
def test_a_page_stays_short(pages: dict[str, str], page: str) -> None:
    assert len(pages[page].encode()) < 600_000


def test_tonight_tells_how_many_files_and_where_the_rest_is(pages: dict[str, str]) -> None:
    told = " ".join(re.sub("<[^>]*>", " ", pages["tonight"]).split())
    assert f"拒收 refused {REFUSED:,} " in told
    missing = int(re.search(r"缺失 missing (\d+)", told)[1])  # type: ignore[index]
    assert f"{REFUSED + missing - SHOWN:,} more, in runs/{LAST}.1/summary.json" in told
    assert f"{1000 - SHOWN:,} more, in inbox/" in told


def test_sources_show_first_what_needs_a_person(pages: dict[str, str]) -> None:
    shown = re.findall(r'rowspan="1">(\w+)', pages["sources"])
    undeclared = [int(name.split("_")[1]) for name in shown if name.startswith("system_")]
    assert [number for number in undeclared if number % 3 == 0] == []
    assert pages["sources"].count("<svg") == 3 * SHOWN
    told = " ".join(re.sub("<[^>]*>", " ", pages["sources"]).split())
    assert re.search(r"[0-9]+ more, in ops\.delivery", told)
    assert re.search(r"[0-9]+ more, in ops\.quarantine", told)


def test_quality_counts_all_that_is_unusual(pages: dict[str, str]) -> None:
    told = " ".join(re.sub("<[^>]*>", " ", pages["quality"]).split())
    assert f"{SYSTEMS - SHOWN} more, in ops.audit" in told  # of those that fail
    assert f"{SYSTEMS - 40} more, in ops.audit" in told  # of the grid
