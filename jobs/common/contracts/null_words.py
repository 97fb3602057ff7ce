"""Words that stand for nothing (`NULL`, `\\N`, `-`, `无`): what exports write where a cell is empty.

Reads: `conf/null_words.csv` (word, kind) and what contracts say of their columns: `null_words` adds words, `keep_words`
names words that are values there. Kind `empty` is nothing wherever it stands, kind `word` is text in a free text.
Refuses: another header, an empty or repeated word, an unknown kind.
"""

from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from jobs.common.base.csv_file import read_rows, refuse_faults
from jobs.common.base.errors import UserError
from jobs.common.contracts.house_rules import BLANKS
from jobs.common.contracts.sources import Column, Feed, Source
from jobs.common.model.codes import value_to_code
from jobs.common.model.plain_text import PLAIN, WIDE
from jobs.common.model.records import ModelField, Record

FILE = "null_words.csv"
HEADER = ["word", "kind"]
KINDS = ("empty", "word")
# Where people write sentences; a user's name is a nickname, which may be any word.
FREE_TEXTS = frozenset({("appeal", "user"), ("appeal", "subject"), ("appeal", "text"), ("appeal", "reply")})
# Blanks have no plain form, which takes them out.
_TO_KEY = str.maketrans(WIDE, PLAIN, BLANKS)
_TO_WIDE = str.maketrans(PLAIN, WIDE)


def word_key(word: str) -> str:
    """How a word is compared: plain width, capitals, no blanks."""
    return word.translate(_TO_KEY).upper()


def first_characters(words: Collection[str]) -> set[str]:
    """All characters that a text which is one of `words` (from `word_key`) can begin with."""
    first = {word[0] for word in words}
    first |= set(map(str.lower, first))
    wide = {character.translate(_TO_WIDE) for character in first}
    return first | wide | set(BLANKS)


def load_null_words(path: Path) -> dict[str, str]:
    """The shipped words, or an office's own, by `word_key`, with their kinds.

    Raises:
        UserError: the list has faults; the message has one line for each, with file and line.
    """
    words: dict[str, str] = {}
    faults = []
    for line, cells in read_rows(path, HEADER):
        place, key = f"{path.name}:{line}", word_key(cells[0])
        if not key or len(cells) != len(HEADER) or cells[1] not in KINDS:
            faults.append(f"{place}: a row is a word and its kind, {' or '.join(KINDS)}. Correct or remove it.")
        elif key in words:
            faults.append(f"{place}: `{cells[0]}` is given twice: case, width and blanks do not count. Keep one.")
        else:
            words[key] = cells[1]
    refuse_faults(faults)
    return words


def with_null_words(source: Source, listed: dict[str, str], model: dict[str, Record], lists: dict[str, Path]) -> Source:
    """The source with all words that stand for nothing, in each column (for keys) and each of its feeds.

    Args:
        source: as its contract has it.
        listed: from `load_null_words`.
        model: records by name.
        lists: code lists, file name -> path.
    """

    def complete(column: Column) -> Column:
        feeds = []
        for feed in column.feeds:
            meant = _meant_words(model[feed.record].field(feed.field), lists)
            nothing = _empty_words(feed, listed) - meant
            feeds.append(replace(feed, null_words=_own_words(column, nothing)))
        return replace(column, null_words=_own_words(column, listed), feeds=tuple(feeds))

    objects = (replace(obj, columns=tuple(map(complete, obj.columns))) for obj in source.objects)
    return replace(source, objects=tuple(objects))


def _own_words(column: Column, listed: Iterable[str]) -> tuple[str, ...]:
    """Listed words with those that a column adds and without those that it keeps."""
    added = map(word_key, column.null_words)
    kept = map(word_key, column.keep_words)
    return tuple(sorted({*listed, *added}.difference(kept)))


def _empty_words(feed: Feed, listed: dict[str, str]) -> set[str]:
    """Listed words that stand for nothing in a field, whatever its own words are: in a free text only those of kind `empty`."""
    if (feed.record, feed.field) in FREE_TEXTS:
        return {word for word, kind in listed.items() if kind != "word"}
    return set(listed)


def _meant_words(field: ModelField, lists: dict[str, Path]) -> set[str]:
    """Words that mean something in a field: those of its type, such as yes and no, and those of its code list."""
    words = {word_key(word) for word in field.semantic.words}
    if field.codes:
        with suppress(UserError, KeyError):  # a list with faults is told where it is used
            words |= {word_key(word) for word in value_to_code(lists[f"{field.codes}.csv"])}
    return words
