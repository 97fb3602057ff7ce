"""Headers of a file against the headers of its contract. Refuses: missing, undeclared and repeated headers."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from jobs.common.contracts import SourceObject
from jobs.common.document import nearest_word
from jobs.land.batches import FileRefused

Merged = Sequence[tuple[tuple[int, int], tuple[int, int]]]


@dataclass(frozen=True)
class Layout:
    """Where each column of the contract stands in the file; a position without a header must stay empty."""

    width: int
    positions: tuple[int, ...]
    unnamed: tuple[int, ...]
    titles: tuple[str, ...]


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
    grid = [[clean_header(cell) for cell in row] for row in rows]
    if merged:
        for (top, left), (_, right) in merged:
            for column in range(left + 1, min(right + 1, len(grid[top]))):
                grid[top][column] = grid[top][left]
    else:
        for upper, lower in pairwise(grid):
            group = ""
            for column, below in enumerate(lower):
                if upper[column] or not below:
                    group = upper[column] if below else ""
                upper[column] = upper[column] or group
    return ["/".join(part for part in column if part) for column in zip(*grid, strict=True)]


def match_headers(headers: Sequence[str], obj: SourceObject) -> Layout:
    """Find the contract's columns; their order in the file is free.

    Raises:
        FileRefused: missing_header, unknown_header or duplicate_header, each with the nearest name of the other side.
            A row that is hardly a header (fewer than half of the declared ones) is not quoted: it may be a person's.
    """
    found = [clean_header(header) for header in headers]
    declared = [column.header for column in obj.columns]
    counted = Counter(header for header in found if header)
    missing = [header for header in declared if header not in counted]
    unknown = [header for header in counted if header not in declared]
    quotable = 2 * (len(declared) - len(missing)) >= len(declared)
    if repeated := [header for header in declared if counted[header] > 1]:
        raise FileRefused(
            "duplicate_header", "; ".join(f"{header} stands {counted[header]} times" for header in repeated)
        )
    if missing:
        raise FileRefused("missing_header", _name_missing(missing, unknown, quotable))
    if unknown:
        named = [(header[:40], nearest_word(header, declared)) for header in unknown]
        texts = [f"{header} is not declared" + (f" (nearest: {near})" if near else "") for header, near in named]
        raise FileRefused("unknown_header", "; ".join(texts))
    return Layout(
        width=len(found),
        positions=tuple(found.index(header) for header in declared),
        unnamed=tuple(position for position, header in enumerate(found) if not header),
        titles=tuple(found),
    )


def _name_missing(missing: list[str], unknown: list[str], quotable: bool) -> str:
    texts = []
    for header in missing:
        near = nearest_word(header, unknown)
        if near is None and quotable and len(missing) == len(unknown) == 1:
            near = unknown[0]
        texts.append(f"{header} is missing" + (f" (nearest in the file: {near[:40]})" if near else ""))
    others = [header[:40] for header in unknown if quotable]
    return "; ".join(texts) + (f"; not declared: {', '.join(others)}" if others else "")
