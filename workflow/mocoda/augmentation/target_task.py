"""Rows of the target task itself, by the domain's scripted oracle with noise.

A ceiling, no method: what the same agent reaches with real rows where MoCoDA has a model's (our
addition). The noise is that of the logged data of HookSweep2.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from mocoda.augmentation.base import AugmentationVariant, Generated, Ingredients, given, join
from mocoda.domains.base import Domain
from mocoda.seeding import numpy_generator, seed_for
from mocoda.transitions import Provenance

EPISODES_A_BATCH = 256


class TargetTaskSettings(BaseModel):
    """How noisy the oracle is, and where its episodes are cut."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    action_noise: float = Field(
        0.15,
        ge=0.0,
        le=1.0,
        description="Standard deviation of the noise on each action component, in units of the "
        "action's range [-1, 1] (our choice).",
    )
    random_actions: float = Field(
        0.1,
        ge=0.0,
        le=1.0,
        description="Share of steps whose action is uniform in [-1, 1] (our choice).",
    )
    hold_steps: int = Field(
        15,
        ge=1,
        description="Steps in a row with success after which an episode is cut (our choice).",
    )


def generate(
    settings: TargetTaskSettings, ingredients: Ingredients, rows: int, names: tuple[Any, ...]
) -> Generated:
    """Whole episodes one batch after the other; the last is cut to make `rows` rows."""
    parts: list[Generated] = []
    missing = rows
    while missing > 0:
        part = episodes(settings, ingredients.domain, (*names, "batch", len(parts)))
        parts.append(part.take(slice(0, missing)))
        missing -= len(parts[-1].observation)
    return join(parts)


def episodes(settings: TargetTaskSettings, domain: Domain, names: tuple[Any, ...]) -> Generated:
    """The rows of `EPISODES_A_BATCH` episodes, episode after episode."""
    generator = numpy_generator(*names, "noise")
    task = domain.make_task(EPISODES_A_BATCH, 1)
    seeds = [seed_for(*names, "start", number) for number in range(EPISODES_A_BATCH)]
    observation, goal = task.reset(np.array(seeds, dtype=np.uint64))
    oracle = given(domain.oracle, "oracle")(observation, goal)
    alive = np.ones(EPISODES_A_BATCH, dtype=bool)
    held = np.zeros(EPISODES_A_BATCH, dtype=np.int64)
    path, moves, lived = [observation], [], []
    for _ in range(domain.horizon):
        action = np.asarray(oracle.act(observation), dtype=np.float64)
        action = action + settings.action_noise * generator.standard_normal(action.shape)
        uniform = generator.uniform(-1.0, 1.0, action.shape)
        at_random = generator.random((len(action), 1)) < settings.random_actions
        action = np.clip(np.where(at_random, uniform, action), -1.0, 1.0)
        observation = task.step(action)
        path.append(observation)
        moves.append(action)
        lived.append(alive.copy())
        reward = np.asarray(domain.reward(observation, goal))
        held = np.where(np.asarray(domain.success(reward)), held + 1, 0)
        alive &= held < (1 if domain.ends_at_goal else settings.hold_steps)
        if not alive.any():
            break
    number, step = np.nonzero(np.stack(lived, axis=1))
    states = np.stack(path).astype(np.float32)
    return Generated(
        observation=states[step, number],
        action=np.stack(moves)[step, number].astype(np.float32),
        next_observation=states[step + 1, number],
        counts={"episodes": EPISODES_A_BATCH},
    )


def refuses(domain: Domain) -> str:
    """Why there is nobody to act, or ""."""
    return "" if domain.oracle is not None else f"'{domain.name}' has no scripted `oracle`"


VARIANT = AugmentationVariant(
    TargetTaskSettings, (), generate, provenance=Provenance.REAL, refuses=refuses
)
