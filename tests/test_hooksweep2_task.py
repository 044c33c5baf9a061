"""The task of HookSweep2: reward, mask and goals as published."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mocoda.domains import DOMAINS
from mocoda.domains.hooksweep2 import task

ROWS = 20_000


@pytest.fixture(scope="module")
def random_rows() -> tuple[np.ndarray, np.ndarray]:
    """Observations and goals, half of them with boxes near their goals."""
    generator = np.random.default_rng(0)
    goal = task.sample_goals(ROWS, generator)
    observation = generator.normal(size=(ROWS, 16))
    observation[:, 2] = generator.uniform(0.4, 0.6, ROWS)
    spread = np.where(generator.random((ROWS, 1)) < 0.5, 0.08, 0.3)
    observation[:, 6:9] = goal[:, :3] + spread * generator.normal(size=(ROWS, 3))
    observation[:, 11:14] = goal[:, 3:] + spread * generator.normal(size=(ROWS, 3))
    return observation, goal


def test_success_is_both_boxes_near_and_leaves_a_gap(
    random_rows: tuple[np.ndarray, np.ndarray],
) -> None:
    observation, goal = random_rows
    reward = task.reward(observation, goal)
    near = (np.linalg.norm(observation[:, 6:9] - goal[:, :3], axis=1) <= 0.14) & (
        np.linalg.norm(observation[:, 11:14] - goal[:, 3:], axis=1) <= 0.14
    )
    assert 0.05 < near.mean() < 0.95
    np.testing.assert_array_equal(task.success(reward), near)
    np.testing.assert_array_equal(task.terminated(reward), near)
    assert (reward[near] >= -0.2).all()
    assert (reward[near] <= 0.0).all()
    assert (reward[~near] <= -0.6).all()
    assert (reward[~near] >= -1.0).all()


@pytest.mark.parametrize(
    ("height", "distance", "expected"),
    [
        (0.42, 0.0, 0.0),  # success: S = 1, no bonus
        (0.42, 0.07, -0.1),  # f = 0.1 x (0.5 + 0.5)
        (0.42, 0.15, -0.7),  # -1 - 0.2 + 0.5
        (0.47, 0.15, -0.95),  # the bonus halves at 5 cm
        (0.60, 0.15, -1.0),  # clipped
    ],
)
def test_reward_by_hand(height: float, distance: float, expected: float) -> None:
    goal = task.GOAL_BASE[None]
    observation = np.zeros((1, 16))
    observation[0, 2] = height
    observation[0, 6:9], observation[0, 11:14] = goal[0, :3], goal[0, 3:]
    observation[0, [7, 12]] += distance
    assert task.reward(observation, goal)[0] == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_reward_keeps_kind_and_dtype(
    random_rows: tuple[np.ndarray, np.ndarray], dtype: type
) -> None:
    observation, goal = (part.astype(dtype) for part in random_rows)
    reward = task.reward(observation, goal)
    assert reward.dtype == dtype
    on_torch = task.reward(torch.from_numpy(observation), torch.from_numpy(goal))
    assert isinstance(on_torch, torch.Tensor)
    assert on_torch.numpy().dtype == dtype
    # torch's vectorised square root may differ in the last bit.
    np.testing.assert_allclose(on_torch.numpy(), reward, rtol=4 * np.finfo(dtype).eps, atol=0)
    assert bool((task.success(on_torch).numpy() == task.success(reward)).all())


def test_mask_and_reward_are_symmetric_in_the_boxes(
    random_rows: tuple[np.ndarray, np.ndarray],
) -> None:
    swap_roots, swap_children = [0, 2, 1, 3], [0, 2, 1]
    np.testing.assert_array_equal(task.BASE_MASK[swap_roots][:, swap_children], task.BASE_MASK)
    assert not task.BASE_MASK[1, 2]
    assert not task.BASE_MASK[2, 1]
    assert task.BASE_MASK[:, 0].tolist() == [True, False, False, True]
    observation, goal = random_rows
    columns = [*range(6), *range(11, 16), *range(6, 11)]
    swapped = task.reward(observation[:, columns], goal[:, [3, 4, 5, 0, 1, 2]])
    np.testing.assert_allclose(swapped, task.reward(observation, goal), atol=1e-12)


def test_domain_covers_every_column_once() -> None:
    domain = DOMAINS["hooksweep2"]
    columns = sorted(column for root in domain.slots.root_columns for column in root)
    assert columns == list(range(20))
    for parents in domain.parent_sets:
        assert set(parents) <= set(domain.slots.root_names)
    assert domain.agent_goal_columns == (0, 1, 3, 4)


def test_goals_move_both_boxes_alike_and_starts_follow_the_published_rules() -> None:
    goals = task.sample_goals(4000, np.random.default_rng(1)) - task.GOAL_BASE
    np.testing.assert_allclose(goals[:, :3], goals[:, 3:], atol=1e-12)
    assert ((np.abs(goals[:, 0]) >= 0.21 - 1e-12) & (np.abs(goals[:, 0]) <= 0.41 + 1e-12)).all()
    assert (np.abs(goals[:, 1]) <= 0.1 + 1e-12).all()
    assert 0.45 < (goals[:, 0] > 0).mean() < 0.55
    boxes, one = task.sample_starts(np.arange(1000), one_box=True)
    assert (boxes[:, 0, 1] <= boxes[:, 1, 1]).all()
    assert (np.abs(boxes - [1.85, 0.75]) <= 0.08).all()
    moved = np.abs(one - task.GOAL_BASE).reshape(-1, 2, 3).max(axis=2) > 0
    assert (moved.sum(axis=1) == 1).all()
    assert 0.45 < moved[:, 0].mean() < 0.55


def test_invalid_parents_names_each_reason() -> None:
    row = np.zeros(16)
    row[:3] = (1.3, 0.75, 0.45)
    row[6:9], row[11:14] = (1.8, 0.7, 0.425), (1.9, 0.8, 0.425)
    observation, action = np.tile(row, (5, 1)), np.zeros((5, 4))
    observation[1, 6] = 2.7
    observation[2, 11:13] = (1.82, 0.72)
    action[3, 1] = 1.2
    observation[4, 0] = 2.0
    reasons = task.invalid_parents(observation, action)
    names = ["off_table", "overlapping_boxes", "action_out_of_range", "gripper_out_of_range"]
    assert sorted(reasons) == sorted(names)
    for index, name in enumerate(names, start=1):
        assert np.flatnonzero(reasons[name]).tolist() == [index]
