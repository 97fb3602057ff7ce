"""How quickly Airflow's API server answers its tasks while many people look at the pages.

Reads: nothing. Writes: a workspace and an Airflow home below the folder it is given. The server listens on loopback alone.
"""

import statistics
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from jobs.common.lake.engine import free_port
from jobs.demo.airflow import environment, migrate
from tests.bench.measure import run_measured
from tests.bench.parts import say
from tests.bench.town import BenchTown, fresh_workspace
from tests.support.airflow_server import serving

RESIDENTS = 1000
REQUESTS = 60  # at once, as of a key held down
PAGES = ("tonight", "quality", "sources", "identity", "releases")
_PATIENCE = 300
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass
class Answers:
    """Seconds of each answer, and how many had which status."""

    seconds: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)

    def ask(self, url: str) -> None:
        began = time.perf_counter()
        try:
            with _OPENER.open(url, timeout=_PATIENCE) as answer:
                answer.read()
                status = answer.status
        except urllib.error.HTTPError as refused:
            refused.read()
            status = refused.code
        self.seconds.append(time.perf_counter() - began)
        self.statuses[status] += 1


def measure_pages(folder: Path) -> str:
    """Health of an API server at rest, while its pages are drawn for the first time, and once they are kept."""
    airflow_home, home = folder / "airflow", fresh_workspace(folder / "looked-at")
    airflow_home.mkdir()
    _work_through_a_night(folder, home)
    settings = environment(airflow_home, home, free_port())
    migrate(settings, airflow_home / "migrate.log")
    rows = []
    with serving(settings, airflow_home / "server.log") as address:
        say("the API server is up")
        Answers().ask(f"{address}/execution/health")  # the first one makes Airflow set up what answers it
        with health_asked(address) as health:
            time.sleep(5)
        rows.append(("at rest", health, Answers()))
        rows.append((f"{REQUESTS} × no page, which Airflow's own checks answer", *look(address, ["none"])))
        rows.append((f"{REQUESTS} × one page that nobody has drawn", *look(address, PAGES[:1])))
        _draw_all(address)
        rows.append((f"{REQUESTS} × five pages that are kept", *look(address, PAGES)))
    return f"### The API server under its pages, {RESIDENTS:,} residents\n\n{describe(rows)}"


def _work_through_a_night(folder: Path, home: Path) -> None:
    town = BenchTown(folder / "small-town", RESIDENTS)
    run_measured("jobs.cli", "sample", "--residents", RESIDENTS, "--seed", 1, "--nights", 1, "--out", town.folder)
    town.hand_over(town.nights[0], home)
    run_measured("jobs.cli", "run", "--night", town.nights[0], "--home", home)


@contextmanager
def health_asked(address: str) -> Iterator[Answers]:
    """Tasks' health, asked ten times a second for the length of the block."""
    answers, ended = Answers(), threading.Event()

    def ask() -> None:
        while not ended.wait(0.1):
            answers.ask(f"{address}/execution/health")

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield answers
    finally:
        ended.set()
        thread.join()


def look(address: str, pages: Sequence[str]) -> tuple[Answers, Answers]:
    """So many requests at once, of these pages by turns: answers about health meanwhile, and theirs."""
    looked = Answers()
    with health_asked(address) as health, ThreadPoolExecutor(REQUESTS) as viewers:
        for number in range(REQUESTS):
            viewers.submit(looked.ask, f"{address}/jiceng/{pages[number % len(pages)]}")
    say(f"{', '.join(pages)}: {dict(looked.statuses)}")
    return health, looked


def _draw_all(address: str) -> None:
    for page in PAGES:
        drawn = Answers()
        while not drawn.statuses[200]:
            drawn.ask(f"{address}/jiceng/{page}")


def describe(rows: Sequence[tuple[str, Answers, Answers]]) -> str:
    """Markdown: how long health took, and how the pages were answered."""
    lines = ["| | health: median s | max s | pages answered | median s | max s |", "|---|--:|--:|---|--:|--:|"]
    for name, health, looked in rows:
        told = ", ".join(f"{count} × {status}" for status, count in sorted(looked.statuses.items()))
        lines.append(f"| {name} | {_middle_and_most(health)} | {told} | {_middle_and_most(looked)} |")
    return "\n".join(lines)


def _middle_and_most(answers: Answers) -> str:
    if not answers.seconds:
        return "· | ·"
    return f"{statistics.median(answers.seconds):.3f} | {max(answers.seconds):.3f}"
