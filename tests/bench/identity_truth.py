"""The mentions of a workspace beside what the sample town says of them.

Reads: a workspace, `truth.csv`. Writes: nothing.
"""

from pathlib import Path

import polars as pl

KINDS = ("resident", "household", "dwelling", "organisation")
_KEY = ("system", "object", "source_key", "role")
_PLACE = ("system", "path", "row_number", "kind", "role")


def linked_mentions(home: Path, truth: Path) -> pl.DataFrame:
    """Every mention of a current record that the truth tells of: its key, `entity` and `truth`."""
    lake = home / "lake"
    links = pl.read_delta(str(lake / "links" / "mention"))
    files = pl.read_delta(str(lake / "ops" / "file")).select("file_id", path="name").unique("file_id")
    told = pl.read_csv(truth).select(*_PLACE, truth="truth_id").unique(list(_PLACE))
    placed = links.join(files, on="file_id", how="left").with_columns(pl.col("row_number").cast(pl.Int64))
    joined = placed.join(told, on=list(_PLACE), how="inner")
    return joined.select("mention_id", *_KEY, "kind", "truth", entity="entity_id")


def candidates(home: Path, kind: str) -> int:
    """Entities of a kind that the night would release, or has released."""
    return int(pl.scan_delta(str(home / "lake" / "candidate" / kind)).select(pl.len()).collect().item())


def pairs_for_review(home: Path, kind: str) -> int:
    """Pairs of mentions that the match leaves to people."""
    edges = pl.scan_delta(str(home / "lake" / "links" / "edge"))
    return int(edges.filter(kind=kind, decision="review").select(pl.len()).collect().item())
