"""One night in a process of its own, so that its memory is its own: `python -m tests.bench.night --night D --home H`.

Reads: a workspace. Writes: what `jiceng run` writes, and where asked for a JSON file with the seconds of every action.
"""

import json
import os
import time
from argparse import ArgumentParser
from collections.abc import Callable
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jobs.common.base.workspace import Workspace

_STARTED = time.perf_counter()


def main() -> None:
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--night", type=date.fromisoformat, required=True)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--actions", type=Path, help="JSON: seconds of every action of the engine")
    parser.add_argument("--cpu", type=Path, help="JSON: CPU seconds of every stage, children included")
    parser.add_argument("--landing", action="store_true", help="extract and land alone, and leave the run open")
    arguments = parser.parse_args()
    # What is imported from here on takes seconds, which are told on their own.
    from jobs.common.base.workspace import open_workspace
    from jobs.operate.nightly import run_night

    workspace = open_workspace(arguments.home)
    if arguments.landing:
        land_alone(workspace, arguments.night)
        return
    if arguments.cpu:
        run_night_by_cpu(workspace, arguments.night, arguments.cpu)
        return
    if not arguments.actions:
        run_night(workspace, arguments.night)
        return
    from tests.bench.actions import OUTSIDE, Actions

    actions = Actions()
    actions.stages["imports"] = time.perf_counter() - _STARTED
    actions.watch()
    try:
        run_night(workspace, arguments.night)
    finally:
        actions.stages[OUTSIDE] = time.perf_counter() - _STARTED - sum(actions.stages.values())
        seen = {"stages": actions.stages, "actions": actions.as_rows()}
        arguments.actions.write_text(json.dumps(seen), encoding="utf-8")


def run_night_by_cpu(workspace: "Workspace", night: date, out: Path) -> None:
    """Run the night, and write the CPU seconds of each stage; of stages that run side by side each has those of all."""
    import jobs.operate.nightly
    from jobs.common.base.errors import Refusal

    seconds: dict[str, float] = {}
    inner = jobs.operate.nightly.timed

    def timed_stage(context: Any, stage: str, work: Callable[[], None]) -> None:
        began = _cpu_seconds()
        inner(context, stage, work)
        name = stage.partition(".")[0]
        seconds[name] = seconds.get(name, 0.0) + _cpu_seconds() - began

    jobs.operate.nightly.timed = timed_stage
    with suppress(Refusal):  # what the gate refuses has been matched all the same
        jobs.operate.nightly.run_night(workspace, night)
    out.write_text(json.dumps(seconds), encoding="utf-8")


def _cpu_seconds() -> float:
    return sum(os.times()[:4])


def land_alone(workspace: "Workspace", night: date) -> None:
    """The first stages without what `jiceng run` loads beside them."""
    from jobs import start
    from jobs.common.run.runs import CLI
    from jobs.common.run.stage import open_context, timed
    from jobs.operate.nightly import list_steps

    context = open_context(workspace, start.run(workspace, night, CLI).run.run_id)
    for label, work in list_steps(context):
        if label.startswith(("extract.", "land.")):
            timed(context, label, work)


if __name__ == "__main__":
    main()
