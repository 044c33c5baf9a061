"""Rows, rules and settings that the tests of the stages share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import yaml

from mocoda.domains import DOMAINS
from mocoda.seeding import numpy_generator
from mocoda.transitions import Provenance, Transitions

REPOSITORY = Path(__file__).parent.parent
DOMAIN = DOMAINS["hooksweep2"]
OBSERVATION, ACTION = DOMAIN.slots.observation_dim, DOMAIN.slots.action_dim
WIDTHS = {
    "observation": OBSERVATION,
    "next_observation": OBSERVATION,
    "action": ACTION,
    "goal": DOMAIN.goal_dim,
}


def shipped_config() -> dict[str, Any]:
    """`config.yaml` as it is shipped."""
    raw: dict[str, Any] = yaml.safe_load((REPOSITORY / "config.yaml").read_text())
    return raw


def logged_rows(count: int, name: object = "rows", episode_length: int = 10) -> Transitions:
    """Valid rows: random walks of whole episodes (the last may be cut), rewards of the domain."""
    generator = numpy_generator("logged", name)
    episodes = -(-count // episode_length)
    steps = 0.005 * generator.standard_normal((episodes, episode_length + 1, OBSERVATION))
    start = np.zeros(OBSERVATION)
    start[[0, 1, 2]], start[[6, 7, 8]], start[[11, 12, 13]] = (
        (1.3, 0.75, 0.45),
        (1.8, 0.65, 0.425),
        (1.9, 0.85, 0.425),
    )
    path = (start + steps.cumsum(axis=1)).astype(np.float32)
    before, after = (p.reshape(-1, OBSERVATION)[:count] for p in (path[:, :-1], path[:, 1:]))
    goal = DOMAIN.sample_goals(count, generator).astype(np.float32)
    reward = np.asarray(DOMAIN.reward(after, goal), dtype=np.float32)
    number = np.arange(episodes * episode_length)[:count]
    return Transitions(
        observation=before,
        action=generator.uniform(-1, 1, (count, ACTION)).astype(np.float32),
        next_observation=after,
        goal=goal,
        reward=reward,
        terminated=np.asarray(DOMAIN.terminated(reward)),
        truncated=number % episode_length == episode_length - 1,
        episode=(number // episode_length).astype(np.int64),
        step=(number % episode_length).astype(np.int32),
        provenance=np.full(count, Provenance.REAL, dtype=np.uint8),
    )
