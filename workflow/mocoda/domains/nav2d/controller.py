"""The scripted reference of 2D Navigation: straight to the goal box, both axes at full speed."""

from __future__ import annotations

import numpy as np

from mocoda.domains.nav2d import task

# Each pair of rounds shrinks the error of a coupled action by (0.02 / 0.05)^2 = 0.16.
ROUNDS = 12


class GreedyController:
    """Moves each axis to `aim` with an action of at most `speed`, slowing only to land on it.

    Aimed at the centre of the goal box, it takes 19.03 steps on average from the starts of the
    target task at speed 1, and 20.02 at 0.95, the largest action in the data. That is near the
    least, not the least: aimed at 0.81, just inside the near corner, it takes 18.82.
    """

    def __init__(self, speed: float = 1.0, aim: float = float(task.GOAL[0])) -> None:
        self.speed = speed
        self.aim = aim

    def act(self, observation: np.ndarray) -> np.ndarray:
        """Actions float64 [n, 2] for observations [n, 2]."""
        wanted = self.aim - np.asarray(observation, dtype=np.float64)
        back = np.where(task.in_quadrant(observation), task.COUPLING, 0.0)
        action = np.clip(wanted / task.STEP, -self.speed, self.speed)
        # In the quadrant the other axis pulls back: push harder by what it takes, while the speed
        # allows. This converges to the one pair of actions at which neither axis wants to change.
        for _ in range(ROUNDS):
            for axis in range(2):
                needed = (wanted[:, axis] + back * action[:, 1 - axis]) / task.STEP
                action[:, axis] = np.clip(needed, -self.speed, self.speed)
        return action


def greedy_oracle(observation: np.ndarray, goal: np.ndarray) -> GreedyController:
    """The controller at full speed (see `Domain.oracle`); it needs neither start nor goal."""
    return GreedyController()
