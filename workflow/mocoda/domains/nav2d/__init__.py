"""2D Navigation: reach a corner along the diagonal, learnt from data that moves along the sides."""

from __future__ import annotations

import numpy as np

from mocoda.domains.base import BatchedTask, Domain
from mocoda.domains.nav2d import task
from mocoda.domains.nav2d.collection import Nav2DCollectionSettings, collect
from mocoda.domains.nav2d.controller import greedy_oracle
from mocoda.domains.nav2d.film import film


def make_task(episodes: int, threads: int) -> BatchedTask:
    """The target task (starts in the lower left corner), `episodes` side by side."""
    return task.Nav2DTask(episodes)


def uniform_parents(number: int, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """States [n, 2] uniform in the unit square and actions [n, 2] in [-1, 1]^2, float64."""
    return generator.uniform(0.0, 1.0, (number, 2)), generator.uniform(-1.0, 1.0, (number, 2))


NAV2D = Domain(
    name="nav2d",
    slots=task.SLOTS,
    goal_dim=task.GOAL_DIM,
    horizon=task.HORIZON,
    base_mask=task.BASE_MASK,
    object_positions=(),
    parent_sets=(("x", "move_x"), ("y", "move_y")),
    rebalance_columns=(0, 1),
    rebalance_max_distance=None,
    agent_goal_columns=(),
    collect=collect,  # type: ignore[arg-type]
    settings=Nav2DCollectionSettings,
    make_task=make_task,
    sample_goals=task.sample_goals,
    reward=task.reward,
    terminated=task.terminated,
    success=task.success,
    invalid_parents=task.invalid_parents,
    describe_episodes=task.describe_episodes,
    oracle=greedy_oracle,
    uniform_parents=uniform_parents,
    film=film,
    ends_at_goal=True,
    true_mask=task.true_mask,
    true_dynamics=task.true_dynamics,
)
