"""The tasks of the DAGs: a stage run in the jobs' own environment, what its exit code asks for, and who hears of a delay."""

import json
import os
import shlex
import subprocess
from pathlib import Path
from zoneinfo import ZoneInfo

from airflow.sdk import Asset, AssetAlias, Metadata, task
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

REPOSITORY = Path(__file__).resolve().parents[1]
HOME = REPOSITORY / os.environ.get("JICENG_HOME", ".jiceng")
PYTHON = os.environ.get("JICENG_PYTHON", str(REPOSITORY / ".venv/bin/python"))
RELEASED = AssetAlias("refined")  # stands for the assets refined.<table> of whatever tables a run releases
# By exit code; 2 and 3 are the same however often a task is tried.
WHAT_TO_DO = {
    1: "it crashed, and the lines above say where; readers see the last release. Clear this run",
    2: "the line above says what of workspace or configuration to mend; then clear this run",
    3: "gate or books refused, nothing is published. `jiceng status` and `jiceng books` say why; mend it, then clear this run",
    4: "somebody works on this workspace, or has left a run open: `jiceng status` says who; it is tried again",
}


def call(stage: str, *arguments: str) -> str:
    """Run a stage with its lines in the task's log; return the last JSON object among them."""
    command, answer = [PYTHON, "-u", "-m", f"jobs.{stage}", "--home", str(HOME), *arguments], ""
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=-1, stderr=subprocess.STDOUT, text=True) as process:
        for line in process.stdout:
            print(line, end="", flush=True)
            answer = line if line.startswith("{") else answer
    if code := process.returncode:
        note = f"{stage} ended with exit code {code}: {WHAT_TO_DO.get(code, WHAT_TO_DO[1])}"
        raise (AirflowFailException if code in (2, 3) else RuntimeError)(note)
    return answer


def night_of(params: dict, dag_run) -> tuple[str, str]:
    if params["night"]:
        return "--night", params["night"]
    return "--by-clock", str((dag_run.logical_date or dag_run.run_after).astimezone(ZoneInfo("Asia/Shanghai")).date())


@task
def fetch(params: dict, dag_run) -> None:
    call("fetch", *night_of(params, dag_run))


@task
def start(params: dict, dag_run, ti) -> list[str]:
    run = json.loads(call("start", *night_of(params, dag_run)))
    ti.xcom_push("run", run["run_id"])
    return run["sources"]


@task
def run_stage(stage: str, run: str, source: str = "") -> None:
    call(stage, "--run-id", run, *(["--source", source] if source else []))


@task.short_circuit(ignore_downstream_trigger_rules=False)
def gate(run: str) -> str | None:
    return json.loads(call("release.question", "--run-id", run))["question"]  # None: nobody is asked


@task(trigger_rule="none_failed")
def release(ti) -> None:
    run = ti.xcom_pull(task_ids="start", key="run")  # no argument: only a task that waits for all may follow a setup
    answer = ti.xcom_pull(task_ids="approve")  # None where nobody was asked
    who, why = (answer["responded_by_user"]["name"], answer["params_input"]["because"]) if answer else ("", "")
    call("release", "--run-id", run, *([f"--approved-by={who}", f"--because={why}"] if answer else []))


@task(outlets=[RELEASED])
def announce(run: str):
    """One event for each table that the run released: an alias, as only the summary knows which tables there are."""
    summary = json.loads((HOME / "runs" / run / "summary.json").read_text())
    if summary["release_id"] != run:
        raise AirflowSkipException(f"run {run} released nothing")
    released = {key: summary[key] for key in ("verdict", "release_id")}
    for name, table in summary["tables"].items():
        if name.startswith("refined.") and table["version"]:  # version 0: never filled
            yield Metadata(Asset(name), table | released, alias=RELEASED)


def tell_delay(hours: float, context: dict, **_) -> None:
    """Say that a night is late, in the log and to the command in JICENG_ALERT, which gets the note on its input."""
    run = context["dag_run"]["dag_run_id"]
    note = f"jiceng: {run} has published nothing {hours:g} hours after its start; `jiceng status` says where it is"
    print(note, flush=True)
    if command := os.environ.get("JICENG_ALERT"):
        subprocess.run(shlex.split(command), input=note, text=True, check=True, timeout=60)
