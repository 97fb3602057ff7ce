"""`make demo` and `make airflow`.

Writes: the demo's folder (`--into`, `.demo`): the sample town's exports, the workspaces `town` and `messages`,
Airflow's home, raw logs. Refuses nothing; ends with exit code 1 when a night was not released.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from datetime import date, timedelta
from operator import attrgetter
from pathlib import Path

from rich.console import Console

from jobs.demo.airflow import REPOSITORY, Task, environment, migrate, run_night, serve
from jobs.demo.report import print_report

JICENG = Path(sys.executable).with_name("jiceng")
# Real workbooks and the systems that hand them over.
MESSAGES = {
    "附件1.xlsx": "mailbox",
    "附件2.xlsx": "mailbox",
    "附件2_未标注.xlsx": "mailbox",
    "附件3.xlsx": "forum",
    "附件4.xlsx": "reply_desk",
}
WORKSPACES = {"town": "Sample town", "messages": "Citizen messages"}
PARTS = ("exports", "town", "messages", "airflow", "logs")


class Progress:
    """One line per stage with its seconds, and what is running now where the output is a terminal."""

    def __init__(self, console: Console) -> None:
        self.console, self.status = console, console.status("starting Airflow")
        self.group: list[Task] = []
        self.failed: list[Task] = []

    def __call__(self, task: Task) -> None:
        if task.state != "running":
            self.group.append(task)
            self.failed += [task] if task.state == "failed" else []
            return
        if self.group and _stage(self.group[0]) != _stage(task):
            self.print_group()
        self.status.update(f"{_stage(task)} {task.source}")

    def print_group(self) -> None:
        if not self.group:
            return
        several = len(self.group) > 1
        parts = [_part(task, several) for task in sorted(self.group, key=attrgetter("index", "name"))]
        seconds = sum(task.seconds for task in self.group)
        line = f"  {_stage(self.group[0]):<10}{seconds:6.1f} s   {'  '.join(filter(None, parts))}"
        self.console.print(line.rstrip(), markup=False, highlight=False, soft_wrap=True)
        self.group.clear()


def _stage(task: Task) -> str:
    return task.name.removeprefix("deliver.").partition("_")[0]


def _part(task: Task, several: bool) -> str:
    name = task.source or (task.name.partition("_")[2] if several else "")
    seconds = f"{task.seconds:.1f}" if task.source else ""
    said = {"success": seconds, "up_for_retry": "failed, is tried again", "skipped": "nothing released"}
    return f"{name} {said.get(task.state, task.state)}".strip()


def play_night(console: Console, settings: dict[str, str], night: date, heading: str, log: Path) -> None:
    """Run one night in Airflow with its progress in sight; ends the program when the DAG run fails."""
    console.print(f"\n[bold]{heading}[/bold]")
    began, progress = time.monotonic(), Progress(console)
    with progress.status:
        released = run_night(settings, night, log, progress)
        progress.print_group()
    console.print(f"  {'night':<10}{time.monotonic() - began:6.1f} s   with Airflow's own start", highlight=False)
    if not released:
        for task in progress.failed:
            console.print("".join(task.own_lines[-15:]), markup=False, highlight=False)
        console.print(f"[red]The DAG run failed.[/red] Its whole log: {log}")
        sys.exit(1)


def jiceng(*arguments: str) -> str:
    """Run the command line; return its results, its messages go to stderr where it fails."""
    done = subprocess.run([JICENG, *arguments], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"jiceng {arguments[0]} ended with exit code {done.returncode}:\n{done.stderr}")
    return done.stdout


def deliver(source: Path, workspace: Path) -> None:
    """Copy exports, laid out as <system>/<file>, into the inbox."""
    shutil.copytree(source, workspace / "inbox", dirs_exist_ok=True)


def run(into: Path, residents: int, nights: int, messages: bool) -> None:
    """The whole demonstration, from nothing."""
    console = _console()
    began = time.monotonic()
    for part in PARTS:
        shutil.rmtree(into / part, ignore_errors=True)
    (into / "logs").mkdir(parents=True)

    console.print(f"[bold]A sample town of {residents:,} residents, {nights} night(s)[/bold]", highlight=False)
    last = play_town(console, into, residents, nights)
    data = Path(os.environ.get("JICENG_REAL_DATA") or REPOSITORY.parent / "shared/data") / "appeals"
    if messages and data.is_dir():
        # A night of its own tells its run from the town's in Airflow, whose home both workspaces share.
        play_messages(console, into, data, last + timedelta(days=1))
    elif messages:
        console.print(f"\nNo real citizen messages at {data}: left out. JICENG_REAL_DATA names their folder.")
    report(console, into)
    print_next_steps(console, into, into / "town")
    console.print(f"\n{time.monotonic() - began:.0f} seconds, all in {into}", highlight=False)


def play_town(console: Console, into: Path, residents: int, nights: int) -> date:
    """Write the sample town and play its nights; returns the last one."""
    town, exports, logs = into / "town", into / "exports", into / "logs"
    settings = environment(into / "airflow", town)
    sample = ["sample", "--residents", str(residents), "--seed", "1", "--nights", str(nights), "--out", str(exports)]
    cases = json.loads(jiceng(*sample, "--format", "json"))
    nasty = ", ".join(f"{case['count']}×{case['case']}" for case in cases if case["count"])
    console.print(f"  with {nasty}", highlight=False)
    jiceng("init", "--home", str(town))
    with console.status("Airflow's database"):
        migrate(settings, logs / "airflow.log")

    folders = sorted(filter(Path.is_dir, exports.iterdir()))
    for number, folder in enumerate(folders, 1):
        deliver(folder, town)
        heading = f"Sample town, night {folder.name} ({number} of {len(folders)})"
        play_night(console, settings, date.fromisoformat(folder.name), heading, logs / f"town-{folder.name}.log")
    return date.fromisoformat(folders[-1].name)


def play_messages(console: Console, into: Path, data: Path, night: date) -> None:
    """Hand over the real citizen messages in `data`, and play one night with them."""
    home = into / "messages"
    jiceng("init", "--home", str(home))
    for name, system in MESSAGES.items():
        (home / "inbox" / system).mkdir(parents=True, exist_ok=True)
        shutil.copyfile(data / name, home / "inbox" / system / name)
    settings = environment(into / "airflow", home)
    play_night(console, settings, night, f"Real citizen messages, night {night}", into / "logs" / "messages.log")


def _console() -> Console:
    # Beyond a terminal nothing is wrapped, as that would depend on how many digits the seconds have.
    return Console(width=None if sys.stdout.isatty() else 180)


def report(console: Console, into: Path) -> None:
    """What came of all nights, workspace by workspace."""
    if not (into / "town").is_dir():
        console.print(f"There is no demo at {into} yet: `make demo` plays it.", soft_wrap=True)
    for name, title in WORKSPACES.items():
        if (into / name).is_dir():
            print_report(console, title, into / name)


def print_next_steps(console: Console, into: Path, town: Path) -> None:
    """What to type now."""
    command, home = ".venv/bin/jiceng", os.path.relpath(town)
    steps = {
        f"{command} status --home {home}": "what ran, waits, was refused",
        f"{command} books --home {home}": "every row accounted for",
        f"{command} sql 'select * from resident limit 5' --home {home}": "the released tables",
        f"cat {home}/runs/*/summary.json": "each run in figures",
        "make airflow": "the same runs in Airflow's user interface",
    }
    console.print("\n[bold]Next[/bold]")
    width = max(map(len, steps))
    for step, meaning in steps.items():
        console.print(f"  {step:<{width}}  {meaning}", markup=False, highlight=False, soft_wrap=True)


def show(into: Path, port: int) -> int:
    """Airflow's user interface over the demo, until Ctrl-C."""
    console = Console(soft_wrap=True)
    if not (into / "airflow").is_dir():
        console.print(f"There is no demo at {into} yet: `make demo` plays it.")
        return 2

    def ready(address: str) -> None:
        console.print(f"Airflow is at [bold]{address}/dags/nightly[/bold] (Ctrl-C ends it)")

    console.print("Airflow starts; that takes about half a minute.")
    return serve(environment(into / "airflow", into / "town", port), into / "logs" / "ui.log", ready)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m jobs.demo", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    play = commands.add_parser("run", help="play the demonstration")
    play.add_argument("--residents", type=int, default=1000, help="residents of the sample town")
    play.add_argument("--nights", type=int, default=3, help="nights of the sample town")
    play.add_argument("--no-messages", action="store_true", help="leave the real citizen messages out")
    ui = commands.add_parser("ui", help="Airflow's user interface over it")
    ui.add_argument("--port", type=int, default=8080, help="port on 127.0.0.1")
    again = commands.add_parser("report", help="what came of it, once more")
    for command in (play, ui, again):
        command.add_argument("--into", type=Path, default=Path(".demo"), help="the demo's folder")
    arguments = parser.parse_args()
    if arguments.command == "report":
        report(_console(), arguments.into)
        return
    into = arguments.into.resolve()
    if arguments.command == "ui":
        sys.exit(show(into, arguments.port))
    run(into, arguments.residents, arguments.nights, not arguments.no_messages)


if __name__ == "__main__":
    main()
