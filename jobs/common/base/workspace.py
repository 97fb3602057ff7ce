"""A workspace: the directory that holds inbox, archive, lake, runs and local configuration of one office.

Writes: the directory skeleton and `workspace.json`. Refuses: a directory that is no workspace, or one of another format.
"""

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path

from jobs.common.base.errors import UserError

FORMAT_VERSION = 1
REPOSITORY_CONF = Path(__file__).resolve().parents[3] / "conf"
SUITES = "expectations"
REPOSITORY_EXPECTATIONS = REPOSITORY_CONF.with_name(SUITES)
# The embedded engine finds no table below a path with a space or a character beyond ASCII, and quotes break its SQL.
_READABLE_PATH = re.compile("[A-Za-z0-9/._~@:,=+-]+")


_opened: list["Workspace"] = []


@dataclass(frozen=True)
class Workspace:
    """Paths below `home`; nothing inside it is absolute, so that it can be copied or moved."""

    home: Path

    @property
    def inbox(self) -> Path:
        return self.home / "inbox"

    @property
    def archive(self) -> Path:
        return self.home / "archive"

    @property
    def lake(self) -> Path:
        return self.home / "lake"

    @property
    def runs(self) -> Path:
        return self.home / "runs"

    @property
    def conf(self) -> Path:
        return self.home / "conf"

    @property
    def expectations(self) -> Path:
        return self.home / SUITES

    @property
    def locks(self) -> Path:
        return self.runs / ".locks"

    def archive_path(self, file_id: str) -> Path:
        """Where the bytes with this sha256 are kept as received."""
        return self.archive / file_id[:2] / file_id

    def run_dir(self, run_id: str) -> Path:
        return self.runs / run_id

    def scratch_dir(self, run_id: str) -> Path:
        return self.run_dir(run_id) / "scratch"

    def conf_layers(self) -> list[tuple[Path, str]]:
        """Folders of the configuration, the weakest first: the repository's, the workspace's, `JICENG_CONF`.

        With each folder comes the folder of the configuration that it is: "" for all of it, `expectations` for suites.
        """
        extra = os.environ.get("JICENG_CONF")
        if extra and not Path(extra).is_dir():
            raise UserError(f"JICENG_CONF is {extra}, which is no directory; correct it or unset it")
        layers = [
            (REPOSITORY_CONF, ""),
            (REPOSITORY_EXPECTATIONS, SUITES),
            (self.conf, ""),
            (self.expectations, SUITES),
        ]
        return layers + ([(Path(extra), "")] if extra else [])


def default_home() -> Path:
    return Path(os.environ.get("JICENG_HOME") or ".jiceng")


def init_workspace(home: Path) -> Workspace:
    """Create what is missing of a workspace at `home` (mode 0700); harmless on an existing one."""
    _check_path(home)
    marker = home / "workspace.json"
    if not marker.exists() and _is_in_use(home):
        raise UserError(f"{home} is not empty and no workspace; choose an empty or new directory for --home")
    workspace = Workspace(home)
    try:
        home.mkdir(parents=True, exist_ok=True)
        home.chmod(0o700)
        data = (workspace.inbox, workspace.archive, workspace.lake, workspace.locks)
        for folder in (*data, workspace.conf / "sources", workspace.expectations):
            folder.mkdir(parents=True, exist_ok=True)
        if not marker.exists():
            marker.write_text(json.dumps({"format": FORMAT_VERSION}) + "\n")
    except OSError as error:
        raise UserError(f"no workspace can be made at {home}: {error.strerror}; choose another --home") from error
    return open_workspace(home)


def _is_in_use(home: Path) -> bool:
    """Whether a path is that of a file, or of a folder that holds something."""
    if not home.is_dir():
        return home.exists()
    return any(home.iterdir())


def open_workspace(home: Path | None = None) -> Workspace:
    """The workspace at `home` (default `JICENG_HOME`, else `./.jiceng`).

    Raises:
        UserError: there is none, it is of another format version, or its path is one that the engine cannot read.
    """
    home = (home or default_home()).absolute()
    marker = home / "workspace.json"
    try:
        if not marker.exists():
            raise UserError(f"{home} is no workspace; `jiceng init --home {home}` makes one")
        version = int(json.loads(marker.read_text())["format"])
    except OSError as error:
        raise UserError(
            f"{marker} cannot be read ({error.strerror}); work as the user who owns the workspace"
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{marker} cannot be read; restore it from a backup: {error}") from error
    if version != FORMAT_VERSION:
        remedy = "run `jiceng upgrade`" if version < FORMAT_VERSION else "install the newer version of jiceng"
        raise UserError(f"{home} has workspace format {version}, this version works with {FORMAT_VERSION}; {remedy}")
    _check_path(home)
    _opened[:] = [Workspace(home)]
    return _opened[0]


def last_opened() -> Workspace | None:
    """The workspace that this process has opened last: whoever tells of a failure looks for its reason there."""
    return _opened[0] if _opened else None


def _check_path(home: Path) -> None:
    if not _READABLE_PATH.fullmatch(str(home)):
        remedy = "give the workspace a path of ASCII letters, digits and ._- (a link to it will do)"
        raise UserError(f"the engine cannot read tables below {home}; {remedy}")
