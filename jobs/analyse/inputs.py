"""What a product is made of: the tables, files of `conf/` and the night that its `READS` names, and nothing else."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from pyspark.sql import DataFrame

from jobs.common.base.errors import UserError
from jobs.common.run.conf import Conf


@dataclass(frozen=True)
class Inputs:
    """`conf` holds only the files that are read; `tables` and the night likewise, so that nothing is read undeclared."""

    product: str
    conf: Conf
    tables: Mapping[str, DataFrame]
    tonight: date | None

    def frame(self, table: str) -> DataFrame:
        """A table such as `candidate.resident`; raises UserError if READS does not name it."""
        if table not in self.tables:
            raise UserError(f'product {self.product} reads {table}; add "{table}" to its READS')
        return self.tables[table]

    @property
    def night(self) -> date:
        """The night of the run; raises UserError if READS does not name it."""
        if self.tonight is None:
            raise UserError(f'product {self.product} reads the night; add "night" to its READS')
        return self.tonight
