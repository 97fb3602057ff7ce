"""Which clusters of mentions keys bring together so that none comes to hold two that are known to be different people.

A cluster is *named* if it is known who it is (by an id number, or for some rules by a birth date), else *loose*. Loose
clusters that reach each other over keys are a *flock*. If a flock touches one named cluster or none, it is one resident. If it
touches several, each loose cluster belongs to the one named cluster that it shares a key with itself; if these are several it
is a pair for review with each. So no chain of loose clusters joins two named ones, and the order does not matter.

Everything is worked out outside the engine, in arrays: clusters and keys by position. Keys that very many people share need no
care, because each key holds the name.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from jobs.common.model.links import Decision, EdgeReason
from jobs.match.clusters import Flags, Numbers, components

Texts = npt.NDArray[Any]
# A key under which more are named says nothing of any of them: pairs for review are made with the least of them.
MOST_RIVALS = 20


@dataclass(frozen=True)
class Keyed:
    """Clusters (by position) and the keys that they have, one row for each; sorted by key, then cluster, without repetition."""

    cluster: Numbers
    key: Numbers

    def where(self, chosen: Flags) -> "Keyed":
        return Keyed(self.cluster[chosen], self.key[chosen])


@dataclass(frozen=True)
class Settled:
    """Pairs of clusters by position: `cluster` belongs to `other` if the pair is accepted, otherwise it may."""

    cluster: Numbers
    other: Numbers
    is_accepted: Flags


def settle(rows: Keyed, is_named: Flags) -> Settled:
    """Pairs of loose clusters with the named one, or the least loose one, that they belong or may belong to.

    Args:
        rows: which clusters have which keys.
        is_named: by position of the cluster.
    """
    size, named = len(is_named), is_named[rows.cluster]
    loose, known = rows.where(~named), rows.where(named)
    keys, place = np.unique(loose.key, return_inverse=True)
    flock = components(size + len(keys), loose.cluster, size + place)
    known = known.where(np.isin(known.key, keys))
    touched = distinct(flock[size + np.searchsorted(keys, known.key)], known.cluster)
    touches = np.bincount(touched.key, minlength=size + len(keys))
    clusters = np.unique(loose.cluster)
    is_torn = touches[flock[clusters]] > 1
    torn = loose.where(np.isin(loose.cluster, clusters[is_torn]))
    whole = _join_flocks(clusters[~is_torn], flock, touched, touches)
    return join_settled(whole, _settle_torn(torn, known, flock, touched))


def _join_flocks(clusters: Numbers, flock: Numbers, touched: Keyed, touches: Numbers) -> Settled:
    """Clusters of flocks that touch one named cluster or none, each with that one or the least of its flock."""
    leader = np.full(len(flock), len(flock))
    np.minimum.at(leader, flock[clusters], clusters)
    is_alone = touches[touched.key] == 1
    leader[touched.key[is_alone]] = touched.cluster[is_alone]
    other = leader[flock[clusters]]
    is_led = other != clusters
    return Settled(clusters[is_led], other[is_led], np.ones(int(is_led.sum()), np.bool_))


def _settle_torn(torn: Keyed, known: Keyed, flock: Numbers, touched: Keyed) -> Settled:
    """Clusters of flocks that touch several named ones: each with those that it shares a key with itself.

    One that shares a key with none is for review with those that its flock touches.
    """
    direct = pairs_by_key(torn, least_of_each_key(known))
    rest = np.setdiff1d(torn.cluster, direct[0])
    indirect = pairs_by_key(Keyed(rest, flock[rest]), least_of_each_key(touched))
    rivals = np.bincount(direct[0], minlength=len(flock))
    accepted = np.concatenate([rivals[direct[0]] == 1, np.zeros(len(indirect[0]), np.bool_)])
    both = np.concatenate([direct, indirect], axis=1)
    return Settled(both[0], both[1], accepted)


def distinct(key: Numbers, cluster: Numbers) -> Keyed:
    """Rows without repetition, sorted by key, then cluster."""
    order = np.lexsort((cluster, key))
    rows = Keyed(cluster[order], key[order])
    return rows.where(~(_is_again(rows.key) & _is_again(rows.cluster)))


def shared_keys(key: Numbers, cluster: Numbers) -> Keyed:
    """As `distinct`, those whose key several clusters have; a key of 0 is none."""
    rows = distinct(key[key != 0], cluster[key != 0])
    is_again = _is_again(rows.key)
    return rows.where(is_again | np.append(is_again[1:], np.zeros(min(len(is_again), 1), np.bool_)))


def least_of_each_key(rows: Keyed) -> Keyed:
    """The first `MOST_RIVALS` rows of each key."""
    starts = np.searchsorted(rows.key, rows.key)
    return rows.where(np.arange(len(rows.key)) - starts < MOST_RIVALS)


def pairs_by_key(left: Keyed, right: Keyed) -> Numbers:
    """Clusters of the left with those of the right that share a key, as two rows of one length; distinct."""
    start = np.searchsorted(right.key, left.key)
    count = np.searchsorted(right.key, left.key, side="right") - start
    before = np.repeat(np.cumsum(count) - count, count)
    place = np.repeat(start, count) + np.arange(len(before)) - before
    rows = distinct(np.repeat(left.cluster, count), right.cluster[place])
    return np.stack([rows.key, rows.cluster])


def _is_again(values: Numbers) -> Flags:
    """Whether each value is the one before it."""
    again = np.zeros(len(values), np.bool_)
    again[1:] = values[1:] == values[:-1]
    return again


def join_settled(*parts: Settled) -> Settled:
    """All pairs of the parts."""
    names = ("cluster", "other", "is_accepted")
    return Settled(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def label_after(settled: Settled, size: int) -> Numbers:
    """For each position that of the cluster it belongs to now."""
    label = np.arange(size)
    label[settled.cluster[settled.is_accepted]] = settled.other[settled.is_accepted]
    return label


def doubt_one_list(settled: Settled, lists: Keyed, is_named: Flags) -> Settled:
    """A list whose keys tell people apart names nobody twice: what would bring two of its mentions together is for review.

    A flock without a named cluster is left for review as a whole, because nobody knows which of its mentions are one.

    Args:
        settled: pairs.
        lists: which clusters have mentions of which lists (as keys), from `distinct`.
        is_named: by position of the cluster.
    """
    label = label_after(settled, len(is_named))
    lists = lists.where(np.isin(lists.cluster, np.append(settled.cluster, settled.other)))
    _, group, count = np.unique(mix(label[lists.cluster] + 1, lists.key), return_inverse=True, return_counts=True)
    doubtful = np.unique(lists.cluster[count[group] > 1])
    is_unclear = ~is_named[settled.other] & np.isin(settled.other, label[doubtful])
    is_doubtful = np.isin(settled.cluster, doubtful) | is_unclear
    return doubt(settled, is_doubtful)


def mix(one: Numbers, other: Numbers) -> Numbers:
    """A key of two keys; 0, which is none, if one of them is 0."""
    with np.errstate(over="ignore"):
        hashed = one.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + other.astype(np.uint64)
        hashed = (hashed ^ (hashed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        hashed = (hashed ^ (hashed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    whole = (hashed ^ (hashed >> np.uint64(31))).astype(np.int64)
    return np.asarray(np.where((one == 0) | (other == 0), 0, whole), np.int64)


def column_of(table: pa.Table, name: str) -> Numbers:
    """A column of whole numbers or flags; 0 for null."""
    values = pc.fill_null(table.column(name).cast(pa.int64()), 0)
    return np.asarray(values.to_numpy(), np.int64)


def doubt(settled: Settled, doubtful: Flags) -> Settled:
    """The pairs, of which the doubtful ones are for review."""
    return Settled(settled.cluster, settled.other, settled.is_accepted & ~doubtful)


def told_by_rivals(settled: Settled, reason: Texts) -> Texts:
    """The reason of each pair; that it names several if its cluster is for review with several."""
    _, place, count = np.unique(settled.cluster, return_inverse=True, return_counts=True)
    return np.where(count[place] > 1, str(EdgeReason.NAMES_SEVERAL), reason)


def as_decisions(numbers: Numbers, settled: Settled, reason: Texts, weight: int) -> pa.Table:
    """Pairs by number with `decision`, `reason` and `weight`: accepted ones of the weight, those for review of none."""
    decision = np.where(settled.is_accepted, str(Decision.ACCEPT), str(Decision.REVIEW))
    columns = {
        "number": pa.array(numbers[settled.cluster], pa.int64()),
        "other": pa.array(numbers[settled.other], pa.int64()),
        "decision": pa.array(decision.tolist(), pa.string()),
        "reason": pa.array(reason.tolist(), pa.string()),
        "weight": pa.array(np.where(settled.is_accepted, weight, 0), pa.int64()),
    }
    return pa.table(columns)
