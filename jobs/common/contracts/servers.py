"""Rules for the servers of a contract: where the files of an export lie and how they are read.

Reads: a `Document`. Writes: nothing. Refuses: an unknown or missing setting, a value that landing could not act on, a
setting of another format, two exports that would take the same files.
"""

import codecs
import re
import zoneinfo
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from jobs.common.base.document import Document, Finding, Place
from jobs.common.base.suggestions import suggest
from jobs.common.contracts.location import check_location, file_settings
from jobs.common.contracts.odcs import SERVER_TYPES, SERVER_WORDS
from jobs.common.contracts.settings import (
    Setting,
    as_written,
    blocks,
    check_words,
    own_settings,
    pick_settings,
    unknown_value,
)

FORMATS = ("csv", "jsonl", "xlsx")
MODES = ("snapshot", "incremental", "log")
READY = ("name", "done")
ENCODINGS = ("utf-8", "utf-8-sig", "gb18030", "gbk", "gb2312", "big5", "utf-16")
# In `ignore`: all headers that the contract does not declare.
EVERY_OTHER = "*"
SERVER_DEFAULTS: Mapping[str, Any] = {
    "timezone": "Asia/Shanghai",
    "ready": "name",
    "encoding": "utf-8",
    "sheet": "",
    "skip_rows": 0,
    "as_of": None,
    "max_loss": 0.5,
    "max_loss_from": 3,
    "ignore": (),
    "group_into": None,
}
FORMAT_DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "csv": {"delimiter": ",", "header_rows": 1},
    "jsonl": {"delimiter": "", "header_rows": 0},
    "xlsx": {"delimiter": "", "header_rows": 1},
}
Settings = Mapping[str, Setting]

_NO_SHEET = Setting("", ())
_REQUIRED = ("path", "format", "mode")
_CLOSED: Mapping[str, Collection[str]] = {"format": FORMATS, "mode": MODES, "ready": READY}
# Words of the standard that may also be ours.
_IN_BOTH = ("format", "encoding", "delimiter")
# Words about files that people hand over, which `fetch` writes as it likes.
_HANDED_OVER = ("path", "format", "ready", "as_of", "encoding", "delimiter", "sheet", "header_rows", "skip_rows")


def server_settings(server: Mapping[str, Any], place: Place = ()) -> dict[str, Setting]:
    """Return what a server says of its files, from our custom properties, else from the standard's own keys.

    The standard has `format`, `path`, `encoding` and (custom servers) `delimiter`; saying one of them there is enough.
    A format that is not said follows from the ending of the path. A `location` says all of its files.
    """
    settings = _said(server, place)
    if "location" in settings:
        fetched = file_settings(str(server.get("server")))
        return settings | {word: Setting(value, settings["location"].place) for word, value in fetched.items()}
    if "format" not in settings and "path" in settings:
        path = settings["path"]
        ending = path_format(path.value)
        if ending:
            settings["format"] = Setting(ending, path.place)
    return settings


def _said(server: Mapping[str, Any], place: Place) -> dict[str, Setting]:
    """What is written at a server, ours before the standard's; its `location` is an address, and another idea."""
    words = set(SERVER_WORDS) - {"location"}
    of_standard = {word: Setting(value, (*place, word)) for word, value in server.items() if word in words}
    own = own_settings(server, place)
    return of_standard | {word: setting for word, setting in own.items() if word in SERVER_WORDS}


def path_format(path: object) -> str | None:
    """Return the format that a path's ending promises, if it does."""
    ending = str(path).rpartition(".")[2].lower()
    return ending if ending in FORMATS else None


def read_encoding(value: object) -> str | None:
    """Return Python's name of an encoding that landing reads (GB2312, gb18030, UTF8 …), else None."""
    try:
        name = codecs.lookup(str(value)).name
    except (LookupError, ValueError):
        return None
    return name if name in ENCODINGS else None


def check_server(document: Document, server: Mapping[str, Any], place: Place) -> Iterator[Finding]:
    yield from check_words(document, server, place, SERVER_WORDS)
    yield from _check_type(document, server, place)
    yield from _check_twice(document, server, place)
    said, settings = _said(server, place), server_settings(server, place)
    yield from _check_absent(document, settings, place)
    if "location" in said:
        yield from _check_fetched(document, said)
        settings = {word: settings[word] for word in settings if word not in said or word not in _HANDED_OVER}
    yield from _check_closed(document, settings)
    yield from _check_values(document, settings)
    yield from _check_format(document, settings, place)


def _check_type(document: Document, server: Mapping[str, Any], place: Place) -> Iterator[Finding]:
    if isinstance(server.get("type"), str) and server["type"] not in SERVER_TYPES:
        yield document.finding(
            (*place, "type"),
            f"Exports of the type `{server['type']}` cannot be fetched; only files in the inbox are read.",
            "Write `type: custom` and let the department hand over files.",
        )


