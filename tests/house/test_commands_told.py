"""Every command that a message names can be copied: it is one of ours, with arguments and options that it takes."""

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from typer.main import get_command

from jobs.cli.app import app
from tests.support.constants import REPOSITORY

# A command that is spoken of, and not told to be typed so.
NAMED = {("query.py", "jiceng sql")}
TOLD = re.compile(r"`(jiceng(?: [^`]+)?)`")


def texts_of(path: Path) -> Iterator[str]:
    """Texts of a module that may be shown, each whole; a value that is filled in stands as X. Docstrings are for readers."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    parts = {id(value) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for value in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(v.value) if isinstance(v, ast.Constant) else "X" for v in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and not {id(node)} & (docstrings | parts):
            yield node.value


def commands() -> list[tuple[str, str]]:
    found = []
    for path in sorted([*(REPOSITORY / "jobs").rglob("*.py"), *(REPOSITORY / "dags").rglob("*.py")]):
        found += [(path.name, command) for text in texts_of(path) for command in TOLD.findall(text)]
    reasons = yaml.safe_load((REPOSITORY / "conf" / "reasons.yml").read_text(encoding="utf-8"))
    texts = [text for entries in reasons.values() for entry in entries.values() for text in entry.values()]
    found += [("reasons.yml", command.format(file_id="X")) for text in texts for command in TOLD.findall(text)]
    return sorted(set(found) - NAMED)


@pytest.mark.parametrize(("place", "told"), commands(), ids=str)
def test_it_can_be_copied(place: str, told: str) -> None:
    _, *arguments = shlex.split(told)
    command = get_command(app)
    context = command.make_context("jiceng", list(arguments))  # raises where it would exit with 2
    while hasattr(command, "resolve_command"):
        _, command, arguments = command.resolve_command(context, arguments)
        context = command.make_context(command.name, list(arguments), parent=context)
        arguments = [*context._protected_args, *context.args]
    assert not arguments


def test_all_of_them_are_found() -> None:
    assert len(commands()) > 20
    assert ("reasons.yml", 'jiceng accept X --because "…"') in commands()
