"""Episodes as a vectorised rollout records them, and the rows of them that were used."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from mocoda.transitions import Provenance, Transitions

# Of values [n]: rewards to flags, as a domain says.
Flags = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Recorded:
    """n episodes: observations [n, horizon + 1, obs], actions [n, horizon, act], goals [n, goal],
    all float32, of which episode i uses the first `length[i]` steps."""

    observations: np.ndarray
    actions: np.ndarray
    goals: np.ndarray
    length: np.ndarray

    def rows(
        self,
        reward: Callable[[np.ndarray, np.ndarray], np.ndarray],
        terminated: Flags,
        first_episode: int,
    ) -> Transitions:
        """The rows that were used, episode by episode; the reward is that of the stored numbers.

        reward : (next observations [m, obs], goals [m, goal]) -> [m]. The last row of an episode
        is `truncated` unless it is `terminated`.
        """
        used = np.arange(self.actions.shape[1]) < self.length[:, None]
        episode, step = np.nonzero(used)
        next_observation = self.observations[episode, step + 1]
        goal = self.goals[episode]
        rewards = reward(next_observation, goal)
        ended = terminated(rewards)
        return Transitions(
            observation=self.observations[episode, step],
            action=self.actions[episode, step],
            next_observation=next_observation,
            goal=goal,
            reward=rewards,
            terminated=ended,
            truncated=(step == self.length[episode] - 1) & ~ended,
            episode=episode + first_episode,
            step=step.astype(np.int32),
            provenance=np.full(len(step), Provenance.REAL, dtype=np.uint8),
        )
