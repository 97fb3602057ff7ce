"""Headers of a file against the headers of its contract. Refuses: missing, undeclared and repeated headers.

What stands where headers should may be data: a file without a header row, a wrong `skip_rows`, a wrong delimiter. So a
message names declared headers and places, and quotes of the file only what is clearly a misspelt header.
"""

import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise

from jobs.common.base.suggestions import nearest_word
from jobs.common.contracts.servers import EVERY_OTHER
from jobs.common.contracts.sources import Column, SourceObject
from jobs.land.batches import FileRefused

Merged = Sequence[tuple[tuple[int, int], tuple[int, int]]]

MAX_COLUMNS = 16_384  # as many as a sheet can have
_QUOTED = 3  # headers of the file, and places, that a message names
_NAMED = 10  # declared headers that it names
_LOOKED_AT = 200
_LONGEST = 20
_NUMBER = re.compile(r"\d{5}")


@dataclass(frozen=True)
class Layout:
    """Where each column of the contract stands in the file.

    `positions` is None for an optional column that the file lacks; a value at one of `unnamed` stands under no header.
    A row must reach as far as `needed` cells: the last of its key and required columns.
    """

    width: int
    positions: tuple[int | None, ...]
    unnamed: tuple[int, ...]
    titles: tuple[str, ...]
    needed: int
    left: int = 0

    def letter(self, position: int) -> str:
        return column_letter(self.left + position)


def key_places(obj: SourceObject, layout: Layout) -> list[int]:
    """Where the columns of the key stand in the file."""
    placed = zip(layout.positions, obj.columns, strict=True)
    return [at for at, column in placed if column.primary_key and at is not None]


def column_letter(position: int) -> str:
    """Name of a column as a spreadsheet shows it: 0 is A, 26 is AA."""
    letters, rest = "", position + 1
    while rest:
        rest, letter = divmod(rest - 1, 26)
        letters = chr(ord("A") + letter) + letters
    return letters


def column_position(letters: str) -> int:
    """The reverse of `column_letter`."""
    number = 0
    for letter in letters:
        number = 26 * number + ord(letter) - ord("A") + 1
    return number - 1


def clean_header(cell: str) -> str:
    return cell.replace("\ufeff", "").strip()


def join_header_rows(rows: Sequence[Sequence[str]], merged: Merged = ()) -> list[str]:
    """One header for each column of several header rows, joined with "/" from top to bottom.

    A group's name counts for all columns it is merged over; a header merged over several rows is just its name.
    Without any merged cell, an empty cell above a header belongs to the group at its left.

    Args:
        rows: cells of the header rows, all of one length.
        merged: first and last cell, (row, column) with both counted from the first header row and cell.
    """
    grid = [list(map(clean_header, row)) for row in rows]
    if merged:
        _fill_merged(grid, merged)
    else:
        for upper, lower in pairwise(grid):
            _fill_groups(upper, lower)
    return ["/".join(filter(None, column)) for column in zip(*grid, strict=True)]


def _fill_merged(grid: list[list[str]], merged: Merged) -> None:
    """Write the name of each merged cell into all columns that it covers."""
    for (top, left), (_, right) in merged:
        last = min(right + 1, len(grid[top]))
        for column in range(left + 1, last):
            grid[top][column] = grid[top][left]


def _fill_groups(upper: list[str], lower: Sequence[str]) -> None:
    """Write the name of a group into the empty cells at its right, as far as there is a header below them."""
    group = ""
    for column, below in enumerate(lower):
        if not below:
            group = ""
        elif upper[column]:
            group = upper[column]
        upper[column] = upper[column] or group


def match_headers(headers: Sequence[str], obj: SourceObject, left: int = 0) -> Layout:
    """Find the contract's columns; their order in the file is free.

    Args:
        headers: of the file, from its first column on.
        obj: the object of the contract.
        left: how many columns of the sheet stand before the first of them.

    Raises:
        FileRefused: missing_header, unknown_header, duplicate_header, or unreadable where there are too many columns.
    """
    found = [clean_header(header) for header in headers]
    if len(found) > MAX_COLUMNS:
        raise FileRefused("unreadable", f"the header row has {len(found):,} cells, at most {MAX_COLUMNS:,} are read")
    declared = [column.header for column in obj.columns]
    _refuse_repeated(found, declared)
    unknown = _unknown_headers(found, declared, obj)
    places = {column.name: _find_column(column, found, left) for column in obj.columns}
    missing = [column.header for column in obj.columns if places[column.name] is None and not column.optional]
    if missing:
        raise FileRefused("missing_header", _name_missing(missing, unknown, declared, left))
    if unknown:
        raise FileRefused("unknown_header", "; ".join(_name_unknown(unknown, declared, left)))
    return _lay_out(found, obj, places, left)


