"""Which action of the engine takes how long: the client of the session is wrapped, and each call named by who made it.

Reads: nothing. Writes: nothing; `Actions.rows` holds what was seen. For measuring only: it replaces methods of libraries.
"""

import sys
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path
from types import FrameType
from typing import Any

import deltalake
from pyspark.sql.connect.client import SparkConnectClient

import jobs.operate.nightly
from jobs.common.lake import tables

_JOBS = str(Path(tables.__file__).parents[1])
_LAKE = str(Path(tables.__file__))
# A call waits for the engine (query, write), for its planner (plan), or for delta-rs (delta).
_ENGINE = {"to_table": "query", "to_pandas": "query", "execute_command": "write", "_analyze": "plan", "config": "plan"}
KINDS = ("query", "write", "plan", "delta")
OUTSIDE = "start and finish"


@dataclass
class Actions:
    """Seconds and calls by (stage, place in our code, kind); `stages` has the seconds of each stage as a whole."""

    seconds: dict[tuple[str, str, str], float] = field(default_factory=lambda: defaultdict(float))
    calls: dict[tuple[str, str, str], int] = field(default_factory=lambda: defaultdict(int))
    stages: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    stage: str = OUTSIDE
    _inner: list[float] = field(default_factory=list)  # for each open call, the seconds of the calls within it

    def timed(self, kind: str, call: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(call)
        def timed_call(*arguments: Any, **options: Any) -> Any:
            self._inner.append(0.0)
            began = time.perf_counter()
            try:
                return call(*arguments, **options)
            finally:
                took = time.perf_counter() - began
                key = (self.stage, _caller(sys._getframe(1)), kind)
                self.seconds[key] += took - self._inner.pop()
                self.calls[key] += 1
                if self._inner:
                    self._inner[-1] += took

        return timed_call

    def watch(self) -> None:
        """Wrap the engine's client, delta-rs and the stages of `jiceng run`, for the rest of this process."""
        for name, kind in _ENGINE.items():
            setattr(SparkConnectClient, name, self.timed(kind, getattr(SparkConnectClient, name)))
        tables.write_deltalake = self.timed("delta", deltalake.write_deltalake)
        tables.Lake.arrow = self.timed("delta", tables.Lake.arrow)  # type: ignore[method-assign]
        deltalake.DeltaTable.__init__ = self.timed("delta", deltalake.DeltaTable.__init__)  # type: ignore[method-assign]
        inner = jobs.operate.nightly.timed

        def timed_stage(context: Any, stage: str, work: Callable[[], None]) -> None:
            self.stage, before = stage.split(".")[0], self.stage
            began = time.perf_counter()
            try:
                inner(context, stage, work)
            finally:
                self.stages[self.stage] += time.perf_counter() - began
                self.stage = before

        jobs.operate.nightly.timed = timed_stage

    def as_rows(self) -> list[dict[str, Any]]:
        """One row per stage, place and kind: seconds without those of calls within it, calls."""
        return [
            {"stage": stage, "place": place, "kind": kind, "seconds": seconds, "calls": self.calls[stage, place, kind]}
            for (stage, place, kind), seconds in self.seconds.items()
        ]


def _caller(frame: FrameType | None) -> str:
    """The function of a stage that asked for it, and which scratch table or write of the lake it was."""
    lake = ""
    while frame is not None:
        code = frame.f_code
        if code.co_filename == _LAKE:
            what = frame.f_locals.get("label") or frame.f_locals.get("name") or ""
            lake = f" {code.co_name}({what})"
        elif code.co_filename.startswith(_JOBS) and not code.co_name.startswith("<"):
            module = code.co_filename[len(_JOBS) + 1 :].removesuffix(".py").replace("/", ".")
            return f"{module}.{code.co_name}{lake}"
        frame = frame.f_back
    return f"outside{lake}"


def describe_actions(seen: dict[str, Any], most: int = 45) -> str:
    """Two Markdown tables: stages by kind of action, and the actions that took longest."""
    by_stage: dict[str, dict[str, float]] = defaultdict(lambda: dict.fromkeys(KINDS, 0.0))
    for row in seen["actions"]:
        by_stage[row["stage"]][row["kind"]] += row["seconds"]
    lines = [f"| stage | seconds | {' | '.join(KINDS)} | Python and the rest |", "|---|--:" + "|--:" * 5 + "|"]
    for stage, whole in seen["stages"].items():
        kinds = by_stage[stage]
        rest = whole - sum(kinds.values())
        lines.append(f"| {stage} | {whole:.2f} | " + " | ".join(f"{kinds[k]:.2f}" for k in KINDS) + f" | {rest:.2f} |")
    lines += ["", "| seconds | share | calls | kind | stage | action |", "|--:|--:|--:|---|---|---|"]
    whole = sum(row["seconds"] for row in seen["actions"]) or 1.0
    for row in sorted(seen["actions"], key=lambda row: -row["seconds"])[:most]:
        share = 100 * row["seconds"] / whole
        lines.append(
            f"| {row['seconds']:.2f} | {share:.1f}% | {row['calls']} | {row['kind']} | {row['stage']} | {row['place']} |"
        )
    return "\n".join(lines)
