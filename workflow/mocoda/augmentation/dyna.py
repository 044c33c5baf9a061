"""DYNA: short rollouts of the model from logged states, with random actions (MoCoDA, section 5)."""

from __future__ import annotations

from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from mocoda.augmentation.base import AugmentationVariant, Generated, Ingredients, given
from mocoda.seeding import numpy_generator
from mocoda.transitions import Transitions


class DynaSettings(BaseModel):
    """How far the model is rolled out."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rollout_length: int = Field(
        5, ge=1, description="Steps a rollout, each a generated row (published code: 5)."
    )


def generate(
    settings: DynaSettings, ingredients: Ingredients, rows: int, names: tuple[Any, ...]
) -> Generated:
    """Whole rollouts one after the other, step by step; the last is cut to make `rows` rows.

    Starts are drawn uniformly from the logged states, actions uniformly from [-1, 1] (published
    code). A predicted state is the next step's state as it is, wherever it lies.
    """
    logged: Transitions = given(ingredients.transitions, "transitions")
    slots = ingredients.domain.slots
    steps = settings.rollout_length
    rollouts = -(-rows // steps)
    generator = numpy_generator(*names, "rollouts")
    state = logged.observation[generator.integers(0, len(logged), rollouts)]
    action = generator.uniform(-1.0, 1.0, (rollouts, steps, slots.action_dim)).astype(np.float32)
    path = np.empty((rollouts, steps + 1, slots.observation_dim), dtype=np.float32)
    path[:, 0] = state
    for step in range(steps):
        path[:, step + 1] = ingredients.children(
            path[:, step], action[:, step], (*names, "step", step)
        )
    return Generated(
        observation=path[:, :-1].reshape(-1, slots.observation_dim)[:rows],
        action=action.reshape(-1, slots.action_dim)[:rows],
        next_observation=path[:, 1:].reshape(-1, slots.observation_dim)[:rows],
        counts={"proposed": rows, "accepted": rows, "rollouts": rollouts},
    )


VARIANT = AugmentationVariant(DynaSettings, ("transitions", "mask", "dynamics"), generate)
