"""A product is added by one module, one file of `conf/products/` and one suite; a wrong one is not released.

The first part is done in a copy of the repository, and in a process of its own, which imports the copy.
"""

import json
import os
import shutil
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from jobs import start
from jobs.analyse.inputs import Inputs
from jobs.analyse.products import division
from jobs.common.lake import tables
from jobs.common.run.runs import CLI
from jobs.operate.nightly import list_steps
from tests.support.constants import REPOSITORY
from tests.support.office import open_office, simple_contract

pytestmark = pytest.mark.nights

MODULE = '''"""How many codes each list has."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.analyse.inputs import Inputs

READS = ("candidate.code",)


def build(inputs: Inputs) -> DataFrame:
    """`list`, `codes`, unique by list."""
    return inputs.frame("candidate.code").groupBy("list").agg(F.count(F.lit(1)).alias("codes"))
'''
DESCRIBED = """
product: code_list
title: {zh: 代码表, en: code lists}
grain: {zh: 每份代码表一行, en: one row per list}
key: [list]
columns:
  - {name: list, type: text, level: 1, required: true, zh: 代码表, en: name of the list}
  - {name: codes, type: integer, level: 1, required: true, zh: 代码数, en: codes that it has}
books:
  equation: coded = counted
  terms:
    coded: {sql: select count(*) from candidate.code}
    counted: {sql: select sum(codes) from candidate.code_list}
"""
SUITE = """
table: code_list
rules:
  - expectation: expect_column_values_to_be_unique
    arguments: {column: list}
    severity: critical
    because: one row per list
"""
SCRIPT = """
import json, sys
from pathlib import Path
import jobs
from tests.support.office import open_office, rows_of, simple_contract

office = open_office(Path(sys.argv[1]))
office.declare("small", simple_contract("small"))
found = {"jobs": jobs.__file__}
for night, line in (("2026-01-01", "1 灯坏了"), ("2026-01-02", "2 路坏了"), ("2026-01-03", "3 门坏了")):
    if night == "2026-01-03":
        (office.workspace.conf / "codes").mkdir()
        listed = (Path(jobs.__file__).parents[1] / "conf/codes/sex.csv").read_text(encoding="utf-8")
        (office.workspace.conf / "codes/sex.csv").write_text(listed + "7,另一种,\\n", encoding="utf-8")
    office.hand_in(f"small/x_{night.replace('-', '')}.csv", [line])
    answer = office.run(night)
    found[night] = [answer.code, answer.err, office.summary(f"{night}.1")]
for name, command in {
    "dictionary": ("dictionary", "code_list"),
    "books": ("books",),
    "sql": ("sql", "select codes from code_list where list = 'sex'"),
    "explain": ("explain", "code_list", "sex", "--field", "codes"),
}.items():
    found[name] = rows_of(office.jiceng(*command, "--format", "json"))
Path(sys.argv[2]).write_text(json.dumps(found), encoding="utf-8")
"""


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What two nights of a small office came to in a copy of the repository that has one product more."""
    folder = tmp_path_factory.mktemp("product")
    copy = folder / "repository"
    for part in ("jobs", "conf", "expectations"):
        shutil.copytree(REPOSITORY / part, copy / part, ignore=shutil.ignore_patterns("__pycache__"))
    (copy / "tests").symlink_to(REPOSITORY / "tests")
    (copy / "jobs/analyse/products/code_list.py").write_text(MODULE, encoding="utf-8")
    (copy / "conf/products/code_list.yml").write_text(DESCRIBED, encoding="utf-8")
    (copy / "expectations/code_list.yml").write_text(SUITE, encoding="utf-8")
    command = [sys.executable, "-c", SCRIPT, str(folder / "office"), str(folder / "found.json")]
    settings = os.environ | {"PYTHONPATH": str(copy), "NO_PROGRESS": "1"}
    ended = subprocess.run(command, cwd=copy, env=settings, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr[-4000:]
    answers: dict[str, Any] = json.loads((folder / "found.json").read_text(encoding="utf-8"))
    assert answers["jobs"] == str(copy / "jobs/__init__.py")
    return answers


def test_it_is_released_with_its_fingerprint(found: dict[str, Any]) -> None:
    code, err, summary = found["2026-01-01"]
    assert code == 0, err
    assert summary["release_id"] == "2026-01-01.1"
    candidate, refined = (summary["tables"][f"{layer}.code_list"] for layer in ("candidate", "refined"))
    assert refined["fingerprint"] == candidate["fingerprint"]
    assert (refined["rows"], refined["version"]) == (13, 1)
    assert summary["stages"]["analyse"]["seconds"] > 0


def test_a_night_without_a_changed_input_makes_no_commit_to_it(found: dict[str, Any]) -> None:
    before, after = (found[night][2]["tables"] for night in ("2026-01-01", "2026-01-02"))
    assert after["refined.appeal"]["version"] > before["refined.appeal"]["version"], "the night had work to do"
    for product in ("code", "division", "code_list"):
        for layer in ("candidate", "refined"):
            assert after[f"{layer}.{product}"] == before[f"{layer}.{product}"]
    told = [line for line in found["2026-01-02"][1].splitlines() if line.startswith("analyse")]
    assert sorted(line.split()[1] for line in told if line.endswith("is as it was")) == [
        "code",
        "code_list",
        "conflict",
        "division",
    ]


def test_a_code_more_changes_what_is_made_of_codes_and_nothing_else(found: dict[str, Any]) -> None:
    before, after = (found[night][2]["tables"] for night in ("2026-01-02", "2026-01-03"))
    for layer in ("candidate", "refined"):
        assert after[f"{layer}.division"] == before[f"{layer}.division"]
        assert after[f"{layer}.code"]["rows"] == before[f"{layer}.code"]["rows"] + 1
        assert [after[f"{layer}.{name}"]["version"] for name in ("code", "code_list")] == [2, 2]
    told = [line for line in found["2026-01-03"][1].splitlines() if line.startswith("analyse")]
    assert [" ".join(line.split()[1:]) for line in told] == [
        "code (rows_written 1)",
        "conflict (rows_written 0)",
        "division is as it was",
        "code_list (rows_written 1)",
    ]


def test_the_dictionary_has_its_columns(found: dict[str, Any]) -> None:
    assert [(row["column"], row["key"], row["type"], row["zh"]) for row in found["dictionary"]] == [
        ("list", True, "string", "代码表"),
        ("codes", False, "bigint", "代码数"),
    ]


def test_its_equation_stands_in_the_books(found: dict[str, Any]) -> None:
    own = [row for row in found["books"] if row["record"] == "code_list"]
    coded = next(row["coded"] for row in own if row["equation"] == "coded = counted")
    assert coded > 2000
    assert [(row["equation"], row["left"], row["right"], row["closes"]) for row in own] == [
        ("coded = counted", coded, coded, True),
        ("candidate = refined", 13, 13, True),
    ]


def test_it_is_read_and_explained_by_its_name(found: dict[str, Any]) -> None:
    assert found["sql"] == [{"codes": 5}]
    [row] = found["explain"]
    assert (row["value"], row["state"], row["rule"]) == (5, "derived", "computed from candidate.code")


def test_a_stage_that_was_cut_short_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it has written is not written again, by no further try."""
    office = open_office(tmp_path / "office")
    office.declare("small", simple_contract("small"))
    office.hand_in("small/x_20260101.csv", ["1 灯坏了"])
    context = start.run(office.workspace, date(2026, 1, 1), CLI)
    steps = dict(list_steps(context))
    analyse = steps.pop("analyse")
    for stage, work in steps.items():
        if stage == "audit":
            break
        work()
    commits: list[str] = []

    def stop(name: str) -> None:
        commits.append(name)
        raise KeyboardInterrupt

    monkeypatch.setattr(tables, "committed", stop)
    for _ in range(5):
        with pytest.raises(KeyboardInterrupt):
            analyse()
    analyse()
    # Each table is created and filled once; nobody is there for departments to disagree about.
    filled = [name for product in ("code", "division") for name in [f"candidate.{product}"] * 2]
    assert commits == [*filled[:2], "candidate.conflict", *filled[2:]]


# --- a wrong one ------------------------------------------------------------------------------------------------------


def test_a_wrong_product_leaves_the_books_open_and_nothing_is_released(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One division has gone on the way, which no rule of the suite can tell."""
    right = division.build

    def wrong(inputs: Inputs) -> Any:
        return right(inputs).where("code != '320102002000'")

    monkeypatch.setattr(division, "build", wrong)
    office = open_office(tmp_path / "office")
    office.declare("small", simple_contract("small"))
    office.hand_in("small/x_20260101.csv", ["1 灯坏了"])
    answer = office.run("2026-01-01")
    assert answer.code == 3, answer.err
    assert "division: listed = candidate, but 3417 and 3416" in answer.err
    assert office.summary("2026-01-01.1")["books"]["open"] == ["division: listed = candidate, but 3417 and 3416"]
    assert office.jiceng("release", "show").code == 2
    printed = office.jiceng("books")
    assert printed.code == 3
    assert "DOES NOT CLOSE: 3,417 and 3,416" in printed.out
