"""HookSweep2 as a gymnasium goal environment (`mocoda/HookSweep2-v0`, `-OneBox-v0`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium
import numpy as np

from mocoda.domains.hooksweep2 import task
from mocoda.domains.hooksweep2.film import Camera
from mocoda.domains.hooksweep2.simulator import HookSweep2Simulator


class HookSweep2Environment(gymnasium.Env[Any, np.ndarray]):
    """One episode at a time; never terminates, truncates after 75 steps.

    Observation: Dict of `observation` [16], `achieved_goal` [6], `desired_goal` [6], float64.
    Action: Box [-1, 1]^4, metres / 0.05 of the gripper's target; the fourth does nothing.
    `one_box` draws goals of the empirical task: one box is to be moved, the other to stay.
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": 25}  # noqa: RUF012

    def __init__(self, *, one_box: bool = False, render_mode: str | None = None) -> None:
        if render_mode is not None and render_mode not in self.metadata["render_modes"]:
            raise ValueError(f"render_mode must be 'rgb_array' or None, not {render_mode!r}")
        self.render_mode = render_mode
        self.simulator = HookSweep2Simulator(1, one_box=one_box)
        self.goal = task.GOAL_BASE.copy()
        self.steps = 0
        self._film: Camera | None = None

        def unbounded(size: int) -> gymnasium.spaces.Box:
            return gymnasium.spaces.Box(-np.inf, np.inf, shape=(size,), dtype=np.float64)

        self.observation_space = gymnasium.spaces.Dict(
            {
                "observation": unbounded(task.SLOTS.observation_dim),
                "achieved_goal": unbounded(task.GOAL_DIM),
                "desired_goal": unbounded(task.GOAL_DIM),
            }
        )
        self.action_space = gymnasium.spaces.Box(-1.0, 1.0, shape=(4,), dtype=np.float32)

    def _observe(self, observation: np.ndarray) -> dict[str, np.ndarray]:
        columns = [*task.BOX_COLUMNS[0], *task.BOX_COLUMNS[1]]
        return {
            "observation": observation.copy(),
            "achieved_goal": observation[columns].copy(),
            "desired_goal": self.goal.copy(),
        }

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Start an episode. With `seed`, the same start as the batched simulator's same seed."""
        super().reset(seed=seed)
        start = seed if seed is not None else int(self.np_random.integers(2**62))
        observation, goal = self.simulator.reset(np.array([start]))
        self.goal = goal[0]
        self.steps = 0
        return self._observe(observation[0]), {"gripper_height": float(observation[0, 2])}

    def step(
        self, action: np.ndarray
    ) -> tuple[dict[str, np.ndarray], float, bool, bool, dict[str, Any]]:
        """Apply an action; info holds `gripper_height` (metres) and `is_success`."""
        observation = self.simulator.step(np.asarray(action)[None])[0]
        self.steps += 1
        value = task.reward(observation, self.goal)
        info = {"gripper_height": float(observation[2]), "is_success": bool(task.success(value))}
        return self._observe(observation), float(value), False, self.steps >= task.HORIZON, info

    def compute_reward(
        self,
        achieved_goal: np.ndarray,
        desired_goal: np.ndarray,
        info: Mapping[str, Any] | Sequence[Mapping[str, Any]],
    ) -> np.ndarray:
        """Reward [...] for goals [..., 6]; info (one, or one a row) gives `gripper_height`."""
        if isinstance(info, Mapping):
            height = np.asarray(info["gripper_height"], dtype=np.float64)
        else:
            height = np.array([row["gripper_height"] for row in info], dtype=np.float64)
        observation = np.zeros((*np.shape(achieved_goal)[:-1], task.SLOTS.observation_dim))
        observation[..., [*task.BOX_COLUMNS[0], *task.BOX_COLUMNS[1]]] = achieved_goal
        observation[..., 2] = height
        return np.asarray(task.reward(observation, np.asarray(desired_goal)))

    def render(self) -> Any:
        """An RGB frame uint8 [240, 320, 3], or None without `render_mode`."""
        if self.render_mode is None:
            return None
        if self._film is None:
            self._film = Camera()
        return self._film.frame(self.simulator.state[0], self.goal)

    def close(self) -> None:
        """Free the renderer."""
        if self._film is not None:
            self._film.close()
            self._film = None
