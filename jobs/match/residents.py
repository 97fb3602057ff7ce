"""Residents as the matchers after `exact_id` see them: each mention with its cluster and whose its id number is."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from jobs.common.model.links import COPIED_ID
from jobs.match.clusters import Flags, Numbers
from jobs.match.matcher import Known
from jobs.match.settle import Keyed, Settled, column_of, distinct

KIND = "resident"
# The contacts of a mention, each with the name: phone, dwelling by road, dwelling by compound, household number.
CONTACTS = ("name_phone_key", "name_road_key", "name_compound_key", "name_household_key")


def with_own_id(known: Known) -> DataFrame:
    """Mentions with an id number that no decision says is another's."""
    mentions = known.mentions().where(F.col("id_key").isNotNull())
    return mentions.join(copied_ids(known), "number", "left_anti")


def without_own_id(known: Known) -> DataFrame:
    """Mentions without an id number, or with one that is another's."""
    mentions = known.mentions()
    of_another = mentions.join(copied_ids(known), "number", "left_semi")
    return mentions.where(F.col("id_key").isNull()).unionByName(of_another)


def copied_ids(known: Known) -> DataFrame:
    """`number` of mentions whose id number belongs to another, distinct."""
    assert known.decisions is not None, "the matcher comes after exact_id"
    copied = known.decisions.where(F.col("reason").isin(*COPIED_ID))
    return copied.select("number").distinct()


def clustered(known: Known) -> DataFrame:
    """Mentions with `cluster`, the root of each, and whether their id number is their `own` or another's (`is_copied`)."""
    copied = copied_ids(known).withColumn("_copied", F.lit(True))
    # The frames with fewer rows or columns first, as they are held in memory.
    joined = known.roots(KIND).join(copied.join(known.mentions(), "number", "right"), "number", "right")
    with_id, is_copied = F.col("id_key").isNotNull(), F.col("_copied").isNotNull()
    told = {"cluster": F.coalesce("root", "number"), "own": with_id & ~is_copied, "is_copied": with_id & is_copied}
    return joined.withColumns(told).drop("root", "_copied")


def birth_day() -> Column:
    """The recorded birth date of a mention from `clustered`, else the one inside its own id number; null if neither is known."""
    return F.coalesce("born", F.when(F.col("own"), F.col("id_born")))


@dataclass(frozen=True)
class ClusterRows:
    """Rows of mentions outside the engine, with the position of the cluster of each; `numbers` has the roots by position."""

    table: pa.Table
    numbers: Numbers
    cluster: Numbers

    def column(self, name: str) -> Numbers:
        """A column of the rows; 0 for null."""
        return column_of(self.table, name)

    def flag(self, name: str) -> Flags:
        """A column of the rows that is true or false; false for null."""
        return np.asarray(self.column(name) != 0, np.bool_)

    def any(self, rows: Flags) -> Flags:
        """By position, whether one of the cluster's rows is among these."""
        found = np.zeros(len(self.numbers), np.bool_)
        found[self.cluster[rows]] = True
        return found

    def lists(self, label: Numbers) -> Keyed:
        """Which clusters, after `label`, have mentions of which lists."""
        listed = self.column("list_key")
        return distinct(listed[listed != 0], label[self.cluster[listed != 0]])

    def contradicts(self, settled: Settled, label: Numbers) -> Flags:
        """Whether a pair, of clusters after `label`, brings a record with a copied id number to who has another number."""
        of_other = np.zeros(len(self.numbers), np.bool_)
        of_other[label[self.cluster[self.flag("is_copied")]]] = True
        return np.asarray(of_other[settled.cluster] & self.any(self.flag("own"))[settled.other], np.bool_)

    def where(self, chosen: Flags) -> "ClusterRows":
        return read_clusters(self.table.filter(pa.array(chosen)))


def read_clusters(table: pa.Table) -> ClusterRows:
    """The rows of a table with a column `cluster`, the root of each mention."""
    numbers, cluster = np.unique(column_of(table, "cluster"), return_inverse=True)
    return ClusterRows(table, numbers, cluster)
