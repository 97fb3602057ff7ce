"""What every bad night shares: the sample town and its undisturbed nights, commands shown as an operator types them, checks.

A scene plays in a copy of the undisturbed workspace. Commands run in processes of their own (`tests.kill_run`); printed is what
an operator reads of them, without the lines of progress.
"""

import re
import shutil
import textwrap
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import jobs
from jobs.common.base.workspace import Workspace
from jobs.common.run.stage import open_lake
from tests.support.kill_run import Ended, fingerprints, hand_over, last_summary, sample_town, warm

FIRST = date(2026, 1, 1)
RESIDENTS, SEED, NIGHTS = 300, 7, 5
# Layers that tell of no run by its number, so that a night with more runs must come to the same.
COMPARED = ("raw.", "harmonised.", "links.", "candidate.", "refined.")
_PROGRESS = re.compile(r"(start|extract|land|harmonise|match|merge|audit|release|finish) {2,}")
_WIDTH = 126


def night(number: int) -> date:
    return FIRST + timedelta(days=number - 1)


@dataclass
class Town:
    """The exports of a town, and its workspace as it was after each undisturbed night; made on first use."""

    folder: Path
    exports: Path = field(init=False)
    _homes: list[Path] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.exports = self.folder / "exports"
        shutil.copytree(sample_town(RESIDENTS, SEED, NIGHTS), self.exports)
        # Its own nasty files have tests of their own; here they would only be in the way of reading.
        for pattern in ("*.part", "*_二楼.xlsx", "*_补报.jsonl"):
            for file in self.exports.rglob(pattern):
                file.unlink()

    def after(self, number: int) -> Path:
        """Workspace after so many undisturbed nights, to read or copy; after none it is new."""
        while len(self._homes) <= number:
            home = self.folder / f"undisturbed-{len(self._homes)}"
            if self._homes:
                shutil.copytree(self._homes[-1], home)
                hand_over(self.exports / str(night(len(self._homes))), home)
                ended = warm().run("jiceng", "run", "--night", night(len(self._homes)), "--home", home)
            else:
                ended = warm().run("jiceng", "init", "--home", home)
            assert ended.code == 0, ended.err
            self._homes.append(home)
        return self._homes[number]

    def summary(self, number: int) -> dict[str, Any]:
        """Summary of an undisturbed night."""
        return last_summary(self.after(number), night(number))


