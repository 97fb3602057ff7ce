"""The laws of the house, read from the code: who imports whom, what no job may use, how long a function may be."""

import ast
from pathlib import Path

import pytest

from jobs.common.base.workspace import REPOSITORY_CONF
from jobs.common.lake.schemas import declared_tables
from jobs.common.run.conf import Conf
from jobs.common.run.conf_files import list_files
from jobs.common.run.stage import STAGES as NIGHT
from tests.support.constants import REPOSITORY

JOBS = sorted((REPOSITORY / "jobs").rglob("*.py"))
DAGS = sorted((REPOSITORY / "dags").rglob("*.py"))
STAGES = {"fetch", "start", *NIGHT, "finish", "maintain"}
# Room -> the rooms it may import beside itself. A stage has none of another stage: they meet at tables.
MAY_IMPORT = {
    "cli": {"portal", "operate", "read", "sample", "common"} | STAGES,
    "portal": {"operate", "read", "audit", "common"},
    "operate": {"read", "common"} | STAGES,
    "read": {
        "merge",
        "analyse",
        "audit",
        "common",
    },  # pure functions of stages, so that an explanation is by the same rule
    **{stage: {"common"} for stage in STAGES},
    "demo": {"common"},
    "sample": set(),  # the town stands alone
    "": {"common"},  # jobs/__init__.py
}
# Rooms of the ground floor, each above those that it may import.
COMMON = {
    "base": set(),
    "model": {"base"},
    "contracts": {"model", "base"},
    "lake": {"contracts", "model", "base"},
    "run": {"lake", "contracts", "model", "base"},
    "intake": {"run", "lake", "contracts", "model", "base"},
    "releases": {"run", "lake", "base"},
}
MOST_LINES = 60
MOST_BRANCHES = 12

# What the two engines disagree on without an error, or what one of them lacks; measured.
FORBIDDEN_NAMES = {
    "sparkContext": "not in Spark Connect",
    "_jvm": "no JVM handle on the embedded engine",
    "_jdf": "no JVM handle on the embedded engine",
    "rdd": "not in Spark Connect",
    "persist": "does nothing lasting on Sail; use lake.scratch",
    "cache": "does nothing lasting on Sail; use lake.scratch",
    "checkpoint": "refused by Sail; use lake.scratch",
    "localCheckpoint": "refused by Sail; use lake.scratch",
    "observe": "refused by Sail",
    "approxQuantile": "refused by Sail",
    "percentile_approx": "differs between the engines",
    "approx_percentile": "differs between the engines",
    "stddev": "differs in its last digits",
    "stddev_samp": "differs in its last digits",
    "avg": "differs for decimals; compute from integers",
    "mean": "differs for decimals; compute from integers",
    "ln": "differs in its last digits",
    "log2": "differs in its last digits",
    "round": "differs for doubles",
    "try_to_date": "missing on Sail; pad and try_cast",
    "monotonically_increasing_id": "depends on partitions",
    "rand": "not the same twice",
    "current_timestamp": "wall clock",
    "current_date": "wall clock",
    "toPandas": "goes through types that lose dates; use toArrow",
    "to_pyarrow_table": "aborts the interpreter at exit now and then",
    "saveAsTable": "tables.py alone writes, with declared schemas",
    "insertInto": "tables.py alone writes, with declared schemas",
    "writeTo": "tables.py alone writes, with declared schemas",
}
FORBIDDEN_TEXT = {
    "partitionOverwriteMode": "replaces the whole table on Sail",
    "txnAppId": "ignored by Sail: a retried append doubles",
    "readChangeFeed": "ignored by Sail",
    "disable_reattachable_execute": "a query that Sail dies in would look like one that has ended",
}
PORTABLE_TYPES = ("string", "bigint", "date", "timestamp", "boolean", "decimal(18,2)")
REGEX_CLASSES = ("\\d", "\\w", "\\s", "(?=", "(?!", "(?<")


