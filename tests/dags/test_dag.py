"""The nightly DAG: wiring only, documented, one run at a time.

Airflow lives in an environment of its own, so its view of the DAG is asked for in a process of its own.
"""

import ast
import json
import os
import subprocess
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from jobs.common.run.stage import STAGES
from tests.support.constants import REPOSITORY

FILES = sorted((REPOSITORY / "dags").glob("*.py"))
DAG_FILES = [path for path in FILES if path.stem != "stages"]  # which has the tasks
AIRFLOW_PYTHON = REPOSITORY / ".venv-airflow/bin/python"
TAGS = {"nightly", "analysis", "maintenance"}

DESCRIBE = """
import json, sys
from pathlib import Path
from airflow.dag_processing.dagbag import DagBag
bag = DagBag(sys.argv[1])
print("DAGS " + json.dumps({"errors": bag.import_errors, "dags": {name: {
    "doc_md": dag.doc_md, "tags": sorted(dag.tags), "max_active_runs": dag.max_active_runs, "catchup": dag.catchup,
    "deadlines": [[d.reference.reference_name, d.interval.total_seconds()] for d in dag.deadline or []],
    "schedule": dag.timetable.expression, "timezone": str(dag.timetable.timezone),
    "tasks": {t.task_id: {"owner": t.owner, "retries": t.retries, "downstream": sorted(t.downstream_task_ids),
                          "outlets": [asset.name for asset in t.outlets], "mapped": t.get_closest_mapped_task_group() is not None,
                          "label": getattr(t, "map_index_template", None), "setup": t.is_setup, "teardown": t.is_teardown,
                          "rule": t.trigger_rule.value, "group": t.task_group.group_id}
              for t in dag.tasks}} for name, dag in bag.dags.items()}}))
"""


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What Airflow reads from the DAG folder."""
    if not AIRFLOW_PYTHON.exists():
        if os.environ.get("CI"):
            pytest.fail("CI must have .venv-airflow: make setup")
        pytest.skip("no .venv-airflow here: make setup")
    home = tmp_path_factory.mktemp("airflow")
    settings = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    settings |= {"AIRFLOW_HOME": str(home), "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
    settings["PYTHONPATH"] = str(REPOSITORY / "dags")  # as Airflow has it when it reads a folder of DAGs
    answer = subprocess.run(
        [AIRFLOW_PYTHON, "-c", DESCRIBE, REPOSITORY / "dags"], env=settings, capture_output=True, text=True, check=False
    )
    line = next((line for line in answer.stdout.splitlines() if line.startswith("DAGS ")), None)
    assert line, answer.stderr
    found: dict[str, Any] = json.loads(line.removeprefix("DAGS "))
    return found


@pytest.fixture
def nightly(described: dict[str, Any]) -> Any:
    return described["dags"]["nightly"]


def test_dags_import_without_an_error(described: dict[str, Any]) -> None:
    assert described["errors"] == {}
    assert set(described["dags"]) == {path.stem for path in DAG_FILES}


def test_each_dag_has_docs_owner_known_tags_and_one_run_at_a_time(described: dict[str, Any]) -> None:
    for name, dag in described["dags"].items():
        assert dag["doc_md"], f"{name}: a docstring after the imports is no docs"
        for word in ("failed task", "Rerun", "Logs"):
            assert word in dag["doc_md"], f"{name}: the triage notes lack {word!r}"
        assert dag["tags"], name
        assert set(dag["tags"]) <= TAGS, name
        assert dag["max_active_runs"] == 1, name
        assert {task["owner"] for task in dag["tasks"].values()} == {"data-engineering"}, name


def test_nightly_runs_once_a_night_in_shanghai(nightly: dict[str, Any]) -> None:
    assert nightly["schedule"] == "0 2 * * *"
    assert nightly["timezone"] == "Asia/Shanghai"
    assert nightly["catchup"] is False
    retries = {name: task["retries"] for name, task in nightly["tasks"].items()}
    assert retries.pop("finish") == 0  # it fails where an earlier task did: nothing to try again
    assert retries.pop("approve") == 0  # nobody is asked twice
    assert set(retries.values()) == {1}


def test_nightly_tasks_follow_the_way_of_the_data(nightly: dict[str, Any]) -> None:
    expected = {
        "fetch": ["start"],
        "deliver.extract": ["deliver.land"],
        "deliver.land": ["harmonise"],
        "harmonise": ["match"],
        "match": ["merge"],
        "merge": ["analyse"],
        "analyse": ["audit"],
        "audit": ["gate"],
        "gate": ["approve"],
        "approve": ["release"],
        "release": ["announce", "finish"],
        "finish": ["announce"],  # the teardown: it follows whatever failed
        "announce": [],
    }
    downstream = {name: task["downstream"] for name, task in nightly["tasks"].items()}
    assert {"deliver.extract", "finish"} <= set(downstream.pop("start"))
    assert downstream == expected


def test_nightly_has_the_stages_of_a_night_in_their_order(nightly: dict[str, Any]) -> None:
    """The DAG cannot import the list that `jiceng run` goes by."""
    after = {name.removeprefix("deliver."): task["downstream"] for name, task in nightly["tasks"].items()}
    beside = {"start", "gate", "approve", "finish", "announce", "fetch"}
    assert set(after) - beside == set(STAGES)
    for stage, following in pairwise(STAGES[:-1]):
        assert [name.removeprefix("deliver.") for name in after[stage]] == [following]


def test_release_waits_for_the_answer_where_somebody_is_asked(nightly: dict[str, Any]) -> None:
    """A question that is not asked is skipped, and a failure before it is not published over."""
    rules = {name: task["rule"] for name, task in nightly["tasks"].items()}
    assert (rules["gate"], rules["approve"], rules["release"]) == ("all_success", "all_success", "none_failed")


def test_each_part_of_the_night_is_a_group(nightly: dict[str, Any]) -> None:
    groups = {name: task["group"] for name, task in nightly["tasks"].items()}
    assert groups == {
        "fetch": None, "start": None, "finish": None,
        "deliver.extract": "deliver", "deliver.land": "deliver",
        "harmonise": "refine", "match": "refine", "merge": "refine", "analyse": "refine",
        "audit": "publish", "gate": "publish", "approve": "publish", "release": "publish",
        "announce": "tell",
    }  # fmt: skip


def test_somebody_hears_of_it_when_the_night_is_late(nightly: dict[str, Any]) -> None:
    assert nightly["deadlines"] == [["DagRunQueuedAtDeadline", 4 * 3600]]


def test_finish_closes_the_run_that_start_opened(nightly: dict[str, Any]) -> None:
    assert [name for name, task in nightly["tasks"].items() if task["setup"]] == ["start"]
    assert [name for name, task in nightly["tasks"].items() if task["teardown"]] == ["finish"]


def test_sources_are_mapped_by_name(nightly: dict[str, Any]) -> None:
    mapped = {name: task["label"] for name, task in nightly["tasks"].items() if task["mapped"]}
    assert set(mapped) == {"deliver.extract", "deliver.land"}
    assert all("source" in label for label in mapped.values())


def test_released_tables_are_announced_under_one_alias(nightly: dict[str, Any]) -> None:
    """Which tables there are, the summary of the run says: no list of them is kept in the DAG."""
    outlets = {name: task["outlets"] for name, task in nightly["tasks"].items() if task["outlets"]}
    assert outlets == {"announce": ["refined"]}


ANNOUNCE = """
import json, sys
import stages
told = stages.announce.function(sys.argv[1])
try:
    print("TOLD " + json.dumps([[event.asset.name, event.extra, event.alias.name] for event in told]))
