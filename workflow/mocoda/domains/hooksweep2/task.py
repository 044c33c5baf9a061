"""The HookSweep2 task: slots, mask, goals, reward and what makes a state impossible.

Facts of the published task (`FetchHookSweepAllEnv`, two boxes, small state; MoCoDA section 5.2):
observation 16 = gripper position (3) and velocity x step (3), then position (3) and xy velocity x
step (2) of each box, in metres; achieved goal 6 = both positions; 75 steps of 40 ms.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from mocoda.domains.base import Array
from mocoda.domains.hooksweep2 import scene
from mocoda.factors import Slot, Slots

HORIZON = 75
GOAL_DIM = 6
TOLERANCE = 0.14  # metres, of each box

SLOTS = Slots(
    state=(
        Slot("gripper", tuple(range(0, 6))),
        Slot("box_1", tuple(range(6, 11))),
        Slot("box_2", tuple(range(11, 16))),
    ),
    action=(Slot("action", tuple(range(0, 4))),),
)
# Roots gripper, box_1, box_2, action; children gripper, box_1, box_2. The gripper's child depends
# on gripper and action only: over the noisy two-box oracle's states, taking the boxes away changes
# the gripper's next position by 0.000 mm in the median, 0.02 mm at the 95th percentile and 1.1 mm
# at most (0.06 mm at the 95th percentile where a box moves), against up to 33 mm of motion.
BASE_MASK = np.array([[1, 1, 1], [0, 1, 0], [0, 0, 1], [1, 1, 1]], dtype=bool)

BOX_COLUMNS = ((6, 7, 8), (11, 12, 13))
RESET_RADIUS = 0.08  # metres, half the square in which a box starts
RESET_DISTANCE = 0.1  # metres, least distance of the boxes at reset
GOAL_BASE = np.array([1.85, 0.7, 0.42, 1.85, 0.8, 0.42])
GOAL_SHIFT = 0.31  # metres along x, towards the robot or away from it
NEAR = 0.08  # metres, of a goal near the boxes along x and along y
GOAL_SPREAD = 0.1  # metres, half the square of the goals around the shift


def _sample_boxes(generator: np.random.Generator) -> np.ndarray:
    while True:
        shift = generator.uniform(-RESET_RADIUS, RESET_RADIUS, size=(2, 2))
        if np.hypot(*(shift[0] - shift[1])) > RESET_DISTANCE:
            break
    boxes = np.array(scene.TABLE_CENTRE) + shift
    # Box 1 is the one with the smaller y: the y's are swapped, the x's stay.
    boxes[:, 1].sort()
    return boxes


def sample_shifts(number: int, generator: np.random.Generator) -> np.ndarray:
    """Shifts of the goals from their base, float64 [n, 3]."""
    shift = np.zeros((number, 3))
    shift[:, :2] = generator.uniform(-GOAL_SPREAD, GOAL_SPREAD, size=(number, 2))
    shift[:, 0] += np.where(generator.random(number) < 0.5, GOAL_SHIFT, -GOAL_SHIFT)
    return shift


def sample_goals(number: int, generator: np.random.Generator) -> np.ndarray:
    """Goals of the target task, float64 [n, 6]: both boxes shifted alike."""
    return GOAL_BASE + np.tile(sample_shifts(number, generator), 2)


def goals_near(next_observation: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """The goal of the target task nearest to where both boxes of rows [n, 16] are on average, give
    or take `NEAR` along x and y (our choice), float64 [n, 6]."""
    boxes = np.asarray(next_observation, dtype=np.float64)[:, [*BOX_COLUMNS[0], *BOX_COLUMNS[1]]]
    shift = (boxes - GOAL_BASE).reshape(-1, 2, 3).mean(axis=1)[:, :2]
    shift += generator.uniform(-NEAR, NEAR, size=shift.shape)
    nearest, furthest = GOAL_SHIFT - GOAL_SPREAD, GOAL_SHIFT + GOAL_SPREAD
    away = np.where(shift[:, 0] >= 0, 1.0, -1.0)
    goals = np.zeros((len(boxes), 3))
    goals[:, 0] = away * np.clip(np.abs(shift[:, 0]), nearest, furthest)
    goals[:, 1] = np.clip(shift[:, 1], -GOAL_SPREAD, GOAL_SPREAD)
    return GOAL_BASE + np.tile(goals, 2)


def sample_starts(seeds: np.ndarray, *, one_box: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Positions of the boxes [n, 2, 2] and goals [n, 6], each row from its own seed.

    `one_box` shifts the goal of one box, drawn with probability 1/2 (the empirical task); the
    other box's goal stays at its base.
    """
    boxes = np.empty((len(seeds), 2, 2))
    goals = np.empty((len(seeds), GOAL_DIM))
    for row, seed in enumerate(seeds):
        generator = np.random.default_rng(int(seed))
        boxes[row] = _sample_boxes(generator)
        goals[row] = sample_goals(1, generator)[0]
        if one_box:
            other = int(generator.random() < 0.5)
            columns = slice(3 * other, 3 * other + 3)
            goals[row, columns] = GOAL_BASE[columns]
    return boxes, goals


