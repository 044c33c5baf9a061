"""Rows of the target task itself, by the domain's scripted oracle with noise.

A ceiling, no method: what the same agent reaches with real rows where MoCoDA has a model's (our
addition). The noise is that of the logged data of HookSweep2. Like all generated rows they are then
labelled with goals drawn anew, not with those that the oracle acted for.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from mocoda.augmentation.base import AugmentationVariant, Generated, Ingredients, given, join
from mocoda.behaviour_noise import noisy
from mocoda.domains.base import Domain
from mocoda.evaluation import Actor, roll_out
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
        description="Steps in a row with success after which an episode is cut, where the task "
        "goes on at the goal (our choice).",
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
    oracle = given(domain.oracle, "oracle")
    generator = numpy_generator(*names, "noise")
    seeds = [seed_for(*names, "start", number) for number in range(EPISODES_A_BATCH)]

    def behaviour(first: np.ndarray, goal: np.ndarray) -> Actor:
        acting = oracle(first, goal).act
        return lambda observation, goal: noisy(
            np.asarray(acting(observation)),
            settings.action_noise,
            settings.random_actions,
            generator,
        )

    rollouts = roll_out(domain, np.array(seeds, dtype=np.uint64), behaviour)
    lengths = rollouts.lengths
    if not domain.ends_at_goal:
        success = np.asarray(domain.success(rollouts.rewards))
        lengths = cut_where_held(success, lengths, settings.hold_steps)
    number, step = np.nonzero(np.arange(len(rollouts.actions)) < lengths[:, None])
    states = rollouts.observations.astype(np.float32)
    return Generated(
        observation=states[step, number],
        action=rollouts.actions[step, number].astype(np.float32),
        next_observation=states[step + 1, number],
        counts={"episodes": EPISODES_A_BATCH},
    )


def cut_where_held(success: np.ndarray, lengths: np.ndarray, hold_steps: int) -> np.ndarray:
    """Steps of each episode, int64 [n], up to its first `hold_steps` successes in a row.

    success : bool [steps, n]. lengths : int64 [n], for episodes without so many.
    """
    held = np.zeros(len(lengths), dtype=np.int64)
    cut = lengths.copy()
    for step, good in enumerate(success):
        held = np.where(good, held + 1, 0)
        cut = np.where(held >= hold_steps, np.minimum(cut, step + 1), cut)
    return cut


def refuses(domain: Domain) -> str:
    """Why there is nobody to act, or ""."""
    return "" if domain.oracle is not None else f"'{domain.name}' has no scripted `oracle`"


VARIANT = AugmentationVariant(
    TargetTaskSettings, (), generate, provenance=Provenance.REAL, refuses=refuses
)
