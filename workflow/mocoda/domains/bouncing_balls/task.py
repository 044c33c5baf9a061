"""Bouncing balls (CoDA's Spriteworld task, rebuilt): slots, true graph, Place-N reward, starts.

Four discs bounce in the unit square; the action is a force on the first. Place-1, the task here,
brings it to a target while the others are obstacles that move. CoDA publishes neither constants nor
code for its task; its state (16-dim), its action (2-dim) and its Place-N reward are kept. There,
the action drags the sprite at a chosen point; here it always acts on ball_1, so that the graph
depends on collisions alone (our choice). All other numbers are ours, too.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from mocoda.domains.base import Array
from mocoda.domains.bouncing_balls import collisions
from mocoda.domains.bouncing_balls.collisions import ACCELERATION, BALLS, HIGH, LOW, RADIUS
from mocoda.factors import Slot, Slots

HORIZON = 100  # steps, of 0.1 s each
PLACED = 1  # N of Place-N: how many balls are to be placed
GOAL_DIM = 2 * PLACED
TARGET_RADIUS = 0.075  # a ball is placed if its centre is nearer than this to its target
GOAL_LOW, GOAL_HIGH = 0.1, 0.9  # range of a target's coordinates
START_SPEED = 0.6  # fastest start, sides per second; velocities are uniform in this disc
# What no row of the task goes beyond: discs that collide overlap a little, since they meet between
# two substeps, and a disc that is hit can be faster than the force makes the first.
NEAREST, FASTEST = 0.07, 2.0

SLOTS = Slots(
    state=tuple(
        Slot(f"ball_{ball + 1}", tuple(range(4 * ball, 4 * ball + 4))) for ball in range(BALLS)
    ),
    action=(Slot("force", (0, 1)),),
)
BASE_MASK = collisions.BASE_MASK
POSITIONS = tuple(slot.columns[:2] for slot in SLOTS.state)


def true_dynamics(observation: np.ndarray, action: np.ndarray) -> np.ndarray:
    """Next observations [n, 16], in the dtype of the observations [n, 16]; actions [n, 2]."""
    return collisions.advance(observation, action)[0]


def true_mask(observation: np.ndarray, action: np.ndarray) -> np.ndarray:
    """The local graph of rows [n, 16], [n, 2]: bool [n, 5, 4].

    It holds at the row itself: a pair that another speed would have made collide is no edge.
    """
    return collisions.reach(collisions.advance(observation, action)[1])


def single(values: Array) -> Array:
    """The values rounded to float32, of the kind given."""
    if isinstance(values, torch.Tensor):
        return values.to(torch.float32)
    return np.asarray(values).astype(np.float32)


def place_reward(next_observation: Array, goal: Array, n: int) -> Array:
    """Place-N (CoDA, Spriteworld): 1/N for each of the first n balls that is in its target, [...].

    goal : [..., 2 n], the targets of ball_1 .. ball_n. Computed in float32 from places rounded to
    it, so that a state scores the same in a float64 rollout, in a stored float32 row, in NumPy and
    in torch.
    """
    places, targets = single(next_observation), single(goal)
    limit = float(np.float32(TARGET_RADIUS**2))
    placed: Array = 0
    for ball in range(n):
        x = places[..., 4 * ball] - targets[..., 2 * ball]
        y = places[..., 4 * ball + 1] - targets[..., 2 * ball + 1]
        inside = x * x + y * y < limit
        if isinstance(inside, torch.Tensor):
            placed = placed + inside.to(next_observation.dtype)
        else:
            placed = placed + np.asarray(inside).astype(next_observation.dtype)
    return placed / n


def reward(next_observation: Array, goal: Array) -> Array:
    """Reward [...] of arriving at [..., 16]: that of Place-N less 1, so 0 once all are placed.

    Less 1 (our choice) because the agents' values are bounded by 0 from above, as in MoCoDA; the
    episode ends when all are placed, so the fastest way is the best one either way.
    """
    return place_reward(next_observation, goal, PLACED) - 1.0


def terminated(reward: Array) -> Array:
    """Rows in which all balls that count are placed, bool [...]."""
    return reward > -0.5 / PLACED


def success(reward: Array) -> Array:
    """Success of the last step, bool [...]: as for `terminated`."""
    return terminated(reward)


def sample_goals(number: int, generator: np.random.Generator) -> np.ndarray:
    """Targets, float64 [n, 2]: uniform in [0.1, 0.9]^2."""
    return generator.uniform(GOAL_LOW, GOAL_HIGH, (number, GOAL_DIM))


def sample_states(number: int, fastest: float, generator: np.random.Generator) -> np.ndarray:
    """States float64 [n, 16] of discs that do not overlap, uniform among these.

    Velocities are uniform in the disc of radius `fastest`, sides per second.
    """
    state = np.empty((number, BALLS, 4))
    waiting = np.arange(number)
    while len(waiting):
        state[waiting, :, :2] = generator.uniform(LOW, HIGH, (len(waiting), BALLS, 2))
        near = nearest_pair(state[waiting].reshape(len(waiting), -1)) < 2.0 * RADIUS
        waiting = waiting[near]
    speed = fastest * np.sqrt(generator.random((number, BALLS)))
    angle = generator.uniform(0.0, 2.0 * np.pi, (number, BALLS))
    state[..., 2], state[..., 3] = speed * np.cos(angle), speed * np.sin(angle)
    return state.reshape(number, -1)


def nearest_pair(observation: np.ndarray) -> np.ndarray:
    """Least distance of two centres, [n], of states [n, 16]."""
    discs = observation.reshape(-1, BALLS, 4)
    first, second = (list(side) for side in zip(*collisions.PAIRS, strict=True))
    apart = discs[:, first, :2] - discs[:, second, :2]
    return np.asarray(np.sqrt((apart**2).sum(axis=2)).min(axis=1))


def fastest_ball(observation: np.ndarray) -> np.ndarray:
    """Largest speed of a ball, [n], of states [n, 16], in sides per second."""
    velocity = observation.reshape(-1, BALLS, 4)[..., 2:]
    return np.asarray(np.sqrt((velocity**2).sum(axis=2)).max(axis=1))


def invalid_parents(observation: np.ndarray, action: np.ndarray) -> Mapping[str, np.ndarray]:
    """Rows [n, 16], [n, 2] outside the task: {reason: bool [n], True where invalid}."""
    place = observation.reshape(-1, BALLS, 4)[..., :2]
    outside = (place < LOW - 1e-6) | (place > HIGH + 1e-6)
    return {
        "outside_walls": np.any(outside, axis=(1, 2)),
        "overlapping": nearest_pair(observation) < NEAREST,
        "too_fast": fastest_ball(observation) > FASTEST,
    }


def describe_episodes(
    first_observation: np.ndarray, goal: np.ndarray, last_observation: np.ndarray
) -> dict[str, np.ndarray]:
    """Columns of the table of episodes: where ball_1 starts, is to go and ends, and how far off."""
    return {
        "start_x": first_observation[:, 0],
        "start_y": first_observation[:, 1],
        "goal_x": goal[:, 0],
        "goal_y": goal[:, 1],
        "final_x": last_observation[:, 0],
        "final_y": last_observation[:, 1],
        "final_distance": np.sqrt(((last_observation[:, :2] - goal[:, :2]) ** 2).sum(axis=1)),
    }


class BouncingBallsTask:
    """Episodes of the target task, side by side in float64 (see `BatchedTask`)."""

    horizon = HORIZON

    def __init__(self, episodes: int) -> None:
        self.state = np.zeros((episodes, SLOTS.observation_dim))

    def reset(self, seeds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Start each episode from its own seed [n]: observation [n, 16], goal [n, 2]."""
        starts, goals = [], []
        for seed in seeds:
            generator = np.random.default_rng(int(seed))
            starts.append(sample_states(1, START_SPEED, generator)[0])
            goals.append(sample_goals(1, generator)[0])
        self.state = np.array(starts).reshape(-1, SLOTS.observation_dim)
        return self.state.copy(), np.array(goals).reshape(-1, GOAL_DIM)

    def step(self, action: np.ndarray) -> np.ndarray:
        """Apply actions [n, 2], clipped to [-1, 1]: the next observation [n, 16]."""
        clipped = np.clip(np.asarray(action, dtype=np.float64), -1.0, 1.0)
        self.state = true_dynamics(self.state, clipped)
        return self.state.copy()


class PlacingController:
    """Drives ball_1 to its target with a spring and a damper; the others may knock it off.

    spring : acceleration per distance, 1/s^2; damper : acceleration per speed, 1/s. Our choice: of
    those tried, these take the fewest steps, 10.9 on average.
    """

    def __init__(self, goal: np.ndarray, spring: float = 20.0, damper: float = 5.0) -> None:
        self.goal = goal[:, :2]
        self.spring = spring
        self.damper = damper

    def act(self, observation: np.ndarray) -> np.ndarray:
        """Actions float64 [n, 2] for observations [n, 16]."""
        state = np.asarray(observation, dtype=np.float64)
        wanted = self.spring * (self.goal - state[:, :2]) - self.damper * state[:, 2:4]
        return np.asarray(np.clip(wanted / ACCELERATION, -1.0, 1.0))


def placing_oracle(observation: np.ndarray, goal: np.ndarray) -> PlacingController:
    """The scripted reference (see `Domain.oracle`)."""
    return PlacingController(goal)
