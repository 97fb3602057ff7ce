"""`jiceng links decide` and `revoke`: what people decide about pairs of records, each row of a workbook judged by itself.

Reads: the workbook, `links.mention`. Writes: `links.judgement`. Refuses: a workbook that is none, and by row what was edited,
is not known, or contradicts what stands; nothing of such a row is written. Exit code 4 while a run is live or open.
"""

import getpass
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

from jobs.common.base.errors import UserError
from jobs.common.base.file_names import shown
from jobs.common.base.masks import mask_numbers
from jobs.common.base.workspace import Workspace
from jobs.common.contracts.sources import Column, SourceObject
from jobs.common.intake.judgements import (
    Decided,
    Pair,
    all_judgements,
    pair_of,
    record_judgements,
    standing_of_pairs,
)
from jobs.common.lake.tables import Lake
from jobs.common.model.links import Judgement, JudgementState
from jobs.common.run.access import MOST_CHARACTERS, check_reason
from jobs.common.run.conf import current_conf
from jobs.land.batches import Batch, FileRefused
from jobs.land.fence import parse_fenced
from jobs.operate.constraints import Constraints
from jobs.operate.decisions import deciding, last_run
from jobs.read.pair_workbook import HEADERS, SHEET, WORDS, check_code

COLUMNS = ["row_number", "state", "decision", "mention_id", "other_id", "detail"]
RECORDED, KNOWN, REFUSED = "recorded", "known", "refused"
_READ = ("decision", "because", "mention_id", "other_id", "check")
_BY_WORD = {word: decision for decision, words in WORDS.items() for word in words}
_EDITED = "its keys are not those of the pair that it was written for; take the row from a new review"
_SHORTEST = 8  # characters of a mention's id by which it may be named


@dataclass(frozen=True)
class Line:
    """A row of the workbook with a decision, as people wrote it."""

    number: int
    word: str
    because: str
    mention: str
    other: str
    check: str


@dataclass(frozen=True)
class Outcome:
    """What became of a row, and why."""

    line: Line
    state: str
    detail: str = ""
    decided: Decided | None = None


class RowRefused(Exception):
    """A row that cannot be taken; its text says why."""


def decide(workspace: Workspace, path: Path, because: str | None, who: str | None) -> tuple[list[dict[str, Any]], str]:
    """Take a workbook; returns a row for each of its rows with a decision, and what was done in one line.

    Raises:
        UserError: no reason, or no workbook with pairs.
        Busy: a run is live or open.
    """
    reason = check_reason(because, "who decides says why")
    lines, empty = read_lines(workspace, path)
    with deciding(workspace) as lake:
        after = last_run(lake, "there are no pairs to decide on")
        outcomes = judge_lines(lake, lines, reason, who or getpass.getuser())
        record_judgements(lake, [outcome.decided for outcome in outcomes if outcome.decided], after)
    counts = Counter(outcome.state for outcome in outcomes)
    told = f"{counts[RECORDED]:,} recorded, {counts[KNOWN]:,} stood already, {counts[REFUSED]:,} refused, "
    told += f"{empty:,} without a decision"
    return [_row(outcome) for outcome in outcomes], told


def _row(outcome: Outcome) -> dict[str, Any]:
    decided = outcome.decided
    one, other = decided.pair if decided else (None, None)
    return {
        "row_number": outcome.line.number,
        "state": outcome.state,
        "decision": decided.decision if decided else None,
        "mention_id": one,
        "other_id": other,
        "detail": outcome.detail,
    }


# --- the workbook -----------------------------------------------------------------------------------------------------------


def read_lines(workspace: Workspace, path: Path) -> tuple[list[Line], int]:
    """Rows with a decision, and how many have none; read as an export is, behind the fence.

    Raises:
        UserError: no such file, or none that holds pairs.
    """
    if not path.is_file():
        raise UserError(f"there is no file {shown(str(path))}")
    if not os.access(path, os.R_OK):
        raise UserError(f"this user may not read {shown(str(path))}; change its mode")
    try:
        rows = list(chain.from_iterable(_rows_of(batch) for batch in parse_fenced(path, _layout())))
    except FileRefused as refused:
        sentence = current_conf(workspace).reasons["file"].get(refused.reason, {}).get("en", refused.reason)
        raise UserError(f"{shown(path.name)}: {sentence} ({refused.detail}); nothing was recorded") from refused
    lines = [_line(row) for row in rows]
    return [line for line in lines if line.word], sum(not line.word for line in lines)


def _layout() -> SourceObject:
    """The workbook as the parser knows an export: the columns that are read, all others left alone."""
    columns = tuple(Column(name, HEADERS[name], False, False, 1, ()) for name in _READ)
    return SourceObject(
        system="people",
        name="pairs",
        format="xlsx",
        path="*.xlsx",
        encoding="utf-8",
        delimiter=",",
        sheet=SHEET,
        header_rows=1,
        skip_rows=0,
        mode="snapshot",
        as_of=None,
        timezone="Asia/Shanghai",
        ready="name",
        max_loss=1,
        columns=columns,
        ignore=("*",),
    )


def _rows_of(batch: Batch) -> Iterator[dict[str, Any]]:
    """Rows of a batch; one that the parser takes for no record (a title, a total) holds no keys, and is judged like any other."""
    yield from batch.rows.to_pylist()
    for row in (*batch.quarantined, *batch.skipped):
        if row.reason not in ("blank", "header"):
            yield {**dict.fromkeys(_READ), "row_number": row.row_number, "decision": "?"}


