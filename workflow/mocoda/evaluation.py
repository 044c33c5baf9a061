"""Seeded rollouts of many episodes at once: one row an episode."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

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


@dataclass(frozen=True)
class Rollouts:
    """Episodes of the target task, side by side.

    observations : float64 [steps + 1, n, obs]; actions : float64 [steps, n, act]; goal [n, goal];
    rewards : float64 [steps, n], 0 after the end. lengths : int64 [n], steps until the end. Where
    `Domain.ends_at_goal`, an episode stands still once a row is terminated.
    """

    observations: np.ndarray
    actions: np.ndarray
    goal: np.ndarray
    rewards: np.ndarray
    lengths: np.ndarray

    def last(self, values: np.ndarray) -> np.ndarray:
        """The entries [n, ...] of values [steps, n, ...] at each episode's last step."""
        return values[self.lengths - 1, np.arange(len(self.lengths))]


def roll_out(
    domain: Domain,
    seeds: np.ndarray,
    make_actor: Callable[[np.ndarray, np.ndarray], Actor],
    threads: int = 1,
) -> Rollouts:
    """Run one episode of the target task a seed.

    make_actor : (first observation, goal) -> actor(observation, goal) -> action.
    """
    task = domain.make_task(len(seeds), threads)
    observation, goal = task.reset(seeds)
    actor = make_actor(observation, goal)
    alive = np.ones(len(seeds), dtype=bool)
    lengths = np.zeros(len(seeds), dtype=np.int64)
    observations, actions, rewards = [observation], [], []
    for _ in range(domain.horizon):
        action = actor(observation, goal)
        moved = task.step(action)
        observation = np.where(alive[:, None], moved, observation)
        reward = np.where(alive, np.asarray(domain.reward(moved, goal), dtype=np.float64), 0.0)
        lengths += alive
        if domain.ends_at_goal:
            alive &= ~np.asarray(domain.terminated(reward))
        observations.append(observation)
        actions.append(action)
        rewards.append(reward)
        if not alive.any():
            break
    return Rollouts(np.stack(observations), np.stack(actions), goal, np.stack(rewards), lengths)


def evaluate_actor(
    domain: Domain, actor: Actor, seeds: np.ndarray, threads: int = 1
) -> pd.DataFrame:
    """Run one episode of the target task a seed, to its end.

    Columns: episode_seed, return (sum of rewards), success (at the last step, as the published
    code counts), steps (the horizon where the goal is never reached, or ends nothing), and the
    domain's own (`Domain.describe_episodes`).
    """
    rollouts = roll_out(domain, seeds, lambda first, goal: actor, threads)
    return pd.DataFrame(
        {
            "episode_seed": seeds,
            "return": rollouts.rewards.sum(axis=0),
            "success": np.asarray(domain.success(rollouts.last(rollouts.rewards))),
            "steps": rollouts.lengths,
            **domain.describe_episodes(
                rollouts.observations[0],
                rollouts.goal,
                rollouts.last(rollouts.observations[1:]),
            ),
        }
    )
