"""Each shipped file of `conf/` and `expectations/`, changed at random from a seed: it is read, or refused by its name.

Nothing else is ever raised, and whatever is read can be read on: the code lists of a model, the systems of an order.
"""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from jobs.common.base.errors import UserError
from jobs.common.base.workspace import REPOSITORY_CONF, Workspace
from jobs.common.base.workspace import REPOSITORY_EXPECTATIONS as EXPECTATIONS
from jobs.common.contracts import null_words
from jobs.common.contracts.sources import load_source
from jobs.common.model.codes import load_codes
from jobs.common.model.divisions import LISTS, check_lists
from jobs.common.model.products import load_products
from jobs.common.model.records import load_model
from jobs.common.run.conf import Conf, current_conf
from jobs.common.run.conf_check import conf_faults
from jobs.common.run.conf_files import list_files
from jobs.common.run.suites import read_suite
from tests.fuzz.conf import mutate_text

SHIPPED = list_files(REPOSITORY_CONF).files
YAML = [name for name in SHIPPED if name.endswith((".yml", ".yaml"))]
CSV = [name for name in SHIPPED if name.endswith(".csv")]
SUITES = sorted(path.name for path in EXPECTATIONS.glob("*.yml"))
VALUES: tuple[Any, ...] = (
    None, True, 0, -1, 5, 10**40, 1.5, float("inf"), float("nan"), "", "x", "police", "无", "[0-9", "a" * 500, [], ["x"],
    [["x"]], {}, {"x": 1}, {"zh": "无", "en": "none"}, [{"name": "x"}], "2026-01-01", "../x", "\\x00", "x\ny", "${x}",
)  # fmt: skip
PER_FILE = 12


def places(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if place:
        yield place
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from places(item, (*place, key))


def retype(draw: random.Random, content: bytes) -> bytes:
    """One to three values become others, go, or come once more at the same place or one level down."""
    document = yaml.safe_load(content)
    for _ in range(draw.choice((1, 1, 3))):
        found = list(places(document))
        if not found:
            break
        *above, last = draw.choice(found)
        parent = document
        for key in above:
            parent = parent[key]
        what = draw.randrange(5)
        if what == 0:
            del parent[last]
        elif what == 1:
            parent[last] = [parent[last], parent[last]]  # written as an anchor and its alias
        elif what == 2:
            parent[last] = {"x": parent[last]}
        else:
            parent[last] = draw.choice(VALUES)
    return yaml.safe_dump(document, allow_unicode=True, sort_keys=False).encode()


def mutate(draw: random.Random, content: bytes, is_yaml: bool) -> bytes:
    return retype(draw, content) if is_yaml and draw.random() < 0.5 else mutate_text(draw, content)


def changed(name: str, content: bytes, folder: Path, seed: int) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(mutate(random.Random(f"{name} {seed}"), content, name.endswith(("yml", "yaml"))))
    return path


@pytest.mark.parametrize("name", YAML + CSV)
def test_a_changed_file_is_read_or_refused_by_its_name(tmp_path: Path, name: str) -> None:
    shipped = current_conf(Workspace(tmp_path))
    records = shipped.records
    content = SHIPPED[name].read_bytes()
    for seed in range(PER_FILE if len(content) < 20_000 else 3):
        path = changed(name, content, tmp_path / "conf", seed)
        conf = Conf({**SHIPPED, name: path})
        told = base = Path(name).name
        try:
            if name.startswith("sources/"):
                load_source(path, records)
            elif name.startswith("model/"):
                load_model(conf.below("model", ".yml"))
            elif name.startswith("products/"):
                load_products({base: path}, {}, shipped.records)
            elif Path(name).stem in LISTS:
                check_lists(*(conf.path(f"codes/{part}.csv") for part in LISTS))
            elif name.startswith("codes/"):
                load_codes(path)
            elif name == null_words.FILE:
                null_words.load_null_words(path)
            elif name == "authority.yml":
                assert all(base in fault for fault in conf_faults(conf)), seed
            else:
                conf.document(name)
        except UserError as refused:
            told = str(refused)
        # A record whose kind is gone is missed by the records that speak of it.
        assert base in told or "no record describes" in told, seed


@pytest.mark.parametrize("name", SUITES)
def test_a_changed_suite_is_read_or_refused_by_its_name(tmp_path: Path, name: str) -> None:
    for seed in range(PER_FILE):
        path = changed(name, (EXPECTATIONS / name).read_bytes(), tmp_path, seed)
        told = str(path)
        try:
            assert read_suite(path).content["table"] == path.stem
        except UserError as refused:
            told = str(refused)
        assert told.startswith(str(path)), seed
