"""Rules for the servers of a contract: where the files of an export lie and how they are read.

Reads: a `Document`. Writes: nothing. Refuses: an unknown or missing setting, a value that landing could not act on, a
setting of another format, two exports that would take the same files.
"""

import codecs
import re
import zoneinfo
from collections.abc import Collection, Iterator, Mapping
from typing import Any, NamedTuple

from jobs.common.base.document import Document, Finding, Place
from jobs.common.base.suggestions import suggest
from jobs.common.contracts.odcs import SERVER_TYPES, SERVER_WORDS

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


class Setting(NamedTuple):
    """A value and where it is written."""

    value: Any
    place: Place


def blocks(parent: Mapping[str, Any], key: str) -> list[tuple[int, dict[str, Any]]]:
    """Return the blocks of a list with their index; whatever is not a block has been refused by the standard."""
    items = parent.get(key)
    return [(i, item) for i, item in enumerate(items) if isinstance(item, dict)] if isinstance(items, list) else []


def own_settings(block: Mapping[str, Any], place: Place = ()) -> dict[str, Setting]:
    """Return the custom properties that are ours: those of other vendors are theirs to read."""
    return {
        str(item.get("property")): Setting(item.get("value"), (*place, "customProperties", index, "value"))
        for index, item in blocks(block, "customProperties")
        if item.get("vendor", "jiceng") == "jiceng"
    }


def server_settings(server: Mapping[str, Any], place: Place = ()) -> dict[str, Setting]:
    """Return what a server says of its files, from our custom properties, else from the standard's own keys.

    The standard has `format`, `path`, `encoding` and (custom servers) `delimiter`; saying one of them there is enough.
    A format that is not said follows from the ending of the path.
    """
    settings = {word: Setting(server[word], (*place, word)) for word in SERVER_WORDS if word in server}
    settings |= {word: setting for word, setting in own_settings(server, place).items() if word in SERVER_WORDS}
    path = settings.get("path")
    if "format" not in settings and path and (ending := path_format(path.value)):
        settings["format"] = Setting(ending, path.place)
    return settings


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


def check_words(
    document: Document, block: Mapping[str, Any], place: Place, known: Collection[str]
) -> Iterator[Finding]:
    """Refuse custom properties of ours that nobody reads, and those said twice."""
    seen: set[str] = set()
    for index, item in blocks(block, "customProperties"):
        word, here = item.get("property"), (*place, "customProperties", index, "property")
        if item.get("vendor", "jiceng") != "jiceng" or not isinstance(word, str):
            continue
        if word not in known:
            yield document.finding(here, f"The custom property `{word}` is not known here.", suggest(word, known))
        elif word in seen:
            yield document.finding(here, f"The custom property `{word}` is said twice.", "Keep one of them.")
        seen.add(word)


def unknown_value(document: Document, word: str, setting: Setting, known: Collection[str]) -> Finding:
    return document.finding(
        setting.place, f"`{setting.value}` is not a value of `{word}`.", suggest(setting.value, known)
    )


def check_server(document: Document, server: Mapping[str, Any], place: Place) -> Iterator[Finding]:
    yield from check_words(document, server, place, SERVER_WORDS)
    if isinstance(server.get("type"), str) and server["type"] not in SERVER_TYPES:
        yield document.finding(
            (*place, "type"),
            f"Exports of the type `{server['type']}` cannot be fetched; only files in the inbox are read.",
            "Write `type: custom` and let the department hand over files.",
        )
    own, settings = own_settings(server, place), server_settings(server, place)
    for word in ("format", "encoding", "delimiter"):
        if word in own and word in server and own[word].value != server[word]:
            yield document.finding(
                own[word].place, f"`{word}` is said twice, with different values.", "Keep one of them."
            )
    for word in ("path", "format", "mode"):
        if word not in settings:
            yield document.finding(
                (*place, "customProperties"),
                f"The setting `{word}` is missing.",
                f"Add `- {{property: {word}, value: ...}}` to customProperties.",
            )
    for word, known in (("format", FORMATS), ("mode", MODES), ("ready", READY)):
        if word in settings and settings[word].value not in known:
            yield unknown_value(document, word, settings[word], known)
    yield from _check_values(document, settings)
    yield from _check_format(document, settings, place)


