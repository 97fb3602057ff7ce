"""What a contract says in its custom properties: each setting with the place where it is written.

Reads: a `Document`. Writes: nothing. Refuses: words that nobody reads, or that are said twice.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from jobs.common.base.document import Document, Finding, Place
from jobs.common.base.suggestions import suggest

VENDOR = "jiceng"


class Setting(NamedTuple):
    """A value and where it is written."""

    value: Any
    place: Place


def blocks(parent: Mapping[str, Any], key: str) -> list[tuple[int, dict[str, Any]]]:
    """Return the blocks of a list with their index; whatever is not a block has been refused by the standard."""
    items = parent.get(key)
    if not isinstance(items, list):
        return []
    return [(index, item) for index, item in enumerate(items) if isinstance(item, dict)]


def own_settings(block: Mapping[str, Any], place: Place = ()) -> dict[str, Setting]:
    """Return the custom properties that are ours: those of other vendors are theirs to read."""
    return {
        str(item.get("property")): Setting(item.get("value"), (*place, "customProperties", index, "value"))
        for index, item in blocks(block, "customProperties")
        if _is_ours(item)
    }


def pick_settings(settings: Mapping[str, Setting], words: Iterable[str]) -> list[tuple[str, Setting]]:
    """Those of the words that are said, in the order given, each with what is said."""
    return [(word, settings[word]) for word in words if word in settings]


def check_words(
    document: Document, block: Mapping[str, Any], place: Place, known: Collection[str]
) -> Iterator[Finding]:
    """Refuse custom properties of ours that nobody reads, and those said twice."""
    seen: set[str] = set()
    for index, item in blocks(block, "customProperties"):
        word, here = item.get("property"), (*place, "customProperties", index, "property")
        if not _is_ours(item) or not isinstance(word, str):
            continue
        if word not in known:
            yield document.finding(here, f"The custom property `{word}` is not known here.", suggest(word, known))
        elif word in seen:
            yield document.finding(here, f"The custom property `{word}` is said twice.", "Keep one of them.")
        seen.add(word)


def unknown_value(document: Document, word: str, setting: Setting, known: Collection[str]) -> Finding:
    told = as_written(document, setting)
    return document.finding(setting.place, f"`{told}` is not a value of `{word}`.", suggest(told, known))


def as_written(document: Document, setting: Setting) -> str:
    """A value the way that people wrote it: YAML reads `no` as false and `010` as 8."""
    written = document.written(setting.place)
    return str(setting.value) if written is None else written


def _is_ours(item: Mapping[str, Any]) -> bool:
    vendor: object = item.get("vendor", VENDOR)
    return vendor == VENDOR
