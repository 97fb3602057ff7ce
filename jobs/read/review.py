"""`jiceng links review`: pairs of records worth a look, as rows for a terminal or as a workbook to decide in.

Reads: `links.*`, `harmonised.*`, `ops.issue`. Writes: the workbook; where values are shown `ops.access`.
Refuses: a kind that nobody knows, a file that is there already.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jobs.common.base.errors import UserError
from jobs.common.base.workspace import Workspace
from jobs.common.model.shapes import ENTITY
from jobs.common.run.access import Access, record_access
from jobs.common.run.conf import Conf, current_conf
from jobs.common.run.stage import open_lake
from jobs.read.pair_sides import Compared, compare_sides, label_fields, side_lines
from jobs.read.pair_workbook import check_workbook, write_workbook
from jobs.read.pairs import TOLD, find_pairs

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


def review(workspace: Workspace, kind: str | None, limit: int | None, because: str | None) -> Reviewed:
    """Rows for the terminal: values are masked unless there is a reason to show them, which is recorded first."""
    pairs, notes = _compare(workspace, kind, limit or MOST_ON_SCREEN, because, "links review")
    conf = current_conf(workspace)
    return Reviewed([_row(pair, conf, because is not None) for pair in pairs], notes)


def review_to_file(
    workspace: Workspace, kind: str | None, limit: int | None, because: str | None, path: Path, force: bool
) -> Reviewed:
    """As `review`, into a workbook."""
    check_workbook(path, force)
    pairs, notes = _compare(workspace, kind, limit or MOST_IN_WORKBOOK, because, "links review --output")
    conf = current_conf(workspace)
    rows = [_row(pair, conf, because is not None, "\n") for pair in pairs]
    write_workbook(path, rows)
    return Reviewed(rows, notes)


def _compare(
    workspace: Workspace, kind: str | None, limit: int, because: str | None, what: str
) -> tuple[Sequence[Compared], list[str]]:
    """The first pairs with both sides, and notes on what is not shown."""
    conf = current_conf(workspace)
    _check_kind(conf, kind)
    lake = open_lake(workspace, conf)
    found = find_pairs(lake, kind)
    chosen = found.pairs[:limit]
    if because is not None and chosen:
        kinds = sorted({pair.kind for pair in chosen})
        columns = {field.name for name in kinds for field in conf.records[name].fields}
        tables = [f"harmonised.{name}" for name in kinds]
        record_access(lake, Access(what, tables, sorted(columns), because))
    notes = [f"{len(found.pairs):,} pairs are worth a look; shown are {len(chosen):,}"]
    if found.crowds:
        notes.append(f"{found.crowds:,} names and birth dates are of too many residents and left out")
    notes.append("names that sound alike are not compared: there is no table of sounds")
    return compare_sides(lake, conf, chosen), notes


def _check_kind(conf: Conf, kind: str | None) -> None:
    kinds = [record.name for record in conf.records.values() if record.shape == ENTITY]
    if kind is not None and kind not in kinds:
        raise UserError(f"{kind!r} is no kind; there are {', '.join(kinds)}")


def _row(pair: Compared, conf: Conf, is_shown: bool, between: str = "; ") -> dict[str, Any]:
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