def _distance(observation: Array, goal: Array, box: int) -> Array:
    """Distance [...] of a box to its goal in metres, summed in a fixed order: same bits in a
    batch as alone, in NumPy as in torch."""
    difference = [
        observation[..., column] - goal[..., 3 * box + axis]
        for axis, column in enumerate(BOX_COLUMNS[box])
    ]
    square = (difference[0] * difference[0] + difference[1] * difference[1]) + difference[
        2
    ] * difference[2]
    return torch.sqrt(square) if isinstance(square, torch.Tensor) else np.sqrt(square)


def distances(observation: Array, goal: Array) -> tuple[Array, Array]:
    """Distances [...] of box 1 and box 2 to their goals, in metres."""
    return _distance(observation, goal, 0), _distance(observation, goal, 1)


def reward_of(distance_1: Array, distance_2: Array, gripper_height: Array) -> Array:
    """r = clip(S - 1 - f + b, -1, 0), the published reward, from distances and z (metres).

    S = both distances <= 0.14; f = 0.1 sum clip(d / 0.14, 0, 1); b, while S = 0, rewards a low
    gripper with up to 0.5. So success gives [-0.2, 0] and failure [-1, -0.6].
    """
    done = (distance_1 <= TOLERANCE) & (distance_2 <= TOLERANCE)
    near = 0.1 * ((distance_1 / TOLERANCE).clip(0.0, 1.0) + (distance_2 / TOLERANCE).clip(0.0, 1.0))
    low = (0.5 - 5.0 * abs(gripper_height - 0.42)).clip(0.0, 0.5)
    success_value = (-near).clip(-1.0, 0.0)
    failure_value = (low - 1.0 - near).clip(-1.0, 0.0)
    where = torch.where if isinstance(done, torch.Tensor) else np.where
    return where(done, success_value, failure_value)


def reward(next_observation: Array, goal: Array) -> Array:
    """Reward [...] of arriving at next_observation [..., 16] for the goal [..., 6]."""
    return reward_of(*distances(next_observation, goal), next_observation[..., 2])


def terminated(reward: Array) -> Array:
    """Rows that end an episode in a data set, bool [...]: reward > -0.3 (published code)."""
    return reward > -0.3


def success(reward: Array) -> Array:
    """Success at the last step, bool [...]: |reward| < 0.3 (published code)."""
    return abs(reward) < 0.3


# Where the gripper is taken to work, metres (x, y, z). The far x is a limit of the scene (the arm
# ends near 1.66); the rest is our choice. The hook rests on the table at z = .41, but an arm that
# lapses near its own body sinks below. Of 900,000 logged rows 0.03 % lie outside; 99.8 % have x in
# .67..1.59, y in .42..1.31 and z in .39..0.84.
GRIPPER_LOW = np.array([0.5, 0.2, 0.25])
GRIPPER_HIGH = np.array([1.68, 1.5, 1.0])


def invalid_parents(observation: np.ndarray, action: np.ndarray) -> Mapping[str, np.ndarray]:
    """Rows [n, 16], [n, 4] that no episode can visit: {reason: bool [n], True where invalid}."""
    boxes = np.stack([observation[:, list(columns)] for columns in BOX_COLUMNS], axis=1)
    from_centre = np.abs(boxes[..., :2] - np.array(scene.TABLE_CENTRE))
    off_table = (from_centre > np.array(scene.TABLE_HALF_SIZE)).any(axis=(1, 2))
    rest = scene.TABLE_TOP + scene.BOX_HALF_SIZE
    off_table |= (np.abs(boxes[..., 2] - rest) > scene.BOX_HALF_SIZE).any(axis=1)
    apart = np.hypot(*(boxes[:, 0, :2] - boxes[:, 1, :2]).T)
    gripper = observation[:, :3]
    return {
        "off_table": off_table,
        # Two upright cubes overlap for sure where their centres are closer than an edge.
        "overlapping_boxes": apart < 2 * scene.BOX_HALF_SIZE,
        "action_out_of_range": (np.abs(action) > 1.0).any(axis=1),
        "gripper_out_of_range": ((gripper < GRIPPER_LOW) | (gripper > GRIPPER_HIGH)).any(axis=1),
    }


def describe_episodes(
    first_observation: np.ndarray, goal: np.ndarray, last_observation: np.ndarray
) -> dict[str, np.ndarray]:
    """Columns of the table of episodes: side of the goal, final distances in metres."""
    distance_1, distance_2 = distances(last_observation, goal)
    side = np.where(goal[:, 0] > GOAL_BASE[0], "away", "toward")
    return {"side": side, "distance_1": distance_1, "distance_2": distance_2}
