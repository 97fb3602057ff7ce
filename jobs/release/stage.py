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
    obstacles = find_obstacles(context, tables)
    overridden = bool(approved_by) and may_be_overridden(obstacles)
    write_refusal(context.workspace, context.run.run_id, [] if overridden else [found.reason for found in obstacles])
    for obstacle in obstacles:
        context.log("release", f"{'overridden' if overridden else 'refused'}: {obstacle.reason}")
    if obstacles and not overridden:
        raise Refusal(describe_refusal(obstacles))
    decided = (approved_by, because) if overridden else (None, None)  # nobody approves what nothing stands against
    release = record_intent(context.lake, context.run, tables, *decided)
    if release.state == INTENT:
        release = finish_release(context.lake, release)
    close_books(context, release)
    context.log(
        "release", f"release {release.release_id}", **{name: entry["rows"] for name, entry in release.tables.items()}
    )


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
