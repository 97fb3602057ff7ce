"""Files and folders with the names that unzip, FTP, office programs and pranksters leave in an inbox.

Each file is taken, whole, or lies where it was and is told of; a name shows nobody's number.
"""

import hashlib
import os
import random
import socket
from contextlib import redirect_stderr, suppress
from datetime import date
from io import StringIO
from pathlib import Path

from jobs import extract, start
from jobs.common.base.workspace import Workspace, init_workspace
from jobs.common.intake.inbox import waiting_files
from jobs.common.run.runs import CLI
from jobs.common.run.stage import Context
from tests.fuzz.canaries import draw_person
from tests.fuzz.outcome import CRASH, UNACCOUNTED, Outcome, Problem, describe_crash, look_for_values
from tests.support.office import simple_contract
from tests.support.town import jiceng

_NAMES = 20
_NIGHT = date(2026, 1, 1)
_PIECES = (
    "名单", "export", "_20260101", "_20261301", " ", "-", "--help", ".", "..", "\n", "\r", "\t", "\x1b[31m", "\x7f", "\u202e",
    "\u200b", "é", "e\u0301", "'", '"', "`", "$(id)", ";", "|", "*", "?", "[a-", "]", "{}", "%s", "\\", ":", "~$", ".part",
    ".done", ".tmp", "#", "&", "<b>", "😀", "ﷺ", "（1）", "-副本", "file_id=1", "__HIVE_DEFAULT_PARTITION__", "_delta_log",
)  # fmt: skip
_ENDINGS = (".csv", ".csv", ".CSV", ".xlsx", "", ".csv.done", ".csv.part")


def play(seed: str, folder: Path) -> Outcome:
    """A night's inbox of hostile names, taken by extract."""
    draw = random.Random(seed)
    with redirect_stderr(StringIO()) as said:
        try:
            workspace = init_workspace(folder / "workspace")
            (workspace.conf / "sources" / "town.odcs.yaml").write_text(simple_contract("town", path="*"), "utf-8")
            given = hand_in(draw, workspace.inbox)
            context = start.run(workspace, _NIGHT, CLI)
            for system in context.plan["sources"]:
                extract.run(context, system)
            problems = account(context, given)
            answer = jiceng("status", "--home", workspace.home)
            if answer.code:
                problems.append((CRASH, "status", f"exit code {answer.code}"))
        except Exception as error:  # whatever it is, it is what is looked for
            return Outcome(_NAMES, [(CRASH, *describe_crash(error))])
        finally:
            make_readable(folder)
    log = (workspace.run_dir(context.run.run_id) / "log.jsonl").read_text(encoding="utf-8")
    text = "\n".join((said.getvalue(), answer.out, answer.err, log))
    return Outcome(_NAMES, [*problems, *look_for_values(text, "a file's name")])


def draw_name(draw: random.Random) -> bytes:
    """A name of at most 255 bytes; now and then one that is no UTF-8."""
    person = draw_person(draw)
    pieces = [draw.choice((*_PIECES, person.id_number, person.phone)) for _ in range(draw.choice((1, 2, 3, 3, 6)))]
    if draw.random() < 0.1:
        pieces.append("长" * draw.choice((60, 80, 85)))
    name = ("".join(pieces) + draw.choice(_ENDINGS)).encode(draw.choice(("utf-8", "utf-8", "gb18030")), "ignore")
    if draw.random() < 0.1:
        name = bytes(draw.randrange(1, 256) for _ in range(draw.choice((1, 3, 255))))
    name = name.replace(b"/", b"_").replace(b"\0", b"_")[:255]
    return b"x" if name in (b"", b".", b"..") else name


def hand_in(draw: random.Random, inbox: Path) -> dict[bytes, str]:
    """Put files there; returns the hash of each plain one by its path."""
    root = os.fsencode(inbox)
    given = {}
    for number in range(_NAMES):
        system = b"town" if draw.random() < 0.6 else draw_name(draw)
        parts = [system, *(draw_name(draw) for _ in range(draw.choice((1, 1, 1, 2, 3))))]
        path = os.path.join(root, *parts)
        with suppress(OSError):  # a folder where a file is, a path too long
            os.makedirs(os.path.dirname(path), exist_ok=True)
            if draw.random() < 0.15:
                place_oddity(draw, path, root)
            elif not os.path.lexists(path):
                content = f"编号,内容,时间\n{number},{draw_person(draw).name},2026-01-01\n".encode()
                with open(path, "wb") as file:
                    file.write(content)
                given[path] = hashlib.sha256(content).hexdigest()
    return given


def place_oddity(draw: random.Random, path: bytes, root: bytes) -> None:
    """What is no plain file: pipes, sockets, links, folders closed to all."""
    what = draw.randrange(6)
    if what == 0:
        os.mkfifo(path)
    elif what == 1:
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(path)
    elif what == 2:
        os.symlink(draw.choice((b"/etc/passwd", b"/", b"/nowhere", path, os.path.dirname(path), b"..")), path)
    elif what == 3:
        os.makedirs(os.path.join(path, b"deep", *[b"d"] * 40))
    elif what == 4:
        os.mkdir(path, 0o000)
    else:
        os.symlink(os.path.join(root, b"town"), path)


def account(context: Context, given: dict[bytes, str]) -> list[Problem]:
    """Each plain file is archived whole and known, or lies in the inbox as it was and is told of, or will be taken."""
    workspace, lake = context.workspace, context.lake
    known = set(lake.rows("ops.delivery", columns=["file_id"]).column("file_id").to_pylist())
    told = len(waiting_files(workspace, context.conf.sources))
    left = 0
    problems: list[Problem] = []
    for path, file_id in given.items():
        if os.path.lexists(path):
            left += not os.path.basename(path).startswith(b".") and not path.endswith(b".done")
            if hash_of(path) != file_id:
                problems.append((UNACCOUNTED, "inbox", "a file left there is another"))
        elif file_id not in known or not is_archived(workspace, file_id):
            problems.append((UNACCOUNTED, "archive", "a file is gone from the inbox and not in the archive"))
    if left > told:
        problems.append((UNACCOUNTED, "inbox", f"{left} files left there, {told} told of"))
    return problems


def is_archived(workspace: Workspace, file_id: str) -> bool:
    path = workspace.archive_path(file_id)
    return path.exists() and hash_of(os.fsencode(path)) == file_id


def hash_of(path: bytes | Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def make_readable(folder: Path) -> None:
    """So that what is left of the case can be removed."""
    for parent, folders, _ in os.walk(os.fsencode(folder)):
        for name in folders:
            if not os.path.islink(path := os.path.join(parent, name)):
                os.chmod(path, 0o700)
