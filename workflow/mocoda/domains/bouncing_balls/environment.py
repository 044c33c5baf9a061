"""Bouncing balls as a gymnasium goal environment (`mocoda/BouncingBalls-v0`)."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np

from mocoda.domains.bouncing_balls import task
from mocoda.domains.bouncing_balls.film import draw


class BouncingBallsEnvironment(gymnasium.Env[Any, np.ndarray]):
    """One episode at a time; terminates in the target, truncates after 100 steps.

    Observation: Dict of `observation` [16] (x, y, vx, vy of each ball), `achieved_goal` [2] (place
    of ball_1), `desired_goal` [2], float64. Action: Box [-1, 1]^2, the force on ball_1.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": 15}  # noqa: RUF012

    def __init__(self, *, render_mode: str | None = None) -> None:
        if render_mode is not None and render_mode not in self.metadata["render_modes"]:
            raise ValueError(f"render_mode must be 'rgb_array' or None, not {render_mode!r}")
        self.render_mode = render_mode
        self.task = task.BouncingBallsTask(1)
        self.goal = np.full(task.GOAL_DIM, 0.5)
        self.steps = 0

        def unbounded(size: int) -> gymnasium.spaces.Box:
            return gymnasium.spaces.Box(-np.inf, np.inf, (size,), np.float64)

        self.observation_space = gymnasium.spaces.Dict(
            {
                "observation": unbounded(task.SLOTS.observation_dim),
                "achieved_goal": unbounded(task.GOAL_DIM),
                "desired_goal": unbounded(task.GOAL_DIM),
            }
        )
        self.action_space = gymnasium.spaces.Box(-1.0, 1.0, (2,), np.float32)

    def _observe(self, observation: np.ndarray) -> dict[str, np.ndarray]:
        places = [column for columns in task.POSITIONS[: task.PLACED] for column in columns]
        return {
            "observation": observation.copy(),
            "achieved_goal": observation[places],
            "desired_goal": self.goal.copy(),
        }

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Start an episode. With `seed`, the same start as the batched task's same seed."""
        super().reset(seed=seed)
        start = seed if seed is not None else int(self.np_random.integers(2**62))
        observation, goal = self.task.reset(np.array([start]))
        self.goal, self.steps = goal[0], 0
        return self._observe(observation[0]), {}

    def step(
        self, action: np.ndarray
    ) -> tuple[dict[str, np.ndarray], float, bool, bool, dict[str, Any]]:
        """Apply an action [2]; info holds `is_success`."""
        observation = self.task.step(np.asarray(action)[None])[0]
        self.steps += 1
        value = float(task.reward(observation, self.goal))
        placed = bool(task.terminated(value))
        truncated = not placed and self.steps >= task.HORIZON
        return self._observe(observation), value, placed, truncated, {"is_success": placed}

    def compute_reward(
        self, achieved_goal: np.ndarray, desired_goal: np.ndarray, info: Any
    ) -> np.ndarray:
        """Reward [...] for goals [..., 2]; `info` is not read."""
        achieved = np.asarray(achieved_goal)
        observation = np.zeros((*achieved.shape[:-1], task.SLOTS.observation_dim))
        for ball, columns in enumerate(task.POSITIONS[: task.PLACED]):
            observation[..., list(columns)] = achieved[..., 2 * ball : 2 * ball + 2]
        return np.asarray(task.reward(observation, np.asarray(desired_goal)))

    def render(self) -> Any:
        """An RGB frame uint8 [158, 158, 3], or None without `render_mode`."""
        if self.render_mode is None:
            return None
        return np.asarray(draw(self.task.state, self.goal[None]).convert("RGB"))
