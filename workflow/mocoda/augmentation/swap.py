"""Swapping independent parts of two rows (CoDA, algorithm 1): which parts, and what comes out.

The nodes of a local graph are its roots, the state slots and then the action slots; the child of a
state slot is the same node. Edges have no direction here. An independent set is a union of
connected components; the empty one and the whole make no new row and are left out.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components

from mocoda.augmentation.base import Generated
from mocoda.domains.base import Domain
from mocoda.errors import UserError
from mocoda.factors import Slots, mask_id
from mocoda.transitions import Transitions


def component_labels(mask: np.ndarray) -> np.ndarray:
    """Number the connected components of each graph: bool[n, roots, children] -> int64[n, roots].

    Components are numbered from 0 in the order of their first roots. Each different graph is
    worked out once.
    """
    _, index, of_row = np.unique(mask_id(mask), return_index=True, return_inverse=True)
    return _labels_of_graphs(mask[index])[of_row.reshape(-1)]


def _labels_of_graphs(mask: np.ndarray) -> np.ndarray:
    """`component_labels` of graphs that are worked out one by one: as one graph side by side."""
    graphs, roots, _ = mask.shape
    graph, root, child = np.nonzero(mask)
    edges = (np.ones(len(graph), dtype=bool), (graph * roots + root, graph * roots + child))
    everything = csr_matrix(edges, shape=(graphs * roots, graphs * roots))
    # Components are numbered in the order of their first nodes, so those of a graph in a row.
    labels = connected_components(everything, directed=False)[1].reshape(graphs, roots)
    return (labels - labels[:, :1]).astype(np.int64)


def refuses_connected_base(domain: Domain) -> str:
    """Why nothing of the domain can be swapped, or "": its base graph must have components."""
    if component_labels(domain.base_mask[None]).any():
        return ""
    return (
        f"the base graph of '{domain.name}' connects everything: no part is independent of the "
        "rest, so that nothing can be swapped"
    )


def draw_independent_sets(labels: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """One proper independent set a row, each as likely as any other: bool[n, roots].

    labels : see `component_labels`. Rows with a single component have none: all False.
    Which of several sets is drawn is our choice; CoDA does not say.
    """
    components = labels.max(axis=1) + 1
    # Bit c of a number from 1 to 2^components - 2 says whether component c is in the set.
    number = generator.integers(1, np.maximum((1 << components) - 1, 2))
    number[components == 1] = 0
    return ((number[:, None] >> labels) & 1).astype(bool)


def independent(mask: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Rows whose set bool[n, roots] is independent in their graph bool[n, roots, children].

    That is: no edge leads from a root within the set to one without. bool[n].
    """
    children = mask.shape[2]
    crossing = mask & (chosen[:, :, None] != chosen[:, None, :children])
    return np.asarray(~crossing.any(axis=(1, 2)), dtype=bool)


def draw_pairs(
    rows: int, number: int, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """`number` ordered pairs of different rows, uniformly: two int64[number] in [0, rows).

    Raises UserError for fewer than two rows.
    """
    if rows < 2:
        raise UserError("logged rows to swap", expected="at least 2", found=str(rows))
    first = generator.integers(0, rows, number)
    return first, (first + generator.integers(1, rows, number)) % rows


def swapped(
    logged: Transitions, slots: Slots, first: np.ndarray, second: np.ndarray, chosen: np.ndarray
) -> Generated:
    """New rows: the chosen slots from the first rows, the others from the second.

    first, second : int64[n], numbers of logged rows; chosen : bool[n, roots]. A state slot brings
    its columns of the state and of the next state, an action slot those of the action; all are the
    bits of their source.
    """
    state, action = np.split(column_choice(slots, chosen), [slots.observation_dim], axis=1)
    return Generated(
        observation=np.where(state, logged.observation[first], logged.observation[second]),
        action=np.where(action, logged.action[first], logged.action[second]),
        next_observation=np.where(
            state, logged.next_observation[first], logged.next_observation[second]
        ),
        sources=np.stack([first, second], axis=1),
        swapped_roots=chosen @ (1 << np.arange(chosen.shape[1], dtype=np.int64)),
    )


def first_of_its_kind(sources: np.ndarray, swapped_roots: np.ndarray, roots: int) -> np.ndarray:
    """Which rows are no repetition of an earlier one: bool [n].

    sources : int64 [n, 2]; swapped_roots : int64 [n]. Swapping a set of roots from the first to
    the second row gives what swapping the others from the second to the first gives.
    """
    turned = sources[:, 0] > sources[:, 1]
    others = ((1 << roots) - 1) ^ swapped_roots
    key = np.stack(
        [sources.min(axis=1), sources.max(axis=1), np.where(turned, others, swapped_roots)], axis=1
    )
    found = np.zeros(len(key), dtype=bool)
    found[np.unique(key, axis=0, return_index=True)[1]] = True
    return found


def column_choice(slots: Slots, chosen: np.ndarray) -> np.ndarray:
    """Whether each column of [observation, action] is of a chosen slot: bool[n, obs + act]."""
    root_of_column = np.empty(slots.observation_dim + slots.action_dim, dtype=np.int64)
    for root, columns in enumerate(slots.root_columns):
        root_of_column[list(columns)] = root
    return chosen[:, root_of_column]
