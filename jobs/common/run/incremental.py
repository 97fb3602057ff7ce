"""What a stage leaves to the nights after it: a record beside its run, so that it need not work on what stayed as it was.

The record is good where all that has changed since bears the mark of tonight. Where there is any doubt there is none, and
everything is worked out, which gives the same tables.

Reads: `ops.run`, records of earlier runs. Writes: the record of this run, `runs/<run_id>/carried/`. Refuses: nothing.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from jobs.common.base.code import code_hash
from jobs.common.base.json_file import read_json, write_json
from jobs.common.run.runs import Run, runs_before
from jobs.common.run.stage import Context


@dataclass(frozen=True)
class IncrementalState:
    """The records of a stage: it leaves `tables` as a function of the configuration and of its code.

    `rules` is a hash of what decides them, if that is not the whole configuration and the code of the stage.
    """

    context: Context
    stage: str
    tables: Sequence[str]
    rules: str | None = None

    def last(self) -> dict[str, Any] | None:
        """What the stage recorded last, where a night can build on it; else None.

        It must be of an earlier night, of the last run that changed anything, and of the same rules; its tables must have the
        rows that it left them with; and no earlier try of this run may have begun to write.
        """
        run = self.context.run
        if self._begun(run.run_id).exists():
            return None
        earlier = runs_before(self.context.lake, run)
        known = next(filter(self._had_work, earlier), None)
        if known is None or known.night == run.night:
            return None
        record: dict[str, Any] | None = read_json(self._path(known.run_id))
        if record is None or record["rules"] != self._rules:
            return None
        return record["found"] if self._are_same(record["tables"]) else None

    def begin(self) -> None:
        """Note that this run has begun to write."""
        begun = self._begun(self.context.run.run_id)
        begun.parent.mkdir(exist_ok=True)
        begun.touch()

    def keep(self, **found: Any) -> None:
        """Record that the tables are as they should be, and what else the next night is to know."""
        record = {"rules": self._rules, "tables": self._versions(), "found": found}
        write_json(self._path(self.context.run.run_id), record)

    def _had_work(self, run: Run) -> bool:
        """Whether a run may have changed something: its plan does not say that nothing was new."""
        plan = read_json(self.context.workspace.run_dir(run.run_id) / "plan.json")
        return plan is None or not plan["nothing_new"]

    def _path(self, run_id: str) -> Path:
        return self.context.workspace.run_dir(run_id) / "carried" / f"{self.stage}.json"

    def _begun(self, run_id: str) -> Path:
        return self._path(run_id).with_suffix(".begun")

    def _versions(self) -> dict[str, int]:
        return {name: self.context.lake.version(name) for name in self.tables}

    def _are_same(self, versions: dict[str, int]) -> bool:
        """Whether these are of the stage's tables, and each table has the rows of its version."""
        lake = self.context.lake
        return set(versions) == set(self.tables) and all(lake.has_rows_of(name, versions[name]) for name in versions)

    @cached_property
    def _rules(self) -> str:
        """Hash of the configuration and of the code: whoever changes it may have changed any row."""
        if self.rules is not None:
            return self.rules
        code = code_hash(f"jobs.{self.stage}.stage")
        return hashlib.sha256(f"{self.context.conf.hash} {code}".encode()).hexdigest()[:16]