except stages.AirflowSkipException as skipped:
    print("TOLD " + json.dumps(str(skipped)))
"""


def announced(home: Path, run: str) -> Any:
    """What the task tells of a run."""
    settings = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    settings |= {
        "AIRFLOW_HOME": str(home / "airflow"),
        "PYTHONPATH": str(REPOSITORY / "dags"),
        "JICENG_HOME": str(home),
    }
    command = [AIRFLOW_PYTHON, "-c", ANNOUNCE, run]
    answer = subprocess.run(command, env=settings, capture_output=True, text=True, check=False)
    [line] = [line for line in answer.stdout.splitlines() if line.startswith("TOLD ")] or [answer.stderr]
    return json.loads(line.removeprefix("TOLD "))


@pytest.mark.skipif(not AIRFLOW_PYTHON.exists(), reason="no .venv-airflow here: make setup")
def test_each_table_that_a_run_released_has_one_event(tmp_path: Path) -> None:
    """Also one that the shipped model does not know; not one that was never filled, nor another layer's."""
    entry = {"rows": 2, "version": 1, "fingerprint": "2-7"}
    tables = {
        "candidate.service_visit": entry,
        "refined.service_visit": entry,
        "refined.resident": entry | {"rows": 5, "version": 3},
        "refined.appeal": entry | {"rows": 0, "version": 0},
    }
    summary = {"release_id": "2026-01-01.1", "verdict": "complete", "tables": tables}
    for run in ("2026-01-01.1", "2026-01-01.2"):
        (tmp_path / "runs" / run).mkdir(parents=True)
        (tmp_path / "runs" / run / "summary.json").write_text(json.dumps(summary), encoding="utf-8")
    told = {"verdict": "complete", "release_id": "2026-01-01.1"}
    assert announced(tmp_path, "2026-01-01.1") == [
        ["refined.service_visit", {"rows": 2, "version": 1, "fingerprint": "2-7"} | told, "refined"],
        ["refined.resident", {"rows": 5, "version": 3, "fingerprint": "2-7"} | told, "refined"],
    ]
    assert announced(tmp_path, "2026-01-01.2") == "run 2026-01-01.2 released nothing"


@pytest.fixture
def maintenance(described: dict[str, Any]) -> Any:
    return described["dags"]["maintenance"]


def test_maintenance_runs_once_a_week_when_the_night_is_long_over(maintenance: dict[str, Any]) -> None:
    assert maintenance["schedule"] == "0 6 * * 0"
    assert maintenance["timezone"] == "Asia/Shanghai"
    assert maintenance["catchup"] is False
    assert maintenance["tags"] == ["maintenance"]


def test_maintenance_is_one_task_that_waits_for_a_busy_workspace(maintenance: dict[str, Any]) -> None:
    [(name, task)] = maintenance["tasks"].items()
    assert (name, task["downstream"], task["outlets"]) == ("maintain", [], [])
    assert task["retries"] >= 3
    for code in ("exit code 4", "exit code 2", "exit code 1"):
        assert code in maintenance["doc_md"]


def imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or "").partition(".")[0]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_dag_file_holds_wiring_only(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    assert set(imported(tree)) <= {
        "airflow",
        "json",
        "os",
        "datetime",
        "pathlib",
        "shlex",
        "stages",
        "subprocess",
        "zoneinfo",
    }
    assert ast.get_docstring(tree), "the docstring comes first"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_dag_file_reads_nothing_when_it_is_parsed(path: Path) -> None:
    """Calls outside a function body that would touch files, processes or the network."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    touching = {"open", "read_text", "read_bytes", "glob", "iterdir", "exists", "run", "Popen", "call", "get_config"}
    functions = {id(inner) for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) for inner in ast.walk(node)}
    at_parse = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and id(node) not in functions]
    assert not {getattr(call.func, "attr", getattr(call.func, "id", "")) for call in at_parse} & touching
