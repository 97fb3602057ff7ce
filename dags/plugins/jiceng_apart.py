"""A page drawn by a process of its own: what that gave, or that it failed."""

import asyncio
import logging
from dataclasses import dataclass
from pathlib import Path
from subprocess import DEVNULL, PIPE
from time import time

STATUSES = {0: 200, 2: 400, 4: 409, 124: 504, -9: 504}  # by exit code; the last two are those of `timeout`
TRIED_AGAIN = 60  # seconds after which a page that could not be drawn is drawn anew though nothing has moved on
Command = tuple[str, ...]


@dataclass(frozen=True)
class Drawn:
    """What a command gave, when, and the state of what it shows."""

    state: str
    status: int
    body: bytes
    at: float

    def shows(self, state: str) -> bool:
        return self.state == state and (self.status == 200 or time() - self.at < TRIED_AGAIN)


async def run_apart(command: Command, folder: Path, state: str = "") -> Drawn:
    """Run a command in a process of its own; what it says on stderr is for the log alone."""
    try:
        process = await asyncio.create_subprocess_exec(*command, cwd=folder, stdin=DEVNULL, stdout=PIPE, stderr=PIPE)
        body, said = await process.communicate()
        status = STATUSES.get(process.returncode or 0, 500)
    except OSError as error:
        body, said, status = b"", str(error).encode(), 500
    if status >= 500:
        logging.getLogger(__name__).error("no page (%s): %s", status, said[-3000:].decode(errors="replace"))
        body = b""
    return Drawn(state, status, body, time())
