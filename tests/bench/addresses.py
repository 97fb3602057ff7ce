"""How well the parts of addresses are read: recall and precision by part, against a file of labelled addresses.

    python -m tests.bench.addresses [FILE]      by default addresses/dev.conll of the real data

Reads: a file in which each line has a character and its BIO label, with a blank line between addresses.
"""

import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pyspark.sql import functions as F

from jobs.common.lake.engine import session
from jobs.common.model.types.address import PARTS, clean_part, read_addresses
from tests.support.constants import REAL_DATA

# The labels whose first text is a part of ours.
LABELS = {
    "road": "road",
    "roadno": "road_number",
    "houseno": "building",
    "cellno": "unit",
    "roomno": "room",
}
MEASURED = tuple(LABELS.values())
_PLAIN = {0xFF01 + i: 0x21 + i for i in range(94)}


@dataclass(frozen=True)
class Found:
    """Of one part: in how many addresses it was read, labelled, and read as labelled."""

    part: str
    read: int
    labelled: int
    right: int

    @property
    def recall(self) -> float:
        return self.right / self.labelled

    @property
    def precision(self) -> float:
        return self.right / self.read


@dataclass(frozen=True)
class Reading:
    """One address: its text, what is labelled and what was read, both as parts are compared."""

    text: str
    labelled: dict[str, str | None]
    read: dict[str, str | None]


def labelled_addresses(path: Path) -> list[tuple[str, dict[str, str]]]:
    """Text of each address, and the first text of each of `MEASURED`."""
    blocks = path.read_text("utf-8").translate(_PLAIN).strip().split("\n\n")
    found = []
    for block in blocks:
        pieces = list(_pieces(block))
        text = "".join(piece for _, piece in pieces)
        parts: dict[str, str] = {}
        for label, piece in pieces:
            if label in LABELS:
                parts.setdefault(LABELS[label], piece.upper())
        found.append(("".join(text.split()), parts))
    return found


def _pieces(block: str) -> Iterator[tuple[str, str]]:
    """Label and text of each piece of an address."""
    label, text = "", ""
    for line in block.splitlines():
        characters, _, tag = line.rpartition(" ")
        if tag.startswith("I-"):
            text += characters
            continue
        if label:
            yield label, text
        label, text = tag.removeprefix("B-"), characters
    yield label, text


def read_labelled(path: Path) -> list[Reading]:
    """Every address of the file, with what is labelled and what the rules of harmonise read."""
    labelled = labelled_addresses(path)
    rows = [(text, *(parts.get(part) for part in MEASURED)) for text, parts in labelled]
    columns = ["address", *(f"label_{part}" for part in MEASURED)]
    frame = session().createDataFrame(rows, ", ".join(f"{column} string" for column in columns))
    told = [clean_part(part, F.col(f"label_{part}")).alias(f"label_{part}") for part in MEASURED]
    truths = frame.select("address", *told).toArrow().to_pylist()
    texts = frame.select("address").distinct()
    found = {row["address"]: row for row in read_addresses(texts).toArrow().to_pylist()}
    return [_reading(row, found[row["address"]]) for row in truths]


def _reading(truth: dict[str, str | None], found: dict[str, str | None]) -> Reading:
    labelled = {part: truth[f"label_{part}"] for part in MEASURED}
    return Reading(str(truth["address"]), labelled, {part: found[f"_{part}"] for part in PARTS})


def measure(readings: list[Reading]) -> list[Found]:
    """How often each part was read, labelled and read as labelled."""
    return [_measure_part(part, readings) for part in MEASURED]


def _measure_part(part: str, readings: list[Reading]) -> Found:
    counts: Counter[str] = Counter()
    for reading in readings:
        ours, theirs = reading.read[part], reading.labelled[part]
        counts["read"] += ours is not None
        counts["labelled"] += theirs is not None
        counts["right"] += ours is not None and ours == theirs
    return Found(part, counts["read"], counts["labelled"], counts["right"])


def report(found: list[Found]) -> str:
    """A table in Markdown."""
    lines = ["| part | recall | precision | read | labelled | right |", "|---|--:|--:|--:|--:|--:|"]
    for one in found:
        figures = f"{one.recall:.3f} | {one.precision:.3f} | {one.read:,} | {one.labelled:,} | {one.right:,}"
        lines.append(f"| {one.part} | {figures} |")
    return "\n".join(lines)


def main() -> None:
    given = sys.argv[1:]
    path = Path(given[0]) if given else Path(REAL_DATA) / "addresses" / "dev.conll"
    print(report(measure(read_labelled(path))))


if __name__ == "__main__":
    main()
