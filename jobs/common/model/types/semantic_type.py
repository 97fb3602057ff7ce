"""What a semantic type is: from the text of a cell to plain text, a value, and the doubt about it.

A rule never guesses: a text that it does not understand gives null, and the doubt is a code of conf/reasons.yml. Rules are
given columns that earlier steps have made. What a rule asks for several times is a step of its own: an engine plans an
expression as often as it is written. Digits are spelled [0-9], because engines disagree on what \\d is.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

Rule = Callable[..., Column]
# Word of a code list, the code it stands for, and the issue that it is, if it is one.
ListedWord = tuple[str, str | None, str | None]

# How a column of each SQL type is called in a data contract and in the dictionary.
SQL_TYPES = {
    "string": ("string", "文本"),
    "bigint": ("integer", "整数"),
    "date": ("date", "日期"),
    "timestamp": ("timestamp", "时间（UTC）"),
    "boolean": ("boolean", "是否"),
    "decimal(18,2)": ("number", "两位小数"),
}


@dataclass(frozen=True)
class Step:
    """Makes one part of a field from parts that are there: `text`, `plain`, the type's parameters, earlier steps."""

    part: str
    rule: Rule
    given: tuple[str, ...] = ("plain",)


@dataclass(frozen=True)
class Parameter:
    """A word of a contract's column that says how its values are read; the first of `values` is the default.

    `of` is what messages call a value that the word says something of.
    """

    name: str
    values: tuple[str, ...]
    of: str


@dataclass(frozen=True)
class Lookup:
    """Values that are looked up in lists of conf/codes by their plain text.

    `lists` are their names; without any, a field names its own list as `codes`. `words` reads them. `unknown` is the
    issue of a value that no list has.
    """

    unknown: str
    words: Callable[[Sequence[Path]], Iterable[ListedWord]]
    lists: tuple[str, ...] = ()


@dataclass(frozen=True)
class Implied:
    """A field of the same record that the value speaks of: it fills the field, and `doubt` is the issue if they differ.

    `known` are the values of the field that can differ; all if there are none.
    """

    field: str
    read: Rule
    doubt: str
    known: tuple[str, ...] = ()


@dataclass(frozen=True)
class Completion:
    """Fields of the same record that are read from the value if no column feeds them.

    `rule` is given rows, the name of the field that is read, and the files of `lists`, which it looks names up in; it keeps
    every row.
    """

    fields: tuple[str, ...]
    rule: Callable[[DataFrame, str, Sequence[Path]], DataFrame]
    lists: tuple[str, ...] = ()


@dataclass(frozen=True)
class SemanticType:
    """One meaning that a field can have, and all that the house knows of it.

    Attributes:
        name: as conf/model writes it.
        sql: one of SQL_TYPES.
        plain: rules from the text of a cell to plain text, one after another.
        clean: steps from plain text to the part `value`.
        doubt: step to the part `code`, the issue of a value; none if any text is a value.
        doubts: the issues that the type can give.
        is_valid: what the audit asks of a value.
        parameters: what a contract may say of a column that feeds the type.
        lookup: in place of `clean`, where values are looked up.
        words: texts that are values although they can stand for nothing elsewhere.
        implies: other fields that a value speaks of.
        completes: other fields that are read from a value.
    """

    name: str
    sql: str
    plain: tuple[Rule, ...] = ()
    clean: tuple[Step, ...] = ()
    doubt: Step | None = None
    doubts: tuple[str, ...] = ()
    is_valid: Rule | None = None
    parameters: tuple[Parameter, ...] = ()
    lookup: Lookup | None = None
    words: tuple[str, ...] = ()
    implies: tuple[Implied, ...] = ()
    completes: Completion | None = None

    @property
    def is_read(self) -> bool:
        """Whether texts are read as it; otherwise it can stand in `derived` only."""
        return bool(self.plain)


def value(rule: Rule, *given: str) -> Step:
    """The step that makes the value, of plain text if nothing else is named."""
    return Step("value", rule, given or ("plain",))


def doubt(rule: Rule, *given: str) -> Step:
    """The step that makes the issue: the rule is given the plain text, the parts named, and the value."""
    return Step("code", rule, ("plain", *given, "value"))


def unreadable(code: str) -> Step:
    """The doubt of a type that knows only one: something is written, and no value was read."""
    return doubt(lambda plain, value: F.when(plain.isNotNull() & value.isNull(), F.lit(code)))
