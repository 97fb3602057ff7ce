"""How well groups of mentions agree with the truth: pairwise and B-cubed precision, recall and F1.

Reads: nothing. Writes: nothing. Refuses: an empty frame.
"""

from dataclasses import dataclass

import polars as pl


@dataclass(frozen=True)
class Scores:
    """Precision, recall and F1 of one way of counting."""

    precision: float
    recall: float

    @property
    def f1(self) -> float:
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both else 0.0


@dataclass(frozen=True)
class Agreement:
    """Scores of some mentions, and how many pairs are wrong: put together though they are two, or left apart."""

    mentions: int
    entities: int
    true_entities: int
    pairwise: Scores
    bcubed: Scores
    false_pairs: int
    missed_pairs: int


def judge(mentions: pl.DataFrame) -> Agreement:
    """Compare `entity`, the group that was found for each mention, with its true one, `truth`."""
    if mentions.is_empty():
        raise ValueError("No mention to judge")
    cells = mentions.group_by("entity", "truth").agg(together=pl.len())
    found = mentions.group_by("entity").agg(found=pl.len())
    true = mentions.group_by("truth").agg(true=pl.len())
    right, put, wanted = _pairs(cells["together"]), _pairs(found["found"]), _pairs(true["true"])
    return Agreement(
        mentions=mentions.height,
        entities=found.height,
        true_entities=true.height,
        # Without a pair nothing is wrong.
        pairwise=Scores(right / put if put else 1.0, right / wanted if wanted else 1.0),
        bcubed=_bcubed(cells.join(found, on="entity").join(true, on="truth"), mentions.height),
        false_pairs=put - right,
        missed_pairs=wanted - right,
    )


def _pairs(sizes: pl.Series) -> int:
    """Pairs within groups of these sizes."""
    return sum(size * (size - 1) // 2 for size in sizes.to_list())


def _bcubed(cells: pl.DataFrame, mentions: int) -> Scores:
    """The mean over mentions of the share of their group that is theirs, and of theirs that is in their group."""
    squares = pl.col("together").cast(pl.Float64) ** 2
    sums = cells.select(precision=(squares / pl.col("found")).sum(), recall=(squares / pl.col("true")).sum())
    precision, recall = sums.row(0)
    return Scores(precision / mentions, recall / mentions)
