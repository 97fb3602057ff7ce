"""The documents and their examples: commands with what they print, executed over the town of `make demo`.

A `console` block holds commands behind `$ ` and what they print; one line `…` in it stands for lines left out. The section
"Add a department" of conf/README.md has `bash` and `text` blocks instead, as it is typed in whole. To build the town and put
what is printed today into all documents: `.venv/bin/python -m tests.support.documents --write`.
"""

import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.support.constants import REPOSITORY

README = REPOSITORY / "README.md"
CHINESE = REPOSITORY / "README.zh.md"
DEPARTMENT = REPOSITORY / "conf" / "README.md"
DEPARTMENT_SECTION = "Add a department"
_ROOMS = ("conf", "dags", "expectations", "jobs", "tests")
SILENT = ("bash", "python", "yaml", "sql")  # languages of blocks that show no output
DRAWING = re.compile(r"▶|^dags/|^land: ")  # what is in the blocks without a language: ways of data, folders, a commit
LEFT_OUT = "…"
SECONDS = re.compile(r"\d+\.\d")  # the one thing that differs from run to run
_FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A fenced block: its section, language, text, and where the text stands in its document."""

    section: str
    language: str
    text: str
    start: int

    @property
    def steps(self) -> list[tuple[str, str]]:
        """Commands of a console block, each with what it prints."""
        return re.findall(r"^\$ (.*\n)((?:(?!\$ ).*\n)*)", self.text, re.MULTILINE)


def list_documents() -> list[Path]:
    """All documents of the repository: at its top and in its rooms."""
    found = list(REPOSITORY.glob("*.md"))
    for room in _ROOMS:
        found += (REPOSITORY / room).rglob("*.md")
    return sorted(found)


def read(document: Path) -> str:
    return document.read_text(encoding="utf-8")


def blocks(text: str) -> list[Block]:
    sections = [(found.start(), found[1]) for found in re.finditer(r"^## (.*)$", text, re.MULTILINE)]
    found = []
    for fence in _FENCE.finditer(text):
        section = next((title for start, title in reversed(sections) if start < fence.start()), "")
        found.append(Block(section, fence[2], fence[3], fence.start(3)))
    return found


def consoles(text: str) -> list[Block]:
    return [block for block in blocks(text) if block.language == "console"]


def prose(text: str) -> str:
    """A document without its blocks."""
    return _FENCE.sub("", text)


def links(text: str) -> list[str]:
    """Targets of a document's links and pictures."""
    return _LINK.findall(prose(text))


def anchors(text: str) -> set[str]:
    """What links can name of a document: its headings, as web pages of repositories shorten them."""
    titles = _HEADING.findall(prose(text))
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def unread(text: str) -> list[str]:
    """First lines of blocks with output that nobody executes."""
    found = []
    for block in blocks(text):
        is_console = block.language == "console" and block.text.startswith("$ ")
        is_department = block.section == DEPARTMENT_SECTION and block.language == "text"
        is_silent = block.language in SILENT and not re.search(r"^\$ ", block.text, re.MULTILINE)
        is_drawing = not block.language and bool(DRAWING.search(block.text))
        if not (is_console or is_department or is_silent or is_drawing):
            found.append(f"{block.section}: {block.text.splitlines()[0]}")
    return found