def _check_twice(document: Document, server: Mapping[str, Any], place: Place) -> Iterator[Finding]:
    for word, own in pick_settings(own_settings(server, place), _IN_BOTH):
        if word in server and own.value != server[word]:
            yield document.finding(own.place, f"`{word}` is said twice, with different values.", "Keep one of them.")


def _check_absent(document: Document, settings: Settings, place: Place) -> Iterator[Finding]:
    for word in _REQUIRED:
        if word not in settings:
            yield document.finding(
                (*place, "customProperties"),
                f"The setting `{word}` is missing.",
                f"Add `- {{property: {word}, value: ...}}` to customProperties.",
            )


def _check_fetched(document: Document, said: Settings) -> Iterator[Finding]:
    yield from check_location(document, said["location"])
    for word, setting in pick_settings(said, _HANDED_OVER):
        message = f"`{word}` speaks of files that are handed over, but this export is fetched from its location."
        yield document.finding(setting.place, message, f"Remove `{word}`, or `location`.")


def _check_closed(document: Document, settings: Settings) -> Iterator[Finding]:
    for word, setting in pick_settings(settings, _CLOSED):
        if setting.value not in _CLOSED[word]:
            yield unknown_value(document, word, setting, _CLOSED[word])


# --- each setting by itself -------------------------------------------------------------------------------------------


def _is_count(value: object) -> bool:
    return type(value) is int and value >= 0


def _is_share(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1


def _is_positive(value: object) -> bool:
    return type(value) is int and value >= 1


def _is_list_of_text(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) and item.strip() for item in value)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value != ""


def _stays_in_inbox(value: object) -> bool:
    text = str(value)
    return not text.startswith(("/", "~/")) and "\\" not in text and ".." not in text.split("/")


def _is_delimiter(value: object) -> bool:
    return isinstance(value, str) and len(value) == 1 and value not in '"\r\n'


class Rule(NamedTuple):
    """A test that the values of some settings must pass, and what is told of one that does not."""

    words: tuple[str, ...]
    is_right: Callable[[object], bool]
    message: str  # {word} and {value} stand for the setting and what is written there
    remedy: str


_RULES = (
    Rule(
        ("skip_rows", "header_rows"),
        _is_count,
        "`{word}` must be a whole number of rows, not `{value}`.",
        "Write 0, 1, 2, … without quotes.",
    ),
    Rule(
        ("max_loss",),
        _is_share,
        "`max_loss` must be a share between 0 and 1, not `{value}`.",
        "Write 0.3 to hold a snapshot back that lacks more than three in ten of the keys that stand; 1 never does.",
    ),
    Rule(
        ("max_loss_from",),
        _is_positive,
        "`max_loss_from` must be a whole number of keys, not `{value}`.",
        "Write 20 to leave snapshots alone while fewer than twenty keys stand; 1 judges every one.",
    ),
    Rule(
        ("ignore",),
        _is_list_of_text,
        "`ignore` must be a list of headers.",
        'Write them as the file has them, the letter of a column without a header, or "*" for all undeclared ones.',
    ),
    Rule(("path", "sheet", "as_of"), _is_text, "`{word}` must be text.", 'Put it in quotes: "{value}".'),
    Rule(
        ("path",),
        _stays_in_inbox,
        "The path `{value}` leaves the inbox of the system.",
        "Write a pattern below inbox/<system>/ with forward slashes, such as *.csv.",
    ),
    Rule(
        ("delimiter",),
        _is_delimiter,
        "`delimiter` must be one character, and neither a quote nor a line break.",
        'Write "," or ";" or "|", or "\\t" for a tab.',
    ),
)


def _check_values(document: Document, settings: Settings) -> Iterator[Finding]:
    for rule in _RULES:
        for word, setting in pick_settings(settings, rule.words):
            if not rule.is_right(setting.value):
                yield _refuse(document, rule, word, setting)
    yield from _check_encoding(document, settings)
    yield from _check_timezone(document, settings)
    yield from _check_as_of(document, settings)


def _refuse(document: Document, rule: Rule, word: str, setting: Setting) -> Finding:
    told = as_written(document, setting) or "…"
    message = rule.message.format(word=word, value=told)
    return document.finding(setting.place, message, rule.remedy.format(value=told))


def _check_encoding(document: Document, settings: Settings) -> Iterator[Finding]:
    encoding = settings.get("encoding")
    if encoding and read_encoding(encoding.value) is None:
        yield unknown_value(document, "encoding", encoding, ENCODINGS)


