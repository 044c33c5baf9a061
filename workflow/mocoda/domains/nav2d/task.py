"""The 2D Navigation task (MoCoDA, section 5.1): slots, dynamics, true graph, reward, starts.

A point in the plane, observation (x, y), action (move_x, move_y) in [-1, 1]. The plane has no unit
and no walls: the unit square is where the task happens, not a bound. Each axis moves on its own,
except in the upper right quadrant, where each component of the action also pulls the other axis
back. The dynamics have no noise. Facts are those of the published code unless said otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from mocoda.domains.base import Array
from mocoda.factors import Slot, Slots

HORIZON = 70  # steps: the paper's; the published code lets an episode run to step 71
GOAL_DIM = 2
STEP = 0.05  # distance that an action of 1 moves its own axis
COUPLING = 0.02  # distance that an action of 1 moves the other axis back, in the quadrant
QUADRANT = 0.5  # the axes are coupled where x and y are both above this
RESET_HIGH = 0.15  # the target task starts uniformly in [0, 0.15] squared
GOAL_LOW, GOAL_HIGH = 0.8, 0.9  # the goal box, in x and y, without its border
GOAL = np.array([0.85, 0.85])  # its centre

SLOTS = Slots(
    state=(Slot("x", (0,)), Slot("y", (1,))),
    action=(Slot("move_x", (0,)), Slot("move_y", (1,))),
)
# Roots x, y, move_x, move_y; children x, y.
BASE_MASK = np.array([[1, 0], [0, 1], [1, 0], [0, 1]], dtype=bool)


def in_quadrant(observation: np.ndarray) -> np.ndarray:
    """bool [...]: where the axes are coupled, of observations [..., 2]: x > 0.5 and y > 0.5."""
    return (observation[..., 0] > QUADRANT) & (observation[..., 1] > QUADRANT)


def true_dynamics(observation: np.ndarray, action: np.ndarray) -> np.ndarray:
    """Next observations [..., 2], in the dtype of the observations [..., 2].

    s' = s + 0.05 a; from a state in the quadrant, s' = s + 0.05 a - 0.02 (a_y, a_x). Every number
    is rounded by itself and in one order, so float32 rows give the same bits in any batch.
    """
    action = np.asarray(action, dtype=observation.dtype)
    free = observation + STEP * action
    coupled = free - COUPLING * action[..., ::-1]
    return np.where(in_quadrant(observation)[..., None], coupled, free)


def true_mask(observation: np.ndarray, action: np.ndarray) -> np.ndarray:
    """The local graph of rows [n, 2], [n, 2]: bool [n, 4, 2].

    All ones in the quadrant, as published. There, the derivative of x' by y is still 0: that y
    decides whether the axes are coupled is what makes it a parent.
    """
    return BASE_MASK | in_quadrant(observation)[:, None, None]


def reward(next_observation: Array, goal: Array) -> Array:
    """Reward [...] of arriving at [..., 2]: 0 strictly inside the goal box, else -1.

    The place is rounded to float32 and compared with the float32 bounds, so that a state scores
    the same in a float64 rollout, in a stored float32 row, in NumPy and in torch. The goal is a
    constant of the task; `goal` is not read.
    """
    single = (
        next_observation.to(torch.float32)
        if isinstance(next_observation, torch.Tensor)
        else np.asarray(next_observation).astype(np.float32)
    )
    low, high = float(np.float32(GOAL_LOW)), float(np.float32(GOAL_HIGH))
    x, y = single[..., 0], single[..., 1]
    inside = (x > low) & (x < high) & (y > low) & (y < high)
    if isinstance(inside, torch.Tensor):
        return inside.to(next_observation.dtype) - 1.0
    return np.asarray(inside).astype(next_observation.dtype) - 1.0


def terminated(reward: Array) -> Array:
    """Rows that reach the goal, bool [...]: reward 0."""
    return reward > -0.5


def success(reward: Array) -> Array:
    """Success of the last step, bool [...]: reward 0, as for `terminated`."""
    return reward > -0.5


def sample_goals(number: int, generator: np.random.Generator) -> np.ndarray:
    """Goals of the target task, float64 [n, 2]: the centre of the goal box, every time."""
    return np.tile(GOAL, (number, 1))


def invalid_parents(observation: np.ndarray, action: np.ndarray) -> Mapping[str, np.ndarray]:
    """Rows [n, 2], [n, 2] outside the task: {reason: bool [n], True where invalid} (our choice;
    the published code keeps them, some 1 % of its parents)."""
    outside = (observation < 0.0) | (observation > 1.0)
    return {"outside_square": np.any(outside, axis=1)}


def describe_episodes(
    first_observation: np.ndarray, goal: np.ndarray, last_observation: np.ndarray
) -> dict[str, np.ndarray]:
    """Columns of the table of episodes: where each starts and ends, distance to the centre."""
    return {
        "start_x": first_observation[:, 0],
        "start_y": first_observation[:, 1],
        "final_x": last_observation[:, 0],
        "final_y": last_observation[:, 1],
        "final_distance": np.sqrt(((last_observation - goal) ** 2).sum(axis=1)),
    }


class Nav2DTask:
    """Episodes of the target task, side by side in float64 (see `BatchedTask`).

    Every observation that it returns is the caller's own array: the published environment gives
    out its live state, and the first row of each of its episodes shows s = s'.
    """

    horizon = HORIZON

    def __init__(self, episodes: int) -> None:
        self.state = np.zeros((episodes, SLOTS.observation_dim))

    def reset(self, seeds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Start in U[0, 0.15]^2, each episode from its own seed [n]: observation, goal [n, 2]."""
        starts = [np.random.default_rng(int(seed)).uniform(0.0, RESET_HIGH, 2) for seed in seeds]
        self.state = np.array(starts).reshape(-1, SLOTS.observation_dim)
        return self.state.copy(), np.tile(GOAL, (len(seeds), 1))

    def step(self, action: np.ndarray) -> np.ndarray:
        """Apply actions [n, 2], clipped to [-1, 1]: the next observation [n, 2]."""
        clipped = np.clip(np.asarray(action, dtype=np.float64), -1.0, 1.0)
        self.state = true_dynamics(self.state, clipped)
        return self.state.copy()
