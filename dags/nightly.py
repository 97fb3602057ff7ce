"""### One night: from the files handed over to the released tables
**In**: `inbox/<system>/…` of the workspace (`JICENG_HOME`). **Out**: the tables `refined.*`, one asset each, whose event carries
rows, verdict and release id. **Night**: the parameter `night` (`YYYY-MM-DD`), else the date of the run in Asia/Shanghai.

| failed task | what it means | what to do |
|---|---|---|
| `fetch` | crashed, or the workspace is not usable. A *source* that fails is none: the night is `incomplete` | clear this run |
| `start` | another run is live or open, or the workspace is not usable: its last line says which | `jiceng status` |
| `deliver` | crashed for one source; others go on. A refused *file* is no failure: the night is `incomplete` | clear this run |
| `harmonise` … `audit` | the stage crashed; readers see the last release | clear this run |
| `approve` *waits* | only rules failed that a person may override: it shows them, and what readers would see change | answer it |
| `approve` | rejected, or not answered for 14 hours; nothing is published | mend it; clear this run |
| `release` | gate or books refused; nothing is published, and no retry changes that | `jiceng books`; mend it; clear this run |
| `announce` | released, only the news failed. *Skipped*: this run released nothing | clear the task |

**Rerun**: always safe, by clearing this run or triggering the night again: each stage does only what is missing. `finish` closes
the run whatever happened. **Late**: after four hours (`JICENG_LATE_HOURS`) the command `JICENG_ALERT` gets a note on its input.
**Logs**: here, by task; in the workspace `runs/<run_id>/` `log.jsonl` and `summary.json`."""

import os
from datetime import timedelta

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import (
    DAG,
    CronTriggerTimetable,
    DeadlineAlert,
    DeadlineReference,
    Param,
    SyncCallback,
    TaskGroup,
    chain,
    task_group,
)
from stages import announce, fetch, gate, release, run_stage, start, tell_delay

SCHEDULE = os.environ.get("JICENG_SCHEDULE", "0 2 * * *")  # empty: by hand only
LATE, PATIENCE = float(os.environ.get("JICENG_LATE_HOURS", "4") or 0), timedelta(hours=14)  # 0 or empty: nobody is told
ALERT = DeadlineAlert(
    DeadlineReference.DAGRUN_QUEUED_AT, timedelta(hours=LATE), SyncCallback(tell_delay, {"hours": LATE})
)

with DAG("nightly", catchup=False, max_active_runs=1, max_active_tasks=2,
         schedule=CronTriggerTimetable(SCHEDULE, timezone="Asia/Shanghai") if SCHEDULE else None,
         params={"night": Param(None, type=["null", "string"], format="date")}, tags=["nightly"],
         default_args={"owner": "data-engineering", "retries": 1, "retry_delay": 30.0}, doc_md=__doc__,
         deadline=ALERT if LATE else None):  # fmt: skip
    fetched, sources = fetch(), start()
    run = sources["run"]
    fetched >> sources  # what is fetched lies in the inbox by the time that the night is planned

    @task_group
    def deliver(source: str) -> None:
        named = run_stage.override(map_index_template="{{ task.op_kwargs['source'] }}")
        chain(*(named.override(task_id=stage)(stage, run, source=source) for stage in ("extract", "land")))

    with TaskGroup("refine", prefix_group_id=False) as refine:
        chain(*(run_stage.override(task_id=stage)(stage, run) for stage in ("harmonise", "match", "merge", "analyse")))
    with TaskGroup("publish", prefix_group_id=False) as publish:
        approve = ApprovalOperator(
            task_id="approve",
            subject="Release although rules fail?",
            body="{{ ti.xcom_pull(task_ids='gate') }}",
            params={"because": Param("", type="string", description="why; kept with the release")},
            response_timeout=PATIENCE,
            defaults=ApprovalOperator.REJECT,
            fail_on_reject=True,  # else the run would count as a success that has published nothing
            retries=0,
        )
        released = release()
        chain(run_stage.override(task_id="audit")("audit", run), gate(run), approve, released)
    finish = run_stage.override(task_id="finish", retries=0)("finish", run).as_teardown(setups=sources)
    chain(deliver.expand(source=sources), refine, publish, finish)
    with TaskGroup("tell", prefix_group_id=False):
        chain([released, finish], announce(run))  # finish alone also follows a failure