def _check_values(document: Document, settings: Mapping[str, Setting]) -> Iterator[Finding]:
    """Check each setting by itself."""
    for word in ("skip_rows", "header_rows"):
        if word in settings and (type(settings[word].value) is not int or settings[word].value < 0):
            yield document.finding(
                settings[word].place,
                f"`{word}` must be a whole number of rows, not `{settings[word].value}`.",
                "Write 0, 1, 2, … without quotes.",
            )
    if (loss := settings.get("max_loss")) and (
        not isinstance(loss.value, int | float) or isinstance(loss.value, bool) or not 0 <= loss.value <= 1
    ):
        yield document.finding(
            loss.place,
            f"`max_loss` must be a share between 0 and 1, not `{loss.value}`.",
            "Write 0.3 to hold a snapshot back that lacks more than three in ten of the keys that stand; 1 never does.",
        )
    if (least := settings.get("max_loss_from")) and (type(least.value) is not int or least.value < 1):
        yield document.finding(
            least.place,
            f"`max_loss_from` must be a whole number of keys, not `{least.value}`.",
            "Write 20 to leave snapshots alone while fewer than twenty keys stand; 1 judges every one.",
        )
    if (ignored := settings.get("ignore")) and not _is_list_of_text(ignored.value):
        yield document.finding(
            ignored.place,
            "`ignore` must be a list of headers.",
            'Write them as the file has them, the letter of a column without a header, or "*" for all undeclared ones.',
        )
    for word in ("path", "sheet", "as_of"):
        if word in settings and (not isinstance(settings[word].value, str) or not settings[word].value):
            yield document.finding(
                settings[word].place, f"`{word}` must be text.", f'Put it in quotes: "{settings[word].value or "…"}".'
            )
    if (path := settings.get("path")) and _leaves_inbox(path.value):
        yield document.finding(
            path.place,
            f"The path `{path.value}` leaves the inbox of the system.",
            "Write a pattern below inbox/<system>/ with forward slashes, such as *.csv.",
        )
    if (encoding := settings.get("encoding")) and read_encoding(encoding.value) is None:
        yield unknown_value(document, "encoding", encoding, ENCODINGS)
    if (delimiter := settings.get("delimiter")) and (
        not isinstance(delimiter.value, str) or len(delimiter.value) != 1 or delimiter.value in '"\r\n'
    ):
        yield document.finding(
            delimiter.place,
            "`delimiter` must be one character, and neither a quote nor a line break.",
            'Write "," or ";" or "|", or "\\t" for a tab.',
        )
    if (zone := settings.get("timezone")) and not _is_timezone(zone.value):
        yield document.finding(
            zone.place,
            f"`{zone.value}` is not a time zone.",
            f"{suggest(zone.value, zoneinfo.available_timezones())} Zones have names such as Asia/Shanghai.",
        )
    if (as_of := settings.get("as_of")) and isinstance(as_of.value, str):
        yield from _check_as_of(document, as_of)


def _is_list_of_text(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) and item.strip() for item in value)


def _leaves_inbox(path: object) -> bool:
    text = str(path)
    return text.startswith(("/", "~/")) or "\\" in text or ".." in text.split("/")


def _is_timezone(value: object) -> bool:
    try:
        zoneinfo.ZoneInfo(str(value))
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return isinstance(value, str)


def _check_as_of(document: Document, as_of: Setting) -> Iterator[Finding]:
    remedy = r"Put the date, and only the date, in brackets, such as 'export_(\d{8})'."
    try:
        groups = re.compile(as_of.value).groups
    except (re.error, OverflowError, RecursionError) as error:
        yield document.finding(as_of.place, f"`as_of` is not a regular expression ({error}).", remedy)
        return
    if groups != 1:
        yield document.finding(as_of.place, f"`as_of` must have one group, the date; it has {groups}.", remedy)


def _check_format(document: Document, settings: Mapping[str, Setting], place: Place) -> Iterator[Finding]:
    """Check the settings that only some formats know."""
    file_format = settings["format"].value if "format" in settings else None
    if file_format not in FORMATS:
        return
    path = settings.get("path")
    if path and path_format(path.value) not in (None, file_format):
        yield document.finding(
            path.place,
            f"The path ends like {path_format(path.value)}, but the format is {file_format}.",
            "Correct one of them.",
        )
    for word, only in (("sheet", "xlsx"), ("delimiter", "csv")):
        if word in settings and file_format != only:
            yield document.finding(
                settings[word].place, f"`{word}` is only for {only}; this export is {file_format}.", "Remove it."
            )
    if "group_into" in settings and file_format == "jsonl":
        yield document.finding(
            settings["group_into"].place, "JSON lines do not stand under headings of groups.", "Remove `group_into`."
        )
    if file_format == "xlsx" and "sheet" not in settings:
        yield document.finding(
            (*place, "customProperties"),
            "The setting `sheet` is missing: a workbook can have several sheets.",
            "Add `- {property: sheet, value: ...}` with the sheet's name.",
        )
    rows = settings.get("header_rows")
    if rows and type(rows.value) is int:
        if file_format == "jsonl" and rows.value > 0:
            yield document.finding(
                rows.place, "JSON lines have no header rows; the keys are the headers.", "Remove `header_rows`."
            )
        elif file_format != "jsonl" and rows.value == 0:
            yield document.finding(
                rows.place,
                "`header_rows` must be at least 1: columns are found by their headers.",
                "Have the export made with headers.",
            )


def check_paths(document: Document) -> Iterator[Finding]:
    """Refuse two objects that would take the same files (or the same sheet of them)."""
    taken: dict[tuple[str, str], object] = {}
    for index, server in blocks(document.content, "servers"):
        settings = server_settings(server, ("servers", index))
        if "path" not in settings:
            continue
        sheet = settings["sheet"].value if "sheet" in settings else ""
        key = (str(settings["path"].value), str(sheet))
        if key in taken:
            yield document.finding(
                settings["path"].place,
                f"The path is already that of `{taken[key]}`: a file could belong to both.",
                "Give each export a path (or sheet) of its own.",
            )
        taken.setdefault(key, server.get("server"))
