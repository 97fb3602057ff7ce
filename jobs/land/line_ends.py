"""Files whose lines end with a lone CR, as old spreadsheets of the Mac write them, also beside other line ends.

Reads: the start of a file tells. In a file that ends lines so, a lone CR inside quotes is a line end too, and lands as LF.
In any other file a lone CR is part of its cell.
"""

import re
from itertools import pairwise
from typing import BinaryIO

SAMPLE_BYTES = 1 << 20
_LONE_CR = re.compile(rb"\r(?!\n)")
_QUOTED = re.compile(rb'"[^"]*"')


def ends_with_lone_cr(sample: bytes, delimiter: str, columns: int) -> bool:
    """Whether a lone CR ends a line.

    It does if there is no other line end, or if most of those outside quotes stand between two whole rows.

    Args:
        sample: the start of the file, in an encoding that has ASCII in it.
        delimiter: of cells, empty where there are none.
        columns: cells that a whole row has at least.
    """
    if sample.count(b"\r") == sample.count(b"\r\n"):
        return False
    bare = _QUOTED.sub(b"", sample)
    if not _LONE_CR.search(bare):
        return False
    if b"\n" not in bare:
        return True
    if not delimiter or columns < 2:
        return False
    return sum(_votes(line, delimiter.encode(), columns) for line in bare.split(b"\n")) > 0


def _votes(line: bytes, delimiter: bytes, columns: int) -> int:
    """How many lone CR of a line stand between two whole rows, less those that do not."""
    pieces = filter(bytes.strip, line.split(b"\r"))
    are_whole = [piece.count(delimiter) + 1 >= columns for piece in pieces]
    are_apart = list(map(all, pairwise(are_whole)))
    return 2 * are_apart.count(True) - len(are_apart)


def copy_with_lf(file: BinaryIO, target: BinaryIO) -> None:
    """Copy a file with LF for each lone CR."""
    held = b""
    while piece := file.read(SAMPLE_BYTES):
        piece = held + piece
        held = b"\r" if piece.endswith(b"\r") else b""
        target.write(_LONE_CR.sub(b"\n", piece.removesuffix(held) if held else piece))
    target.write(b"\n" if held else b"")
