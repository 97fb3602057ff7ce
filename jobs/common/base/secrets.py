"""Secrets: what a contract names and never holds, such as the password of a department's database.

The value of `POLICE_DB` comes from the environment, `JICENG_SECRET_POLICE_DB`, else from `secrets.toml` of the workspace. That
file lies outside `conf/`, because all of `conf/` is copied to the archive and stays there.

Reads: the environment, `<workspace>/secrets.toml`. Writes: nothing.
Refuses: a file that others may read, that is a link, that belongs to somebody else or is not TOML. No message holds a value.
"""

import os
import re
import stat
import tomllib
from pathlib import Path

from jobs.common.base.errors import UserError

FILE = "secrets.toml"
PREFIX = "JICENG_SECRET_"
NAME = re.compile(r"[A-Z][A-Z0-9_]*")
_MODE = 0o600
_MOST_BYTES = 1_000_000
_PLACE = re.compile(r"line \d+, column \d+")


class NoSecret(UserError):
    """A secret is set nowhere, or the file that may hold it is refused."""


def find_secret(home: Path, name: str) -> str:
    """The value of a secret.

    Args:
        home: of the workspace.
        name: as the contract has it.

    Raises:
        NoSecret: it is set nowhere, or the file is refused.
    """
    given = os.environ.get(PREFIX + name)
    if given:
        return given
    value = _read_file(home / FILE).get(name)
    if value is None:
        raise NoSecret(f"the secret {name} is not set; set {PREFIX}{name}, or write it to {home / FILE} (mode 0600)")
    if not isinstance(value, str) or not value:
        raise NoSecret(f'{home / FILE}: {name} is no text; write {name} = "…"')
    return value


def _read_file(path: Path) -> dict[str, object]:
    """What the file holds; nothing if there is none."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise NoSecret(f"{path} cannot be read ({error.strerror}); put a file there that you own, mode 0600") from error
    with os.fdopen(handle, "rb") as file:
        _check_file(path, os.fstat(file.fileno()))
        content = file.read(_MOST_BYTES)
    try:
        return tomllib.loads(content.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        found = _PLACE.search(str(error))
        place = f" ({found[0]})" if found else ""
        told = f'{path} is not valid TOML{place}; write lines such as POLICE_DB = "…"'
    raise NoSecret(told)  # outside, as the error holds the text


def _check_file(path: Path, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise NoSecret(f"{path} is no file; put one in its place, mode 0600")
    if found.st_uid != os.geteuid():
        raise NoSecret(f"{path} belongs to another user; make it your own, mode 0600")
    mode = stat.S_IMODE(found.st_mode)
    if mode != _MODE:
        raise NoSecret(f"{path} has mode {mode:04o}, and others must not read it; `chmod 600 {path}`")
