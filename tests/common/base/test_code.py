"""Which code decides whether a night may build on the last one: found from the imports, never listed by hand."""

import ast
import shutil
from datetime import date
from pathlib import Path

import pytest

from jobs.common.base.code import JOBS, code_hash, code_version, imported_files, imported_modules
from jobs.common.base.workspace import Workspace
from jobs.common.lake.tables import Lake
from jobs.common.run import incremental
from jobs.common.run.conf import Conf
from jobs.common.run.incremental import IncrementalState
from jobs.common.run.runs import CLI, Run, all_runs, close_run, record_open
from jobs.common.run.stage import Context
from jobs.harmonise import cleaning_rules as rules
from jobs.operate.replay import other_code

ROOTS = ("jobs.harmonise.stage", "jobs.match.stage", "jobs.merge.stage")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The package once more, to be changed."""
    ignored = shutil.ignore_patterns("__pycache__", "sample", "demo")
    shutil.copytree(JOBS, tmp_path / "jobs", ignore=ignored)
    return tmp_path / "jobs"


def hash_of(root: str, jobs: Path) -> str:
    code_hash.cache_clear()
    imported_files.cache_clear()
    return code_hash(root, jobs)


def names(root: str, jobs: Path = JOBS) -> set[str]:
    return {file.relative_to(jobs).as_posix() for file in imported_files(root, jobs)}


@pytest.mark.parametrize("root", ROOTS)
def test_the_code_of_a_stage_is_all_that_it_imports(root: str) -> None:
    shared = {"lake/tables.py", "lake/versions.py", "lake/engine.py", "lake/predicates.py", "model/records.py"}
    shared |= {"contracts/sources.py", "intake/keyed_rows.py"}
    stage = root.split(".")[1]
    own = {path.relative_to(JOBS).as_posix() for path in (JOBS / stage).rglob("*.py") if path.name != "__main__.py"}
    assert names(root) >= {f"common/{name}" for name in shared} | own
    assert not {
        name for name in names(root) if name.startswith(("cli/", "operate/", "read/", "audit/", "sample/", "land/"))
    }


@pytest.mark.parametrize("path", sorted(JOBS.rglob("*.py")), ids=lambda path: path.relative_to(JOBS).as_posix())
def test_imports_are_those_that_python_sees(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    seen = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            seen |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            seen |= {str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names)}
    assert {name for name in seen if name.split(".")[0] == "jobs"} <= set(imported_modules(text))


@pytest.mark.parametrize("root", ROOTS)
def test_a_change_of_what_is_imported_tells(copy: Path, root: str) -> None:
    before = hash_of(root, copy)
    for name in (
        "common/lake/tables.py",
        "common/lake/versions.py",
        "common/model/records.py",
        f"{root.split('.')[1]}/stage.py",
    ):
        with (copy / name).open("a") as handle:
            handle.write("\n# changed\n")
        now = hash_of(root, copy)
        assert now != before, name
        before = now


@pytest.mark.parametrize("name", ["cli/app.py", "audit/stage.py", "common/releases/releases.py", "finish.py"])
def test_a_change_of_other_code_does_not(copy: Path, name: str) -> None:
    before = {root: hash_of(root, copy) for root in ROOTS}
    with (copy / name).open("a") as handle:
        handle.write("\n# changed\n")
    assert {root: hash_of(root, copy) for root in ROOTS} == before


def test_a_module_that_is_imported_from_now_on_counts(copy: Path) -> None:
    (copy / "common" / "later.py").write_text('"""New."""\n')
    before = hash_of("jobs.match.stage", copy)
    assert "common/later.py" not in names("jobs.match.stage", copy)
    with (copy / "match" / "clusters.py").open("a") as handle:
        handle.write(
            "\n\ndef late() -> None:\n    from jobs.common import (\n        later,  # inside of a function\n    )\n"
        )
    assert hash_of("jobs.match.stage", copy) != before
    assert "common/later.py" in names("jobs.match.stage", copy)


def test_a_module_that_its_package_finds_by_itself_counts(copy: Path) -> None:
    """No line imports a matcher: its folder is looked through."""
    before = hash_of("jobs.match.stage", copy)
    (copy / "match" / "matchers" / "later.py").write_text('"""New."""\n\nfrom jobs.common.base import csv_file\n')
    assert hash_of("jobs.match.stage", copy) != before
    assert names("jobs.match.stage", copy) >= {"match/matchers/later.py", "common/base/csv_file.py"}


def test_a_name_that_moves_to_another_module_tells(copy: Path) -> None:
    """The same bytes under other names are other code."""
    before = hash_of("jobs.merge.stage", copy)
    one, other = copy / "common/lake/predicates.py", copy / "common/base/errors.py"
    texts = one.read_text(), other.read_text()
    one.write_text(texts[1])
    other.write_text(texts[0])
    assert hash_of("jobs.merge.stage", copy) != before


def record(lake: Lake, night: date, verdict: str | None = "complete", code: str = code_version()) -> Run:
    run = Run(f"{night}.1", night, CLI, "", None)
    record_open(lake, run)
    if verdict:
        close_run(lake, run, verdict)
    row = {**lake.rows("ops.run", {"run_id": run.run_id}).to_pylist()[0], "code_version": code}
    lake.upsert("ops.run", lake.table_of("ops.run", [row]))
    return run


def test_a_stage_builds_on_the_last_night_only_under_the_same_code(
    workspace: Workspace, conf: Conf, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    nights = [date(2026, 1, day) for day in (1, 2)]
    first, second = (Context(workspace, conf, lake, record(lake, night)) for night in nights)
    for context in (first, second):
        (workspace.run_dir(context.run.run_id) / "carried").mkdir(parents=True)
        (workspace.run_dir(context.run.run_id) / "plan.json").write_text('{"nothing_new": false}')
    IncrementalState(first, "match", ["links.mention"]).keep(numbering=3)
    assert IncrementalState(second, "match", ["links.mention"]).last() == {"numbering": 3}
    monkeypatch.setattr(incremental, "code_hash", lambda root: "other code")
    assert IncrementalState(second, "match", ["links.mention"]).last() is None


def test_the_rules_of_a_record_are_others_under_other_code(conf: Conf, monkeypatch: pytest.MonkeyPatch) -> None:
    obj = conf.sources["police"].objects[0]
    before = rules.rules_hash(conf, obj, conf.records["resident"], "person")
    monkeypatch.setattr(rules, "code_hash", lambda root: "other code")
    assert rules.rules_hash(conf, obj, conf.records["resident"], "person") != before


def test_replay_tells_nights_of_other_code(workspace: Workspace, lake: Lake) -> None:
    record(lake, date(2026, 1, 1), code="0.1.0")
    record(lake, date(2026, 1, 2), code="0.1.0+00000000")
    assert other_code(workspace) == (
        "2 of 2 runs (nights 2026-01-01 to 2026-01-02) were made by the code 0.1.0, 0.1.0+00000000, and this is "
        f"{code_version()}: what differs may come of that"
    )
    assert other_code(workspace, date(2025, 12, 31)) is None


def test_a_run_keeps_the_code_that_made_it(lake: Lake) -> None:
    record_open(lake, Run("2026-01-01.1", date(2026, 1, 1), CLI, "", None))
    assert [run.code_version for run in all_runs(lake)] == [code_version()]


def test_the_version_tells_code_apart() -> None:
    version, plus, digits = code_version().partition("+")
    assert (version, plus, len(digits)) == ("0.1.0", "+", 8)


def test_a_module_that_is_none_is_refused() -> None:
    with pytest.raises(ModuleNotFoundError, match=r"jobs\.match\.stages"):
        imported_files("jobs.match.stages")
