"""A new department by one contract file: the section of conf/README.md is executed word for word, and shows what it promises."""

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.constants import REPOSITORY

TITLE = "## Add a department\n"


def section() -> str:
    text = (REPOSITORY / "conf" / "README.md").read_text(encoding="utf-8")
    assert text.count(TITLE) == 1, "the document has this section once"
    return re.split(r"^## ", text.partition(TITLE)[2], maxsplit=1, flags=re.MULTILINE)[0]


def blocks() -> list[tuple[str, str]]:
    """Language and text of the section's code blocks."""
    return re.findall(r"^```(\w+)\n(.*?)^```$", section(), flags=re.MULTILINE | re.DOTALL)


def work_tree() -> str | None:
    """What git sees of the repository; None where it is no clone."""
    if not (REPOSITORY / ".git").exists():
        return None
    command = ["git", "status", "--porcelain", "--untracked-files=all"]
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Home of a newcomer who has typed the section: what each block printed, and what the messages were."""
    home = tmp_path_factory.mktemp("newcomer")
    before = work_tree()
    commands = [text for language, text in blocks() if language == "bash"]
    script = "set -euo pipefail\n" + "".join(f"exec > '{home}/{n}.out'\n{text}" for n, text in enumerate(commands))
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("JICENG_") and name != "COLUMNS"
    }
    done = subprocess.run(
        ["bash", "-c", script], cwd=REPOSITORY, env={**environment, "HOME": str(home)}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    printed = [(home / f"{n}.out").read_text(encoding="utf-8") for n in range(len(commands))]
    return {"home": home, "printed": printed, "messages": done.stderr, "changed": work_tree() != before}


def test_the_section_shows_what_it_prints(office: dict[str, Any]) -> None:
    shown, number = [], -1
    for language, text in blocks():
        if language == "bash":
            number += 1
        else:
            shown.append((text, office["printed"][number]))
    assert len(shown) == 3
    for promised, printed in shown:
        assert [line.split() for line in printed.splitlines()] == [line.split() for line in promised.splitlines()]


def test_all_of_the_department_is_one_file_in_the_workspace(office: dict[str, Any]) -> None:
    home: Path = office["home"] / "jiceng-office"
    written = [path.relative_to(home).as_posix() for path in (home / "conf").rglob("*") if path.is_file()]
    assert written == ["conf/sources/disability.odcs.yaml"]


def test_the_run_names_what_is_missing(office: dict[str, Any]) -> None:
    lines = office["messages"].splitlines()
    assert any(line.startswith("run 2026-01-02.1 incomplete in ") for line in lines)
    assert "grid missing: nothing was taken, and it is expected every night" in lines
    assert "Traceback" not in office["messages"]


def test_nothing_is_written_into_the_repository(office: dict[str, Any]) -> None:
    assert not office["changed"]
