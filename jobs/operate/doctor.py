"""`jiceng doctor`: can the pipeline work here, and if not, what to mend."""

import os
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

from jobs.common.base.code import code_version
from jobs.common.base.errors import UserError
from jobs.common.base.workspace import Workspace, open_workspace
from jobs.common.lake.delta_files import read_footer
from jobs.common.lake.engine import engine_name, engine_version, session
from jobs.common.lake.faults import damages
from jobs.common.run.conf import current_conf
from jobs.common.run.runs import holder
from jobs.read.status import configuration_faults

_PACKAGES = ("jiceng", "pysail", "pyspark", "delta-spark", "deltalake", "pyarrow", "great-expectations", "polars")
_LOW_DISK_GB = 5


def examine(home: Path) -> list[dict[str, Any]]:
    """One row per check: ok, warning or error."""
    rows = [_row("python", "ok", sys.version.split()[0])]
    rows.append(_row("code", "ok", code_version()))
    rows += [_row(f"package {name}", "ok", metadata.version(name)) for name in _PACKAGES]
    rows.append(_engine())
    if engine_name() == "spark":
        rows.append(_java())
    place = home if home.exists() else Path.cwd()
    free = shutil.disk_usage(place).free / 1e9
    rows.append(_row("disk", "ok" if free > _LOW_DISK_GB else "warning", f"{free:.0f} GB free"))
    rows += _configuration(home)
    rows += _workspace(home)
    return rows


def _engine() -> dict[str, Any]:
    try:
        answer = session().sql("select 1 + 1 as two").first()
    except UserError:
        raise
    except Exception as error:
        return _row("engine", "error", f"{engine_name()} does not start: {_first_line(error)}")
    works = answer is not None and answer["two"] == 2
    return _row("engine", "ok" if works else "error", engine_version())


def _first_line(error: Exception) -> str:
    """What an exception says first; its kind if it says nothing."""
    return next(iter(str(error).splitlines()), type(error).__name__)


def _java() -> dict[str, Any]:
    java = shutil.which("java")
    if java is None:
        return _row("java", "error", "JICENG_ENGINE=spark needs Java 17; install it or use the default engine")
    lines = subprocess.run([java, "-version"], capture_output=True, text=True).stderr.splitlines()
    return _row("java", "ok", lines[0] if lines else java)


def _configuration(home: Path) -> list[dict[str, Any]]:
    conf = current_conf(Workspace(home))
    rows = [_row("configuration", "error", told) for told in configuration_faults(conf)]
    rows += [_row("configuration", "warning", str(stray)) for stray in conf.unread]
    try:
        refused, hash = conf.refused_contracts, conf.hash
    except UserError as error:
        return rows or [_row("contracts", "error", str(error))]
    if refused:
        systems = ", ".join(refused)
        return [*rows, _row("contracts", "error", f"invalid: {systems}; `jiceng sources check` names the errors")]
    return [*rows, _row("contracts", "ok", f"{len(conf.sources)} systems, configuration {hash}")]


def _workspace(home: Path) -> list[dict[str, Any]]:
    if not home.exists():
        return [_row("workspace", "warning", f"none at {home}; `jiceng init --home {home}` makes one")]
    try:
        workspace = open_workspace(home)
    except UserError as error:
        return [_row("workspace", "error", str(error))]
    rows = [_privacy(workspace)]
    process = holder(workspace, "run")
    rows.append(_row("lock", "ok", f"held by process {process}" if process else "free"))
    if not os.access(workspace.home, os.W_OK):
        told = f"{home} cannot be written: mount its disk for writing, or work as the user who owns it"
        rows.append(_row("workspace", "error", told))
    damaged = [_row("lake", "error", told) for told in damages(workspace, read_footer)]
    return rows + (damaged or [_row("lake", "ok", "all tables can be read")])


def _privacy(workspace: Workspace) -> dict[str, Any]:
    """Whether only its owner can read the workspace."""
    if workspace.home.stat().st_mode & 0o077:
        return _row("workspace", "warning", f"{workspace.home}: open to others; chmod 700 it")
    return _row("workspace", "ok", str(workspace.home))


def _row(check: str, state: str, detail: str) -> dict[str, Any]:
    return {"check": check, "state": state, "detail": detail}