def _check_timezone(document: Document, settings: Settings) -> Iterator[Finding]:
    zone = settings.get("timezone")
    if zone and not _is_timezone(zone.value):
        told = as_written(document, zone)
        near = suggest(told, zoneinfo.available_timezones())
        remedy = f"{near} Zones have names such as Asia/Shanghai."
        yield document.finding(zone.place, f"`{told}` is not a time zone.", remedy)


def _is_timezone(value: object) -> bool:
    try:
        zoneinfo.ZoneInfo(str(value))
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return isinstance(value, str)


def _check_as_of(document: Document, settings: Settings) -> Iterator[Finding]:
    as_of = settings.get("as_of")
    if as_of is None or not isinstance(as_of.value, str):
        return
    remedy = r"Put the date, and only the date, in brackets, such as 'export_(\d{8})'."
    try:
        groups = re.compile(as_of.value).groups
    except (re.error, OverflowError, RecursionError) as error:
        yield document.finding(as_of.place, f"`as_of` is not a regular expression ({error}).", remedy)
        return
    if groups != 1:
        yield document.finding(as_of.place, f"`as_of` must have one group, the date; it has {groups}.", remedy)


# --- settings that only some formats know -----------------------------------------------------------------------------


class FormatRule(NamedTuple):
    """A setting that files of some formats cannot have, or not with every value."""

    word: str
    formats: tuple[str, ...]
    is_wrong: Callable[[object], bool]
    message: str  # {format} stands for the format of the export
    remedy: str


def _is_any(value: object) -> bool:
    return True


def _is_zero(value: object) -> bool:
    return type(value) is int and value == 0


_FOREIGN = (
    FormatRule("sheet", ("csv", "jsonl"), _is_any, "`sheet` is only for xlsx; this export is {format}.", "Remove it."),
    FormatRule(
        "delimiter", ("jsonl", "xlsx"), _is_any, "`delimiter` is only for csv; this export is {format}.", "Remove it."
    ),
    FormatRule(
        "group_into",
        ("jsonl",),
        _is_any,
        "JSON lines do not stand under headings of groups.",
        "Remove `group_into`.",
    ),
)
_HEADER_ROWS = (
    FormatRule(
        "header_rows",
        ("jsonl",),
        _is_positive,
        "JSON lines have no header rows; the keys are the headers.",
        "Remove `header_rows`.",
    ),
    FormatRule(
        "header_rows",
        ("csv", "xlsx"),
        _is_zero,
        "`header_rows` must be at least 1: columns are found by their headers.",
        "Have the export made with headers.",
    ),
)


def _check_format(document: Document, settings: Settings, place: Place) -> Iterator[Finding]:
    file_format = settings["format"].value if "format" in settings else None
    if file_format not in FORMATS:
        return
    yield from _check_ending(document, settings, file_format)
    yield from _check_format_rules(document, settings, file_format, _FOREIGN)
    yield from _check_sheet(document, settings, file_format, place)
    yield from _check_format_rules(document, settings, file_format, _HEADER_ROWS)


def _check_ending(document: Document, settings: Settings, file_format: str) -> Iterator[Finding]:
    path = settings.get("path")
    promised = path_format(path.value) if path else None
    if path and promised not in (None, file_format):
        yield document.finding(
            path.place, f"The path ends like {promised}, but the format is {file_format}.", "Correct one of them."
        )


def _check_format_rules(
    document: Document, settings: Settings, file_format: str, rules: Iterable[FormatRule]
) -> Iterator[Finding]:
    for rule in rules:
        setting = settings.get(rule.word)
        if setting and file_format in rule.formats and rule.is_wrong(setting.value):
            yield document.finding(setting.place, rule.message.format(format=file_format), rule.remedy)


def _check_sheet(document: Document, settings: Settings, file_format: str, place: Place) -> Iterator[Finding]:
    if file_format == "xlsx" and "sheet" not in settings:
        yield document.finding(
            (*place, "customProperties"),
            "The setting `sheet` is missing: a workbook can have several sheets.",
            "Add `- {property: sheet, value: ...}` with the sheet's name.",
        )


def check_paths(document: Document) -> Iterator[Finding]:
    """Refuse two objects that would take the same files (or the same sheet of them)."""
    taken: dict[tuple[str, str], object] = {}
    for index, server in blocks(document.content, "servers"):
        settings = server_settings(server, ("servers", index))
        if "path" not in settings:
            continue
        sheet = settings.get("sheet", _NO_SHEET)
        key = (str(settings["path"].value), str(sheet.value))
        if key in taken:
            yield document.finding(
                settings["path"].place,
                f"The path is already that of `{taken[key]}`: a file could belong to both.",
                "Give each export a path (or sheet) of its own.",
            )
        taken.setdefault(key, server.get("server"))
