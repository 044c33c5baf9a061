"""What a local mask must say for swaps to be true: the icy room (CoDA, proposition 1).

In each of two rooms x moves by its own action alone; but one room is icy, so the same action moves
it half as far. Each room's graph calls x and y independent, and yet x' depends on y where both
rooms are allowed, since y says in which room one is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from mocoda.augmentation import AUGMENTATION, Generated, Ingredients
from mocoda.domains.nav2d import NAV2D
from mocoda.errors import UserError
from mocoda.transitions import Transitions

ROOMS = replace(NAV2D, name="icy_room")


def moved(observation: np.ndarray, action: np.ndarray) -> np.ndarray:
    """y keeps to its room; above 0 is ice."""
    following = observation.copy()
    grip = np.where(observation[:, 1] > 0, np.float32(0.5), np.float32(1.0))
    following[:, 0] += grip * action[:, 0]
    return following


def rows(count: int = 600) -> Transitions:
    generator = np.random.default_rng(5)
    observation = generator.uniform(-1, 1, (count, 2)).astype(np.float32)
    action = generator.uniform(0.1, 1, (count, 2)).astype(np.float32)
    zeros = np.zeros(count, np.float32)
    return Transitions(
        observation=observation,
        action=action,
        next_observation=moved(observation, action),
        goal=np.zeros((count, 2), np.float32),
        reward=zeros,
        terminated=zeros > 0,
        truncated=zeros > 0,
        episode=np.arange(count),
        step=np.zeros(count, np.int32),
        provenance=np.zeros(count, np.uint8),
    )


@dataclass(frozen=True)
class FixedMask:
    """The same graph for all rows, bool [roots, children]: x, y, move_x, move_y by x, y."""

    graph: np.ndarray

    def __call__(self, observation: np.ndarray, action: np.ndarray) -> np.ndarray:
        return np.broadcast_to(self.graph, (len(observation), *self.graph.shape))

    def tensors(self) -> dict[str, torch.Tensor]:
        return {}


# What every row's derivatives say, in either room; and what is true where both are allowed.
OF_ONE_ROOM = np.array([[1, 0], [0, 1], [1, 0], [0, 0]], dtype=bool)
OF_BOTH_ROOMS = OF_ONE_ROOM | np.array([[0, 0], [1, 0], [0, 0], [0, 1]], dtype=bool)


def swap(graph: np.ndarray, logged: Transitions) -> Generated:
    coda = AUGMENTATION["coda"]
    ingredients = Ingredients(ROOMS, transitions=logged, mask=FixedMask(graph))
    return coda.generate(coda.settings(), ingredients, 500, ("icy room",))


def exact(made: Generated) -> np.ndarray:
    return (moved(made.observation, made.action) == made.next_observation).all(axis=1)


def test_within_a_room_swaps_are_true() -> None:
    logged = rows()
    for room in (logged.observation[:, 1] > 0, logged.observation[:, 1] < 0):
        assert exact(swap(OF_ONE_ROOM, logged.take(np.flatnonzero(room)))).all()


def test_across_rooms_a_mask_of_derivatives_makes_false_rows() -> None:
    """Every row is accepted; those whose x and y come from different rooms are false."""
    logged = rows()
    made = swap(OF_ONE_ROOM, logged)
    assert made.counts["dependent_after_the_swap"] == 0
    chosen = (made.swapped_roots[:, None] >> np.arange(4)) & 1
    source = np.where(chosen == 1, made.sources[:, :1], made.sources[:, 1:])
    icy = logged.observation[:, 1] > 0
    same_room = icy[source[:, 0]] == icy[source[:, 1]]
    np.testing.assert_array_equal(exact(made), same_room)
    assert 0.2 < same_room.mean() < 0.9


def test_the_mask_of_both_rooms_leaves_nothing_to_swap() -> None:
    with pytest.raises(UserError, match="connects everything"):
        swap(OF_BOTH_ROOMS, rows())
