"""The README shows what its commands print: all of its examples are executed, and none is left that nobody executes."""

import re
from pathlib import Path

import pytest

from tests.support.readme import README, blocks, print_examples, shorten, shows, unread
from tests.support.town import Town

pytestmark = [pytest.mark.xdist_group("town"), pytest.mark.nights]

pytest_plugins = ["tests.support.town_fixtures"]
TEXT = README.read_text(encoding="utf-8")


def test_every_block_with_output_is_executed() -> None:
    assert unread(TEXT) == []
    assert {block.language for block in blocks(TEXT)} >= {"console", "text"}


@pytest.mark.parametrize(
    "block", ["text\nkind  rows\n", "console\nkind  rows\n", "bash\n$ jiceng status\n", "\nkind  rows\n", "json\n{}\n"]
)
def test_a_block_that_nobody_executes_is_named(block: str) -> None:
    assert len(unread(f"## Read\n\n```{block}```\n")) == 1


def test_the_examples_show_what_is_printed(town: Town, tmp_path: Path) -> None:
    for block, outputs in zip(
        (block for block in blocks(TEXT) if block.language == "console"),
        print_examples(TEXT, town.home, tmp_path),
        strict=True,
    ):
        for (command, promised), printed in zip(block.steps, outputs, strict=True):
            assert shows(promised, printed), (
                f"$ {command}{printed}\n.venv/bin/python -m tests.support.readme --write puts it into the README"
            )


@pytest.mark.parametrize(
    ("promised", "printed", "is_shown"),
    [
        ("rows  1\n", "rows 1\n", True),
        ("rows  1\n", "rows 2\n", False),
        ("land 1.4 s\n", "land 0.9 s\n", True),
        ("land 1.4 s\n", "land 1 s\n", False),
        ("a\n…\nd\n", "a\nb\nc\nd\n", True),
        ("a\n…\nd\n", "a\nd\n", True),
        ("a\n…\nd\n", "a\nb\nc\n", False),
        ("a\nb\n…\nb\nd\n", "a\nb\nd\n", False),
        ("a\n", "a\nb\n", False),
        ("", "a\n", False),
    ],
)
def test_what_a_block_shows(promised: str, printed: str, is_shown: bool) -> None:
    assert shows(promised, printed) == is_shown


@pytest.mark.parametrize(
    ("promised", "printed", "written"),
    [
        ("rows  1\n", "rows  2 \n", "rows  2\n"),
        ("land 1.4 s\n", "land 0.9 s\n", "land 1.4 s\n"),
        ("land 1.4 s\nrows 1\n", "land 0.9 s\nrows 2\n", "land 1.4 s\nrows 2\n"),
        ("a\n  …\nd\n", "x\nb\nc\ny\n", "x\n  …\ny\n"),
        ("", "a\n", "a\n"),
    ],
)
def test_what_is_written_into_a_block(promised: str, printed: str, written: str) -> None:
    assert shorten(promised, printed) == written


def test_the_town_is_the_demos() -> None:
    """What the README tells of `make demo` is looked at in the town that the tests build."""
    from tests.support.town_fixtures import NIGHTS, RESIDENTS

    told = re.search(r"a sample town of ([0-9,]+) residents for (\w+) nights", TEXT)
    assert told
    assert (told[1], told[2]) == (f"{RESIDENTS:,}", {3: "three"}[NIGHTS])
    assert re.search(rf"--residents.*default={RESIDENTS},", (README.parent / "jobs/demo/__main__.py").read_text())
