"""A file of `conf/` or `expectations/` as a document: YAML with the line of every key and item, read behind guards.

All YAML that people write is read here. The fast loader ends the process where a text is very deep, and a text of 271 bytes
can stand for billions of values, so both are counted before anything is built.

Reads: one file. Writes: nothing.
Refuses: what is no regular file, not UTF-8 or not YAML, too large, too deep, too long, a key said twice, tags of other types,
directives. Dates stay text.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from jobs.common.base.errors import UserError
from jobs.common.base.suggestions import cut_short

Place = tuple[str | int, ...]

# No file of ours comes near: the largest has 10,000 bytes, 500 values, 9 levels, and 200 characters in one value.
_MOST_BYTES = 1_000_000
_MOST_VALUES = 50_000
_DEEPEST = 50
_LONGEST_TEXT = 20_000
_LONGEST_NUMBER = 300  # Python itself refuses to read whole numbers of more than 4,300 digits
_LONGEST_PROBLEM = 80  # characters of what the loader says
_SLOW_LOADER = 100_000  # characters that the slow loader reads within a second

_TAG = "tag:yaml.org,2002:"
_TYPED_TAGS = {_TAG + name for name in ("int", "float", "bool", "null")}
_PLAIN_TAGS = _TYPED_TAGS | {_TAG + name for name in ("str", "map", "seq")}
_NUMBER = re.compile(rf"[-+0-9_:.,a-fA-FxXoO]{{{_LONGEST_NUMBER + 1},}}")
_NO_TEXT = re.compile("[\x00\ud800-\udfff]")
_UNREADABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

# Dates stay text: the schemas want strings, and an impossible date is not a YAML error.
_RESOLVERS = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != _TAG + "timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


@dataclass(frozen=True)
class Finding:
    """One fault of a document: where it is, what is wrong, and what to do about it."""

    file: str
    key: str  # path in the document, such as schema[0].properties[3].name
    message: str
    remedy: str
    line: int | None = None

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        where = f"{place} {self.key}" if self.key else place
        return f"{where}: {self.message} {self.remedy}"


class ConfError(UserError):
    """A file with faults, all of them; the text tells the first one, and how many there are more."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.findings = tuple(findings)
        first, *others = self.findings
        more = f" (and {len(others)} more)" if others else ""
        super().__init__(f"{first}{more}")


@dataclass(frozen=True)
class Document:
    """A document as written, with the line on which each key or list item starts."""

    file: str
    content: Any
    lines: Mapping[Place, int]
    root: yaml.Node | None = None

    def finding(self, place: Place, message: str, remedy: str) -> Finding:
        """Make a finding at a place; a key that is absent takes the line of the nearest thing around it."""
        return Finding(self.file, write_place(place), message, remedy, self.line(place))

    def line(self, place: Place) -> int | None:
        around = place
        while around and around not in self.lines:
            around = around[:-1]
        return self.lines.get(around)

    def written(self, place: Place) -> str | None:
        """The text of a single value as it is written, cut short; None where there is none or it was merged in."""
        node = self.root
        for part in place:
            node = _child(node, part)
        return cut_short(node.value) if isinstance(node, yaml.ScalarNode) else None


def _child(node: yaml.Node | None, part: str | int) -> yaml.Node | None:
    """The value at an index of a list or a key of a block; None if there is none."""
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int):
        item: yaml.Node = node.value[part]
        return item
    if isinstance(node, yaml.MappingNode):
        return next((value for key, value in node.value if key.value == part), None)
    return None


def write_place(place: Place) -> str:
    """Write a place the way people do: ("schema", 0, "name") is `schema[0].name`."""
    parts = (f"[{part}]" if isinstance(part, int) else f".{cut_short(part)}" for part in place)
    return "".join(parts).removeprefix(".")


class _SlowLoader(yaml.SafeLoader):
    """The one that tells best what is wrong with a text."""

    yaml_implicit_resolvers = _RESOLVERS


class _Loader(yaml.CSafeLoader):
    """The one that takes no time: every process reads all contracts."""

    yaml_implicit_resolvers = _RESOLVERS


def read_document(path: Path, shown: str | None = None) -> tuple[Document | None, list[Finding]]:
    """Read a file; the document is None when it could not be read at all, with the reasons as findings.

    Args:
        path: where it lies.
        shown: what messages call it (default: its name).
    """
    file = shown or path.name
    text = read_text(path, file)
    if isinstance(text, Finding):
        return None, [text]
    try:
        fault = _check_characters(file, text) or _overload(file, text)
        return (None, [fault]) if fault else _compose(file, text)
    except yaml.MarkedYAMLError as error:
        return None, [_syntax_finding(file, _told_better(text, error))]
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        reason = cut_short(" ".join(str(error).split()))
        return None, [Finding(file, "", f"The file is not valid YAML ({reason}).", "Mend or remove that text.")]


