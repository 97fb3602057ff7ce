"""`jiceng links review`: pairs of records worth a look, as rows for a terminal or as a workbook to decide in.

Reads: `links.*`, `harmonised.*`, `ops.issue`. Writes: the workbook; where values are shown `ops.access`.
Refuses: a kind that nobody knows, a file that is there already.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jobs.common.base.workspace import Workspace
from jobs.common.intake.judgements import pair_of
from jobs.common.lake.tables import Lake
from jobs.common.run.access import Access, record_access
from jobs.common.run.conf import Conf, current_conf
from jobs.common.run.stage import open_lake
from jobs.read.named_records import Links, find_two_records, record_of_kind
from jobs.read.pair_sides import Compared, compare_sides, label_fields, side_lines
from jobs.read.pair_workbook import check_workbook, write_workbook
from jobs.read.pairs import RESIDENT, TOLD, Found, ask_about, find_pairs

COLUMNS = [
    "kind",
    "why",
    "reason",
    "records",
    "agree",
    "differ",
    "record",
    "other_record",
    "systems",
    "other_systems",
    "since",
    "entity_id",
    "other_entity",
    "mention_id",
    "other_id",
]
# What a page of a terminal shows.
SHOWN = [name for name in COLUMNS if name not in ("reason", "since")]
MOST_ON_SCREEN, MOST_IN_WORKBOOK = 20, 500


@dataclass(frozen=True)
class Reviewed:
    """Rows of the pairs that are shown, and what is to be said beside them."""

    rows: list[dict[str, Any]]
    notes: list[str]


@dataclass(frozen=True)
class Asked:
    """What somebody wants to look at: a kind, so many pairs, two records; values in clear for a reason."""

    kind: str | None = None
    limit: int | None = None
    records: tuple[str, str] | None = None
    because: str | None = None


def review(workspace: Workspace, asked: Asked) -> Reviewed:
    """Rows for the terminal: values are masked unless there is a reason to show them, which is recorded first."""
    return _review(workspace, asked, MOST_ON_SCREEN, "; ")


def review_to_file(workspace: Workspace, asked: Asked, path: Path, force: bool) -> Reviewed:
    """As `review`, into a workbook."""
    check_workbook(path, force)
    found = _review(workspace, asked, MOST_IN_WORKBOOK, "\n")
    write_workbook(path, found.rows)
    return found


def _review(workspace: Workspace, asked: Asked, most: int, between: str) -> Reviewed:
    """Rows of the pairs; the fields of a side are parted by `between`."""
    conf = current_conf(workspace)
    lake = open_lake(workspace, conf)
    chosen, notes = _choose(lake, conf, asked, asked.limit or most)
    if asked.because is not None and chosen:
        record_access(lake, _access(conf, chosen, asked.because))
    compared = compare_sides(lake, conf, chosen)
    return Reviewed([_row(pair, conf, asked.because is not None, between) for pair in compared], notes)


def _choose(lake: Lake, conf: Conf, asked: Asked, limit: int) -> tuple[Sequence[Found], list[str]]:
    """The pairs to show, and notes on what is not shown."""
    if asked.records is not None:
        record = record_of_kind(conf, asked.kind or RESIDENT)
        one, other = find_two_records(Links(lake, record), *asked.records)
        return [ask_about(lake, record.name, pair_of(one["mention_id"], other["mention_id"]))], []
    if asked.kind is not None:
        record_of_kind(conf, asked.kind)
    found = find_pairs(lake, asked.kind)
    chosen = found.pairs[:limit]
    notes = [f"{len(found.pairs):,} pairs are worth a look; shown are {len(chosen):,}"]
    if found.crowds:
        notes.append(f"{found.crowds:,} names and birth dates are of too many residents and left out")
    notes.append("names that sound alike are not compared: there is no table of sounds")
    return chosen, notes


def _access(conf: Conf, chosen: Sequence[Found], because: str) -> Access:
    """What is shown of the pairs."""
    kinds = sorted({found.kind for found in chosen})
    columns = sorted({field.name for kind in kinds for field in conf.records[kind].fields})
    return Access("links review", [f"harmonised.{kind}" for kind in kinds], columns, because)


def _row(pair: Compared, conf: Conf, is_shown: bool, between: str) -> dict[str, Any]:
    """A pair as columns of text.

    Args:
        pair: with both sides.
        conf: with the labels of fields.
        is_shown: values in clear.
        between: what parts the fields of a side.
    """
    found, record = pair.found, conf.records[pair.found.kind]
    known = [side.since for side in (pair.one, pair.other) if side.since]
    return {
        "kind": found.kind,
        "why": found.why,
        "told": " ".join(TOLD[found.why]),
        "reason": found.reason,
        "records": found.records,
        "agree": label_fields(pair.agree, record),
        "differ": label_fields(pair.differ, record),
        "record": between.join(side_lines(pair.one, pair.other, record, is_shown)),
        "other_record": between.join(side_lines(pair.other, pair.one, record, is_shown)),
        "systems": ", ".join(pair.one.systems),
        "other_systems": ", ".join(pair.other.systems),
        "since": max(known, default=None),
        "entity_id": pair.one.entity_id,
        "other_entity": pair.other.entity_id,
        "mention_id": found.pair[0],
        "other_id": found.pair[1],
    }
