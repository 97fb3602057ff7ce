"""What a run of match works with: tables, scratch frames, and mentions by number."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.parquet as pq
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from jobs.common.intake.judgements import Pair
from jobs.common.lake.engine import session
from jobs.common.model.links import Judgement
from jobs.common.run.stage import Context
from jobs.match.mentions import mention_number


@dataclass(frozen=True)
class MatchRun:
    """What a run of match works with: the context and the numbering in which mentions and stored ids are compared.

    `ids` (`mention_id`, unique) are the mentions that are or were to be looked at, None if it is all of them. `judgements`
    are those of people that hold tonight. `is_well_known` as for `Known`.
    """

    context: Context
    numbering: int
    ids: DataFrame | None = None
    judgements: Mapping[Pair, Judgement] = field(default_factory=dict)
    is_well_known: bool = True

    def scratch(self, label: str, frame: DataFrame) -> DataFrame:
        return self.context.lake.scratch(self.context.run.run_id, f"match-{label}", frame)

    def kept(self, label: str, columns: Sequence[str]) -> pa.Table:
        """What `scratch` has written under a label; its files are read without the engine, at a tenth of the cost."""
        files = sorted(
            (self.context.workspace.scratch_dir(self.context.run.run_id) / f"match-{label}").glob("*.parquet")
        )
        parts = [pq.read_table(file, columns=list(columns)) for file in files]
        return pa.concat_tables(parts) if parts else pa.table({column: [] for column in columns})

    def scratch_table(self, label: str, table: pa.Table) -> DataFrame:
        """A table that was found outside the engine, as a frame."""
        path = self.context.workspace.scratch_dir(self.context.run.run_id) / f"match-{label}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)  # if no file has landed nothing has made it yet
        pq.write_table(table, path, compression="none", use_dictionary=False)  # most numbers are there once
        return session().read.parquet(str(path))

    def numbered(self, frame: DataFrame, column: str = "mention_id", name: str = "number") -> DataFrame:
        """Adds the number of the mention in `column`."""
        return frame.withColumn(name, mention_number(F.col(column), self.numbering))

    def links(self, table: str) -> DataFrame:
        """The table's rows of the mentions that are looked at."""
        rows = self.context.lake.read(f"links.{table}")
        return rows if self.ids is None else rows.join(self.ids, "mention_id", "left_semi")

    def events(self) -> DataFrame:
        return self.context.lake.read("links.identity_event")

    def births(self) -> DataFrame:
        """Rows of `links.identity_event` up to tonight that say which mention gave birth to an entity."""
        is_past = F.col("night") <= F.lit(self.context.run.night)
        return self.events().where((F.col("event") == "birth") & is_past)

    def write(self, table: str, changes: DataFrame, are_new: bool = False) -> int:
        lake, name = self.context.lake, f"links.{table}"
        # Into an empty table all goes, so that there is nothing small to be computed first.
        return lake.merge(name, changes, self.context.run.run_id, is_computed=lake.is_empty(name), are_new=are_new)