def load_document(path: Path, shown: str | None = None) -> Document:
    """As `read_document`; raises ConfError."""
    document, findings = read_document(path, shown)
    if document is None:
        raise ConfError(findings)
    return document


def read_text(path: Path, file: str, most_bytes: int = _MOST_BYTES) -> str | Finding:
    """The text of a file that people write, or what is wrong with it."""
    try:
        if not path.is_file() and path.exists():
            return Finding(file, "", "This is a folder or a device, not a file.", "Put the file in its place.")
        size = path.stat().st_size
        if size > most_bytes:
            limit = f"{most_bytes:,} bytes are the most"
            return Finding(file, "", f"The file has {size:,} bytes, and {limit}.", "Put the right file in its place.")
        content = path.read_bytes()
    except OSError as error:
        reason = error.strerror or "unknown reason"
        return Finding(file, "", f"The file cannot be read ({reason}).", "Check that it is there and readable.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        return Finding(file, "", "The file is not UTF-8.", "Save it in the encoding UTF-8.", line)


def _check_characters(file: str, text: str) -> Finding | None:
    if found := _UNREADABLE.search(text):
        line = text.count("\n", 0, found.start()) + 1
        what = f"control character U+{ord(found[0]):04X}"
        return Finding(file, "", f"The file is not valid YAML ({what}).", "Remove that character.", line)
    return None


def _overload(file: str, text: str) -> Finding | None:
    """What would be too much for the loader, found without building anything; raises YAMLError."""
    if directive := re.search("^%", text, re.MULTILINE):  # thousands of them take the parser minutes
        line = text.count("\n", 0, directive.start()) + 1
        return Finding(file, "", "The file is not valid YAML (a directive).", "Begin no line with %.", line)
    tally = _Tally()
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        found = _odd_value(event) or tally.add(event)
        if found:
            place = event.start_mark.line + 1 if event.start_mark else None
            return Finding(file, "", *found, place)
    return None


def _odd_value(event: yaml.Event) -> tuple[str, str] | None:
    """What is wrong with a value by itself, and the remedy."""
    tag = getattr(event, "tag", None)
    if tag not in (None, "!") and tag not in _PLAIN_TAGS:
        line = event.start_mark.line + 1 if event.start_mark else "?"
        message = f"YAML syntax error at line {line}: the tag `{cut_short(str(tag))}` is not allowed."
        return message, "Remove the tag; quotes make text of a value."
    return _odd_scalar(event, tag) if isinstance(event, yaml.ScalarEvent) else None


def _odd_scalar(event: yaml.ScalarEvent, tag: str | None) -> tuple[str, str] | None:
    text = event.value
    may_be_number = event.implicit[0] or tag in _TYPED_TAGS
    is_long_number = may_be_number and _NUMBER.fullmatch(text) is not None
    if len(text) > _LONGEST_TEXT or is_long_number:
        return f"The file is not valid YAML (a value of {len(text):,} characters).", "Shorten it."
    if _NO_TEXT.search(text):  # written as an escape
        return "The file is not valid YAML (a value with a NUL or half a character).", "Remove the escape."
    if tag and not _is_written_as(tag, text):
        message = f"The file is not valid YAML (`{cut_short(text)}` is not what its tag `{cut_short(tag)}` says)."
        return message, "Remove the tag."
    return None


def _is_written_as(tag: str, text: str) -> bool:
    """Whether a value is written the way its tag wants: the loader fails in many ways on `!!int ""` and `!!bool maybe`."""
    if tag not in _TYPED_TAGS:
        return True
    tags = (tag, _TAG + "int") if tag == _TAG + "float" else (tag,)
    resolvers = _RESOLVERS.get(text[:1], [])
    return any(pattern.match(text) for known, pattern in resolvers if known in tags)


@dataclass
class _Opened:
    """A block that is being read: how many values and levels it has so far, itself among them."""

    anchor: str | None
    values: int = 1
    levels: int = 1


class _Tally:
    """Counts what a text stands for once its aliases are written out."""

    def __init__(self) -> None:
        self._open: list[_Opened] = []
        self._anchored: dict[str, tuple[int, int]] = {}  # values and levels that an alias stands for
        self._values = 0

    def add(self, event: yaml.Event) -> tuple[str, str] | None:
        """What is too much from this event on, and the remedy."""
        values, levels = self._count(event)
        if self._open:
            around = self._open[-1]
            around.values += values
            around.levels = max(around.levels, levels + (values > 0))
        if len(self._open) + levels > _DEEPEST:
            return f"The file is not valid YAML (more than {_DEEPEST} levels deep).", "Write it with fewer levels."
        if self._values > _MOST_VALUES:
            aliases = ", counting what its aliases stand for" if self._anchored else ""
            what = f"more than {_MOST_VALUES:,} values{aliases}"
            return f"The file is not valid YAML ({what}).", "Write fewer, and no aliases of aliases."
        return None

    def _count(self, event: yaml.Event) -> tuple[int, int]:
        """Values and levels that an event adds to the block around it; a block adds its own when it ends."""
        if isinstance(event, yaml.CollectionStartEvent):
            self._open.append(_Opened(event.anchor))
            self._values += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            closed = self._open.pop()
            self._note(closed.anchor, closed.values, closed.levels)
            return closed.values, closed.levels
        elif isinstance(event, yaml.AliasEvent):
            values, levels = self._anchored.get(event.anchor or "", (1, 1))
            self._values += values
            return values, levels
        elif isinstance(event, yaml.ScalarEvent):
            self._values += 1
            self._note(event.anchor, 1, 1)
            return 1, 1
        return 0, 1

    def _note(self, anchor: str | None, values: int, levels: int) -> None:
        if anchor:
            self._anchored[anchor] = values, levels


def _compose(file: str, text: str) -> tuple[Document | None, list[Finding]]:
    loader = _Loader(text)
    node = loader.get_single_node()
    lines: dict[Place, int] = {}
    faults = list(_walk(file, node, (), (), lines)) if node else []
    if faults:
        return None, faults
    return Document(file, loader.construct_document(node) if node else None, lines, node), []


def _told_better(text: str, error: yaml.MarkedYAMLError) -> yaml.MarkedYAMLError:
    """What the slow loader says of a text that the fast one refuses."""
    if len(text) <= _SLOW_LOADER:
        try:
            for _ in yaml.parse(text, Loader=_SlowLoader):
                pass
        except yaml.MarkedYAMLError as better:
            return better
        except (yaml.YAMLError, ValueError, RecursionError):
            pass
    return error


def _syntax_finding(file: str, error: yaml.MarkedYAMLError) -> Finding:
    mark = error.problem_mark or error.context_mark
    line = mark.line + 1 if mark else None
    place = f"line {line}, column {mark.column + 1}" if mark else "an unknown place"
    problem = (error.problem or "syntax error")[:_LONGEST_PROBLEM]
    remedy = _remedy_of(problem, f"{error.context} {problem}")
    return Finding(file, "", f"YAML syntax error at {place}: {problem}.", remedy, line)


def _remedy_of(problem: str, whole: str) -> str:
    """What to do about a problem of the loader; `whole` tells besides what it was reading."""
    if "escape character" in problem:
        return "Use single quotes, 'like this': a backslash means itself in them."
    if "'\\t'" in problem:
        return "Indent with spaces, not with tabs."
    if "cannot start any token" in problem or "alias" in whole:
        return "Put the value in single quotes."
    return "Check indentation, colons and quotes there and on the line before."


def _walk(
    file: str, node: yaml.Node, place: Place, above: tuple[int, ...], lines: dict[Place, int]
) -> Iterator[Finding]:
    """Note the line of every key and item, and find what YAML would swallow without a word."""
    line = node.start_mark.line + 1
    lines.setdefault(place, line)
    if id(node) in above:
        yield Finding(file, write_place(place), "An alias contains itself.", "Write the block out in full.", line)
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield from _walk(file, item, (*place, index), (*above, id(node)), lines)
    elif isinstance(node, yaml.MappingNode):
        yield from _walk_block(file, node, place, (*above, id(node)), lines)


def _walk_block(
    file: str, node: yaml.MappingNode, place: Place, above: tuple[int, ...], lines: dict[Place, int]
) -> Iterator[Finding]:
    first_lines: dict[str, int] = {}
    for key, value in node.value:
        if key.tag == _TAG + "merge":
            continue
        name = str(key.value) if isinstance(key, yaml.ScalarNode) else "?"
        here, line = (*place, name), key.start_mark.line + 1
        if key.tag != _TAG + "str":
            remedy = f'Put it in quotes: "{cut_short(name)}".'
            yield Finding(file, write_place(here), "The key is not text.", remedy, line)
        elif name in first_lines:
            message = f"The key `{cut_short(name)}` is said twice, first on line {first_lines[name]}."
            yield Finding(file, write_place(here), message, "Keep one of them.", line)
        else:
            first_lines[name] = line
            lines[here] = line
            yield from _walk(file, value, here, above, lines)
