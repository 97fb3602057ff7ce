"""Clusters of mentions: connected components over the accepted edges."""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components


def cluster_mentions(mentions: pa.Table, edges: pa.Table) -> pa.Table:
    """One row per mention: `mention_id`, `label` (the least mention of its cluster).

    Args:
        mentions: `mention_id`, unique.
        edges: accepted pairs `mention_id`, `other_id`, both among the mentions.
    """
    ids = mentions.column("mention_id").combine_chunks().sort()
    left = ids_of(edges.column("mention_id"), ids)
    right = ids_of(edges.column("other_id"), ids)
    size = len(ids)
    graph = coo_matrix((np.ones(len(left), dtype=np.int8), (left, right)), shape=(size, size))
    _, component = connected_components(graph, directed=False)
    # Ids are sorted, so that the first position of a component is its least mention.
    _, first, inverse = np.unique(component, return_index=True, return_inverse=True)
    return pa.table({"mention_id": ids, "label": ids.take(pa.array(first[inverse]))})


def ids_of(column: pa.ChunkedArray, ids: pa.Array) -> Any:
    """Positions of the values in `ids`; raises ValueError for a value that is not there."""
    positions = pc.index_in(column.combine_chunks(), ids)
    if positions.null_count:
        raise ValueError(f"{positions.null_count} edges end at a mention that is not current")
    return positions.to_numpy(zero_copy_only=False).astype(np.int64)
