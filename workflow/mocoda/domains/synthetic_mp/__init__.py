"""Synthetic Markov process, nonstationary (CoDA, appendix C.2): who moves whom depends on where.

For testing learned masks: the true graph of each row is known. `make_domain` also makes its
stationary sibling, `mocoda.domains.synthetic_mp_stationary`.
"""

from __future__ import annotations

from collections.abc import Callable

from mocoda.domains.base import BatchedTask, Collected, Domain
from mocoda.domains.synthetic_mp import task
from mocoda.domains.synthetic_mp.collection import SyntheticMPCollectionSettings, collect
from mocoda.domains.synthetic_mp.process import (
    BASE_MASK,
    FACTOR_NAMES,
    SLOTS,
    draw_process,
)


def make_domain(name: str, *, stationary: bool) -> Domain:
    """The domain of one of the two processes.

    It has no scripted reference, no film and no `uniform_parents`: starts are normal and later
    states lie near 0, which is no simple region.
    """
    process = draw_process(stationary=stationary)

    def collect_process(
        settings: SyntheticMPCollectionSettings,
        seed: int,
        threads: int,
        log: Callable[[str], None],
    ) -> Collected:
        return collect(process, name, settings, seed, log)

    def make_task(episodes: int, threads: int) -> BatchedTask:
        return task.MarkovTask(process, episodes)

    return Domain(
        name=name,
        slots=SLOTS,
        goal_dim=task.GOAL_DIM,
        horizon=task.HORIZON,
        base_mask=BASE_MASK,
        object_positions=(),
        # Every root must be in a set; the action, which is no parent of anything, has its own.
        parent_sets=(*FACTOR_NAMES, ("no_action",)),
        rebalance_columns=(),
        rebalance_max_distance=None,
        agent_goal_columns=(),
        collect=collect_process,  # type: ignore[arg-type]
        settings=SyntheticMPCollectionSettings,
        make_task=make_task,
        sample_goals=task.sample_goals,
        reward=task.reward,
        terminated=task.never,
        success=task.never,
        invalid_parents=task.invalid_parents,
        describe_episodes=task.describe_episodes,
        true_mask=process.true_mask,
        true_dynamics=process.true_dynamics,
    )


SYNTHETIC_MP = make_domain("synthetic_mp", stationary=False)
