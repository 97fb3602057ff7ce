"""The laws of the house, read from the code: who imports whom, what no job may use, how long a file may be."""

import ast
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
JOBS = sorted((REPOSITORY / "jobs").rglob("*.py"))
DAGS = sorted((REPOSITORY / "dags").rglob("*.py"))
STAGES = {"start", "extract", "land", "harmonise", "match", "merge", "audit", "release", "finish", "maintain"}
MAY_IMPORT_ALL = {"cli"}

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


def room_of(path: Path) -> str:
    """First part of a file's place below jobs/."""
    return path.relative_to(REPOSITORY / "jobs").parts[0].removesuffix(".py")


def room_names(path: Path) -> list[str]:
    return [name.split(".")[1] for name in imports_of(path) if name.startswith("jobs.")]


@pytest.mark.parametrize("path", JOBS, ids=lambda p: p.relative_to(REPOSITORY).as_posix())
def test_rooms_import_only_what_they_may(path):
    room = room_of(path)
    imported = set(room_names(path)) - {room}
    if room == "common":
        assert not imported, "the ground floor imports nothing else of jobs"
    elif room == "sample":
        assert not imported, "the sample town stands alone"
    elif room in MAY_IMPORT_ALL:
        pass
    elif room == "__init__":
        assert imported <= {"common"}
    else:
        assert imported <= {"common"}, f"{room} imports {imported - {'common'}}"


def test_nothing_imports_the_command_line_and_only_it_the_sample_town():
    for path in JOBS:
        rooms = set(room_names(path)) - {room_of(path)}
        assert room_of(path) == "cli" or not rooms & {"cli", "sample"}, path


def test_every_stage_is_a_room():
    assert {room_of(path) for path in JOBS} == STAGES | MAY_IMPORT_ALL | {"common", "sample", "demo", "__init__"}


@pytest.mark.parametrize("path", DAGS, ids=lambda p: p.name)
def test_dags_hold_wiring_only(path):
    forbidden = {"jobs", "pyspark", "pandas", "polars", "deltalake", "pyarrow"}
    assert not {name.split(".")[0] for name in imports_of(path)} & forbidden
    assert len(path.read_text(encoding="utf-8").splitlines()) < 80


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
    assert delta == {f"jobs/common/{name}.py" for name in ("tables", "table_files", "table_schema")}
    engine = {p.relative_to(REPOSITORY).as_posix() for p in JOBS if any(n.startswith("pysail") for n in imports_of(p))}
    assert engine == {"jobs/common/engine.py"}
    for path in JOBS:
        if path.name != "engine.py":
            assert "SparkSession.builder" not in path.read_text(encoding="utf-8"), path


def test_only_audit_reads_expectations():
    readers = {room_of(path) for path in JOBS if '"expectations"' in path.read_text(encoding="utf-8")}
    assert readers == {"audit"}


@pytest.mark.parametrize("path", JOBS + DAGS, ids=lambda p: p.relative_to(REPOSITORY).as_posix())
def test_files_are_short_and_say_what_they_are(path):
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 400
    if path.name != "__main__.py":
        assert ast.get_docstring(ast.parse(text)), "module docstring"


def test_stages_say_what_they_read_write_and_refuse():
    for stage in STAGES:
        path = REPOSITORY / "jobs" / f"{stage}.py"
        path = path if path.exists() else REPOSITORY / "jobs" / stage / "stage.py"
        docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        for word in ("Reads:", "Writes:"):
            assert word in docstring, f"{path}: {word}"
        assert "Refuses" in docstring or "Exit code" in docstring, path


def test_declared_tables_use_portable_types():
    from jobs.common.conf import Conf
    from jobs.common.conf_files import list_files
    from jobs.common.schemas import declared_tables
    from jobs.common.workspace import REPOSITORY_CONF

    conf = Conf(list_files(REPOSITORY_CONF).files)
    for table in declared_tables(conf.sources, conf.model).values():
        for column in table.columns:
            assert column.type in PORTABLE_TYPES, f"{table.name}.{column.name}"
            assert 1 <= column.level <= 4
            assert column.comment
        assert set(table.key) <= set(table.names)
