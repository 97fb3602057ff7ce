"""The room of matchers: what each must say of itself, in which order they run, and that one more module is one more matcher.

A module is added in a copy of the repository, where match alone works on three nights of rows.
"""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from graphlib import CycleError
from pathlib import Path
from typing import Any

import pytest

from jobs.common.run.conf import Conf
from jobs.match import matchers
from jobs.match.matcher import Matcher
from jobs.match.matchers import MATCHERS, builds_on, in_order
from jobs.match.mentions import EVIDENCE, KINDS, evidence_types
from tests.support.constants import REPOSITORY
from tests.support.toy_matcher import MODULE

pytestmark = pytest.mark.nights


def bare(name: str, *after: str, kind: str = "resident") -> Matcher:
    """A matcher of which only the name and place matter."""
    return replace(MATCHERS[0], kind=kind, name=name, after=after)


# --- what each says of itself -----------------------------------------------------------------------------------------------


def test_each_module_is_a_matcher_and_bears_its_name() -> None:
    folder = Path(matchers.__path__[0])
    assert {path.stem for path in folder.glob("*.py")} - {"__init__"} == {matcher.name for matcher in MATCHERS}


@pytest.mark.parametrize("matcher", MATCHERS, ids=lambda matcher: matcher.name)
def test_what_a_matcher_blocks_on_is_a_key_of_mentions(matcher: Matcher) -> None:
    assert matcher.kind in KINDS
    assert matcher.block_on
    assert {evidence_types().get(key) for key in matcher.block_on} == {"bigint"}
    assert not set(matcher.evidence) & set(EVIDENCE)


def test_reasons_of_matchers_are_those_that_have_a_sentence(conf: Conf) -> None:
    sentences = conf.reasons["match"]
    assert {reason for matcher in MATCHERS for reason in matcher.reasons} == set(sentences)
    assert all(set(told) == {"zh", "en"} for told in sentences.values())


# --- order ------------------------------------------------------------------------------------------------------------------


def test_matchers_come_after_those_they_build_on_and_otherwise_by_name() -> None:
    given = [bare("c"), bare("b", "d"), bare("d"), bare("a", "b")]
    names = [matcher.name for matcher in in_order(given)]
    assert sorted(names) == ["a", "b", "c", "d"]
    assert names.index("d") < names.index("b") < names.index("a")
    assert names == [matcher.name for matcher in in_order(reversed(given))]


def test_a_matcher_builds_on_what_those_build_on_that_it_names() -> None:
    given = [bare("a"), bare("b", "a"), bare("c", "b"), bare("d")]
    assert [builds_on(matcher, given) for matcher in given] == [[], ["a"], ["a", "b"], []]


WRONG: dict[str, tuple[list[Matcher], type[Exception], str]] = {
    "two of one name": ([bare("a"), bare("a")], ValueError, "same name"),
    "after one that is not there": ([bare("a", "b")], ValueError, "a comes after b"),
    "after one of another kind": ([bare("a", "b"), bare("b", kind="dwelling")], ValueError, "no matcher of resident"),
    "after each other": ([bare("a", "b"), bare("b", "a")], CycleError, "cycle"),
}


@pytest.mark.parametrize("case", WRONG)
def test_matchers_without_an_order_are_refused(case: str) -> None:
    given, error, told = WRONG[case]
    with pytest.raises(error, match=told):
        in_order(given)


# --- one more module --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What three nights of match lead to in a copy of the repository with one module more."""
    folder = tmp_path_factory.mktemp("matcher")
    copy = folder / "repository"
    for name in ("jobs", "conf", "expectations", "tests"):
        shutil.copytree(REPOSITORY / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    (copy / "jobs" / "match" / "matchers" / "name_address.py").write_text(MODULE, encoding="utf-8")
    command = [sys.executable, "-m", "tests.support.toy_matcher", str(folder)]
    ended = subprocess.run(
        command, cwd=copy, env=os.environ | {"PYTHONPATH": str(copy)}, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr[-2000:]
    found: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return found


ACCEPTED = ["accept", "same_name_and_address", "name_address", 1_000_000]


def test_a_matcher_more_is_a_module_more(told: dict[str, Any]) -> None:
    """Its pairs stand in `links.edge` with reason, name and weight, and its ids follow from them."""
    first, second, third = told["nights"]
    assert first["edges"] == []
    assert second["edges"] == [["2", "1", *ACCEPTED], ["3", "1", *ACCEPTED]]
    assert third["edges"] in ([["2", "3", *ACCEPTED]], [["3", "2", *ACCEPTED]])
    assert first["entities"]["1"] != first["entities"]["2"]
    together = {second["entities"][key] for key in "123"}
    assert together in ({first["entities"]["1"]}, {first["entities"]["2"]})
    assert third["entities"]["2"] == third["entities"]["3"] != third["entities"]["1"]
    assert [night["events"] for night in (second, third)] == [["merge"], ["birth", "split"]]


def test_a_night_looks_at_what_a_new_key_reaches_as_one_that_looks_at_all_does(told: dict[str, Any]) -> None:
    """Row 1 has not changed in the second night; only the new matcher's key leads to it."""
    assert [what for what, _ in told["looked_at"]] == ["all mentions", *["mentions that may have changed"] * 2]
    assert told["same_as_rebuilt"] == [True, True, True]
