"""The location of an export that nobody hands over as a file: `fetch` writes it as one into the inbox.

    location: {connector: sqlite, database: /srv/police/people.db, query: "select …", secret: POLICE_DB}

Reads: a `Document`. Writes: nothing. Refuses: a connector that does not exist, a word that it lacks or does not know, a
secret that is no name, settings of a file that somebody hands over.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from jobs.common.base.document import Document, Finding
from jobs.common.base.secrets import NAME
from jobs.common.base.suggestions import cut_short, suggest
from jobs.common.contracts.settings import Setting

# Connector -> the words that it needs; a module of jobs/fetch/ has the name of each.
CONNECTORS: Mapping[str, tuple[str, ...]] = {"sqlite": ("database", "query")}
# What every connector knows beside its own words.
_COMMON = ("connector", "secret")


@dataclass(frozen=True)
class Location:
    """Where an object comes from: the connector that knows the place, what it needs to know, the name of a secret."""

    object: str
    connector: str
    settings: tuple[tuple[str, str], ...]
    secret: str | None = None

    def setting(self, word: str) -> str:
        return dict(self.settings)[word]


def fetched_name(object: str, night: str) -> str:
    """Name of the file that is fetched on a night."""
    return f"{object}_{night}.jsonl"


def file_settings(object: str) -> dict[str, Any]:
    """Settings of the files that `fetch` writes for an object; nobody need say them."""
    return {
        "path": fetched_name(object, "-".join(["[0-9]" * 4, "[0-9]" * 2, "[0-9]" * 2])),
        "format": "jsonl",
        "ready": "done",
        "as_of": r"_(\d{4}-\d{2}-\d{2})\.jsonl$",
    }


def read_location(object: str, value: Mapping[str, str]) -> Location:
    """The location of an object as a sound contract writes it."""
    settings = tuple((word, value[word]) for word in CONNECTORS[value["connector"]])
    return Location(object, value["connector"], settings, value.get("secret"))


def check_location(document: Document, location: Setting) -> Iterator[Finding]:
    value = location.value
    if not isinstance(value, Mapping):
        yield document.finding(
            location.place,
            "`location` must be a block of keys.",
            "Write {connector: sqlite, database: /…, query: …}; leave it out for files that are handed in.",
        )
        return
    connector = value.get("connector")
    if not isinstance(connector, str) or connector not in CONNECTORS:
        told = f"`{cut_short(connector)}`" if isinstance(connector, str) else "no text"
        message = f"There is no connector of this name ({told})."
        yield document.finding((*location.place, "connector"), message, suggest(connector, CONNECTORS))
        return
    yield from _check_words(document, location, CONNECTORS[connector])
    yield from _check_secret(document, location)


def _check_words(document: Document, location: Setting, wanted: tuple[str, ...]) -> Iterator[Finding]:
    for word in wanted:
        here, value = (*location.place, word), location.value.get(word)
        if word not in location.value:
            yield document.finding(here, f"The location lacks `{word}`.", f"Add `{word}:` to it.")
        elif not isinstance(value, str) or not value.strip():
            yield document.finding(here, f"`{word}` must be text.", "Put it in quotes.")
    known = (*_COMMON, *wanted)
    for word in location.value:
        if word not in known:
            message = f"The location has no word `{cut_short(word)}`."
            yield document.finding((*location.place, word), message, suggest(word, known))


def _check_secret(document: Document, location: Setting) -> Iterator[Finding]:
    if "secret" not in location.value:
        return
    secret = location.value["secret"]
    if not isinstance(secret, str) or not NAME.fullmatch(secret):
        yield document.finding(
            (*location.place, "secret"),
            "`secret` must be a name and not the secret itself.",
            "Write a name of A-Z, 0-9 and _, such as POLICE_DB; its value stands outside of conf/.",
        )
