"""Release: publish the audited candidates, all of them or none.

Reads: `ops.audit`, `ops.ledger`, `candidate.*`. Writes: `refined.*`, `ops.release`, the refined rows of `ops.ledger`.
Refuses (exit code 3): a failed critical rule, a missing verdict, a candidate that changed since its audit, open books, and
anything while publishing is on hold. Rules that are declared so, and nothing else, a person may override.
"""

from jobs.common.base.errors import Refusal
from jobs.common.releases.books import open_balances
from jobs.common.releases.releases import INTENT, Release, finish_release, record_intent
from jobs.common.run.stage import Context, write_refusal
from jobs.release.gate import Obstacle, describe_candidates, find_obstacles, may_be_overridden

_REMEDY = "`jiceng release diff` shows what would change, `jiceng release approve` lets it through"


def run(context: Context, approved_by: str | None = None, because: str | None = None) -> None:
    """Judge, record the intent, promote, make visible, and close the books with what readers see.

    Args:
        context: of the run.
        approved_by: who has decided to release although rules fail that may be overridden.
        because: why.
    """
    if context.plan["nothing_new"]:
        return
    tables = describe_candidates(context)
    found = find_obstacles(context, tables)
    overridden = found if approved_by and may_be_overridden(found) else []
    refused = [] if overridden else found
    write_refusal(context.workspace, context.run.run_id, [obstacle.reason for obstacle in refused])
    _log_obstacles(context, "overridden", overridden)
    _log_obstacles(context, "refused", refused)
    if refused:
        raise Refusal(describe_refusal(refused))
    decided = (approved_by, because) if overridden else (None, None)  # nobody approves what nothing stands against
    release = record_intent(context.lake, context.run, tables, *decided)
    if release.state == INTENT:
        release = finish_release(context.lake, release)
    close_books(context, release)
    counts = {name: entry["rows"] for name, entry in release.tables.items()}
    context.log("release", f"release {release.release_id}", **counts)


def _log_obstacles(context: Context, state: str, obstacles: list[Obstacle]) -> None:
    for obstacle in obstacles:
        context.log("release", f"{state}: {obstacle.reason}")


def describe_refusal(obstacles: list[Obstacle]) -> str:
    """One line: what stands against the release, and whether a person may let it through."""
    told = f"nothing was released: {'; '.join(obstacle.reason for obstacle in obstacles)}"
    return f"{told}. {_REMEDY}" if may_be_overridden(obstacles) else told


def close_books(context: Context, release: Release) -> None:
    """Add the refined rows to the books of the run; they were promised equal, and are counted."""
    lake, run = context.lake, context.run
    place = dict.fromkeys(("file_id", "system", "object", "sheet"))
    rows = [
        {
            "run_id": run.run_id,
            "night": run.night,
            **place,
            "record": name,
            "term": "refined",
            "rows": lake.count_rows(f"refined.{name}", entry["version"]),
            "equation": None,
        }
        for name, entry in sorted(release.tables.items())
    ]
    lake.replace_part("ops.ledger", lake.table_of("ops.ledger", rows), {"run_id": run.run_id, "term": "refined"})
    left = open_balances(lake.rows("ops.ledger", {"run_id": run.run_id}).to_pylist())
    if left:
        raise RuntimeError(f"the books of a released run do not close: {left[0]}")