def _refuse_repeated(found: Sequence[str], declared: Sequence[str]) -> None:
    """Raise FileRefused if a declared header stands more than once."""
    counted = Counter(found)
    repeated = [header for header in declared if counted[header] > 1]
    if repeated:
        texts = [f"{header} stands {counted[header]} times" for header in repeated[:_NAMED]]
        raise FileRefused("duplicate_header", "; ".join(texts))


def _unknown_headers(found: Sequence[str], declared: Sequence[str], obj: SourceObject) -> dict[str, int]:
    """Headers of the file that the contract neither declares nor ignores, with their places."""
    if EVERY_OTHER in obj.ignore:
        return {}
    known = {"", *declared, *obj.ignore}
    unknown: dict[str, int] = {}
    for place, header in enumerate(found):
        if header not in known:
            unknown.setdefault(header, place)
    return unknown


def _lay_out(found: Sequence[str], obj: SourceObject, places: dict[str, int | None], left: int) -> Layout:
    """The layout of a header row in which every column of the contract has its place.

    Args:
        found: headers of the file.
        obj: the object of the contract.
        places: of its columns by name; None for an optional one that the file lacks.
        left: how many columns of the sheet stand before the first header.
    """
    ends = {name: place + 1 for name, place in places.items() if place is not None}
    width = max([len(found), *ends.values()])
    titles = (*found, *[""] * (width - len(found)))
    needed = [ends.get(column.name, 0) for column in obj.columns if column.primary_key or column.required]
    free = set(range(width)).difference(end - 1 for end in ends.values())
    return Layout(
        width=width,
        positions=tuple(places.values()),
        unnamed=tuple(at for at in sorted(free) if not (titles[at] or _is_ignored(left + at, obj))),
        titles=titles,
        needed=max(needed, default=0),
        left=left,
    )


def _is_ignored(place: int, obj: SourceObject) -> bool:
    """Whether the contract ignores the column at a place of the sheet, by its letter or with every other."""
    return column_letter(place) in obj.ignore or EVERY_OTHER in obj.ignore


def _find_column(column: Column, found: Sequence[str], left: int) -> int | None:
    """By its header; else by its declared position, where no other header may stand."""
    if column.header in found:
        return found.index(column.header)
    place = column_position(column.position) - left if column.position else -1
    return place if place >= 0 and (place >= len(found) or not found[place]) else None


def _name_missing(missing: list[str], unknown: dict[str, int], declared: list[str], left: int) -> str:
    near = near_words(unknown, declared)
    # Headers that are there or nearly so must be half of all, or the row is hardly one of headers.
    if 2 * (len(declared) - len(missing) + len(near)) < len(declared):
        near, unknown = [], {}
    texts = [_name_one_missing(header, near) for header in missing[:_NAMED]]
    if len(missing) > _NAMED:
        texts.append(f"{len(missing) - _NAMED} more are missing")
    if near:
        texts.append(f"not declared: {', '.join(map(_shown, near))}")
    return "; ".join(texts + _name_others(unknown, near, left))


def _name_one_missing(header: str, near: list[str]) -> str:
    neighbour = nearest_word(header, near)
    return f"{header} is missing" + (f" (nearest in the file: {_shown(neighbour)})" if neighbour else "")


def _name_unknown(unknown: dict[str, int], declared: list[str], left: int) -> list[str]:
    near = near_words(unknown, declared)
    texts = [f"{_shown(header)} is not declared (nearest: {nearest_word(header, declared)})" for header in near]
    return texts + _name_others(unknown, near, left)


def _name_others(unknown: dict[str, int], near: Collection[str], left: int) -> list[str]:
    """One text that tells where unknown headers stand which are not quoted as near ones; none if there are no others."""
    places = [place for header, place in unknown.items() if header not in near]
    return [_name_places(places, left)] if places else []


def _name_places(places: list[int], left: int) -> str:
    """The places of headers that are not quoted."""
    letters = ", ".join(column_letter(left + place) for place in places[:_QUOTED])
    if len(places) == 1:
        return f"the header in column {letters} is not declared"
    more = f" and {len(places) - _QUOTED:,} more" if len(places) > _QUOTED else ""
    return f"the headers in columns {letters}{more} are not declared"


def near_words(words: Collection[str], declared: Sequence[str]) -> list[str]:
    """The first few of a file's words that may be quoted: near a declared one, short, without a long number."""
    found: list[str] = []
    for word in list(words)[:_LOOKED_AT]:
        is_harmless = len(word) <= _LONGEST and not _NUMBER.search(word)
        if len(found) < _QUOTED and is_harmless and nearest_word(word, declared):
            found.append(word)
    return found


def _shown(word: str) -> str:
    """A word in a message: on one line, and without what a terminal would obey."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in word).split())
