"""Names of the rules of `expectations/` and why each must hold, read without Great Expectations, which takes seconds to load.

Refuses: a suite that is no list of rules of its table.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jobs.common.base.document import Document, load_document
from jobs.common.base.errors import UserError
from jobs.common.base.suggestions import cut_short, list_words
from jobs.common.base.workspace import SUITES
from jobs.common.run.conf import Conf

OVERRIDABLE = "overridable"
_KEYS = {"expectation", "arguments", "severity", "because"}
_COLUMN_ARGUMENTS = ("column", "column_A", "column_B")


def columns_used(arguments: Mapping[str, Any]) -> list[str]:
    """The columns that the arguments of an expectation name."""
    named = [arguments[name] for name in _COLUMN_ARGUMENTS if name in arguments]
    return named + (arguments.get("column_list") or [])


def suite_path(conf: Conf, table: str) -> Path:
    """The suite of a table; raises UserError if it has none."""
    if table not in conf.suites:
        raise UserError(f"{SUITES}/{table}.yml is missing: a table without a suite is not released")
    return conf.suites[table]


def told_as(conf: Conf, path: Path) -> str:
    """What messages call a suite: the path at which people mend it."""
    name = f"{SUITES}/{path.name}"
    return conf.shown(name) if conf.files.get(name) == path else str(path)


def read_suite(path: Path, shown: str = "") -> Document:
    """A suite as a document with `table` and `rules`, each rule a block with texts; raises UserError naming file and line.

    `shown` is what messages call the file, if that is something else than its path.
    """
    if not path.exists():
        raise UserError(f"{path} is missing: a table without a suite is not released")
    document = load_document(path, shown or str(path))
    if not _is_suite(document.content, path.stem):
        raise UserError(
            f"{document.file}: needs `table: {path.stem}` and `rules:` with at least one rule, and nothing else"
        )
    for index, entry in enumerate(document.content["rules"]):
        _check_rule(place_of_rule(document, index), entry)
    return document


def _is_suite(content: Any, table: str) -> bool:
    """Whether a document is a block with the name of the table and a list of rules, which may be any."""
    if not isinstance(content, dict) or set(content) != {"table", "rules"}:
        return False
    return content["table"] == table and isinstance(content["rules"], list) and content["rules"] != []


def place_of_rule(document: Document, index: int) -> str:
    """How messages name a rule."""
    return f"{document.file}, line {document.line(('rules', index))}: rule {index + 1}"


def _check_rule(place: str, entry: Any) -> None:
    """Refuse a rule that lacks a key or has an unknown one, and a name that is no text."""
    given = set(entry) if isinstance(entry, dict) else set()
    if given - {OVERRIDABLE} != _KEYS:
        had = list_words(given) or "none of them"
        raise UserError(
            f"{place} needs exactly expectation, arguments, severity and because, beside overridable; it has {had}"
        )
    if not isinstance(entry["expectation"], str):
        raise UserError(f"{place}: expectation is no name")
    place = f"{place} ({cut_short(entry['expectation'])})"
    if not isinstance(entry["arguments"], dict):
        raise UserError(f"{place}: arguments is no mapping of names to values")
    columns = entry["arguments"].get("column_list") or []
    if not isinstance(columns, list) or not all(isinstance(column, str) for column in columns_used(entry["arguments"])):
        raise UserError(f"{place}: a column is no name; put it in quotes")


def name_rule(expectation: str, columns: list[str]) -> str:
    """What `ops.audit` calls a rule: it tells it from the others of its suite."""
    return f"{expectation}({', '.join(columns)})"


def reasons_of_rules(conf: Conf, table: str) -> dict[str, str]:
    """`because` of each rule of a table's suite as it is now, by the rule's name; the audit checks suites, this does not."""
    if table not in conf.suites:
        return {}
    rules = read_suite(conf.suites[table]).content["rules"]
    return {name_rule(rule["expectation"], columns_used(rule["arguments"])): rule["because"] for rule in rules}
