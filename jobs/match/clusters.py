"""Clusters of mentions: connected components over accepted pairs, cut apart where a person has said that two are different.

Components are found outside the engine, which has no recursion. A cluster is named by its root: the mention that accepted
pairs lead to and none leads on from; of several the least number.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from jobs.common.model.links import Decision

Numbers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
_NONE = np.array([], np.int64)


@dataclass(frozen=True)
class Edges:
    """Accepted pairs: `number` leads to `other`; arrays of one length."""

    number: Numbers = field(default_factory=lambda: _NONE)
    other: Numbers = field(default_factory=lambda: _NONE)
    weight: Numbers = field(default_factory=lambda: _NONE)


@dataclass(frozen=True)
class Judged:
    """What people have decided on pairs of current mentions, by number: the same entity, or different ones."""

    same: Sequence[tuple[int, int]] = ()
    different: Sequence[tuple[int, int]] = ()


NOTHING_JUDGED = Judged()


def accepted_edges(decisions: pa.Table) -> Edges:
    """The pairs that are one entity, of decisions with `number`, `other`, `weight` and `decision`."""
    is_accepted = pc.equal(decisions.column("decision").cast(pa.string()), pa.scalar(str(Decision.ACCEPT)))
    accepted = decisions.filter(is_accepted)
    return Edges(*(accepted.column(name).cast(pa.int64()).to_numpy() for name in ("number", "other", "weight")))


def join_edges(parts: Iterable[Edges]) -> Edges:
    """All edges of the parts."""
    whole = Edges()
    for part in parts:
        number, other = np.append(whole.number, part.number), np.append(whole.other, part.other)
        whole = Edges(number, other, np.append(whole.weight, part.weight))
    return whole


def find_roots(edges: Edges, judged: Judged = NOTHING_JUDGED) -> pa.Table:
    """`number` and `root` of each mention whose cluster is named by another; unique by number.

    Pairs that people judged to be the same join like accepted ones. A component that holds two mentions which are
    different by judgement is put together anew: judged pairs first, then accepted ones from the greatest weight down, and
    a pair that would bring such two together is left out. Clusters depend on the pairs alone, not on their order.

    Example: 2 and 3 lead to 1, 9 leads to 8.
        nothing judged       2 -> 1, 3 -> 1, 9 -> 8
        9 and 3 the same     2 -> 1, 3 -> 1, 9 -> 1, 8 -> 1
        2 and 3 different    2 -> 1, 9 -> 8            (3 is alone: of equal weights the lesser pair comes first)
    """
    same = np.array(judged.same, np.int64).reshape(-1, 2)
    ends = np.stack([np.concatenate([edges.number, same[:, 0]]), np.concatenate([edges.other, same[:, 1]])])
    numbers, positions = np.unique(ends, return_inverse=True)
    left, right = positions.reshape(ends.shape)
    is_kept = np.ones(len(left), np.bool_)
    component = components(len(numbers), left, right)
    apart = _positions_of(judged.different, numbers)
    apart = apart[component[apart[:, 0]] == component[apart[:, 1]]]
    if len(apart):
        weight = np.concatenate([edges.weight, np.full(len(same), np.iinfo(np.int64).max)])
        torn = np.isin(component[left], component[apart])
        is_kept[torn] = _keep_apart(left[torn], right[torn], weight[torn], apart)
        component = components(len(numbers), left[is_kept], right[is_kept])
    leads_on = np.zeros(len(numbers), np.bool_)
    leads_on[left[: len(edges.number)][is_kept[: len(edges.number)]]] = True
    root = numbers[_least_without(component, leads_on)]
    moved = root != numbers
    return pa.table({"number": numbers[moved], "root": root[moved]})


def components(size: int, left: Numbers, right: Numbers) -> Numbers:
    """Number of the component of each of `size` positions, which pairs of positions connect."""
    graph = coo_matrix((np.ones(len(left), np.int8), (left, right)), shape=(size, size))
    _, component = connected_components(graph, directed=False)
    return np.asarray(component, np.int64)


def _positions_of(pairs: Sequence[tuple[int, int]], numbers: Numbers) -> Numbers:
    """Positions, a row for each pair, of the pairs whose mentions are both among the numbers, which ascend."""
    wanted = np.array(pairs, np.int64).reshape(-1, 2)
    places = np.searchsorted(numbers, wanted)
    known = np.append(numbers, 0)[places] == wanted
    is_there = (known & (places < len(numbers))).all(axis=1)
    return np.asarray(places[is_there], np.int64)


def _least_without(component: Numbers, leads_on: Flags) -> Numbers:
    """For each position the least of its component that does not lead on; the least of all if each does."""
    size = len(component)
    rank = np.arange(size) + np.where(leads_on, size, 0)
    least = np.full(size, 2 * size)
    np.minimum.at(least, component, rank)
    return least[component] % max(size, 1)


def _keep_apart(left: Numbers, right: Numbers, weight: Numbers, apart: Numbers) -> Flags:
    """Which pairs are kept so that no cluster holds both ends of a pair of `apart`."""
    clusters: dict[int, set[int]] = {int(position): {int(position)} for position in np.concatenate([left, right])}
    rivals: dict[int, set[int]] = {position: set() for position in clusters}
    for one, other in apart.tolist():
        rivals[one].add(other)
        rivals[other].add(one)
    is_kept = np.ones(len(left), np.bool_)
    for place in np.lexsort((right, left, -weight)):
        one, other = clusters[int(left[place])], clusters[int(right[place])]
        if one is other:
            continue
        if any(rivals[position] & other for position in one):
            is_kept[place] = False
            continue
        one |= other
        clusters.update(dict.fromkeys(other, one))
    return is_kept
