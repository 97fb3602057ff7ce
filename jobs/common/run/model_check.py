"""Model, suites and code lists against each other, before a run begins: what would otherwise stop it in the middle.

Reads: the configuration. Writes: nothing. Refuses nothing itself: it finds the faults, each with file, line, key and remedy.
"""

from collections.abc import Collection, Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from jobs.common.base.document import Document, Finding, Place, load_document
from jobs.common.base.errors import UserError
from jobs.common.base.suggestions import suggest
from jobs.common.base.workspace import SUITES
from jobs.common.model.model_table import ModelTable
from jobs.common.model.records import Record
from jobs.common.model.shapes import check_derived
from jobs.common.run.conf import Conf
from jobs.common.run.flag_columns import code_lists, code_set, flag_names
from jobs.common.run.suites import columns_used, read_suite, told_as


def model_faults(conf: Conf) -> Iterator[str]:
    """One line per fault."""
    for record in conf.records.values():
        yield from map(str, _record_faults(conf, record))
    yield from map(str, _member_faults(conf))
    for name in conf.tables:
        if name not in conf.suites:
            yield str(_without_suite(conf, name))
    for name, path in sorted(conf.suites.items()):
        try:
            suite = read_suite(path, told_as(conf, path))
        except UserError as error:
            yield str(error)
            continue
        yield from map(str, _suite_faults(conf, name, suite))


def _record_faults(conf: Conf, record: Record) -> Iterator[Finding]:
    """Derived columns without code, and relations without a code."""
    for place, told in check_derived(record):
        what, _, remedy = told.partition("; ")
        yield _in_model(conf, record.name, place, _sentence(what), _sentence(remedy))
    known = _codes_of_relations(conf) if record.pairs else []
    for index, pair in enumerate(record.pairs):
        if pair.relation not in known:
            here, message = ("pairs", index, "relation"), f"The relation `{pair.relation}` has no code."
            remedy = f"{suggest(pair.relation, known)} Or add it to conf/codes/relation.csv."
            yield _in_model(conf, record.name, here, message, remedy)


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _codes_of_relations(conf: Conf) -> list[str]:
    try:
        return list(code_set(conf, "relation"))
    except UserError:  # told of the list itself
        return []


def _member_faults(conf: Conf) -> Iterator[Finding]:
    """Members of households are of one record: what heads a household, and who is kin, follows from it."""
    names = [record.name for record in conf.records.values() if record.has_members]
    for name in names[1:]:
        told = f"Members of households are a relation of the record `{names[0]}` already."
        yield _in_model(conf, name, ("pairs",), told, "Remove the pair `member` from one of them.")


def _without_suite(conf: Conf, table: str) -> Finding:
    message = f"The table `{table}` has no suite, and a table without a suite is not released."
    remedy = f"Write {SUITES}/{table}.yml with `table: {table}` and `rules:`, in the workspace or the repository."
    makers = filter(conf.files.__contains__, (f"model/{table}.yml", f"products/{table}.yml"))
    maker = next(makers, None)
    shown = conf.shown(maker) if maker else f"{SUITES}/{table}.yml"
    return Finding(shown, "record", message, remedy, 1)


def _in_model(conf: Conf, record: str, place: Place, message: str, remedy: str) -> Finding:
    name = f"model/{record}.yml"
    return load_document(conf.path(name), conf.shown(name)).finding(place, message, remedy)


def _suite_faults(conf: Conf, name: str, suite: Document) -> Iterator[Finding]:
    if name not in conf.tables:
        remedy = f"{suggest(name, conf.tables)} Rename the suite or remove it."
        yield suite.finding(("table",), f"No record or product makes a table `{name}`.", remedy)
        return
    columns = _columns(conf, conf.tables[name])
    for index, rule in enumerate(suite.content["rules"]):
        yield from _rule_faults(conf, suite, index, rule, columns)


def _columns(conf: Conf, table: ModelTable) -> list[str] | None:
    """Columns that rules may name; None if a code list cannot be read, of which there is another fault."""
    names = [field.name for field in table.columns]
    try:
        return names + flag_names(table, conf)
    except UserError:
        return None


def _rule_faults(
    conf: Conf, suite: Document, index: int, rule: dict[str, Any], columns: list[str] | None
) -> Iterator[Finding]:
    at, arguments, expectation = ("rules", index, "arguments"), rule["arguments"], rule["expectation"]
    for column in columns_used(arguments):
        message = f"The table `{suite.content['table']}` has no column `{column}`."
        yield from _unless_known(suite, at, column, columns, message)
    codes = arguments.get("codes")
    if codes is not None:
        message = f"There is no code list `{codes}`."
        yield from _unless_known(suite, (*at, "codes"), codes, code_lists(conf), message)
    place, message = ("rules", index, "expectation"), f"Great Expectations has no `{expectation}`."
    yield from _unless_known(suite, place, expectation, known_expectations() or None, message)


def _unless_known(
    suite: Document, place: Place, word: Any, known: Collection[str] | None, message: str
) -> Iterator[Finding]:
    """A finding with what was probably meant, unless the word is known; None if nobody can tell which words are."""
    if known is not None and word not in known:
        yield suite.finding(place, message, suggest(word, known))


@cache
def known_expectations() -> tuple[str, ...]:
    """Names of the expectations, from the files of Great Expectations: to load it takes seconds. Empty if they moved."""
    spec = find_spec("great_expectations")
    if spec is None or spec.origin is None:
        return ()
    files = Path(spec.origin).parent.glob("expectations/core/expect_*.py")
    return tuple(sorted(file.stem for file in files))
