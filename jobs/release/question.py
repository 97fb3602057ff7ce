"""What a person is asked where only rules that may be overridden stand against the release.

Prints one line of JSON, `{"question": …}`: null where there is nothing to decide, because nothing stands against the release
or something that nobody may override. Keeps the obstacles as the run's refusal, which stands until somebody lets it through.

Reads: `ops.audit`, `ops.release`, `candidate.*`, `refined.*`. Writes: `runs/<run_id>/refusal.json`.
"""

import json
from collections.abc import Sequence

from jobs.common.releases.difference import difference_rows
from jobs.common.releases.releases import visible_release
from jobs.common.run.stage import Context, stage_main, write_refusal
from jobs.release.gate import Obstacle, describe_candidates, find_obstacles, may_be_overridden


def run(context: Context) -> None:
    """Print the question, in Markdown."""
    question = None
    if not context.plan["nothing_new"]:
        obstacles = find_obstacles(context, describe_candidates(context))
        write_refusal(context.workspace, context.run.run_id, [obstacle.reason for obstacle in obstacles])
        if may_be_overridden(obstacles):
            question = ask(context, obstacles)
    print(json.dumps({"question": question}, ensure_ascii=False))


def ask(context: Context, obstacles: Sequence[Obstacle]) -> str:
    """The failing rules with their counts, and what readers would see change; keys and counts only."""
    lines = [
        f"**{len(obstacles)} rules fail, each of which a person may override:**",
        "",
        *(f"- {obstacle.reason}" for obstacle in obstacles),
        "",
        *describe_difference(context),
        "",
        "Approved, the night is released with your name and reason. Rejected, or without an answer, readers keep what they have.",
    ]
    return "\n".join(lines)


def describe_difference(context: Context) -> list[str]:
    """A Markdown table of the rows that readers would see added, ended and changed."""
    if visible_release(context.lake) is None:
        return ["It would be the first release."]
    before, _, rows = difference_rows(context.workspace)
    rows = [row for row in rows if row["change"] != "column"]
    if not rows:
        return [f"Readers would see no change from {before.name}."]
    told = [f"| {row['table']} | {row['change']} | {row['rows']:,} |" for row in rows]
    return [f"What readers of {before.name} would see change:", "", "| table | change | rows |", "|---|---|--:|", *told]


if __name__ == "__main__":
    stage_main("question", run)