def imports_of(path: Path) -> set[str]:
    """Modules that a file imports, absolute."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: relative import"
            found.add(node.module)
            if node.module == "jobs":
                found |= {f"jobs.{alias.name}" for alias in node.names}
    return found


def room_of(module: str, depth: int = 1) -> str:
    """Room of a module below jobs/, or below jobs/common/ with a depth of 2; none for jobs itself."""
    parts = module.split(".")
    return parts[depth] if len(parts) > depth else ""


def module_of(path: Path) -> str:
    parts = path.relative_to(REPOSITORY).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def rooms_beside(path: Path, depth: int = 1) -> set[str]:
    """Other rooms that a module imports; of `from jobs import x` that is x."""
    above = ".".join(module_of(path).split(".")[:depth])
    modules = {name for name in imports_of(path) if name.startswith(f"{above}.")}
    return {room_of(name, depth) for name in modules} - {room_of(module_of(path), depth)}


@pytest.mark.parametrize("path", JOBS, ids=lambda p: p.relative_to(REPOSITORY).as_posix())
def test_rooms_import_only_what_they_may(path):
    room = room_of(module_of(path))
    if room != "common":
        assert rooms_beside(path) <= MAY_IMPORT[room]
        return
    assert not rooms_beside(path), "the ground floor imports nothing else of jobs"
    inner = room_of(module_of(path), 2)
    if inner:
        assert rooms_beside(path, 2) <= COMMON[inner]


def test_every_room_has_a_law_and_every_law_a_room():
    assert {room_of(module_of(path)) for path in JOBS} == {*MAY_IMPORT, "common"}
    inner = {room_of(module_of(path), 2) for path in JOBS if room_of(module_of(path)) == "common"}
    assert inner == {*COMMON, ""}


@pytest.mark.parametrize("path", DAGS, ids=lambda p: p.name)
def test_dags_hold_wiring_only(path):
    forbidden = {"jobs", "pyspark", "pandas", "polars", "deltalake", "pyarrow"}
    assert not {name.split(".")[0] for name in imports_of(path)} & forbidden


@pytest.mark.parametrize("path", JOBS, ids=lambda p: p.relative_to(REPOSITORY).as_posix())
def test_only_portable_api_is_used(path):
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    if any(name.startswith("pyspark") for name in imports_of(path)):
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute):
                assert node.attr not in FORBIDDEN_NAMES, f"line {node.lineno}: {node.attr} {FORBIDDEN_NAMES[node.attr]}"
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and "\n" not in node.value:
                for token in REGEX_CLASSES:
                    assert token not in node.value, f"line {node.lineno}: {token} differs between the engines"
    for token, why in FORBIDDEN_TEXT.items():
        assert token not in text, f"{token}: {why}"


def test_rows_files_and_schemas_of_delta_have_a_module_each_and_one_knows_the_engine():
    delta = {
        p.relative_to(REPOSITORY).as_posix() for p in JOBS if any(n.startswith("deltalake") for n in imports_of(p))
    }
    assert delta == {f"jobs/common/lake/{name}.py" for name in ("tables", "delta_files", "delta_ddl")}
    engine = {p.relative_to(REPOSITORY).as_posix() for p in JOBS if any(n.startswith("pysail") for n in imports_of(p))}
    assert engine == {"jobs/common/lake/engine.py"}
    for path in JOBS:
        if path.name != "engine.py":
            assert "SparkSession.builder" not in path.read_text(encoding="utf-8"), path


def test_suites_are_a_folder_of_the_configuration_which_audit_judges_by_and_pages_quote():
    """The ground floor overlays, keeps and checks them with all other files, so that a night is judged by its own."""
    named = [path for path in JOBS if '"expectations"' in path.read_text(encoding="utf-8")]
    assert [path.relative_to(REPOSITORY).as_posix() for path in named] == ["jobs/common/base/workspace.py"]
    readers = {room_of(module_of(path)) for path in JOBS if "jobs.common.run.suites" in imports_of(path)}
    assert readers == {"common", "audit", "portal"}


@pytest.mark.parametrize("path", JOBS + DAGS, ids=lambda p: p.relative_to(REPOSITORY).as_posix())
def test_files_say_what_they_are_and_functions_are_short(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    if path.name != "__main__.py":
        assert ast.get_docstring(tree), "module docstring"
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            assert node.end_lineno - node.lineno < MOST_LINES, f"{node.name} is too long"
            assert branches(node) <= MOST_BRANCHES, f"{node.name} decides too much"


def branches(function: ast.FunctionDef) -> int:
    """Places where a function goes one way or another: also each part of a comprehension, and each `and` and `or`."""
    found = 0
    for node in ast.walk(function):
        if isinstance(node, ast.If | ast.For | ast.While | ast.IfExp | ast.ExceptHandler | ast.match_case):
            found += 1
        elif isinstance(node, ast.comprehension):
            found += 1 + len(node.ifs)
        elif isinstance(node, ast.BoolOp):
            found += len(node.values) - 1
    return found


@pytest.mark.parametrize(
    ("body", "count"),
    [
        ("return 1", 0),
        ("if a and b or c: return 1", 3),
        ("return [x for y in z if y for x in y if x > 1 if x < 3]", 5),
        ("for x in y:\n        return 1 if x else 2", 2),
    ],
)
def test_branches_are_counted_one_by_one(body: str, count: int):
    [function] = ast.parse(f"def f():\n    {body}").body
    assert branches(function) == count


def test_stages_say_what_they_read_write_and_refuse():
    for stage in STAGES:
        path = REPOSITORY / "jobs" / f"{stage}.py"
        path = path if path.exists() else REPOSITORY / "jobs" / stage / "stage.py"
        docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        for word in ("Reads:", "Writes:"):
            assert word in docstring, f"{path}: {word}"
        assert "Refuses" in docstring or "Exit code" in docstring, path


def test_declared_tables_use_portable_types():
    conf = Conf(list_files(REPOSITORY_CONF).files)
    for table in declared_tables(conf.sources, conf.tables).values():
        for column in table.columns:
            assert column.type in PORTABLE_TYPES, f"{table.name}.{column.name}"
            assert 1 <= column.level <= 4
            assert column.comment
        assert set(table.key) <= set(table.names)