def _line(row: Mapping[str, Any]) -> Line:
    decision, because, mention, other, check = ((row[name] or "").strip() for name in _READ)
    return Line(row["row_number"], decision, because, mention, other, check)


# --- row by row -------------------------------------------------------------------------------------------------------------


def judge_lines(lake: Lake, lines: Sequence[Line], because: str, who: str) -> list[Outcome]:
    """What becomes of each row, from the top: a row that is taken stands before those below it."""
    named = {mention for line in lines for mention in (line.mention, line.other)}
    kinds = kinds_of(lake, named)
    standing = standing_of_pairs(all_judgements(lake))
    constraints = Constraints()
    for pair, row in standing.items():
        constraints.add(pair, Judgement(row["decision"]), f"the judgement of {row['night']} by {row['who']}")
    outcomes = []
    for line in lines:
        outcome = _judge(line, kinds, constraints, Decided("", ("", ""), Judgement.UNSURE, who, because))
        outcomes.append(outcome)
    return outcomes


def _judge(line: Line, kinds: Mapping[str, str], constraints: Constraints, blank: Decided) -> Outcome:
    """What becomes of one row; `blank` says who decides, and why unless the row does."""
    try:
        decided = replace(blank, **_read_decision(line, kinds), because=_reason_of(line, blank.because))
        if constraints.knows(decided.pair, decided.decision):
            return Outcome(line, KNOWN, "it stands already")
        if against := constraints.why_not(decided.pair, decided.decision):
            raise RowRefused(f"it contradicts {against}; revoke what is wrong, or correct the row")
    except RowRefused as refused:
        return Outcome(line, REFUSED, str(refused))
    constraints.add(decided.pair, decided.decision, f"row {line.number}")
    return Outcome(line, RECORDED, "", decided)


def _read_decision(line: Line, kinds: Mapping[str, str]) -> dict[str, Any]:
    """Kind, pair and decision of a row; raises RowRefused."""
    if not (line.mention and line.other and line.check):
        raise RowRefused("it names no pair: mention_id, other_id or check is empty")
    decision = _BY_WORD.get(line.word.lower())
    if decision is None:
        raise RowRefused(f"its decision is none of {', '.join(words[0] for words in WORDS.values())}")
    if line.check != check_code(line.mention, line.other) or line.mention == line.other:
        raise RowRefused(_EDITED)
    kind, other_kind = kinds.get(line.mention), kinds.get(line.other)
    if kind is None or other_kind is None:
        raise RowRefused("one of its records is not, or no longer, in this workspace; take a new review")
    if kind != other_kind:
        raise RowRefused(_EDITED)
    return {"kind": kind, "pair": pair_of(line.mention, line.other), "decision": decision}


def _reason_of(line: Line, because: str) -> str:
    """Why, as the row says, else as it was said of all; raises RowRefused if it is very long."""
    told = " ".join(line.because.split())
    if len(told) > MOST_CHARACTERS:
        raise RowRefused(f"its reason is longer than {MOST_CHARACTERS} characters")
    return mask_numbers(told) or because


def kinds_of(lake: Lake, mentions: set[str]) -> dict[str, str]:
    """The kind of each of these mentions that is current."""
    rows = lake.rows("links.mention", {"mention_id": sorted(mentions)}, ["mention_id", "kind"])
    return dict(zip(rows.column("mention_id").to_pylist(), rows.column("kind").to_pylist(), strict=True))


# --- taking back ------------------------------------------------------------------------------------------------------------


def revoke(workspace: Workspace, mention: str, other: str, because: str | None, who: str | None) -> str:
    """Take back the judgement on a pair; returns what was done.

    Args:
        workspace: where.
        mention: its id, or the first characters of it.
        other: as `mention`, in any order.
        because: why.
        who: who decides (default: the user of this process).

    Raises:
        UserError: no reason, or not exactly one standing judgement is on such a pair.
    """
    reason = check_reason(because, "who revokes says why")
    with deciding(workspace) as lake:
        after = last_run(lake, "there is nothing to revoke")
        pair, row = _find_standing(lake, mention, other)
        decision = Judgement(row["decision"])
        by = who or getpass.getuser()
        record_judgements(lake, [Decided(row["kind"], pair, decision, by, reason, JudgementState.REVOKED)], after)
    return (
        f"{decision} of {row['night']} by {row['who']} is revoked; the next run works it through, `jiceng run` at once"
    )


def _find_standing(lake: Lake, mention: str, other: str) -> tuple[Pair, Mapping[str, Any]]:
    """The one pair with a standing judgement that is named so."""
    if min(len(mention), len(other)) < _SHORTEST:
        raise UserError(
            f"name both mentions by at least {_SHORTEST} characters of their ids; `jiceng links list` shows them"
        )
    standing = standing_of_pairs(all_judgements(lake))
    named = [pair for pair in standing if _is_named(pair, mention, other) or _is_named(pair, other, mention)]
    if len(named) != 1:
        told = "several judgements are" if named else "no standing judgement is"
        raise UserError(f"{told} on a pair that is named so; `jiceng links list` shows them")
    return named[0], standing[named[0]]


def _is_named(pair: Pair, mention: str, other: str) -> bool:
    return pair[0].startswith(mention) and pair[1].startswith(other)
