"""Independent sets of local graphs, by brute force and by scipy; and the swap itself."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse.csgraph import connected_components
from spine_examples import logged_rows

from mocoda.augmentation.swap import (
    component_labels,
    draw_independent_sets,
    draw_pairs,
    independent,
    swapped,
)
from mocoda.factors import Slot, Slots

# Independent sets


def random_graphs(n: int, roots: int, children: int, density: float, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).random((n, roots, children)) < density


def all_sets(roots: int) -> np.ndarray:
    """Every proper set of roots, bool [2^roots - 2, roots]."""
    number = np.arange(1, 2**roots - 1)
    return ((number[:, None] >> np.arange(roots)) & 1).astype(bool)


def brute_force(mask: np.ndarray) -> set[tuple[bool, ...]]:
    """The proper unions of the connected components of one graph, by scipy."""
    roots, children = mask.shape
    square = np.zeros((roots, roots))
    square[:, :children] = mask
    number, labels = connected_components(square, directed=False)
    unions = ([bool(bits >> label & 1) for label in labels] for bits in range(1, 2**number - 1))
    return {tuple(union) for union in unions}


@pytest.mark.parametrize(("roots", "children"), [(4, 2), (6, 6), (11, 8)])
def test_components_are_those_of_the_undirected_graph(roots: int, children: int) -> None:
    # 11 x 8 entries do not fit a mask number; paths as long as there are roots come first.
    chain = np.eye(roots, children, k=-1, dtype=bool) | np.eye(roots, children, k=1, dtype=bool)
    masks = np.concatenate([chain[None], random_graphs(300, roots, children, 0.1, seed=2)])
    masks = np.concatenate([masks, masks[::-1]])
    for mask, labels in zip(masks, component_labels(masks), strict=True):
        square = np.zeros((roots, roots))
        square[:, :children] = mask
        _, expected = connected_components(square, directed=False)
        np.testing.assert_array_equal(labels[:, None] == labels, expected[:, None] == expected)
        assert set(labels) == set(range(labels.max() + 1))


def test_a_set_is_independent_if_it_is_a_union_of_components() -> None:
    sets = all_sets(6)
    for mask in random_graphs(40, 6, 4, 0.15, seed=3):
        found = independent(np.repeat(mask[None], len(sets), axis=0), sets)
        assert {tuple(each) for each in sets[found]} == brute_force(mask)


def test_the_drawn_sets_are_those_of_both_graphs() -> None:
    first = random_graphs(60, 6, 4, 0.1, seed=4)
    second = random_graphs(60, 6, 4, 0.1, seed=5)
    generator = np.random.default_rng(6)
    with_sets = 0
    for one, other in zip(first, second, strict=True):
        labels = component_labels((one | other)[None])
        drawn = draw_independent_sets(np.repeat(labels, 2000, axis=0), generator)
        expected = brute_force(one) & brute_force(other)
        with_sets += bool(expected)
        # Without a shared set the empty one is drawn, which stands for none.
        assert {tuple(each) for each in drawn} == (expected or {(False,) * 6})
    assert 10 < with_sets < 60


@pytest.mark.parametrize("nodes", [2, 3, 5])
def test_unconnected_nodes_have_all_proper_sets_each_as_likely(nodes: int) -> None:
    labels = component_labels(np.eye(nodes, dtype=bool)[None])
    draws = 2000 * 2**nodes
    drawn = draw_independent_sets(np.repeat(labels, draws, axis=0), np.random.default_rng(7))
    found, counts = np.unique(drawn, axis=0, return_counts=True)
    assert len(found) == 2**nodes - 2
    np.testing.assert_allclose(counts / draws, 1.0 / (2**nodes - 2), rtol=0.15)


# The swap


def test_blocks_are_the_bits_of_their_sources_and_the_swap_is_symmetric() -> None:
    # Slots of several columns, out of order.
    slots = Slots(
        state=(Slot("one", (0, 3)), Slot("two", (4, 2)), Slot("three", (1,))),
        action=(Slot("push", (2,)), Slot("pull", (0, 1))),
    )
    generator = np.random.default_rng(8)
    rows = logged_rows(50)
    rows = replace(
        rows,
        observation=generator.standard_normal((50, 5)).astype(np.float32),
        next_observation=generator.standard_normal((50, 5)).astype(np.float32),
        action=generator.standard_normal((50, 3)).astype(np.float32),
    )
    first, second = draw_pairs(50, 400, generator)
    assert (first != second).all()
    chosen = generator.random((400, 5)) < 0.5
    new = swapped(rows, slots, first, second, chosen)
    for root, slot in enumerate((*slots.state, *slots.action)):
        source = np.where(chosen[:, root], first, second)
        columns = list(slot.columns)
        for name in ("observation", "next_observation") if root < 3 else ("action",):
            made, real = getattr(new, name), getattr(rows, name)
            assert made[:, columns].tobytes() == real[source][:, columns].tobytes()
    other = swapped(rows, slots, second, first, ~chosen)
    for name in ("observation", "action", "next_observation"):
        assert getattr(other, name).tobytes() == getattr(new, name).tobytes()


def test_pairs_are_all_ordered_pairs_of_different_rows() -> None:
    first, second = draw_pairs(4, 6000, np.random.default_rng(9))
    found, counts = np.unique(np.stack([first, second]), axis=1, return_counts=True)
    assert found.shape[1] == 12
    np.testing.assert_allclose(counts / 6000, 1 / 12, rtol=0.25)
