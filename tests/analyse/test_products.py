"""Products: what their files and modules may say, in which order they are computed, and what the two shipped ones make."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from jobs.analyse import catalogue
from jobs.analyse.catalogue import in_order, product_faults
from jobs.analyse.inputs import Inputs
from jobs.analyse.products import code, division
from jobs.audit.product_books import count_lines, run_queries
from jobs.common.base.errors import UserError
from jobs.common.base.workspace import REPOSITORY_CONF
from jobs.common.lake.tables import Lake
from jobs.common.model.products import Count, load_products
from jobs.common.releases.books import balances, open_balances
from jobs.common.run.conf import Conf
from jobs.common.run.conf_files import list_files
from jobs.common.run.runs import Run
from jobs.common.run.stage import Context
from tests.support.constants import REPOSITORY

MEANING = {"zh": "数", "en": "number"}
COLUMN = {"name": "kind", "type": "text", "level": 1, **MEANING}
COUNTED = {"sql": "select count(*) from candidate.resident"}
PRODUCT: dict[str, Any] = {
    "product": "tally", "title": MEANING, "grain": MEANING, "key": ["kind"],
    "columns": [COLUMN, COLUMN | {"name": "rows", "type": "integer"}],
    "books": {"equation": "residents = candidate", "terms": {"residents": COUNTED}},
}  # fmt: skip
MODULE = 'READS = ("candidate.resident",)\n\n\ndef build(inputs):\n    return inputs.frame("candidate.resident")\n'


def conf_with(folder: Path, products: Mapping[str, Any]) -> Conf:
    """The shipped configuration with these products instead of its own."""
    shipped = {name: path for name, path in list_files(REPOSITORY_CONF).files.items() if "products/" not in name}
    files = {}
    for name, content in products.items():
        path = folder / f"{name}.yml"
        path.write_text(yaml.safe_dump({"product": name} | content, allow_unicode=True), encoding="utf-8")
        files[f"products/{name}.yml"] = path
    return Conf({**shipped, **files})


def named(name: str) -> dict[str, Any]:
    return PRODUCT | {"product": name, "books": {"equation": "residents = candidate", "terms": {"residents": COUNTED}}}


# --- files of conf/products -------------------------------------------------------------------------------------------


def changed(**parts: Any) -> dict[str, Any]:
    return PRODUCT | parts


def books(equation: str, **terms: Any) -> dict[str, Any]:
    return changed(books={"equation": equation, "terms": terms})


REFUSED = {
    "another name than the file's": (changed(product="other"), "The file is named tally."),
    "no grain": ({key: value for key, value in PRODUCT.items() if key != "grain"}, "The key `grain` is missing."),
    "a key that is no column": (changed(key=["kinds"]), "kinds is no column."),
    "a column twice": (changed(columns=[COLUMN, COLUMN]), "The name is given twice."),
    "an unknown type": (changed(columns=[COLUMN | {"type": "txet"}]), "There is no type txet."),
    "a list that no code needs": (changed(columns=[COLUMN | {"codes": "sex"}]), "names its list as `codes`"),
    "an unknown level": (changed(columns=[COLUMN | {"level": 5}]), "none of the values"),
    "no books": ({key: value for key, value in PRODUCT.items() if key != "books"}, "The key `books` is missing."),
    "an equation of another shape": (books("candidate - a = b", a=COUNTED), "has the wrong shape"),
    "a term that nobody counts": (books("residents = candidate + gone", residents=COUNTED), "gone is not counted."),
    "a term left over": (books("residents = candidate", residents=COUNTED, more=COUNTED), "has no such term"),
    "a term counted in two ways": (
        books("residents = candidate", residents=COUNTED | {"lines_of": "codes/sex.csv", "header": "x"}),
        "It is counted by `sql`, or by",
    ),
    "lines without a header": (books("listed = candidate", listed={"lines_of": "codes/sex.csv"}), "It is counted by"),
    "books of the product alone": (
        books("again = candidate", again={"sql": "select count(*) from candidate.tally"}),
        "could not fail",
    ),
    "books without the product": (books("a = b", a=COUNTED, b=COUNTED), "could not fail"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_file_that_is_no_product_is_refused_by_its_name(tmp_path: Path, case: str) -> None:
    content, told = REFUSED[case]
    path = tmp_path / "tally.yml"
    path.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
    with pytest.raises(UserError) as refused:
        load_products({"tally.yml": path}, {}, ())
    assert str(path) in str(refused.value)
    assert told in str(refused.value)


def test_a_product_does_not_take_the_name_of_a_record(tmp_path: Path) -> None:
    conf = conf_with(tmp_path, {"resident": named("resident")})
    with pytest.raises(UserError, match="A record has this name"):
        _ = conf.tables


# --- modules ----------------------------------------------------------------------------------------------------------

FAULTY = {
    "no module": (None, "conf/products/tally.yml: there is no jobs/analyse/products/tally.py"),
    "no READS": ("def build(inputs):\n    pass\n", "READS is no tuple of texts"),
    "READS that is worked out": (MODULE.replace('("candidate.resident",)', "tuple(range(3))"), "READS is no tuple"),
    "no function": ('READS = ("candidate.resident",)\n', "there is no function `build`"),
    "an unknown table": (MODULE.replace("candidate.resident", "candidate.residents"), "Did you mean `candidate.resident`?"),
    "what is released": (MODULE.replace("candidate.resident", "refined.resident"), "which is no table to read"),
    "what the audit writes": (MODULE.replace("candidate.resident", "ops.audit"), "which is no table to read"),
    "files that are not there": (MODULE.replace("candidate.resident", "conf codes/none*.csv"), "conf/ has no such file"),
    "itself": (MODULE.replace("candidate.resident", "candidate.tally"), "in a circle: tally -> tally"),
}  # fmt: skip


@pytest.mark.parametrize("case", FAULTY)
def test_what_is_wrong_with_a_module_is_told_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    module, told = FAULTY[case]
    monkeypatch.setattr(catalogue, "MODULES", tmp_path)
    if module is not None:
        (tmp_path / "tally.py").write_text(module, encoding="utf-8")
    [fault] = product_faults(conf_with(tmp_path, {"tally": PRODUCT}))
    assert told in fault


def test_a_column_that_refers_to_nothing_is_a_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue, "MODULES", tmp_path)
    (tmp_path / "tally.py").write_text(MODULE, encoding="utf-8")
    found = {}
    for refers in ("resident", "tally.kind", "tally.kinds", "nobody"):
        content = changed(columns=[COLUMN | {"refers": refers}])
        found[refers] = len(product_faults(conf_with(tmp_path, {"tally": content})))
    assert found == {"resident": 0, "tally.kind": 0, "tally.kinds": 1, "nobody": 1}


def test_products_come_after_those_that_they_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue, "MODULES", tmp_path)
    for name, read in {"a": "candidate.b", "b": "candidate.c", "c": "candidate.resident", "d": "night"}.items():
        (tmp_path / f"{name}.py").write_text(MODULE.replace("candidate.resident", read), encoding="utf-8")
    conf = conf_with(tmp_path, {name: named(name) for name in "abcd"})
    order = in_order(conf)
    assert sorted(order) == ["a", "b", "c", "d"]
    assert order.index("c") < order.index("b") < order.index("a")
    (tmp_path / "c.py").write_text(MODULE.replace("candidate.resident", "candidate.a"), encoding="utf-8")
    with pytest.raises(UserError, match=r"in a circle: (a -> b -> c -> a|b -> c -> a -> b|c -> a -> b -> c)$"):
        in_order(conf)


def test_every_product_has_its_module_its_file_and_its_suite() -> None:
    conf = Conf(list_files(REPOSITORY_CONF).files)
    modules = {path.stem for path in catalogue.MODULES.glob("*.py")} - {"__init__"}
    suites = {path.stem for path in (REPOSITORY / "expectations").glob("*.yml")}
    assert modules == set(conf.products)
    assert set(conf.products) <= suites
    assert product_faults(conf) == []


def test_inputs_that_are_not_named_are_not_to_be_had() -> None:
    inputs = Inputs("tally", Conf({}), {}, None)
    with pytest.raises(UserError, match=r'add "candidate\.resident" to its READS'):
        inputs.frame("candidate.resident")
    with pytest.raises(UserError, match='add "night" to its READS'):
        _ = inputs.night


# --- the two shipped ones ---------------------------------------------------------------------------------------------


def written(folder: Path, **lists: str) -> Inputs:
    files = {}
    for name, text in lists.items():
        path = folder / f"{name}.csv"
        path.write_text(text, encoding="utf-8")
        files[f"codes/{name}.csv"] = path
    return Inputs("tally", Conf(files), {}, None)


def test_codes_of_all_lists_with_their_labels(spark: Any, tmp_path: Path) -> None:
    """Divisions and the words for them are no code lists; no list has an English label yet."""
    inputs = written(
        tmp_path,
        sex="code,label,synonyms\n1,男,男性|M\n2,女,\n",
        relation="code,label,synonyms\nowner,产权人,业主\n",
        divisions="code,name,level,parent_code\n110000000000,北京市,1,\n",
        division_endings="level,endings\n1,省|\n",
    )
    assert sorted(map(tuple, code.build(inputs).collect())) == [
        ("relation", "owner", "产权人", None),
        ("sex", "1", "男", None),
        ("sex", "2", "女", None),
    ]


def test_divisions_with_the_names_above_them(spark: Any, tmp_path: Path) -> None:
    inputs = written(
        tmp_path,
        divisions="code,name,level,parent_code\n11,北京市,1,\n1101,市辖区,2,11\n110101,东城区,3,1101\n99,某街道,4,98\n",
    )
    assert sorted(map(tuple, division.build(inputs).collect())) == [
        ("11", "北京市", 1, None, "北京市"),
        ("1101", "市辖区", 2, "11", "北京市/市辖区"),
        ("110101", "东城区", 3, "1101", "北京市/市辖区/东城区"),
        ("99", "某街道", 4, "98", "某街道"),  # an office that lists its own divisions alone
    ]


# --- books ------------------------------------------------------------------------------------------------------------


def ledger(equation: str, **terms: int) -> list[dict[str, Any]]:
    place = dict.fromkeys(("file_id", "system", "object", "sheet"))
    rows = [
        {**place, "record": "tally", "term": term, "rows": rows, "equation": equation} for term, rows in terms.items()
    ]
    return [row | {"equation": None if row["term"] == "refined" else equation} for row in rows]


def test_the_equation_of_a_product_closes_or_does_not() -> None:
    """Terms that the pipeline knows by the same names mean nothing of a product."""
    equation = "records = candidate + hidden"
    closed = ledger(equation, records=5, candidate=3, hidden=2, refined=3)
    assert [(b.equation, b.left, b.right) for b in balances(closed)] == [
        (equation, 5, 5),
        ("candidate = refined", 3, 3),
    ]
    [left] = open_balances(ledger(equation, records=5, candidate=3, hidden=1))
    assert str(left) == "tally: records = candidate + hidden, but 5 and 4"


def test_lines_of_files_are_counted_below_the_header_that_is_asked_for(tmp_path: Path) -> None:
    inputs = written(
        tmp_path,
        sex='code,label,synonyms\n1,"男\n性",\n\n2,女,\n,,\n',  # a line in two, and blank ones
        marital="\ufeffcode,label,synonyms\n10,未婚,\n",
        divisions="code,name,level,parent_code\n11,北京市,1,\n",
        empty="",
    )
    counts = {
        pattern: count_lines(inputs.conf, Count(lines_of=pattern, header="code,label,synonyms"))
        for pattern in ("codes/*.csv", "codes/sex.csv", "codes/divisions.csv")
    }
    assert counts == {"codes/*.csv": 3, "codes/sex.csv": 2, "codes/divisions.csv": 0}


def test_terms_are_counted_by_queries(lake: Lake, conf: Conf) -> None:
    row = {"code": "11", "name": "北京市", "level": 1, "parent": None, "path": "北京市"}
    table = lake.table_of("candidate.division", [row, row | {"code": "12", "level": 2}])
    lake.upsert("candidate.division", table)
    context = Context(lake._workspace, conf, lake, Run("2026-01-01.1", date(2026, 1, 1), "", "", None))
    queries = {
        ("division", "all"): "select count(*) from candidate.division",
        ("division", "levels"): "select sum(d.level) from candidate.division d",
        ("code", "none"): "select count(*) from candidate.code c join candidate.division d on c.code = d.code",
    }
    assert run_queries(context, queries) == {("division", "all"): 2, ("division", "levels"): 3, ("code", "none"): 0}
    for sql, told in {
        "select sum(level) from candidate.code c join candidate.division d on c.code = d.code": "one number",
        "select level from candidate.division": "one number",
        "select count(*) from candidate.nobody": "cannot be run",
    }.items():
        with pytest.raises(UserError, match=told):
            run_queries(context, {("division", "all"): sql})
