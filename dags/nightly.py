"""### One night: from the files handed over to the released tables
**In**: `inbox/<system>/…` of the workspace (`JICENG_HOME`). **Out**: the tables `refined.*`, one asset each, whose event carries
rows, verdict and release id. **Night**: the parameter `night` (`YYYY-MM-DD`), else the date of the run in Asia/Shanghai.

| failed task | what it means | what to do |
|---|---|---|
| `start` | another run is live or open, or the workspace is not usable: its last line says which | `jiceng status` |
| `deliver` | crashed for one source; others go on. A refused *file* is no failure: the night is `incomplete` | clear this run |
| `harmonise` … `audit` | the stage crashed; readers see the last release | clear this run |
| `release` | gate or books refused; nothing is published, and no retry changes that | `jiceng books`; mend it; clear this run |
| `announce_…` | released, only the news failed. *Skipped*: the table was not released by this run | clear the task |

**Rerun**: always safe, by clearing this run or triggering the night again: each stage does only what is missing. `finish` closes
the run whatever happened. **Logs**: here, by task; in the workspace `runs/<run_id>/` `log.jsonl` and `summary.json`."""

import json
import os
from pathlib import Path
from subprocess import PIPE, STDOUT, Popen
from zoneinfo import ZoneInfo

from airflow.sdk import DAG, Asset, CronTriggerTimetable, Metadata, Param, chain, task, task_group
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

REPOSITORY = Path(__file__).resolve().parents[1]
HOME = REPOSITORY / os.environ.get("JICENG_HOME", ".jiceng")
PYTHON = os.environ.get("JICENG_PYTHON", str(REPOSITORY / ".venv/bin/python"))


def call(stage: str, *arguments: str) -> str:
    """Run a stage with its lines in the task's log; return the last JSON object among them."""
    command, answer = [PYTHON, "-u", "-m", f"jobs.{stage}", "--home", str(HOME), *arguments], ""
    with Popen(command, cwd=REPOSITORY, stdout=PIPE, stderr=STDOUT, text=True) as process:
        for line in process.stdout:
            print(line, end="", flush=True)
            answer = line if line.startswith("{") else answer
    if code := process.returncode:  # 2 (usage, workspace) and 3 (refused) are the same however often it is tried
        raise (AirflowFailException if code in (2, 3) else RuntimeError)(f"{stage} ended with exit code {code}")
    return answer


@task
def start(params: dict, dag_run, ti) -> list[str]:
    date = (dag_run.logical_date or dag_run.run_after).astimezone(ZoneInfo("Asia/Shanghai")).date()
    run = json.loads(call("start", "--night", params["night"] or str(date), "--driver", "airflow"))
    ti.xcom_push("run", run["run_id"])
    return run["sources"]


@task
def run_stage(stage: str, run: str, source: str = "") -> None:
    call(stage, "--run-id", run, *(["--source", source] if source else []))


@task
def announce(table: str, run: str):
    summary = json.loads((HOME / "runs" / run / "summary.json").read_text())
    if summary["release_id"] != run or not summary["tables"].get(table, {}).get("version"):  # version 0: never filled
        raise AirflowSkipException(f"run {run} released no {table}")
    yield Metadata(Asset(table), summary["tables"][table] | {key: summary[key] for key in ("verdict", "release_id")})


with DAG("nightly", schedule=CronTriggerTimetable("0 2 * * *", timezone="Asia/Shanghai"), catchup=False, max_active_runs=1,
         max_active_tasks=2, params={"night": Param(None, type=["null", "string"], format="date")}, tags=["nightly"],
         default_args={"owner": "data-engineering", "retries": 1, "retry_delay": 30.0}, doc_md=__doc__):  # fmt: skip
    sources = start()
    run = sources["run"]

    @task_group
    def deliver(source: str) -> None:
        named = run_stage.override(map_index_template="{{ task.op_kwargs['source'] }}")
        chain(*(named.override(task_id=stage)(stage, run, source=source) for stage in ("extract", "land")))

    stages = [run_stage.override(task_id=s)(s, run) for s in ("harmonise", "match", "merge", "audit", "release")]
    finish = run_stage.override(task_id="finish", retries=0)("finish", run).as_teardown(setups=sources)
    chain(deliver.expand(source=sources), *stages, finish)
    for table in ("refined.resident", "refined.resident_status", "refined.appeal"):
        news = announce.override(task_id=table.replace("refined.", "announce_"), outlets=[Asset(table)])(table, run)
        chain([stages[-1], finish], news)  # finish alone also follows a failure; release makes the DAG run fail then
