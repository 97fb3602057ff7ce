"""Pages as they were drawn: kept in memory until what they show has moved on, and drawn one at a time.

Airflow's tasks wait for the same few threads that answer its pages, so whoever looks holds none while a page is drawn."""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path

from jiceng_apart import Command, Drawn, run_apart


@dataclass
class Drawings:
    """Those kept, the one asked for last at the end; `patience` is the seconds that a drawing may take."""

    folder: Path
    patience: float = 120
    most_pages: int = 100
    most_bytes: int = 32 * 2**20
    kept: OrderedDict[Command, Drawn] = field(default_factory=OrderedDict)
    at_work: "asyncio.Task[Drawn] | None" = None
    decision: "asyncio.Task[Drawn] | None" = None

    async def look(self, command: Command, state: str) -> Drawn | None:
        """What the command draws; while another is being drawn, what it drew before, or None."""
        found = self.kept.get(command)
        if found:
            self.kept.move_to_end(command)
            if found.shows(state):
                return found
        if self.at_work and not self.at_work.done():
            return found
        self.at_work = asyncio.create_task(self._draw(command, state))
        return await asyncio.shield(self.at_work)  # whoever leaves before the end leaves the page to the next one

    async def _draw(self, command: Command, state: str) -> Drawn:
        limited = ("timeout", "--kill-after=1", str(self.patience), "nice", "-n", "10", *command)
        drawn = self.kept[command] = await run_apart(limited, self.folder, state)
        self.kept.move_to_end(command)
        while len(self.kept) > self.most_pages or sum(len(one.body) for one in self.kept.values()) > self.most_bytes:
            self.kept.popitem(last=False)
        return drawn

    async def decide(self, command: Command) -> Drawn:
        """What a command answers that changes something: one at a time, and not cut short if nobody waits for it any more."""
        self.decision = asyncio.create_task(self._decide(command, self.decision))
        return await asyncio.shield(self.decision)

    async def _decide(self, command: Command, before: "asyncio.Task[Drawn] | None") -> Drawn:
        if before:
            await asyncio.wait([before])
        return await run_apart(command, self.folder)
