"""How an analyst gets at labels: the codes of a table joined with `code`, its divisions with `division`."""

import json
from collections import Counter

import pytest

from tests.support.town import Town, jiceng

pytestmark = [pytest.mark.xdist_group("town"), pytest.mark.nights]

pytest_plugins = ["tests.support.town_fixtures"]

LABELLED = """
select c.zh as sex, d.name as division, count(*) as residents
from resident r
left join code c on c.list = 'sex' and c.code = r.sex_code
left join division d on d.code = r.division_code
group by c.zh, d.name
"""


def test_codes_and_divisions_are_joined_with_their_labels(town: Town) -> None:
    answer = jiceng("sql", LABELLED, "--home", town.home, "--format", "json")
    assert answer.code == 0, answer.err
    found = {(row["sex"], row["division"]): row["residents"] for row in json.loads(answer.out)}
    labels = {row["code"]: row["zh"] for row in town.rows("refined.code", list="sex")}
    names = {row["code"]: row["name"] for row in town.rows("refined.division")}
    residents = town.rows("refined.resident")
    expected = Counter((labels.get(row["sex_code"]), names.get(row["division_code"])) for row in residents)
    assert found == expected
    assert {"男", "女"} <= {sex for sex, _ in found}


def test_every_code_that_is_released_has_a_label(town: Town) -> None:
    labelled = {(row["list"], row["code"]) for row in town.rows("refined.code")}
    coded = [(table, column) for table in town.conf.tables.values() for column in table.columns if column.codes]
    assert coded
    for table, column in coded:
        values = {row[column.name] for row in town.rows(f"refined.{table.name}")} - {None}
        assert {(column.codes, value) for value in values} <= labelled
