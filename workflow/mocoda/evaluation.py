"""Seeded rollouts of many episodes at once: one row an episode."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from mocoda.domains.base import Domain
from mocoda.seeding import seed_for

Actor = Callable[[np.ndarray, np.ndarray], np.ndarray]


def episode_seeds(domain: Domain, purpose: str, seed: int, episodes: int) -> np.ndarray:
    """Seeds of episodes that no other stage or purpose uses: uint64 [episodes]."""
    return np.array(
        [seed_for(domain.name, purpose, seed, i) for i in range(episodes)], dtype=np.uint64
    )


def evaluate_actor(
    domain: Domain, actor: Actor, seeds: np.ndarray, threads: int = 1
) -> pd.DataFrame:
    """Run one episode of the target task a seed to its horizon.

    Columns: episode_seed, return (sum of rewards), success (at the last step, as the published
    code counts), steps, and the domain's own (`Domain.describe_episodes`).
    """
    task = domain.make_task(len(seeds), threads)
    observation, goal = task.reset(seeds)
    first = observation
    total = np.zeros(len(seeds))
    reward = total
    for _ in range(domain.horizon):
        observation = task.step(actor(observation, goal))
        reward = np.asarray(domain.reward(observation, goal))
        total = total + reward
    return pd.DataFrame(
        {
            "episode_seed": seeds,
            "return": total,
            "success": np.asarray(domain.success(reward)),
            "steps": domain.horizon,
            **domain.describe_episodes(first, goal, observation),
        }
    )
