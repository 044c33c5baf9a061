"""Bouncing balls: CoDA's Spriteworld task rebuilt; graphs change with every collision."""

from __future__ import annotations

import numpy as np

from mocoda.domains.base import BatchedTask, Domain
from mocoda.domains.bouncing_balls import task
from mocoda.domains.bouncing_balls.collection import BouncingBallsCollectionSettings, collect
from mocoda.domains.bouncing_balls.collisions import SPEED_LIMIT
from mocoda.domains.bouncing_balls.film import film


def make_task(episodes: int, threads: int) -> BatchedTask:
    """The target task (Place-1), `episodes` side by side."""
    return task.BouncingBallsTask(episodes)


def uniform_parents(number: int, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """States [n, 16] of balls that do not overlap, up to speed 1, and actions [n, 2], float64."""
    states = task.sample_states(number, SPEED_LIMIT, generator)
    return states, generator.uniform(-1.0, 1.0, (number, task.SLOTS.action_dim))


BOUNCING_BALLS = Domain(
    name="bouncing_balls",
    slots=task.SLOTS,
    goal_dim=task.GOAL_DIM,
    horizon=task.HORIZON,
    base_mask=task.BASE_MASK,
    object_positions=task.POSITIONS,
    parent_sets=(("ball_1", "force"), ("ball_2",), ("ball_3",), ("ball_4",)),
    rebalance_columns=task.POSITIONS[0],
    rebalance_max_distance=None,
    agent_goal_columns=tuple(range(task.GOAL_DIM)),
    collect=collect,  # type: ignore[arg-type]
    settings=BouncingBallsCollectionSettings,
    make_task=make_task,
    sample_goals=task.sample_goals,
    reward=task.reward,
    terminated=task.terminated,
    success=task.success,
    invalid_parents=task.invalid_parents,
    describe_episodes=task.describe_episodes,
    oracle=task.placing_oracle,
    uniform_parents=uniform_parents,
    film=film,
    ends_at_goal=True,
    true_mask=task.true_mask,
    true_dynamics=task.true_dynamics,
)
