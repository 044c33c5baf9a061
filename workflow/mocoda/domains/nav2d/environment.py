"""2D Navigation as a gymnasium environment (`mocoda/Nav2D-v0`)."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np

from mocoda.domains.nav2d import task
from mocoda.domains.nav2d.film import draw


class Nav2DEnvironment(gymnasium.Env[np.ndarray, np.ndarray]):
    """One episode at a time; terminates in the goal box, truncates after 70 steps.

    Observation: Box [2], the place (x, y), float64; nothing keeps it within the unit square.
    Action: Box [-1, 1]^2; 1 moves by 0.05.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": 15}  # noqa: RUF012

    def __init__(self, *, render_mode: str | None = None) -> None:
        if render_mode is not None and render_mode not in self.metadata["render_modes"]:
            raise ValueError(f"render_mode must be 'rgb_array' or None, not {render_mode!r}")
        self.render_mode = render_mode
        self.task = task.Nav2DTask(1)
        self.path: list[np.ndarray] = []
        self.observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (2,), np.float64)
        self.action_space = gymnasium.spaces.Box(-1.0, 1.0, (2,), np.float32)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Start an episode. With `seed`, the same start as the batched task's same seed."""
        super().reset(seed=seed)
        start = seed if seed is not None else int(self.np_random.integers(2**62))
        observation = self.task.reset(np.array([start]))[0][0]
        self.path = [observation]
        return observation.copy(), {}

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """Apply an action [2]; info holds `is_success`."""
        observation = self.task.step(np.asarray(action)[None])[0]
        self.path.append(observation)
        value = float(task.reward(observation, task.GOAL))
        reached = bool(task.terminated(value))
        truncated = not reached and len(self.path) > task.HORIZON
        return observation.copy(), value, reached, truncated, {"is_success": reached}

    def render(self) -> Any:
        """The path so far, RGB uint8 [240, 240, 3], or None without `render_mode`."""
        if self.render_mode is None:
            return None
        return np.asarray(draw([np.array(self.path)]).convert("RGB"))