def execute(commands: list[str], cwd: Path, settings: dict[str, str]) -> list[tuple[str, str]]:
    """What each command prints on stdout and on stderr; they share a shell, as if typed one after the other.

    Raises:
        RuntimeError: one of them fails.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith("JICENG_") and name != "COLUMNS"}
    with tempfile.TemporaryDirectory() as folder:
        places = [(Path(folder) / f"{number}.out", Path(folder) / f"{number}.err") for number in range(len(commands))]
        typed = [f"exec >'{out}' 2>'{err}'\n{text}\n" for (out, err), text in zip(places, commands, strict=True)]
        script = "set -euo pipefail\n" + "".join(typed)
        done = subprocess.run(["bash", "-c", script], cwd=cwd, env=kept | settings, check=False)
        printed = [(_text_of(out), _text_of(err)) for out, err in places]
    if done.returncode:
        raise RuntimeError("".join(messages for _, messages in printed)[-3000:])
    return printed


def _text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""


def print_examples(documents: list[Path], town: Path, folder: Path) -> list[tuple[Path, Block, list[str]]]:
    """Each console block, with what its commands print: messages after results, beside a `.demo` that holds the town."""
    (folder / ".demo").mkdir()
    (folder / ".demo/town").symlink_to(town)
    (folder / ".venv").symlink_to(REPOSITORY / ".venv")
    path = f"{folder / '.venv/bin'}{os.pathsep}{os.environ['PATH']}"
    settings = {"PATH": path, "PYTHONPATH": str(REPOSITORY), "JICENG_HOME": ".demo/town"}
    shown = [(document, block) for document in documents for block in consoles(read(document))]
    commands = [command for _, block in shown for command, _ in block.steps]
    printed = [results + messages for results, messages in execute(commands, folder, settings)]
    found = []
    for document, block in shown:
        own = [printed.pop(0) for _ in block.steps]
        found.append((document, block, own))
    return found


def print_department(home: Path) -> list[tuple[Block, str]]:
    """The text blocks of the department's section, each with what the commands before it print, typed in whole."""
    own = [block for block in blocks(read(DEPARTMENT)) if block.section == DEPARTMENT_SECTION]
    printed = iter(execute([block.text for block in own if block.language == "bash"], REPOSITORY, {"HOME": str(home)}))
    found, results = [], ""
    for block in own:
        if block.language == "bash":
            results, _ = next(printed)
        else:
            found.append((block, results))
    return found


def shows(promised: str, printed: str) -> bool:
    """Whether a block's lines are those printed; spaces and seconds aside."""
    wanted, found = ([_plain(line) for line in text.splitlines()] for text in (promised, printed))
    if [LEFT_OUT] not in wanted:
        return wanted == found
    place = wanted.index([LEFT_OUT])
    head, tail = wanted[:place], wanted[place + 1 :]
    return len(found) >= len(head) + len(tail) and found[:place] == head and found[len(found) - len(tail) :] == tail


def _plain(line: str) -> list[str]:
    return ["seconds" if SECONDS.fullmatch(word) else word for word in line.split()]


def shorten(promised: str, printed: str) -> str:
    """What is printed, with as many lines before and after those left out as there were.

    A line stays as it was if it differs in spaces and seconds alone.
    """
    wanted = promised.splitlines()
    known = {tuple(_plain(line)): line for line in wanted}
    found = [known.get(tuple(_plain(line)), line.rstrip()) for line in printed.splitlines()]
    if LEFT_OUT in map(str.strip, wanted):
        place = [line.strip() for line in wanted].index(LEFT_OUT)
        after = len(wanted) - place - 1
        found = [*found[:place], wanted[place], *found[len(found) - after :]]
    return "".join(f"{line}\n" for line in found)


def rewrite(town: Path, folder: Path) -> dict[Path, str]:
    """All documents with what their examples print today; what differs in seconds alone stays as it is."""
    today: dict[Path, list[tuple[Block, str]]] = {document: [] for document in list_documents()}
    today[DEPARTMENT] += [(block, shorten(block.text, printed)) for block, printed in print_department(folder)]
    for document, block, outputs in print_examples(list(today), town, folder):
        steps = zip(block.steps, outputs, strict=True)
        text = "".join(f"$ {command}{shorten(before, now)}" for (command, before), now in steps)
        today[document].append((block, text))
    return {document: replace_blocks(read(document), changed) for document, changed in today.items()}


def replace_blocks(text: str, changed: list[tuple[Block, str]]) -> str:
    """The document with other texts in some of its blocks."""
    for block, new in sorted(changed, key=lambda pair: pair[0].start, reverse=True):
        text = text[: block.start] + new + text[block.start + len(block.text) :]
    return text


def main() -> None:
    from tests.support.town import build_town
    from tests.support.town_fixtures import NIGHTS, RESIDENTS, SEED

    if sys.argv[1:] != ["--write"]:
        sys.exit(__doc__)
    with tempfile.TemporaryDirectory() as folder:
        town = build_town(Path(folder) / "built", RESIDENTS, SEED, NIGHTS)
        (Path(folder) / "typed").mkdir()
        for document, text in rewrite(town.home, Path(folder) / "typed").items():
            document.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