class Scene:
    """One bad night in a workspace of its own."""

    def __init__(self, town: Town, folder: Path) -> None:
        self.town, self.folder = town, folder
        self.home = folder / "workspace"
        self.failed: list[str] = []

    # --- what happens ---------------------------------------------------------------------------------------------------

    def begin(self, after: int) -> None:
        """The workspace as it is after so many undisturbed nights."""
        shutil.rmtree(self.home, ignore_errors=True)
        shutil.copytree(self.town.after(after), self.home)

    def hand_over(self, number: int, without: Sequence[str] = (), only: Sequence[str] = ()) -> None:
        """Put a night's exports into the inbox, of all systems, all but some, or only some."""
        for folder in sorted((self.town.exports / str(night(number))).iterdir()):
            if folder.name not in without and (not only or folder.name in only):
                shutil.copytree(folder, self.home / "inbox" / folder.name, dirs_exist_ok=True)

    def inbox(self, system: str, pattern: str) -> Path:
        """The one file in a system's inbox that fits."""
        (found,) = (self.home / "inbox" / system).glob(pattern)
        return found

    def run(self, number: int, code: int = 0, **how: Any) -> Ended:
        """`jiceng run` of a night."""
        return self.jiceng("run", "--night", night(number), code=code, **how)

    def jiceng(self, *words: object, code: int | None = 0, shows: str = "", **how: Any) -> Ended:
        """Run a command and show it with its exit code and the lines an operator reads.

        Args:
            words: of the command, without the workspace.
            code: the exit code that it must have; None for any.
            shows: results that matter, as a pattern (default: none of stdout; messages are always shown).
            how: as of `Warm.run`.
        """
        ended = warm().run("jiceng", *words, "--home", self.home, **how)
        self.show(" ".join(["jiceng", *(_quoted(str(word)) for word in words)]), ended, shows)
        if code is not None:
            self.check(ended.code == code, f"exit code {code}", quiet=ended.code == code)
        self.check("Traceback" not in ended.err, "no stack trace", quiet="Traceback" not in ended.err)
        return ended

    def status(self, shows: str = "^run|^source|^file|^gate|^release|^contract") -> Ended:
        return self.jiceng("status", shows=shows)

    # --- what is seen ---------------------------------------------------------------------------------------------------

    def tell(self, text: str) -> None:
        print(textwrap.fill(text, _WIDTH), flush=True)

    def show(self, command: str, ended: Ended, shows: str) -> None:
        result = "killed" if ended.was_killed else "stopped" if ended.code < 0 else f"exit code {ended.code}"
        print(f"  $ {command:<{_WIDTH - 20}}  # {result}")
        lines = [line for line in ended.err.splitlines() if line.strip() and not _PROGRESS.match(line)]
        lines += [line for line in ended.out.splitlines() if shows and re.search(shows, line)]
        for line in lines:
            print(textwrap.fill(line, _WIDTH, initial_indent="    ", subsequent_indent="      "), flush=True)

    def check(self, holds: bool, what: str, quiet: bool = False) -> None:
        """Note whether something holds, and print it unless `quiet`."""
        if not quiet:
            print(f"  {'✓' if holds else '✗ NOT SO:'} {what}", flush=True)
        if not holds:
            self.failed.append(what)

    # --- whether anything is lost ---------------------------------------------------------------------------------------

    def summary(self, number: int) -> dict[str, Any]:
        return last_summary(self.home, night(number))

    def check_says(self, ended: Ended, *words: str) -> None:
        """One line for the operator that names these."""
        told = [line for line in ended.err.splitlines() if line.startswith("jiceng: ")]
        right = len(told) == 1 and all(word in told[0] for word in words)
        self.check(right, f"one line that names {', '.join(words)}")

    def check_same(self, number: int, layers: Sequence[str] = COMPARED, but: Sequence[str] = ()) -> None:
        """The tables of some layers are those of the undisturbed night, by fingerprint, and the books close."""
        found, wanted = self.summary(number), self.town.summary(number)
        different = []
        for layer in layers:
            ours, theirs = fingerprints(found, layer), fingerprints(wanted, layer)
            names = sorted((ours | theirs).keys() - set(but))
            different += [name for name in names if ours.get(name) != theirs.get(name)]
        told = f" (differ: {', '.join(different)})" if different else ""
        named = ", ".join(layer.rstrip(".") or "all tables" for layer in layers)
        self.check(not different, f"after night {night(number)} {named}: as on an undisturbed night{told}")
        self.check(found["books"]["closes"], f"the books of {found['books']['run_id']} close")

    def check_unchanged(self, number: int, what: str, run: int = 1) -> None:
        """Readers see what they saw after an undisturbed night, as the release of the night's run of that number."""
        release = f"{night(number)}.{run}"
        _, rows = seen(self.town.after(number))
        self.check(seen(self.home) == (release, rows), f"{what}: readers see {release}, row for row")

    def has_all_keys(self, system: str, obj: str, column: str, number: int) -> bool:
        """Whether every key of the night's file stands in `harmonised.*`."""
        lake = open_lake(Workspace(self.home))
        (file,) = (f for f in self.summary(number)["sources"][system]["files"] if f["object"] == obj)
        raw = lake.rows(f"raw.{system}__{obj}", {"file_id": file["file_id"]}, [column])
        where = {"system": system, "object": obj, "valid_to": None}
        current = lake.rows("harmonised.resident", where, ["source_key"]).column("source_key").to_pylist()
        return {key.strip() for key in raw.column(column).to_pylist() if key and key.strip()} <= set(current)

    def check_same_content(self, number: int) -> None:
        """Readers see the rows of an undisturbed night, whatever ids were given to whom."""
        right = content(self.home) == content(self.town.after(number))
        self.check(right, f"after night {night(number)} readers see the rows of an undisturbed night, ids aside")


def tables(home: Path) -> list[str]:
    return sorted(path.name for path in (home / "lake" / "refined").iterdir())


def seen(home: Path) -> tuple[str, dict[str, list[str]]]:
    """Release that readers see, and the rows of its tables."""
    opened = {name: jobs.open_table(name, home=home) for name in tables(home)}
    (release,) = {table.release_id for table in opened.values()}
    return release, {name: sorted(map(repr, table.arrow().to_pylist())) for name, table in opened.items()}


def content(home: Path) -> dict[str, Counter[str]]:
    """Rows that readers see without the columns of ids."""
    found = {}
    for name in tables(home):
        rows = jobs.open_table(name, home=home).arrow()
        kept = [column for column in rows.column_names if not column.endswith("_id")]
        found[name] = Counter(map(repr, rows.select(kept).to_pylist()))
    return found


def _quoted(word: str) -> str:
    return f'"{word}"' if " " in word else word
