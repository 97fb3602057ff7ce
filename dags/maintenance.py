"""### Once a week: keep the lake small and quick
**In**: the tables of the workspace (`JICENG_HOME`), `conf/retention.yml`. **Out**: the same rows in fewer files. Raw rows of old
files on which no record stands are gone, and files that no kept release needs. The archive keeps every file.

| failed task | what it means | what to do |
|---|---|---|
| `maintain`, exit code 4 | a night is worked on, or open | nothing: tried again every half hour, else next week |
| `maintain`, exit code 2 | workspace or `conf/retention.yml` not usable: its last line says how | mend it; clear the task |
| `maintain`, exit code 1 | crashed; every table is whole, and readers see the last release | read the lines; clear the task |

**Impact of failure**: none on a night, but that it takes longer and the disk fills. **Rerun**: always safe; what is done is not
done again. `jiceng maintain --dry-run` tells what would go. **Logs**: here, one line for each table."""

from airflow.sdk import DAG, CronTriggerTimetable, task
from stages import call


@task
def maintain() -> None:
    call("maintain")


with DAG("maintenance", schedule=CronTriggerTimetable("0 6 * * 0", timezone="Asia/Shanghai"), catchup=False, max_active_runs=1,
         tags=["maintenance"], doc_md=__doc__,
         default_args={"owner": "data-engineering", "retries": 4, "retry_delay": 1800.0}):  # fmt: skip
    maintain()
