"""Id numbers of residents whom people have told apart: one of them has the number, for the others it counts as copied.

Matchers have joined the two because of the number, so that none of them has said whose it is. Without that both would be
released under one number, and the gate would refuse the night.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.common.model.links import Decision, EdgeReason
from jobs.match.clusters import Judged
from jobs.match.match_run import MatchRun
from jobs.match.residents import KIND

MATCHER = "judgement"
_SCHEMA = pa.schema([("number", pa.int64()), ("other", pa.int64())])


@dataclass(frozen=True)
class Holder:
    """A resident among those who have one id number: the mentions with it, and how many have the birth date inside it."""

    root: int
    mentions: tuple[int, ...]
    fitting: int


def part_ids(run: MatchRun, mentions: DataFrame, roots: DataFrame, judged: Judged) -> DataFrame | None:
    """Decisions, as matchers make them, on the mentions whose number is another's; None if nobody was told apart.

    Args:
        run: of the night.
        mentions: that are looked at.
        roots: of residents, `number` and `root`, of mentions with another root.
        judged: what people have decided on residents.
    """
    if not judged.different:
        return None
    apart = sorted({number for pair in judged.different for number in pair})
    own = mentions.where(F.col("kind") == KIND).where(F.col("id_key").isNotNull())
    keys = own.where(F.col("number").isin(apart)).select("id_key").distinct()
    rows = own.join(keys, "id_key", "left_semi").join(roots, "number", "left")
    fits = (F.col("born") == F.col("id_born")).alias("fits")
    rows = rows.select("number", "id_key", F.coalesce("root", "number").alias("root"), fits)
    copied = list(list_copied(rows.toArrow().to_pylist()))
    table = pa.Table.from_pylist([{"number": number, "other": other} for number, other in copied], schema=_SCHEMA)
    words = {"kind": KIND, "decision": Decision.REJECT, "reason": EdgeReason.ID_HELD_BY_ANOTHER, "matcher": MATCHER}
    told = {name: F.lit(str(word)) for name, word in words.items()}
    return run.scratch_table("parted-ids", table).withColumns(told | {"weight": F.lit(0).cast("bigint")})


def list_copied(rows: Sequence[dict[str, Any]]) -> Iterator[tuple[int, int]]:
    """Each mention whose number is another resident's, with the least mention of that one."""
    by_key: dict[int, dict[int, list[dict[str, Any]]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        by_key[row["id_key"]][row["root"]].append(row)
    for clusters in by_key.values():
        owner, *others = sorted((_holder(root, own) for root, own in clusters.items()), key=_claim)
        for holder in others:
            yield from ((number, owner.mentions[0]) for number in holder.mentions)


def _holder(root: int, rows: Sequence[dict[str, Any]]) -> Holder:
    fitting = sum(bool(row["fits"]) for row in rows)
    return Holder(root, tuple(sorted(row["number"] for row in rows)), fitting)


def _claim(holder: Holder) -> tuple[int, int, int]:
    """The number is of those with the birth date inside it, then of those with more mentions, then of the least."""
    return -min(holder.fitting, 1), -len(holder.mentions), holder.root
