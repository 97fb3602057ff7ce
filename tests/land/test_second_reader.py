"""The resident table of a night, read and merged a second time by a script that shares no code with the pipeline's engine.

The script is the one of the bench, written by hand for DuckDB: other parsers, other cleaning expressions, other grouping.
Where both agree on every cell, neither has lost or mixed up a row.
"""

import json
from datetime import date

import pytest

from jobs.common.run.conf import current_conf
from tests.bench.compare import Agreement, compare_residents
from tests.bench.duck import write_residents
from tests.bench.plan import write_plan
from tests.support.town import Town, jiceng, work_until_audit

NIGHT = date(2026, 1, 1)


@pytest.fixture(scope="module")
def agreement(tmp_path_factory: pytest.TempPathFactory) -> Agreement:
    """The candidates of a first night of a thousand residents, beside the script's table."""
    base = tmp_path_factory.mktemp("second")
    town = Town(base / "workspace", base / "samples")
    assert jiceng("sample", "--residents", 1000, "--seed", 8, "--nights", 1, "--out", town.samples).code == 0
    assert jiceng("init", "--home", town.home).code == 0
    work_until_audit(town, NIGHT)
    by_hand = base / "by_hand.parquet"
    plan = write_plan(town.samples / str(NIGHT), base / "plan", current_conf(town.workspace))
    write_residents(json.loads(plan.read_text(encoding="utf-8")), by_hand)
    return compare_residents(town.home, by_hand, "candidate.resident")


def test_both_find_the_same_residents(agreement: Agreement) -> None:
    """The script knows people by id number, and by name with phone alone: what it joins we join, and seldom more."""
    ours, hand = agreement.residents
    assert ours == agreement.shared <= hand <= 1.04 * ours
    assert agreement.alike >= 0.97 * ours
    assert ours >= 1000


def test_both_choose_the_same_values(agreement: Agreement) -> None:
    """Of each resident with the same mentions."""
    differing = {name: agreement.keys[name] for name, count in agreement.columns.items() if count[0]}
    assert differing == {}
    assert len(agreement.columns) >= 13
