"""What decides how the bytes of a file become raw rows, which is a part of its contract: its reading.

A file that was read under another reading than today's is landed anew, so that a mended contract mends what stands as well.

Reads: conf and its snapshots, `ops.run`, `ops.file`, `ops.delivery`. Writes nothing. Refuses nothing: where nobody can tell how
a file was read, it stays as it is.
"""

from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

from jobs.common.base.errors import UserError
from jobs.common.base.workspace import Workspace
from jobs.common.contracts.house_rules import SUFFIX
from jobs.common.contracts.sources import SourceObject
from jobs.common.intake.received_files import LANDED, FileKey, ReceivedFile, file_key, received_files
from jobs.common.lake.tables import Lake
from jobs.common.run.conf import Conf, snapshot_conf
from jobs.common.run.runs import REFUSED, RELEASED, Run, all_runs, run_order, runs_before
from jobs.common.run.stage import Context

# What a contract says besides: whose files it means and of which day, and what their rows mean. A word that is not listed
# here is taken for a part of the reading: to read a file once too often changes nothing.
_ELSE = {"path", "mode", "as_of", "timezone", "ready", "max_loss", "max_loss_from", "columns"}
_ELSE_OF_COLUMNS = {"required", "level", "feeds", "unit", "null_words", "keep_words"}


def reading_of(obj: SourceObject) -> tuple[Any, ...]:
    """All that decides how bytes become raw rows; columns are found by their headers, so that their order is no part of it."""
    columns = sorted(repr(_told(column, _ELSE_OF_COLUMNS)) for column in obj.columns)
    return (*_told(obj, _ELSE), *columns)


def _told(thing: Any, besides: set[str]) -> list[tuple[str, Any]]:
    return [(field.name, getattr(thing, field.name)) for field in fields(thing) if field.name not in besides]


def contract_text(conf: Conf, system: str) -> bytes | None:
    path = conf.files.get(f"sources/{system}{SUFFIX}")
    return path.read_bytes() if path else None


def is_conf_as_before(lake: Lake, run: Run) -> bool:
    """Whether the configuration is that of all runs since the last one that came to its end, this one included."""
    for other in runs_before(lake, run):
        if other.config_hash != run.config_hash:
            return False
        if other.verdict in (*RELEASED, REFUSED):
            break
    return True


def systems_read_otherwise(workspace: Workspace, lake: Lake, conf: Conf, run: Run) -> set[str]:
    """Systems of which a file may have been read otherwise than today; none as long as the configuration stays as it is."""
    if is_conf_as_before(lake, run):
        return set()
    hashes = {other.run_id: other.config_hash for other in all_runs(lake)}
    landed = received_files(lake, {"status": list(LANDED)})
    judged = {(file.system, hashes.get(file.judged_in or "")) for file in landed}
    known = [(system, then) for system, then in judged if system in conf.sources]
    return {system for system, then in known if not _same_text(workspace, conf, system, then)}


def _same_text(workspace: Workspace, conf: Conf, system: str, config_hash: str | None) -> bool:
    """Whether a contract is the same text as it was in a snapshot; an unknown one may have been another."""
    if config_hash is None or config_hash == conf.hash:
        return config_hash is not None
    try:
        then = snapshot_conf(workspace, config_hash)
    except UserError:  # the archive has lost it
        return False
    return contract_text(then, system) == contract_text(conf, system)


@dataclass(frozen=True)
class PastReadings:
    """How files of one object were read."""

    context: Context
    obj: SourceObject

    def read_in(self, file: ReceivedFile) -> str | None:
        """The run under whose contract a file was read; of files from before runs were noted, the one that took it."""
        return file.read_in or self._takers.get(file.key)

    def differs(self, file: ReceivedFile) -> bool:
        """Whether a file is known to have been read, or refused after that, under another reading than today's."""
        judged = file.judged_in or self.read_in(file)
        then = self._object_in(judged) if judged else None
        return then is not None and reading_of(then) != reading_of(self.obj)

    def object_then(self, file: ReceivedFile) -> SourceObject | None:
        """The object as the file was read; None where nobody knows."""
        run_id = self.read_in(file)
        return self._object_in(run_id) if run_id else None

    def _object_in(self, run_id: str) -> SourceObject | None:
        config_hash = self._hashes.get(run_id)
        if config_hash is None:
            return None
        if config_hash not in self._objects:
            self._objects[config_hash] = self._load(config_hash)
        return self._objects[config_hash]

    def _load(self, config_hash: str) -> SourceObject | None:
        context, system = self.context, self.obj.system
        if _same_text(context.workspace, context.conf, system, config_hash):
            return self.obj
        try:
            source = snapshot_conf(context.workspace, config_hash).sources.get(system)
        except UserError:
            return None
        objects = {obj.name: obj for obj in source.objects} if source else {}
        return objects.get(self.obj.name)

    @cached_property
    def _objects(self) -> dict[str, SourceObject | None]:
        return {}

    @cached_property
    def _hashes(self) -> dict[str, str]:
        return {run.run_id: run.config_hash for run in all_runs(self.context.lake)}

    @cached_property
    def _takers(self) -> dict[FileKey, str]:
        """By file the last run that took it on the night it was first taken: one refused before is taken anew that night."""
        lake, place = self.context.lake, {"system": self.obj.system, "object": self.obj.name}
        nights = {file.key: file.night for file in received_files(lake, place)}
        found: dict[FileKey, str] = {}
        rows = lake.rows("ops.delivery", place).to_pylist()
        for row in sorted(rows, key=lambda row: run_order(row["run_id"])):
            key = file_key(row)
            if key not in found or row["night"] == nights[key]:
                found[key] = row["run_id"]
        return found
