"""What departments disagree about: each rule by which a value wins, on one entity each."""

from typing import Any

import pytest

from jobs.analyse.products.conflict import FIELDS, build
from jobs.common.base.workspace import init_workspace
from jobs.common.run.conf import Conf, current_conf
from tests.support.conflicts import D1, D2, D3, inputs_of


@pytest.fixture(scope="module")
def conf_of_module(tmp_path_factory: pytest.TempPathFactory) -> Conf:
    return current_conf(init_workspace(tmp_path_factory.mktemp("conflict") / "workspace"))


@pytest.fixture(scope="module")
def found(spark: Any, conf_of_module: Conf) -> dict[tuple[str, str], tuple[Any, ...]]:
    rows = build(inputs_of(spark, conf_of_module)).toArrow().to_pylist()
    assert {row["kind"] for row in rows} == {"resident"}
    return {
        (row["entity_id"], row["field"]): (row["systems"], row["system"], row["rule"], row["since"]) for row in rows
    }


def test_each_field_on_which_records_differ_is_a_row(found: dict[tuple[str, str], tuple[Any, ...]]) -> None:
    assert found == {
        ("by authority", "name"): ("grid, police", "police", "authority", D2),
        ("by its newest version", "name"): ("grid", "grid", "newest", D3),
        ("by its least mention", "name"): ("grid", "grid", "least_mention", D1),
        ("copied", "id_number"): ("grid, police", "grid", "copied_id", D3),
        ("both copied", "id_number"): ("grid, police", "police", "copied_id", D1),
        ("three", "name"): ("grid, health, police", "police", "authority", D2),
        ("three", "birth_date"): ("grid, health, police", "police", "authority", D2),
    }


@pytest.mark.parametrize("kind", FIELDS)
def test_the_books_count_the_fields_that_the_product_compares(conf_of_module: Conf, kind: str) -> None:
    sql = conf_of_module.products["conflict"].terms[f"of_{kind}s"].sql or ""
    assert [field for field in conf_of_module.records[kind].field_names if f"min({field})" in sql] == [
        field for field in conf_of_module.records[kind].field_names if field in FIELDS[kind]
    ]
