"""Clusters over chains of pairs: connected components, which the engine cannot find because it has no recursion."""

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

Numbers = npt.NDArray[np.int64]


def cluster_pairs(left: Numbers, right: Numbers) -> tuple[Numbers, Numbers]:
    """All numbers that occur, ascending, and for each the least of those that it reaches over any number of pairs."""
    numbers, positions = np.unique(np.concatenate([left, right]), return_inverse=True)
    ends = positions.reshape(2, -1)
    size = len(numbers)
    graph = coo_matrix((np.ones(ends.shape[1], dtype=np.int8), (ends[0], ends[1])), shape=(size, size))
    _, component = connected_components(graph, directed=False)
    # Numbers ascend, so that the first position of a component is its least number.
    _, first, inverse = np.unique(component, return_index=True, return_inverse=True)
    return numbers, numbers[first[inverse]]
