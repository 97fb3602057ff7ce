"""Connector `sqlite`: the rows of a query on a SQLite database, such as that of a small office's program.

    location: {connector: sqlite, database: /srv/office/people.db, query: "select id as 编号 from people where day <= :night"}

The names of the query's columns are the headers of the contract. The query may name `:night` (YYYY-MM-DD) and `:secret`: SQLite
itself knows no password, but a program may keep rows under a key.

Reads: the database, read-only. Writes: nothing.
Refuses: a database that cannot be opened, a query that does more than read or names a column twice, a value that is no text.
"""

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jobs.common.contracts.location import Location
from jobs.fetch.failure import NotFetched

_READING = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE}
_SECONDS = 30  # to wait for a program that writes


def read_rows(location: Location, find_secret: Callable[[str], str], night: date) -> Iterator[dict[str, Any]]:
    """Rows of the query by the names of its columns; numbers stay numbers.

    Raises:
        NotFetched: the database or the query is refused, or a row cannot be read.
    """
    parameters = {"night": night.isoformat()}
    if location.secret is not None:
        parameters["secret"] = find_secret(location.secret)
    connection = _open(location.setting("database"))
    try:
        yield from _select(connection, location.setting("query"), parameters)
    finally:
        connection.close()


def _open(database: str) -> sqlite3.Connection:
    path = Path(database)
    if not path.is_absolute():
        raise NotFetched("no_database", "`database` must be a whole path, from /")
    if not path.is_file():
        raise NotFetched("no_database", "there is no such file")
    try:
        connection = sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=_SECONDS)
        connection.execute("select count(*) from sqlite_schema").fetchone()
    except sqlite3.Error as error:
        raise NotFetched("no_database", _name_of(error)) from None
    connection.set_authorizer(_allow_reading)
    connection.text_factory = _read_text
    return connection


def _allow_reading(action: int, *_: object) -> int:
    return sqlite3.SQLITE_OK if action in _READING else sqlite3.SQLITE_DENY


def _read_text(content: bytes) -> str:
    return content.decode("utf-8")


def _select(connection: sqlite3.Connection, query: str, parameters: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    _check_query(connection, query, parameters)
    try:
        found = connection.execute(query, parameters)
        names = [column[0] for column in found.description]
        if len(set(names)) < len(names):
            raise NotFetched("bad_query", "it names a column twice; give each a name of its own with `as`")
        for number, cells in enumerate(found, start=1):
            _check_cells(names, cells, number)
            yield dict(zip(names, cells, strict=True))
    except sqlite3.Error as error:  # what it says may hold a value
        raise NotFetched("not_whole", _name_of(error)) from None
    except UnicodeDecodeError:
        raise NotFetched("no_text", "a text is not UTF-8") from None


def _check_query(connection: sqlite3.Connection, query: str, parameters: Mapping[str, str]) -> None:
    """Refuse a query that SQLite cannot prepare; no row is read yet, so that what it says holds no value."""
    try:
        connection.execute(f"explain {query}", parameters).close()
    except (sqlite3.Error, sqlite3.Warning) as error:
        raise NotFetched("bad_query", str(error)) from None


def _check_cells(names: list[str], cells: tuple[Any, ...], number: int) -> None:
    for name, cell in zip(names, cells, strict=True):
        if isinstance(cell, bytes) or cell in (float("inf"), float("-inf")):
            raise NotFetched("no_text", f"row {number}, column {name}: bytes, or no number")


def _name_of(error: sqlite3.Error) -> str:
    """What SQLite calls a fault, such as SQLITE_CORRUPT."""
    return getattr(error, "sqlite_errorname", None) or type(error).__name__
