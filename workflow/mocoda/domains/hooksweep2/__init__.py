"""HookSweep2: sweep two boxes at once with a hook, learnt from data that moves one at a time."""

from __future__ import annotations

from mocoda.domains.base import BatchedTask, Domain
from mocoda.domains.hooksweep2 import task
from mocoda.domains.hooksweep2.collection import collect
from mocoda.domains.hooksweep2.collection_settings import CollectionSettings
from mocoda.domains.hooksweep2.expert import two_box_oracle
from mocoda.domains.hooksweep2.film import film
from mocoda.domains.hooksweep2.simulator import HookSweep2Simulator


def make_task(episodes: int, threads: int) -> BatchedTask:
    """The target task (both goals shifted alike), `episodes` side by side."""
    return HookSweep2Simulator(episodes, threads)


HOOKSWEEP2 = Domain(
    name="hooksweep2",
    slots=task.SLOTS,
    goal_dim=task.GOAL_DIM,
    horizon=task.HORIZON,
    base_mask=task.BASE_MASK,
    object_positions=((6, 7), (11, 12)),
    parent_sets=(("gripper", "box_1", "action"), ("gripper", "box_2", "action")),
    rebalance_columns=(6, 7, 11, 12),
    rebalance_max_distance=0.3,
    agent_goal_columns=(0, 1, 3, 4),
    collect=collect,
    settings=CollectionSettings,
    make_task=make_task,
    sample_goals=task.sample_goals,
    goals_near=task.goals_near,
    reward=task.reward,
    terminated=task.terminated,
    success=task.success,
    invalid_parents=task.invalid_parents,
    describe_episodes=task.describe_episodes,
    oracle=two_box_oracle,
    film=film,
)
