"""FetchPush of gymnasium-robotics, stepped with random actions; run by its own interpreter."""

from __future__ import annotations

import time
from collections.abc import Callable

import gymnasium
import gymnasium_robotics
import mujoco

from benchmarks.worker_protocol import serve


def make(settings: dict[str, object]) -> tuple[str, Callable[[int], float]]:
    """One environment; resets, every 50 steps, are not timed."""
    gymnasium.register_envs(gymnasium_robotics)
    environment = gymnasium.make(str(settings["environment"]))
    environment.action_space.seed(0)
    environment.reset(seed=0)
    actions = [environment.action_space.sample() for _ in range(256)]
    limit = environment.spec.max_episode_steps if environment.spec else None
    done = 0

    def seconds(repetitions: int) -> float:
        nonlocal done
        total, left = 0.0, repetitions
        while left:
            count = min(left, (limit or 50) - done)
            start = time.perf_counter()
            for step in range(count):
                environment.step(actions[step])
            total += time.perf_counter() - start
            left, done = left - count, done + count
            if done == (limit or 50):
                environment.reset()
                done = 0
        return total

    return f"mujoco {mujoco.__version__}", seconds


if __name__ == "__main__":
    serve(make)
