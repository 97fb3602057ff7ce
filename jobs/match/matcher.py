"""What a matcher is: one rule by which mentions of a kind are recognised as the same entity.

Each module of `jobs/match/matchers/` holds one as `MATCHER`. The stage runs all of them, in the order that `after` asks for.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pyarrow as pa
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

Pairs = DataFrame  # `number` and `other`, each pair once, with what `decide` reads; a mention may be paired with itself


@dataclass(frozen=True)
class Evidence:
    """A column of mentions: its SQL type, and the expression over the fields of the harmonised record."""

    type: str
    column: Callable[[], Column]


@dataclass(frozen=True)
class Known:
    """What a matcher can ask for when it compares.

    `decisions` are those of the matchers it comes after (`number`, `other`, `decision`, `reason`, `weight`). `roots(kind)`
    has the clusters so far: `number` and `root` of mentions whose root is another mention, unique by number. For the
    matcher's own kind these follow from `decisions`; other kinds are settled. `is_well_known`: so many residents are known by
    their id number that a name and birth date that only one of them has says something.
    """

    kind: str
    all_mentions: DataFrame
    decisions: DataFrame | None
    roots: Callable[[str], DataFrame]
    once: Callable[[str, Callable[[], DataFrame]], DataFrame]  # label, frame -> the frame, computed once for the kind
    is_well_known: bool = True

    def mentions(self, kind: str | None = None) -> DataFrame:
        """Current mentions, one row each, with `number` and the columns of evidence; by default of the matcher's kind."""
        return self.all_mentions.where(F.col("kind") == (kind or self.kind))


@dataclass(frozen=True)
class Matcher:
    """One rule.

    Args:
        kind: kind of entity.
        name: name of the module; `links.edge.matcher`.
        block_on: keys (columns of evidence, bigint) of which any two mentions that it pairs share one, perhaps over others.
            A night looks again at all mentions that what changed reaches over these keys.
        compare: the pairs worth a decision, and what speaks for and against them.
        decide: adds `decision`, `reason` and `weight` (millionths) to pairs. An Arrow table is for what the engine cannot
            express.
        reasons: all that it may give; each has its sentence in `conf/reasons.yml`, under `match`.
        after: matchers of the kind whose decisions it builds on.
        evidence: columns of mentions that no other matcher has declared.
    """

    kind: str
    name: str
    block_on: tuple[str, ...]
    compare: Callable[[Known], Pairs]
    decide: Callable[[Pairs], DataFrame | pa.Table]
    reasons: tuple[str, ...]
    after: tuple[str, ...] = ()
    evidence: Mapping[str, Evidence] = field(default_factory=dict)
