"""The synthetic Markov process as a task: it only runs. No goal, no reward, no end before step 10.

The framework's rows have a goal and a reward, so these are constants here (our choice).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from mocoda.domains.base import Array
from mocoda.domains.synthetic_mp.process import STATE_DIM, MarkovProcess, factor_norms

HORIZON = 10  # steps of a sequence (published code)
GOAL_DIM = 1
LARGEST_PARENT = 6.0  # starts are standard normal, and what follows them is nearer to 0


def reward(next_observation: Array, goal: Array) -> Array:
    """Reward [...] of arriving at [..., 9]: -1 everywhere, in the dtype of the observation."""
    shape = next_observation.shape[:-1]
    if isinstance(next_observation, torch.Tensor):
        return torch.full(shape, -1.0, dtype=next_observation.dtype, device=next_observation.device)
    return np.full(shape, -1.0, dtype=next_observation.dtype)


def never(reward: Array) -> Array:
    """Rows that end an episode or succeed, bool [...]: none, there is no goal to reach."""
    return reward > 0.0


def sample_goals(number: int, generator: np.random.Generator) -> np.ndarray:
    """Goals float64 [n, 1]: zeros, there is none."""
    return np.zeros((number, GOAL_DIM))


def invalid_parents(observation: np.ndarray, action: np.ndarray) -> Mapping[str, np.ndarray]:
    """Rows [n, 9], [n, 1] that the process cannot show: {reason: bool [n], True where invalid}.

    Any state has a successor; only those more than 6 standard deviations of the start away from 0
    are refused (our choice).
    """
    return {"beyond_6_deviations": np.any(np.abs(observation) > LARGEST_PARENT, axis=1)}


def describe_episodes(
    first_observation: np.ndarray, goal: np.ndarray, last_observation: np.ndarray
) -> dict[str, np.ndarray]:
    """Columns of the table of episodes: the norm of each factor at the start and at the end."""
    columns = {}
    for when, observation in (("start", first_observation), ("final", last_observation)):
        for name, norms in zip("abc", factor_norms(observation).T, strict=True):
            columns[f"{when}_norm_{name}"] = norms
    return columns


class MarkovTask:
    """Sequences of a process side by side in float64 (see `BatchedTask`); actions do nothing.

    Every observation that it returns is the caller's own array.
    """

    horizon = HORIZON

    def __init__(self, process: MarkovProcess, episodes: int) -> None:
        self.process = process
        self.state = np.zeros((episodes, STATE_DIM))

    def reset(self, seeds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Start from N(0, I), each sequence from its own seed [n]: observation [n, 9], goal."""
        starts = [np.random.default_rng(int(seed)).standard_normal(STATE_DIM) for seed in seeds]
        self.state = np.array(starts).reshape(-1, STATE_DIM)
        return self.state.copy(), np.zeros((len(seeds), GOAL_DIM))

    def step(self, action: np.ndarray) -> np.ndarray:
        """Apply actions [n, 1], which change nothing: the next observation [n, 9]."""
        self.state = self.process.true_dynamics(self.state, action)
        return self.state.copy()
